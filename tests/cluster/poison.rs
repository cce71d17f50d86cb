//! Poison: objects that nobody can read, records that somebody forged, text that means
//! harm. The harm stays with that object.

use k8s_openapi::api::core::v1::Secret;
use kliv_secrets::api::condition::{READY, Reason};
use kliv_secrets::api::text::is_harmless;
use kliv_secrets::api::{KlivAccount, KlivSecret};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::account::{Account, env_of, function, function_with, secret, secret_with};
use crate::chart;
use crate::harness::{Options, eventually};
use crate::operator::Operator;
use crate::place::parse;

/// Names, specs and statuses that our schema would never take, as an earlier or later
/// version, or an administrator without our policies, may have left them. `others` is a
/// ciphertext of another account.
fn undecodable(others: &str) -> Vec<(&'static str, Value, Value)> {
    let time = "2026-11-24T10:00:00Z";
    let entry = |sealed: &str| json!({ "version": 1, "generation": 1, "time": time, "maskedValue": "x", "sealed": sealed });
    vec![
        ("no-spec", json!(null), json!(null)),
        ("spec-of-text", json!(HOSTILE), json!(HOSTILE)),
        ("spec-of-items", json!([1]), json!([1])),
        ("a-number", json!({ "envVar": 5 }), json!({ "conditions": 5 })),
        ("hostile", json!({ "envVar": HOSTILE, "environment": HOSTILE }), json!({})),
        ("of-another-name", json!({ "envVar": "GOOD", "sealed": "kliv1.x" }), json!({})),
        ("path", json!({ "envVar": "PATH", "sealed": "kliv1.x" }), json!({})),
        ("sealed-number", json!({ "envVar": "SEALED_NUMBER", "sealed": 7 }), json!({})),
        ("sealed-text", json!({ "envVar": "SEALED_TEXT", "sealed": "kliv1.x" }), json!({})),
        ("plain", json!({ "envVar": "PLAIN", "value": "in the clear" }), json!({})),
        ("environment", json!({ "envVar": "ENVIRONMENT", "environment": {} }), json!({})),
        (
            "times",
            json!({ "envVar": "TIMES", "sealed": "kliv1.x", "expirationTime": "never" }),
            json!({ "updatedTime": "never", "recordedStamp": "many", "version": {} }),
        ),
        (
            "history",
            json!({ "envVar": "HISTORY", "sealed": "kliv1.x" }),
            json!({ "history": [entry(HOSTILE), 7], "recordedStamp": i64::MAX }),
        ),
        (
            "forged",
            json!({ "envVar": "FORGED", "sealed": others }),
            json!({ "history": [entry(others)], "version": 1 }),
        ),
        (
            "forged-too",
            json!({ "envVar": "FORGED_TOO", "sealed": others }),
            json!({ "history": [entry("kliv1.nonsense")], "version": 1 }),
        ),
        (
            "numbers",
            json!({ "envVar": "NUMBERS", "request": { "purpose": "x" } }),
            json!({ "recordedStamp": i64::MAX, "version": i64::MAX, "observedGeneration": -7 }),
        ),
    ]
}

