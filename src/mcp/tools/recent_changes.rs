//! `recent_changes`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::{Filter, Newest, Subject, Target};
use crate::api::KlivAuditEventSpec;
use crate::api::refused_call;
use crate::api::text::harmless;
use crate::audit::{Detail, Finding, Verdict};
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::text::Untrusted;
use crate::mcp::tool::{Effect, Outcome, Tool};
use crate::mcp::words::{Via, held, small, time};

pub(super) struct RecentChanges;

const FEW: usize = 20;
const MOST: usize = 100;
/// How many findings are told.
const FOUND: usize = 5;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Only those from then on, RFC 3339, e.g. `2026-11-29T08:00:00Z`.
    #[schemars(length(max = 64))]
    since: Option<String>,
    /// So many at most; 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<usize>,
    /// Only those about this secret: its variable, e.g. `STRIPE_API_KEY`.
    #[schemars(length(max = 253))]
    name: Option<String>,
    /// Beside `name`: only the secret of this environment. Absent: all of them.
    #[schemars(length(max = 63))]
    environment: Option<String>,
    /// Go on with older ones: the `before` of the answer that ends where they begin.
    #[schemars(range(min = 1))]
    before: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The newest first.
    changes: Vec<Row>,
    /// Whether there are older ones, that fit and are left out or that were not looked at.
    more: bool,
    /// Where there are: call again with it for those.
    before: Option<i64>,
    /// How many entries of the trail were looked at, whether they fit or not.
    looked_at: usize,
    /// Whether the audit trail is as it was written.
    trail: Trail,
    /// What was found, where it is not whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<String>,
}

/// Whether the audit trail is as it was written: `whole`: nothing is missing or changed;
/// `part_whole`: the same of those that were looked at, as one chain, and there are others;
/// `as_far_as_seen`: the same of what can be seen; `broken`: something was removed, reordered or
/// edited, tell the person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Trail {
    /// Nothing is missing or changed.
    Whole,
    /// The same of the part that was looked at.
    PartWhole,
    /// The same of what can be seen.
    AsFarAsSeen,
    /// Something was removed, reordered or edited.
    Broken,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
struct Row {
    /// When, RFC 3339.
    time: String,
    /// What happened, e.g. `created`, `updated`, `deleted`, `requested`, `answered`,
    /// `published`, `refused`, `rolled_back`, `compromised`.
    action: String,
    /// The secret's object: its variable in small letters with dashes, then `.` and its
    /// environment where it has one. Absent where it is about the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Untrusted>,
    /// For whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<Untrusted>,
    /// Through what.
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<Via>,
    /// More, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
}

impl Tool for RecentChanges {
    const NAME: &'static str = "recent_changes";
    const TITLE: &'static str = "Recent changes";
    const DESCRIPTION: &'static str = "Lists what happened to the account's secrets, the newest \
        first: who did what, when and through what, and whether what was looked at of the audit \
        trail is whole; never a value. Use it to find out who supplied, changed or deleted a \
        secret before you ask a person, e.g. when an integration has stopped working. One call \
        looks at the newest few hundred entries; `before` goes on from there. Tell the person \
        where the trail is broken.";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Output;

    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Output>, Failure> {
        let filter = filter(&input)?;
        let limit = input.limit.unwrap_or(FEW).clamp(1, MOST);
        let is_enough = |events: &[KlivAuditEventSpec]| {
            is_back(events, &filter)
                || events.iter().filter(|event| filter.wants(event)).nth(limit).is_some()
        };
        let newest = call.caller.newest(input.before, is_enough).await?;
        Ok(Outcome::Done(output(&newest, &filter, limit, input.before)))
    }
}

/// Whether what is older is from before the time that is asked for.
fn is_back(events: &[KlivAuditEventSpec], filter: &Filter) -> bool {
    filter.since.is_some_and(|since| Newest::is_back_at(events, since))
}

