//! `kubectl kliv import`.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::args::{DryRun, Writing};
use super::failure::Failure;
use super::session::Session;
use super::table::{Table, cut, whole};
use super::writing::{dry_run_words, wait};
use super::{named, output, prompt};
use crate::account::bundle::{Bundle, Format, Note};
use crate::account::{Caller, Change, Error, Plan, Planned, Row, Told, Value, Waited};
use crate::api::check_environment;
use crate::api::text::harmless;
use crate::seal::{HIDDEN, mask};

/// The longest file, bytes: 256 values of 64 KiB.
const LONGEST: usize = 16 * 1024 * 1024;

/// Flags of `import`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A file of names and values, or - for standard input: .env, JSON or YAML
    #[arg(value_name = "FILE", required_unless_present = "from_secret")]
    file: Option<PathBuf>,

    /// Take the keys of this native Secret of the account instead
    #[arg(long, value_name = "NAME", conflicts_with = "file", value_parser = named::object)]
    from_secret: Option<String>,

    /// The environment that the values are for; without it, they reach every function
    #[arg(short, long, value_name = "ENVIRONMENT", value_parser = environment)]
    environment: Option<String>,

    /// How the file is written; without this, its name tells, or its first sign
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Written>,

    /// Replace the values of secrets that are there
    #[arg(long)]
    overwrite: bool,

    /// Write the others though some lines can't be imported
    #[arg(long)]
    skip_invalid: bool,

    /// Leave masks out of the preview
    #[arg(long)]
    no_mask: bool,

    #[command(flatten)]
    writing: Writing,
}

/// How a file is written.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Written {
    Env,
    Json,
    Yaml,
}

const EXAMPLES: &str = "\
Examples:
  kubectl kliv import .env                             shows what would change, then asks
  kubectl kliv import production.env -e production --overwrite --yes
  sops -d secrets.yaml | kubectl kliv import - --format yaml --yes
  kubectl kliv import --from-secret old-credentials    adopts a native Secret's keys

Nothing in the file is substituted. All values arrive together: one published set, one rollout a
function.";

pub(crate) async fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    // A file that is wrong is told before the cluster is asked for anything.
    let read = args.file.as_deref().map(|file| read(file, args.format)).transpose()?;
    let place = place(args);
    if let Some(bundle) = &read {
        refuse_invalid(bundle, &place, args)?;
    }
    let caller = session.caller().await?;
    let bundle = match (read, &args.from_secret) {
        (None, Some(secret)) => {
            let bundle = caller.keys_of(secret).await?;
            refuse_invalid(&bundle, &place, args)?;
            bundle
        }
        (read, _) => read.unwrap_or_default(),
    };
    if bundle.entries.is_empty() {
        return Err(Failure::plain(format!("there is nothing to import in {place}")));
    }
    let notes: Vec<Option<Note>> = bundle.entries.iter().map(|entry| entry.note).collect();
    let rows = Row::of(bundle.entries, args.environment.as_deref(), args.overwrite);
    let plan = caller.plan_import(rows).await?;
    preview(args, &plan, &notes, session);
    plan.check(args.skip_invalid).map_err(Error::from)?;
    write(args, &caller, plan, session).await
}

/// Reads a file of names and values.
pub(crate) fn read(file: &Path, format: Option<Written>) -> Result<Bundle, Failure> {
    let is_stdin = file == Path::new("-");
    let read = match is_stdin {
        true => prompt::stdin_up_to(LONGEST),
        false => File::open(file).ok().and_then(|file| prompt::read_up_to(file, LONGEST)),
    };
    let text = read.ok_or(prompt::NotAsked::File)?;
    if text.len() > LONGEST {
        return Err(Failure::plain("the file is larger than 16 MiB"));
    }
    #[expect(clippy::disallowed_methods, reason = "a file of values is taken apart")]
    let text = text.expose();
    let format = match format {
        Some(Written::Env) => Format::Dotenv,
        Some(Written::Json) => Format::Json,
        Some(Written::Yaml) => Format::Yaml,
        None => Format::of((!is_stdin).then_some(file), text),
    };
    Ok(Bundle::read(format, text))
}

fn place(args: &Args) -> String {
    match (&args.file, &args.from_secret) {
        (_, Some(secret)) => format!("Secret {}", harmless(secret, 253)),
        (Some(file), None) => place_of(file),
        (None, None) => String::new(),
    }
}

