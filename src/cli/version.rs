//! `kubectl kliv version`.

use clap::ValueEnum;
use serde_json::json;

use super::failure::Failure;
use super::output;
use super::session::Session;

/// Say which version this is
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How to show it
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Format {
    Json,
    Yaml,
}

pub(crate) async fn run(args: &Args, _session: &Session) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let value = json!({ "clientVersion": version });
    let text = match args.output {
        None => Some(format!("Client Version: {version}\n")),
        Some(Format::Json) => output::json(&value),
        Some(Format::Yaml) => output::yaml(&value),
    };
    output::print(&text.unwrap_or_default())
}
