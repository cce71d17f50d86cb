//! `kubectl kliv audit`, `audit verify` and `audit export`.

use std::fs;
use std::path::PathBuf;
use std::pin::pin;

use futures::{Stream, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};

use super::args::{Format, Showing};
use super::failure::Failure;
use super::output;
use super::session::Session;
use super::table::{Column, Table, cut, whole};
use crate::account::{Error, Filter, Subject, Target, Trail, anchor};
use crate::api::text::harmless;
use crate::api::{ChainLink, KlivAuditEvent, KlivAuditEventSpec};
use crate::audit::{Finding, Verdict, Wrong};
use crate::runtime::clock;

/// Show who did what to which secret, and when; prove that nothing was removed or changed
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// Look whether the record is whole and as it was written
    ///
    /// Every event carries the hash of the one before it, and the account the newest one's.
    /// Who can rewrite all of that can rewrite the past, unless it is compared with what was
    /// noted elsewhere: --anchor.
    ///
    /// Ends with 0 where the record is whole, with 1 where it is broken or can't be read, and
    /// with 2 where it is whole as far as can be seen: it says what can't be, and why.
    Verify(Verify),
    /// Write the record as JSON, one event a line, the newest hash at the end
    Export,
}

#[derive(clap::Args, Debug)]
struct Verify {
    /// Compare with what was noted earlier: a file that audit export wrote, or lines of the
    /// controller's JSON log. It has to hold an event that is still kept
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
}

#[derive(clap::Args, Debug)]
struct List {
    /// Only about this secret: its variable, then of all environments, or its object's name
    #[arg(long, value_name = "NAME")]
    secret: Option<String>,

    /// Only about that secret's value for this environment
    #[arg(short, long, value_name = "ENV", requires = "secret")]
    environment: Option<String>,

    /// Only by this user, or on behalf of this one
    #[arg(long, value_name = "USER")]
    actor: Option<String>,

    /// Only from then on: a time, e.g. 2026-11-24T10:00:00Z, or how long ago, e.g. 24h
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,

    /// Of all accounts
    #[arg(short = 'A', long, conflicts_with = "watch")]
    all_namespaces: bool,

    /// Go on with what happens from now on
    #[arg(short, long)]
    watch: bool,

    #[command(flatten)]
    showing: Showing,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    match &args.verb {
        None => list(&args.list, session).await,
        Some(Verb::Verify(args)) => verify(args, session).await,
        Some(Verb::Export) => output::print(&session.caller().await?.trail().await?.export()),
    }
}

async fn list(args: &List, session: &Session) -> Result<(), Failure> {
    let filter = filter(args, clock::now())?;
    let caller = session.caller().await?;
    let mut events = caller.audit_events(args.all_namespaces).await?;
    let news = args.watch.then(|| caller.audit_watch(events.clone()));
    events.retain(|event| filter.wants(&event.spec));
    if args.showing.no_mask {
        events.iter_mut().for_each(|event| event.spec.masked_value = None);
    }
    if let Some(news) = news {
        return follow(args, news, &filter, &events, session).await;
    }
    if events.is_empty() && args.showing.output.is_none() {
        output::tell(&match args.all_namespaces {
            true => "No events found.".to_owned(),
            false => format!("No events found in {} namespace.", harmless(&caller.namespace, 63)),
        });
        return Ok(());
    }
    let text = args.showing.output.and_then(|format| output::objects(&events, format, false));
    let table = || table(args, &events, !args.showing.no_headers, session);
    output::print(&text.unwrap_or_else(table))
}

async fn follow(
    args: &List,
    news: impl Stream<Item = Result<KlivAuditEvent, Error>>,
    filter: &Filter,
    there: &[KlivAuditEvent],
    session: &Session,
) -> Result<(), Failure> {
    let headers = !args.showing.no_headers;
    let shown = |events: &[KlivAuditEvent], headers| {
        let text = args.showing.output.and_then(|format| output::one_by_one(events, format));
        output::print(&text.unwrap_or_else(|| table(args, events, headers, session)))
    };
    shown(there, headers)?;
    let mut news = pin!(news);
    while let Some(mut event) = news.try_next().await? {
        if filter.wants(&event.spec) {
            if args.showing.no_mask {
                event.spec.masked_value = None;
            }
            shown(&[event], false)?;
        }
    }
    Ok(())
}

fn filter(args: &List, now: Timestamp) -> Result<Filter, Failure> {
    let environment = args.environment.as_deref();
    let secret = args.secret.as_deref().map(|name| Target::parse(name, environment)).transpose()?;
    let since = args.since.as_deref().map(|text| since(text, now)).transpose()?;
    let actor = args.actor.clone();
    Ok(Filter { secret: secret.as_ref().map(Subject::of), actor, since })
}

fn since(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let ago = || {
        let ago = text.parse::<SignedDuration>().ok().filter(|ago| !ago.is_negative())?;
        now.checked_sub(ago).ok()
    };
    text.parse().ok().or_else(ago).ok_or_else(|| {
        Failure::plain("--since: give a time, e.g. 2026-11-24T10:00:00Z, or how long ago, e.g. 24h")
    })
}

