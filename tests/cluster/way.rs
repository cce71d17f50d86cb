//! A value's way, from `kubectl apply` into a function, and out again.

use std::collections::BTreeSet;

use futures::future::join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kliv_secrets::api::condition::Reason;
use kliv_secrets::api::{KlivAccount, KlivSecret};
use kliv_secrets::runtime::clock;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;

use crate::account::{Account, env_of, function, secret, secret_with};
use crate::harness::{AuditMark, Options, eventually};
use crate::operator::{CONTROLLER, KEPT, Operator};

#[tokio::test]
async fn a_new_function_has_its_env_in_its_first_and_only_replica_set() {
    let account = account("first").await;
    account.put(&secret("OPENAI_API_KEY", "sk-proj-abc123xyz789")).await;
    // The claim is made for functions that come once the API server's policies have seen it.
    account.is_injected().await;

    let created = account.create(&function("api")).await;

    let set = account.set("").await;
    assert!(set.is_some());
    assert_eq!(env_of(&created), [("OPENAI_API_KEY".to_owned(), set)]);
    account.gets("api", &[("OPENAI_API_KEY", "sk-proj-abc123xyz789")]).await;
    account.caught_up().await;
    assert_eq!(account.replica_sets("api").await.len(), 1);
    assert_eq!(account.function("api").await.metadata.generation, Some(1));
}

#[tokio::test]
async fn functions_that_were_there_before_the_first_value_get_it() {
    let account = account("before").await;
    account.create(&function("api")).await;
    account.put(&secret("STRIPE_API_KEY", "sk_live_0123456789")).await;
    account.gets("api", &[("STRIPE_API_KEY", "sk_live_0123456789")]).await;
}

#[tokio::test]
async fn a_changed_value_is_one_new_replica_set_of_each_function() {
    let account = account("change").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.put(&secret("DB_PASSWORD", "same")).await;
    for name in ["a", "b", "c"] {
        account.create(&function(name)).await;
        account.gets(name, &[("API_TOKEN", "one"), ("DB_PASSWORD", "same")]).await;
    }
    account.caught_up().await;
    let before = rollouts(&account, &["a", "b", "c"]).await;

    account.put(&secret("API_TOKEN", "two")).await;

    for name in ["a", "b", "c"] {
        account.gets(name, &[("API_TOKEN", "two"), ("DB_PASSWORD", "same")]).await;
    }
    account.caught_up().await;
    let after = rollouts(&account, &["a", "b", "c"]).await;
    assert_eq!(after, before.iter().map(|count| count + 1).collect::<Vec<_>>());
}

#[tokio::test]
async fn twenty_values_changed_at_once_are_one_new_replica_set_too() {
    let account = Account::new(Operator::gathering().await, "twenty").await;
    let names: Vec<String> = (0..20).map(|i| format!("VARIABLE_{i}")).collect();
    let all = |value: &'static str| {
        let writes = names.iter().map(|env_var| {
            let object = secret(env_var, value);
            let secrets: Api<KlivSecret> = account.api();
            async move {
                let name = object["metadata"]["name"].as_str().expect("a name");
                let params = PatchParams::apply("test").force();
                let patch = Patch::Apply(&object);
                secrets.patch(name, &params, &patch).await.expect("is applied");
            }
        });
        join_all(writes)
    };
    let expected =
        |value: &'static str| names.iter().map(|name| (name.as_str(), value)).collect::<Vec<_>>();
    all("one").await;
    account.published("variable-19").await;
    account.create(&function("api")).await;
    account.gets("api", &expected("one")).await;
    account.caught_up().await;
    let before = rollouts(&account, &["api"]).await;
    let revision = account.status().await.revision;

    all("two").await;

    account.gets("api", &expected("two")).await;
    account.caught_up().await;
    assert_eq!(rollouts(&account, &["api"]).await, [before[0] + 1]);
    assert_eq!(account.status().await.revision, revision + 1, "one new set");
}

