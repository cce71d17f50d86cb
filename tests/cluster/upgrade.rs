//! The chart upgraded and rolled back by Helm under a working operator, with another
//! version of the CRDs: what is stored stays, and nothing of it is noticed by functions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use kliv_secrets::api::{KlivSecret, crds};
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

use crate::account::{Account, function, function_in, secret, secret_in};
use crate::chart::NAMESPACE;
use crate::harness::{Options, eventually};
use crate::operator::Operator;

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kliv-secrets");

#[tokio::test]
async fn an_upgrade_and_a_rollback_that_change_the_crds_keep_what_is_stored_and_roll_nothing_out() {
    let operator = Operator::start(Options::default(), &[]).await;
    let scratch = tempfile::tempdir().expect("a folder");
    let (older, newer) = charts(&operator, scratch.path()).await;
    let helm = |args: &[&str], mode: &str| {
        let release = ["-n", NAMESPACE, mode];
        operator.cluster.helm(&[args, &release].concat()).success();
    };
    let upgrade = |chart: &Path, mode: &str, more: &[&str]| {
        let chart = chart.to_str().expect("a path");
        let values = "image.repository=example.org/kliv-secrets,image.tag=test,\
                      controller.replicas=0,webhook.replicas=0";
        let what = ["upgrade", "--install", "kliv-secrets", chart, "--set", values];
        helm(&[&what, more].concat(), mode);
    };
    // What the tests' operator is made of was not made by Helm.
    let server_side = "--server-side=true";
    upgrade(&older, server_side, &["--take-ownership", "--force-conflicts"]);
    eventually("the older CRD", async || (!knows_the_field(&operator)).then_some(())).await;

    let account = Account::new(&operator, "upgraded").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.put(&secret_in("test", "API_TOKEN", "of test")).await;
    account.create(&function("plain")).await;
    account.create(&function_in("test", "tested")).await;
    account.gets("plain", &[("API_TOKEN", "one")]).await;
    account.gets("tested", &[("API_TOKEN", "of test")]).await;
    eventually("all functions are told to be updated", async || {
        let functions = account.status().await.functions;
        (functions.total == 2 && functions.updated == 2).then_some(())
    })
    .await;
    account.caught_up().await;
    let before = state(&account).await;
    let mark = operator.cluster.audit_mark().await;

    // Rolling back writes as the release that it goes back to was written.
    for (round, mode) in [server_side, "--server-side=false"].into_iter().enumerate() {
        upgrade(&newer, mode, &[]);
        eventually("the newer CRD", async || knows_the_field(&operator).then_some(())).await;
        let mut reminded = secret("API_TOKEN", "one");
        reminded["spec"]["rotateAfterDays"] = json!(30 + round);
        account.put(&reminded).await;
        assert_eq!(rotate_after(&account).await, Some(i32::try_from(30 + round).expect("small")));
        assert_eq!(state(&account).await, before, "after the upgrade, {mode}");

        helm(&["rollback", "kliv-secrets", "1"], "--server-side=auto");
        eventually("the older CRD is back", async || (!knows_the_field(&operator)).then_some(()))
            .await;
        account.caught_up().await;
        assert_eq!(rotate_after(&account).await, None, "the older kind has no such field");
        assert_eq!(state(&account).await, before, "after the rollback, {mode}");
        // Values can still be written, and the value that is there is no new version.
        account.put(&secret("API_TOKEN", "one")).await;
    }
    upgrade(&newer, server_side, &[]);
    account.caught_up().await;
    assert_eq!(state(&account).await, before, "upgraded for good");

    let mut writes = operator.cluster.audit_since(mark).await;
    writes.retain(|write| {
        let matters = ["secrets", "deployments"].contains(&write.resource.as_str());
        let ours = write.namespace == account.namespace && write.name != "barrier";
        write.is_write() && matters && ours
    });
    assert_eq!(writes, [], "no set was made or renamed, no function written");
    account.put(&secret("API_TOKEN", "two")).await;
    account.gets("plain", &[("API_TOKEN", "two")]).await;
}

/// The chart as it is and as if an earlier version: its CRD lacks a field and a column.
/// Both with the webhook where the tests' operator has it.
async fn charts(operator: &Operator, scratch: &Path) -> (PathBuf, PathBuf) {
    let webhooks: Api<MutatingWebhookConfiguration> = Api::all(operator.cluster.client());
    let configuration = webhooks.get("kliv-secrets").await.expect("is there");
    let webhooks = configuration.webhooks.expect("webhooks").into_iter();
    let urls: Vec<_> = webhooks.map(|w| w.client_config.url.expect("an address")).collect();
    let copy = |name: &str| {
        let chart = scratch.join(name);
        let copied = Command::new("cp").args(["-r", CHART]).arg(&chart).status();
        assert!(copied.expect("runs cp").success());
        let file = chart.join("templates/webhook-configuration.yaml");
        let text = fs::read_to_string(&file).expect("the template");
        let text = urls.iter().fold(text, |text, url| {
            let (head, rest) = text.split_once("      service:\n").expect("a Service");
            let (_, tail) = rest.split_once("    rules:\n").expect("rules");
            format!("{head}      url: {url}\n    rules:\n{tail}")
        });
        fs::write(&file, text).expect("writes");
        chart
    };
    let (older, newer) = (copy("older"), copy("newer"));
    let (_, mut crd) = crds::values().expect("the CRDs").swap_remove(0);
    let version = &mut crd["spec"]["versions"][0];
    let spec = &mut version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    assert!(spec.as_object_mut().expect("fields").remove("rotateAfterDays").is_some());
    version["additionalPrinterColumns"].as_array_mut().expect("columns").pop();
    let file = older.join("files/crds/klivsecrets.yaml");
    fs::write(file, serde_saphyr::to_string(&crd).expect("YAML")).expect("writes");
    (older, newer)
}

fn knows_the_field(operator: &Operator) -> bool {
    let path = "klivsecrets.spec.rotateAfterDays";
    operator.cluster.kubectl(&["explain", path]).ok
}

async fn rotate_after(account: &Account<'_>) -> Option<i32> {
    let secrets: Api<KlivSecret> = account.api();
    secrets.get("api-token").await.expect("is there").spec.rotate_after_days
}

/// What must not change: which objects there are, which values in which versions, which
/// sets, and the template of each function.
async fn state(account: &Account<'_>) -> BTreeMap<String, Value> {
    let mut state = BTreeMap::new();
    let secrets: Api<KlivSecret> = account.api();
    for secret in secrets.list(&ListParams::default()).await.expect("KlivSecrets") {
        let status = secret.status.expect("a status");
        let name = secret.metadata.name.expect("a name");
        let history = serde_json::to_value(status.history[0].version).expect("serialises");
        let content = json!([
            secret.metadata.uid,
            status.version,
            status.masked_value,
            status.updated_time,
            history,
            status.conditions[0].reason,
        ]);
        state.insert(format!("secret {name}"), content);
    }
    let functions: Api<Deployment> = account.api();
    for function in functions.list(&ListParams::default()).await.expect("Deployments") {
        let name = function.metadata.name.expect("a name");
        if name != "barrier" {
            state.insert(format!("function {name}"), json!(function.metadata.generation));
        }
    }
    let status = account.status().await;
    state.insert("sets".into(), serde_json::to_value(&status.sets).expect("serialises"));
    state.insert("there".into(), json!(account.sets_there().await));
    state
}
