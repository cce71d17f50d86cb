//! `kubectl kliv status`.

use serde_json::json;

use super::args::Format;
use super::failure::Failure;
use super::output;
use super::session::Session;
use super::table::{Column, Table, cut, whole};
use crate::account::{FunctionState, Standing, Wanted, standings};
use crate::api::condition::Behind;
use crate::api::text::harmless;

/// Show how far each function of the account is: its set, its rollout
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How to show it
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    /// Leave the head of the table out
    #[arg(long)]
    no_headers: bool,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let caller = session.caller().await?;
    let deployments = caller.deployments().await?;
    let status = caller.account().await?.and_then(|account| account.status).unwrap_or_default();
    let labels = caller.install().await.functions;
    let standings = standings(&status, &labels, &deployments);
    if let Some(text) = args.output.and_then(|format| objects(&standings, format)) {
        return output::print(&text);
    }
    // Beside the point where he may not look.
    let secrets = caller.list(false).await.unwrap_or_default();
    if let Some(wait) = questions(secrets.iter().filter_map(Wanted::of).count()) {
        output::tell(&wait);
    }
    if standings.is_empty() {
        output::tell(&format!("No functions: a Deployment is one by the label {labels}."));
        return Ok(());
    }
    let table = table(&standings, args.output == Some(Format::Wide));
    output::print(&table.render(session.terminal.width, !args.no_headers))?;
    for standing in &standings {
        if let Some(message) = message(standing) {
            output::tell(&format!("{}: {}", harmless(&standing.name, 253), message));
        }
    }
    Ok(())
}

fn questions(count: usize) -> Option<String> {
    match count {
        0 => None,
        1 => Some("1 question waits for somebody: see kubectl kliv answer".to_owned()),
        _ => Some(format!("{count} questions wait for somebody: see kubectl kliv answer")),
    }
}

/// What its state means and the way out, where something is to be done.
fn message(standing: &Standing) -> Option<String> {
    match standing.state {
        FunctionState::Behind(Behind::Manual) => {
            Some(format!("keeps its set until told: kubectl kliv rollout {}", standing.name))
        }
        FunctionState::Behind(behind) => behind.message().map(str::to_owned),
        FunctionState::Updated | FunctionState::NoVariables => None,
    }
}

fn table(standings: &[Standing], wide: bool) -> Table {
    let mut columns: Vec<Column> = vec![
        whole("FUNCTION"),
        whole("ENVIRONMENT"),
        whole("STATE"),
        whole("REVISION"),
        whole("VARIABLES"),
    ];
    if wide {
        columns.extend([whole("ROLLOUT"), cut("SET")]);
    }
    let mut table = Table::new(columns);
    for standing in standings {
        let revision = match (standing.revision, standing.sets.is_empty()) {
            (Some(revision), _) => revision.to_string(),
            (None, true) => String::new(),
            (None, false) => "former".to_owned(),
        };
        let mut row = vec![
            standing.name.clone(),
            standing.environment.clone(),
            standing.state.as_str().to_owned(),
            revision,
            standing.variables.to_string(),
        ];
        if wide {
            let rollout = if standing.manual { "manual" } else { "" };
            row.extend([rollout.to_owned(), standing.sets.join(",")]);
        }
        table.row(row);
    }
    table
}

fn objects(standings: &[Standing], format: Format) -> Option<String> {
    let value = || {
        let functions = standings.iter().map(|standing| {
            json!({
                "name": standing.name, "environment": standing.environment,
                "sets": standing.sets, "revision": standing.revision,
                "variables": standing.variables, "manual": standing.manual,
                "state": standing.state.as_str(), "message": message(standing),
            })
        });
        let updated = standings.iter().filter(|s| s.state == FunctionState::Updated).count();
        let total = standings.iter().filter(|s| s.state != FunctionState::NoVariables).count();
        json!({
            "total": total, "updated": updated, "functions": functions.collect::<Vec<_>>(),
        })
    };
    match format {
        Format::Json => output::json(&value()),
        Format::Yaml => output::yaml(&value()),
        Format::Name => {
            Some(standings.iter().map(|s| format!("deployment.apps/{}\n", s.name)).collect())
        }
        Format::Wide => None,
    }
}
