//! `kubectl kliv delete`.

use super::args::Writing;
use super::failure::Failure;
use super::named::Named;
use super::session::Session;
use super::writing::{dry_run_words, wait};
use super::{output, prompt};
use crate::account::{Error, User};
use crate::api::text::harmless;

/// Flags of `delete`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    named: Named,

    #[command(flatten)]
    writing: Writing,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let target = args.named.target()?;
    let caller = session.caller().await?;
    let secret = caller.find(&target).await?;
    output::tell(&who_has_it(&caller.users(&secret).await));
    if args.writing.trying.dry_run == super::args::DryRun::None {
        let question = format!("Delete {} in {}?", output::named(&secret), caller.namespace);
        prompt::confirm(&harmless(&question, 512), args.writing.yes, session.terminal)?;
    }
    let waited = caller.delete(&secret, args.writing.trying.dry_run.into()).await?;
    let dry_run = dry_run_words(args.writing.trying.dry_run);
    output::done(&format!("{} deleted{dry_run}\n", output::named(&secret)));
    wait(&caller, &waited, &args.writing, session).await
}

/// What deleting does, and what it does not.
fn who_has_it(users: &Result<Vec<User>, Error>) -> String {
    let stays = "Until every function is rolled out without it, and for a few minutes after, a \
                 superseded set still holds the value: to make it worthless at once, revoke it at \
                 its provider.";
    match users {
        Ok(users) if users.is_empty() => format!("No function has it. {stays}"),
        Ok(users) => {
            let names: Vec<&str> = users.iter().map(|user| user.function.as_str()).collect();
            let named = harmless(&names.join(", "), 1024).into_owned();
            format!("Functions that have it and will be rolled out without it: {named}. {stays}")
        }
        Err(error) => format!("Which functions have it is not known: {error}. {stays}"),
    }
}
