//! `kubectl kliv version`.

use clap::ValueEnum;
use serde_json::json;

use super::failure::Failure;
use super::output;
use super::session::Session;

/// Say which version this is, and which the cluster's operator
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Only this program's; no cluster is asked
    #[arg(long)]
    client: bool,

    /// How to show it
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Format {
    Json,
    Yaml,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let server = match args.client {
        true => None,
        false => Some(server(session).await),
    };
    // Its own version is told whether or not the cluster tells another.
    output::print(&shown(args.output, server.as_ref().and_then(|s| s.as_deref().ok())))?;
    server.transpose().map(drop)
}

async fn server(session: &Session) -> Result<String, Failure> {
    Ok(session.caller().await?.version().await?)
}

fn shown(format: Option<Format>, server: Option<&str>) -> String {
    let client = env!("CARGO_PKG_VERSION");
    let mut value = json!({ "clientVersion": client });
    if let Some(server) = server {
        value["serverVersion"] = json!(server);
    }
    let server = server.map(|server| format!("Server Version: {server}\n"));
    let text = match format {
        None => Some(format!("Client Version: {client}\n{}", server.unwrap_or_default())),
        Some(Format::Json) => output::json(&value),
        Some(Format::Yaml) => output::yaml(&value),
    };
    text.unwrap_or_default()
}
