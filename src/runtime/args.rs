//! The command line of the machine door.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};

mod address;
mod mcp;
mod server;
mod web;

pub use address::origin;
pub use mcp::McpArgs;
pub use server::ServerArgs;
pub use web::WebArgs;

/// Keeps an account's third-party credentials encrypted and gives them to its edge
/// functions as environment variables.
#[derive(Parser, Debug)]
#[command(name = "kliv-secrets", version, about, propagate_version = true)]
pub struct Cli {
    /// Which process to be.
    #[command(subcommand)]
    pub command: Command,
}

/// The processes of the operator.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// The engine: opens what is stored, publishes it, gives it to the functions
    Controller(ControllerArgs),
    /// The front door: seals every value on its way into the cluster
    Webhook(WebhookArgs),
    /// The web server: people's pages, with their own rights
    Web(Box<WebArgs>),
    /// The agents' server: the Model Context Protocol, each caller with his own rights
    Mcp(Box<McpArgs>),
    /// Write the custom resource definitions, or check the ones on disk
    Crds(CrdsArgs),
    /// Say what is wrong with the install, and the way out; ends with 1 where anything is
    Doctor(DoctorArgs),
}

/// What the processes that stay have in common.
#[derive(Args, Debug)]
pub struct CommonArgs {
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "KLIV_LOG_FORMAT")]
    pub log_format: LogFormat,

    /// What is logged: a level (error, warn, info, debug, trace), or levels by part, e.g.
    /// `info,kliv_secrets::reconcile=debug`. Libraries never say more than warnings: at
    /// finer levels they would print what they carry. The audit trail is logged at any level
    #[arg(long, default_value = "info", env = "KLIV_LOG_LEVEL")]
    pub log_level: String,

    /// Where metrics and health are served: /metrics, /livez, /readyz
    #[arg(
        long,
        default_value = "0.0.0.0:8080",
        env = "KLIV_HTTP_BIND",
        value_name = "ADDRESS:PORT"
    )]
    pub http_bind: SocketAddr,
}

/// Log lines for people, or for machines.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line an event
    Text,
    /// One JSON object an event
    Json,
}

/// Who looks after the webhook's certificate.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateMaker {
    /// The controller, in a Secret of its namespace
    Controller,
    /// Something else, e.g. cert-manager: the controller needs no right on either
    External,
}

