//! `kubectl kliv answer`.

use super::args::{DryRun, Writing};
use super::failure::Failure;
use super::output;
use super::prompt::{self, From};
use super::session::Session;
use super::set::look_at;
use super::table::{Table, cut, whole};
use super::words::{asked_by_whom, wanted};
use super::writing::{dry_run_words, wait};
use crate::account::{
    Asker, Caller, Error, Target, Unfit, User, Waited, Wanted, receivers, waiting,
};
use crate::api::text::harmless;
use crate::api::{KlivSecret, Question};

/// Answer what is asked of people: a first value, a new one, or whether a secret may go
///
/// Says first who asks, for what, and which functions it is about. The purpose is what the
/// asker wrote: give a value only to whom you would give it in person. Without a name: lists
/// the questions that wait.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The variable, e.g. STRIPE_API_KEY, or the object's name, e.g. stripe-api-key.production
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Its environment; a secret without one is for every function
    #[arg(short, long, value_name = "ENV", requires = "name")]
    environment: Option<String>,

    /// Give none: the question is taken away. A secret that only waits goes with it, any other
    /// stays as it is
    #[arg(long, requires = "name", conflicts_with_all = ["from_stdin", "from_file"])]
    refuse: bool,

    #[command(flatten)]
    from: From,
    #[command(flatten)]
    writing: Writing,
}

/// The longest piece of a question that is shown, characters.
const LONGEST: usize = 1024;

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let environment = args.environment.as_deref();
    let target = args.name.as_deref().map(|name| Target::parse(name, environment)).transpose()?;
    if target.is_none() && args.from.is_given() {
        return Err(Failure::plain("NAME is missing: which secret is the value for?"));
    }
    let given = prompt::given(&args.from)?;
    let caller = session.caller().await?;
    let Some(target) = target else { return list(&caller, session).await };
    let secret = caller.find(&target).await?;
    let (question, asker) = waiting(&secret)?;
    let wants = Wanted::of(&secret).unwrap_or(Wanted::Value);
    let asked = told(&caller, &secret, wants, question, &asker);
    if args.refuse {
        output::tell(&asked);
        return refuse(args, &caller, &secret, session).await;
    }
    if wants == Wanted::Deletion {
        output::tell(&asked);
        output::tell(&who_loses_it(&caller.users(&secret).await));
        return match given {
            None => {
                output::tell(&ways(&caller, &target.object()));
                Ok(())
            }
            Some(_) => Err(Error::from(Unfit::DeletionProposed(target.object())).into()),
        };
    }
    // Before anybody types a value.
    let key = caller.sealing_key().await?;
    output::tell(&asked);
    output::tell(&who_gets_it(&caller, &secret).await);
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    let what = if wants == Wanted::NewValue { "new value" } else { "value" };
    let value = prompt::given_or_typed(
        given,
        &format!("{what} of {name} in {} (hidden): ", caller.namespace),
        session.terminal,
    )?;
    look_at(&args.writing, &Target::of(&secret), false, &value, session)?;
    let dry_run = args.writing.trying.dry_run;
    let how = args.writing.how(&key);
    let answered = caller.answer(&secret, &value.into(), &how).await?.secret;
    let words = dry_run_words(dry_run);
    output::done(&format!("{} answered{words}\n", output::named(&answered)));
    wait(&caller, &Waited::of(&answered), &args.writing, session).await
}

