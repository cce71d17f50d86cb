//! The validating policies on a real API server, with nothing of ours running and no
//! webhook. The controller's account acts with every right: what is refused here is refused
//! by a policy.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kliv_secrets::api::{KlivAccount, KlivSecret};
use kube::api::{
    Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy,
};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::chart;
use crate::harness::{self, eventually};

const OPERATOR: &str = "kliv-secrets-system";
const CONTROLLER: &str = "system:serviceaccount:kliv-secrets-system:kliv-secrets-controller";

#[tokio::test]
async fn of_a_deployment_the_controller_changes_only_entries_of_its_own() {
    let place = Place::new("deployments").await;
    let deployments = place.as_controller::<Deployment>();
    place.create::<Deployment>(function()).await;
    let at = "/spec/template/spec/containers/0";

    let allowed = [
        json!([{"op": "add", "path": format!("{at}/env/0"), "value": ours("A", "kliv-env-1")}]),
        json!([{"op": "remove", "path": format!("{at}/env/0")},
               {"op": "add", "path": format!("{at}/env/0"), "value": ours("A", "kliv-env-2")},
               {"op": "add", "path": "/spec/template/spec/containers/1/env",
                "value": [ours("B", "kliv-env-2")]}]),
        json!([{"op": "remove", "path": format!("{at}/env/0")},
               {"op": "remove", "path": "/spec/template/spec/containers/1/env"}]),
    ];
    for patch in allowed {
        json_patch(&deployments, patch).await.expect("changes of its own entries are allowed");
    }

    let entry =
        |value: Value| json!([{"op": "add", "path": format!("{at}/env/0"), "value": value}]);
    let set = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    let refused = [
        ("image", set(&format!("{at}/image"), json!("evil"))),
        ("command", set(&format!("{at}/command"), json!(["sh"]))),
        (
            "a new container",
            set("/spec/template/spec/containers/-", json!({"name": "x", "image": "x"})),
        ),
        ("envFrom", set(&format!("{at}/envFrom"), json!([{"secretRef": {"name": "kliv-env-1"}}]))),
        ("a volume", set("/spec/template/spec/volumes", json!([{"name": "v", "emptyDir": {}}]))),
        ("the service account", set("/spec/template/spec/serviceAccountName", json!("x"))),
        ("the pods' labels", set("/spec/template/metadata/labels/x", json!("x"))),
        ("the pods' annotations", set("/spec/template/metadata/annotations", json!({"x": "x"}))),
        ("replicas", set("/spec/replicas", json!(3))),
        ("the strategy", set("/spec/strategy", json!({"type": "Recreate"}))),
        ("a label", set("/metadata/labels/x", json!("x"))),
        ("an annotation", set("/metadata/annotations", json!({"x": "x"}))),
        (
            "an owner",
            set(
                "/metadata/ownerReferences",
                json!([
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}]),
            ),
        ),
        ("a finalizer", set("/metadata/finalizers", json!(["example.org/x"]))),
        ("a plain value", entry(json!({"name": "A", "value": "x"}))),
        ("another's Secret", entry(ours("A", "database"))),
        (
            "another key",
            entry(json!({"name": "A", "valueFrom":
            {"secretKeyRef": {"name": "kliv-env-1", "key": "B"}}})),
        ),
        (
            "a ConfigMap's entry",
            entry(json!({"name": "A", "valueFrom":
            {"configMapKeyRef": {"name": "kliv-env-1", "key": "A"}}})),
        ),
        ("a reserved variable", entry(ours("PATH", "kliv-env-1"))),
        ("a reserved variable in small letters", entry(ours("node_options", "kliv-env-1"))),
        ("a reserved beginning", entry(ours("LD_PRELOAD", "kliv-env-1"))),
        ("removing the user's entry", json!([{"op": "remove", "path": format!("{at}/env/0")}])),
        ("changing the user's entry", set(&format!("{at}/env/0/value"), json!("y"))),
        (
            "the order of the user's",
            json!([
            {"op": "move", "from": format!("{at}/env/0"), "path": format!("{at}/env/1")}]),
        ),
        (
            "an init container's env",
            set("/spec/template/spec/initContainers/0/env", json!([ours("A", "kliv-env-1")])),
        ),
    ];
    for (what, patch) in refused {
        refuses(what, json_patch(&deployments, patch).await, "the kliv-secrets controller may");
    }
}

