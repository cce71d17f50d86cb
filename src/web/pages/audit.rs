//! The audit trail: who did what and when, whether the chain is whole, and a copy to keep.

use std::str::FromStr;

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::header;
use axum::response::IntoResponse;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::super::frame::{Frame, Page, Problem, Section};
use super::super::shown;
use super::super::visit::Visit;
use super::super::words::Language;
use super::super::words::audit::{ACTIONS, Audit as Words};
use super::super::words::state::Tone;
use super::super::words::time::Moment;
use crate::account::{Filter, Subject, Target, Trail};
use crate::api::{AuditAction, KlivAuditEventSpec};
use crate::audit::{Finding, Verdict};

/// How many events a page shows.
const PAGE: usize = 100;

#[derive(Template)]
#[template(path = "audit.html")]
pub(crate) struct AuditPage {
    frame: Frame,
    account: String,
    asked: Asked,
    /// Whether something of the filter can't be understood.
    is_odd: bool,
    chain: Chain,
    events: Vec<Row>,
    /// Where older events begin.
    older: Option<i64>,
}

/// The filter and the place, as they stand in the address.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    secret: String,
    actor: String,
    action: String,
    since: String,
    before: String,
}

/// What the look at the chain showed.
struct Chain {
    tone: Tone,
    says: String,
    findings: Vec<String>,
    head: Option<(i64, String)>,
    is_compared_elsewhere: bool,
}

/// One event.
struct Row {
    sequence: i64,
    when: Moment,
    action: String,
    tone: Tone,
    secret: Option<String>,
    version: Option<i64>,
    mask: Option<String>,
    who: String,
    detail: Option<String>,
    /// Whether the detail stands as it was recorded, in English.
    is_recorded: bool,
}

/// What the events are to be.
struct Wanted {
    filter: Filter,
    action: Option<AuditAction>,
    before: Option<i64>,
    is_odd: bool,
}

pub(crate) async fn page(
    visit: Visit,
    Path(account): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Page<AuditPage>, Problem> {
    let caller = visit.caller(&account)?;
    let trail = caller.trail().await?;
    let frame = visit.frame(Section::Audit, Some(&caller));
    let wanted = Wanted::of(&asked);
    let (events, older) = events(&frame, &trail, &wanted, PAGE);
    let chain = chain(&trail, frame.t.language);
    Ok(Page(AuditPage { frame, account, is_odd: wanted.is_odd, chain, events, older, asked }))
}

impl AuditPage {
    fn t(&self) -> &'static Words {
        &self.frame.t.audit
    }

    /// The actions to choose from: name, words, and whether it is chosen.
    fn actions(&self) -> Vec<(String, String, bool)> {
        let option = |action: &AuditAction| {
            let name = action.to_string();
            let is_chosen = name == self.asked.action;
            (name, self.t().action(action), is_chosen)
        };
        ACTIONS.iter().map(option).collect()
    }
}

impl Asked {
    fn is_filtered(&self) -> bool {
        [&self.secret, &self.actor, &self.action, &self.since].iter().any(|text| !text.is_empty())
    }
}

impl Wanted {
    fn of(asked: &Asked) -> Self {
        let filled =
            |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        let secret = filled(&asked.secret);
        let subject =
            secret.as_ref().map(|name| Target::parse(name, None).map(|t| Subject::of(&t)));
        let since = filled(&asked.since).map(|text| since(&text));
        let action = filled(&asked.action);
        let known =
            action.as_ref().map(|name| ACTIONS.into_iter().find(|a| a.to_string() == *name));
        let before = filled(&asked.before).map(|text| i64::from_str(&text).ok());
        let is_odd = matches!(subject, Some(Err(_)))
            || since == Some(None)
            || known == Some(None)
            || before == Some(None);
        let filter = Filter {
            secret: subject.and_then(Result::ok),
            actor: filled(&asked.actor),
            since: since.flatten(),
        };
        Self { filter, action: known.flatten(), before: before.flatten(), is_odd }
    }

    fn wants(&self, event: &KlivAuditEventSpec) -> bool {
        self.filter.wants(event)
            && self.action.as_ref().is_none_or(|action| *action == event.action)
            && self.before.is_none_or(|before| event.sequence < Some(before))
    }
}

