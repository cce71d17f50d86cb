//! `kubectl kliv list`.

use std::pin::pin;

use futures::TryStreamExt as _;
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::args::{Format, Showing};
use super::failure::Failure;
use super::output;
use super::session::Session;
use super::table::{Column, Table, cut, whole};
use super::words::{since, state_and_question, updated_by};
use crate::account::{Caller, Seen, Update, What};
use crate::api::KlivSecret;
use crate::runtime::clock;

/// Flags of `list`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The secrets of all accounts
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Only those of this environment
    #[arg(short, long, value_name = "ENVIRONMENT")]
    environment: Option<String>,

    /// After the list, show each change as it comes
    #[arg(short, long)]
    watch: bool,

    #[command(flatten)]
    showing: Showing,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let caller = session.caller().await?;
    let mut secrets = caller.list(args.all_namespaces).await?;
    let known = if args.watch { secrets.clone() } else { Vec::new() };
    secrets.retain(|secret| wanted(args, secret));
    if args.showing.no_mask {
        secrets.iter_mut().for_each(output::without_mask);
    }
    let text = |format| match args.watch {
        false => output::objects(&secrets, format, false),
        true => output::one_by_one(&secrets, format),
    };
    match args.showing.output.and_then(text) {
        Some(text) => output::print(&text)?,
        None if secrets.is_empty() && !args.watch => output::tell(&match args.all_namespaces {
            true => "No secrets found".to_owned(),
            false => format!("No secrets found in {} namespace.", caller.namespace),
        }),
        None => show(args, &secrets, session, !args.showing.no_headers, clock::now())?,
    }
    if args.watch { follow(args, known, &caller, session).await } else { Ok(()) }
}

fn wanted(args: &Args, secret: &KlivSecret) -> bool {
    args.environment.is_none() || args.environment == secret.spec.environment
}

/// Shows what changes after the list, one row a change.
async fn follow(
    args: &Args,
    known: Vec<KlivSecret>,
    caller: &Caller,
    session: &Session,
) -> Result<(), Failure> {
    let mut changes = pin!(caller.watch(What::Secrets, args.all_namespaces, known));
    while let Some(change) = changes.try_next().await? {
        let (mut secret, is_gone) = match change {
            Seen::There(secret) => (secret, false),
            Seen::Gone(secret) => (secret, true),
        };
        if !wanted(args, &secret) {
            continue;
        }
        if args.showing.no_mask {
            output::without_mask(&mut secret);
        }
        let one = std::slice::from_ref(&secret);
        match args.showing.output.and_then(|format| output::one_by_one(one, format)) {
            Some(text) => output::print(&text)?,
            None => row(args, &secret, session, is_gone)?,
        }
    }
    Ok(())
}

/// One change. What is gone is shown as it was last, and called so.
fn row(args: &Args, secret: &KlivSecret, session: &Session, is_gone: bool) -> Result<(), Failure> {
    let (mut table, state) = table(args);
    let mut cells = cells(args, secret, clock::now());
    if is_gone {
        cells[state] = "deleted".to_owned();
    }
    table.row(cells);
    output::print(&table.render(session.terminal.width, false))
}

fn show(
    args: &Args,
    secrets: &[KlivSecret],
    session: &Session,
    headers: bool,
    now: Timestamp,
) -> Result<(), Failure> {
    let (mut table, _) = table(args);
    for secret in secrets {
        table.row(cells(args, secret, now));
    }
    output::print(&table.render(session.terminal.width, headers))
}

/// Its columns, and which of them is the state.
fn table(args: &Args) -> (Table, usize) {
    let mut columns: Vec<Column> = Vec::new();
    if args.all_namespaces {
        columns.push(whole("NAMESPACE"));
    }
    columns.extend([whole("NAME"), whole("ENVIRONMENT"), whole("VALUE")]);
    let state = columns.len();
    columns.extend([cut("STATE"), whole("UPDATED"), cut("BY")]);
    if args.showing.output == Some(Format::Wide) {
        columns.extend([cut("VIA"), whole("VERSION"), cut("REASON"), cut("WARNINGS")]);
        columns.extend([cut("OBJECT"), cut("DESCRIPTION")]);
    }
    (Table::new(columns), state)
}

fn cells(args: &Args, secret: &KlivSecret, now: Timestamp) -> Vec<String> {
    let status = secret.status.clone().unwrap_or_default();
    let mut cells = Vec::new();
    if args.all_namespaces {
        cells.push(secret.namespace().unwrap_or_default());
    }
    let update = Update::of(secret);
    let updated = update.map(|update| since(update.time, now));
    let by = update.map(|update| updated_by(&update));
    cells.extend([
        secret.spec.env_var.clone(),
        secret.spec.environment.clone().unwrap_or_default(),
        status.masked_value.clone().unwrap_or_default(),
        state_and_question(secret),
        updated.unwrap_or_default(),
        by.unwrap_or_default(),
    ]);
    if args.showing.output == Some(Format::Wide) {
        let reason = super::words::ready(secret).map(|ready| ready.reason.clone());
        let warnings: Vec<&str> = status.warnings.iter().map(|w| w.reason.as_str()).collect();
        cells.extend([
            status.via.clone().unwrap_or_default(),
            status.version.map(|version| version.to_string()).unwrap_or_default(),
            reason.unwrap_or_default(),
            warnings.join(","),
            secret.name_any(),
            secret.spec.description.clone().unwrap_or_default(),
        ]);
    }
    cells
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::args::{Cli, Verb};
    use super::*;

    #[test]
    fn who_an_agent_acts_for_is_in_the_list() {
        let Verb::List(args) = Cli::parse_from(["kubectl kliv", "list"]).verb else { panic!() };
        let secret = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "a-key" }, "spec": { "envVar": "A_KEY" },
            "status": {
                "updatedBy": "bot", "onBehalfOf": "anna", "updatedTime": "2026-11-24T10:00:00Z",
            },
        }));
        let cells = cells(&args, &secret.unwrap(), Timestamp::UNIX_EPOCH);
        assert_eq!(cells.last().map(String::as_str), Some("bot on behalf of anna"));
    }
}