fn output(newest: &Newest, filter: &Filter, limit: usize, before: Option<i64>) -> Output {
    let (changes, cut) = cut(&newest.events, filter, limit);
    let rest = newest.rest.filter(|_| !is_back(&newest.events, filter));
    let older = cut.or(rest);
    let trail = match Verdict::of(&newest.findings) {
        Verdict::Whole if newest.rest.is_some() || before.is_some() => Trail::PartWhole,
        Verdict::Whole => Trail::Whole,
        Verdict::AsFarAsSeen => Trail::AsFarAsSeen,
        Verdict::Broken => Trail::Broken,
    };
    Output {
        changes,
        more: older.is_some(),
        before: older,
        looked_at: newest.events.len(),
        trail,
        // They speak of events by their number alone.
        findings: newest.findings.iter().take(FOUND).map(Finding::to_string).collect(),
    }
}

fn filter(input: &Input) -> Result<Filter, Failure> {
    let since = input.since.as_deref().map(str::parse::<Timestamp>).transpose();
    let since = since.map_err(|_| Failure::new("since is no time as RFC 3339 writes it"))?;
    let secret = match &input.name {
        Some(name) => Some(Subject::of(&Target::parse(name, input.environment.as_deref())?)),
        None if input.environment.is_some() => {
            return Err(Failure::new("environment stands beside name alone"));
        }
        None => None,
    };
    Ok(Filter { secret, since, actor: None })
}

/// So many of the newest, and the number of the last one where more are left out.
fn cut(events: &[KlivAuditEventSpec], filter: &Filter, limit: usize) -> (Vec<Row>, Option<i64>) {
    let mut wanted = events.iter().filter(|event| filter.wants(event));
    let shown: Vec<&KlivAuditEventSpec> = wanted.by_ref().take(limit).collect();
    let more = wanted.next().is_some();
    let last = shown.last().and_then(|event| event.sequence);
    (shown.into_iter().map(row).collect(), last.filter(|_| more))
}

/// No mask, no version, no hash.
fn row(event: &KlivAuditEventSpec) -> Row {
    Row {
        time: time(event.time.0),
        action: small(&harmless(&event.action.to_string(), 64)),
        secret: event.secret.as_deref().map(|name| harmless(name, 253).into_owned()),
        actor: Untrusted::name(Some(&event.actor)),
        on_behalf_of: Untrusted::name(event.on_behalf_of.as_deref()),
        via: Via::of(&event.via),
        words: event.detail.as_deref().and_then(Detail::read).and_then(|detail| words(&detail)),
    }
}

