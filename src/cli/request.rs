//! `kubectl kliv request`.

use super::args::{DryRun, Trying};
use super::failure::Failure;
use super::named::Named;
use super::output;
use super::session::Session;
use super::writing::dry_run_words;
use crate::api::Question;

/// Ask for a value that somebody else has: a secret that waits for it
///
/// Whoever has the value gives it with kubectl kliv answer. With --new-value: for another one
/// of a secret that has a value, which stays in use meanwhile.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    named: Named,

    /// What the value is needed for; why there should be a new one
    #[arg(long, value_name = "TEXT")]
    purpose: String,

    /// Where to obtain it, e.g. a page of the provider
    #[arg(long, value_name = "TEXT")]
    obtain_from: Option<String>,

    /// Ask for another value in place of the one that the secret has
    #[arg(long)]
    new_value: bool,

    #[command(flatten)]
    trying: Trying,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let target = args.named.target()?;
    let caller = session.caller().await?;
    let question = Question {
        purpose: args.purpose.clone(),
        obtain_from: args.obtain_from.clone(),
        ..Question::default()
    };
    let dry_run = args.trying.dry_run.into();
    let asked = if args.new_value {
        let secret = caller.find(&target).await?;
        caller.ask_anew(&secret, question, dry_run).await?
    } else {
        caller.request(&target, question, dry_run).await?
    };
    let name = target.object();
    let words = dry_run_words(args.trying.dry_run);
    let what = if args.new_value { "asked for a new value" } else { "requested" };
    output::done(&format!("{} {what}{words}\n", output::named(&asked)));
    if args.trying.dry_run == DryRun::None {
        let namespace = &caller.namespace;
        output::tell(&format!("It waits for: kubectl kliv answer {name} -n {namespace}"));
    }
    Ok(())
}
