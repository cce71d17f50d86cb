//! What `helm test` runs, with the rights that it has: says that all is well when it is,
//! and names each thing that is broken.

use std::process::Command;

use k8s_openapi::api::core::v1::Pod;
use kliv_secrets::api::KlivSecret;
use kliv_secrets::api::names::{GUARDS, INJECTION_POLICY};
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::account::{Account, secret};
use crate::chart::{self, NAMESPACE};
use crate::harness::{self, Cluster, Options, Outcome, eventually, eventually_or_why};
use crate::operator::{CONTROLLER, Operator};
use crate::verbs::kliv;

const ACCOUNT: &str = "kliv-secrets-test";

#[tokio::test]
async fn a_sound_install_is_called_sound_and_each_broken_thing_is_named() {
    let mut operator = Operator::start(Options::default(), &[]).await;
    pods_that_seem_ready(&operator.cluster).await;
    chart::apply(&operator.cluster, &rights(&operator.cluster));
    eventually("its rights are known", async || doctor(&operator).ok.then_some(())).await;
    let mark = operator.cluster.audit_mark().await;

    let said = doctor(&operator).success();

    assert!(said.contains("all is well: what is written to default is sealed"), "{said}");
    let me = format!("system:serviceaccount:{NAMESPACE}:{ACCOUNT}");
    let mut asked = operator.cluster.audit_since(mark).await;
    asked.retain(|request| request.user == me);
    assert!(asked.len() > 20 && asked.iter().all(|request| request.code < 300), "{asked:#?}");
    assert!(asked.iter().all(|r| r.resource != "secrets" && !r.is_write()), "{asked:#?}");
    let stored: Api<KlivSecret> = Api::namespaced(operator.cluster.client(), "default");
    assert!(stored.list(&ListParams::default()).await.expect("an answer").items.is_empty());

    // It would mend some of what follows.
    operator.stop_controller();
    for (broken, named) in [
        (
            "validatingadmissionpolicybinding/kliv-secrets-stamps",
            "ValidatingAdmissionPolicy kliv-secrets-stamps is there and nothing binds it",
        ),
        (
            "validatingadmissionpolicy/kliv-secrets-status",
            "ValidatingAdmissionPolicy kliv-secrets-status is not there",
        ),
        (
            "mutatingadmissionpolicybinding/kliv-secrets-injection",
            "MutatingAdmissionPolicy kliv-secrets-injection is there and nothing binds it",
        ),
        (
            "mutatingwebhookconfiguration/kliv-secrets",
            "MutatingWebhookConfiguration kliv-secrets is not there: no value can be written",
        ),
        (
            "configmap/kliv-secrets-sealing-key",
            "ConfigMap kliv-secrets-sealing-key in namespace kliv-secrets-system is not there",
        ),
        ("role/kliv-secrets-test", "can't look at Deployment kliv-secrets-webhook"),
        (
            "deployment/kliv-secrets-webhook",
            "Deployment kliv-secrets-webhook in namespace kliv-secrets-system is not there",
        ),
    ] {
        without(&operator, broken, named).await;
    }
    pods_that_seem_ready(&operator.cluster).await;
    let webhook = json!([{ "op": "remove", "path": "/webhooks/0/clientConfig/caBundle" }]);
    let saved = object(&operator.cluster, "mutatingwebhookconfiguration/kliv-secrets");
    patch(&operator.cluster, "mutatingwebhookconfiguration/kliv-secrets", &webhook);
    says(&operator, &["has no caBundle", "findings: 1"]).await;
    restore(&operator.cluster, saved);
    operator.stop_webhook();
    says(&operator, &["the API server does not reach the webhook", "findings: 1"]).await;
    without(
        &operator,
        "crd/klivaccounts.secrets.kliv.dev",
        "CustomResourceDefinition klivaccounts.secrets.kliv.dev is not there",
    )
    .await;
}