/// Flags of `kliv-secrets controller`.
#[derive(Args, Debug)]
pub struct ControllerArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flags' own docs are shown")]
    pub common: CommonArgs,

    /// The operator's own namespace: keyring, certificate and Lease live there
    #[arg(long, env = "POD_NAMESPACE", default_value = "kliv-secrets-system")]
    pub namespace: String,

    /// Which Deployments are edge functions: a label selector
    #[arg(
        long,
        default_value = "app.kubernetes.io/component=edge-function",
        env = "KLIV_FUNCTION_SELECTOR",
        value_name = "SELECTOR"
    )]
    pub function_selector: String,

    /// Changes of an account are gathered until none came for this long …
    #[arg(long, default_value = "500ms", env = "KLIV_QUIET_PERIOD", value_parser = duration)]
    pub quiet_period: Duration,

    /// … but never longer than this
    #[arg(long, default_value = "3s", env = "KLIV_MAX_WAIT", value_parser = duration)]
    pub max_wait: Duration,

    /// How long a superseded set stays at least, for functions that are just being made
    #[arg(long, default_value = "2m", env = "KLIV_KEEP_SUPERSEDED", value_parser = duration)]
    pub keep_superseded: Duration,

    /// How often it is checked that published sets still exist
    #[arg(long, default_value = "5m", env = "KLIV_REPUBLISH_INTERVAL", value_parser = interval)]
    pub republish_interval: Duration,

    /// How long audit events are kept; older ones are deleted, and the chain goes on from
    /// the last of them
    #[arg(long, default_value = "8760h", env = "KLIV_AUDIT_KEEP", value_parser = interval)]
    pub audit_keep: Duration,

    /// How many audit events of an account are kept
    #[arg(long, default_value_t = 1000, env = "KLIV_AUDIT_KEEP_EVENTS", value_name = "COUNT")]
    pub audit_keep_events: usize,

    /// The webhook's Service, in the operator's namespace: its certificate is made out to it
    #[arg(
        long,
        default_value = "kliv-secrets-webhook",
        env = "KLIV_WEBHOOK_SERVICE",
        value_name = "NAME"
    )]
    pub webhook_service: String,

    /// Who makes the webhook's certificate and has the API server trust it
    #[arg(
        long,
        value_enum,
        default_value_t = CertificateMaker::Controller,
        env = "KLIV_WEBHOOK_CERTIFICATE"
    )]
    pub webhook_certificate: CertificateMaker,

    /// How often the webhook's certificate is looked after. A new authority is announced for
    /// so long before the webhook gets its certificate: longer than an API server takes to
    /// hear of a changed webhook configuration
    #[arg(long, default_value = "10s", env = "KLIV_WEBHOOK_CERTIFICATE_CHECK", value_parser = interval)]
    pub webhook_certificate_check: Duration,

    /// After how many seconds of silence of the replica that leads another takes over; 3 at
    /// least
    #[arg(
        long,
        default_value_t = 15,
        env = "KLIV_LEASE_SECONDS",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(3..=3600)
    )]
    pub lease_seconds: u32,

    /// A file with the key under which the keyring is wrapped; without it the keyring is
    /// stored as it is, in a Secret of the operator's namespace
    #[arg(long, env = "KLIV_KEYRING_WRAPPING_KEY_FILE", value_name = "FILE")]
    pub keyring_wrapping_key_file: Option<PathBuf>,

    /// A file with the key under which the keyring was wrapped before: where it still is, it
    /// is wrapped anew
    #[arg(
        long,
        env = "KLIV_KEYRING_FORMER_WRAPPING_KEY_FILE",
        requires = "keyring_wrapping_key_file",
        value_name = "FILE"
    )]
    pub keyring_former_wrapping_key_file: Option<PathBuf>,

    /// Take a keyring that is not wrapped as the operator's own, and wrap it: for one start,
    /// after a wrapping key was introduced
    #[arg(
        long,
        env = "KLIV_KEYRING_WRAP_EXISTING",
        requires = "keyring_wrapping_key_file",
        default_value_t = false
    )]
    pub keyring_wrap_existing: bool,

    /// A sealing key that was made before this time is replaced by a new one when the
    /// controller starts; older keys stay and go on opening
    #[arg(
        long,
        env = "KLIV_SEALING_KEY_NOT_BEFORE",
        value_parser = time,
        value_name = "TIME"
    )]
    pub sealing_key_not_before: Option<Timestamp>,
}

/// Flags of `kliv-secrets webhook`.
#[derive(Args, Debug)]
pub struct WebhookArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flags' own docs are shown")]
    pub common: CommonArgs,

    /// Where the API server finds the webhook (HTTPS)
    #[arg(long, default_value = "0.0.0.0:8443", env = "KLIV_BIND", value_name = "ADDRESS:PORT")]
    pub bind: SocketAddr,

    /// The folder with tls.crt and tls.key; read again when they change
    #[arg(long, default_value = "/etc/kliv-secrets/tls", env = "KLIV_TLS_DIR", value_name = "DIR")]
    pub tls_dir: PathBuf,

    /// The folder with the public sealing key; read again when it changes
    #[arg(
        long,
        default_value = "/etc/kliv-secrets/sealing-key",
        env = "KLIV_SEALING_KEY_DIR",
        value_name = "DIR"
    )]
    pub sealing_key_dir: PathBuf,

    /// How often both folders are looked at
    #[arg(long, default_value = "2s", env = "KLIV_RELOAD_INTERVAL", value_parser = interval)]
    pub reload_interval: Duration,
}

/// Flags of `kliv-secrets crds`.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct CrdsArgs {
    /// Write the files into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Fail when the files in this folder differ from what the code says
    #[arg(long, value_name = "DIR")]
    pub check: Option<PathBuf>,
}

