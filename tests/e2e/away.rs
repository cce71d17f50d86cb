//! The operator stopped, removed, and without its keyring: what runs goes on, what leaves
//! can leave, and what was stored is there when the operator comes back.

use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kliv_secrets::api::names::KEYRING_SECRET;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::json;

use crate::account::{Account, is_ready, secret};
use crate::harness::eventually;
use crate::operator::{NAMESPACE, Operator};
use crate::steady::Steady;

#[tokio::test]
async fn without_the_operator_functions_restart_and_scale_and_a_new_one_opens_all() {
    let Some(operator) = Operator::alone().await else { return };
    let steady = Steady::new(&operator).await;
    let keyring = keyring(&operator).await;
    assert!(keyring.is_some());

    operator.uninstall().await;

    restarts_and_scales(&steady.account).await;
    let crds: Api<CustomResourceDefinition> = Api::all(operator.cluster.client());
    for kind in ["klivsecrets", "klivaccounts"] {
        let crd = crds.get_opt(&format!("{kind}.secrets.kliv.dev")).await.expect("an answer");
        let stays = crd.is_some_and(|crd| crd.metadata.deletion_timestamp.is_none());
        assert!(stays, "{kind} are gone");
    }
    assert_eq!(self::keyring(&operator).await, keyring);

    operator.install().success();

    operator.leads().await;
    steady.is_untouched().await;
    opens_all(&steady.account).await;
}

#[tokio::test]
async fn without_its_keyring_nothing_changes_until_the_backup_is_there_again() {
    let Some(operator) = Operator::alone().await else { return };
    let steady = Steady::new(&operator).await;
    let image = operator.image().await;
    // The manual's two commands: this one, and the one that restores it below.
    let backup = operator.kubectl(&["get", "secret", KEYRING_SECRET, "-o", "yaml"]).success();
    operator.uninstall().await;
    operator.kubectl(&["delete", "secret", KEYRING_SECRET]).success();

    operator.install_only(&image).success();

    says_that_it_is_gone(&operator).await;
    // What nobody may ever open is not taken.
    let account = &steady.account;
    let late = secret("LATE_TOKEN", "handed in later");
    let refused = account.kubectl(&["apply", "-f", "-"], &late.to_string()).failure();
    assert!(refused.contains("so nothing was stored"), "{refused}");
    eventually("what is stored says that it can't be opened", async || {
        let path = "jsonpath={.status.conditions[0].reason}: {.status.conditions[0].message}";
        let said = account.kubectl(&["get", "klivsecret", "api-token", "-o", path], "");
        let right = said.stdout.starts_with("DecryptionFailed: the operator's keyring is lost");
        right.then_some(())
    })
    .await;
    restarts_and_scales(account).await;
    // Another leader decides no differently.
    operator.kubectl(&["delete", "pods", "-l", "app.kubernetes.io/component=controller"]).success();
    says_that_it_is_gone(&operator).await;
    assert_eq!(keyring(&operator).await, None);
    steady.is_untouched().await;

    operator.cluster.kubectl_reading(&backup, &["create", "-f", "-"]).success();

    eventually("values are taken again", async || {
        account.kubectl(&["apply", "-f", "-"], &late.to_string()).ok.then_some(())
    })
    .await;
    account.published("late-token").await;
    operator.stands().await;
    opens_all(account).await;
    account.runs_with("api", &[("LATE_TOKEN", "handed in later")]).await;
}

#[tokio::test]
async fn a_namespace_of_200_secrets_and_running_functions_goes_whatever_the_operator_does() {
    let Some(operator) = Operator::alone().await else { return };
    let accounts = [
        full_account(&operator).await,
        full_account(&operator).await,
        full_account(&operator).await,
    ];
    let [with_operator, with_none_running, with_none_installed] = accounts;

    goes(&with_operator).await;
    operator.scale_to_nothing().await;
    goes(&with_none_running).await;
    operator.uninstall().await;
    goes(&with_none_installed).await;
}

