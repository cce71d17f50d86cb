//! Two replicas of the controller: one leads, and whatever becomes of it the other goes on.
//! What each wrote is told apart in the audit log by its token.

use std::net::SocketAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::jiff::SignedDuration;
use kliv_secrets::api::names::LEASE;
use kube::api::Api;
use serde_json::Value;

use crate::account::{Account, function, secret};
use crate::chart::NAMESPACE;
use crate::harness::{Cluster, Options, Request, eventually};
use crate::operator::{Operator, Process, get};

const LEASE_SECONDS: i64 = 6;

#[tokio::test]
async fn when_the_leader_is_killed_the_other_finishes_what_it_began() {
    let (operator, [leader, other]) = replicas(&["--lease-seconds=6"]).await;
    let account = busy(&operator, "killed").await;
    begin_a_change(&account, "two").await;

    leader.process.kill();

    ends_well(&account, &[("API_TOKEN", "two"), ("OLD_KEY", "old")]).await;
    assert_eq!(holder(&operator.cluster).await, other.name);
}

#[tokio::test]
async fn a_leader_that_was_paused_and_wakes_writes_nothing_more() {
    let (operator, [mut leader, mut other]) = replicas(&["--lease-seconds=6"]).await;
    let cluster = &operator.cluster;
    let account = busy(&operator, "paused").await;
    for (round, half_done) in [false, true, true].into_iter().enumerate() {
        let (one, two) = (format!("one of {round}"), format!("two of {round}"));
        if half_done {
            begin_a_change(&account, &one).await;
        } else {
            account.apply(&secret("API_TOKEN", &one));
        }
        leader.process.signal("STOP");
        leads_for_three_leases(cluster, &other).await;
        // What it was about to write is over by now, and more besides.
        account.apply(&secret("API_TOKEN", &two));
        account.apply(&secret("NEW_KEY", &two));
        account.delete("ksec/old-key");
        account.create(&function(&format!("new-{round}"))).await;
        ends_well(&account, &[("API_TOKEN", &two), ("NEW_KEY", &two)]).await;

        let mark = cluster.audit_mark().await;
        leader.process.signal("CONT");
        eventually("the woken leader ends", async || {
            get(leader.http, "/livez").is_none().then_some(())
        })
        .await;
        leader.process.ends_badly();
        account.caught_up().await;

        let of_woken =
            |request: &Request| request.credential == leader.credential && request.is_write();
        assert!(cluster.audit().await.iter().any(of_woken), "it led, and is known by its token");
        let asked = cluster.audit_since(mark).await.into_iter();
        // What it had decided to say it may still say: an Event changes nothing.
        let state = |request: &Request| request.resource != "events";
        let written: Vec<_> = asked.filter(of_woken).filter(state).collect();
        assert_eq!(written, Vec::<Request>::new(), "{round}");
        ends_well(&account, &[("API_TOKEN", &two), ("NEW_KEY", &two)]).await;

        account.put(&secret("OLD_KEY", "old")).await;
        (leader, other) = (other, Replica::start(&operator, &format!("later-{round}")));
        eventually("it stands by", async || get(other.http, "/readyz")).await;
    }
}

#[tokio::test]
async fn killed_both_at_once_they_come_back_to_the_right_end_and_one_leads() {
    let (operator, [leader, other]) = replicas(&["--lease-seconds=6"]).await;
    let account = busy(&operator, "both").await;
    begin_a_change(&account, "two").await;
    leader.process.kill();
    other.process.kill();
    account.apply(&secret("API_TOKEN", "three"));
    account.delete("ksec/old-key");

    let again = ["third", "fourth"].map(|name| Replica::start(&operator, name));
    ends_well(&account, &[("API_TOKEN", "three")]).await;
    for replica in &again {
        eventually("both are ready", async || get(replica.http, "/readyz")).await;
    }
    let leading = again.iter().filter(|replica| replica.says_it_leads()).count();
    assert_eq!(leading, 1);
}

/// The lease would run out in an hour only.
#[tokio::test]
async fn on_an_orderly_end_the_other_leads_without_waiting_for_the_lease() {
    let (operator, [leader, other]) = replicas(&["--lease-seconds=3600"]).await;
    let account = busy(&operator, "orderly").await;

    drop(leader);

    eventually("the other leads", async || other.says_it_leads().then_some(())).await;
    account.put(&secret("API_TOKEN", "two")).await;
    ends_well(&account, &[("API_TOKEN", "two"), ("OLD_KEY", "old")]).await;
}

