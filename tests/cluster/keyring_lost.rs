//! A keyring that is lost, damaged or old: nothing is made over it, what runs goes on, and
//! whoever looks is told what to do.

use k8s_openapi::api::core::v1::Secret;
use kliv_secrets::api::condition::{READY, Reason};
use kliv_secrets::api::names::KEYRING_SECRET;
use kliv_secrets::runtime::clock;
use kube::api::{Api, ListParams};

use crate::account::{Account, env_of, function, secret};
use crate::chart::NAMESPACE;
use crate::harness::{Options, Request, eventually};
use crate::operator::{CONTROLLER, Operator};

#[tokio::test]
async fn a_lost_or_damaged_keyring_is_told_nothing_runs_otherwise_and_its_backup_mends_it() {
    let mut operator = start().await;
    let namespace = filled(&operator, "lost").await;
    let backup = backup(&operator);
    for (loss, words) in [
        (vec!["delete", "secret", KEYRING_SECRET], "is gone, and"),
        (
            vec!["patch", "secret", KEYRING_SECRET, "-p", r#"{"data":{"keyring":"Z2FyYmFnZQ=="}}"#],
            "not a keyring, or a damaged one",
        ),
        (
            vec!["patch", "secret", KEYRING_SECRET, "-p", r#"{"data":{"keyring":null}}"#],
            "has no entry keyring",
        ),
    ] {
        operator.stop_controller();
        in_operators_namespace(&operator, &loss);
        let account = Account::at(&operator, namespace.clone());
        let sets = sets(&account).await;
        let function = account.function("api").await;
        let mark = operator.cluster.audit_mark().await;

        operator.start_controller();

        let account = Account::at(&operator, namespace.clone());
        let said = account.becomes("api-token", Reason::DecryptionFailed).await;
        let said = said.status.expect("a status").conditions.into_iter();
        let said = said.filter(|c| c.type_ == READY).map(|c| c.message).collect::<String>();
        assert!(said.contains("--field-selector reason=KeyringUnavailable"), "{said}");
        // And that command says what to do.
        let selector = "--field-selector=reason=KeyringUnavailable";
        let events = ["get", "events", "-A", selector, "-o", "jsonpath={.items[*].message}"];
        eventually("an Event says what to do", async || {
            let told = operator.cluster.kubectl(&events).success();
            (told.contains(words) && told.contains(&format!("kubectl -n {NAMESPACE} ")))
                .then_some(())
        })
        .await;
        assert!(operator.logs().contains(words));
        waits_for(&operator, "waiting for: the keyring, the webhook's certificate\n").await;

        // New functions start with what is published, and a new value waits.
        let created = account.dry_run(&crate::account::function("new")).await;
        assert!(!env_of(&created).is_empty());
        account.apply(&secret("DB_PASSWORD", words));
        account.becomes("db-password", Reason::DecryptionFailed).await;
        account.caught_up().await;
        assert_eq!(account.function("api").await.spec, function.spec);
        assert_eq!(self::sets(&account).await, sets);
        let asked = operator.cluster.audit_since(mark).await;
        let secrets = asked.iter().filter(|request| is_write_of_a_secret(request));
        assert_eq!(secrets.collect::<Vec<_>>(), Vec::<&Request>::new());

        operator.cluster.kubectl_reading(&backup, &["replace", "--force", "-f", "-"]).success();

        // By itself, without a restart.
        account.published("api-token").await;
        account.published("db-password").await;
        account.gets("api", &[("API_TOKEN", "one"), ("DB_PASSWORD", words)]).await;
        settled(&account).await;
        waits_for(&operator, "").await;
    }
}

#[tokio::test]
async fn a_backup_from_before_a_rotation_is_told_and_only_what_it_lacks_does_not_open() {
    let mut operator = start().await;
    let [newer, older] = [filled(&operator, "newer").await, filled(&operator, "older").await];
    let restored = filled(&operator, "restored").await;
    let old_backup = backup(&operator);
    operator.restart_controller(&[&format!("--sealing-key-not-before={}", clock::now())]).await;
    let account = Account::at(&operator, newer.clone());
    // The webhook may seal with the former key for a moment: until then, again.
    let new_key = backup(&operator);
    let is_new = new_key.lines().find_map(|line| line.trim().strip_prefix("keyring: "));
    let is_new = active_key(is_new.expect("a keyring"));
    let mut value = 0;
    eventually("a value is sealed with the new key", async || {
        value += 1;
        account.apply(&secret("API_TOKEN", &format!("new-{value}")));
        let secrets: Api<kliv_secrets::api::KlivSecret> = account.api();
        let stored = secrets.get("api-token").await.expect("the secret").spec.sealed?;
        stored.contains(&is_new).then_some(())
    })
    .await;
    let value = format!("new-{value}");
    Account::at(&operator, restored.clone()).put(&secret("API_TOKEN", "new")).await;
    account.gets("api", &[("API_TOKEN", &value), ("DB_PASSWORD", "one")]).await;
    settled(&account).await;
    let sets_before = sets(&account).await;
    operator.stop_controller();
    operator.cluster.kubectl_reading(&old_backup, &["replace", "--force", "-f", "-"]).success();

    operator.set_flags(&["--keep-superseded=1s"]);
    operator.start_processes().await;

    let account = Account::at(&operator, newer.clone());
    let said = account.becomes("api-token", Reason::DecryptionFailed).await;
    let said = said.status.expect("a status").conditions[0].message.clone();
    assert!(said.contains("restore it from its backup, or set the value again"), "{said}");
    let selector = "--field-selector=reason=KeyringOutdated";
    let events = ["get", "events", "-n", NAMESPACE, selector, "-o", "jsonpath={.items[*].message}"];
    eventually("an Event says which key it lacks, and what to do", async || {
        let told = operator.cluster.kubectl(&events).success();
        (told.contains(&is_new) && told.contains("restore a newer backup")).then_some(())
    })
    .await;
    account.caught_up().await;
    account.gets("api", &[("API_TOKEN", &value), ("DB_PASSWORD", "one")]).await;
    assert_eq!(sets(&account).await, sets_before);

    // The rest works.
    account.published("db-password").await;
    let other = Account::at(&operator, older);
    other.published("api-token").await;
    eventually("what is written is sealed with a key that is there", async || {
        other.apply(&secret("API_TOKEN", "after"));
        let secrets: Api<kliv_secrets::api::KlivSecret> = other.api();
        let stored = secrets.get("api-token").await.expect("the secret").spec.sealed?;
        (!stored.contains(&is_new)).then_some(())
    })
    .await;
    other.put(&secret("API_TOKEN", "after")).await;
    other.gets("api", &[("API_TOKEN", "after"), ("DB_PASSWORD", "one")]).await;

    // Either way out works: handing the value in again …
    account.put(&secret("API_TOKEN", "again")).await;
    account.gets("api", &[("API_TOKEN", "again"), ("DB_PASSWORD", "one")]).await;
    // … and a newer backup, by itself, without a restart.
    let account = Account::at(&operator, restored);
    account.becomes("api-token", Reason::DecryptionFailed).await;
    operator.cluster.kubectl_reading(&new_key, &["replace", "--force", "-f", "-"]).success();
    account.published("api-token").await;
    account.put(&secret("DB_PASSWORD", "two")).await;
    account.gets("api", &[("API_TOKEN", "new"), ("DB_PASSWORD", "two")]).await;
}

#[tokio::test]
async fn a_controller_with_the_wrong_wrapping_key_does_not_come_to_lead_and_says_why() {
    let mut operator = start().await;
    let key = |number: u8| {
        use base64::Engine;
        let key = base64::engine::general_purpose::STANDARD.encode([number; 32]);
        operator.file(&format!("wrapping-{number}"), &key).display().to_string()
    };
    let [first, second] = [1, 2].map(key);
    let given = |path: &str| format!("--keyring-wrapping-key-file={path}");
    let namespace = filled(&operator, "wrapped").await;
    let plain = backup(&operator);
    let said = operator.controller_fails(&[&given(&first)]);
    assert!(said.contains("start once with --keyring-wrap-existing"), "{said}");

    operator.restart_controller(&[&given(&first), "--keyring-wrap-existing"]).await;
    let wrapped = backup(&operator);
    assert_ne!(wrapped, plain);
    operator.stop_controller();
    operator.set_flags(&[]);
    let said = operator.controller_fails(&[]);
    assert!(said.contains("the keyring is wrapped, and no wrapping key is given"), "{said}");
    assert!(said.contains("Give it as --keyring-wrapping-key-file"), "{said}");
    let said = operator.controller_fails(&[&given(&second)]);
    assert!(said.contains("the wrapping key does not open the keyring"), "{said}");
    assert!(said.contains("--keyring-former-wrapping-key-file"), "{said}");
    assert_eq!(backup(&operator), wrapped, "nothing was written");
    let selector = "--field-selector=reason=KeyringUnavailable";
    let events = ["get", "events", "-n", NAMESPACE, selector, "-o", "jsonpath={.items[*].message}"];
    let told = operator.cluster.kubectl(&events).success();
    assert!(told.contains("the wrapping key does not open the keyring"), "{told}");
    // It is the replica that is wrong: what is stored says nothing else.
    Account::at(&operator, namespace.clone()).published("api-token").await;

    let former = format!("--keyring-former-wrapping-key-file={first}");
    operator.set_flags(&[&given(&second), &former]);
    operator.start_processes().await;
    let rewrapped = backup(&operator);
    assert_ne!(rewrapped, wrapped);
    operator.restart_controller(&[]).await;
    assert_eq!(backup(&operator), rewrapped, "once is enough");
    operator.stop_controller();
    operator.set_flags(&[&given(&second)]);
    operator.start_processes().await;
    let account = Account::at(&operator, namespace);
    account.put(&secret("API_TOKEN", "two")).await;
    account.gets("api", &[("API_TOKEN", "two"), ("DB_PASSWORD", "one")]).await;
}

#[tokio::test]
async fn a_keyring_that_is_deleted_under_a_working_controller_is_told_while_it_still_works() {
    let operator = start().await;
    let namespace = filled(&operator, "deleted").await;
    let backup = backup(&operator);
    in_operators_namespace(&operator, &["delete", "secret", KEYRING_SECRET]);

    let selector = "--field-selector=reason=KeyringUnavailable";
    let events = ["get", "events", "-n", NAMESPACE, selector, "-o", "jsonpath={.items[*].message}"];
    eventually("an Event says that it is gone", async || {
        operator.cluster.kubectl(&events).success().contains("is gone, and").then_some(())
    })
    .await;
    let account = Account::at(&operator, namespace);
    account.put(&secret("API_TOKEN", "two")).await;
    account.gets("api", &[("API_TOKEN", "two"), ("DB_PASSWORD", "one")]).await;
    operator.cluster.kubectl_reading(&backup, &["create", "-f", "-"]).success();
    account.put(&secret("API_TOKEN", "three")).await;
}

async fn start() -> Operator {
    Operator::start(Options::default(), &["--keep-superseded=1s"]).await
}

async fn filled(operator: &Operator, name: &str) -> String {
    let account = Account::new(operator, name).await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.put(&secret("DB_PASSWORD", "one")).await;
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "one"), ("DB_PASSWORD", "one")]).await;
    settled(&account).await;
    account.namespace
}

