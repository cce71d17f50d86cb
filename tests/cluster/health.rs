//! What tools that wait for an object take it for: Argo CD's health by the script of the
//! docs, and kstatus, by which Flux and `helm --wait` go.

use k8s_openapi::jiff::Timestamp;
use kliv_secrets::api::condition::{Reason, conditions};
use kliv_secrets::api::{KlivAccount, KlivSecret};
use kube::api::Api;
use serde_json::{Value, json};

use crate::account::{Account, secret, secret_with};
use crate::gitops::{health, kstatus};
use crate::harness;
use crate::operator::Operator;
use crate::place::{Place, question, stamp};

#[tokio::test]
async fn what_nobody_has_looked_at_is_not_taken_for_ready() {
    let place = Place::new("unseen").await;
    let mut written = question();
    let stamps = json!({ "secrets.kliv.dev/stamps": stamp(1, &place.user) });
    written["metadata"]["annotations"] = stamps;
    let secret = json!(place.create::<KlivSecret>(written).await);
    let account = json!({ "metadata": { "name": "default" }, "spec": {} });
    let account = json!(place.create_as_controller::<KlivAccount>(account).await);

    let cluster = harness::control_plane().await;
    for object in [secret, account] {
        assert_eq!(kstatus(cluster, &object).0, "InProgress");
        let said = ("Progressing".into(), "waits for the kliv-secrets controller".into());
        assert_eq!(health(cluster, &object), said);
    }
}

#[tokio::test]
async fn every_reason_has_its_health() {
    let cluster = harness::control_plane().await;
    let expected = [
        (Reason::Published, "Healthy", "Current"),
        (Reason::AwaitingValue, "Suspended", "InProgress"),
        (Reason::DecryptionFailed, "Degraded", "Failed"),
        (Reason::SealedTooEarly, "Degraded", "Failed"),
        (Reason::LimitExceeded, "Degraded", "Failed"),
        (Reason::QuotaExceeded, "Degraded", "InProgress"),
        (Reason::InvalidSpec, "Degraded", "Failed"),
        (Reason::PublishFailed, "Degraded", "InProgress"),
    ];
    for (reason, argo, flux) in expected {
        let conditions = conditions(&[], reason, "some words", Some(3), Timestamp::UNIX_EPOCH);
        let object = with_status(3, &json!({ "observedGeneration": 3, "conditions": conditions }));
        let said = (argo.to_owned(), format!("{}: some words", reason.as_str()));
        assert_eq!(health(cluster, &object), said);
        assert_eq!(kstatus(cluster, &object).0, flux, "{}", reason.as_str());

        // Of a spec that was changed since, the same status says nothing.
        let object = with_status(4, &object["status"]);
        assert_eq!(health(cluster, &object).0, "Progressing");
        assert_eq!(kstatus(cluster, &object).0, "InProgress");
    }
}

#[tokio::test]
async fn a_secret_goes_from_question_to_failure_to_health() {
    let account = Account::new(Operator::shared().await, "health").await;
    let cluster = account.cluster;
    let spec = json!({ "envVar": "API_TOKEN", "request": { "purpose": "mail" } });
    account.apply(&secret_with(spec.clone()));
    let asked = json!(account.becomes("api-token", Reason::AwaitingValue).await);
    assert_eq!(health(cluster, &asked).0, "Suspended");
    assert_eq!(kstatus(cluster, &asked).0, "InProgress");

    // Sealed for another account.
    let other = Account::new(Operator::shared().await, "health-other").await;
    let sealed = other.put(&secret("API_TOKEN", "some value")).await.spec.sealed;
    account.apply(&secret_with(json!({ "envVar": "API_TOKEN", "sealed": sealed })));
    let failed = json!(account.becomes("api-token", Reason::DecryptionFailed).await);
    assert_eq!(health(cluster, &failed).0, "Degraded");
    assert_eq!(kstatus(cluster, &failed).0, "Failed");

    let published = json!(account.put(&secret("API_TOKEN", "some value")).await);
    let words = "Published: all functions of the account get this value";
    assert_eq!(health(cluster, &published), ("Healthy".into(), words.into()));
    assert_eq!(kstatus(cluster, &published).0, "Current");

    let accounts: Api<KlivAccount> = account.api();
    let contract = json!(accounts.get("default").await.expect("the account"));
    assert_eq!(health(cluster, &contract).0, "Healthy");
    assert_eq!(kstatus(cluster, &contract).0, "Current");
}

fn with_status(generation: i64, status: &Value) -> Value {
    let mut object = question();
    object["metadata"]["generation"] = json!(generation);
    object["status"] = status.clone();
    object
}
