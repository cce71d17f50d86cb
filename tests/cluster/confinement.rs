//! What the controller's account can't do, whatever its rights.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::Secret;
use kliv_secrets::api::KlivAccount;
use kube::api::{
    Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy,
};
use serde_json::{Value, json};

use crate::harness::eventually;
use crate::place::{OPERATOR, Place, function, parse, probe, published, refuses};

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
async fn a_reserved_variable_that_was_there_may_move_to_another_set_and_nowhere_else() {
    let place = Place::new("reserved-since").await;
    let mut before = function();
    before["spec"]["template"]["spec"]["containers"][0]["env"][0] = ours("PATH", "kliv-env-1");
    place.create::<Deployment>(before).await;
    let deployments = place.as_controller::<Deployment>();
    let at = "/spec/template/spec/containers";
    let set = |container: usize, entry: Value| {
        json!([{"op": "add", "path": format!("{at}/{container}/env"), "value": [entry,
            {"name": "USER_B", "valueFrom": {"secretKeyRef": {"name": "own", "key": "k"}}}]}])
    };
    json_patch(&deployments, set(0, ours("PATH", "kliv-env-2"))).await.expect("is moved");
    let other = json!([{"op": "add", "path": format!("{at}/1/env"),
        "value": [ours("PATH", "kliv-env-2")]}]);
    let words = "may not set a reserved variable";
    refuses("another container", json_patch(&deployments, other).await, words);
    refuses("another", json_patch(&deployments, set(0, ours("HOME", "kliv-env-2"))).await, words);
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
    for (name, kind) in [
        ("kliv-secrets-keyring", "secrets.kliv.dev/keyring"),
        ("kliv-secrets-webhook-tls", "kubernetes.io/tls"),
    ] {
        // The API server would fill it with that account's token.
        let token = json!({
            "metadata": {"name": name, "annotations": {"kubernetes.io/service-account.name": "default"}},
            "type": "kubernetes.io/service-account-token",
        });
        let made = secrets.create(&PostParams::default(), &parse(token)).await;
        refuses("a token of another account", made, "may create published sets only");
        let secret = json!({
            "metadata": {"name": name}, "type": kind,
            "stringData": {"a": "x", "tls.crt": "", "tls.key": ""},
        });
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
async fn in_the_record_of_an_account_the_controller_names_published_sets_only() {
    let place = Place::new("records").await;
    place
        .create_as_controller::<KlivAccount>(json!({"metadata": {"name": "default"}, "spec": {}}))
        .await;
    let accounts = place.as_controller::<KlivAccount>();
    let write = async |name: &str, key: &str| {
        let set =
            json!({"environment": "", "name": name, "uid": "u", "keys": [key], "revision": 1});
        let status = Patch::Merge(json!({"status": {"sets": [set]}}));
        accounts.patch_status("default", &PatchParams::default(), &status).await
    };
    eventually("a set of another name is refused", async || write("database", "A").await.err())
        .await;
    refuses("another's Secret", write("database", "A").await, "published sets only");
    refuses("a reserved variable", write("kliv-env-1", "Node_Options").await, "no reserved");
    write("kliv-env-1", "A").await.expect("a published set");
}

async fn json_patch(deployments: &Api<Deployment>, patch: Value) -> kube::Result<Deployment> {
    let patch = Patch::Json::<()>(parse(patch));
    deployments.patch("case", &PatchParams::default(), &patch).await
}

fn ours(name: &str, set: &str) -> Value {
    json!({"name": name, "valueFrom": {"secretKeyRef": {"name": set, "key": name}}})
}

fn stored_as(name: &str, deployment: &Deployment) -> Deployment {
    let mut other = deployment.clone();
    other.metadata.name = Some(name.into());
    other.metadata.resource_version = None;
    other
}