/// A day (from its first moment in UTC), or a time.
fn since(text: &str) -> Option<Timestamp> {
    let of_day = || {
        let day: Date = text.parse().ok()?;
        day.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp())
    };
    text.parse().ok().or_else(of_day)
}

/// The newest that are wanted, and where older ones begin.
fn events(frame: &Frame, trail: &Trail, wanted: &Wanted, most: usize) -> (Vec<Row>, Option<i64>) {
    let all = trail.all();
    let mut fit = all.into_iter().rev().filter(|event| wanted.wants(event));
    let shown: Vec<&KlivAuditEventSpec> = fit.by_ref().take(most).collect();
    let older = fit.next().and(shown.last().and_then(|event| event.sequence));
    (shown.into_iter().map(|event| row(frame, event)).collect(), older)
}

fn row(frame: &Frame, event: &KlivAuditEventSpec) -> Row {
    let t = &frame.t.audit;
    let tone = match event.action {
        AuditAction::Refused | AuditAction::OpeningFailed | AuditAction::Compromised => Tone::Bad,
        AuditAction::Deleted
        | AuditAction::CallRefused
        | AuditAction::Resumed
        | AuditAction::Requested => Tone::Warn,
        AuditAction::Published => Tone::Good,
        _ => Tone::Plain,
    };
    let recorded = event.detail.as_deref();
    let translated = recorded.and_then(|detail| t.detail(detail));
    Row {
        sequence: event.sequence.unwrap_or_default(),
        when: frame.moment(event.time.0),
        action: shown::line(&t.action(&event.action)),
        tone,
        secret: event.secret.as_deref().map(shown::line),
        version: event.version,
        mask: event.masked_value.as_deref().map(shown::line),
        who: shown::who(&event.actor, event.on_behalf_of.as_deref(), &event.via, frame.t.language),
        is_recorded: translated.is_none() || frame.t.language == Language::English,
        detail: translated.or(recorded.map(str::to_owned)).map(|text| shown::line(&text)),
    }
}

fn chain(trail: &Trail, language: Language) -> Chain {
    let t = &language.words().audit;
    let findings: Vec<Finding> = trail.verify(&[]);
    let verdict = Verdict::of(&findings);
    let head = Some(trail.head()).filter(|head| head.sequence > 0);
    let tone = match (verdict, &head) {
        (Verdict::Broken, _) => Tone::Bad,
        (Verdict::AsFarAsSeen, _) => Tone::Warn,
        (Verdict::Whole, None) => Tone::Plain,
        (Verdict::Whole, Some(_)) => Tone::Good,
    };
    let says = match head {
        None if verdict == Verdict::Whole => t.no_events.to_owned(),
        _ => t.verdict(verdict, trail.all().len(), &findings),
    };
    Chain {
        tone,
        says,
        findings: findings.iter().map(|finding| t.finding(finding)).collect(),
        is_compared_elsewhere: verdict != Verdict::Broken && head.is_some(),
        head: head.map(|head| (head.sequence, shown::line(&head.hash))),
    }
}

