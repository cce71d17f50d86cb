//! Rotating the sealing key disturbs nothing and loses nothing.

use k8s_openapi::api::core::v1::ConfigMap;
use kliv_secrets::api::names::{KEYRING_SECRET, SEALING_KEY_CONFIGMAP, SEALING_KEY_ENTRY};
use kliv_secrets::api::{KlivSecret, object_name};
use kliv_secrets::runtime::{clock, entropy};
use kliv_secrets::seal::{Binding, Plaintext, Sealed, SealingKey, seal};
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

use crate::account::{Account, function, function_in, secret, secret_in, secret_with};
use crate::chart::NAMESPACE;
use crate::harness::{Options, Request, eventually};
use crate::operator::{CONTROLLER, Operator};

#[tokio::test]
async fn rotating_it_writes_keyring_and_public_key_and_nothing_else() {
    let mut operator = Operator::start(Options::default(), &["--keep-superseded=1s"]).await;
    let namespace = filled(&operator, "rotated").await;
    let before = published_key(&operator).await;
    let mark = operator.cluster.audit_mark().await;

    operator.restart_controller(&[&not_before_now()]).await;

    everything_was_gone_through(&operator, &namespace).await;
    let after = published_key(&operator).await;
    assert_ne!(after.key_id(), before.key_id());
    assert_eq!(after.installation(), before.installation());
    let asked = operator.cluster.audit_since(mark).await;
    let writes = asked.iter().filter(|r| is_ours(r) && !is_record(r));
    let writes = writes.map(what).collect::<Vec<_>>();
    assert_eq!(
        writes,
        [
            format!("update secrets {NAMESPACE}/{KEYRING_SECRET}"),
            format!("patch configmaps {NAMESPACE}/{SEALING_KEY_CONFIGMAP}"),
        ]
    );

    // The flag stays: the same start again rotates nothing.
    let mark = operator.cluster.audit_mark().await;
    operator.restart_controller(&[]).await;
    everything_was_gone_through(&operator, &namespace).await;
    let asked = operator.cluster.audit_since(mark).await;
    let writes = asked.iter().filter(|r| is_ours(r) && !is_record(r));
    let writes = writes.map(what).collect::<Vec<_>>();
    assert_eq!(writes, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_sealed_before_still_opens_and_what_comes_after_has_the_new_key() {
    let mut operator = Operator::start(Options::default(), &["--keep-superseded=1s"]).await;
    let namespace = filled(&operator, "opens").await;
    let before = published_key(&operator).await;

    operator.restart_controller(&[&not_before_now()]).await;

    let after = published_key(&operator).await;
    let account = Account::at(&operator, namespace.clone());
    // The webhook reads its files anew; what it seals until then is good as well.
    let mut value = 0;
    eventually("what is written is sealed with the new key", async || {
        value += 1;
        account.apply(&secret("API_TOKEN", &format!("new-{value}")));
        (key_of(&account, "API_TOKEN").await == after.key_id().to_string()).then_some(())
    })
    .await;
    account.published("api-token").await;
    let newest = format!("new-{value}");
    // The new set holds what was sealed with either key.
    account.gets("api", &[("API_TOKEN", &newest), ("DB_PASSWORD", "one")]).await;

    let place = Binding { account: &namespace, variable: "MAIL_KEY", environment: None };
    let offline = Plaintext::new(b"sealed at home".to_vec());
    let mut rng = entropy::system();
    let sealed = seal(&before, &place, &offline, clock::now(), &mut rng).expect("fits");
    let manifest = secret_with(json!({ "envVar": "MAIL_KEY", "sealed": sealed.to_string() }));
    account.put(&manifest).await;
    let wanted =
        [("API_TOKEN", newest.as_str()), ("DB_PASSWORD", "one"), ("MAIL_KEY", "sealed at home")];
    account.gets("api", &wanted).await;

    operator.restart_controller(&[]).await;
    let account = Account::at(&operator, namespace);
    account.put(&secret("EXTRA_KEY", "extra")).await;
    account.gets("api", &[&wanted[..2], &[("EXTRA_KEY", "extra")], &wanted[2..]].concat()).await;

    // Who wants nothing to be left under the old key hands in the same value anew.
    let left = "kliv_secrets_sealed_with_former_keys{part=\"value\"} ";
    let count = || {
        let page = operator.metrics();
        page.lines().find_map(|line| line.strip_prefix(left)).map(str::to_owned)
    };
    eventually("what is left is counted", async || {
        // DB_PASSWORD, that of environment test, MAIL_KEY, and the harness's own READY.
        (count().as_deref() == Some("4")).then_some(())
    })
    .await;
    let version = account.published("db-password").await.status.and_then(|status| status.version);
    account.apply(&secret("DB_PASSWORD", "one"));
    eventually("one less is left", async || (count().as_deref() == Some("3")).then_some(())).await;
    let same = account.published("db-password").await.status.and_then(|status| status.version);
    assert_eq!(same, version, "the same value is no new version");
}

#[tokio::test]
async fn a_time_that_is_still_to_come_is_refused_and_rotates_nothing() {
    let operator = Operator::exclusive().await;
    let before = published_key(&operator).await;
    let said = operator.controller_fails(&["--sealing-key-not-before=2999-01-01T00:00:00Z"]);
    assert!(said.contains("--sealing-key-not-before 2999-01-01T00:00:00Z"), "{said}");
    assert!(said.contains("give a time that has passed"), "{said}");
    assert_eq!(published_key(&operator).await, before);
}

#[tokio::test]
async fn the_charts_values_are_flags_that_the_controller_takes() {
    let cluster = crate::harness::control_plane().await;
    let values = "controller.sealingKey.notBefore=2026-11-24T10:00:00Z,\
         controller.keyringWrappingKey.secretName=wrapping,\
         controller.keyringWrappingKey.entry=second,\
         controller.keyringWrappingKey.formerEntry=first,\
         controller.keyringWrappingKey.wrapExisting=true";
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kliv-secrets");
    let image = "image.repository=example.org/kliv-secrets,image.tag=test";
    let args = ["template", "x", folder, "--kube-version=1.37", "--set", image, "--set", values];
    let objects: Vec<Value> =
        serde_saphyr::from_multiple(&cluster.helm(&args).success()).expect("YAML");
    let controller = objects
        .iter()
        .find(|o| o["kind"] == "Deployment" && o["metadata"]["name"] == "kliv-secrets-controller")
        .expect("the controller");
    let pod = &controller["spec"]["template"]["spec"];
    let flags = pod["containers"][0]["args"].as_array().expect("flags").iter();
    let flags = flags.map(|flag| flag.as_str().expect("text"));
    use clap::Parser;
    use kliv_secrets::runtime::args::{Cli, Command};
    let line = ["kliv-secrets"].into_iter().chain(flags);
    let Command::Controller(args) = Cli::try_parse_from(line).expect("are taken").command else {
        panic!("not a controller")
    };
    assert!(args.sealing_key_not_before.is_some() && args.keyring_wrap_existing);
    let mounted = pod["volumes"][0]["secret"]["items"].as_array().expect("entries").iter();
    let mounted: Vec<_> = mounted.map(|item| item["path"].as_str().expect("a path")).collect();
    let given = [args.keyring_wrapping_key_file, args.keyring_former_wrapping_key_file];
    let given = given.map(|file| file.expect("is given"));
    let names = given.each_ref().map(|file| file.file_name().expect("a name").to_string_lossy());
    assert_eq!(names, ["second", "first"]);
    assert_eq!(mounted, names);
}

/// An account with two environments, functions and a past.
async fn filled(operator: &Operator, name: &str) -> String {
    let account = Account::new(operator, name).await;
    account.put(&secret("API_TOKEN", "zero")).await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.put(&secret("DB_PASSWORD", "one")).await;
    account.put(&secret_in("test", "DB_PASSWORD", "of test")).await;
    account.create(&function("api")).await;
    account.create(&function_in("test", "tested")).await;
    account.gets("api", &[("API_TOKEN", "one"), ("DB_PASSWORD", "one")]).await;
    account.gets("tested", &[("API_TOKEN", "one"), ("DB_PASSWORD", "of test")]).await;
    eventually("the account is settled", async || {
        let status = account.status().await;
        let moving = status.functions.total - status.functions.updated;
        (status.superseded.len() + status.pending.len() == 0 && moving == 0).then_some(())
    })
    .await;
    account.caught_up().await;
    account.namespace
}

async fn everything_was_gone_through(operator: &Operator, namespace: &str) {
    let secrets: Api<KlivSecret> = Api::all(operator.cluster.client());
    let secrets = secrets.list(&ListParams::default()).await.expect("KlivSecrets").items;
    let accounts: std::collections::BTreeSet<_> =
        secrets.iter().filter_map(|secret| secret.metadata.namespace.clone()).collect();
    eventually("every account was gone through", async || {
        (operator.reconciles() >= accounts.len() as u64).then_some(())
    })
    .await;
    Account::at(operator, namespace.to_owned()).caught_up().await;
}

async fn published_key(operator: &Operator) -> SealingKey {
    let maps: Api<ConfigMap> = Api::namespaced(operator.cluster.client(), NAMESPACE);
    let map = maps.get(SEALING_KEY_CONFIGMAP).await.expect("the sealing key");
    SealingKey::parse(&map.data.expect("entries")[SEALING_KEY_ENTRY]).expect("a sealing key")
}

/// The id of the key that a variable's stored value names.
async fn key_of(account: &Account<'_>, env_var: &str) -> String {
    let secrets: Api<KlivSecret> = account.api();
    let secret = secrets.get(&object_name(env_var, None)).await.expect("the secret");
    let sealed = secret.spec.sealed.expect("is sealed");
    Sealed::parse(&sealed).expect("a sealed value").key_id().to_string()
}

pub(crate) fn not_before_now() -> String {
    format!("--sealing-key-not-before={}", clock::now())
}

/// A write of the controller, Events and the Lease aside.
fn is_ours(request: &Request) -> bool {
    request.is_write()
        && request.user == CONTROLLER
        && !["events", "leases"].contains(&request.resource.as_str())
}

/// Each account's audit trail tells of the new key.
fn is_record(request: &Request) -> bool {
    ["klivaccounts/status", "klivauditevents"].contains(&request.resource.as_str())
}

fn what(request: &Request) -> String {
    format!("{} {} {}/{}", request.verb, request.resource, request.namespace, request.name)
}