/// One of the processes.
struct Replica {
    name: String,
    process: Process,
    http: SocketAddr,
    /// As the audit log calls its token.
    credential: String,
}

impl Replica {
    fn start(operator: &Operator, name: &str) -> Self {
        let (process, http, kubeconfig) = operator.controller_beside(name);
        Self { name: name.to_owned(), process, http, credential: credential(&kubeconfig) }
    }

    fn says_it_leads(&self) -> bool {
        get(self.http, "/metrics").is_some_and(|page| page.contains("\nkliv_secrets_leader 1\n"))
    }
}

/// An operator with two: the one that leads, and the other.
async fn replicas(flags: &[&str]) -> (Operator, [Replica; 2]) {
    let flags = [&["--keep-superseded=1s"], flags].concat();
    let mut operator = Operator::start(Options::default(), &flags).await;
    operator.stop_controller();
    let first = Replica::start(&operator, "first");
    eventually("the first leads", async || first.says_it_leads().then_some(())).await;
    let second = Replica::start(&operator, "second");
    for replica in [&first, &second] {
        eventually("both are ready", async || get(replica.http, "/readyz")).await;
    }
    assert!(!second.says_it_leads());
    (operator, [first, second])
}

/// The name of the token that a kubeconfig holds.
fn credential(kubeconfig: &PathBuf) -> String {
    let config = std::fs::read(kubeconfig).expect("a kubeconfig");
    let config: Value = serde_json::from_slice(&config).expect("JSON");
    let token = config["users"][0]["user"]["token"].as_str().expect("a token");
    let claims = token.split('.').nth(1).expect("claims");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    format!("JTI={}", claims["jti"].as_str().expect("an id"))
}

/// An account with a past.
async fn busy<'a>(operator: &'a Operator, name: &str) -> Account<'a> {
    let account = Account::new(operator, name).await;
    account.put(&secret("OLD_KEY", "old")).await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "one"), ("OLD_KEY", "old")]).await;
    account
}

/// Changes a value and returns when the leader is in the middle of it: the new set is
/// there, functions may have it or not.
async fn begin_a_change(account: &Account<'_>, value: &str) {
    let before = account.set("").await;
    account.apply(&secret("API_TOKEN", value));
    eventually("there is a new set", async || {
        let sets = account.sets_there().await;
        sets.iter().any(|set| before.as_ref() != Some(set)).then_some(())
    })
    .await;
}

/// All that is stored is published, functions have it, and nothing else is left.
async fn ends_well(account: &Account<'_>, wanted: &[(&str, &str)]) {
    account.published("api-token").await;
    account.gets("api", wanted).await;
    eventually("functions are updated, and only the present set is left", async || {
        let status = account.status().await;
        let set = status.sets.first()?.name.clone();
        let done = status.superseded.is_empty()
            && status.pending.is_empty()
            && status.functions.total == status.functions.updated;
        (done && account.sets_there().await == [set]).then_some(())
    })
    .await;
}

async fn lease(cluster: &Cluster) -> LeaseSpec {
    let leases: Api<Lease> = Api::namespaced(cluster.client(), NAMESPACE);
    leases.get(LEASE).await.expect("the Lease").spec.expect("a spec")
}

/// The name of the replica that the lease names.
async fn holder(cluster: &Cluster) -> String {
    let holder = lease(cluster).await.holder_identity.unwrap_or_default();
    holder.rsplit_once('_').map(|(name, _)| name.to_owned()).unwrap_or_default()
}

/// Waits until a replica has taken over and then renewed for three times as long as a
/// lease lasts, by what the lease says.
async fn leads_for_three_leases(cluster: &Cluster, replica: &Replica) {
    eventually(&format!("{} leads for three leases", replica.name), async || {
        let lease = lease(cluster).await;
        let held = lease.renew_time?.0.duration_since(lease.acquire_time?.0);
        let long = held >= SignedDuration::from_secs(3 * LEASE_SECONDS);
        (long && holder(cluster).await == replica.name).then_some(())
    })
    .await;
}
