//! A value's way into running pods, and how a change of it goes on there.

use std::io::Write;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use tokio::time::Instant;

use crate::account::{Account, secret};
use crate::harness::eventually;
use crate::operator::Operator;

#[tokio::test]
async fn a_function_made_after_the_value_has_it_in_its_first_pod_and_rolls_out_once() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "way").await;
    account.put(&secret("API_TOKEN", "one")).await;
    // The claim is made for functions that come once the API server's policies have seen it.
    account.is_injected().await;

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
