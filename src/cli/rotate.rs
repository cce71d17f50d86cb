//! `kubectl kliv rotate`.

use std::time::Duration;

use super::args::{DryRun, Writing};
use super::failure::Failure;
use super::output;
use super::prompt::{self, From, NotAsked};
use super::session::Session;
use super::set::look_at;
use super::table::{Table, cut, whole};
use super::writing::{dry_run_words, wait};
use crate::account::{Caller, Target, Waited, due, replaceable};
use crate::api::KlivSecret;
use crate::seal::{Plaintext, SealingKey};

/// Give a secret a new value
///
/// The old value stays in the history, unless it is called --compromised. With --due: all
/// that are due by --rotate-after or their end, one by one.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The variable, e.g. STRIPE_API_KEY, or the object's name, e.g. stripe-api-key.production
    #[arg(value_name = "NAME", required_unless_present = "due")]
    name: Option<String>,

    /// Its environment; a secret without one is for every function
    #[arg(short, long, value_name = "ENV", requires = "name")]
    environment: Option<String>,

    /// List those that are due; on a terminal, ask for the new value of each
    #[arg(long, conflicts_with_all = ["name", "from_stdin", "from_file", "compromised"])]
    due: bool,

    /// The old values have leaked: purge them from the history, and refuse whatever was sealed
    /// before, for good
    #[arg(long)]
    compromised: bool,

    #[command(flatten)]
    from: From,

    #[command(flatten)]
    writing: Writing,
}

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    // Before the network: a wrong name is told at once.
    let environment = args.environment.as_deref();
    let target = args.name.as_deref().map(|name| Target::parse(name, environment)).transpose()?;
    let given = prompt::given(&args.from)?;
    let caller = session.caller().await?;
    let Some(target) = target else { return all_due(args, &caller, session).await };
    let secret = caller.find(&target).await?;
    // Before anybody types a value.
    replaceable(&secret)?;
    let key = caller.sealing_key().await?;
    if args.compromised && args.writing.trying.dry_run == DryRun::None {
        let question = format!(
            "{}: its old values will be gone for good, and refused from then on. Go on?",
            target.object()
        );
        prompt::confirm(&question, args.writing.yes, session.terminal)?;
    }
    let changed = one(args, &caller, (&secret, &key), given, session).await?;
    let ended = wait(&caller, &Waited::of(&changed), &args.writing, session).await;
    if args.compromised && !args.writing.no_wait && args.writing.trying.dry_run == DryRun::None {
        output::tell(&match caller.purged(&changed, PURGE).await {
            Ok(true) => "the old values are purged".to_owned(),
            Ok(false) => NOT_PURGED.to_owned(),
            Err(error) => format!("whether the old values are purged can't be seen: {error}"),
        });
    }
    ended
}

/// How long the operator has to purge after it has taken the new value: its clock may be a
/// little behind.
const PURGE: Duration = Duration::from_secs(3);

const NOT_PURGED: &str = "the old values are not purged yet, so they can still be brought back: \
                          the operator has not taken this up, or its clock is behind this one's. \
                          They go when status.refuseSealedBefore is as the spec's";

/// Writes the new value of one secret, and asks for it where it was not given.
async fn one(
    args: &Args,
    caller: &Caller,
    (secret, key): (&KlivSecret, &SealingKey),
    given: Option<Plaintext>,
    session: &Session,
) -> Result<KlivSecret, Failure> {
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    let value = prompt::given_or_typed(
        given,
        &format!("new value of {name} in {} (hidden): ", caller.namespace),
        session.terminal,
    )?;
    look_at(&args.writing, &Target::of(secret), false, &value, session)?;
    let dry_run = args.writing.trying.dry_run;
    let how = args.writing.how(key);
    let rotated = caller.rotate(secret, &value.into(), args.compromised, &how).await?.secret;
    let what = output::named(&rotated);
    output::done(&format!("{what} rotated{}\n", dry_run_words(dry_run)));
    Ok(rotated)
}

async fn all_due(args: &Args, caller: &Caller, session: &Session) -> Result<(), Failure> {
    let secrets = caller.list(false).await?;
    let due: Vec<_> = secrets.iter().filter_map(|s| Some((s, due(s)?))).collect();
    if due.is_empty() {
        output::tell("Nothing is due.");
        return Ok(());
    }
    let mut table = Table::new([whole("NAME"), whole("REASON"), cut("WHAT")]);
    for (secret, why) in &due {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        table.row([name, &why.reason, &why.message]);
    }
    output::print(&table.render(session.terminal.width, true))?;
    if !session.terminal.input {
        return Ok(());
    }
    let key = caller.sealing_key().await?;
    let mut waited = Waited::default();
    let (mut failed, mut interrupted) = (0, false);
    for (secret, _) in due {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let question = format!("A new value for {name} now?");
        if prompt::confirm(&question, args.writing.yes, session.terminal).is_err() {
            continue;
        }
        match one(args, caller, (secret, &key), None, session).await {
            Ok(rotated) => waited.written.extend(Waited::of(&rotated).written),
            Err(Failure::NotAsked(NotAsked::Interrupted)) => {
                interrupted = true;
                break;
            }
            // The next one may do better; this one stays due.
            Err(failure) => {
                failed += 1;
                output::tell(&format!("error: {name}: {failure}"));
            }
        }
    }
    wait(caller, &waited, &args.writing, session).await?;
    if interrupted {
        return Err(match waited.written.len() {
            0 => NotAsked::Interrupted.into(),
            rotated => Failure::Interrupted(rotated),
        });
    }
    if failed == 0 {
        return Ok(());
    }
    output::tell(&format!("{} rotated, {failed} not", waited.written.len()));
    Err(Failure::Told)
}