#[tokio::test]
async fn objects_that_can_not_be_read_and_forged_records_harm_nobody_else() {
    let mut operator =
        Operator::start(Options::default(), &["--keep-superseded=1s", "--log-format=json"]).await;
    let (among, forged, unreadable, others) = {
        let among = Account::new(&operator, "among").await;
        let forged = Account::new(&operator, "forged").await;
        let unreadable = Account::new(&operator, "unreadable").await;
        for account in [&among, &forged, &unreadable] {
            account.put(&secret("GOOD", "one")).await;
            account.create(&function("api")).await;
            account.gets("api", &[("GOOD", "one")]).await;
        }
        let others = forged.published("good").await.spec.sealed.expect("a ciphertext");
        (among.namespace, forged.namespace, unreadable.namespace, others)
    };
    operator.stop();
    let policies = policies(&operator);
    let bindings = ["stamps", "annotations", "status"].map(|name| format!("kliv-secrets-{name}"));
    let delete = ["delete", "validatingadmissionpolicybinding"];
    let delete = delete.into_iter().chain(bindings.iter().map(String::as_str)).collect::<Vec<_>>();
    operator.cluster.kubectl(&delete).success();
    loosen_crds(&operator).await;
    let database = json!({ "metadata": { "name": "database" }, "stringData": { "a": "b" } });
    {
        let among = Account::at(&operator, among.clone());
        for (name, spec, status) in undecodable(&others) {
            store(&among, "KlivSecret", name, &spec, &status).await;
        }
        let forged = Account::at(&operator, forged.clone());
        forged.api::<Secret>().create(&PostParams::default(), &parse(database)).await.expect("one");
        let evil = json!({ "environment": "", "name": "../../evil", "uid": "x",
            "keys": ["PATH", "GOOD", HOSTILE], "revision": i64::MAX });
        let since = "2026-11-24T10:00:00Z";
        let status = json!({
            "revision": i64::MAX, "sets": [evil], "pending": ["database"],
            "superseded": [{ "name": "database", "since": since, "retired": true },
                { "name": format!("../../{}/secrets/x", among.namespace), "since": since, "retired": true }],
        });
        write_status(&forged, "KlivAccount", "default", &status).await;
        let unreadable = Account::at(&operator, unreadable.clone());
        let status = json!({ "sets": "none", "revision": HOSTILE, "conditions": 7 });
        write_status(&unreadable, "KlivAccount", "default", &status).await;
    }
    chart::install_crds(&operator.cluster).await;
    chart::apply(&operator.cluster, &policies);
    operator.start_processes().await;

    for namespace in [&among, &forged, &unreadable] {
        let account = Account::at(&operator, namespace.clone());
        sealed_again(&account).await;
        account.put(&secret("GOOD", "two")).await;
        account.gets("api", &[("GOOD", "two")]).await;
        account.create(&function("later")).await;
        account.gets("later", &[("GOOD", "two")]).await;
    }
    let forged = Account::at(&operator, forged);
    assert!(forged.api::<Secret>().get_opt("database").await.expect("an answer").is_some());

    let among = Account::at(&operator, among);
    // Of the others the API server takes no status: their specs don't fit its rules.
    for name in ["path", "sealed-text", "plain", "times", "history", "numbers"] {
        tells_what_is_wrong(&among, name).await;
    }
    // Written anew they are well; whatever they are, they can be deleted.
    for name in ["SEALED_NUMBER", "PLAIN", "HISTORY", "NUMBERS"] {
        among.put(&secret(name, "written anew")).await;
    }
    // An apply keeps what it does not name, and says which field that is.
    let said = among.apply_refused(&secret("TIMES", "written anew"));
    assert!(said.contains("spec.expirationTime: can't be read"), "{said}");
    among.kubectl(&["replace", "-f", "-"], &secret("TIMES", "written anew")).success();
    among.published("times").await;
    for (name, ..) in undecodable(&others) {
        among.delete(&format!("ksec/{name}"));
    }
    among.gets("api", &[("GOOD", "two")]).await;
    among.caught_up().await;
    lines_are_whole(&operator.logs());
    for line in operator.logs().lines().filter(|line| line.starts_with('{')) {
        serde_json::from_str::<Value>(line).expect("JSON");
    }
}

/// The object says so itself.
async fn tells_what_is_wrong(account: &Account<'_>, name: &str) {
    let resource = ApiResource::erase::<KlivSecret>(&());
    let secrets: Api<DynamicObject> =
        Api::namespaced_with(account.client.clone(), &account.namespace, &resource);
    eventually(&format!("{name} says what is wrong with it"), async || {
        let object = secrets.get(name).await.expect("is there");
        let conditions = object.data.pointer("/status/conditions")?.as_array()?;
        let ready = conditions.iter().find(|condition| condition["type"] == READY)?;
        (ready["status"] == "False").then_some(())
    })
    .await;
}

/// The policies, as the chart has them.
fn policies(operator: &Operator) -> Vec<Value> {
    let mut objects = chart::render(&operator.cluster);
    objects.retain(|object| object["kind"].as_str().is_some_and(|kind| kind.contains("Policy")));
    objects
}

/// Schemas that take everything.
async fn loosen_crds(operator: &Operator) {
    for plural in ["klivsecrets", "klivaccounts"] {
        let anything = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        let patch = json!([{ "op": "replace",
            "path": "/spec/versions/0/schema/openAPIV3Schema", "value": anything }]);
        let crd = format!("crd/{plural}.secrets.kliv.dev");
        let patch = patch.to_string();
        operator.cluster.kubectl(&["patch", &crd, "--type=json", "-p", &patch]).success();
    }
}

async fn store(account: &Account<'_>, kind: &str, name: &str, spec: &Value, status: &Value) {
    let stamps = "9 nonsense\n".repeat(10_000);
    let mut object = json!({ "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": kind, "metadata": {
        "name": name, "annotations": { "secrets.kliv.dev/stamps": stamps, "note": HOSTILE } } });
    if !spec.is_null() {
        object["spec"] = spec.clone();
    }
    let api = untyped(account, kind);
    let object = parse(object);
    eventually("the loose schema is in force", async || {
        api.create(&PostParams::default(), &object).await.ok()
    })
    .await;
    if !status.is_null() {
        write_status(account, kind, name, status).await;
    }
}

async fn write_status(account: &Account<'_>, kind: &str, name: &str, status: &Value) {
    let api = untyped(account, kind);
    let patch = json!([{ "op": "add", "path": "/status", "value": status }]);
    let patch = Patch::Json::<()>(serde_json::from_value(patch).expect("a patch"));
    eventually("the loose schema takes the status", async || {
        api.patch_status(name, &PatchParams::default(), &patch).await.ok()
    })
    .await;
}

