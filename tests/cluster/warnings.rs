//! What is odd about secrets, as people see it, and what nobody learns from it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::apps::v1::Deployment;
use kliv_secrets::api::condition::Reason;
use kliv_secrets::api::{KlivSecret, Warning};
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};

use crate::account::{Account, function, function_in, function_with, secret, secret_with};
use crate::harness::eventually;
use crate::operator::Operator;

/// A credential as a machine draws it.
const DRAWN: &str = "4eC39HqLyjWDarjtT1zdp7dc";

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}

fn described(env_var: &str, environment: Option<&str>, value: &str) -> Value {
    let mut spec = json!({ "envVar": env_var, "value": value, "description": "pays" });
    if let Some(environment) = environment {
        spec["environment"] = json!(environment);
    }
    secret_with(spec)
}

/// Waits until a secret says just this.
async fn says(account: &Account<'_>, name: &str, reasons: &[&str]) -> Vec<Warning> {
    let secrets: Api<KlivSecret> = account.api();
    eventually(&format!("{name} says {reasons:?}"), async || {
        let status = secrets.get(name).await.expect("the secret").status?;
        let said: Vec<&str> = status.warnings.iter().map(|w| w.reason.as_str()).collect();
        (said == reasons).then_some(status.warnings)
    })
    .await
}

#[tokio::test]
async fn what_is_odd_is_said_and_goes_when_it_is_mended() {
    let account = account("odd").await;
    account.put(&secret("KEY1", "key\n")).await;
    says(&account, "key1", &["NameSaysNothing", "NoDescription", "WhiteSpace"]).await;
    account.put(&described("KEY1", None, "key")).await;
    says(&account, "key1", &["NameSaysNothing"]).await;

    let question = json!({ "envVar": "MAIL_KEY", "request": { "purpose": "sends receipts" } });
    account.apply(&secret_with(question));
    account.becomes("mail-key", Reason::AwaitingValue).await;
    says(&account, "mail-key", &["AwaitingValue"]).await;

    let mut expired = described("PAY_KEY", Some("staging"), &format!("sk_live_{DRAWN}"));
    expired["spec"]["expirationTime"] = json!("2020-01-01T00:00:00Z");
    account.put(&expired).await;
    let said = says(&account, "pay-key.staging", &["Expired", "LiveKeyOutsideProduction"]).await;
    assert!(said[0].message.starts_with("it expired on 2020-01-01:"), "{}", said[0].message);
    assert!(said.iter().all(|warning| !warning.message.contains(DRAWN)));
}

#[tokio::test]
async fn the_door_says_the_same_words() {
    let account = account("same-words").await;
    let odd = secret_with(json!({ "envVar": "KEY2", "environment": "test",
        "value": format!("sk_live_{DRAWN}\n") }));
    let told = account.kubectl(&["apply", "-f", "-"], &odd);
    let told = format!("{}{}", told.stdout, told.stderr);
    let reasons = ["LiveKeyOutsideProduction", "NameSaysNothing", "NoDescription", "WhiteSpace"];
    for warning in says(&account, "key2.test", &reasons).await {
        let is_told = told.contains(&warning.message);
        assert_eq!(is_told, warning.reason != "NoDescription", "{} in {told}", warning.message);
    }
}

#[tokio::test]
async fn the_same_value_in_two_environments_is_said_of_both() {
    let account = account("same-value").await;
    for environment in [None, Some("production"), Some("blue")] {
        let drawn = format!("sk_live_{DRAWN}");
        let value = if environment == Some("blue") { "another" } else { &drawn };
        account.put(&described("PAY_KEY", environment, value)).await;
    }
    let said = says(&account, "pay-key", &["SameValueInEnvironments"]).await;
    assert!(said[0].message.contains("in the environment production:"), "{}", said[0].message);
    says(&account, "pay-key.production", &["SameValueInEnvironments"]).await;
    says(&account, "pay-key.blue", &[]).await;

    account.put(&described("PAY_KEY", Some("production"), "another")).await;
    says(&account, "pay-key", &[]).await;
    says(&account, "pay-key.production", &[]).await;
}

#[tokio::test]
async fn functions_show_what_is_unused_and_what_is_called_by_a_slightly_wrong_name() {
    let account = account("use").await;
    account.put(&described("STRIPE_KEY", None, "one")).await;
    account.put(&described("MAIL_KEY", None, "two")).await;
    says(&account, "mail-key", &[]).await;

    let wants = [("inject", "STRIPE_KEYS"), ("requires", "STRIPE_KEYS")];
    account.create(&function_with("pay", &wants)).await;
    let said = says(&account, "stripe-key", &["RequiredNameMissing", "Unused"]).await;
    assert!(said[0].message.contains("did you mean STRIPE_KEY?"), "{}", said[0].message);
    says(&account, "mail-key", &["Unused"]).await;

    account.create(&function("mail")).await;
    says(&account, "mail-key", &[]).await;
    says(&account, "stripe-key", &["RequiredNameMissing"]).await;

    let functions: Api<Deployment> = account.api();
    functions.delete("pay", &DeleteParams::background()).await.expect("goes");
    says(&account, "stripe-key", &[]).await;
    account.put(&described("STRIPE_KEY", Some("production"), "live")).await;
    says(&account, "stripe-key.production", &["Unused"]).await;
    account.create(&function_in("production", "mail-live")).await;
    says(&account, "stripe-key.production", &[]).await;
}

