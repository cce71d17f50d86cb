//! An operator with the accounts of the servers for people and for agents, and people for whom
//! those act.

use kliv_secrets::server::{Person, speaking_as};
use kube::Client;
use tokio::sync::OnceCell;

use crate::chart::{self, NAMESPACE};
use crate::harness::{Cluster, Options};
use crate::operator::{Operator, SHARED_LEASE};

/// The chart's values for a web server.
pub(crate) const ON: &str =
    "--set=web.enabled=true,web.publicURL=https://localhost:8443,web.tls.secretName=web-tls";

/// The chart's values for an agents' server.
pub(crate) const AGENTS_ON: &str =
    "--set=mcp.enabled=true,mcp.publicURL=https://localhost:8444,mcp.tls.secretName=mcp-tls";
/// The web server's ServiceAccount.
pub(crate) const WEB: &str = "kliv-secrets-web";
/// The agents' server's.
pub(crate) const AGENTS: &str = "kliv-secrets-mcp";

/// The operator that tests of both servers share.
pub(crate) async fn operator() -> &'static Operator {
    static SHARED: OnceCell<Operator> = OnceCell::const_new();
    SHARED
        .get_or_init(async || {
            let helm = [chart::NEWER, &[ON, AGENTS_ON]].concat();
            Operator::start_in(Cluster::start(Options::default()), &[SHARED_LEASE], &helm).await
        })
        .await
}

/// The web server itself, by a token of its ServiceAccount.
pub(crate) async fn server(cluster: &Cluster) -> Client {
    cluster.as_service_account(NAMESPACE, WEB).await
}

/// The web server, speaking as somebody.
pub(crate) async fn as_person(cluster: &Cluster, person: &Person) -> Client {
    speaking_as(&server(cluster).await, person).expect("somebody it may speak as")
}

/// The agents' server itself.
pub(crate) async fn agents(cluster: &Cluster) -> Client {
    cluster.as_service_account(NAMESPACE, AGENTS).await
}

/// The agents' server, speaking as somebody.
pub(crate) async fn agent_of(cluster: &Cluster, person: &Person) -> Client {
    speaking_as(&agents(cluster).await, person).expect("somebody it may speak as")
}

/// Somebody in groups.
pub(crate) fn person(name: &str, groups: &[&str]) -> Person {
    let groups = groups.iter().map(|&group| group.to_owned()).collect();
    Person { name: name.to_owned(), groups, ..Person::default() }
}
