//! Helm 4 with the function's own chart: installed, upgraded, rolled back.

use std::fs;
use std::path::Path;

use kliv_secrets::api::KlivSecret;
use serde_json::{Value, json};

use crate::account::{Account, secret, secret_with};
use crate::operator::Operator;
use crate::tools::{BOTH, Pair, changed, manifest, pairs, without_env};

#[tokio::test]
async fn server_side_helm_upgrades_and_rolls_back_without_force() {
    goes_through("helm", &[], &[]).await;
}

#[tokio::test]
async fn client_side_helm_upgrades_and_rolls_back() {
    goes_through("helm-client", &["--server-side=false"], &["--server-side=false"]).await;
}

#[tokio::test]
async fn forced_helm_upgrades_and_rolls_back() {
    let forced = ["--force-conflicts"];
    goes_through("helm-forced", &["--server-side=true"], &forced).await;
}

#[tokio::test]
async fn a_chart_that_moves_to_server_side_apply_keeps_env_whole() {
    let moved = ["--server-side=true", "--force-conflicts"];
    goes_through("helm-moved", &["--server-side=false"], &moved).await;
}

#[tokio::test]
async fn a_replacing_helm_takes_nothing_of_ours() {
    let replace = ["--server-side=false", "--force-replace"];
    goes_through("helm-replace", &["--server-side=false"], &replace).await;
}

#[tokio::test]
async fn helm_waits_for_a_secret_and_not_for_one_that_will_never_be_ready() {
    let account = Account::new(Operator::shared().await, "helm-wait").await;
    let other = Account::new(Operator::shared().await, "helm-other").await;
    let install = |name: &str, manifest: &Value| {
        let folder = account.cluster.kubeconfig().with_file_name(format!("chart-wait-{name}"));
        write_chart(&folder, manifest);
        let chart = folder.to_str().expect("a folder of plain characters");
        let wait = ["--wait", "--timeout=60s", "-n", &account.namespace];
        account.cluster.helm(&[&["install", name, chart], &wait[..]].concat())
    };

    install("right", &secret_with(account.sealed("API_TOKEN", "some value"))).success();
    let secret: KlivSecret = account.api().get("api-token").await.expect("the secret");
    assert!(secret.status.is_some_and(|status| status.version == Some(1)));

    let said = install("moved", &secret_with(other.sealed("DB_PASSWORD", "some value"))).failure();
    // Not by running out of time.
    assert!(said.contains("/db-password not ready. status: Failed"), "{said}");
}

/// Install, then what a chart goes through in its life.
async fn goes_through(name: &str, install: &[&str], upgrade: &[&str]) {
    let made = |pair: &Pair<'_>, who: &str| helm(pair, "install", &manifest(who), install);
    for pair in pairs(name, made).await {
        let upgraded = async |chart: fn(&str) -> Value| {
            pair.after(1, |who| helm(&pair, "upgrade", &chart(who), upgrade)).await;
        };
        upgraded(manifest).await;
        upgraded(changed).await;
        // Meanwhile a value changes.
        pair.account.put(&secret("API_TOKEN", "second value")).await;
        pair.whole().await;
        upgraded(without_env).await;
        upgraded(changed).await;

        // To what was installed: its pods had the first set.
        for revision in ["1", "4", "5"] {
            pair.after(1, |who| roll_back(&pair, who, revision, upgrade)).await;
        }
        assert_eq!(pair.account.environment("api").await["API_TOKEN"], "second value");
        for who in BOTH {
            let args = ["uninstall", who, "-n", &pair.account.namespace, "--wait"];
            pair.account.cluster.helm(&args).success();
        }
    }
}

fn roll_back(pair: &Pair<'_>, who: &str, revision: &str, flags: &[&str]) {
    let args = ["rollback", who, revision, "-n", &pair.account.namespace];
    pair.account.cluster.helm(&[&args, flags].concat()).success();
}

/// Installs or upgrades the chart that holds this manifest.
fn helm(pair: &Pair<'_>, verb: &str, manifest: &Value, flags: &[&str]) {
    let who = manifest["metadata"]["name"].as_str().expect("a name");
    let kubeconfig = pair.account.cluster.kubeconfig();
    let folder = kubeconfig.with_file_name(format!("chart-{}-{who}", pair.account.namespace));
    write_chart(&folder, manifest);
    let chart = folder.to_str().expect("a folder of plain characters");
    let args = [verb, who, chart, "-n", &pair.account.namespace];
    pair.account.cluster.helm(&[&args, flags].concat()).success();
}

fn write_chart(folder: &Path, manifest: &Value) {
    let chart = json!({ "apiVersion": "v2", "name": "function", "version": "1.0.0" });
    fs::create_dir_all(folder.join("templates")).expect("a folder");
    fs::write(folder.join("Chart.yaml"), chart.to_string()).expect("a file");
    fs::write(folder.join("templates/function.yaml"), manifest.to_string()).expect("a file");
}
