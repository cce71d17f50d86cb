#![expect(clippy::disallowed_types, reason = "makes the client")]
//! One call of `kubectl kliv`: whose it is, where it goes, and what its terminal can.

use std::io::{ErrorKind, IsTerminal as _};
use std::path::Path;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use super::args::Connection;
use super::failure::Failure;
use crate::account::Caller;

/// Who writes, in `managedFields`: the front door tells by it that it was `cli`.
const FIELD_MANAGER: &str = "kubectl-kliv";

/// One call.
pub(crate) struct Session {
    connection: Connection,
    pub(crate) terminal: Terminal,
}

/// What of the three standard streams is a terminal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terminal {
    /// Somebody can answer.
    pub(crate) input: bool,
    /// Columns of standard output, where that is one.
    pub(crate) width: Option<usize>,
    /// Somebody watches the progress.
    pub(crate) progress: bool,
    /// Colours are welcome on standard error.
    pub(crate) colour: bool,
}

impl Session {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, terminal: Terminal::look() }
    }

    /// The account, where it was named.
    pub(crate) fn given_namespace(&self) -> Option<&str> {
        self.connection.namespace.as_deref()
    }

    /// Reads the kubeconfig as kubectl does, and whom to act as.
    pub(crate) async fn caller(&self) -> Result<Caller, Failure> {
        let mut config = self.config().await?;
        let connection = &self.connection;
        if let Some(user) = &connection.as_user {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups = Some(connection.as_group.clone());
        }
        let namespace = connection.namespace.clone().unwrap_or(config.default_namespace.clone());
        // The errors are not passed on: they may quote the kubeconfig.
        let client = Client::try_from(config).map_err(|_| {
            Failure::plain("the kubeconfig's user or cluster can't be used: try kubectl get ns")
        })?;
        Ok(Caller {
            client,
            namespace,
            operator_namespace: connection.operator_namespace.clone(),
            field_manager: FIELD_MANAGER,
        })
    }

    async fn config(&self) -> Result<Config, Failure> {
        let file = self.connection.kubeconfig.as_deref();
        let read = match file {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(),
        };
        let kubeconfig = match read {
            Ok(kubeconfig) => kubeconfig,
            // In a pod there is none, as for kubectl.
            Err(KubeconfigError::ReadConfig(error, _))
                if file.is_none() && error.kind() == ErrorKind::NotFound =>
            {
                return Config::incluster().map_err(|_| no_cluster());
            }
            Err(error) => return Err(unreadable(&error, file)),
        };
        let options = KubeConfigOptions {
            context: self.connection.context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        config.map_err(|error| unreadable(&error, file))
    }
}

fn no_cluster() -> Failure {
    Failure::plain("no cluster to talk to: set KUBECONFIG, or give --kubeconfig")
}

/// Quotes nothing of a kubeconfig: there are credentials in it.
fn unreadable(error: &KubeconfigError, file: Option<&Path>) -> Failure {
    let text = match error {
        KubeconfigError::CurrentContextNotSet => {
            "the kubeconfig names no current context: give --context, or kubectl config use-context"
        }
        KubeconfigError::LoadContext(_) => {
            "the kubeconfig has no such context: see kubectl config get-contexts"
        }
        KubeconfigError::LoadClusterOfContext(_) => {
            "the kubeconfig's context names a cluster that is not in it"
        }
        KubeconfigError::ReadConfig(..) if file.is_some() => {
            "the file of --kubeconfig can't be read"
        }
        KubeconfigError::ReadConfig(..) | KubeconfigError::FindPath => {
            "the kubeconfig can't be read: see KUBECONFIG and ~/.kube/config"
        }
        _ => "the kubeconfig can't be used: try kubectl config view",
    };
    Failure::plain(text)
}

impl Terminal {
    fn look() -> Self {
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        let set =
            |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let width = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok());
        Self {
            input: std::io::stdin().is_terminal() && stderr.is_terminal(),
            width: width.flatten().map(|size| usize::from(size.ws_col)).filter(|width| *width > 0),
            progress: stderr.is_terminal() && !dumb,
            colour: stderr.is_terminal() && !dumb && !set("NO_COLOR"),
        }
    }
}