#[tokio::test]
async fn the_status_says_who_changed_a_value_when_and_through_what_and_shows_a_mask() {
    let account = account("status").await;
    let manifest = secret("OPENAI_API_KEY", "sk-proj-abc123xyz789");
    let as_anna = ["apply", "-f", "-", "--as=anna", "--as-group=system:masters"];
    account.kubectl(&as_anna, &manifest).success();
    let first = account.published("openai-api-key").await.status.expect("a status");
    assert_eq!(first.masked_value.as_deref(), Some("sk-p****z789"));
    assert_eq!(first.version, Some(1));
    assert_eq!(first.updated_by.as_deref(), Some("anna"));
    assert_eq!(first.via.as_deref(), Some("kubectl"));
    assert_eq!(first.created_time, first.updated_time);

    let manifest = secret("OPENAI_API_KEY", "sk-proj-def456uvw012");
    let as_bo = ["apply", "-f", "-", "--as=bo", "--as-group=system:masters"];
    account.kubectl(&as_bo, &manifest).success();
    let second = account.published("openai-api-key").await.status.expect("a status");
    assert_eq!(second.masked_value.as_deref(), Some("sk-p****w012"));
    assert_eq!((second.version, second.updated_by.as_deref()), (Some(2), Some("bo")));
    assert_eq!(second.created_time, first.created_time);
    assert_eq!(
        second.history.iter().map(|e| (e.version, e.by.as_str())).collect::<Vec<_>>(),
        [(2, "bo"), (1, "anna")]
    );
}

#[tokio::test]
async fn a_question_waits_for_its_answer_and_a_generated_value_is_kept() {
    let account = account("question").await;
    let question = json!({ "envVar": "MAIL_KEY", "request": { "purpose": "sends receipts" } });
    account.apply(&secret_with(question));
    account.becomes("mail-key", Reason::AwaitingValue).await;
    account.create(&function("api")).await;

    let answer = json!({ "spec": { "value": "the answer" } });
    let patch = ["patch", "ksec", "mail-key", "--type=merge", "--patch-file=/dev/stdin"];
    account.kubectl(&patch, &answer).success();
    account.published("mail-key").await;
    account.gets("api", &[("MAIL_KEY", "the answer")]).await;

    let generated = secret_with(json!({ "envVar": "SIGNING_KEY", "generate": { "length": 40 } }));
    account.put(&generated).await;
    let value = eventually("the generated value arrives", async || {
        account.environment("api").await.remove("SIGNING_KEY")
    })
    .await;
    assert_eq!(value.len(), 40);
    account.put(&generated).await;
    account.kubectl(&["replace", "-f", "-"], &generated).success();
    account.caught_up().await;
    account.gets("api", &[("MAIL_KEY", "the answer"), ("SIGNING_KEY", &value)]).await;
}

