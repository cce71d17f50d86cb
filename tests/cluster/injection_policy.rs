//! The injection policy on a real API server, with nothing of ours running.

use futures::stream::{self, StreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use kliv_secrets::api::names::ACCOUNT_NAME;
use kliv_secrets::api::{KlivAccount, KlivAccountSpec, PublishedSet};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cases::{self, Case};
use crate::chart;
use crate::harness::{self, Cluster, eventually};
use crate::place::CONTROLLER;

#[tokio::test]
async fn the_policy_does_what_every_case_of_the_table_says() {
    let cluster = harness::control_plane().await;
    chart::install(cluster).await;

    let failures: Vec<String> = stream::iter(cases::all().into_iter().enumerate())
        .map(|(index, case)| try_case(cluster, index, case))
        .buffer_unordered(4)
        .flat_map(stream::iter)
        .collect()
        .await;

    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn without_an_account_a_function_is_left_alone() {
    let cluster = harness::control_plane().await;
    chart::install(cluster).await;
    let namespace = cluster.namespace("no-account").await;
    let case = cases::all().into_iter().find(|case| case.before.is_none()).expect("a create");

    let written = case.write.deployment();
    let stored = write(cluster, &namespace, &written, false).await;

    let env = |object: &Value| object["spec"]["template"]["spec"]["containers"][0]["env"].clone();
    assert_eq!(env(&stored), env(&written));
}

#[tokio::test]
async fn an_account_that_has_not_published_yet_takes_nothing_from_a_function() {
    let cluster = harness::control_plane().await;
    chart::install(cluster).await;
    let namespace = cluster.namespace("made-anew").await;
    let mut running = function();
    running["metadata"]["name"] = json!("case");
    running["spec"]["template"]["spec"]["containers"][0]["env"] = json!([
        { "name": "A", "valueFrom": { "secretKeyRef": { "name": "kliv-env-1", "key": "A" } } },
    ]);
    write(cluster, &namespace, &running, false).await;
    let controller = cluster.as_user(CONTROLLER, &["system:masters"]);
    let accounts: Api<KlivAccount> = Api::namespaced(controller, &namespace);
    let account = KlivAccount::new(ACCOUNT_NAME, KlivAccountSpec {});
    accounts.create(&PostParams::default(), &account).await.expect("creates");
    // The policy sees accounts in the order of their writes: with this one it has seen that.
    publish(cluster, &cluster.namespace("made-later").await, Vec::new()).await;

    running["metadata"]["annotations"] = json!({ "note": "touched" });
    let stored = write(cluster, &namespace, &running, true).await;

    let env = &stored["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(env[0]["valueFrom"]["secretKeyRef"]["name"], "kliv-env-1");
}

#[tokio::test]
async fn an_account_that_the_policy_cannot_read_blocks_no_write() {
    let cluster = harness::control_plane().await;
    chart::install(cluster).await;
    let namespace = cluster.namespace("too-much").await;
    // More work than the API server lets a policy do: 256 variables for each of many containers.
    let keys = (0..256).map(|i| format!("VARIABLE_{i:0>119}")).collect();
    let set = PublishedSet { name: "kliv-env-1".into(), keys, revision: 1, ..Default::default() };
    publish(cluster, &namespace, vec![set]).await;

    let containers: Vec<Value> =
        (0..100).map(|i| json!({ "name": format!("c{i}"), "image": "example.org/none" })).collect();
    let names: Vec<String> = (0..100).map(|i| format!("c{i}")).collect();
    let mut deployment = function();
    deployment["metadata"]["annotations"] =
        json!({ "secrets.kliv.dev/containers": names.join(",") });
    deployment["spec"]["template"]["spec"]["containers"] = json!(containers);

    let stored = write(cluster, &namespace, &deployment, false).await;
    assert_eq!(
        stored["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len),
        Some(100)
    );
}

#[tokio::test]
async fn an_account_of_the_greatest_size_is_injected() {
    let cluster = harness::control_plane().await;
    chart::install(cluster).await;
    let namespace = cluster.namespace("greatest").await;
    let keys = (0..256).map(|i| format!("VARIABLE_{i:0>119}")).collect();
    let set = PublishedSet { name: "kliv-env-1".into(), keys, revision: 1, ..Default::default() };
    publish(cluster, &namespace, vec![set]).await;

    let mut deployment = function();
    let own: Vec<Value> =
        (0..100).map(|i| json!({"name": format!("OWN_{i}"), "value": "x"})).collect();
    deployment["spec"]["template"]["spec"]["containers"][0]["env"] = json!(own);
    let stored = write(cluster, &namespace, &deployment, false).await;

    let env = stored["spec"]["template"]["spec"]["containers"][0]["env"].as_array().map(Vec::len);
    assert_eq!(env, Some(356));
}

async fn try_case(cluster: &Cluster, index: usize, case: Case) -> Vec<String> {
    let namespace = cluster.namespace(&format!("case-{index}")).await;
    // The object before the write comes before the account: the policy leaves it alone.
    if let Some(before) = &case.before {
        write(cluster, &namespace, &before.deployment(), false).await;
    }
    publish(cluster, &namespace, case.sets()).await;
    let written = case.write.deployment();
    let stored = write(cluster, &namespace, &written, case.before.is_some()).await;
    case.differences(&stored).into_iter().map(|d| format!("{}: {d}", case.name)).collect()
}

/// Writes the account's contract and waits until the policy sees it: by a set of an
/// environment that no case has.
async fn publish(cluster: &Cluster, namespace: &str, mut sets: Vec<PublishedSet>) {
    let controller = cluster.as_user(CONTROLLER, &["system:masters"]);
    sets.push(PublishedSet {
        environment: "probe".into(),
        name: "kliv-env-probe".into(),
        keys: vec!["PROBE".into()],
        ..Default::default()
    });
    let accounts: Api<KlivAccount> = Api::namespaced(controller, namespace);
    let account = KlivAccount::new(ACCOUNT_NAME, KlivAccountSpec {});
    accounts.create(&PostParams::default(), &account).await.expect("creates");
    let status = json!({ "status": { "revision": 1, "sets": sets } });
    accounts
        .patch_status(ACCOUNT_NAME, &PatchParams::default(), &Patch::Merge(status))
        .await
        .expect("writes the status");

    let mut probe = function();
    probe["metadata"]["labels"]["secrets.kliv.dev/environment"] = json!("probe");
    let functions: Api<Deployment> = Api::namespaced(cluster.client(), namespace);
    let probe: Deployment = serde_json::from_value(probe).expect("a Deployment");
    let dry_run = PostParams { dry_run: true, ..Default::default() };
    eventually("the policy sees the account", async || {
        let answer = functions.create(&dry_run, &probe).await.ok()?;
        answer.spec.template.spec?.containers[0].env.as_ref().map(|_| ())
    })
    .await;
}

async fn write(cluster: &Cluster, namespace: &str, object: &Value, exists: bool) -> Value {
    let functions: Api<Deployment> = Api::namespaced(cluster.client(), namespace);
    let object: Deployment = serde_json::from_value(object.clone()).expect("a Deployment");
    let params = PostParams::default();
    let stored = if exists {
        functions.replace("case", &params, &object).await
    } else {
        functions.create(&params, &object).await
    };
    serde_json::to_value(stored.expect("is written")).expect("serialises")
}

fn function() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "probe", "labels": {"app.kubernetes.io/component": "edge-function"}},
        "spec": {
            "selector": {"matchLabels": {"case": "yes"}},
            "template": {
                "metadata": {"labels": {"case": "yes"}},
                "spec": {"containers": [{"name": "main", "image": "example.org/none"}]},
            },
        },
    })
}
