//! An operator that is down breaks nothing, and catches up when it is back.

use serde_json::json;

use crate::account::{Account, env_of, function, secret};
use crate::harness::{Options, Request, eventually};
use crate::operator::{CONTROLLER, Operator};

#[tokio::test]
async fn while_the_operator_is_down_functions_start_with_their_env_and_namespaces_go() {
    let mut operator = Operator::exclusive().await;
    let namespace = {
        let account = Account::new(&operator, "down").await;
        account.put(&secret("API_TOKEN", "one")).await;
        account.create(&function("before")).await;
        account.gets("before", &[("API_TOKEN", "one")]).await;
        account.namespace
    };
    operator.stop();
    let account = Account::at(&operator, namespace);

    let created = account.create(&function("api")).await;
    assert_eq!(env_of(&created), [("API_TOKEN".to_owned(), account.set("").await)]);
    let changed = account.change("before", json!({ "spec": { "replicas": 2 } })).await;
    assert_eq!(env_of(&changed), env_of(&created));

    let said = account.apply_refused(&secret("API_TOKEN", "two"));
    assert!(said.contains("spec.value was not sealed, so nothing was stored"), "{said}");
    assert!(!said.contains("two"), "{said}");

    account.closes().await;
}

#[tokio::test]
async fn what_was_changed_meanwhile_arrives_when_the_operator_is_back() {
    let mut operator = Operator::exclusive().await;
    let namespace = {
        let account = Account::new(&operator, "back").await;
        account.put(&secret("API_TOKEN", "one")).await;
        account.put(&secret("GONE_KEY", "gone")).await;
        account.create(&function("api")).await;
        account.gets("api", &[("API_TOKEN", "one"), ("GONE_KEY", "gone")]).await;
        account.namespace
    };
    operator.stop_controller();
    let account = Account::at(&operator, namespace.clone());
    // The webhook still seals.
    account.apply(&secret("API_TOKEN", "two"));
    account.apply(&secret("API_TOKEN", "three"));
    account.delete("ksec/gone-key");
    account.gets("api", &[("API_TOKEN", "one"), ("GONE_KEY", "gone")]).await;

    operator.start_processes().await;

    let account = Account::at(&operator, namespace);
    let status = account.published("api-token").await.status.expect("a status");
    assert_eq!(status.version, Some(2), "a value that was never in use is no version");
    account.gets("api", &[("API_TOKEN", "three")]).await;
}

#[tokio::test]
async fn what_a_killed_controller_left_half_done_the_next_one_finishes() {
    let mut operator = Operator::exclusive().await;
    let namespace = {
        let account = Account::new(&operator, "killed").await;
        account.put(&secret("API_TOKEN", "one")).await;
        account.create(&function("api")).await;
        account.gets("api", &[("API_TOKEN", "one")]).await;
        account.apply(&secret("API_TOKEN", "two"));
        eventually("the new set is there, and the old one still", async || {
            (account.sets_there().await.len() == 2).then_some(())
        })
        .await;
        account.namespace
    };
    operator.kill_controller();

    operator.start_processes().await;

    let account = Account::at(&operator, namespace);
    account.published("api-token").await;
    account.gets("api", &[("API_TOKEN", "two")]).await;
    eventually("only the current set is left, and no record of another", async || {
        let status = account.status().await;
        let set = status.sets.first()?.name.clone();
        let done = status.superseded.is_empty() && status.pending.is_empty();
        (done && account.sets_there().await == [set]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn deleting_the_crds_takes_nothing_from_functions() {
    let operator = Operator::start(Options::default(), &["--keep-superseded=1s"]).await;
    let account = Account::new(&operator, "no-crds").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    account.caught_up().await;
    let rollouts = account.replica_sets("api").await.len();

    let crds = ["crd/klivsecrets.secrets.kliv.dev", "crd/klivaccounts.secrets.kliv.dev"];
    account.cluster.kubectl(&[&["delete"], &crds[..]].concat()).success();

    let looks = async || {
        let requests = account.cluster.audit().await.into_iter();
        let is_look = |r: &Request| {
            r.user == CONTROLLER && r.verb == "get" && r.resource == "customresourcedefinitions"
        };
        requests.filter(is_look).count()
    };
    eventually("the controller has looked for the CRD, and again", async || {
        (looks().await >= 2).then_some(())
    })
    .await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    assert_eq!(account.replica_sets("api").await.len(), rollouts);
    // And functions can still be written.
    account.change("api", json!({ "metadata": { "annotations": { "note": "x" } } })).await;
}
