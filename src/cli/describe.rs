//! `kubectl kliv describe`.

use std::fmt::Write as _;

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::args::Format;
use super::failure::Failure;
use super::named::Named;
use super::output;
use super::session::Session;
use super::table::{Table, cut, whole};
use super::words::{asked_by_whom, ready, state, updated_by, wanted, when, who};
use crate::account::{Error, Live, Reached, Update, Using, Waited, Wanted, rotation_due, waiting};
use crate::api::text::harmless;
use crate::api::{HistoryEntry, KlivSecret, KlivSecretStatus};
use crate::runtime::clock;

/// Flags of `describe`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    named: Named,

    /// Leave masks out, e.g. while others look at your screen
    #[arg(long)]
    no_mask: bool,

    /// Show the object instead
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let target = args.named.target()?;
    let caller = session.caller().await?;
    let mut secret = caller.find(&target).await?;
    if args.no_mask {
        output::without_mask(&mut secret);
    }
    if let Some(format) = args.output {
        let one = std::slice::from_ref(&secret);
        if let Some(text) = output::objects(one, format, true) {
            return output::print(&text);
        }
    }
    let account = caller.account().await.ok().flatten();
    let reached = caller.reached(&Waited::of(&secret), account.as_ref()).await;
    let status = account.as_ref().and_then(|account| account.status.as_ref());
    // One that waits for its value is not live, and where it will be the functions tell.
    let status = status.filter(|_| secret.has_value());
    let live = status.map(|status| Live::of(status, reached.as_deref().ok()));
    let width = session.terminal.width;
    output::print(&described(&secret, live.as_ref(), &reached, width, clock::now()))
}

/// Everything that is known, a line a fact.
fn described(
    secret: &KlivSecret,
    live: Option<&Live>,
    reached: &Result<Vec<Reached>, Error>,
    width: Option<usize>,
    now: Timestamp,
) -> String {
    let status = secret.status.clone().unwrap_or_default();
    let spec = &secret.spec;
    let mut out = String::new();
    let mut fact = |head: &str, text: &str| line(&mut out, head, text);
    fact("Name", &spec.env_var);
    fact("Object", &output::named(secret));
    fact("Namespace", &secret.namespace().unwrap_or_default());
    fact("Environment", spec.environment.as_deref().unwrap_or("every one that has no own value"));
    fact("Description", spec.description.as_deref().unwrap_or_default());
    fact("Value", status.masked_value.as_deref().unwrap_or_default());
    fact("Version", &status.version.map(|version| version.to_string()).unwrap_or_default());
    let message = ready(secret).map(|ready| ready.message.as_str()).unwrap_or_default();
    fact("State", &format!("{}: {message}", state(secret)));
    times(&mut fact, secret, &status, now);
    if let (Some(wants), Ok((question, asker))) = (Wanted::of(secret), waiting(secret)) {
        fact("Question", wanted(wants));
        fact("Asked by", &asked_by_whom(&asker));
        fact("Asked for", &question.purpose);
        fact("Says to be", question.requested_by.as_deref().unwrap_or_default());
        fact("Obtain from", question.obtain_from.as_deref().unwrap_or_default());
        fact("Answer with", &format!("kubectl kliv answer {}", secret.name_any()));
    }
    if let Some(live) = live {
        fact("Live", &live.words());
    }
    functions(&mut out, reached, width);
    history(&mut out, &status.history, width, now);
    if !status.warnings.is_empty() {
        out.push_str("Warnings:\n");
        for warning in &status.warnings {
            let (reason, message) =
                (harmless(&warning.reason, 64), harmless(&warning.message, 512));
            let _ = writeln!(out, "  {reason}: {message}");
        }
    }
    out
}

/// One fact, where there is something to say.
fn line(out: &mut String, head: &str, text: &str) {
    if !text.is_empty() {
        // Writing to a String can't fail.
        let _ = writeln!(out, "{:<14} {}", format!("{head}:"), harmless(text, 1024));
    }
}

/// When it was written, and when something is to be done.
fn times(
    mut fact: impl FnMut(&str, &str),
    secret: &KlivSecret,
    status: &KlivSecretStatus,
    now: Timestamp,
) {
    let spec = &secret.spec;
    if let Some(time) = &status.created_time {
        fact("Created", &when(time.0, now));
    }
    if let Some(update) = Update::of(secret) {
        let by = update.by.map(|_| format!(" by {}", updated_by(&update))).unwrap_or_default();
        let via = update.via.map(|via| format!(" via {via}")).unwrap_or_default();
        fact("Updated", &(when(update.time, now) + &by + &via));
    }
    if let Some(days) = spec.rotate_after_days {
        let due =
            rotation_due(secret).map(|due| format!("; due {}", when(due, now))).unwrap_or_default();
        fact("Rotate", &format!("every {days} days{due}"));
    }
    if let Some(time) = &spec.expiration_time {
        fact("Expires", &when(time.0, now));
    }
    if let Some(time) = &status.refuse_sealed_before {
        fact("Compromised", &format!("what was sealed before {}", when(time.0, now)));
    }
}

/// Those that it is for, and how far each is.
fn functions(out: &mut String, reached: &Result<Vec<Reached>, Error>, width: Option<usize>) {
    match reached {
        Ok(reached) if reached.is_empty() => out.push_str("Functions:     none takes it\n"),
        Ok(reached) => {
            let mut table = Table::new([whole("NAME"), cut("STATE")]);
            for one in reached {
                let state = one.state.map_or("does not have it yet", Using::words);
                table.row([one.function.as_str(), state]);
            }
            out.push_str("Functions:\n");
            indented(out, &table, width);
        }
        // Seen is what the caller may see; that he may not is worth one line.
        Err(error) => {
            let _ = writeln!(out, "Functions:     not known: {error}");
        }
    }
}

fn history(out: &mut String, history: &[HistoryEntry], width: Option<usize>, now: Timestamp) {
    if history.is_empty() {
        return;
    }
    let columns = [whole("VERSION"), whole("TIME"), whole("VALUE"), cut("BY"), cut("VIA")];
    let mut table = Table::new([&columns[..], &[cut("RESTORES")]].concat());
    for entry in history {
        table.row([
            entry.version.to_string(),
            when(entry.time.0, now),
            entry.masked_value.clone(),
            who(&entry.by, entry.on_behalf_of.as_deref()),
            entry.via.clone(),
            entry.restores.map(|version| version.to_string()).unwrap_or_default(),
        ]);
    }
    out.push_str("History:\n");
    indented(out, &table, width);
}

fn indented(out: &mut String, table: &Table, width: Option<usize>) {
    for line in table.render(width.map(|width| width.saturating_sub(2)), true).lines() {
        let _ = writeln!(out, "  {line}");
    }
}
