//! What belongs to the controller alone, and what no annotation may hold.

use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kliv_secrets::api::refused_call::said;
use kliv_secrets::api::{KlivAccount, KlivAuditEvent, KlivSecret};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy};
use serde_json::{Value, json};

use crate::harness::{self, eventually};
use crate::place::{Place, WEBHOOK, audit_event, parse, published, question, refuses};

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
async fn a_namespace_with_published_sets_and_audit_events_can_be_deleted() {
    let place = Place::new("going").await;
    for number in ["1", "2"] {
        place.create_as_controller::<Secret>(published(&format!("kliv-env-{number}"))).await;
        place.create_as_controller::<KlivAuditEvent>(audit_event(number)).await;
    }
    // Pods go first, and all else waits for them.
    let pod = json!({
        "metadata": {"name": "last", "finalizers": ["example.org/hold"]},
        "spec": {"containers": [{"name": "main", "image": "example.org/none"}]},
    });
    place.create::<Pod>(pod).await;
    let namespaces: Api<Namespace> = Api::all(place.admin.clone());
    namespaces.delete(&place.namespace, &DeleteParams::default()).await.expect("deletes");

    // In a way in which Kubernetes writes to the object once more before it goes.
    let foreground = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Foreground),
        ..DeleteParams::default()
    };
    let secrets: Api<Secret> = Api::namespaced(place.admin.clone(), &place.namespace);
    let events: Api<KlivAuditEvent> = Api::namespaced(place.admin.clone(), &place.namespace);
    // The API server's policies hear a moment later that it is going.
    eventually("whoever empties it can", async || {
        secrets.delete("kliv-env-1", &foreground).await.ok()
    })
    .await;
    eventually("of events too", async || events.delete("1", &foreground).await.ok()).await;
    eventually("both are gone", async || {
        let secret = secrets.get_opt("kliv-env-1").await.expect("an answer");
        let event = events.get_opt("1").await.expect("an answer");
        (secret.is_none() && event.is_none()).then_some(())
    })
    .await;

    let pods: Api<Pod> = Api::namespaced(place.admin.clone(), &place.namespace);
    let let_go = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    pods.patch("last", &PatchParams::default(), &let_go).await.expect("lets go");
    eventually("the namespace is gone", async || {
        namespaces.get_opt(&place.namespace).await.expect("an answer").is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_audit_trail_is_written_by_the_controller_alone_and_never_changed() {
    let place = Place::new("trail").await;
    let events: Api<KlivAuditEvent> = Api::namespaced(place.admin.clone(), &place.namespace);
    let post = PostParams::default();
    let made = events.create(&post, &parse(audit_event("0000000001"))).await;
    refuses("somebody's", made, "written by kliv-secrets alone");
    place.create_as_controller::<KlivAuditEvent>(audit_event("0000000001")).await;

    let controller = place.as_controller::<KlivAuditEvent>();
    for (what, patch, words) in [
        ("what happened", json!({"spec": {"action": "Deleted"}}), "never changed"),
        ("a label", json!({"metadata": {"labels": {"x": "y"}}}), "never changed"),
        ("an annotation", json!({"metadata": {"annotations": {"x": "y"}}}), "never changed"),
        ("a finalizer", json!({"metadata": {"finalizers": ["x.org/y"]}}), "never changed"),
    ] {
        for api in [&events, &controller] {
            let patch = Patch::Merge(&patch);
            let changed = api.patch("0000000001", &PatchParams::default(), &patch).await;
            refuses(what, changed, words);
        }
    }
    let as_it_is = events.get("0000000001").await.expect("is there");
    events.replace("0000000001", &post, &as_it_is).await.expect("may be written anew as it is");

    let delete = DeleteParams::default();
    let deleted = events.delete("0000000001", &delete).await;
    refuses("a delete", deleted, "deleted by kliv-secrets alone");
    controller.delete("0000000001", &delete).await.expect("the controller can");
}

#[tokio::test]
async fn the_webhook_says_who_deletes_a_secret_and_nothing_else() {
    let place = Place::new("pending").await;
    let webhook = harness::control_plane().await.as_user(WEBHOOK, &["system:masters"]);
    let events: Api<KlivAuditEvent> = Api::namespaced(webhook, &place.namespace);
    let pending = json!({
        "metadata": {"name": "pending-1", "labels": {"secrets.kliv.dev/pending": "true"}},
        "spec": {
            "time": "2026-11-24T10:00:00Z", "action": "Deleted", "secret": "a", "secretUid": "u",
            "actor": "anna", "via": "gitops", "onBehalfOf": "åsa", "detail": "more",
        },
    });
    let post = PostParams::default();
    let words = "and nothing else";
    for (what, change) in [
        ("one of the chain", json!({"metadata": {"name": "0000000001"}})),
        ("one that does not wait", json!({"metadata": {"labels": null}})),
        ("one with more labels", json!({"metadata": {"labels": {"x": "y"}}})),
        ("one with annotations", json!({"metadata": {"annotations": {"x": "y"}}})),
        ("one that keeps its namespace", json!({"metadata": {"finalizers": ["x.org/y"]}})),
        ("another action", json!({"spec": {"action": "Updated"}})),
        ("a place in the chain", json!({"spec": {"sequence": 1}})),
        ("a link of the chain", json!({"spec": {"previous": "x"}})),
        ("a hash", json!({"spec": {"hash": "x"}})),
        ("words that command a terminal", json!({"spec": {"detail": "\u{1b}[2J"}})),
        ("an actor of two lines", json!({"spec": {"actor": "a\nb"}})),
        ("a human of two lines", json!({"spec": {"onBehalfOf": "a\nb"}})),
        ("no tool's word", json!({"spec": {"via": "kubectl 1"}})),
        ("a mask", json!({"spec": {"maskedValue": "x"}})),
        ("nobody", json!({"spec": {"actor": null}})),
        ("no secret", json!({"spec": {"secretUid": null}})),
    ] {
        let mut object = pending.clone();
        json_patch::merge(&mut object, &change);
        refuses(what, events.create(&post, &parse(object)).await, words);
    }
    let call = json!({
        "metadata": {"name": "pending-2", "labels": {"secrets.kliv.dev/pending": "call"}},
        "spec": {
            "time": "2026-11-24T10:00:00Z", "action": "CallRefused", "actor": "anna",
            "via": "agent", "detail": said("prompts/get"),
        },
    });
    for (what, change) in [
        ("a delete by this label", json!({"spec": {"action": "Deleted"}})),
        (
            "a call by the other",
            json!({"metadata": {"labels": {"secrets.kliv.dev/pending": "true"}}}),
        ),
        ("a secret", json!({"spec": {"secret": "a"}})),
        ("a uid", json!({"spec": {"secretUid": "u"}})),
        ("other words", json!({"spec": {"detail": said("sk_live_51")}})),
        ("no words", json!({"spec": {"detail": null}})),
        ("nobody", json!({"spec": {"actor": null}})),
    ] {
        let mut object = call.clone();
        json_patch::merge(&mut object, &change);
        refuses(what, events.create(&post, &parse(object)).await, words);
    }
    let theirs: Api<KlivAuditEvent> = Api::namespaced(place.admin.clone(), &place.namespace);
    let words = "written by kliv-secrets alone";
    refuses("somebody's", theirs.create(&post, &parse(pending.clone())).await, words);
    refuses("somebody's", theirs.create(&post, &parse(call.clone())).await, words);

    events.create(&post, &parse(call)).await.expect("the webhook can");
    events.create(&post, &parse(pending)).await.expect("the webhook can");

    let label = Patch::Merge(json!({"metadata": {"labels": null}}));
    let labelled = events.patch("pending-1", &PatchParams::default(), &label).await;
    refuses("a change", labelled, "never changed");
    let delete = DeleteParams::default();
    refuses("a delete", events.delete("pending-1", &delete).await, "by kliv-secrets alone");
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
    let head = json!({"status": {"audit": {"head": {"sequence": 7, "hash": "x"}}}});
    for (what, status) in [("an account's status", &status), ("the end of its trail", &head)] {
        let written = accounts.patch_status("default", &params, &Patch::Merge(status)).await;
        refuses(what, written, words);
    }
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
