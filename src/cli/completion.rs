//! `kubectl kliv completion`, and what `kubectl_complete-kliv` prints.
//!
//! kubectl completes a plugin by running `kubectl_complete-kliv` with the words so far, the
//! last one unfinished: it prints candidates, one a line, then `:4` (no file names). That
//! executable is this one under another name.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Command, CommandFactory as _, FromArgMatches as _};
use clap_complete::Shell;

use super::args::{Cli, Connection};
use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::api::text::is_harmless;

/// Flags of `completion`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
kubectl completes `kubectl kliv …` by itself where `kubectl_complete-kliv` is on the PATH: a
link to `kubectl-kliv` under that name. This script is for calling `kubectl-kliv` by its own
name:
  source <(kubectl kliv completion bash)")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// A completion that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);
/// kubectl's directives: no file names after the candidates, or as the shell likes.
const NO_FILES: &str = ":4\n";
const FILES: &str = ":0\n";

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    let mut command = Cli::command().bin_name("kubectl-kliv");
    clap_complete::generate(args.shell, &mut command, "kubectl-kliv", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}

/// Whether this process was started to complete.
pub(crate) fn is_asked(program: Option<OsString>) -> bool {
    let program = program.map(std::path::PathBuf::from);
    program.is_some_and(|path| path.file_name().is_some_and(|n| n == "kubectl_complete-kliv"))
}

/// Prints the candidates for the last of the words. Nothing is ever an error here: it would
/// end up in somebody's command line.
pub(crate) async fn complete(words: Vec<String>) -> Result<(), Failure> {
    let command = full();
    let at = At::of(&command, &words);
    let mut candidates = match &at.wants {
        Wants::Verb => verbs(at.command),
        Wants::Flag => flags(at.command),
        Wants::Values(values) => values.clone(),
        Wants::SecretName => names(&words).await,
        Wants::File => return output::print(FILES),
        Wants::Nothing => Vec::new(),
    };
    candidates.retain(|candidate| {
        candidate.starts_with(at.unfinished) && candidate.chars().all(is_harmless)
    });
    let lines: String = candidates.into_iter().map(|candidate| candidate + "\n").collect();
    output::print(&(lines + NO_FILES))
}

fn full() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// Where in a command line the cursor is.
struct At<'a> {
    command: &'a Command,
    unfinished: &'a str,
    wants: Wants,
}

#[derive(Debug, PartialEq, Eq)]
enum Wants {
    Verb,
    Flag,
    Values(Vec<String>),
    SecretName,
    File,
    Nothing,
}

impl<'a> At<'a> {
    fn of(command: &'a Command, words: &'a [String]) -> Self {
        let (unfinished, before) = match words.split_last() {
            Some((last, before)) => (last.as_str(), before),
            None => ("", &[][..]),
        };
        let mut at = command;
        let mut given = 0;
        let mut open: Option<&clap::Arg> = None;
        for word in before {
            if open.take().is_some() {
                continue;
            }
            if word.starts_with('-') {
                open = flag_that_waits(at, word);
            } else if let Some(verb) = at.find_subcommand(word) {
                at = verb;
            } else {
                given += 1;
            }
        }
        let wants = match open {
            Some(flag) => values_of(flag),
            None if unfinished.starts_with('-') => Wants::Flag,
            None if at.has_subcommands() => Wants::Verb,
            None => at.get_positionals().nth(given).map_or(Wants::Nothing, values_of),
        };
        Self { command: at, unfinished, wants }
    }
}

/// The flag of this word, where what follows belongs to it.
fn flag_that_waits<'a>(command: &'a Command, word: &str) -> Option<&'a clap::Arg> {
    let flag = command.get_arguments().find(|arg| match word.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => {
            let mut letters = word.chars().skip(1);
            matches!((letters.next(), letters.next()), (Some(c), None) if arg.get_short() == Some(c))
        }
    })?;
    let takes = flag.get_action().takes_values() && !flag.is_require_equals_set();
    takes.then_some(flag)
}

fn values_of(arg: &clap::Arg) -> Wants {
    let values = arg.get_possible_values();
    if !values.is_empty() && arg.get_action().takes_values() {
        return Wants::Values(values.iter().map(|value| value.get_name().to_owned()).collect());
    }
    // A native Secret is none of ours.
    if arg.get_id() == "from_secret" {
        return Wants::Nothing;
    }
    let name = arg.get_value_names().and_then(|names| names.first());
    match name.map(clap::builder::Str::as_str) {
        Some("NAME") => Wants::SecretName,
        Some("FILE" | "PATH") => Wants::File,
        _ => Wants::Nothing,
    }
}

fn verbs(command: &Command) -> Vec<String> {
    let shown = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    shown.map(|verb| verb.get_name().to_owned()).collect()
}

fn flags(command: &Command) -> Vec<String> {
    let longs = command.get_arguments().filter_map(|arg| arg.get_long());
    longs.map(|long| format!("--{long}")).collect()
}

/// The variables of the account's secrets, with the connection's flags as far as they are
/// typed.
async fn names(words: &[String]) -> Vec<String> {
    let Some(connection) = connection(words) else { return Vec::new() };
    let session = Session::new(connection);
    let asked = async {
        let caller = session.caller().await.ok()?;
        caller.list(false).await.ok()
    };
    let secrets = tokio::time::timeout(PATIENCE, asked).await.ok().flatten().unwrap_or_default();
    let mut names: Vec<String> = secrets.into_iter().map(|secret| secret.spec.env_var).collect();
    names.sort();
    names.dedup();
    names
}

/// Which account is meant, by the words but the unfinished one; what they lack yet is no
/// error.
fn connection(words: &[String]) -> Option<Connection> {
    let typed = words.iter().take(words.len().saturating_sub(1)).map(String::as_str);
    let typed = std::iter::once("kubectl-kliv").chain(typed);
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(typed).ok()?;
    Connection::from_arg_matches(&matches).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_that_of_the_words_wherever_its_flag_stands() {
        for line in ["-n acme describe ", "describe -n acme ", "set --from-stdin -n=acme -e "] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let namespace = connection(&words).and_then(|connection| connection.namespace);
            assert_eq!(namespace.as_deref(), Some("acme"), "{line}");
        }
    }

    fn wants(line: &str) -> Wants {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        At::of(&full(), &words).wants
    }

    #[test]
    fn the_cursor_is_where_it_is() {
        assert_eq!(wants(""), Wants::Verb);
        assert_eq!(wants("se"), Wants::Verb);
        assert_eq!(wants("-n acme "), Wants::Verb);
        assert_eq!(wants("set "), Wants::SecretName);
        assert_eq!(wants("describe -n acme STR"), Wants::SecretName);
        assert_eq!(wants("describe STRIPE_API_KEY "), Wants::Nothing);
        assert_eq!(wants("set STRIPE_API_KEY --from-file "), Wants::File);
        assert_eq!(wants("set STRIPE_API_KEY --fr"), Wants::Flag);
        assert_eq!(wants("import --from-secret "), Wants::Nothing);
        assert!(matches!(wants("list -o "), Wants::Values(values) if values.len() == 4));
        assert!(matches!(wants("completion "), Wants::Values(_)));
    }
}
