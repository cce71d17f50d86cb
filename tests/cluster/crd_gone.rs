//! The CRD is deleted, by accident or with an uninstall, and comes back.

use kliv_secrets::api::KlivAccount;
use kube::api::Api;
use serde_json::Value;

use crate::account::{Account, function, secret};
use crate::chart;
use crate::harness::{Options, eventually};
use crate::operator::Operator;

#[tokio::test]
async fn functions_keep_their_env_while_the_crd_is_gone_and_when_it_is_back() {
    let operator = Operator::start(Options::default(), &["--keep-superseded=3s"]).await;
    let account = Account::new(&operator, "crd-gone").await;
    account.put(&secret("A_KEY", "before")).await;
    account.create(&function("worker")).await;
    account.gets("worker", &[("A_KEY", "before")]).await;

    operator.cluster.kubectl(&["delete", "crd", "klivsecrets.secrets.kliv.dev"]).success();
    passed_over(&operator, &account).await;
    account.gets("worker", &[("A_KEY", "before")]).await;

    let crd = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/klivsecrets.yaml");
    operator.cluster.kubectl(&["apply", "--server-side", "-f", crd]).success();
    chart::crds_serve(&operator.cluster).await;
    // The first may have begun before.
    passed_over(&operator, &account).await;
    passed_over(&operator, &account).await;
    account.gets("worker", &[("A_KEY", "before")]).await;

    // From here on it is as ever.
    applies_again(&account, &secret("A_KEY", "after")).await;
    account.gets("worker", &[("A_KEY", "after")]).await;
    account.delete("ksec/a-key");
    account.gets("worker", &[]).await;
}

#[tokio::test]
async fn the_same_where_the_accounts_go_alone_or_both_kinds_together() {
    let operator = Operator::start(Options::default(), &["--keep-superseded=3s"]).await;
    let account = Account::new(&operator, "crds-gone").await;
    account.put(&secret("A_KEY", "before")).await;
    account.create(&function("worker")).await;
    account.gets("worker", &[("A_KEY", "before")]).await;
    let generation = account.function("worker").await.metadata.generation;
    let set = account.set("").await.expect("a set");

    delete_and_apply(&operator, &["klivaccounts"]).await;
    eventually("the record is back", async || {
        let accounts: Api<KlivAccount> = account.api();
        let status = accounts.get_opt("default").await.ok()??.status?;
        (status.sets.first()?.name == set).then_some(())
    })
    .await;
    account.caught_up().await;
    account.gets("worker", &[("A_KEY", "before")]).await;

    delete_and_apply(&operator, &["klivsecrets", "klivaccounts"]).await;
    account.caught_up().await;
    account.gets("worker", &[("A_KEY", "before")]).await;
    assert_eq!(account.function("worker").await.metadata.generation, generation);

    // From here on it is as ever.
    applies_again(&account, &secret("A_KEY", "after")).await;
    account.gets("worker", &[("A_KEY", "after")]).await;
    eventually("the former set goes", async || {
        (!account.sets_there().await.contains(&set)).then_some(())
    })
    .await;
}

/// The CRDs of these kinds go, and come back at once, as from a manifest.
async fn delete_and_apply(operator: &Operator, plurals: &[&str]) {
    for plural in plurals {
        let crd = format!("crd/{plural}.secrets.kliv.dev");
        operator.cluster.kubectl(&["delete", &crd]).success();
    }
    for plural in plurals {
        let crd = format!("{}/crds/{plural}.yaml", env!("CARGO_MANIFEST_DIR"));
        operator.cluster.kubectl(&["apply", "--server-side", "-f", &crd]).success();
    }
    chart::crds_serve(&operator.cluster).await;
}

/// Policies and webhook take up a kind that is back a moment later.
async fn applies_again(account: &Account<'_>, object: &Value) {
    eventually("the API server takes KlivSecrets again", async || {
        account.kubectl(&["apply", "-f", "-"], object).ok.then_some(())
    })
    .await;
}

/// Waits until the controller has looked at the account and left it alone, from now on.
async fn passed_over(operator: &Operator, account: &Account<'_>) {
    let count = || {
        let line =
            |line: &&str| line.contains("with their CRD") && line.contains(&account.namespace);
        operator.logs().lines().filter(line).count()
    };
    let before = count();
    eventually("the account is passed over", async || (count() > before).then_some(())).await;
}
