//! What the command lines of the servers for people and for agents have in common.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

use super::{CommonArgs, interval};

/// How a server is reached, and where the operator is.
#[derive(Args, Debug)]
pub struct ServerArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the flags' own docs are shown")]
    pub common: CommonArgs,

    /// Where it serves
    #[arg(long, default_value = "0.0.0.0:8443", env = "KLIV_BIND", value_name = "ADDRESS:PORT")]
    pub bind: SocketAddr,

    /// The folder with tls.crt and tls.key; read again when they change. Without it plain
    /// HTTP is served, for a proxy beside it that ends TLS
    #[arg(long, env = "KLIV_TLS_DIR", value_name = "DIR")]
    pub tls_dir: Option<PathBuf>,

    /// How often that folder is looked at
    #[arg(long, default_value = "2s", env = "KLIV_RELOAD_INTERVAL", value_parser = interval)]
    pub reload_interval: Duration,

    /// How many proxies stand before it that add to `X-Forwarded-For`, an Ingress say: so many
    /// steps back is whence a request comes. Too many, and everybody can choose his address
    #[arg(long, default_value_t = 0, env = "KLIV_PROXIES", value_name = "COUNT")]
    pub proxies: usize,

    /// The operator's namespace: the public sealing key is there
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "kliv-secrets-system",
        value_name = "NAMESPACE"
    )]
    pub operator_namespace: String,
}
