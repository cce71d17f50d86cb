//! A value's way into running pods, and how a change of it goes on there.

use std::io::Write;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kliv_secrets::runtime::clock;
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::json;
use tokio::time::Instant;

use crate::account::{Account, is_ready, secret};
use crate::harness::eventually;
use crate::operator::Operator;

/// How long a superseded set stays at least: the chart's `controller.keepSuperseded`.
const KEPT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_function_made_after_the_value_has_it_in_its_first_pod_and_rolls_out_once() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "way").await;
    account.put(&secret("API_TOKEN", "one")).await;
    // The claim is made for functions that come 2 s or more after.
    tokio::time::sleep(Duration::from_secs(2)).await;

    account.apply(&account.function("api"));

    let pod = eventually("there is a first pod, and it answers", async || {
        let [pod] = account.pods("api").await.try_into().ok()?;
        account.environment(&pod.name_any()).await.map(|environment| (pod, environment))
    })
    .await;
    let (pod, environment) = pod;
    assert_eq!(environment.get("API_TOKEN").map(String::as_str), Some("one"));
    account.runs_with("api", &[("API_TOKEN", "one")]).await;
    account.caught_up().await;
    assert_eq!(account.replica_sets("api").await.len(), 1);
    let pods = account.pods("api").await;
    assert_eq!(pods.iter().map(Pod::uid).collect::<Vec<_>>(), [pod.uid()]);
}

#[tokio::test]
async fn a_changed_value_arrives_by_one_rollout_and_no_answer_lacks_it() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "way").await;
    account.put(&secret("API_TOKEN", "value 0")).await;
    account.apply(&account.function("api"));
    account.runs_with("api", &[("API_TOKEN", "value 0")]).await;
    account.caught_up().await;

    for change in 1..=3 {
        let before = account.replica_sets("api").await.len();
        let (old, new) = (format!("value {}", change - 1), format!("value {change}"));
        let start = Instant::now();
        account.apply(&secret("API_TOKEN", &new));
        let answered = eventually("a pod answers the new value", async || {
            for pod in account.pods("api").await {
                let Some(environment) = account.environment(&pod.name_any()).await else {
                    continue;
                };
                let value = environment.get("API_TOKEN").expect("a value in every answer");
                if *value == new {
                    return Some(start.elapsed());
                }
                assert_eq!(*value, old);
            }
            None
        })
        .await;
        account.runs_with("api", &[("API_TOKEN", &new)]).await;
        account.caught_up().await;
        assert_eq!(account.replica_sets("api").await.len(), before + 1);
        // Past the runner's capture: a figure, not a claim.
        let figures =
            format!("kubectl apply to the new value answered: {} ms\n", answered.as_millis());
        std::io::stderr().write_all(figures.as_bytes()).expect("standard error");
    }
}

#[tokio::test]
async fn a_value_that_breaks_a_function_leaves_its_old_pods_and_their_set_until_it_is_repaired() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "way").await;
    account.put(&secret("API_TOKEN", "good")).await;
    let mut function = account.function("api");
    function["spec"]["progressDeadlineSeconds"] = json!(10);
    function["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"] =
        json!("/readyz?API_TOKEN=good&API_TOKEN=repaired");
    account.apply(&function);
    account.runs_with("api", &[("API_TOKEN", "good")]).await;
    let good_set = account.set().await;

    account.put(&secret("API_TOKEN", "bad")).await;
    let answers = async |value: &str, ready: bool| {
        let claim = format!("a pod answers {value}, and it is ready: {ready}");
        eventually(&claim, async || {
            for pod in account.pods("api").await {
                let environment = account.environment(&pod.name_any()).await;
                let answered = environment.and_then(|mut e| e.remove("API_TOKEN"));
                if answered.as_deref() == Some(value) && is_ready(&pod) == ready {
                    return Some(pod);
                }
            }
            None
        })
        .await
    };
    answers("bad", false).await;
    eventually("the account says that the rollout failed", async || {
        let not_updated = account.status().await.functions.not_updated;
        let failed =
            |f: &kliv_secrets::api::NotUpdated| f.name == "api" && f.reason == "RolloutFailed";
        not_updated.iter().any(failed).then_some(())
    })
    .await;

    // An old pod that dies now comes back, as it was.
    let old = answers("good", true).await;
    let pods: kube::Api<Pod> = account.api();
    pods.delete(&old.name_any(), &DeleteParams::default()).await.expect("is deleted");
    eventually("a new pod of the old kind serves", async || {
        let pod = answers("good", true).await;
        (pod.uid() != old.uid()).then_some(())
    })
    .await;

    // Long after the set could have gone, had nobody needed it.
    past_keeping(&account, &good_set).await;
    account.caught_up().await;
    assert!(account.sets_there().await.contains(&good_set), "a set was taken from a running pod");
    answers("good", true).await;

    account.put(&secret("API_TOKEN", "repaired")).await;
    account.runs_with("api", &[("API_TOKEN", "repaired")]).await;
    eventually("the set that nobody needs any more is gone", async || {
        (!account.sets_there().await.contains(&good_set)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_deleted_secret_leaves_the_running_function() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "way").await;
    account.put(&secret("KEPT_TOKEN", "kept")).await;
    account.put(&secret("GONE_TOKEN", "gone")).await;
    account.apply(&account.function("api"));
    account.runs_with("api", &[("KEPT_TOKEN", "kept"), ("GONE_TOKEN", "gone")]).await;

    account.kubectl(&["delete", "klivsecret", "gone-token"], "").success();

    eventually("the pod that runs has the other one alone", async || {
        let environment = account.runs_with("api", &[("KEPT_TOKEN", "kept")]).await;
        (!environment.contains_key("GONE_TOKEN")).then_some(())
    })
    .await;
}

/// Waits until a set has been superseded for longer than it must stay.
async fn past_keeping(account: &Account<'_>, set: &str) {
    let since = eventually("the set is recorded as superseded", async || {
        let superseded = account.status().await.superseded;
        superseded.into_iter().find(|s| s.name == set).map(|s| s.since.0)
    })
    .await;
    let until = since + KEPT + Duration::from_secs(1);
    let left = clock::now().duration_until(until);
    tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
}