/// A file's name, for messages.
pub(crate) fn place_of(file: &Path) -> String {
    match file == Path::new("-") {
        true => "standard input".to_owned(),
        false => harmless(&file.to_string_lossy(), 1024).into_owned(),
    }
}

fn refuse_invalid(bundle: &Bundle, place: &str, args: &Args) -> Result<(), Failure> {
    tell_invalid(bundle, place);
    if bundle.invalid.is_empty() || args.skip_invalid {
        return Ok(());
    }
    Err(Failure::plain(
        "nothing was written: mend what is invalid, or leave it out with --skip-invalid",
    ))
}

/// Says what can't be imported, a line each.
pub(crate) fn tell_invalid(bundle: &Bundle, place: &str) {
    for invalid in &bundle.invalid {
        let line = if invalid.line == 0 { String::new() } else { format!(":{}", invalid.line) };
        let name = invalid.name.as_deref().map(|name| format!(" {}:", harmless(name, 253)));
        output::tell(&format!("{place}{line}:{} {}", name.unwrap_or_default(), invalid.fault));
    }
}

fn preview(args: &Args, plan: &Plan, notes: &[Option<Note>], session: &Session) {
    let mut table =
        Table::new([whole("NAME"), whole("CHANGE"), whole("VALUE"), whole("NOW"), cut("NOTE")]);
    let shown = |mask: String| if args.no_mask { HIDDEN.to_owned() } else { mask };
    let mut warned = Vec::new();
    for (Planned { target, value, before, change }, note) in plan.0.iter().zip(notes) {
        // A file's values are all in the clear.
        let Value::Plain(value) = value else { continue };
        let told = Told::of(target, before.is_none(), value);
        let now = before.as_ref().and_then(|before| before.status.as_ref()?.masked_value.clone());
        let note = match (change, note) {
            (Change::Stays, _) => "is there: --overwrite replaces it".to_owned(),
            (Change::Clashes, _) => {
                let variable = before.as_ref().map(|before| before.spec.env_var.as_str());
                format!("is there as {}", variable.unwrap_or_default())
            }
            (_, Some(note)) => note.to_string(),
            (_, None) => told.recognised.map(|what| what.to_string()).unwrap_or_default(),
        };
        let name = target.object();
        let now = now.map(shown).unwrap_or_default();
        if change.is_written() {
            let text =
                |warning: &String| format!("{}: {}", target.variable, harmless(warning, 512));
            warned.extend(told.warnings.iter().map(text));
        }
        table.row([name, change.word().to_owned(), shown(mask(value)), now, note]);
    }
    output::done(&table.render(session.terminal.width, true));
    for text in warned {
        output::warn(&text, session.terminal.colour);
    }
}

async fn write(args: &Args, caller: &Caller, plan: Plan, session: &Session) -> Result<(), Failure> {
    let dry_run = args.writing.trying.dry_run;
    let (new, answered, replaced) =
        (plan.count(Change::New), plan.count(Change::Answers), plan.count(Change::Replaces));
    let summary = format!("{new} new, {answered} answered, {replaced} replaced");
    if plan.written() == 0 {
        output::done("nothing to write\n");
        return Ok(());
    }
    // Before anybody is asked.
    let key = caller.sealing_key().await?;
    if dry_run == DryRun::None {
        let asks = format!("Write them to {} ({summary})?", harmless(&caller.namespace, 63));
        prompt::confirm(&asks, args.writing.yes, session.terminal)?;
    }
    let mut waited = Waited::default();
    let mut failed = 0;
    for imported in caller.import(plan, &args.writing.how(&key)).await? {
        match imported.written {
            Ok(secret) => {
                waited.written.extend(Waited::of(&secret).written);
            }
            Err(error) => {
                failed += 1;
                output::tell(&format!("error: {}: {error}", imported.target.object()));
            }
        }
    }
    let done = waited.written.len();
    let words = if failed == 0 { summary } else { format!("{done} written, {failed} failed") };
    output::done(&format!("imported{}: {words}\n", dry_run_words(dry_run)));
    if let (Some(secret), DryRun::None) = (&args.from_secret, dry_run) {
        output::tell(&format!(
            "the Secret {} is still there: take its entries from the functions' own env, which \
             win over these, then delete it",
            harmless(secret, 253)
        ));
    }
    wait(caller, &waited, &args.writing, session).await?;
    if failed > 0 { Err(Failure::Told) } else { Ok(()) }
}

/// An environment's name.
pub(crate) fn environment(text: &str) -> Result<String, &'static str> {
    check_environment(text).map(|()| text.to_owned()).map_err(|refusal| refusal.message)
}