#[tokio::test]
async fn it_looks_for_the_policies_that_the_chart_has() {
    let cluster = harness::control_plane().await;
    let rendered = chart::render(cluster);
    let of_kind = |kind: &str| {
        let of = rendered.iter().filter(|object| object["kind"] == kind);
        let mut names: Vec<&str> = of.filter_map(|o| o["metadata"]["name"].as_str()).collect();
        names.sort_unstable();
        names
    };
    for (kind, known) in [
        ("ValidatingAdmissionPolicy", &GUARDS[..]),
        ("ValidatingAdmissionPolicyBinding", &GUARDS[..]),
        ("MutatingAdmissionPolicy", &[INJECTION_POLICY][..]),
        ("MutatingAdmissionPolicyBinding", &[INJECTION_POLICY][..]),
    ] {
        assert_eq!(of_kind(kind), known, "add it to the lists in src/api/names.rs");
    }
}

#[tokio::test]
async fn all_that_the_test_brings_is_a_hook_that_goes_with_it() {
    let cluster = harness::control_plane().await;
    let brought = test_objects(cluster);
    assert_eq!(brought.iter().filter(|object| object["kind"] == "Pod").count(), 1);
    for object in &brought {
        let annotations = &object["metadata"]["annotations"];
        assert_eq!(annotations["helm.sh/hook"], "test");
        let goes = annotations["helm.sh/hook-delete-policy"].as_str().expect("a policy");
        assert!(goes.contains("hook-succeeded"), "{goes}");
        // After a failure the pod's log is the report.
        assert_eq!(goes.contains("hook-failed"), object["kind"] != "Pod");
    }
    let rights: Vec<&Value> = brought.iter().filter(|o| o["rules"].is_array()).collect();
    let rules = rights.iter().flat_map(|role| role["rules"].as_array().expect("rules"));
    for rule in rules {
        let (resources, verbs) = (&rule["resources"], &rule["verbs"]);
        assert!(!resources.to_string().contains("\"secrets\""), "{rule}");
        assert!(*verbs == json!(["get"]) || *resources == json!(["klivsecrets"]), "{rule}");
    }
}

/// Takes an object away, looks, and brings it back.
async fn without(operator: &Operator, what: &str, named: &str) {
    let saved = object(&operator.cluster, what);
    operator.cluster.kubectl(&["delete", what, "-n", NAMESPACE]).success();
    says(operator, &[named]).await;
    restore(&operator.cluster, saved);
}

/// Waits until the doctor finds this: rights and webhooks that are away, or back, are known to
/// be a moment later.
async fn says(operator: &Operator, words: &[&str]) {
    eventually_or_why(&format!("it finds {words:?}"), async || {
        let said = doctor(operator).failure();
        if words.iter().all(|words| said.contains(words)) { Ok(()) } else { Err(said) }
    })
    .await;
}

fn object(cluster: &Cluster, what: &str) -> Value {
    let get = ["get", what, "-n", NAMESPACE, "-o", "json"];
    serde_json::from_str(&cluster.kubectl(&get).success()).expect("JSON")
}

fn restore(cluster: &Cluster, mut object: Value) {
    let metadata = object["metadata"].as_object_mut().expect("metadata");
    ["uid", "resourceVersion", "managedFields"].iter().for_each(|f| drop(metadata.remove(*f)));
    let put = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    cluster.kubectl_reading(&object.to_string(), &put).success();
}

fn patch(cluster: &Cluster, what: &str, patch: &Value) {
    let patch = patch.to_string();
    cluster.kubectl(&["patch", what, "--type=json", "-p", &patch]).success();
}

fn doctor(operator: &Operator) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kliv-secrets"));
    command.args(["doctor", "--namespace", NAMESPACE]);
    command.env("KUBECONFIG", operator.kubeconfig_of(ACCOUNT));
    harness::run(command, "")
}

fn test_objects(cluster: &Cluster) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kliv-secrets");
    let image = ["--set", "image.repository=example.org/kliv-secrets,image.tag=test"];
    let what = ["template", "kliv-secrets", folder, "-n", NAMESPACE];
    let only = ["-s", "templates/tests/install.yaml"];
    let rendered = cluster.helm(&[&what[..], &image, &only].concat()).success();
    serde_saphyr::from_multiple(&rendered).expect("YAML")
}

