//! `kubectl kliv`'s verbs for what a secret was, is and waits for: history, rollback, rotate,
//! request, answer, rollout, status.

use std::time::Duration;

use k8s_openapi::jiff::SignedDuration;
use kliv_secrets::account::{DryRun, Error, How};
use kliv_secrets::api::KlivSecret;
use kliv_secrets::api::condition::Reason;
use kliv_secrets::api::names::INSTALL_CONFIGMAP;
use kliv_secrets::runtime::clock;
use kliv_secrets::seal::Plaintext;
use serde_json::{Value, json};

use crate::account::{
    Account, function, function_in, function_with, kubectl_kliv, secret, secret_with,
};
use crate::chart;
use crate::harness::{Outcome, run};
use crate::operator::Operator;

/// No output and no error may ever hold any of them.
const CANARIES: [&str; 3] =
    ["c4n4ry-first-value-a1b2c3", "c4n4ry-second-value-d4e5f6", "c4n4ry-third-value-g7h8i9"];
const FIRST: &str = CANARIES[0];
const SECOND: &str = CANARIES[1];
const THIRD: &str = CANARIES[2];

/// `kubectl kliv` as admin, or as somebody else with `--as`.
pub(crate) fn kliv(account: &Account<'_>, args: &[&str]) -> Outcome {
    kliv_reading(account, "", args)
}

/// The same with something on its standard input.
pub(crate) fn kliv_reading(account: &Account<'_>, stdin: &str, args: &[&str]) -> Outcome {
    let args = [args, &["-n", &account.namespace]].concat();
    let said = run(kubectl_kliv(account.cluster, &args), stdin);
    for canary in CANARIES {
        assert!(!said.stdout.contains(canary) && !said.stderr.contains(canary), "{args:?}");
    }
    said
}

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}

fn versions(secret: &KlivSecret) -> Vec<i64> {
    let history = secret.status.iter().flat_map(|status| &status.history);
    history.map(|entry| entry.version).collect()
}

/// The words of a table's row that begins with this.
fn row<'a>(table: &'a str, first: &str) -> Vec<&'a str> {
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.find(|row| row.first() == Some(&first)).unwrap_or_else(|| panic!("no {first}: {table}"))
}

#[tokio::test]
async fn a_rollback_brings_a_former_value_to_the_functions_and_the_history_says_so() {
    let account = account("verbs-rollback").await;
    account.create(&function("api")).await;
    account.put(&secret("API_TOKEN", FIRST)).await;
    let rotate = ["rotate", "API_TOKEN", "--from-stdin"];
    let said = kliv_reading(&account, SECOND, &rotate).success();
    assert!(said.contains("api-token rotated\n"), "{said}");
    assert!(said.ends_with("live on 1 of 1 function\n"), "{said}");
    account.gets("api", &[("API_TOKEN", SECOND)]).await;

    let said = kliv(&account, &["rollback", "API_TOKEN", "--to=1"]).success();

    assert!(said.contains("api-token rolled back to version 1\n"), "{said}");
    assert!(said.ends_with("live on 1 of 1 function\n"), "{said}");
    account.gets("api", &[("API_TOKEN", FIRST)]).await;
    let table = kliv(&account, &["history", "api-token"]).success();
    let newest = row(&table, "3");
    assert_eq!(newest[2], "c4n4****b2c3", "{table}");
    assert_eq!(newest[4..], ["cli", "1"], "{table}");
    assert_eq!(row(&table, "1")[4..], ["kubectl"], "{table}");
    let table = kliv(&account, &["history", "api-token", "--no-mask"]).success();
    assert!(!table.contains("****"), "{table}");
}

