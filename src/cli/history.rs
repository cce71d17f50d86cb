//! `kubectl kliv history`.

use super::args::{Format, Showing};
use super::failure::Failure;
use super::named::Named;
use super::output;
use super::session::Session;
use super::table::{Column, Table, cut, whole};
use super::words::who;
use crate::api::HistoryEntry;

/// Show the values that a secret has had: when, by whom, masked
///
/// The newest is in use; rollback brings back any other. At most five are kept, up to 128 KiB.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    showing: Showing,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let target = args.named.target()?;
    let caller = session.caller().await?;
    let mut secret = caller.find(&target).await?;
    let showing = &args.showing;
    if showing.no_mask {
        output::without_mask(&mut secret);
    }
    if let Some(format) = showing.output
        && let Some(text) = output::objects(std::slice::from_ref(&secret), format, true)
    {
        return output::print(&text);
    }
    let history = secret.status.as_ref().map(|status| status.history.as_slice());
    let Some(history) = history.filter(|history| !history.is_empty()) else {
        output::tell("No values yet.");
        return Ok(());
    };
    let table = table(history, showing);
    output::print(&table.render(session.terminal.width, !showing.no_headers))
}

fn table(history: &[HistoryEntry], showing: &Showing) -> Table {
    let mut columns: Vec<Column> = vec![whole("VERSION"), whole("TIME")];
    if !showing.no_mask {
        columns.push(whole("VALUE"));
    }
    columns.extend([cut("BY"), whole("VIA"), whole("RESTORES")]);
    let wide = showing.output == Some(Format::Wide);
    if wide {
        columns.push(whole("GENERATION"));
    }
    let mut table = Table::new(columns);
    for entry in history {
        let mut row = vec![entry.version.to_string(), format!("{:.0}", entry.time.0)];
        if !showing.no_mask {
            row.push(entry.masked_value.clone());
        }
        let restores = entry.restores.map(|version| version.to_string()).unwrap_or_default();
        let by = who(&entry.by, entry.on_behalf_of.as_deref());
        row.extend([by, entry.via.clone(), restores]);
        if wide {
            row.push(entry.generation.to_string());
        }
        table.row(row);
    }
    table
}