#[tokio::test]
async fn the_controller_neither_makes_nor_deletes_nor_scales_deployments() {
    let place = Place::new("scaling").await;
    let deployments = place.as_controller::<Deployment>();
    let stored = place.create::<Deployment>(function()).await;
    let words = "may change Deployments, and nothing else";

    refuses(
        "create",
        deployments.create(&PostParams::default(), &stored_as("new", &stored)).await,
        words,
    );
    refuses("delete", deployments.delete("case", &DeleteParams::default()).await, words);
    let scale = json!({"spec": {"replicas": 0}});
    let scaled: kube::Result<Scale> =
        deployments.patch_scale("case", &PatchParams::default(), &Patch::Merge(scale)).await;
    refuses("scale", scaled, words);
    let status = json!({"status": {"replicas": 7}});
    let written =
        deployments.patch_status("case", &PatchParams::default(), &Patch::Merge(status)).await;
    refuses("status", written, words);
}

#[tokio::test]
async fn of_secrets_the_controller_makes_only_published_sets() {
    let place = Place::new("secrets").await;
    let secrets = place.as_controller::<Secret>();
    let create = async |secret: Value, dry_run: bool| {
        let secret: Secret = serde_json::from_value(secret).expect("a Secret");
        secrets.create(&PostParams { dry_run, ..Default::default() }, &secret).await
    };
    create(published("kliv-env-1"), false).await.expect("makes a published set");
    create(probe("kliv-env-2"), true).await.expect("asks whether a name is taken");

    let with = |change: Value| {
        let mut secret = published("kliv-env-3");
        json_patch::merge(&mut secret, &change);
        secret
    };
    for (what, change) in [
        ("another name", json!({"metadata": {"name": "database"}})),
        ("another type", json!({"type": "Opaque"})),
        ("one that can be changed", json!({"immutable": false})),
        ("one without label", json!({"metadata": {"labels": null}})),
        ("a finalizer", json!({"metadata": {"finalizers": ["example.org/x"]}})),
        (
            "an owner",
            json!({"metadata": {"ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}]}}),
        ),
        (
            "a ServiceAccount's token",
            json!({"type": "kubernetes.io/service-account-token",
            "metadata": {"annotations": {"kubernetes.io/service-account.name": "default"}}}),
        ),
        (
            "the keyring outside its namespace",
            json!({"metadata": {"name": "kliv-secrets-keyring"}}),
        ),
    ] {
        refuses(what, create(with(change), false).await, "may create published sets only");
    }
    refuses(
        "a dry run with contents",
        create(published("kliv-env-3"), true).await,
        "empty Secret only",
    );

    let label = json!([{"op": "add", "path": "/metadata/labels/x", "value": "x"}]);
    let params = PatchParams::default();
    let patch: json_patch::Patch = serde_json::from_value(label).expect("a patch");
    refuses(
        "a change of a published set",
        secrets.patch("kliv-env-1", &params, &Patch::Json::<()>(patch)).await,
        "may change no Secret",
    );
}

#[tokio::test]
async fn the_controller_deletes_only_published_sets_and_only_unseen() {
    let place = Place::new("deletes").await;
    let secrets = place.as_controller::<Secret>();
    place.create_as_controller::<Secret>(published("kliv-env-1")).await;
    place
        .create::<Secret>(json!({"metadata": {"name": "database"}, "stringData": {"A": "x"}}))
        .await;
    let background = DeleteParams::background();

    refuses("another's", secrets.delete("database", &background).await, "published sets only");
    for (what, params) in [
        ("foreground", DeleteParams::foreground()),
        ("orphan", DeleteParams::orphan()),
        ("a dry run", DeleteParams { dry_run: true, ..background.clone() }),
        ("a foreground dry run", DeleteParams { dry_run: true, ..DeleteParams::foreground() }),
    ] {
        refuses(what, secrets.delete("kliv-env-1", &params).await, "any other answer shows");
    }
    let dry_run = DeleteParams { dry_run: true, ..background };
    let all = secrets.delete_collection(&dry_run, &ListParams::default()).await;
    refuses("all at once", all, "kliv-secrets controller may delete");

    let uid = secrets.get_metadata("kliv-env-1").await.expect("is there").metadata.uid;
    let preconditions = Some(Preconditions { uid, resource_version: None });
    let params = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions,
        ..Default::default()
    };
    secrets.delete("kliv-env-1", &params).await.expect("deletes a published set");
}

#[tokio::test]
async fn its_own_two_secrets_the_controller_makes_and_changes_but_never_deletes() {
    let place = Place::new("own-secrets").await;
    let secrets: Api<Secret> = Api::namespaced(place.controller.clone(), OPERATOR);
    for name in ["kliv-secrets-keyring", "kliv-secrets-webhook-tls"] {
        let secret = json!({"metadata": {"name": name}, "stringData": {"a": "x"}});
        let secret: Secret = serde_json::from_value(secret).expect("a Secret");
        let mut made = secrets.create(&PostParams::default(), &secret).await.expect("makes it");
        made.string_data = Some([("a".to_owned(), "y".to_owned())].into());
        secrets.replace(name, &PostParams::default(), &made).await.expect("changes it");
        let deleted = secrets.delete(name, &DeleteParams::background()).await;
        refuses(name, deleted, "may delete published sets only");
        let as_admin: Api<Secret> = Api::namespaced(place.admin.clone(), OPERATOR);
        as_admin.delete(name, &DeleteParams::default()).await.expect("an admin can");
    }
}

#[tokio::test]
async fn published_sets_are_the_controllers_alone() {
    let place = Place::new("sets").await;
    place.create_as_controller::<Secret>(published("kliv-env-1")).await;
    let secrets: Api<Secret> = Api::namespaced(place.admin.clone(), &place.namespace);
    let post = PostParams::default();
    let create = async |secret: Value| {
        let secret: Secret = serde_json::from_value(secret).expect("a Secret");
        secrets.create(&post, &secret).await
    };

    let words = "made by kliv-secrets alone";
    refuses("the name", create(json!({"metadata": {"name": "kliv-env-x"}})).await, words);
    let named = json!({"metadata": {"generateName": "kliv-env-"}});
    refuses("a generated name", create(named).await, words);
    let typed = json!({"metadata": {"name": "x"}, "type": "secrets.kliv.dev/env"});
    refuses("the type", create(typed).await, words);
    create(json!({"metadata": {"name": "database"}})).await.expect("other Secrets are free");

    let label = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}});
    let labelled = secrets.patch("kliv-env-1", &PatchParams::default(), &Patch::Merge(label)).await;
    refuses("a change", labelled, "never changed");
    let as_it_is = secrets.get("kliv-env-1").await.expect("is there");
    secrets.replace("kliv-env-1", &post, &as_it_is).await.expect("may be written anew as it is");

    let deleted = secrets.delete("kliv-env-1", &DeleteParams::default()).await;
    refuses("a delete", deleted, "To take a variable away, delete its KlivSecret");
}

