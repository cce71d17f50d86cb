//! Rollouts that fail, and values that change quicker than functions roll out; with an
//! operator that keeps superseded sets for a short time only.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kliv_secrets::api::NotUpdated;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};

use crate::account::{Account, is_ready, secret};
use crate::harness::eventually;
use crate::operator::{NAMESPACE, Operator};

/// Functions whose next rollout fails, each in its own way.
const BROKEN: [&str; 3] = ["unready", "crashing", "unpullable"];

#[tokio::test]
async fn while_rollouts_fail_old_pods_restart_as_they_were_and_their_set_goes_after_the_repair() {
    let Some(operator) = Operator::forgetful().await else { return };
    let account = Account::new(&operator, "broken").await;
    account.put(&secret("API_TOKEN", "good")).await;
    account.put(&secret("API_MODE", "serve")).await;
    for function in functions(&account) {
        account.apply(&function);
    }
    let good = [("API_TOKEN", "good"), ("API_MODE", "serve")];
    for name in BROKEN {
        account.runs_with(name, &good).await;
    }
    let good_set = account.set().await;

    set_image(&account, "unpullable", "no-such-registry.invalid/function:none");
    let bad = [secret("API_TOKEN", "bad"), secret("API_MODE", "env")];
    account.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": bad }));
    let bad_set = eventually("the bad values are published", async || {
        let set = account.set().await;
        (set != good_set).then_some(set)
    })
    .await;
    eventually("the account says that the rollouts failed", async || {
        let not_updated = account.status().await.functions.not_updated;
        let failed = |name| {
            let of = |f: &NotUpdated| f.name == name && f.reason == "RolloutFailed";
            not_updated.iter().any(of)
        };
        BROKEN.into_iter().all(failed).then_some(())
    })
    .await;

    // Their time is over, and the operator has looked whether they can go.
    looked_for_use(&account, &good_set).await;
    join_all(BROKEN.map(async |name| dies_and_comes_back(&account, name, &good).await)).await;
    // A new leader knows only what stands in the cluster.
    let leader = operator.leads().await;
    operator.kubectl(&["delete", "pod", &leader]).success();
    operator.leads().await;
    looked_for_use(&account, &good_set).await;
    join_all(BROKEN.map(async |name| dies_and_comes_back(&account, name, &good).await)).await;
    let sets = account.sets_there().await;
    assert!(sets.contains(&good_set), "a set was taken from running pods");
    assert!(sets.contains(&bad_set), "the current set is gone");

    set_image(&account, "unpullable", operator.cluster.function_image());
    let repaired = [secret("API_TOKEN", "repaired"), secret("API_MODE", "serve again")];
    account.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": repaired }));
    for name in BROKEN {
        let repaired = [("API_TOKEN", "repaired"), ("API_MODE", "serve again")];
        account.runs_with(name, &repaired).await;
    }
    only_the_current_set_is_left(&account).await;
}

#[tokio::test]
async fn a_value_that_changes_every_second_is_in_every_answer_and_its_old_sets_all_go() {
    const CHANGES: usize = 30;
    let Some(operator) = Operator::forgetful().await else { return };
    let account = Account::new(&operator, "rotation").await;
    account.put(&secret("API_TOKEN", "value 0")).await;
    let mut function = account.function("api");
    function["spec"]["replicas"] = json!(2);
    account.apply(&function);
    account.put(&secret("API_TOKEN", "value 0")).await;
    let serve = eventually("both pods serve", async || {
        let pods = account.pods("api").await;
        (pods.len() == 2 && pods.iter().all(is_ready)).then_some(())
    });
    serve.await;

    let over = Cell::new(false);
    let changing = async {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        for change in 1..=CHANGES {
            second.tick().await;
            account.apply(&secret("API_TOKEN", &format!("value {change}")));
        }
        over.set(true);
    };
    let asking = async {
        let (mut answers, mut values) = (0, BTreeSet::new());
        while !over.get() {
            for pod in account.pods("api").await {
                if let Some(environment) = account.environment(&pod.name_any()).await {
                    let value = environment.get("API_TOKEN").expect("a value in every answer");
                    values.insert(value.clone());
                    answers += 1;
                }
            }
            tokio::task::yield_now().await;
        }
        (answers, values)
    };
    let ((), (answers, values)) = tokio::join!(changing, asking);

    assert!(answers >= CHANGES, "only {answers} answers");
    assert!(values.len() > 1, "no change arrived while they went on");
    let last = format!("value {CHANGES}");
    eventually("both pods answer the last value", async || {
        let pods = account.pods("api").await;
        for pod in &pods {
            let environment = account.environment(&pod.name_any()).await?;
            if !is_ready(pod) || environment.get("API_TOKEN") != Some(&last) {
                return None;
            }
        }
        (pods.len() == 2).then_some(())
    })
    .await;
    only_the_current_set_is_left(&account).await;
}

