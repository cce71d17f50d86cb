//! `kubectl kliv rollout`.

use std::time::Duration;

use super::failure::Failure;
use super::session::Session;
use super::{args, named, output};
use crate::account::Rollout;
use crate::api::text::harmless;

/// Let a function with `rollout: manual` take the new set now
///
/// All others take it by themselves. It sets the annotation secrets.kliv.dev/revision.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The function: a Deployment
    #[arg(value_name = "FUNCTION", value_parser = named::function)]
    function: String,

    /// Don't wait until its rollout is through
    #[arg(long)]
    no_wait: bool,

    /// How long to wait at most
    #[arg(long, default_value = "5m", value_name = "DURATION", value_parser = args::duration)]
    timeout: Duration,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let name = args.function.as_str();
    let caller = session.caller().await?;
    let rollout = caller.roll_out(name).await?;
    let shown = harmless(name, 253);
    let set = match rollout {
        Rollout::Has(set) => {
            let revision = set.revision;
            output::done(&format!("deployment.apps/{shown} has revision {revision} already\n"));
            set
        }
        Rollout::Takes(set) => {
            let revision = set.revision;
            output::done(&format!("deployment.apps/{shown} takes revision {revision}\n"));
            set
        }
    };
    if args.no_wait {
        return Ok(());
    }
    caller.through(name, &set.name, args.timeout).await?;
    output::done("rollout complete\n");
    Ok(())
}
