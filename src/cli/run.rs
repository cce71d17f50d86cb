//! From the arguments to the exit code.

use std::process::ExitCode;

use clap::Parser as _;

use super::args::{Cli, Connection, Verb};
use super::failure::Failure;
use super::session::Session;
use super::{
    answer, audit, completion, delete, describe, doctor, history, import, list, mcp, output,
    request, rollback, rollout, rotate, seal, set, status, ui, usage, version,
};
use crate::runtime::{args::LogFormat, hardening, logs};

/// The whole of `kubectl kliv`.
pub fn main() -> ExitCode {
    if completion::is_asked(std::env::args_os().next()) {
        // What goes wrong is no candidate.
        let words = std::env::args_os().skip(1).filter_map(|word| word.into_string().ok());
        let _ = blocking(completion::complete(words.collect()));
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::end(&error),
    };
    let ended = start(&cli.connection).and_then(|()| {
        let session = Session::new(cli.connection);
        blocking(async { verb(cli.verb, &session).await })
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_told() {
                output::tell(&format!("error: {failure}"));
            }
            failure.exit_code()
        }
    }
}

fn blocking(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|_| Failure::plain("can't start: no threads left"))?;
    let ended = runtime.block_on(work);
    runtime.shutdown_background();
    ended
}

/// Before anything else: no core dump will hold a value.
fn start(connection: &Connection) -> Result<(), Failure> {
    hardening::no_core_dumps().map_err(|_| Failure::plain("can't turn core dumps off"))?;
    if !connection.is_verbose() {
        return Ok(());
    }
    logs::start(LogFormat::Text, "info").map_err(|error| Failure::plain(error.to_string()))
}

async fn verb(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Set(args) => set::run(&args, session).await,
        Verb::List(args) => list::run(&args, session).await,
        Verb::Describe(args) => describe::run(&args, session).await,
        Verb::Delete(args) => delete::run(&args, session).await,
        Verb::Import(args) => import::run(&args, session).await,
        Verb::Seal(args) => seal::run(&args, session).await,
        Verb::Answer(args) => answer::run(&args, session).await,
        Verb::Audit(args) => audit::run(&args, session).await,
        Verb::Doctor(args) => doctor::run(&args, session).await,
        Verb::History(args) => history::run(&args, session).await,
        Verb::Request(args) => request::run(&args, session).await,
        Verb::Mcp(args) => mcp::run(&args, session).await,
        Verb::Rollback(args) => rollback::run(&args, session).await,
        Verb::Rollout(args) => rollout::run(&args, session).await,
        Verb::Rotate(args) => rotate::run(&args, session).await,
        Verb::Status(args) => status::run(&args, session).await,
        Verb::Ui(args) => ui::run(&args, session).await,
        Verb::Version(args) => version::run(&args, session).await,
        Verb::Completion(args) => completion::run(&args),
    }
}