/// The whole trail, a JSON object a line.
pub(crate) async fn export(
    visit: Visit,
    Path(account): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let trail = visit.caller(&account)?.trail().await?;
    let file = format!("attachment; filename=\"{account}-audit.jsonl\"");
    let kind = "application/x-ndjson; charset=utf-8".to_owned();
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, file)], trail.export()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AuditRecord, ChainLink};
    use crate::audit;

    const EVIL: &str = "<script>alert(1)</script>\" onx='\u{202e}gnp.exe";

    fn frame(language: Language) -> Frame {
        Frame {
            t: language.words(),
            now: "2026-11-29T10:00:00Z".parse().unwrap(),
            who: None,
            is_local: false,
            section: Section::Audit,
            account: Some("acme".into()),
            address: "/".into(),
            done: None,
        }
    }

    fn trail(count: i64) -> Trail {
        let mut head = ChainLink::default();
        let event = |n: i64| KlivAuditEventSpec {
            secret: Some(if n % 2 == 0 { "a-key".into() } else { "b-key.test".into() }),
            actor: EVIL.into(),
            via: "cli".into(),
            detail: Some(EVIL.into()),
            masked_value: Some(EVIL.into()),
            ..KlivAuditEventSpec::new(
                if n == 1 { AuditAction::Created } else { AuditAction::Updated },
                Timestamp::from_second(1_790_000_000 + 60 * n).unwrap(),
            )
        };
        let events = (1..=count).map(|n| audit::append("acme", &mut head, event(n))).collect();
        let record = Some(AuditRecord { head, ..AuditRecord::default() });
        Trail { account: "acme".into(), events, record }
    }

    fn numbers(trail: &Trail, asked: &Asked, most: usize) -> (Vec<i64>, Option<i64>) {
        let frame = frame(Language::English);
        let (rows, older) = events(&frame, trail, &Wanted::of(asked), most);
        (rows.iter().map(|row| row.sequence).collect(), older)
    }

    #[test]
    fn the_newest_come_first_and_older_ones_from_where_they_end() {
        let trail = trail(5);
        assert_eq!(numbers(&trail, &Asked::default(), 2), (vec![5, 4], Some(4)));
        let next = Asked { before: "4".into(), ..Asked::default() };
        assert_eq!(numbers(&trail, &next, 2), (vec![3, 2], Some(2)));
        let last = Asked { before: "2".into(), ..Asked::default() };
        assert_eq!(numbers(&trail, &last, 2), (vec![1], None));
    }

    #[test]
    fn a_filter_takes_what_fits_all_of_it_and_what_is_odd_is_left_out_and_said() {
        let trail = trail(4);
        let asked = |of: fn(&mut Asked)| {
            let mut asked = Asked::default();
            of(&mut asked);
            (numbers(&trail, &asked, 9).0, Wanted::of(&asked).is_odd)
        };
        assert_eq!(asked(|a| a.secret = "A_KEY".into()), (vec![4, 2], false));
        assert_eq!(asked(|a| a.secret = "B_KEY".into()), (vec![3, 1], false));
        assert_eq!(asked(|a| a.action = "Created".into()), (vec![1], false));
        assert_eq!(asked(|a| a.actor = "nobody".into()), (vec![], false));
        assert_eq!(asked(|a| a.since = "2126-01-01".into()), (vec![], false));
        assert_eq!(asked(|a| a.since = "2026-09-01".into()), (vec![4, 3, 2, 1], false));
        assert_eq!(asked(|a| a.since = "yesterday".into()), (vec![4, 3, 2, 1], true));
        assert_eq!(asked(|a| a.action = EVIL.into()), (vec![4, 3, 2, 1], true));
        assert_eq!(asked(|a| a.secret = "no name".into()), (vec![4, 3, 2, 1], true));
    }

    #[test]
    fn a_whole_chain_is_called_whole_and_a_broken_one_says_where() {
        let mut trail = trail(3);
        let whole = chain(&trail, Language::Swedish);
        assert_eq!((whole.tone, whole.findings.len()), (Tone::Good, 0));
        assert!(whole.says.contains("3 händelser"), "{}", whole.says);
        trail.events.remove(1);
        let broken = chain(&trail, Language::Swedish);
        assert_eq!(broken.tone, Tone::Bad);
        assert_eq!(broken.findings, ["händelse 2 har tagits bort"]);
    }

    #[test]
    fn hostile_text_stays_text() {
        let asked = Asked { secret: EVIL.into(), actor: EVIL.into(), ..Asked::default() };
        let trail = trail(2);
        let frame = frame(Language::Swedish);
        let (events, older) = events(&frame, &trail, &Wanted::of(&Asked::default()), 9);
        let chain = chain(&trail, Language::Swedish);
        let account = "acme".to_owned();
        let page = AuditPage { frame, account, asked, is_odd: true, chain, events, older };
        let page = page.render().unwrap();
        assert!(!page.contains("<script>alert") && !page.contains("\" onx"));
        assert_eq!(page.matches('\u{202e}').count(), 2, "only what he typed himself");
        assert!(page.contains("&#60;script&#62;alert(1)"), "it is shown");
        assert!(page.contains("lang=\"en\""), "what is recorded is in English");
    }
}
