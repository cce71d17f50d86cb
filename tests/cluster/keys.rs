//! The keyring's home on a real API server.

use futures::future::join_all;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kliv_secrets::api::names::{KEYRING_SECRET, SEALING_KEY_CONFIGMAP};
use kliv_secrets::keys::{
    Cutoff, KeySource, KeysError, Published, load_or_create, publish_sealing_key,
};
use kliv_secrets::runtime::entropy;
use kliv_secrets::seal::{Binding, Keyring, Plaintext, SealingKey, WrappingKey, is_wrapped, seal};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::chart;
use crate::harness::{Cluster, Options};

#[tokio::test]
async fn the_keyring_is_made_once_and_published_once() {
    let (cluster, _alone) = nothing_sealed().await;
    let namespace = cluster.namespace("keys").await;
    let first = load(cluster, &namespace, None).await.expect("made");
    assert_eq!(publish(cluster, &namespace, &first).await, Published::Now);

    let mark = cluster.audit_mark().await;
    let second = load(cluster, &namespace, None).await.expect("read");
    assert_eq!(publish(cluster, &namespace, &second).await, Published::Before);
    assert_eq!(second.to_bytes(), first.to_bytes());
    let asked = cluster.audit_since(mark).await;
    // Kubernetes' own parts furnish a new namespace at their own pace.
    let ours = asked.iter().filter(|r| r.namespace == namespace && !r.user.starts_with("system:"));
    let ours: Vec<_> = ours.collect();
    assert!(!ours.is_empty() && ours.iter().all(|request| request.verb == "get"), "{ours:?}");
}

#[tokio::test]
async fn replicas_that_start_together_have_one_keyring() {
    let (cluster, _alone) = nothing_sealed().await;
    let namespace = cluster.namespace("keys").await;
    let all = join_all((0..6).map(|_| load(cluster, &namespace, None))).await;
    let all: Vec<Keyring> = all.into_iter().map(|keyring| keyring.expect("a keyring")).collect();
    assert!(all.iter().all(|keyring| keyring.to_bytes() == all[0].to_bytes()));
}

#[tokio::test]
async fn a_changed_sealing_key_is_put_right() {
    let (cluster, _alone) = nothing_sealed().await;
    let namespace = cluster.namespace("keys").await;
    let keyring = load(cluster, &namespace, None).await.expect("made");
    assert_eq!(publish(cluster, &namespace, &keyring).await, Published::Now);
    let change = r#"{"data": {"sealing-key": "somebody else's"}}"#;
    let patch = ["patch", "cm", SEALING_KEY_CONFIGMAP, "--type=merge", "-p", change];
    cluster.kubectl(&[&patch[..], &["-n", &namespace]].concat()).success();

    assert_eq!(publish(cluster, &namespace, &keyring).await, Published::Now);
    assert_eq!(publish(cluster, &namespace, &keyring).await, Published::Before);
}

#[tokio::test]
async fn a_keyring_that_was_published_is_not_replaced_until_its_sealing_key_is_given_up() {
    let (cluster, _alone) = nothing_sealed().await;
    let namespace = cluster.namespace("keys").await;
    let first = load(cluster, &namespace, None).await.expect("made");
    publish(cluster, &namespace, &first).await;
    let delete = |kind, name| cluster.kubectl(&["delete", kind, name, "-n", &namespace]).success();
    delete("secret", KEYRING_SECRET);

    let refused = load(cluster, &namespace, None).await.err().expect("refused").to_string();
    assert!(refused.contains("is still published") && refused.contains("create -f"), "{refused}");

    delete("configmap", SEALING_KEY_CONFIGMAP);
    let second = load(cluster, &namespace, None).await.expect("made");
    assert_ne!(second.sealing_key().key_id(), first.sealing_key().key_id());
}

#[tokio::test]
async fn a_lost_keyring_is_not_replaced_and_its_backup_opens_what_was_sealed() {
    let (cluster, _alone) = nothing_sealed().await;
    let namespace = cluster.namespace("keys").await;
    let before = load(cluster, &namespace, None).await.expect("made");
    let place = Binding { account: &namespace, variable: "OPENAI_API_KEY", environment: None };
    let value = Plaintext::new(b"sk-proj-abc123xyz789".to_vec());
    let at = Timestamp::UNIX_EPOCH;
    let sealed =
        seal(before.sealing_key(), &place, &value, at, &mut entropy::system()).expect("fits");
    let object = json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": {"name": "openai-api-key", "namespace": namespace},
        "spec": {"envVar": "OPENAI_API_KEY", "sealed": sealed.to_string()},
    });
    cluster.kubectl_reading(&object.to_string(), &["create", "-f", "-"]).success();
    let in_namespace = ["-n", namespace.as_str()];
    let get = [&["get", "secret", KEYRING_SECRET, "-o", "yaml"], &in_namespace[..]].concat();
    let backup = cluster.kubectl(&get).success();
    cluster.kubectl(&[&["delete", "secret", KEYRING_SECRET], &in_namespace[..]].concat()).success();

    let elsewhere = cluster.namespace("keys").await;
    for operator in [&namespace, &elsewhere] {
        let refused = load(cluster, operator, None).await.err().expect("refused");
        let KeysError::Gone { example, .. } = refused else {
            panic!("refused otherwise: {refused}")
        };
        assert_eq!(example, format!("{namespace}/openai-api-key"));
        let there =
            ["get", "secret", KEYRING_SECRET, "-o", "name", "--ignore-not-found", "-n", operator];
        assert_eq!(cluster.kubectl(&there).success(), "", "nothing was made");
    }

    let restore = [&["create", "-f", "-"], &in_namespace[..]].concat();
    cluster.kubectl_reading(&backup, &restore).success();
    let after = load(cluster, &namespace, None).await.expect("restored");
    let opened = after.open(&sealed, &place).expect("opens");
    assert!(opened.value.same_as(&value));
    cluster.kubectl(&[&["delete", "ksec", "--all"], &in_namespace[..]].concat()).success();
}

