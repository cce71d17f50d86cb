//! The command line. Flags that several verbs have are groups here, so that they are
//! called and explained the same everywhere.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use super::{
    answer, audit, completion, delete, describe, doctor, history, import, list, mcp, request,
    rollback, rollout, rotate, seal, set, status, ui, version,
};

/// Hand in third-party credentials once, see them masked, know who changed them; every
/// function of the account has them in its environment.
#[derive(Parser, Debug)]
#[command(
    name = "kubectl-kliv",
    bin_name = "kubectl kliv",
    version,
    disable_version_flag = true,
    disable_help_subcommand = true,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// One case a verb, one file a case.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Hand in a value: from a hidden prompt, standard input or a file, never an argument
    Set(set::Args),
    /// Show the account's secrets, masked
    List(list::Args),
    /// Show everything that is known of a secret
    Describe(describe::Args),
    History(history::Args),
    Rollback(rollback::Args),
    Rotate(rotate::Args),
    /// Take a secret away from the account and its functions
    Delete(delete::Args),
    /// Hand in many values at once: an .env, JSON or YAML file, or a native Secret
    Import(import::Args),
    /// Seal values for git, or fail where manifests hold unsealed ones
    Seal(seal::Args),
    Request(request::Args),
    Answer(answer::Args),
    Rollout(rollout::Args),
    Status(status::Args),
    Ui(ui::Args),
    Mcp(mcp::Args),
    Audit(audit::Args),
    Doctor(doctor::Args),
    Version(version::Args),
    /// Print a script that completes commands in a shell
    Completion(completion::Args),
}

/// Which cluster, account and user: for every verb.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Cluster and account")]
pub(crate) struct Connection {
    /// The account: a namespace. Without it, that of the kubeconfig's context
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,

    /// The kubeconfig's context to use
    #[arg(long, global = true, value_name = "CONTEXT")]
    pub(crate) context: Option<String>,

    /// The kubeconfig to use
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The kubeconfig's cluster to use
    #[arg(long, global = true, value_name = "CLUSTER")]
    pub(crate) cluster: Option<String>,

    /// The kubeconfig's user to use
    #[arg(long, global = true, value_name = "USER")]
    pub(crate) user: Option<String>,

    /// Act as this user
    #[arg(long = "as", global = true, value_name = "USER")]
    pub(crate) as_user: Option<String>,

    /// Act as a member of this group; may be repeated
    #[arg(long, global = true, value_name = "GROUP", requires = "as_user")]
    pub(crate) as_group: Vec<String>,

    /// Act as the user with this uid
    #[arg(long, global = true, value_name = "UID", requires = "as_user")]
    pub(crate) as_uid: Option<String>,

    /// Act as a user of whom this is known as well; may be repeated
    #[arg(
        long,
        global = true,
        value_name = "KEY=VALUE",
        requires = "as_user",
        value_parser = key_and_value
    )]
    pub(crate) as_user_extra: Vec<(String, String)>,

    /// How long to wait for an answer of the API server; 0 is for ever
    #[arg(long, global = true, value_name = "DURATION", value_parser = no_longer_than)]
    pub(crate) request_timeout: Option<Duration>,

    /// The namespace in which kliv-secrets itself runs: the public key is there
    #[arg(
        long,
        global = true,
        value_name = "NAMESPACE",
        env = "KLIV_OPERATOR_NAMESPACE",
        hide_env_values = true,
        default_value = "kliv-secrets-system"
    )]
    pub(crate) operator_namespace: String,

    /// Tell each request on standard error, never its content; -v=6 as kubectl has it
    /// does the same
    #[arg(
        short,
        long,
        alias = "v",
        global = true,
        value_name = "LEVEL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        action = ArgAction::Append,
        value_parser = level
    )]
    pub(crate) verbose: Vec<u8>,
}

impl Connection {
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose.iter().any(|level| *level > 0)
    }
}

/// What a verb that shows something may be told.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Output")]
pub(crate) struct Showing {
    /// How to show it: the objects, their names, or a table with more columns
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,

    /// Leave the head of the table out
    #[arg(long)]
    pub(crate) no_headers: bool,

    /// Leave masks out, e.g. while others look at your screen
    #[arg(long)]
    pub(crate) no_mask: bool,
}

/// Whether a write is only tried.
#[derive(Args, Debug, Default)]
pub(crate) struct Trying {
    /// Only try it: `client` sends nothing, `server` lets the API server decide and store
    /// nothing
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        default_value = "none",
        default_missing_value = "client",
        num_args = 0..=1,
        require_equals = true
    )]
    pub(crate) dry_run: DryRun,
}

/// What a verb that writes may be told.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Writing")]
pub(crate) struct Writing {
    #[command(flatten)]
    pub(crate) trying: Trying,

    /// Don't wait until functions run with it
    #[arg(long)]
    pub(crate) no_wait: bool,

    /// How long to wait at most
    #[arg(long, default_value = "5m", value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Duration,

    /// Ask nothing
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// As kubectl names them.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Json,
    Yaml,
    Name,
    Wide,
}

/// As kubectl names them.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum DryRun {
    #[default]
    None,
    Client,
    Server,
}

impl From<DryRun> for crate::account::DryRun {
    fn from(how: DryRun) -> Self {
        match how {
            DryRun::None => Self::None,
            DryRun::Client => Self::Client,
            DryRun::Server => Self::Server,
        }
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    let parsed = text.parse::<SignedDuration>().ok();
    parsed.and_then(|d| Duration::try_from(d).ok()).ok_or("give a duration such as 30s or 5m")
}

/// None is without a limit.
fn no_longer_than(text: &str) -> Result<Duration, &'static str> {
    // A number alone is seconds, as for kubectl.
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => duration(text),
    }
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("give KEY=VALUE")?;
    if key.is_empty() { Err("give KEY=VALUE") } else { Ok((key.to_owned(), value.to_owned())) }
}

fn level(text: &str) -> Result<u8, &'static str> {
    text.parse().map_err(|_| "give a number from 0 to 9")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn more_is_told_at_any_level_but_0() {
        for (flags, wanted) in [
            (&[][..], false),
            (&["-v=0"], false),
            (&["-v"], true),
            (&["-vvv"], true),
            (&["-v=6"], true),
            (&["--v=6"], true),
            (&["--verbose"], true),
        ] {
            let words = [&["kubectl-kliv"], flags, &["version"]].concat();
            let cli = Cli::try_parse_from(words).unwrap();
            assert_eq!(cli.connection.is_verbose(), wanted, "{flags:?}");
        }
    }
}
