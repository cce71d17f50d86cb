//! What is known of all accounts.

use kliv_secrets::api::{KlivSecret, KlivSecretStatus};
use kube::CustomResourceExt as _;

use super::*;

#[test]
fn an_audit_record_that_cant_be_read_costs_the_account_nothing_but_that_record() {
    let set = json!({ "environment": "", "name": "kliv-env-x", "uid": "uid-set", "keys": ["API_KEY"],
        "revision": 4 });
    let read = |event: Value| {
        let status = json!({ "revision": 4, "sets": [set], "audit": { "pending": [event] } });
        account_object(status).expect("there").status
    };
    let event = json!({ "time": NOW, "action": "Borrowed", "sequence": 1 });
    assert_eq!(read(event).audit.map(|record| record.pending.len()), Some(1), "of a later version");
    for unreadable in [json!({ "time": NOW, "action": 7 }), json!("x"), json!({})] {
        let status = read(unreadable);
        assert_eq!((status.revision, status.sets.len()), (4, 1));
        assert_eq!(status.audit, None);
    }
}

fn version(mut secret: SecretObject, uid: &str, version: &str) -> Box<SecretObject> {
    (secret.uid, secret.resource_version) = (uid.into(), version.into());
    Box::new(secret)
}

fn seen(uid: &str, at: &str) -> Change {
    Change::Secret("shop".into(), version(new_secret("API_KEY", None), uid, at))
}

fn held(world: &World) -> Option<String> {
    let account = world.account("shop");
    account.secrets.get("api-key").map(|secret| secret.resource_version.clone())
}

#[test]
fn an_older_state_never_replaces_a_newer_one() {
    let mut world = World::default();
    assert!(world.apply(seen("u", "10")));
    assert!(!world.apply(seen("u", "9")));
    assert!(!world.apply(seen("u", "10")));
    assert_eq!(held(&world).as_deref(), Some("10"));
    assert!(world.apply(seen("u", "100")), "versions are numbers, not text");
    assert!(world.apply(seen("another object of the name", "50")));
    assert_eq!(held(&world).as_deref(), Some("50"));
}

#[test]
fn a_list_is_taken_as_it_stands_also_where_versions_went_back() {
    let mut world = World::default();
    world.apply(seen("u", "100"));
    // etcd was restored from a backup.
    assert!(world.list(seen("u", "40")));
    assert_eq!(held(&world).as_deref(), Some("40"));
    assert!(!world.list(seen("u", "40")), "listing again what is known is no news");
    assert!(world.apply(seen("u", "41")));
    assert_eq!(held(&world).as_deref(), Some("41"));
}

#[test]
fn the_answer_to_a_write_does_not_bring_back_what_was_deleted() {
    let mut world = World::default();
    world.apply(seen("u", "10"));
    world.refresh(seen("u", "11"));
    assert_eq!(held(&world).as_deref(), Some("11"));
    world.apply(Change::SecretGone("shop".into(), "api-key".into()));
    world.refresh(seen("u", "12"));
    assert_eq!(held(&world), None);
    world.apply(seen("v", "20"));
    world.refresh(seen("u", "30"));
    assert_eq!(held(&world).as_deref(), Some("20"));
}

#[test]
fn a_new_list_takes_away_what_it_does_not_hold_and_names_the_accounts() {
    let mut world = World::default();
    for account in ["a", "b"] {
        let secret = version(new_secret("API_KEY", None), "u", "1");
        world.apply(Change::Secret(account.into(), secret));
        world.apply(Change::Function(account.into(), Box::new(function("f", None))));
    }
    let listed = BTreeSet::from([("a".to_owned(), "api-key".to_owned())]);
    assert_eq!(world.retain(Kind::Secrets, &listed), BTreeSet::from(["b".to_owned()]));
    assert_eq!(world.account("a").secrets.len(), 1);
    assert_eq!(world.account("b").secrets.len(), 0);
    assert_eq!(world.account("b").functions.len(), 1, "another kind");
    world.retain(Kind::Functions, &BTreeSet::new());
    assert_eq!(world.names().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_terminating_namespace_is_known_also_without_anything_in_it() {
    let mut world = World::default();
    assert!(world.apply(Change::Namespace("shop".into(), true)));
    assert!(world.account("shop").terminating);
    assert!(world.apply(seen("u", "1")));
    assert!(world.account("shop").terminating);
    world.apply(Change::NamespaceGone("shop".into()));
    assert!(!world.account("shop").terminating);
}

/// What the API server gives a KlivSecret that has none.
fn default_status() -> KlivSecretStatus {
    let crd = serde_json::to_value(KlivSecret::crd()).expect("JSON");
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    serde_json::from_value(schema["properties"]["status"]["default"].clone()).expect("a status")
}

#[test]
fn the_numbers_count_each_secret_and_function_once_and_hold_no_word_of_a_users() {
    let mut world = World::default();
    for account in ["a", "b"] {
        let mut published = new_secret("API_KEY", None);
        let ready = json!([{ "type": "Ready", "status": "True", "reason": "Published",
            "message": "", "lastTransitionTime": NOW }]);
        published.status.conditions = serde_json::from_value(ready).unwrap();
        world.apply(Change::Secret(account.into(), version(published, "u", "1")));
        let mut new = new_secret("OTHER_KEY", None);
        if account == "a" {
            new.status = default_status();
        }
        world.apply(Change::Secret(account.into(), version(new, "v", "1")));
        let mut forged = new_secret("FORGED", None);
        let hostile = json!([{ "type": "Ready", "status": "True", "reason": "acme-corp",
            "message": "", "lastTransitionTime": NOW }]);
        forged.status.conditions = serde_json::from_value(hostile).unwrap();
        world.apply(Change::Secret(account.into(), version(forged, "w", "1")));
    }
    let account = AccountObject::of(&object(json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivAccount",
        "metadata": { "name": "default", "uid": "u", "resourceVersion": "1" },
        "status": { "functions": { "total": 7, "updated": 3, "notUpdated": [
            { "name": "f", "reason": "RolloutFailed" },
            { "name": "g", "reason": "acme-corp" },
        ] } },
    })));
    world.apply(Change::Account("a".into(), Box::new(account)));

    let tally = world.tally(1);

    let counted = |counts: &BTreeMap<&'static str, usize>| {
        let some = counts.iter().filter(|(_, count)| **count > 0);
        some.map(|(word, count)| format!("{word} {count}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(counted(&tally.secrets), "Other 2, Pending 2, Published 2");
    // Two of those that are not updated are not named.
    assert_eq!(counted(&tally.functions), "Other 3, RolloutFailed 1, Updated 3");
    assert_eq!(counted(&tally.accounts), "settled 1, unsettled 1");
    let all = Reason::ALL.len() + 2;
    assert_eq!(tally.secrets.len(), all, "what is 0 is told as well");
}
