//! An operator with the web server's account, and people for whom it acts.

use kliv_secrets::server::{Person, speaking_as};
use kube::Client;
use tokio::sync::OnceCell;

use crate::chart::{self, NAMESPACE};
use crate::harness::{Cluster, Options};
use crate::operator::Operator;

/// The chart's values for a web server.
pub(crate) const ON: &str =
    "--set=web.enabled=true,web.publicURL=https://localhost:8443,web.tls.secretName=web-tls";

/// The operator that tests of the web server share.
pub(crate) async fn operator() -> &'static Operator {
    static SHARED: OnceCell<Operator> = OnceCell::const_new();
    SHARED
        .get_or_init(async || {
            let helm = [chart::NEWER, &[ON]].concat();
            Operator::start_in(Cluster::start(Options::default()), &[], &helm).await
        })
        .await
}

/// The web server itself, by a token of its ServiceAccount.
pub(crate) async fn server(cluster: &Cluster) -> Client {
    cluster.as_service_account(NAMESPACE, "kliv-secrets-web").await
}

/// The web server, speaking as somebody.
pub(crate) async fn as_person(cluster: &Cluster, person: &Person) -> Client {
    speaking_as(&server(cluster).await, person).expect("somebody it may speak as")
}

/// Somebody in groups.
pub(crate) fn person(name: &str, groups: &[&str]) -> Person {
    let groups = groups.iter().map(|&group| group.to_owned()).collect();
    Person { name: name.to_owned(), groups, ..Person::default() }
}

/// Gives a ClusterRole to a user or group in a namespace.
#[track_caller]
pub(crate) fn grant(cluster: &Cluster, role: &str, whom: &str, namespace: &str) {
    let (role_flag, name) = (format!("--clusterrole={role}"), format!("{role}-{}", unique()));
    let binding = ["create", "rolebinding", &name, "-n", namespace, &role_flag, whom];
    cluster.kubectl(&binding).success();
}

/// Gives a ClusterRole to a user or group everywhere.
#[track_caller]
pub(crate) fn grant_everywhere(cluster: &Cluster, role: &str, whom: &str) {
    let (role_flag, name) = (format!("--clusterrole={role}"), format!("{role}-{}", unique()));
    cluster.kubectl(&["create", "clusterrolebinding", &name, &role_flag, whom]).success();
}

fn unique() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}
