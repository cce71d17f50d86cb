//! Values that come back, and values that must not, on a real API server.

use kliv_secrets::api::KlivSecret;
use kliv_secrets::api::condition::Reason;
use kliv_secrets::runtime::clock;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use crate::account::{Account, function, secret, secret_with};
use crate::harness::eventually;
use crate::operator::Operator;

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}

/// Puts in values one after the other, and gives the ciphertext of each, the first first.
async fn history(account: &Account<'_>, values: &[&str]) -> Vec<String> {
    let mut sealed = Vec::new();
    for value in values {
        let put = account.put(&secret("API_TOKEN", value)).await;
        sealed.push(put.spec.sealed.expect("sealed"));
    }
    sealed
}

/// Changes the spec as its owner, without waiting for anything.
async fn change(account: &Account<'_>, spec: Value) {
    let secrets: Api<KlivSecret> = account.api();
    let patch = Patch::Merge(json!({ "spec": spec }));
    secrets.patch("api-token", &PatchParams::default(), &patch).await.expect("is changed");
}

fn versions(secret: &KlivSecret) -> Vec<(i64, Option<i64>)> {
    let history = secret.status.iter().flat_map(|status| &status.history);
    history.map(|entry| (entry.version, entry.restores)).collect()
}

#[tokio::test]
async fn a_rollback_is_a_new_version_that_names_the_one_it_restores() {
    let account = account("rollback").await;
    let sealed = history(&account, &["first", "second"]).await;
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "second")]).await;

    change(&account, json!({ "sealed": sealed[0] })).await;

    let back = account.published("api-token").await;
    assert_eq!(versions(&back), [(3, Some(1)), (2, None), (1, None)]);
    account.gets("api", &[("API_TOKEN", "first")]).await;
}

#[tokio::test]
async fn what_was_sealed_before_a_refused_time_stays_refused_also_when_the_field_is_taken_away() {
    let account = account("refused").await;
    let sealed = history(&account, &["first", "second"]).await;
    account.create(&function("api")).await;
    // Times are in whole seconds: the next value is sealed in a later one.
    let second = clock::now().as_second();
    eventually("the next second", async || (clock::now().as_second() > second).then_some(())).await;
    let now = clock::now();

    let mut third = secret("API_TOKEN", "third");
    third["spec"]["refuseSealedBefore"] = json!(format!("{now:.0}"));
    let third = account.put(&third).await;
    assert_eq!(versions(&third), [(3, None)], "the compromised ones have left the history");

    for spec in [json!({ "sealed": sealed[1] }), json!({ "refuseSealedBefore": null })] {
        change(&account, spec).await;
        let refused = account.becomes("api-token", Reason::SealedTooEarly).await;
        let status = refused.status.expect("a status");
        assert!(status.refuse_sealed_before.is_some());
        assert_eq!(status.version, Some(3));
        account.gets("api", &[("API_TOKEN", "third")]).await;
    }
    account.put(&secret("API_TOKEN", "fourth")).await;
    account.gets("api", &[("API_TOKEN", "fourth")]).await;
    change(&account, json!({ "sealed": sealed[0] })).await;
    account.becomes("api-token", Reason::SealedTooEarly).await;
}

#[tokio::test]
async fn a_value_in_use_that_is_refused_stays_with_functions_until_a_new_one_comes() {
    let account = account("in-use").await;
    history(&account, &["first"]).await;
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "first")]).await;
    let revision = account.status().await.revision;
    let second = clock::now().as_second();
    eventually("the next second", async || (clock::now().as_second() > second).then_some(())).await;

    change(&account, json!({ "refuseSealedBefore": format!("{:.0}", clock::now()) })).await;

    account.becomes("api-token", Reason::SealedTooEarly).await;
    account.caught_up().await;
    account.gets("api", &[("API_TOKEN", "first")]).await;
    assert_eq!(account.status().await.revision, revision, "nothing rolls out");
    let new = account.put(&secret("API_TOKEN", "second")).await;
    assert_eq!(versions(&new), [(2, None)]);
    account.gets("api", &[("API_TOKEN", "second")]).await;
}

#[tokio::test]
async fn deleting_and_creating_again_does_not_resurrect_old_versions() {
    let account = account("again").await;
    history(&account, &["first", "second"]).await;
    account.delete("ksec/api-token");
    eventually("nothing is published any more", async || {
        account.set("").await.is_none().then_some(())
    })
    .await;

    let asked = json!({ "envVar": "API_TOKEN", "request": { "purpose": "mail" } });
    account.apply(&secret_with(asked));
    let waits = account.becomes("api-token", Reason::AwaitingValue).await;
    assert_eq!((waits.spec.sealed.as_deref(), versions(&waits)), (None, Vec::new()));
    let new = account.put(&secret("API_TOKEN", "third")).await;
    assert_eq!(versions(&new), [(1, None)]);
}