#[tokio::test]
async fn a_deleted_secret_leaves_its_functions_and_the_last_one_its_sets_too() {
    let account = account("delete").await;
    account.put(&secret("KEPT_KEY", "kept")).await;
    account.put(&secret("GONE_KEY", "gone")).await;
    account.create(&function("api")).await;
    account.gets("api", &[("GONE_KEY", "gone"), ("KEPT_KEY", "kept")]).await;

    account.delete("ksec/gone-key");
    account.gets("api", &[("KEPT_KEY", "kept")]).await;

    account.delete("ksec/kept-key");
    account.gets("api", &[]).await;
    eventually("no published set is left", async || {
        account.sets_there().await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_superseded_set_stays_while_pods_use_it_and_goes_afterwards() {
    let account = account("superseded").await;
    account.put(&secret("API_TOKEN", "one")).await;
    let mut with_pod = function("api");
    with_pod["spec"]["replicas"] = json!(1);
    account.create(&with_pod).await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    let old = account.set("").await.expect("a set");
    let first_pod = pod_using(&account, &old).await;
    becomes_ready(&account, &first_pod).await;
    rolled_out(&account, "api").await;

    account.put(&secret("API_TOKEN", "two")).await;
    account.gets("api", &[("API_TOKEN", "two")]).await;
    let new = account.set("").await.expect("a set");
    let second_pod = pod_using(&account, &new).await;

    // Its time is over, but the new pod is not ready.
    eventually("the old set has been superseded for as long as it is kept at least", async || {
        let superseded = account.status().await.superseded.into_iter();
        let since = superseded.filter(|set| set.name == old).map(|set| set.since.0).next()?;
        (clock::now().duration_since(since) > KEPT).then_some(())
    })
    .await;
    account.caught_up().await;
    assert!(account.sets_there().await.contains(&old), "a set was taken from a running pod");

    becomes_ready(&account, &second_pod).await;
    rolled_out(&account, "api").await;
    eventually("the old set is gone, the new one stays", async || {
        (account.sets_there().await == [new.as_str()]).then_some(())
    })
    .await;
    eventually("the record of it is gone", async || {
        account.status().await.superseded.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn while_a_rollout_fails_the_set_of_the_running_pods_stays_until_another_succeeds() {
    let account = account("failing").await;
    account.put(&secret("API_TOKEN", "good")).await;
    let mut with_pod = function("api");
    with_pod["spec"]["replicas"] = json!(1);
    with_pod["spec"]["progressDeadlineSeconds"] = json!(1);
    account.create(&with_pod).await;
    account.gets("api", &[("API_TOKEN", "good")]).await;
    let good = account.set("").await.expect("a set");
    becomes_ready(&account, &pod_using(&account, &good).await).await;
    rolled_out(&account, "api").await;

    account.put(&secret("API_TOKEN", "bad")).await;
    account.gets("api", &[("API_TOKEN", "bad")]).await;
    let bad = account.set("").await.expect("a set");

    let told = eventually("the account says that its rollout has failed", async || {
        let mut behind = account.status().await.functions.not_updated.into_iter();
        behind.find(|function| function.reason == "RolloutFailed")
    })
    .await;
    assert!(told.message.expect("a way out").contains("old ones keep the former set"));
    eventually("the old set has been superseded for as long as it is kept at least", async || {
        let superseded = account.status().await.superseded.into_iter();
        let since = superseded.filter(|set| set.name == good).map(|set| set.since.0).next()?;
        (clock::now().duration_since(since) > KEPT).then_some(())
    })
    .await;
    let mark = account.cluster.audit_mark().await;
    account.caught_up().await;
    looked_twice(&account, mark).await;
    assert!(account.sets_there().await.contains(&good), "a set was taken from a running pod");

    account.put(&secret("API_TOKEN", "better")).await;
    account.gets("api", &[("API_TOKEN", "better")]).await;
    let better = account.set("").await.expect("a set");
    becomes_ready(&account, &pod_using(&account, &better).await).await;
    rolled_out(&account, "api").await;
    eventually("the old sets are gone, the new one stays", async || {
        (account.sets_there().await == [better.as_str()]).then_some(())
    })
    .await;
    assert_ne!(bad, better);
}

#[tokio::test]
async fn a_superseded_set_stays_while_anything_else_in_the_namespace_uses_it() {
    let account = account("borrowed").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    let old = account.set("").await.expect("a set");
    let pod = json!({
        "metadata": { "labels": { "it": "borrows" } },
        "spec": { "containers": [{
            "name": "main", "image": "example.org/none",
            "envFrom": [{ "secretRef": { "name": old } }],
        }]},
    });
    let borrower = |kind: &str| {
        let selector = json!({ "matchLabels": { "it": "borrows" } });
        json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": "borrower" },
            "spec": { "replicas": 1, "selector": selector, "template": pod },
        })
    };
    account.apply(&borrower("ReplicaSet"));
    let mut borrower = borrower("Deployment");
    borrower["spec"]["replicas"] = json!(0);
    let mark = account.cluster.audit_mark().await;

    account.put(&secret("API_TOKEN", "two")).await;
    account.gets("api", &[("API_TOKEN", "two")]).await;

    looked_twice(&account, mark).await;
    assert!(account.sets_there().await.contains(&old), "a ReplicaSet uses it");
    account.apply(&borrower);
    account.delete("replicaset/borrower");
    let mark = account.cluster.audit_mark().await;
    looked_twice(&account, mark).await;
    assert!(account.sets_there().await.contains(&old), "a Deployment mentions it");

    account.delete("deployment/borrower");
    eventually("the old set is gone", async || {
        (!account.sets_there().await.contains(&old)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_lost_set_comes_back_with_the_same_name_and_content() {
    let operator = Operator::start(Options::default(), &["--republish-interval=3s"]).await;
    let account = Account::new(&operator, "lost").await;
    account.put(&secret("API_TOKEN", "one")).await;
    let set = account.set("").await.expect("a set");
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    account.caught_up().await;
    let rollouts_before = rollouts(&account, &["api"]).await;

    // A policy lets nobody else delete it.
    let controller = account.cluster.as_user(CONTROLLER, &[]);
    let as_controller: Api<Secret> = Api::namespaced(controller, &account.namespace);
    as_controller.delete(&set, &DeleteParams::background()).await.expect("is deleted");

    let secrets: Api<Secret> = account.api();
    eventually("the set is back", async || secrets.get_opt(&set).await.expect("an answer")).await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    assert_eq!(rollouts(&account, &["api"]).await, rollouts_before);
}

#[tokio::test]
async fn a_deleted_account_object_is_rebuilt_without_a_rollout() {
    let account = account("rebuilt").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    account.caught_up().await;
    let before = account.status().await;
    let generation = account.function("api").await.metadata.generation;

    let accounts: Api<KlivAccount> = account.api();
    accounts.delete("default", &DeleteParams::default()).await.expect("is deleted");

    eventually("the account's sets are recorded again", async || {
        let names = |status: &kliv_secrets::api::KlivAccountStatus| {
            status.sets.iter().map(|set| set.name.clone()).collect::<BTreeSet<_>>()
        };
        (names(&account.status().await) == names(&before)).then_some(())
    })
    .await;
    account.caught_up().await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    assert_eq!(account.function("api").await.metadata.generation, generation);
}

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}

/// How many ReplicaSets each function has had.
async fn rollouts(account: &Account<'_>, functions: &[&str]) -> Vec<usize> {
    let mut counts = Vec::new();
    for name in functions {
        counts.push(account.replica_sets(name).await.len());
    }
    counts
}

/// The pod that the deployment controller made with this set.
async fn pod_using(account: &Account<'_>, set: &str) -> String {
    let pods: Api<Pod> = account.api();
    eventually("there is a pod with the set", async || {
        let pods = pods.list(&ListParams::default()).await.expect("Pods");
        let uses = |pod: &Pod| serde_json::to_string(pod).expect("JSON").contains(set);
        pods.items.iter().find(|pod| uses(pod)).and_then(|pod| pod.metadata.name.clone())
    })
    .await
}

/// What a kubelet would say of a pod that runs.
async fn becomes_ready(account: &Account<'_>, pod: &str) {
    let status = json!({ "status": {
        "phase": "Running",
        "conditions": [{
            "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    }});
    let pods: Api<Pod> = account.api();
    let patch = Patch::Merge(status);
    pods.patch_status(pod, &PatchParams::default(), &patch).await.expect("its status");
}

async fn rolled_out(account: &Account<'_>, name: &str) {
    eventually("the rollout is complete", async || {
        let function: Deployment = account.function(name).await;
        let status = function.status?;
        let all = status.observed_generation == function.metadata.generation
            && status.updated_replicas == Some(1)
            && status.available_replicas == Some(1)
            && status.replicas == Some(1);
        all.then_some(())
    })
    .await;
}

/// Waits until the controller has looked twice in this namespace whether a set may go, and
/// has done with the first look what there was to do.
async fn looked_twice(account: &Account<'_>, mark: AuditMark) {
    eventually("it was looked for use twice", async || {
        let mut requests = account.cluster.audit_since(mark).await;
        requests.retain(|request| {
            request.user == CONTROLLER
                && (request.verb.as_str(), request.resource.as_str()) == ("list", "replicasets")
                && request.namespace == account.namespace
        });
        (requests.len() >= 2).then_some(())
    })
    .await;
}
