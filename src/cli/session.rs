#![expect(clippy::disallowed_types, reason = "makes the client")]
//! One call of `kubectl kliv`: whose it is, where it goes, and what its terminal can.

use std::fs::File;
use std::io::IsTerminal as _;
use std::os::fd::{AsFd as _, BorrowedFd};

use kube::client::{AuthError, ClientBuilder};
use kube::config::{AuthInfo, ExecInteractiveMode, KubeConfigOptions};
use kube::{Client, Config};

use super::args::Connection;
use super::failure::Failure;
use super::{kubeconfig, requests};
use crate::account::Caller;
use crate::api::text::harmless;

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
    /// Columns of standard error, where somebody watches the progress there.
    pub(crate) progress: Option<usize>,
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

    /// Reads the kubeconfig as kubectl does, and whom to act as. From here on standard input
    /// may be used up: what it is to give is read before.
    pub(crate) async fn caller(&self) -> Result<Caller, Failure> {
        let mut config = self.config().await?;
        let connection = &self.connection;
        connection.act_as(&mut config.auth_info);
        if let Some(longest) = connection.request_timeout.filter(|longest| !longest.is_zero()) {
            config.connect_timeout = Some(longest);
            config.read_timeout = Some(longest);
            config.reset_reader_on_write = true;
        }
        keep_standard_input(&config.auth_info)?;
        let namespace = connection.namespace.clone().unwrap_or(config.default_namespace.clone());
        Ok(Caller {
            client: client(config)?,
            namespace: namespace.as_str().try_into()?,
            operator_namespace: connection.operator_namespace.as_str().try_into()?,
            field_manager: FIELD_MANAGER,
            share: None,
        })
    }

    async fn config(&self) -> Result<Config, Failure> {
        let connection = &self.connection;
        let Some(read) = kubeconfig::read(connection.kubeconfig.as_deref())? else {
            // In a pod there is none, as for kubectl.
            return Config::incluster().map_err(|_| {
                Failure::plain("no cluster to talk to: set KUBECONFIG, or give --kubeconfig")
            });
        };
        let options = KubeConfigOptions {
            context: connection.context.clone(),
            cluster: connection.cluster.clone(),
            user: connection.user.clone(),
        };
        kubeconfig::config(read, &options).await
    }
}

impl Connection {
    /// Whom to act as. What the kubeconfig says of that counts only as a whole.
    fn act_as(&self, auth: &mut AuthInfo) {
        let Some(user) = &self.as_user else { return };
        auth.impersonate = Some(user.clone());
        auth.impersonate_groups = Some(self.as_group.clone());
        auth.impersonate_uid = self.as_uid.clone();
        let extra = auth.impersonate_user_extra.insert(Default::default());
        for (key, value) in &self.as_user_extra {
            extra.entry(key.clone()).or_default().push(value.clone());
        }
    }
}

/// A program that the kubeconfig names to log in with gets standard input only where that is
/// a terminal, as from kubectl: else it could take what others are to read, a value say.
fn keep_standard_input(auth: &AuthInfo) -> Result<(), Failure> {
    let Some(exec) = &auth.exec else { return Ok(()) };
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
        return Err(Failure::plain(
            "the kubeconfig's login program asks on standard input, and that is no terminal: log \
             in first, e.g. with kubectl get ns",
        ));
    }
    // Not by ExecInteractiveMode::Never: what it says to people would be kept back as well.
    let nothing = File::open("/dev/null");
    let closed = nothing.and_then(|nothing| Ok(rustix::stdio::dup2_stdin(nothing)?));
    closed.map_err(|_| Failure::plain("/dev/null can't be opened"))
}

/// The errors are not passed on as they are: they may quote the kubeconfig.
fn client(config: Config) -> Result<Client, Failure> {
    let builder = ClientBuilder::try_from(config).map_err(|error| match error {
        kube::Error::ProxyProtocolUnsupported { proxy_url } => {
            let scheme = harmless(proxy_url.scheme_str().unwrap_or_default(), 16).into_owned();
            let host = harmless(proxy_url.host().unwrap_or_default(), 253).into_owned();
            Failure::plain(format!(
                "the proxy {scheme}://{host} can't be used: http, https and socks5 can"
            ))
        }
        kube::Error::Auth(AuthError::AuthExecStart(_) | AuthError::AuthExecRun { .. }) => {
            Failure::plain("the kubeconfig's login program failed: try kubectl get ns")
        }
        _ => Failure::plain("the kubeconfig's user or cluster can't be used: try kubectl get ns"),
    })?;
    Ok(builder.with_layer(&requests::Tell).build())
}

impl Terminal {
    fn look() -> Self {
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        let set =
            |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let columns = |of: BorrowedFd<'_>| {
            let size = rustix::termios::tcgetwinsize(of).ok();
            size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0)
        };
        let watched = stderr.is_terminal() && !dumb;
        Self {
            input: std::io::stdin().is_terminal() && stderr.is_terminal(),
            width: stdout.is_terminal().then(|| columns(stdout.as_fd())).flatten(),
            progress: watched.then(|| columns(stderr.as_fd()).unwrap_or(80)),
            colour: watched && !set("NO_COLOR"),
        }
    }
}