/// Waits until the controller says that it waits for this, or for nothing.
async fn waits_for(operator: &Operator, what: &str) {
    eventually(&format!("the controller waits for {what:?}"), async || {
        (operator.controller_waits_for().as_deref() == Some(what)).then_some(())
    })
    .await;
}

/// Waits until all that is superseded is gone.
async fn settled(account: &Account<'_>) {
    eventually("only the current set is there", async || {
        let status = account.status().await;
        let no_other = status.superseded.len() + status.pending.len() == 0;
        (no_other && account.sets_there().await.len() == 1).then_some(())
    })
    .await;
    account.caught_up().await;
}

/// As the documentation says to make it.
fn backup(operator: &Operator) -> String {
    in_operators_namespace(operator, &["get", "secret", KEYRING_SECRET, "-o", "yaml"])
}

fn in_operators_namespace(operator: &Operator, args: &[&str]) -> String {
    operator.cluster.kubectl(&[args, &["-n", NAMESPACE]].concat()).success()
}

/// The id of the active key of a keyring in base64.
fn active_key(keyring: &str) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.decode(keyring).expect("base64");
    let text = String::from_utf8(text).expect("text");
    let active = text.lines().find(|line| line.starts_with("active ")).expect("an active key");
    active.split(' ').nth(2).expect("its id").to_owned()
}

/// The published sets that are there, each at its version.
async fn sets(account: &Account<'_>) -> Vec<(Option<String>, Option<String>)> {
    let secrets: Api<Secret> = account.api();
    let secrets = secrets.list(&ListParams::default()).await.expect("Secrets");
    let names = secrets.items.into_iter().map(|secret| secret.metadata);
    names.map(|metadata| (metadata.name, metadata.resource_version)).collect()
}

fn is_write_of_a_secret(request: &Request) -> bool {
    request.is_write() && request.user == CONTROLLER && request.resource == "secrets"
}
