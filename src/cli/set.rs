//! `kubectl kliv set`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::args::{DryRun, Format, Writing};
use super::failure::Failure;
use super::named::Named;
use super::session::Session;
use super::writing::{dry_run_words, wait, wait_and};
use super::{output, prompt};
use crate::account::{Details, Target, Told, Waited, Written};
use crate::api::KlivSecret;
use crate::api::text::harmless;
use crate::seal::Plaintext;

/// Flags of `set`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    named: Named,

    /// For people: what it is for, where it comes from, who to ask
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// Remind after so many days to put in a new value
    #[arg(long, value_name = "DAYS", value_parser = days)]
    rotate_after: Option<i32>,

    /// When the credential stops working at its provider, e.g. 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<Time>,

    /// Show the object that was written
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<Shown>,

    #[command(flatten)]
    from: prompt::From,

    #[command(flatten)]
    writing: Writing,
}

/// How the object that was written is shown.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    Json,
    Yaml,
    Name,
}

const EXAMPLES: &str = "\
Examples:
  kubectl kliv set STRIPE_API_KEY                      asks for the value, hidden
  kubectl kliv set STRIPE_API_KEY -e production        for functions of one environment
  pass stripe | kubectl kliv set STRIPE_API_KEY --from-stdin
  kubectl kliv set GOOGLE_KEY_FILE --from-file key.json

The value is sealed here with the cluster's public key. The line break after a value of one
line is left out.";

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let target = args.named.target()?;
    let given = prompt::given(&args.from)?;
    let caller = session.caller().await?;
    // Before anybody types a value.
    let key = caller.sealing_key().await?;
    let before = caller.find_object(&target.object()).await?;
    let target = target.resolved(before.as_ref());
    let what = match &before {
        Some(_) => "new value",
        None => "value",
    };
    let asks = format!("{what} of {} in {} (hidden): ", target.variable, caller.namespace);
    let value = prompt::given_or_typed(given, &asks, session.terminal)?;
    look_at(&args.writing, &target, before.is_none(), &value, session)?;
    let details = Details {
        description: args.description.clone(),
        rotate_after_days: args.rotate_after,
        expiration_time: args.expires.clone(),
    };
    let how = args.writing.how(&key);
    let value = value.into();
    let set = caller.set(&target, before.as_ref(), &value, details, &how);
    let Written { secret, is_new } = set.await?;
    drop(value);
    say(args, &secret, is_new);
    let waited = Waited::of(&secret);
    match args.output {
        None => wait(&caller, &waited, &args.writing, session).await,
        // Standard output is the object and nothing else.
        Some(_) => wait_and(output::tell, &caller, &waited, &args.writing, session).await,
    }
}

/// Says what the value plainly is and what is odd about it, before anything is written.
/// Somebody who can answer is asked where it is odd.
pub(crate) fn look_at(
    writing: &Writing,
    target: &Target,
    is_new: bool,
    value: &Plaintext,
    session: &Session,
) -> Result<(), Failure> {
    let Told { recognised, warnings } = Told::of(target, is_new, value);
    if let Some(what) = recognised {
        output::tell(&format!("recognised: {what}"));
    }
    for warning in &warnings {
        output::warn(&harmless(warning, 512), session.terminal.colour);
    }
    if warnings.is_empty() || !session.terminal.input || writing.trying.dry_run != DryRun::None {
        return Ok(());
    }
    Ok(prompt::confirm("Write it all the same?", writing.yes, session.terminal)?)
}

fn say(args: &Args, written: &KlivSecret, is_new: bool) {
    let format = args.output.map(|shown| match shown {
        Shown::Json => Format::Json,
        Shown::Yaml => Format::Yaml,
        Shown::Name => Format::Name,
    });
    if let Some(format) = format {
        let text = output::objects(std::slice::from_ref(written), format, true);
        return output::done(&text.unwrap_or_default());
    }
    let done = if is_new { "created" } else { "configured" };
    let dry_run: DryRun = args.writing.trying.dry_run;
    output::done(&format!("{} {done}{}\n", output::named(written), dry_run_words(dry_run)));
}

fn days(text: &str) -> Result<i32, &'static str> {
    let days = text.parse().ok().filter(|days| (1..=3650).contains(days));
    days.ok_or("give a number of days from 1 to 3650")
}

fn time(text: &str) -> Result<Time, &'static str> {
    text.parse().map(Time).map_err(|_| "give a time such as 2027-01-31T00:00:00Z")
}