/// Waits until the leader says by an Event that its keyring is gone, and the way out, and
/// that it is not ready.
async fn says_that_it_is_gone(operator: &Operator) {
    let leader = operator.leads().await;
    let says = [
        "the Secret kliv-secrets-system/kliv-secrets-keyring is gone",
        "kubectl -n kliv-secrets-system create -f <backup file>",
    ];
    eventually("an Event says that the keyring is gone, and the way out", async || {
        let events: Api<Event> = operator.api();
        let events = events.list(&ListParams::default()).await.expect("Events");
        let told = events.items.into_iter().find(|event| {
            let instance = event.reporting_instance.as_deref().unwrap_or_default();
            let note = event.note.as_deref().unwrap_or_default();
            event.reason.as_deref() == Some("KeyringUnavailable")
                && instance.starts_with(&leader)
                && says.iter().all(|text| note.contains(text))
        });
        told.map(|_| ())
    })
    .await;
    eventually("the leader is not ready", async || {
        let pods = operator.pods("controller").await;
        let leader = pods.iter().find(|pod| pod.name_any() == leader)?;
        (!is_ready(leader)).then_some(())
    })
    .await;
}

/// The pods of a steady account's function are killed, and others are asked for: all have
/// what the first one had.
async fn restarts_and_scales(account: &Account<'_>) {
    let pods: Api<Pod> = account.api();
    let before = account.pods("api").await;
    for pod in &before {
        pods.delete(&pod.name_any(), &DeleteParams::default()).await.expect("is deleted");
    }
    let count = before.len() + 1;
    let replicas = format!("--replicas={count}");
    account.kubectl(&["scale", "deployment/api", &replicas], "").success();
    eventually("other pods serve what the first one did", async || {
        let now = account.pods("api").await;
        for pod in &now {
            let environment = account.environment(&pod.name_any()).await?;
            let value = |name| environment.get(name).map(String::as_str);
            let same = value("API_TOKEN") == Some("of all")
                && value("OTHER_TOKEN") == Some("other")
                && before.iter().all(|old| old.uid() != pod.uid());
            if !same || !is_ready(pod) {
                return None;
            }
        }
        (now.len() == count).then_some(())
    })
    .await;
}

/// A set with a new value holds the old ones too: what was sealed before can be opened.
async fn opens_all(account: &Account<'_>) {
    account.put(&secret("NEW_TOKEN", "new")).await;
    account.kubectl(&["scale", "deployment/api", "--replicas=1"], "").success();
    let all = [("API_TOKEN", "of all"), ("NEW_TOKEN", "new"), ("OTHER_TOKEN", "other")];
    account.runs_with("api", &all).await;
}

/// One with 200 secrets and two functions that have them.
async fn full_account(operator: &Operator) -> Account<'_> {
    let account = Account::new(operator, "full").await;
    let secrets: Vec<_> =
        (0..200).map(|i| secret(&format!("TOKEN_{i}"), &format!("value {i}"))).collect();
    account.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": secrets }));
    account.published("token-199").await;
    for name in ["api", "other"] {
        account.apply(&account.function(name));
    }
    for name in ["api", "other"] {
        account.runs_with(name, &[("TOKEN_0", "value 0"), ("TOKEN_199", "value 199")]).await;
    }
    account
}

/// Deletes an account's namespace, and waits until it is gone.
async fn goes(account: &Account<'_>) {
    let namespaces: Api<Namespace> = Api::all(account.operator.cluster.client());
    namespaces.delete(&account.namespace, &DeleteParams::default()).await.expect("is deleted");
    eventually("a namespace with secrets, sets and functions is gone", async || {
        let there = namespaces.get_opt(&account.namespace).await.expect("an answer");
        there.is_none().then_some(())
    })
    .await;
}

/// The keyring's Secret: its uid and resourceVersion.
async fn keyring(operator: &Operator) -> Option<(Option<String>, Option<String>)> {
    let secrets: Api<Secret> = operator.api();
    let keyring = secrets.get_opt(KEYRING_SECRET).await.expect("an answer")?;
    assert_eq!(keyring.namespace().as_deref(), Some(NAMESPACE));
    Some((keyring.uid(), keyring.resource_version()))
}
