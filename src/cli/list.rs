//! `kubectl kliv list`.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::WatchStreamExt as _;

use super::args::{Format, Showing};
use super::failure::Failure;
use super::output;
use super::session::Session;
use super::table::{Column, Table, cut, whole};
use super::words::{since, state};
use crate::account::{Caller, Error};
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
    secrets.retain(|secret| wanted(args, secret));
    if args.showing.no_mask {
        secrets.iter_mut().for_each(output::without_mask);
    }
    let format = args.showing.output;
    match format.and_then(|format| output::objects(&secrets, format, false)) {
        Some(text) => output::print(&text)?,
        None if secrets.is_empty() && !args.watch => output::tell(&match args.all_namespaces {
            true => "No secrets found".to_owned(),
            false => format!("No secrets found in {} namespace.", caller.namespace),
        }),
        None => show(args, &secrets, session, !args.showing.no_headers, clock::now())?,
    }
    if args.watch { follow(args, &secrets, &caller, session).await } else { Ok(()) }
}

fn wanted(args: &Args, secret: &KlivSecret) -> bool {
    args.environment.is_none() || args.environment == secret.spec.environment
}

/// Shows what changes after the list, one row a change.
async fn follow(
    args: &Args,
    listed: &[KlivSecret],
    caller: &Caller,
    session: &Session,
) -> Result<(), Failure> {
    let mut seen: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    let key = |s: &KlivSecret| (s.namespace().unwrap_or_default(), s.name_any());
    for secret in listed {
        seen.insert(key(secret), secret.resource_version());
    }
    let changes = caller.changes(args.all_namespaces).default_backoff().applied_objects();
    let mut changes = std::pin::pin!(changes);
    loop {
        match changes.try_next().await {
            Ok(Some(mut secret)) => {
                let version = secret.resource_version();
                let is_new = seen.insert(key(&secret), version.clone()) != Some(version);
                if !wanted(args, &secret) || !is_new {
                    continue;
                }
                if args.showing.no_mask {
                    output::without_mask(&mut secret);
                }
                let one = [secret];
                match args.showing.output.and_then(|format| output::objects(&one, format, true)) {
                    Some(text) => output::print(&text)?,
                    None => show(args, &one, session, false, clock::now())?,
                }
            }
            Ok(None) => return Ok(()),
            // What passes by itself is tried again.
            Err(error) => match caller.watch_failed(&error) {
                Error::Unreachable(_) => {}
                error => return Err(error.into()),
            },
        }
    }
}

fn show(
    args: &Args,
    secrets: &[KlivSecret],
    session: &Session,
    headers: bool,
    now: Timestamp,
) -> Result<(), Failure> {
    let wide = args.showing.output == Some(Format::Wide);
    let mut columns: Vec<Column> = Vec::new();
    if args.all_namespaces {
        columns.push(whole("NAMESPACE"));
    }
    columns.extend([whole("NAME"), whole("ENVIRONMENT"), whole("VALUE"), cut("STATE")]);
    columns.extend([whole("UPDATED"), cut("BY")]);
    if wide {
        columns.extend([cut("VIA"), whole("VERSION"), cut("REASON"), cut("WARNINGS")]);
        columns.extend([cut("OBJECT"), cut("DESCRIPTION")]);
    }
    let mut table = Table::new(columns);
    for secret in secrets {
        table.row(cells(args, secret, wide, now));
    }
    output::print(&table.render(session.terminal.width, headers))
}

fn cells(args: &Args, secret: &KlivSecret, wide: bool, now: Timestamp) -> Vec<String> {
    let status = secret.status.clone().unwrap_or_default();
    let mut cells = Vec::new();
    if args.all_namespaces {
        cells.push(secret.namespace().unwrap_or_default());
    }
    let updated = status.updated_time.as_ref().map(|time| since(time.0, now));
    cells.extend([
        secret.spec.env_var.clone(),
        secret.spec.environment.clone().unwrap_or_default(),
        status.masked_value.clone().unwrap_or_default(),
        state(secret).to_owned(),
        updated.unwrap_or_default(),
        status.updated_by.clone().unwrap_or_default(),
    ]);
    if wide {
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