#[tokio::test]
async fn a_keyring_is_wrapped_when_told_and_then_needs_its_key() {
    let (cluster, _alone) = nothing_sealed().await;
    let namespace = cluster.namespace("keys").await;
    let key = WrappingKey::parse(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").expect("a key");
    let plain = load(cluster, &namespace, None).await.expect("made");
    let refused = load(cluster, &namespace, Some(&key)).await;
    assert!(matches!(refused, Err(KeysError::NotWrapped { .. })));

    let source =
        KeySource { wrapping: Some(&key), wrap_existing: true, ..KeySource::plain(&namespace) };
    let told = load_or_create(&cluster.client(), &source, Timestamp::UNIX_EPOCH).await;
    let wrapped = load(cluster, &namespace, Some(&key)).await.expect("wrapped");
    for keyring in [told.expect("wrapped"), wrapped] {
        assert_eq!(keyring.to_bytes(), plain.to_bytes());
    }
    assert!(matches!(load(cluster, &namespace, None).await, Err(KeysError::Keyring { .. })));
    let entry =
        ["get", "secret", KEYRING_SECRET, "-o", "go-template={{.data.keyring | base64decode}}"];
    let stored = cluster.kubectl(&[&entry[..], &["-n", &namespace]].concat()).success();
    assert!(is_wrapped(stored.as_bytes()));
}

#[tokio::test]
async fn replicas_that_rotate_together_make_one_new_key() {
    let (cluster, _alone) = nothing_sealed().await;
    let namespace = cluster.namespace("keys").await;
    let before = load(cluster, &namespace, None).await.expect("made");
    let all = join_all((0..6).map(|_| rotate(cluster, &namespace))).await;
    for keyring in &all {
        assert_eq!(keyring.to_bytes(), all[0].to_bytes());
    }
    let stored = load(cluster, &namespace, None).await.expect("is there");
    assert_eq!(stored.to_bytes(), all[0].to_bytes());
    assert_ne!(stored.active().id, before.active().id);
    assert_eq!(stored.keys().count(), 2);
    assert!(stored.has(before.active().id));
}

#[tokio::test]
async fn a_crash_between_rotation_and_publication_is_made_up_for_by_the_next_start() {
    let (cluster, _alone) = nothing_sealed().await;
    let namespace = cluster.namespace("keys").await;
    let before = load(cluster, &namespace, None).await.expect("made");
    assert_eq!(publish(cluster, &namespace, &before).await, Published::Now);
    let rotated = rotate(cluster, &namespace).await;

    let after = rotate(cluster, &namespace).await;
    assert_eq!(after.to_bytes(), rotated.to_bytes(), "no third key");
    assert_eq!(publish(cluster, &namespace, &after).await, Published::Now);
    let key = ["get", "cm", SEALING_KEY_CONFIGMAP, "-n", &namespace, "-o"];
    let key = [&key[..], &["go-template={{index .data \"sealing-key\"}}"]].concat();
    let published = cluster.kubectl(&key).success();
    assert_eq!(SealingKey::parse(&published).as_ref(), Ok(after.sealing_key()));
}

async fn rotate(cluster: &Cluster, namespace: &str) -> Keyring {
    let then = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1);
    let cutoff = Cutoff::new(then, then).expect("is not to come");
    let source = KeySource { cutoff: Some(cutoff), ..KeySource::plain(namespace) };
    load_or_create(&cluster.client(), &source, then).await.expect("a keyring")
}

async fn load(
    cluster: &Cluster,
    namespace: &str,
    wrapping: Option<&WrappingKey>,
) -> Result<Keyring, KeysError> {
    let source = KeySource { wrapping, ..KeySource::plain(namespace) };
    load_or_create(&cluster.client(), &source, Timestamp::UNIX_EPOCH).await
}

async fn publish(cluster: &Cluster, namespace: &str, keyring: &Keyring) -> Published {
    publish_sealing_key(&cluster.client(), namespace, keyring).await.expect("published")
}

/// A control plane with the CRDs and nothing sealed in it, for one test at a time: where
/// any account of the cluster has a sealed value, no keyring is made.
async fn nothing_sealed() -> (&'static Cluster, MutexGuard<'static, ()>) {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    static ALONE: Mutex<()> = Mutex::const_new(());
    let cluster = CLUSTER
        .get_or_init(async || {
            let cluster = Cluster::start(Options::default());
            chart::install_crds(&cluster).await;
            cluster
        })
        .await;
    (cluster, ALONE.lock().await)
}
