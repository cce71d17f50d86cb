//! What belongs to the controller alone, and what no annotation may hold.

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kliv_secrets::api::{KlivAccount, KlivSecret};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::harness::eventually;
use crate::place::{Place, published, question, refuses};

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
