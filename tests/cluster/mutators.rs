//! Others write as well: what they change of our own writes, and writes that are refused.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::events::v1::Event;
use kliv_secrets::api::{KlivAccount, NotUpdated};
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::account::{Account, function, secret};
use crate::chart;
use crate::harness::{Options, eventually};
use crate::operator::{CONTROLLER, Operator};
use crate::place::{parse, refuses};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn a_write_that_another_mutator_alters_is_told_and_the_charts_switch_lets_it_through() {
    let operator = operator().await;
    confine(&operator, &[]);
    let account = Account::new(&operator, "pinned").await;
    account.put(&secret("API_TOKEN", "one")).await;
    for name in ["free", "restarted", "tolerated"] {
        let mut function = function(name);
        function["metadata"]["labels"]["pinned"] = json!((name != "free").to_string());
        account.create(&function).await;
        account.gets(name, &[("API_TOKEN", "one")]).await;
    }
    chart::apply(&operator.cluster, &pins_images(&account.namespace));
    eventually("images are pinned", async || {
        let touch = json!({ "metadata": { "annotations": { "touched": "yes" } } });
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        let functions: Api<Deployment> = account.api();
        let answer = functions.patch("restarted", &params, &Patch::Merge(touch)).await;
        image(&answer.expect("an answer")).contains(DIGEST).then_some(())
    })
    .await;

    account.put(&secret("API_TOKEN", "two")).await;

    account.gets("free", &[("API_TOKEN", "two")]).await;
    for name in ["restarted", "tolerated"] {
        let told = is_behind(&account, name).await;
        assert_eq!(told.reason, "WriteAltered");
        let message = told.message.expect("a message");
        let ways_out = ["kubectl rollout restart", "confinement.toleratedMutations"];
        assert!(ways_out.iter().all(|way| message.contains(way)), "{message}");
        account.is_told(name, "WriteAltered: keeps the env that it has").await;
        assert!(reasons(&account, name).await.contains(&"NotInjected".to_owned()));
        account.gets(name, &[("API_TOKEN", "one")]).await;
    }
    let status = account.status().await;
    assert_eq!((status.functions.total, status.functions.updated), (3, 1));
    assert!(operator.metrics().contains(&counted("Deployment", "altered")));

    // The first way out: once pinned, nothing is altered any more.
    let restart = ["rollout", "restart", "deployment/restarted", "-n", &account.namespace];
    operator.cluster.kubectl(&restart).success();
    account.gets("restarted", &[("API_TOKEN", "two")]).await;
    account.gets("tolerated", &[("API_TOKEN", "one")]).await;

    // The second: the chart's switch.
    confine(&operator, &["imageDigest"]);
    account.gets("tolerated", &[("API_TOKEN", "two")]).await;
    let pinned = format!("example.org/none@{DIGEST}");
    assert_eq!(image(&account.function("tolerated").await), pinned);
    eventually("all functions are updated", async || {
        let functions = account.status().await.functions;
        (functions.updated == 3 && functions.not_updated.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_write_that_somebodys_policy_refuses_is_told_and_done_when_it_is_allowed() {
    let operator = operator().await;
    confine(&operator, &[]);
    let account = Account::new(&operator, "frozen").await;
    account.put(&secret("API_TOKEN", "one")).await;
    for name in ["free", "frozen"] {
        let mut function = function(name);
        function["metadata"]["labels"]["frozen"] = json!((name == "frozen").to_string());
        account.create(&function).await;
        account.gets(name, &[("API_TOKEN", "one")]).await;
    }
    chart::apply(&operator.cluster, &freezes(&account.namespace));
    eventually("it is frozen", async || {
        let touch = Patch::Merge(json!({ "metadata": { "annotations": { "touched": "yes" } } }));
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        account.api::<Deployment>().patch("frozen", &params, &touch).await.err()
    })
    .await;

    account.put(&secret("API_TOKEN", "two")).await;

    account.gets("free", &[("API_TOKEN", "two")]).await;
    let told = is_behind(&account, "frozen").await;
    assert_eq!(told.reason, "WriteRefused");
    assert!(told.message.expect("a message").contains("kliv-secrets-controller"));
    account.is_told("frozen", "WriteRefused: keeps the env that it has").await;
    account.gets("frozen", &[("API_TOKEN", "one")]).await;
    assert!(operator.metrics().contains(&counted("Deployment", "forbidden")));

    let policy = ["validatingadmissionpolicy/freezes", "validatingadmissionpolicybinding/freezes"];
    operator.cluster.kubectl(&[&["delete"], &policy[..]].concat()).success();
    account.gets("frozen", &[("API_TOKEN", "two")]).await;
}

#[tokio::test]
async fn what_is_tolerated_of_other_mutators_is_no_more_than_the_chart_says() {
    let operator = operator().await;
    confine(&operator, &["imageDigest", "labels", "annotations", "podLabels", "podAnnotations"]);
    let account = Account::new(&operator, "tolerated").await;
    let mut function = function("case");
    let pod = &mut function["spec"]["template"]["spec"];
    pod["initContainers"] = json!([{ "name": "init", "image": "example.org:5000/init:1" }]);
    account.create(&function).await;
    let controller = operator.cluster.as_user(CONTROLLER, &["system:masters"]);
    let as_controller: Api<Deployment> = Api::namespaced(controller, &account.namespace);
    let write = async |path: &str, value: &Value| {
        let patch = json!([{ "op": "add", "path": path, "value": value }]);
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        as_controller.patch("case", &params, &Patch::Json::<()>(parse(patch))).await
    };
    let main = "/spec/template/spec/containers/0";
    let init = "/spec/template/spec/initContainers/0";
    let meta = "/spec/template/metadata";
    let pinned = |image: &str| json!(format!("{image}@{DIGEST}"));
    for (path, value) in [
        (format!("{main}/image"), pinned("example.org/none")),
        (format!("{init}/image"), pinned("example.org:5000/init:1")),
        (format!("{init}/image"), pinned("example.org:5000/init")),
        ("/metadata/labels/x".to_owned(), json!("x")),
        ("/metadata/annotations".to_owned(), json!({ "x": "x" })),
        (format!("{meta}/labels/x"), json!("x")),
        (format!("{meta}/annotations"), json!({ "x": "x" })),
    ] {
        eventually(&format!("{path} may be changed"), async || write(&path, &value).await.ok())
            .await;
    }
    let ours = json!({ "secrets.kliv.dev/inject": "none" });
    for (what, path, value) in [
        ("another image", format!("{main}/image"), pinned("example.org/evil")),
        ("another registry", format!("{init}/image"), pinned("example.org")),
        ("another tag", format!("{init}/image"), pinned("example.org:5000/init:2")),
        ("no digest", format!("{main}/image"), json!("example.org/none:latest")),
        ("no image", format!("{main}/image"), json!(format!("@{DIGEST}"))),
        (
            "the environment",
            "/metadata/labels/secrets.kliv.dev~1environment".to_owned(),
            json!("x"),
        ),
        ("the label", "/metadata/labels/app.kubernetes.io~1component".to_owned(), json!("job")),
        ("our annotation", "/metadata/annotations".to_owned(), ours.clone()),
        ("the pods' annotation", format!("{meta}/annotations"), ours),
        (
            "which container is given to",
            format!("{meta}/annotations"),
            json!({ "kubectl.kubernetes.io/default-container": "x" }),
        ),
        ("an owner", "/metadata/finalizers".to_owned(), json!(["example.org/x"])),
        ("the command", format!("{main}/command"), json!(["sh"])),
        ("the first command", format!("{init}/command"), json!(["sh"])),
        (
            "a sidecar",
            "/spec/template/spec/containers/-".to_owned(),
            json!({ "name": "x", "image": "x" }),
        ),
        (
            "a first container",
            "/spec/template/spec/initContainers/-".to_owned(),
            json!({ "name": "x", "image": "x" }),
        ),
        ("the account", "/spec/template/spec/serviceAccountName".to_owned(), json!("x")),
        ("a plain value", format!("{main}/env"), json!([{ "name": "A", "value": "x" }])),
    ] {
        refuses(what, write(&path, &value).await, "the kliv-secrets controller may");
    }
}

#[tokio::test]
async fn a_status_that_the_schema_refuses_is_logged_and_counted_and_harms_no_other() {
    let operator = operator().await;
    confine(&operator, &[]);
    let account = Account::new(&operator, "schema").await;
    account.create(&function("api")).await;
    let longest = |value: Value| {
        let path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/\
                    maskedValue/maxLength";
        let patch = json!([{ "op": "add", "path": path, "value": value }]).to_string();
        let crd = "crd/klivsecrets.secrets.kliv.dev";
        operator.cluster.kubectl(&["patch", crd, "--type=json", "-p", &patch]).success();
    };
    let value = "sk-proj-abc123xyz789";
    longest(json!(4));
    // The API server takes up a new schema a moment later.
    eventually("the schema is in force", async || {
        account.apply(&secret("PROBE_KEY", value));
        operator.metrics().contains(&counted("KlivSecret", "invalid")).then_some(())
    })
    .await;

    account.apply(&secret("LONG_MASK", value));
    account.put(&secret("SHORT_MASK", "short")).await;

    let all = [("LONG_MASK", value), ("PROBE_KEY", value), ("SHORT_MASK", "short")];
    account.gets("api", &all).await;
    eventually("it is logged", async || {
        let logs = operator.logs();
        let line = |line: &&str| {
            line.contains("the API server refuses a status") && line.contains("long-mask")
        };
        logs.lines().find(line).map(|line| assert!(line.contains("ERROR"), "{line}"))
    })
    .await;
    assert!(!operator.logs().contains(value), "a value is in the log");
    longest(json!(64));
    account.published("long-mask").await;
    account.published("probe-key").await;
}

#[tokio::test]
async fn in_the_record_a_name_that_has_become_reserved_stays_and_no_other_comes() {
    let mut operator = operator().await;
    confine(&operator, &[]);
    let account = Account::new(&operator, "reserved").await;
    account.put(&secret("API_TOKEN", "one")).await;
    let controller = operator.cluster.as_user(CONTROLLER, &["system:masters"]);
    let accounts: Api<KlivAccount> = Api::namespaced(controller, &account.namespace);
    let write = async |set: &str, keys: &[&str], dry_run: bool| {
        let set =
            json!([{ "environment": "", "name": set, "uid": "u", "keys": keys, "revision": 9 }]);
        let status = Patch::Merge(json!({ "status": { "sets": set } }));
        let params = PatchParams { dry_run, ..PatchParams::default() };
        accounts.patch_status("default", &params, &status).await
    };
    // As an older version has left it, which knew of fewer names.
    operator.stop_controller();
    let binding = "validatingadmissionpolicybinding/kliv-secrets-controller-accounts";
    operator.cluster.kubectl(&["delete", binding]).success();
    eventually("the policy is not in force", async || {
        write("kliv-env-1", &["NODE_OPTIONS"], false).await.ok()
    })
    .await;
    let mut objects = chart::render(&operator.cluster);
    objects.retain(|object| object["kind"] == "ValidatingAdmissionPolicyBinding");
    chart::apply(&operator.cluster, &objects);
    eventually("the policy is in force", async || {
        write("kliv-env-2", &["NODE_PATH"], true).await.err()
    })
    .await;

    let more = ["API_TOKEN", "NODE_OPTIONS"];
    write("kliv-env-2", &more, true).await.expect("a reserved one that was there");
    let refused = write("kliv-env-2", &["NODE_OPTIONS", "NODE_PATH"], true).await;
    refuses("another", refused, "no reserved");
    operator.start_processes().await;
}

/// Somebody's policy: the images of what carries the label get a digest, in every write.
fn pins_images(namespace: &str) -> [Value; 2] {
    let meta = json!({ "name": "pins-images" });
    let kind = |kind: &str| json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": meta });
    let mut policy = kind("MutatingAdmissionPolicy");
    let expression = format!(
        "[JSONPatch{{op: 'replace', path: '/spec/template/spec/containers/0/image', \
         value: object.spec.template.spec.containers[0].image + '@{DIGEST}'}}]"
    );
    policy["spec"] = json!({
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": {
            "resourceRules": [{ "apiGroups": ["apps"], "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"], "resources": ["deployments"] }],
            "objectSelector": { "matchLabels": { "pinned": "true" } },
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
        },
        "matchConditions": [{ "name": "not-yet",
            "expression": "!object.spec.template.spec.containers[0].image.contains('@')" }],
        "mutations": [{ "patchType": "JSONPatch", "jsonPatch": { "expression": expression } }],
    });
    let mut binding = kind("MutatingAdmissionPolicyBinding");
    binding["spec"] = json!({ "policyName": "pins-images" });
    [policy, binding]
}

/// Somebody's policy: what carries the label is not changed.
fn freezes(namespace: &str) -> [Value; 2] {
    let kind = |kind: &str, spec: Value| {
        json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": { "name": "freezes" }, "spec": spec })
    };
    let policy = json!({
        "matchConstraints": {
            "resourceRules": [{ "apiGroups": ["apps"], "apiVersions": ["v1"],
                "operations": ["UPDATE"], "resources": ["deployments"] }],
            "objectSelector": { "matchLabels": { "frozen": "true" } },
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
        },
        "validations": [{ "expression": "object.spec == oldObject.spec && \
            !('touched' in object.metadata.?annotations.orValue({}))" }],
    });
    let binding = json!({ "policyName": "freezes", "validationActions": ["Deny"] });
    [kind("ValidatingAdmissionPolicy", policy), kind("ValidatingAdmissionPolicyBinding", binding)]
}

/// Installs the confinement with this much room.
fn confine(operator: &Operator, tolerated: &[&str]) {
    let tolerated = format!("--set-json=confinement.toleratedMutations={}", json!(tolerated));
    let settings = [chart::NEWER, &[&tolerated]].concat();
    let mut objects = chart::render_with(&operator.cluster, &settings);
    objects.retain(|object| object["kind"] == "ValidatingAdmissionPolicy");
    chart::apply(&operator.cluster, &objects);
}

fn image(function: &Deployment) -> String {
    let pod = function.spec.template.spec.as_ref().expect("a pod");
    pod.containers[0].image.clone().expect("an image")
}

fn counted(kind: &str, why: &str) -> String {
    format!("kliv_secrets_refused_writes_total{{kind=\"{kind}\",why=\"{why}\"}}")
}

/// Waits until the account says that a function can't be written, and why.
async fn is_behind(account: &Account<'_>, name: &str) -> NotUpdated {
    eventually(&format!("{name} is behind"), async || {
        let behind = account.status().await.functions.not_updated;
        behind.into_iter().find(|f| f.name == name && f.reason.starts_with("Write"))
    })
    .await
}

/// The reasons of the Events about a function.
async fn reasons(account: &Account<'_>, name: &str) -> Vec<String> {
    let events = account.api::<Event>().list(&ListParams::default()).await.expect("Events");
    let about = |event: &Event| {
        event.regarding.as_ref().is_some_and(|object| object.name.as_deref() == Some(name))
    };
    events.items.into_iter().filter(about).filter_map(|event| event.reason).collect()
}

/// One that one test at a time uses: they change its policies and CRDs.
async fn operator() -> MutexGuard<'static, Operator> {
    static OPERATOR: OnceCell<Mutex<Operator>> = OnceCell::const_new();
    let start =
        async || Mutex::new(Operator::start(Options::default(), &["--keep-superseded=3s"]).await);
    OPERATOR.get_or_init(start).await.lock().await
}