/// All that the test's pod has but the pod.
fn rights(cluster: &Cluster) -> Vec<Value> {
    let mut objects = test_objects(cluster);
    objects.retain(|object| object["kind"] != "Pod");
    objects
}

/// The chart's Deployments. Without a node their pods only say that they are ready.
async fn pods_that_seem_ready(cluster: &Cluster) {
    let mut deployments = chart::render(cluster);
    deployments.retain(|object| object["kind"] == "Deployment");
    for deployment in &mut deployments {
        deployment["spec"]["replicas"] = 1.into();
    }
    chart::apply(cluster, &deployments);
    let pods: Api<Pod> = Api::namespaced(cluster.client(), NAMESPACE);
    let ready = json!({ "status": { "phase": "Running", "conditions": [
        { "type": "Ready", "status": "True" }] } });
    eventually("both parts seem to be ready", async || {
        for pod in pods.list(&ListParams::default()).await.expect("pods") {
            let name = pod.metadata.name.expect("a name");
            // It may just have gone.
            let params = PatchParams::default();
            let _ = pods.patch_status(&name, &params, &Patch::Strategic(&ready)).await;
        }
        let count = |part: &str| {
            let deployment = object(cluster, &format!("deployment/kliv-secrets-{part}"));
            deployment["status"]["readyReplicas"].as_i64()
        };
        (count("controller") == Some(1) && count("webhook") == Some(1)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn somebody_with_few_rights_is_told_what_was_not_seen_and_that_is_no_error() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "doctor").await;

    let said = kliv(&account, &["doctor", "--as=somebody"]).success();

    assert!(said.contains("not seen  can't look at CustomResourceDefinition"), "{said}");
    assert!(said.contains("not seen  can't try to write a KlivSecret"), "{said}");
    assert!(said.contains("not seen  can't see whether Secrets are encrypted at rest"), "{said}");
    assert!(said.contains("advice    you may not create klivsecrets"), "{said}");
    assert!(said.contains("errors: 0,"), "{said}");
    let said = kliv(&account, &["doctor"]).failure();
    // The operator's processes are no pods here; everything else can be seen.
    assert!(said.contains("error     Deployment kliv-secrets-webhook"), "{said}");
    assert!(said.contains("ok        a controller leads"), "{said}");
    assert!(said.contains("ok        the webhook's certificate is trusted for"), "{said}");
    assert!(said.contains("ok        Secrets are encrypted at rest"), "{said}");
    assert!(said.contains("errors: 2,") && said.contains("not seen: 0\n"), "{said}");
}

#[tokio::test]
async fn a_set_that_nobody_has_a_record_of_is_found_and_its_remedy_takes_it_away() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "doctor-orphan").await;
    account.put(&secret("API_TOKEN", "one")).await;
    let recorded = account.set("").await.expect("a set");
    let orphan = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "secrets.kliv.dev/env", "immutable": true,
        "metadata": {
            "name": "kliv-env-orphan",
            "labels": { "app.kubernetes.io/managed-by": "kliv-secrets" },
        },
        "stringData": { "API_TOKEN": "c4n4ry-first-value-a1b2c3" },
    });
    account.kubectl(&["create", "-f", "-", "--as", CONTROLLER], &orphan).success();

    // `kliv` looks for the value in what is said.
    let said = kliv(&account, &["doctor", "-vvv"]).failure();

    let found = format!("advice    Secret kliv-env-orphan in {} holds values", account.namespace);
    assert!(said.contains(&found) && !said.contains(&recorded), "{said}");
    let remedy = said.split('`').find(|text| text.contains("delete secret kliv-env-orphan"));
    let words: Vec<&str> = remedy.expect("a remedy").split(' ').skip(1).collect();
    account.cluster.kubectl(&words).success();
    let said = kliv(&account, &["doctor"]).failure();
    assert!(!said.contains("kliv-env-orphan"), "{said}");
    assert_eq!(account.sets_there().await, [recorded]);
    let said = kliv(&account, &["doctor", "--as=somebody"]).success();
    assert!(said.contains("not seen  can't look at the names of published sets"), "{said}");
}
