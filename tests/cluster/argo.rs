//! Argo CD on an injected function and on KlivSecrets, by its own code: synced in each of
//! its ways, compared in each of its ways.

use kliv_secrets::api::condition::Reason;
use serde_json::{Value, json};

use crate::account::{secret, secret_with};
use crate::gitops::gitops;
use crate::tools::{Pair, changed, manifest, pairs};

/// How an application is synced: as it comes, or with `ServerSideApply=true`.
const SYNCS: [&[&str]; 2] = [&[], &["-server-side"]];
/// How it is compared: as it comes, with `ServerSideApply=true`, with
/// `ServerSideDiff=true`, and with `IncludeMutationWebhook=true` as well.
const COMPARISONS: [&[&str]; 4] = [
    &["-mode=legacy"],
    &["-mode=structured"],
    &["-mode=server-side"],
    &["-mode=server-side", "-include-mutations"],
];

#[tokio::test]
async fn an_injected_function_is_synced_in_each_of_argos_ways() {
    for sync in SYNCS {
        let made = |pair: &Pair<'_>, who: &str| synced(pair, &[manifest(who)], sync);
        for pair in pairs("argo", made).await {
            let account = &pair.account;
            let git = [placed(&pair, manifest("api"))];
            in_sync(&pair, &git, sync);
            // After a new value, and after one more sync.
            account.put(&secret("API_TOKEN", "second value")).await;
            pair.whole().await;
            in_sync(&pair, &git, sync);
            pair.after(0, |who| synced(&pair, &[manifest(who)], sync)).await;
            in_sync(&pair, &git, sync);

            // A change of the user's is seen, and arrives.
            let git = [placed(&pair, changed("api"))];
            for comparison in COMPARISONS {
                let said = compared(&pair, &git, comparison).remove(0);
                assert_eq!(said.0, "OutOfSync", "{comparison:?}");
            }
            pair.after(1, |who| synced(&pair, &[changed(who)], sync)).await;
            in_sync(&pair, &git, sync);
        }
    }
}

#[tokio::test]
async fn secrets_in_git_are_synced_and_stay_so() {
    for sync in SYNCS {
        let made = |pair: &Pair<'_>, who: &str| synced(pair, &[manifest(who)], sync);
        for pair in pairs("argo-secrets", made).await {
            let account = &pair.account;
            let sealed = account.sealed("SEALED_KEY", "some value");
            let git = [
                sealed,
                json!({ "envVar": "GENERATED_KEY", "generate": {}, "rotateAfterDays": 90 }),
                json!({ "envVar": "ASKED_KEY", "request": { "purpose": "mail" } }),
            ]
            .map(|spec| placed(&pair, secret_with(spec)));
            synced(&pair, &git, sync);
            account.published("sealed-key").await;
            account.published("generated-key").await;
            account.becomes("asked-key", Reason::AwaitingValue).await;
            in_sync(&pair, &git, sync);

            let value = account.environment("api").await["GENERATED_KEY"].clone();
            synced(&pair, &git, sync);
            account.caught_up().await;
            in_sync(&pair, &git, sync);
            assert_eq!(account.environment("api").await["GENERATED_KEY"], value);

            // A change in git is seen.
            let mut changed = git.clone();
            changed.iter_mut().for_each(|object| object["spec"]["description"] = json!("new"));
            for comparison in COMPARISONS {
                for said in compared(&pair, &changed, comparison) {
                    assert_eq!(said.0, "OutOfSync", "{comparison:?}");
                }
            }

            // The answer to the question does not come from git.
            let answer = json!({ "spec": { "value": "answered" } }).to_string();
            let args = ["patch", "ksec/asked-key", "--type=merge", "-p", &answer];
            account.kubectl(&args, &Value::Null).success();
            account.published("asked-key").await;
            in_sync(&pair, &git, sync);
            synced(&pair, &git, sync);
            account.caught_up().await;
            assert_eq!(account.environment("api").await["ASKED_KEY"], "answered");
            in_sync(&pair, &git, sync);
        }
    }
}

/// Syncs what is in git.
fn synced(pair: &Pair<'_>, objects: &[Value], flags: &[&str]) {
    let objects: Vec<Value> = objects.iter().map(|object| placed(pair, object.clone())).collect();
    gitops(pair.account.cluster, &[&["sync"], flags].concat(), &objects);
}

/// Nothing that is in git differs from what is live, however it is compared.
#[track_caller]
fn in_sync(pair: &Pair<'_>, objects: &[Value], sync: &[&str]) {
    let mut differences = String::new();
    for comparison in COMPARISONS {
        for (object, said) in objects.iter().zip(compared(pair, objects, comparison)) {
            if said.0 != "Synced" {
                let name = &object["metadata"]["name"];
                differences += &format!("{comparison:?}: {name} {}: {}\n", said.0, said.1);
            }
        }
    }
    assert_eq!(differences, "", "synced with {sync:?}, by policy: {}", pair.by_policy);
}

fn compared(pair: &Pair<'_>, objects: &[Value], flags: &[&str]) -> Vec<(String, String)> {
    gitops(pair.account.cluster, &[&["compare"], flags].concat(), objects)
}

/// As Argo CD places it into the application's namespace.
fn placed(pair: &Pair<'_>, mut object: Value) -> Value {
    object["metadata"]["namespace"] = json!(pair.account.namespace);
    object
}