#[tokio::test]
async fn a_namespace_with_published_sets_can_be_deleted() {
    let place = Place::new("going").await;
    place.create_as_controller::<Secret>(published("kliv-env-1")).await;
    let namespaces: Api<Namespace> = Api::all(place.admin.clone());
    namespaces.delete(&place.namespace, &DeleteParams::default()).await.expect("deletes");

    eventually("the namespace is gone", async || {
        namespaces.get_opt(&place.namespace).await.expect("an answer").is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_said_of_an_account_is_written_by_the_controller_alone() {
    let place = Place::new("status").await;
    let accounts: Api<KlivAccount> = Api::namespaced(place.admin.clone(), &place.namespace);
    let account = json!({"metadata": {"name": "default"}, "spec": {}});
    let typed: KlivAccount = serde_json::from_value(account.clone()).expect("a KlivAccount");
    let words = "are written by kliv-secrets alone";
    let params = PatchParams::default();
    let status = json!({"status": {"revision": 7}});

    refuses("create", accounts.create(&PostParams::default(), &typed).await, words);
    place.create_as_controller::<KlivAccount>(account).await;
    let written = accounts.patch_status("default", &params, &Patch::Merge(&status)).await;
    refuses("an account's status", written, words);
    let ours = place.as_controller::<KlivAccount>();
    ours.patch_status("default", &params, &Patch::Merge(&status))
        .await
        .expect("the controller can");

    place.create::<KlivSecret>(question()).await;
    let secrets: Api<KlivSecret> = Api::namespaced(place.admin.clone(), &place.namespace);
    let recorded = json!({"status": {"recordedStamp": 9}});
    let written = secrets.patch_status("a", &params, &Patch::Merge(&recorded)).await;
    refuses("a secret's status", written, words);
    let ours = place.as_controller::<KlivSecret>();
    ours.patch_status("a", &params, &Patch::Merge(&recorded)).await.expect("the controller can");

    accounts.delete("default", &DeleteParams::default()).await.expect("anybody with the right can");
}

#[tokio::test]
async fn no_annotation_of_a_secret_may_hold_a_value() {
    let place = Place::new("annotations").await;
    let secrets: Api<KlivSecret> = Api::namespaced(place.admin.clone(), &place.namespace);
    for (what, text) in [
        ("as kubectl writes it", r#"{"spec":{"envVar":"A","value":"x"}}"#),
        ("with spaces", "{\"value\" \n : \"x\"}"),
    ] {
        let mut secret = question();
        secret["metadata"]["annotations"]["example.org/last"] = json!(text);
        let secret: KlivSecret = serde_json::from_value(secret).expect("a KlivSecret");
        let made = secrets.create(&PostParams::default(), &secret).await;
        refuses(what, made, "an annotation holds \"value\":");
    }
    let mut secret = question();
    secret["metadata"]["annotations"]["example.org/note"] = json!("the value: of nothing");
    place.create::<KlivSecret>(secret).await;
}

#[tokio::test]
async fn every_change_of_a_spec_carries_a_stamp_of_who_makes_it() {
    let place = Place::new("stamps").await;
    let secrets: Api<KlivSecret> = Api::namespaced(place.admin.clone(), &place.namespace);
    let user = place.user.as_str();
    let create = async |stamps: Option<String>| {
        let mut secret = question();
        secret["metadata"]["annotations"]["secrets.kliv.dev/stamps"] = json!(stamps);
        let secret = serde_json::from_value(secret).expect("a KlivSecret");
        secrets.create(&PostParams { dry_run: true, ..Default::default() }, &secret).await
    };
    let words = "does not carry who made it";
    refuses("no stamp", create(Some(String::new())).await, words);
    refuses("another's", create(Some(stamp(1, "somebody"))).await, words);
    refuses("a number ahead", create(Some(stamp(2, user))).await, words);
    refuses("no time", create(Some(format!("1 now value api {user}"))).await, words);
    let two = format!("{}\n{}", stamp(0, "somebody"), stamp(1, user));
    refuses("an invented history", create(Some(two)).await, "written by the kliv-secrets webhook");

    place.create::<KlivSecret>(question()).await;
    let change = async |purpose: Option<&str>, stamps: &[String]| {
        let annotations = json!({"secrets.kliv.dev/stamps": stamps.join("\n")});
        let mut patch = json!({"metadata": {"annotations": annotations}});
        if let Some(purpose) = purpose {
            patch["spec"] = json!({"request": {"purpose": purpose}});
        }
        secrets.patch("a", &PatchParams::default(), &Patch::Merge(patch)).await
    };
    let first = stamp(1, user);
    refuses("no new stamp", change(Some("b"), std::slice::from_ref(&first)).await, words);
    refuses("the same number", change(Some("b"), &[first.clone(), stamp(1, user)]).await, words);
    let gone = change(Some("b"), &[stamp(2, user)]).await;
    refuses("an earlier one dropped", gone, "not recorded yet");
    let forged = change(Some("b"), &[stamp(1, "somebody"), stamp(2, user)]).await;
    refuses("an earlier one forged", forged, "written by the kliv-secrets webhook");
    change(Some("b"), &[first.clone(), stamp(2, user)]).await.expect("a stamped change");

    refuses(
        "a stamp for nothing",
        change(None, &[first.clone(), stamp(2, user), stamp(3, user)]).await,
        "written by the kliv-secrets webhook",
    );
    refuses("dropped by a write of metadata", change(None, &[]).await, "not recorded yet");
    let label = json!({"metadata": {"labels": {"x": "y"}}});
    secrets
        .patch("a", &PatchParams::default(), &Patch::Merge(label))
        .await
        .expect("labels are free");

    let recorded = Patch::Merge(json!({"status": {"recordedStamp": 2}}));
    let controller = place.as_controller::<KlivSecret>();
    controller.patch_status("a", &PatchParams::default(), &recorded).await.expect("records");
    change(Some("c"), &[stamp(3, user)]).await.expect("what is recorded may go");
    change(Some("d"), &[stamp(3, user), stamp(4, user)]).await.expect("and it counts on");
}

#[tokio::test]
async fn of_more_than_twenty_stamps_only_the_oldest_go() {
    let place = Place::new("many-stamps").await;
    let secrets: Api<KlivSecret> = Api::namespaced(place.admin.clone(), &place.namespace);
    place.create::<KlivSecret>(question()).await;
    let write = async |numbers: Vec<i64>| {
        let lines: Vec<_> = numbers.iter().map(|seq| stamp(*seq, &place.user)).collect();
        let patch = json!({
            "metadata": {"annotations": {"secrets.kliv.dev/stamps": lines.join("\n")}},
            "spec": {"request": {"purpose": format!("{}", numbers[numbers.len() - 1])}},
        });
        secrets.patch("a", &PatchParams::default(), &Patch::Merge(patch)).await
    };
    for last in 2..=21 {
        write((1.max(last - 19)..=last).collect()).await.expect("keeps the last twenty");
    }
    let but_one = (2..=22).filter(|seq| *seq != 9).collect();
    refuses("one in the middle", write(but_one).await, "not recorded yet");
    write((3..=22).collect()).await.expect("the oldest may go");
}

/// A namespace of a test's own, and who acts in it.
struct Place {
    namespace: String,
    admin: Client,
    user: String,
    controller: Client,
}

impl Place {
    async fn new(name: &str) -> Self {
        let cluster = harness::control_plane().await;
        chart::install(cluster).await;
        let operator =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATOR}});
        let apply = ["apply", "--server-side", "-f", "-"];
        cluster.kubectl_reading(&operator.to_string(), &apply).success();
        let controller = cluster.as_user(CONTROLLER, &["system:masters"]);
        let admin = cluster.as_user("anna@example.org", &["system:masters"]);
        let namespace = cluster.namespace(name).await;
        let place = Self { namespace, admin, user: "anna@example.org".into(), controller };
        place.until_the_policies_are_read().await;
        place
    }

    fn as_controller<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.controller.clone(), &self.namespace)
    }

    async fn create<K: Object>(&self, object: Value) -> K {
        create(Api::namespaced(self.admin.clone(), &self.namespace), object).await
    }

    async fn create_as_controller<K: Object>(&self, object: Value) -> K {
        create(self.as_controller(), object).await
    }

    /// A policy works a moment after it is made: until then, each kind of write that one
    /// of them refuses is tried.
    async fn until_the_policies_are_read(&self) {
        let dry_run = PostParams { dry_run: true, ..Default::default() };
        let secret: Secret = parse(json!({"metadata": {"name": "kliv-env-x"}}));
        let account: KlivAccount = parse(json!({"metadata": {"name": "default"}, "spec": {}}));
        let mut unstamped = question();
        unstamped["metadata"]["annotations"] = json!({"example.org/x": "\"value\":"});
        let unstamped: KlivSecret = parse(unstamped);
        let deployment: Deployment = parse(function());
        let admin = &self.admin;
        let secrets: Api<Secret> = Api::namespaced(admin.clone(), &self.namespace);
        let accounts: Api<KlivAccount> = Api::namespaced(admin.clone(), &self.namespace);
        let ksecrets: Api<KlivSecret> = Api::namespaced(admin.clone(), &self.namespace);
        eventually("the policies are in force", async || {
            let refusals = [
                secrets.create(&dry_run, &secret).await.err(),
                accounts.create(&dry_run, &account).await.err(),
                ksecrets.create(&dry_run, &unstamped).await.err(),
                self.as_controller::<Deployment>().create(&dry_run, &deployment).await.err(),
                self.as_controller::<Secret>().create(&dry_run, &secret).await.err(),
            ];
            refusals.iter().all(Option::is_some).then_some(())
        })
        .await;
        for change in [
            json!({"metadata": {"annotations": {"example.org/x": null}}}),
            json!({"metadata": {"annotations": {"secrets.kliv.dev/stamps": stamp(1, &self.user)}}}),
        ] {
            let mut one_fault = serde_json::to_value(&unstamped).expect("serialises");
            json_patch::merge(&mut one_fault, &change);
            let one_fault: KlivSecret = parse(one_fault);
            eventually("the policies on KlivSecrets are in force", async || {
                ksecrets.create(&dry_run, &one_fault).await.err()
            })
            .await;
        }
    }
}