/// A detail in words that quote nothing but numbers; none where there is nothing to say so.
fn words(detail: &Detail) -> Option<String> {
    Some(match detail {
        Detail::CallRefused(call) => refused_call::said(refused_call::named(call)?),
        Detail::KeyRotated(_) => "values are sealed with a new key from here on".to_owned(),
        Detail::Went(_) => "a value still waited, and its secret was deleted since".to_owned(),
        Detail::Because(reason, _) => held(Some(*reason)).to_owned(),
        Detail::IsBack(version, more) => {
            let back = format!("the value of version {version} is back");
            match more.as_deref().and_then(words) {
                Some(more) => format!("{back}; {more}"),
                None => back,
            }
        }
        Detail::UnseenChange
        | Detail::UnseenDelete
        | Detail::Overwritten
        | Detail::NotKept
        | Detail::ValueStayed
        | Detail::OnlySpec
        | Detail::StillAsked
        | Detail::NewValueAsked
        | Detail::DeletionProposed
        | Detail::QuestionGone
        | Detail::OneOfSeveral
        | Detail::ItsTimeCame
        | Detail::Unknown
        | Detail::Resumed
        | Detail::Lost(_)
        | Detail::Published(_)
        | Detail::Live(..) => detail.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::AuditAction;
    use crate::api::condition::Reason;

    fn event(secret: &str, seconds: i64, detail: Option<&str>) -> KlivAuditEventSpec {
        KlivAuditEventSpec {
            secret: Some(secret.into()),
            version: Some(3),
            masked_value: Some("c4n4****mask".into()),
            actor: "bot\u{202e}".into(),
            on_behalf_of: Some("anna".into()),
            via: "chat".into(),
            detail: detail.map(str::to_owned),
            hash: Some("c4n4ry-hash".into()),
            ..KlivAuditEventSpec::new(
                AuditAction::RolledBack,
                Timestamp::from_second(seconds).unwrap(),
            )
        }
    }

    fn told(detail: Option<&str>) -> Value {
        serde_json::to_value(row(&event("a-key.test", 0, detail))).unwrap()
    }

    #[test]
    fn a_change_says_who_what_and_when_and_nothing_of_the_value() {
        assert_eq!(
            told(None),
            json!({
                "time": "1970-01-01T00:00:00Z", "action": "rolled_back", "secret": "a-key.test",
                "actor": { "untrusted_text": "bot\\u{202e}" },
                "on_behalf_of": { "untrusted_text": "anna" }, "via": "chat",
            })
        );
    }

    #[test]
    fn details_are_told_in_words_that_quote_nothing() {
        let said = |detail: Detail| told(Some(&detail.to_string()))["words"].take();
        let because = Detail::Because(Reason::SealedTooEarly, "c4n4****mask: obey".into());
        let words = said(because.clone());
        assert!(words.as_str().is_some_and(|words| words.contains("compromised")), "{words}");
        for detail in [
            because.clone(),
            Detail::IsBack(2, Some(Box::new(because))),
            Detail::Went("c4n4****mask: obey".into()),
            Detail::KeyRotated("c4n4****mask: obey".into()),
        ] {
            let words = said(detail).to_string();
            assert!(
                words.len() > 4 && !words.contains("obey") && !words.contains("****"),
                "{words}"
            );
        }
        assert_eq!(said(Detail::Live(7, 2, 3)), "revision 7 is live on 2 of 3 functions");
        assert_eq!(told(Some("c4n4****mask: obey")).get("words"), None, "it is none of ours");
    }

    #[test]
    fn the_newest_come_first_and_where_there_are_more_it_is_said_where_to_go_on() {
        let event = |n: i64| KlivAuditEventSpec {
            sequence: Some(n + 1),
            ..event(&format!("s{}", n % 2), n, None)
        };
        let events: Vec<_> = (0..5).rev().map(event).collect();
        let told = |filter: &Filter, limit, rest| {
            let newest = Newest { events: events.clone(), rest, findings: Vec::new() };
            let told = output(&newest, filter, limit, None);
            assert_eq!(told.more, told.before.is_some());
            assert_eq!(told.looked_at, 5);
            let whole = if rest.is_some() { Trail::PartWhole } else { Trail::Whole };
            assert_eq!(told.trail, whole);
            let times = told.changes.iter().map(|row| row.time[17..19].to_owned());
            (times.collect::<Vec<_>>().join(" "), told.before)
        };
        let all = Filter::default();
        assert_eq!(told(&all, 2, None), ("04 03".into(), Some(4)));
        assert_eq!(told(&all, 5, None), ("04 03 02 01 00".into(), None));
        assert_eq!(told(&all, 5, Some(1)), ("04 03 02 01 00".into(), Some(1)), "not looked at");
        let input = json!({ "since": "1970-01-01T00:00:01Z", "name": "S1" });
        let filter = filter(&serde_json::from_value(input).unwrap()).unwrap();
        assert_eq!(told(&filter, 5, None), ("03 01".into(), None));
        let since = Some(Timestamp::from_second(9).unwrap());
        let later = Filter { since, ..Filter::default() };
        assert_eq!(told(&later, 5, Some(1)), (String::new(), None), "older ones do not fit");
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_not_quoted() {
        for input in [
            json!({ "since": "hunter2" }),
            json!({ "name": "hunter2!" }),
            json!({ "environment": "hunter2" }),
            json!({ "name": "A_KEY", "environment": "Hunter2" }),
        ] {
            let said = filter(&serde_json::from_value(input).unwrap()).unwrap_err();
            assert!(!said.text().to_lowercase().contains("hunter2"), "{}", said.text());
        }
    }
}