fn table(args: &List, events: &[KlivAuditEvent], headers: bool, session: &Session) -> String {
    let wide = args.showing.output == Some(Format::Wide);
    let mut columns: Vec<Column> = Vec::new();
    if args.all_namespaces {
        columns.push(whole("NAMESPACE"));
    }
    columns.extend([
        whole("TIME"),
        whole("ACTION"),
        whole("SECRET"),
        whole("VERSION"),
        cut("ACTOR"),
        whole("VIA"),
    ]);
    if wide {
        columns.extend([whole("SEQUENCE"), cut("FOR"), cut("DETAIL")]);
        if !args.showing.no_mask {
            columns.push(whole("VALUE"));
        }
    }
    let mut table = Table::new(columns);
    for event in events {
        let mut row = Vec::new();
        if args.all_namespaces {
            row.push(event.metadata.namespace.clone().unwrap_or_default());
        }
        row.extend(cells(&event.spec));
        if wide {
            let spec = &event.spec;
            row.extend([
                number(spec.sequence),
                spec.on_behalf_of.clone().unwrap_or_default(),
                spec.detail.clone().unwrap_or_default(),
            ]);
            if !args.showing.no_mask {
                row.push(spec.masked_value.clone().unwrap_or_default());
            }
        }
        table.row(row);
    }
    table.render(session.terminal.width, headers)
}

fn cells(event: &KlivAuditEventSpec) -> [String; 6] {
    [
        format!("{:.0}", event.time.0),
        event.action.to_string(),
        event.secret.clone().unwrap_or_default(),
        number(event.version),
        event.actor.clone(),
        event.via.clone(),
    ]
}

fn number(number: Option<i64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

async fn verify(args: &Verify, session: &Session) -> Result<(), Failure> {
    let text = args.anchor.as_deref().map(fs::read_to_string).transpose();
    let text = text.map_err(|_| {
        Failure::plain("the file of --anchor can't be read: is it there, and may you read it?")
    })?;
    let caller = session.caller().await?;
    let anchor = text.map(|text| anchor(&caller.namespace, &text)).transpose();
    let anchor = anchor.map_err(|error| Failure::plain(format!("--anchor: {error}")))?;
    let trail = caller.trail().await?;
    let findings = trail.verify(anchor.as_deref().unwrap_or_default());
    let verdict = Verdict::of(&findings);
    output::done(&told(&trail, &findings, verdict, anchor.as_deref()));
    if anchor.is_none() && verdict != Verdict::Broken {
        output::tell(
            "Who can rewrite events and head alike would not be found so: keep an export elsewhere \
             and compare with --anchor",
        );
    }
    match verdict {
        Verdict::Whole => Ok(()),
        Verdict::AsFarAsSeen => Err(Failure::Unsure),
        Verdict::Broken => Err(Failure::Told),
    }
}

/// The findings, and what they come to.
fn told(
    trail: &Trail,
    findings: &[Finding],
    verdict: Verdict,
    anchor: Option<&[ChainLink]>,
) -> String {
    let head = trail.head();
    let mut text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    let is_whole = match verdict {
        Verdict::Broken => {
            let broken = findings.iter().filter(|finding| finding.what.is_broken()).count();
            let findings = if broken == 1 { "finding" } else { "findings" };
            return text + &format!("broken: {broken} {findings}, see above\n");
        }
        _ if head.sequence == 0 => return text + "there are no audit events yet\n",
        Verdict::AsFarAsSeen => "whole as far as can be seen",
        Verdict::Whole => "whole",
    };
    let events = match trail.events.len() {
        1 => "1 event".to_owned(),
        many => format!("{many} events"),
    };
    text.push_str(&format!(
        "{is_whole}: {events}, the newest {}, head {}",
        head.sequence,
        harmless(&head.hash, 64)
    ));
    let is_compared = !findings.iter().any(|f| matches!(f.what, Wrong::Uncompared { .. }));
    let noted = anchor.filter(|_| is_compared).unwrap_or_default();
    if let Some(noted) = noted.iter().map(|link| link.sequence).max() {
        text.push_str(&format!("; up to event {noted} as it was noted elsewhere"));
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::AuditAction;

    #[test]
    fn one_event_is_one_event() {
        let mut head = ChainLink::default();
        let event = KlivAuditEventSpec::new(AuditAction::Created, Timestamp::UNIX_EPOCH);
        let events = vec![crate::audit::append("acme", &mut head, event)];
        let trail = Trail { account: "acme".into(), events, record: None };
        let said = told(&trail, &[], Verdict::Whole, None);
        assert!(said.starts_with("whole: 1 event, the newest 1, head "), "{said}");
    }

    #[test]
    fn since_takes_a_time_or_how_long_ago() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let table =
            [("24h", "2026-11-23T10:00:00Z"), ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z")];
        for (text, wanted) in table {
            assert_eq!(since(text, now).unwrap().to_string(), wanted, "{text}");
        }
        for text in ["", "yesterday", "-1h", "s3cr3t"] {
            let error = since(text, now).unwrap_err().to_string();
            assert!(error.contains("--since") && !error.contains("s3cr3t"), "{error}");
        }
    }
}