/// The questions that wait.
async fn list(caller: &Caller, session: &Session) -> Result<(), Failure> {
    let secrets = caller.list(false).await?;
    let columns = [whole("NAME"), whole("WANTED"), cut("ASKED BY"), cut("THE ASKER WROTE")];
    let mut table = Table::new(columns);
    let mut count = 0;
    for secret in &secrets {
        let (Some(wants), Ok((question, asker))) = (Wanted::of(secret), waiting(secret)) else {
            continue;
        };
        count += 1;
        table.row([
            secret.metadata.name.clone().unwrap_or_default(),
            wanted(wants).to_owned(),
            asked_by_whom(&asker),
            question.purpose.clone(),
        ]);
    }
    if count == 0 {
        output::tell(&format!("Nothing is asked of anybody in {}.", caller.namespace));
        return Ok(());
    }
    output::print(&table.render(session.terminal.width, true))?;
    let namespace = &caller.namespace;
    output::tell(&format!("Answer with: kubectl kliv answer NAME -n {namespace}, or --refuse"));
    Ok(())
}

/// What somebody can do about a proposal to delete a secret.
fn ways(caller: &Caller, name: &str) -> String {
    let namespace = &caller.namespace;
    format!(
        "Nothing was done. To delete it: kubectl kliv delete {name} -n {namespace}\n\
         To keep it: kubectl kliv answer {name} --refuse -n {namespace}"
    )
}

fn who_loses_it(users: &Result<Vec<User>, Error>) -> String {
    match users {
        Ok(users) if users.is_empty() => "No function has it.".to_owned(),
        Ok(users) => {
            let names: Vec<&str> = users.iter().map(|user| user.function.as_str()).collect();
            format!("Functions that have it: {}", harmless(&names.join(", "), LONGEST))
        }
        Err(error) => format!("Which functions have it can't be seen: {error}"),
    }
}

async fn refuse(
    args: &Args,
    caller: &Caller,
    secret: &KlivSecret,
    session: &Session,
) -> Result<(), Failure> {
    let dry_run = args.writing.trying.dry_run;
    if dry_run == DryRun::None {
        let stays = match Wanted::of(secret) {
            Some(Wanted::NewValue | Wanted::Deletion) => " It keeps its value.",
            Some(Wanted::Value) | None => "",
        };
        let asks = format!("Refuse {} in {}?{stays}", output::named(secret), caller.namespace);
        prompt::confirm(&harmless(&asks, 512), args.writing.yes, session.terminal)?;
    }
    caller.refuse(secret, dry_run.into()).await?;
    let words = dry_run_words(dry_run);
    output::done(&format!("{} refused{words}\n", output::named(secret)));
    Ok(())
}

fn told(
    caller: &Caller,
    secret: &KlivSecret,
    wants: Wanted,
    question: &Question,
    asker: &Asker,
) -> String {
    let spec = &secret.spec;
    let environment = spec.environment.as_deref().unwrap_or("every");
    let mask = secret.status.as_ref().and_then(|status| status.masked_value.as_deref());
    let fact = |head: &str, text: &str| format!("{head:<13} {}", harmless(text, LONGEST));
    let mut lines = vec![
        fact("Account:", &caller.namespace),
        fact("Variable:", &spec.env_var),
        fact("Environment:", environment),
        fact("Wanted:", wanted(wants)),
    ];
    lines.extend(mask.map(|mask| fact("Value now:", mask)));
    lines.extend([
        fact("Asked by:", &asked_by_whom(asker)),
        "The asker wrote (nobody has checked it):".to_owned(),
        format!("  purpose:    \"{}\"", harmless(&question.purpose, LONGEST)),
    ]);
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
        Ok((deployments, caller.list(false).await?))
    };
    let (deployments, secrets) = match looked.await {
        Ok(looked) => looked,
        Err(error @ crate::account::Error::Forbidden(_)) => {
            return format!("Which functions will get it can't be seen: {error}");
        }
        Err(_) => return "Which functions will get it can't be seen.".to_owned(),
    };
    let labels = caller.install().await.functions;
    let names = receivers(secret, &secrets, &labels, &deployments);
    match names.as_slice() {
        [] => "No function will get it yet.".to_owned(),
        names => {
            let names: Vec<_> = names.iter().map(|name| harmless(name, 253)).collect();
            format!("Functions that will get it: {}", names.join(", "))
        }
    }
}