#[tokio::test]
async fn whoever_can_create_secrets_but_not_write_one_learns_nothing_about_a_pin() {
    let account = account("guess").await;
    // In Base64 it looks as random as a key; its mask shows nothing of the PIN.
    let clothed = |pin: &str| STANDARD.encode(format!("serviceuser:{pin}@relay"));
    account.put(&described("DOOR_PIN", None, &clothed("4711"))).await;
    account.create(&function("api")).await;
    account.gets("api", &[("DOOR_PIN", &clothed("4711"))]).await;
    let role = format!("--user=guesser-{}", account.namespace);
    let guesser = format!("--as=guesser-{}", account.namespace);
    for args in [
        &[
            "create",
            "role",
            "guesser",
            "--verb=create,delete,get,list,watch",
            "--resource=klivsecrets.secrets.kliv.dev",
        ][..],
        &["create", "rolebinding", "guesser", "--role=guesser", &role],
        &[
            "create",
            "role",
            "reader",
            "--verb=get,list,watch",
            "--resource=klivaccounts.secrets.kliv.dev,klivauditevents.secrets.kliv.dev,events,\
             deployments.apps",
        ],
        &["create", "rolebinding", "reader", "--role=reader", &role],
    ] {
        account.kubectl(args, &Value::Null).success();
    }
    let user = format!("guesser-{}", account.namespace);
    for (verb, kind) in [("create", "klivsecrets"), ("get", "klivaccounts")] {
        account.cluster.allows(&user, verb, kind, &account.namespace).await;
    }
    let refused =
        account.kubectl(&["apply", "-f", "-", &guesser], &secret("DOOR_PIN", &clothed("4711")));
    assert!(refused.failure().contains("cannot patch"));

    // One try with a right and one with a wrong PIN, from the same state each: both come
    // after another one, of which the audit trail tells as well.
    let mut seen = Vec::new();
    for guess in ["0815", "4711", "4712"] {
        let object = described("DOOR_PIN", Some("guess"), &clothed(guess));
        let told = account.kubectl(&["create", "-f", "-", &guesser], &object);
        account.published("door-pin.guess").await;
        let there = everything(&account, &guesser).await;
        account.kubectl(&["delete", "ksec", "door-pin.guess", &guesser], &Value::Null).success();
        eventually("the guess is published no more", async || {
            account.set("guess").await.is_none().then_some(())
        })
        .await;
        seen.push([told.stdout, told.stderr, there, everything(&account, &guesser).await]);
    }
    assert!(seen[1][2].contains("door-pin.guess"), "sees what it tries");
    for (right, wrong) in seen[1].iter().zip(&seen[2]) {
        let lines = right.lines().zip(wrong.lines());
        let differs: Vec<_> = lines.filter(|(right, wrong)| right != wrong).take(5).collect();
        assert!(right == wrong, "{differs:#?}");
    }
}

/// All that somebody sees once nothing is left to do, but for times, versions of objects,
/// uids, ciphertexts and names that follow from uids.
async fn everything(account: &Account<'_>, who: &str) -> String {
    eventually("no former set is left", async || {
        account.status().await.superseded.is_empty().then_some(())
    })
    .await;
    account.caught_up().await;
    let get = |kinds| -> Vec<Value> {
        let text = account.kubectl(&["get", kinds, "-o", "json", who], &Value::Null).success();
        let mut all: Value = serde_json::from_str(&text).expect("JSON");
        let items = all["items"].as_array_mut().expect("items");
        std::mem::take(items)
    };
    let mut objects = get("klivsecrets,klivaccounts,deployments");
    objects.retain(|object| object["metadata"]["name"] != "barrier");
    objects.iter_mut().for_each(blank);
    let about = |event: &Value| {
        let object = &event["involvedObject"];
        let words = event["message"].as_str().unwrap_or_default().split(' ');
        let is_count = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
        let words = words.filter(|word| !word.contains("kliv-env-") && !is_count(word));
        let words: String = words.collect::<Vec<_>>().join(" ");
        (object["kind"] != "ReplicaSet" && object["name"] != "barrier")
            .then(|| format!("{} {} {}: {words}", object["kind"], object["name"], event["reason"]))
    };
    let events: BTreeSet<String> = get("events").iter().filter_map(about).collect();
    // Those that wait are what the front door saw of a delete: it can open nothing.
    let mut trail = get("klivauditevents");
    trail.retain(|event| event["metadata"]["labels"]["secrets.kliv.dev/pending"].is_null());
    trail.iter_mut().for_each(blank);
    let trail: BTreeSet<String> = trail.iter().map(|event| event["spec"].to_string()).collect();
    format!("{}{events:#?}{trail:#?}", serde_json::to_string_pretty(&objects).expect("JSON"))
}

/// Leaves only what is the same for everybody who does the same.
fn blank(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for hidden in [
                "uid",
                "resourceVersion",
                "sealed",
                "managedFields",
                "revision",
                "generation",
                "head",
                "checkpoint",
                "pending",
                "sequence",
                "previous",
                "hash",
                "secretUid",
                "observedGeneration",
            ] {
                fields.remove(hidden);
            }
            fields.values_mut().for_each(blank);
        }
        Value::Array(items) => items.iter_mut().for_each(blank),
        Value::String(text) => {
            let is_time = text.len() >= 20 && text.starts_with("20") && text.ends_with('Z');
            if is_time || text.starts_with("kliv-env-") || text.contains(" value ") {
                "…".clone_into(text);
            } else if text.starts_with("revision ") {
                text.retain(|c| !c.is_ascii_digit());
            }
        }
        _ => {}
    }
}