fn untyped(account: &Account<'_>, kind: &str) -> Api<DynamicObject> {
    let resource = match kind {
        "KlivSecret" => ApiResource::erase::<KlivSecret>(&()),
        _ => ApiResource::erase::<KlivAccount>(&()),
    };
    Api::namespaced_with(account.client.clone(), &account.namespace, &resource)
}

/// The webhook is asked again.
async fn sealed_again(account: &Account<'_>) {
    let dry_run = ["apply", "--dry-run=server", "-f", "-"];
    eventually("the API server asks the webhook", async || {
        account.kubectl(&dry_run, &secret("PROBE", "x")).ok.then_some(())
    })
    .await;
}

/// What commands terminals, ends lines, turns text around, and is markup.
const HOSTILE: &str = "\u{1b}[2J\u{9b}1m\u{202e}live\u{2028}\u{85}\n2026-11-24T10:00:00.000000Z \
                       ERROR kliv_secrets: forged\r<script>alert(1)</script>'\"`$(id)\u{7f}\u{e0041}";

#[tokio::test]
async fn text_that_means_harm_is_harmless_in_tables_events_and_logs() {
    let mut operators = Vec::new();
    for format in ["--log-format=text", "--log-format=json"] {
        operators.push(Operator::start(Options::default(), &[format]).await);
    }
    for operator in &operators {
        let account = Account::new(operator, "hostile").await;
        let mut object = secret("API_TOKEN", &format!("{HOSTILE}{HOSTILE}"));
        object["spec"]["description"] = json!(HOSTILE);
        object["metadata"]["annotations"] = json!({ "example.org/note": HOSTILE });
        account.put(&object).await;
        let request = json!({ "purpose": HOSTILE, "obtainFrom": HOSTILE, "requestedBy": HOSTILE });
        account.apply(&secret_with(json!({ "envVar": "ASKED", "request": request })));
        account.becomes("asked", Reason::AwaitingValue).await;
        let sealed = json!({ "envVar": "SEALED", "sealed": format!("kliv1.{HOSTILE}") });
        let said = account.apply_refused(&secret_with(sealed));
        assert!(said.contains("is damaged") && !said.contains("forged"), "{said}");
        by_a_hostile_user(&account).await;

        let lists = format!("{HOSTILE},{},../x", "\u{202e}x,".repeat(1000));
        let names = ["inject", "requires", "containers", "rollout", "revision"];
        account.create(&function_with("api", &names.map(|name| (name, lists.as_str())))).await;
        let mut with_hostile_env = function("env");
        with_hostile_env["spec"]["template"]["spec"]["containers"][0]["env"] =
            json!([{ "name": "OWN", "value": HOSTILE }]);
        account.create(&with_hostile_env).await;
        account.is_told("api", "is required and not there").await;
        account.caught_up().await;
        assert_eq!(env_of(&account.function("env").await).len(), 3, "the others are served");

        for args in [
            &["get", "ksec", "-o", "wide"][..],
            &["get", "kacct", "-o", "wide"],
            &["get", "events"],
            &["get", "ksec", "-o", "jsonpath={.items[*].status}"],
        ] {
            let said = account.kubectl(args, &json!(null)).success();
            let harmful = said.chars().find(|c| *c != '\n' && !is_harmless(*c));
            assert_eq!(harmful, None, "{args:?}: {said:?}");
            assert!(!said.contains("\n2026-11-24T10:00"), "{args:?}: a line is forged: {said:?}");
        }
    }
    for operator in &operators {
        lines_are_whole(&operator.logs());
        assert!(operator.logs().contains("planned"), "the logs are at the finest level");
    }
}

/// Who writes is told, in characters that show what they are.
async fn by_a_hostile_user(account: &Account<'_>) {
    let said = |user: &str, object: &Value| {
        let as_user = format!("--as={user}");
        account.kubectl(&["apply", "--as-group=system:masters", &as_user, "-f", "-"], object)
    };
    let said_no = said("e\u{9b}ve", &secret("BY_EVE", "some value")).failure();
    assert!(said_no.contains("control characters"), "{said_no}");
    said("e\u{202e}ve <b>", &secret("BY_EVE", "some value")).success();
    let status = account.published("by-eve").await.status.expect("a status");
    assert_eq!(status.updated_by.as_deref(), Some("e\\u{202e}ve <b>"));
}

/// Each line begins as one of ours does, and no character harms who reads it.
#[track_caller]
fn lines_are_whole(logs: &str) {
    for line in logs.lines() {
        let begins = line.starts_with("20") || line.starts_with("{\"timestamp\":");
        assert!(begins && line.chars().all(is_harmless), "{line:?}");
        assert!(!line.starts_with("2026-11-24T10:00:00.000000Z"), "forged: {line:?}");
    }
}
