//! `kubectl kliv rollback`.

use super::args::Writing;
use super::failure::Failure;
use super::named::Named;
use super::output;
use super::session::Session;
use super::writing::{dry_run_words, wait};
use crate::account::Waited;

/// Bring a former value back, as a new version
///
/// What was stored then is written again; nothing is opened. See kubectl kliv history for the
/// versions. If the newer value has leaked, don't roll back: rotate --compromised.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    named: Named,

    /// The version to bring back
    #[arg(long, value_name = "VERSION")]
    to: i64,

    #[command(flatten)]
    writing: Writing,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let target = args.named.target()?;
    let caller = session.caller().await?;
    let secret = caller.find(&target).await?;
    let dry_run = args.writing.trying.dry_run;
    let restored = caller.roll_back(&secret, args.to, dry_run.into()).await?;
    let (what, words) = (output::named(&restored), dry_run_words(dry_run));
    output::done(&format!("{what} rolled back to version {}{words}\n", args.to));
    wait(&caller, &Waited::of(&restored), &args.writing, session).await
}
