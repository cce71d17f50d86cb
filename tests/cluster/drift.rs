//! A function's label, environment or annotations change: it ends with exactly the env that
//! it should have, whoever is there to see to it.

use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::account::{Account, env_in, function, function_in, secret, secret_in};
use crate::chart;
use crate::harness::{Options, eventually};
use crate::operator::{KEPT, Operator};

#[tokio::test]
async fn with_the_policy_and_the_controller() {
    drifts(Operator::exclusive().await, By::Policy, Controller::Up).await;
}

#[tokio::test]
async fn with_the_policy_while_the_controller_is_down() {
    drifts(Operator::exclusive().await, By::Policy, Controller::Down).await;
}

#[tokio::test]
async fn without_the_policy_by_the_controller() {
    drifts(older().await, By::Controller, Controller::Up).await;
}

#[tokio::test]
async fn without_the_policy_by_a_controller_that_was_down_at_the_time() {
    drifts(older().await, By::Controller, Controller::Down).await;
}

/// `rollout: manual` holds on to a set, but not to one that does not exist: its pods could
/// not start.
#[tokio::test]
async fn a_manual_function_that_refers_to_a_deleted_set_gets_the_current_one() {
    let operator = older().await;
    let account = Account::new(&operator, "dead-set").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    let manual = json!({ "metadata": { "annotations": { "secrets.kliv.dev/rollout": "manual" } } });
    account.change("api", manual).await;
    let old = account.set("").await.expect("a set");
    // It holds on to a set that is there.
    account.put(&secret("API_TOKEN", "two")).await;
    account.is_told("api", "keeps its set").await;
    account.caught_up().await;
    account.gets("api", &[("API_TOKEN", "one")]).await;

    let entry = |set: &str| {
        let reference = json!({ "secretKeyRef": { "name": set, "key": "API_TOKEN" } });
        json!([{ "name": "API_TOKEN", "valueFrom": reference }])
    };
    let env = |env: Value| {
        json!({ "spec": { "template": { "spec": {
            "containers": [{ "name": "main", "image": "example.org/none", "env": env }] } } } })
    };
    account.change("api", env(entry("kliv-env-0123456789"))).await;

    eventually("it refers to a set that is there", async || {
        let there = account.sets_there().await;
        let held = crate::account::env_of(&account.function("api").await);
        held.iter()
            .all(|(_, set)| set.as_ref().is_some_and(|set| there.contains(set)))
            .then_some(())
    })
    .await;
    account.gets("api", &[("API_TOKEN", "two")]).await;
    eventually("nobody holds the former set any more", async || {
        (!account.sets_there().await.contains(&old)).then_some(())
    })
    .await;
}

#[derive(PartialEq)]
enum Controller {
    Up,
    Down,
}

/// Who strips what is no function any more.
#[derive(PartialEq)]
enum By {
    Policy,
    Controller,
}

async fn drifts(mut operator: MutexGuard<'static, Operator>, by: By, controller: Controller) {
    let all = [("API_TOKEN", "for-all"), ("DB_PASSWORD", "for-all")];
    let (namespace, generation) = {
        let account = Account::new(&operator, "drift").await;
        account.put(&secret("API_TOKEN", "for-all")).await;
        account.put(&secret("DB_PASSWORD", "for-all")).await;
        account.put(&secret_in("production", "API_TOKEN", "for-production")).await;
        for name in ["unlabelled", "moved", "opted-out", "choosy", "untouched"] {
            account.create(&function(name)).await;
        }
        account.create(&function_in("production", "moved-back")).await;
        let mut unlabelled = function("labelled");
        unlabelled["metadata"]["labels"] = json!({});
        account.create(&unlabelled).await;
        let mut two = function("other-container");
        two["spec"]["template"]["spec"]["containers"] = json!(
            ["first", "second"].map(|name| json!({ "name": name, "image": "example.org/none" }))
        );
        account.create(&two).await;
        for name in ["unlabelled", "moved", "opted-out", "choosy", "untouched", "other-container"] {
            account.gets(name, &all).await;
        }
        account.gets("moved-back", &[("API_TOKEN", "for-production"), all[1]]).await;
        let generation = account.function("untouched").await.metadata.generation;
        (account.namespace, generation)
    };
    if controller == Controller::Down {
        operator.stop_controller();
    }
    let account = Account::at(&operator, namespace.clone());
    let component = |value: Value| json!({ "app.kubernetes.io/component": value });
    let environment = |value: Value| json!({ "secrets.kliv.dev/environment": value });
    for (name, labels) in [
        ("unlabelled", component(json!("job"))),
        ("labelled", component(json!("edge-function"))),
        ("moved", environment(json!("production"))),
        ("moved-back", environment(Value::Null)),
    ] {
        account.change(name, json!({ "metadata": { "labels": labels } })).await;
    }
    for (name, annotations) in [
        ("opted-out", json!({ "secrets.kliv.dev/inject": "none" })),
        ("choosy", json!({ "secrets.kliv.dev/inject": "DB_PASSWORD" })),
        ("other-container", json!({ "secrets.kliv.dev/containers": "second" })),
    ] {
        account.change(name, json!({ "metadata": { "annotations": annotations } })).await;
    }

    operator.start_processes().await;

    let account = Account::at(&operator, namespace);
    let production = [("API_TOKEN", "for-production"), all[1]];
    for (name, expected) in [
        ("unlabelled", &[][..]),
        ("labelled", &all),
        ("moved", &production),
        ("moved-back", &all),
        ("opted-out", &[]),
        ("choosy", &all[1..]),
        ("untouched", &all),
        ("other-container", &[]),
    ] {
        account.gets(name, expected).await;
    }
    assert_eq!(env_in(&account.function("other-container").await, 1).len(), 2);
    if by == By::Controller {
        account.is_told("unlabelled", "is no edge function any more").await;
    }
    account.caught_up().await;
    assert_eq!(account.function("untouched").await.metadata.generation, generation);

    // Nothing holds on to a former set.
    account.put(&secret("API_TOKEN", "changed")).await;
    account.gets("untouched", &[("API_TOKEN", "changed"), all[1]]).await;
    account.gets("unlabelled", &[]).await;
    eventually("only the current sets are left", async || {
        let current = account.status().await.sets.into_iter().map(|set| set.name);
        let mut current: Vec<String> = current.collect();
        current.sort();
        let mut there = account.sets_there().await;
        there.sort();
        (there == current).then_some(())
    })
    .await;
}

/// The operator on a Kubernetes without the policy, for one test at a time.
async fn older() -> MutexGuard<'static, Operator> {
    static OLDER: OnceCell<Mutex<Operator>> = OnceCell::const_new();
    let start = async || {
        let kept = format!("--keep-superseded={KEPT}");
        let flags = [kept.as_str(), "--republish-interval=3s"];
        Mutex::new(Operator::start_on(chart::OLDER, Options::default(), &flags).await)
    };
    let mut operator = OLDER.get_or_init(start).await.lock().await;
    operator.start_processes().await;
    operator
}