trait Object:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + Serialize
    + DeserializeOwned
    + std::fmt::Debug
{
}
impl<K> Object for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug
{
}

async fn create<K: Object>(api: Api<K>, object: Value) -> K {
    api.create(&PostParams::default(), &parse(object)).await.expect("is made")
}

fn parse<K: DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).expect("an object of its kind")
}

async fn json_patch(deployments: &Api<Deployment>, patch: Value) -> kube::Result<Deployment> {
    let patch = Patch::Json::<()>(parse(patch));
    deployments.patch("case", &PatchParams::default(), &patch).await
}

/// The write was refused by a policy, in these words.
#[track_caller]
fn refuses<T>(what: &str, answer: kube::Result<T>, words: &str) {
    match answer {
        Ok(_) => panic!("{what}: was not refused"),
        Err(kube::Error::Api(status)) => {
            assert!(
                status.message.contains(words),
                "{what}: refused otherwise: {}",
                status.message
            );
        }
        Err(error) => panic!("{what}: no answer: {error}"),
    }
}

fn ours(name: &str, set: &str) -> Value {
    json!({"name": name, "valueFrom": {"secretKeyRef": {"name": set, "key": name}}})
}

fn function() -> Value {
    json!({
        "metadata": {"name": "case", "labels": {"app.kubernetes.io/component": "edge-function"}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"case": "yes"}},
            "template": {
                "metadata": {"labels": {"case": "yes"}},
                "spec": {
                    "containers": [
                        {"name": "main", "image": "example.org/none", "env": [
                            {"name": "USER_A", "value": "x"},
                            {"name": "USER_B", "valueFrom": {"secretKeyRef": {"name": "own", "key": "k"}}},
                        ]},
                        {"name": "side", "image": "example.org/none"},
                    ],
                    "initContainers": [{"name": "init", "image": "example.org/none"}],
                },
            },
        },
    })
}

fn stored_as(name: &str, deployment: &Deployment) -> Deployment {
    let mut other = deployment.clone();
    other.metadata.name = Some(name.into());
    other.metadata.resource_version = None;
    other
}

fn published(name: &str) -> Value {
    let mut secret = probe(name);
    secret["stringData"] = json!({"A": "x"});
    secret
}

fn probe(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "kliv-secrets"}},
        "type": "secrets.kliv.dev/env",
        "immutable": true,
    })
}

/// A KlivSecret that needs no webhook: a question, stamped.
fn question() -> Value {
    json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1",
        "kind": "KlivSecret",
        "metadata": {
            "name": "a",
            "annotations": {"secrets.kliv.dev/stamps": stamp(1, "anna@example.org")},
        },
        "spec": {"envVar": "A", "request": {"purpose": "a"}},
    })
}

fn stamp(seq: i64, user: &str) -> String {
    format!("{seq} 2026-11-24T10:00:00Z spec api {user}")
}