/// One function is never ready with a bad value, one ends at once with it. The third
/// takes any value.
fn functions(account: &Account<'_>) -> Vec<Value> {
    let mut all: Vec<Value> = BROKEN.map(|name| account.function(name)).to_vec();
    for function in &mut all {
        function["spec"]["progressDeadlineSeconds"] = json!(10);
    }
    let container = |function: &'_ mut Value, field: &str, value: Value| {
        function["spec"]["template"]["spec"]["containers"][0][field] = value;
    };
    let path = "/readyz?API_TOKEN=good&API_TOKEN=repaired";
    let probe = json!({ "httpGet": { "path": path, "port": 8080 }, "periodSeconds": 1 });
    container(&mut all[0], "readinessProbe", probe);
    // With `env` it prints its environment and ends.
    container(&mut all[1], "args", json!(["$(API_MODE)"]));
    all
}

fn set_image(account: &Account<'_>, name: &str, image: &str) {
    let deployment = format!("deployment/{name}");
    account.kubectl(&["set", "image", &deployment, &format!("function={image}")], "").success();
}

/// Kills the one pod of a function that serves, and waits for another like it.
async fn dies_and_comes_back(account: &Account<'_>, name: &str, wanted: &[(&str, &str)]) {
    let serves = async || {
        for pod in account.pods(name).await {
            let Some(environment) = account.environment(&pod.name_any()).await else { continue };
            let same = wanted
                .iter()
                .all(|(name, value)| environment.get(*name).is_some_and(|v| v == value));
            if same && is_ready(&pod) {
                return Some(pod);
            }
        }
        None
    };
    let old = eventually(&format!("an old pod of {name} serves"), &serves).await;
    let pods: Api<Pod> = account.api();
    pods.delete(&old.name_any(), &DeleteParams::default()).await.expect("is deleted");
    eventually(&format!("another old pod of {name} serves"), async || {
        serves().await.filter(|pod| pod.uid() != old.uid())
    })
    .await;
    let deployments: Api<Deployment> = account.api();
    let status = deployments.get(name).await.expect("the function").status;
    assert!(
        status.is_some_and(|status| status.unavailable_replicas.unwrap_or(0) > 0),
        "{name} has rolled out: nothing of this was shown"
    );
}

/// Waits until a superseded set's time is over and the controller has asked once more who
/// uses it.
async fn looked_for_use(account: &Account<'_>, set: &str) {
    eventually("the set's time is over", async || {
        let superseded = account.status().await.superseded;
        superseded.iter().any(|s| s.name == set && s.retired).then_some(())
    })
    .await;
    let mark = account.operator.cluster.audit_mark().await;
    let controller = format!("system:serviceaccount:{NAMESPACE}:kliv-secrets-controller");
    eventually("the controller asks who uses superseded sets", async || {
        let asked = account.operator.cluster.audit_since(mark).await;
        asked
            .iter()
            .any(|request| {
                request.verb == "list"
                    && request.resource == "replicasets"
                    && request.namespace == account.namespace
                    && request.user == controller
            })
            .then_some(())
    })
    .await;
}

async fn only_the_current_set_is_left(account: &Account<'_>) {
    eventually("only the current set is left", async || {
        (account.sets_there().await == [account.set().await]).then_some(())
    })
    .await;
    eventually("nothing superseded is recorded any more", async || {
        account.status().await.superseded.is_empty().then_some(())
    })
    .await;
}
