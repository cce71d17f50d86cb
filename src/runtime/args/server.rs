//! What the command lines of the servers for people and for agents have in common.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use ipnet::IpNet;

use super::address::block;
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

    /// The addresses that such proxies connect from, as blocks, e.g. `192.0.2.0/24,2001:db8::/64`:
    /// from others that header is not believed. Needed with `--proxies`; where nobody else
    /// reaches the server, `0.0.0.0/0,::/0`. How many connections one address may have does not
    /// hold for them: each stands for many
    #[arg(
        long,
        env = "KLIV_PROXY_FROM",
        value_parser = block,
        value_delimiter = ',',
        value_name = "CIDR"
    )]
    pub proxy_from: Vec<IpNet>,

    /// The operator's namespace: the public sealing key is there
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "kliv-secrets-system",
        value_name = "NAMESPACE"
    )]
    pub operator_namespace: String,
}