/// Flags of `kliv-secrets doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// The operator's namespace
    #[arg(long, env = "POD_NAMESPACE", default_value = "kliv-secrets-system")]
    pub namespace: String,

    /// An account in which a KlivSecret with a made-up value is written as a dry run; not
    /// the operator's own namespace, whose writes are not sealed
    #[arg(long, default_value = "default", value_name = "NAMESPACE")]
    pub account: String,

    /// How long to wait for an install that is still going on
    #[arg(long, default_value = "0s", value_parser = duration)]
    pub wait: Duration,
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or("give a duration such as 500ms, 3s or 2m")
}

/// How often something is done: never without a pause.
fn interval(text: &str) -> Result<Duration, &'static str> {
    let long_enough = |pause: &Duration| *pause >= Duration::from_millis(10);
    duration(text).ok().filter(long_enough).ok_or("give a duration such as 500ms, 3s or 2m")
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    text.parse().map_err(|_| "give a time such as 2026-11-24T10:00:00Z")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn controller(flags: &[&str]) -> Result<ControllerArgs, clap::Error> {
        let line = ["kliv-secrets", "controller"].iter().chain(flags);
        match Cli::try_parse_from(line)?.command {
            Command::Controller(args) => Ok(args),
            other => panic!("not a controller: {other:?}"),
        }
    }

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_read_as_people_write_them() {
        let args = controller(&["--quiet-period", "250ms", "--keep-superseded=1m 30s"]).unwrap();
        assert_eq!(args.quiet_period, Duration::from_millis(250));
        assert_eq!(args.keep_superseded, Duration::from_secs(90));
        assert_eq!(args.max_wait, Duration::from_secs(3));
        assert_eq!(args.republish_interval, Duration::from_secs(300));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for wrong in ["5", "-3s", "soon", "", "2 years"] {
            let error = controller(&[&format!("--max-wait={wrong}")]).unwrap_err().to_string();
            assert!(error.contains("such as 500ms, 3s or 2m"), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn what_is_done_again_and_again_has_a_pause() {
        let webhook = |pause: &str| {
            Cli::try_parse_from(["kliv-secrets", "webhook", "--reload-interval", pause]).is_ok()
        };
        assert!(webhook("10ms") && !webhook("0s") && !webhook("1ns"));
        for flag in ["--republish-interval=0s", "--webhook-certificate-check=0s"] {
            assert!(controller(&[flag]).is_err(), "{flag}");
        }
    }

    #[test]
    fn a_time_reads_as_rfc_3339_and_anything_else_is_refused_with_an_example() {
        let args = |text: &str| controller(&[&format!("--sealing-key-not-before={text}")]);
        let utc = "2026-11-24T10:00:00Z".parse::<Timestamp>().unwrap();
        for text in ["2026-11-24T10:00:00Z", "2026-11-24T12:00:00+02:00"] {
            assert_eq!(args(text).unwrap().sealing_key_not_before, Some(utc));
        }
        for wrong in ["", "now", "2026-11-24", "2026-11-24T10:00:00", "1764000000"] {
            let error = args(wrong).unwrap_err().to_string();
            assert!(error.contains("such as 2026-11-24T10:00:00Z"), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn a_former_wrapping_key_needs_the_present_one() {
        let former = "--keyring-former-wrapping-key-file=old";
        assert!(controller(&[former]).is_err());
        assert!(controller(&[former, "--keyring-wrapping-key-file=new"]).is_ok());
    }

    #[test]
    fn the_default_selector_is_the_documented_label() {
        let (key, value) = crate::api::names::FUNCTION_LABEL;
        assert_eq!(controller(&[]).unwrap().function_selector, format!("{key}={value}"));
    }

    #[test]
    fn crds_takes_exactly_one_of_out_and_check() {
        let crds = |flags: &[&str]| {
            Cli::try_parse_from(["kliv-secrets", "crds"].iter().chain(flags)).is_ok()
        };
        assert!(crds(&["--out", "d"]) && crds(&["--check", "d"]));
        assert!(!crds(&[]) && !crds(&["--out", "d", "--check", "d"]));
    }
}