#[tokio::test]
async fn what_can_not_be_rolled_back_is_refused_with_the_way_out_and_changes_nothing() {
    let account = account("verbs-refused").await;
    account.put(&secret("API_TOKEN", FIRST)).await;
    let before = account.put(&secret("API_TOKEN", SECOND)).await;
    for (version, why) in [("2", "is the one in use"), ("9", "its newest is 2")] {
        let said = kliv(&account, &["rollback", "API_TOKEN", &format!("--to={version}")]);
        let said = said.failure();
        assert!(said.contains(why) && said.contains("kubectl kliv history"), "{said}");
    }
    let said = kliv(&account, &["rollback", "NO_SUCH_KEY", "--to=1"]).failure();
    assert!(said.contains("no-such-key") && said.contains("not found"), "{said}");
    kliv(&account, &["rollback", "API_TOKEN", "--to=1", "--dry-run=server"]).success();
    let now: KlivSecret = account.api().get("api-token").await.expect("the secret");
    assert_eq!(now.metadata.generation, before.metadata.generation);

    // Somebody else is quicker.
    account.put(&secret("API_TOKEN", THIRD)).await;
    let late = account.caller().roll_back(&before, 1, DryRun::None).await;
    assert!(matches!(late, Err(Error::Changed(_))));
    let now: KlivSecret = account.api().get("api-token").await.expect("the secret");
    assert_eq!(versions(&now), [3, 2, 1]);
}

#[tokio::test]
async fn who_may_only_look_sees_the_history_and_changes_nothing() {
    let account = account("verbs-viewer").await;
    account.put(&secret("API_TOKEN", FIRST)).await;
    account.put(&secret("API_TOKEN", SECOND)).await;
    account.grant("kliv-secrets-viewer", "viewer").await;

    kliv(&account, &["history", "API_TOKEN", "--as=viewer"]).success();
    for verb in [
        &["rollback", "API_TOKEN", "--to=1"][..],
        &["rotate", "API_TOKEN", "--from-stdin"],
        &["request", "OTHER_KEY", "--purpose=to look"],
    ] {
        let said = kliv_reading(&account, THIRD, &[verb, &["--as=viewer"]].concat()).failure();
        assert!(said.contains("forbidden: ") && said.contains("kliv-secrets-editor"), "{said}");
    }
    let said = kliv(&account, &["status", "--as=viewer"]).failure();
    assert!(said.contains("deployments"), "{said}");
}

#[tokio::test]
async fn compromised_values_are_purged_and_refused_from_then_on() {
    let account = account("verbs-leaked").await;
    account.create(&function("api")).await;
    let leaked = account.put(&secret("API_TOKEN", FIRST)).await.spec.sealed.expect("sealed");
    account.put(&secret("API_TOKEN", SECOND)).await;
    let rotate = ["rotate", "API_TOKEN", "--compromised", "--from-stdin"];
    let said = kliv_reading(&account, THIRD, &rotate).failure();
    assert!(said.contains("this needs a yes"), "{said}");

    let said = kliv_reading(&account, THIRD, &[&rotate[..], &["--yes"]].concat());

    assert!(said.ok && said.stderr.contains("the old values are purged"), "{said:?}");
    account.gets("api", &[("API_TOKEN", THIRD)]).await;
    let secret = account.published("api-token").await;
    assert_eq!(versions(&secret), [3]);
    assert!(secret.status.is_some_and(|status| status.refuse_sealed_before.is_some()));
    let said = kliv(&account, &["rollback", "API_TOKEN", "--to=1"]).failure();
    assert!(said.contains("compromised") && said.contains("kliv rotate"), "{said}");

    // From git, say.
    let spec = json!({ "envVar": "API_TOKEN", "sealed": leaked });
    account.apply(&secret_with(spec));
    account.becomes("api-token", Reason::SealedTooEarly).await;
    account.gets("api", &[("API_TOKEN", THIRD)]).await;
    // The one in use comes back over it.
    kliv(&account, &["rollback", "API_TOKEN", "--to=3"]).success();
    account.published("api-token").await;
}

#[tokio::test]
async fn old_values_count_as_purged_only_once_the_operator_says_so() {
    let account = account("verbs-ahead").await;
    let before = account.put(&secret("API_TOKEN", FIRST)).await;
    let (caller, value) = (account.caller(), Plaintext::new(SECOND.into()));
    let ahead = clock::now() + SignedDuration::from_mins(10);

    let key = caller.sealing_key().await.expect("the public key");
    let how = How { key: &key, now: ahead, dry_run: DryRun::None };
    let rotated = caller.rotate(&before, &value.into(), true, &how).await;
    let rotated = rotated.expect("rotated").secret;

    account.published("api-token").await;
    let purged = caller.purged(&rotated, Duration::from_secs(1)).await;
    assert!(matches!(purged, Ok(false)), "its old value can be brought back");
}

