//! Upgrading, restarting and removing the operator under running functions.

use std::cell::Cell;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kliv_secrets::api::KlivSecret;
use kliv_secrets::api::names::KEYRING_SECRET;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};

use crate::account::{Account, secret, secret_in};
use crate::harness::{Request, eventually};
use crate::operator::Operator;

/// How many write at the same time while everything restarts.
const WRITERS: usize = 8;
const NO_REQUESTS: [Request; 0] = [];

#[tokio::test]
async fn an_upgrade_rolls_out_no_function_and_writes_no_set() {
    let Some(operator) = Operator::alone().await else { return };
    let account = busy_account(&operator).await;
    let before = state(&account).await;
    let mark = operator.cluster.audit_mark().await;

    operator.upgrade("log.level=debug").await;

    for pod in operator.pods("controller").await {
        let args = pod.spec.and_then(|spec| spec.containers.into_iter().next()?.args);
        assert!(args.expect("arguments").contains(&"--log-level=debug".into()), "not upgraded");
    }
    account.caught_up().await;
    assert_eq!(operator.writes_to_secrets_and_functions(mark).await, NO_REQUESTS);
    assert_eq!(state(&account).await, before);
}

#[tokio::test]
async fn while_both_parts_restart_every_write_goes_through_and_no_function_rolls_out() {
    let Some(operator) = Operator::alone().await else { return };
    let account = busy_account(&operator).await;
    let before = state(&account).await;
    let writer = Account::new(&operator, "install-writer").await;
    let old_pods = uids(&operator).await;
    let mark = operator.cluster.audit_mark().await;

    let restarted = Cell::new(false);
    let restarting = async {
        operator.restart();
        operator.rolled_out("webhook").await;
        operator.rolled_out("controller").await;
        restarted.set(true);
    };
    let writing = async |index: usize| {
        let secrets: Api<KlivSecret> = writer.api();
        let (env_var, mut count, mut failed) = (format!("TOKEN_{index}"), 0, Vec::new());
        while !restarted.get() {
            let object = secret(&env_var, &format!("value {count}"));
            let params = PatchParams::apply("test").force();
            let name = format!("token-{index}");
            let written = secrets.patch(&name, &params, &Patch::Apply(&object)).await;
            failed.extend(written.err().map(|error| format!("write {count}: {error}")));
            count += 1;
        }
        (count, failed)
    };
    let ((), written) = tokio::join!(restarting, join_all((0..WRITERS).map(writing)));
    let count: usize = written.iter().map(|(count, _)| count).sum();
    let failed: Vec<_> = written.into_iter().flat_map(|(_, failed)| failed).collect();

    assert!(failed.is_empty(), "{} of {count} writes failed: {failed:#?}", failed.len());
    let now = uids(&operator).await;
    assert!(now.iter().all(|uid| !old_pods.contains(uid)), "not everything was restarted");
    operator.leads().await;
    account.caught_up().await;
    let mut writes = operator.writes_to_secrets_and_functions(mark).await;
    writes.retain(|write| write.namespace != writer.namespace);
    assert_eq!(writes, NO_REQUESTS);
    assert_eq!(state(&account).await, before);
}

#[tokio::test]
async fn without_the_operator_functions_restart_and_namespaces_go_and_a_new_one_opens_all() {
    let Some(operator) = Operator::alone().await else { return };
    let account = busy_account(&operator).await;
    let leaving = busy_account(&operator).await;
    let before = state(&account).await;
    let keyring = keyring(&operator).await;

    operator.uninstall().await;

    let pods: Api<Pod> = account.api();
    let [old] = account.pods("api").await.try_into().expect("one pod");
    pods.delete(&old.name_any(), &DeleteParams::default()).await.expect("is deleted");
    let environment = eventually("another pod runs", async || {
        let environment = account.runs_with("api", &[("API_TOKEN", "of all")]).await;
        let [new] = account.pods("api").await.try_into().ok()?;
        (new.uid() != old.uid()).then_some(environment)
    })
    .await;
    assert_eq!(environment.get("OTHER_TOKEN").map(String::as_str), Some("other"));

    let namespaces: Api<Namespace> = Api::all(operator.cluster.client());
    namespaces.delete(&leaving.namespace, &DeleteParams::default()).await.expect("is deleted");
    eventually("a namespace with secrets, sets and functions is gone", async || {
        let there = namespaces.get_opt(&leaving.namespace).await.expect("an answer");
        there.is_none().then_some(())
    })
    .await;

    let crds: Api<CustomResourceDefinition> = Api::all(operator.cluster.client());
    for kind in ["klivsecrets", "klivaccounts"] {
        let crd = crds.get_opt(&format!("{kind}.secrets.kliv.dev")).await.expect("an answer");
        assert!(
            crd.is_some_and(|crd| crd.metadata.deletion_timestamp.is_none()),
            "{kind} are gone"
        );
    }
    assert_eq!(self::keyring(&operator).await, keyring);

    let mark = operator.cluster.audit_mark().await;
    operator.install().success();

    operator.leads().await;
    account.caught_up().await;
    assert_eq!(operator.writes_to_secrets_and_functions(mark).await, NO_REQUESTS);
    assert_eq!(state(&account).await, before);
    // It opens what was sealed before: a set with a new value holds the old ones too.
    account.put(&secret("NEW_TOKEN", "new")).await;
    let all = [("API_TOKEN", "of all"), ("NEW_TOKEN", "new"), ("OTHER_TOKEN", "other")];
    account.runs_with("api", &all).await;
}

/// One with two environments and a function in each, where nothing moves any more.
async fn busy_account(operator: &Operator) -> Account<'_> {
    let account = Account::new(operator, "install").await;
    account.put(&secret("API_TOKEN", "of all")).await;
    account.put(&secret("OTHER_TOKEN", "other")).await;
    account.put(&secret_in("test", "API_TOKEN", "of test")).await;
    account.apply(&account.function("api"));
    account.apply(&account.function_in("test", "tested"));
    account.runs_with("api", &[("API_TOKEN", "of all"), ("OTHER_TOKEN", "other")]).await;
    account.runs_with("tested", &[("API_TOKEN", "of test")]).await;
    eventually("the account says so", async || {
        let functions = account.status().await.functions;
        ((functions.total, functions.updated) == (2, 2)).then_some(())
    })
    .await;
    account.caught_up().await;
    account
}

/// What must not change: sets, by name, and rollouts, counted.
async fn state(account: &Account<'_>) -> (Vec<String>, Vec<usize>) {
    let mut rollouts = Vec::new();
    for name in ["api", "tested"] {
        rollouts.push(account.replica_sets(name).await.len());
    }
    let current = account.status().await.sets.into_iter().map(|set| set.name);
    (current.collect(), rollouts)
}

async fn uids(operator: &Operator) -> Vec<String> {
    let mut pods = operator.pods("controller").await;
    pods.extend(operator.pods("webhook").await);
    pods.iter().filter_map(Pod::uid).collect()
}

async fn keyring(operator: &Operator) -> Option<(Option<String>, Option<String>)> {
    let secrets: Api<Secret> = operator.api();
    let keyring = secrets.get_opt(KEYRING_SECRET).await.expect("an answer")?;
    Some((keyring.uid(), keyring.resource_version()))
}
