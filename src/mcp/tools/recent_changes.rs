//! `recent_changes`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::{Error, Filter, NotLive, Subject, Target};
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
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The newest first.
    changes: Vec<Row>,
    /// Whether there are older ones that fit and are left out.
    more: bool,
    /// Whether the audit trail is as it was written.
    trail: Trail,
    /// What was found, where it is not whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<String>,
}

/// Whether the audit trail is as it was written: `whole`: nothing is missing or changed;
/// `as_far_as_seen`: the same of what can be seen; `broken`: something was removed, reordered or
/// edited, tell the person; `not_verified`: it grows too fast to be looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Trail {
    /// Nothing is missing or changed.
    Whole,
    /// The same of what can be seen.
    AsFarAsSeen,
    /// Something was removed, reordered or edited.
    Broken,
    /// It could not be looked at.
    NotVerified,
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
        first: who did what, when and through what, and whether the audit trail is whole; never a \
        value. Use it to find out who supplied, changed or deleted a secret before you ask a \
        person, e.g. when an integration has stopped working. Tell the person where the trail is \
        broken.";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Output;

    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Output>, Failure> {
        let filter = filter(&input)?;
        let (trail, events, findings) = match call.caller.trail().await {
            Ok(trail) => {
                let findings = trail.verify(&[]);
                let events = trail.all().into_iter().cloned().collect();
                (verdict(&findings), events, findings)
            }
            Err(Error::NotLive(NotLive::TrailGrows(_))) => {
                let events = call.caller.audit_events(false).await?.into_iter();
                (Trail::NotVerified, events.map(|event| event.spec).collect(), Vec::new())
            }
            Err(error) => return Err(error.into()),
        };
        let events: Vec<KlivAuditEventSpec> = events;
        let limit = input.limit.unwrap_or(FEW).clamp(1, MOST);
        let (changes, more) = newest(&events, &filter, limit);
        // They speak of events by their number alone.
        let findings = findings.iter().take(FOUND).map(Finding::to_string).collect();
        Ok(Outcome::Done(Output { changes, more, trail, findings }))
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

fn verdict(findings: &[Finding]) -> Trail {
    match Verdict::of(findings) {
        Verdict::Whole => Trail::Whole,
        Verdict::AsFarAsSeen => Trail::AsFarAsSeen,
        Verdict::Broken => Trail::Broken,
    }
}

/// So many of the newest, and whether there are more.
fn newest(events: &[KlivAuditEventSpec], filter: &Filter, limit: usize) -> (Vec<Row>, bool) {
    let mut wanted = events.iter().rev().filter(|event| filter.wants(event));
    let rows = wanted.by_ref().take(limit).map(row).collect();
    (rows, wanted.next().is_some())
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
    fn the_newest_come_first_and_that_there_are_more_is_said() {
        let events: Vec<_> = (0..5).map(|n| event(&format!("s{}", n % 2), n, None)).collect();
        let times = |filter: &Filter, limit| {
            let (rows, more) = newest(&events, filter, limit);
            (rows.iter().map(|row| row.time[17..19].to_owned()).collect::<Vec<_>>(), more)
        };
        let all = Filter::default();
        assert_eq!(times(&all, 2), (vec!["04".into(), "03".into()], true));
        assert_eq!(times(&all, 5).0.len(), 5);
        let input = json!({ "since": "1970-01-01T00:00:01Z", "name": "S1" });
        let filter = filter(&serde_json::from_value(input).unwrap()).unwrap();
        assert_eq!(times(&filter, 5), (vec!["03".into(), "01".into()], false));
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