#[tokio::test]
async fn what_is_due_is_listed_where_nobody_can_be_asked() {
    let account = account("verbs-due").await;
    account.put(&secret("API_TOKEN", FIRST)).await;
    let said = kliv(&account, &["rotate", "--due"]);
    assert!(said.ok && said.stderr.contains("Nothing is due"), "{said:?}");
    let ended = json!({
        "envVar": "OLD_TOKEN", "value": SECOND, "expirationTime": "2020-01-01T00:00:00Z",
    });
    account.put(&secret_with(ended)).await;

    let table = kliv(&account, &["rotate", "--due"]).success();

    assert_eq!(row(&table, "old-token")[1], "Expired", "{table}");
    assert!(!table.contains("api-token"), "{table}");
}

#[tokio::test]
async fn a_question_waits_and_its_answer_reaches_the_functions_that_were_named() {
    let account = account("verbs-ask").await;
    account.create(&function("mail")).await;
    account.create(&function_in("test", "trial")).await;
    account.create(&function_with("none", &[("inject", "none")])).await;
    let purpose = "--purpose=to send mail\u{1b}[2J";
    let request = ["request", "MAIL_KEY", purpose, "--obtain-from=https://example.org/keys"];
    let said = kliv(&account, &request);
    assert!(said.stderr.contains("kubectl kliv answer mail-key"), "{said:?}");
    assert_eq!(said.success(), "klivsecret.secrets.kliv.dev/mail-key requested\n");
    account.becomes("mail-key", Reason::AwaitingValue).await;
    let again = kliv(&account, &request).failure();
    assert!(again.contains("mail-key is there already"), "{again}");
    let early = kliv_reading(&account, FIRST, &["rotate", "MAIL_KEY", "--from-stdin"]).failure();
    assert!(early.contains("kubectl kliv answer"), "{early}");

    let answer = ["answer", "MAIL_KEY", "--from-stdin"];
    let said = kliv_reading(&account, FIRST, &answer);

    let told = &said.stderr;
    assert!(told.contains("to send mail\\u{1b}[2J") && !told.contains('\u{1b}'), "{told}");
    assert!(told.contains("https://example.org/keys"), "{told}");
    assert!(told.contains(&format!("Account:      {}", account.namespace)), "{told}");
    assert!(told.contains("Asked by:     kliv-admin"), "{told}");
    assert!(told.contains("Functions that will get it: mail, trial\n"), "{told}");
    let said = said.success();
    assert!(said.contains("mail-key answered\n"), "{said}");
    assert!(said.ends_with("live on 2 of 2 functions\n"), "{said}");
    account.gets("mail", &[("MAIL_KEY", FIRST)]).await;
    let twice = kliv_reading(&account, SECOND, &answer).failure();
    assert!(twice.contains("has its value already"), "{twice}");
}

