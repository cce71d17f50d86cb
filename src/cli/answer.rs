//! `kubectl kliv answer`.

use super::args::{DryRun, Writing};
use super::failure::Failure;
use super::named::Named;
use super::prompt::{self, From};
use super::session::Session;
use super::set::look_at;
use super::writing::{dry_run_words, wait};
use super::{changed, output};
use crate::account::{Asker, Caller, Target, receivers, waiting};
use crate::api::text::harmless;
use crate::api::{KlivSecret, Question};

/// Give the value that a secret waits for
///
/// Says first who asks, for what, and which functions will get it. The purpose is what the
/// asker wrote: give a value only to whom you would give it in person.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    named: Named,

    /// Give none: the question is taken away, with the secret that only waits
    #[arg(long, conflicts_with_all = ["from_stdin", "from_file"])]
    refuse: bool,

    #[command(flatten)]
    from: From,
    #[command(flatten)]
    writing: Writing,
}

/// The longest piece of a question that is shown, characters.
const LONGEST: usize = 1024;

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let target = args.named.target()?;
    let given = prompt::given(&args.from)?;
    let caller = session.caller().await?;
    let secret = caller.find(&target).await?;
    let (question, asker) = waiting(&secret)?;
    let asked = told(&caller, &secret, question, &asker);
    if args.refuse {
        output::tell(&asked);
        return refuse(args, &caller, &secret, session).await;
    }
    // Before anybody types a value.
    let key = caller.sealing_key().await?;
    output::tell(&asked);
    output::tell(&who_gets_it(&caller, &secret).await);
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    let value = prompt::given_or_typed(
        given,
        &format!("value of {name} in {} (hidden): ", caller.namespace),
        session.terminal,
    )?;
    look_at(&args.writing, &Target::of(&secret), false, &value, session)?;
    let dry_run = args.writing.trying.dry_run;
    let how = args.writing.how(&key);
    let answered = caller.answer(&secret, &value.into(), &how).await?.secret;
    let words = dry_run_words(dry_run);
    output::done(&format!("{} answered{words}\n", output::named(&answered)));
    wait(&caller, &changed::waited(&answered), &args.writing, session).await
}

async fn refuse(
    args: &Args,
    caller: &Caller,
    secret: &KlivSecret,
    session: &Session,
) -> Result<(), Failure> {
    let dry_run = args.writing.trying.dry_run;
    if dry_run == DryRun::None {
        let asks = format!("Refuse {} in {}?", output::named(secret), caller.namespace);
        prompt::confirm(&harmless(&asks, 512), args.writing.yes, session.terminal)?;
    }
    caller.refuse(secret, dry_run.into()).await?;
    let words = dry_run_words(dry_run);
    output::done(&format!("{} refused{words}\n", output::named(secret)));
    Ok(())
}

fn told(caller: &Caller, secret: &KlivSecret, question: &Question, asker: &Asker) -> String {
    let user = asker.user.as_deref().map(|user| harmless(user, LONGEST));
    let mut lines = vec![
        format!("Account:      {}", caller.namespace),
        format!("Variable:     {}", harmless(&secret.spec.env_var, LONGEST)),
        format!(
            "Environment:  {}",
            harmless(secret.spec.environment.as_deref().unwrap_or("every"), LONGEST)
        ),
        format!("Asked by:     {}", user.as_deref().unwrap_or("not known any more")),
        "The asker wrote (nobody has checked it):".to_owned(),
        format!("  purpose:    \"{}\"", harmless(&question.purpose, LONGEST)),
    ];
    if let Some(from) = &question.obtain_from {
        lines.push(format!("  obtain from: \"{}\"", harmless(from, LONGEST)));
    }
    if let Some(says) = &asker.says {
        lines.push(format!("  asked by:   \"{}\"", harmless(says, LONGEST)));
    }
    lines.join("\n")
}

async fn who_gets_it(caller: &Caller, secret: &KlivSecret) -> String {
    let looked = async {
        let deployments = caller.deployments().await?;
        let status = caller.account().await?.and_then(|account| account.status);
        Ok((deployments, status.unwrap_or_default()))
    };
    let (deployments, status) = match looked.await {
        Ok(looked) => looked,
        Err(error @ crate::account::Error::Forbidden(_)) => {
            return format!("Which functions will get it can't be seen: {error}");
        }
        Err(_) => return "Which functions will get it can't be seen.".to_owned(),
    };
    let (spec, labels) = (&secret.spec, caller.install().await.functions);
    let environment = spec.environment.as_deref();
    let names = receivers(&status, &labels, &deployments, &spec.env_var, environment);
    match names.as_slice() {
        [] => "No function will get it yet.".to_owned(),
        names => {
            let names: Vec<_> = names.iter().map(|name| harmless(name, 253)).collect();
            format!("Functions that will get it: {}", names.join(", "))
        }
    }
}