#[tokio::test]
async fn a_manual_function_takes_the_new_set_when_told() {
    let account = account("verbs-manual").await;
    account.put(&secret("API_TOKEN", FIRST)).await;
    account.create(&function_with("slow", &[("rollout", "manual")])).await;
    account.create(&function("quick")).await;
    account.gets("slow", &[("API_TOKEN", FIRST)]).await;
    account.put(&secret("API_TOKEN", SECOND)).await;
    account.gets("quick", &[("API_TOKEN", SECOND)]).await;
    // Its rollout is over.
    account.replica_sets("quick").await;
    account.caught_up().await;
    let said = kliv(&account, &["status"]);
    assert!(said.stderr.contains("slow: keeps its set until told: kubectl kliv rollout slow"));
    let table = said.success();
    assert_eq!(row(&table, "slow")[1..], ["Manual", "former", "1"], "{table}");
    assert_eq!(row(&table, "quick")[1], "Updated", "{table}");

    let said = kliv(&account, &["rollout", "slow"]).success();

    assert!(said.ends_with("rollout complete\n"), "{said}");
    account.gets("slow", &[("API_TOKEN", SECOND)]).await;
    let said = kliv(&account, &["status", "-o", "json"]).success();
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let slow = said["functions"].as_array().expect("functions").iter();
    let slow = slow.filter(|function| function["name"] == "slow").map(|f| &f["state"]);
    assert_eq!(slow.collect::<Vec<_>>(), ["Updated"]);
    assert_eq!(said["updated"], said["total"]);
    let said = kliv(&account, &["rollout", "slow"]).success();
    assert!(said.contains("already"), "{said}");
    let said = kliv(&account, &["rollout", "quick"]).failure();
    assert!(said.contains("takes new sets by itself"), "{said}");
    let said = kliv(&account, &["rollout", "nobody"]).failure();
    assert!(said.contains("function nobody") && said.contains("not found"), "{said}");
}

#[tokio::test]
async fn functions_are_the_deployments_with_the_labels_that_the_install_names() {
    let account = account("verbs-labels").await;
    let labels = json!({
        "app.kubernetes.io/component": null, "role": "edge", "example.org/tier": "a",
    });
    let labels = format!("--set-json=functionLabels={labels}");
    let rendered = chart::render_with(account.cluster, &[&labels]);
    let told = rendered.iter().find(|object| object["metadata"]["name"] == INSTALL_CONFIGMAP);
    let told = told.expect("the install's ConfigMap")["data"].clone();
    let controller = rendered.iter().find(|object| {
        object["kind"] == "Deployment" && object["metadata"]["name"] == "kliv-secrets-controller"
    });
    let flag = format!("--function-selector={}", told["function-selector"].as_str().expect("text"));
    assert!(controller.expect("the controller").to_string().contains(&flag), "{flag}");
    // Where the operator's namespace is said to be, one may tell what one likes.
    account.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": INSTALL_CONFIGMAP },
        "data": told,
    }));
    let mut edge = function("edge");
    edge["metadata"]["labels"] = json!({ "role": "edge", "example.org/tier": "a" });
    let mut half = function("half");
    half["metadata"]["labels"] = json!({ "role": "edge" });
    for function in [&edge, &half, &function_with("other", &[("inject", "none")])] {
        account.create(function).await;
    }
    let elsewhere = ["--operator-namespace", &account.namespace];
    let named = |said: &str| -> Vec<String> { said.lines().map(str::to_owned).collect() };

    let said = kliv(&account, &[&["status", "-o=name"][..], &elsewhere].concat()).success();
    assert_eq!(named(&said), ["deployment.apps/edge"]);
    let said = kliv(&account, &["status", "-o=name"]).success();
    assert_eq!(named(&said), ["deployment.apps/other"], "the chart's default label");
    let said = kliv(&account, &[&["rollout", "half"][..], &elsewhere].concat()).failure();
    assert!(said.contains("lacks the label example.org/tier=a,role=edge"), "{said}");
}

#[tokio::test]
async fn version_tells_the_programs_and_the_operators_to_everybody() {
    let account = account("verbs-version").await;
    let version = env!("CARGO_PKG_VERSION");

    let said = kliv(&account, &["version", "--as=somebody"]).success();
    assert_eq!(said, format!("Client Version: {version}\nServer Version: {version}\n"));
    let said = kliv(&account, &["version", "-o=json"]).success();
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said, json!({ "clientVersion": version, "serverVersion": version }));
    let said = kliv(&account, &["version", "--client", "-o=yaml"]).success();
    assert_eq!(said, format!("clientVersion: \"{version}\"\n"));
    let nowhere = kliv(&account, &["version", "--operator-namespace=default"]);
    assert!(nowhere.stdout.starts_with("Client Version: "), "its own is told all the same");
    let said = nowhere.failure();
    assert!(said.contains("not found: if kliv-secrets runs in another namespace"), "{said}");
}
