//! Who deletes a KlivSecret, which is known at admission only. A deleted object can't be
//! stamped: what is seen becomes a KlivAuditEvent that waits until the controller finds
//! the secret gone, and is dropped when it does not.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::answer::{Answer, Verdict};
use super::decide::is_dns_name;
use super::review::{Object, Review};
use crate::api::names::{EXTRA_ON_BEHALF_OF, LABEL_PENDING, MAX_USER_CHARS, PENDING_PREFIX};
use crate::api::text::harmless;
use crate::api::{AuditAction, KlivAuditEvent, KlivAuditEventSpec};

/// A delete is always allowed; whether one is to be recorded, and as what.
///
/// None is for a dry run, for another kind, and for an object that is being deleted
/// already: whoever deletes it once more is not the one who did.
#[must_use]
pub fn seen(review: &[u8], now: Timestamp) -> (Answer, Option<KlivAuditEvent>) {
    let allowed = |uid: String, namespace, name| Answer {
        uid,
        namespace,
        name,
        verdict: Verdict::untouched(),
    };
    let Ok(mut review) = Review::parse(review) else {
        return (allowed(String::new(), None, None), None);
    };
    let stored = review.take_old_object();
    let printable = |text: &str| is_dns_name(text).then(|| text.to_owned());
    let namespace = review.namespace().and_then(printable);
    let answer = allowed(review.uid().to_owned(), namespace, printable(stored.name()));
    let event = event(&review, &stored, &answer, now);
    (answer, event)
}

fn event(
    review: &Review,
    stored: &Object,
    answer: &Answer,
    now: Timestamp,
) -> Option<KlivAuditEvent> {
    if !review.deletes() || review.is_dry_run() || stored.is_being_deleted() {
        return None;
    }
    // The request's id becomes part of a name.
    let request = answer.uid.to_ascii_lowercase();
    if request.is_empty() || request.ends_with('-') {
        return None;
    }
    let person = |text: &str| harmless(text, MAX_USER_CHARS).into_owned();
    let mut event = KlivAuditEvent::new(
        &format!("{PENDING_PREFIX}{request}"),
        KlivAuditEventSpec {
            secret: Some(answer.name.clone()?),
            secret_uid: Some(stored.uid()?.to_owned()),
            // A delete names no field manager, so it can't be told through what it came.
            actor: person(review.user().filter(|user| !user.is_empty())?),
            on_behalf_of: review.extra(EXTRA_ON_BEHALF_OF).map(person),
            ..KlivAuditEventSpec::new(AuditAction::Deleted, now)
        },
    );
    event.metadata.namespace = Some(answer.namespace.clone()?);
    event.metadata.labels = Some(BTreeMap::from([(LABEL_PENDING.into(), "true".into())]));
    Some(event)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn delete() -> Value {
        json!({ "request": {
            "uid": "705AB4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "secrets.kliv.dev", "version": "v1alpha1", "kind": "KlivSecret" },
            "namespace": "acme",
            "operation": "DELETE",
            "userInfo": {
                "username": "anna",
                "extra": { "secrets.kliv.dev/on-behalf-of": ["bo"], "scopes": ["a", "b"] },
            },
            "object": null,
            // deletecollection names no object.
            "name": "",
            "oldObject": {
                "metadata": { "name": "openai-api-key", "namespace": "acme", "uid": "u-1" },
                "spec": { "envVar": "OPENAI_API_KEY", "sealed": "kliv1.x.y" },
                "status": { "maskedValue": "sk-p****z789" },
            },
            "dryRun": false,
            "options": { "kind": "DeleteOptions" },
        }})
    }

    fn ask(review: &Value) -> (Value, Option<Value>) {
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        let (answer, event) = seen(review.to_string().as_bytes(), now);
        let answer: Value = serde_json::from_slice(&answer.to_json()).unwrap();
        (answer["response"].clone(), event.map(|event| serde_json::to_value(event).unwrap()))
    }

    #[test]
    fn a_delete_is_allowed_and_becomes_an_event_that_waits() {
        let (answer, event) = ask(&delete());
        let uid = "705AB4f5-6393-11e8-b7cc-42010a800002";
        assert_eq!(answer, json!({ "uid": uid, "allowed": true }));
        let wanted = json!({
            "apiVersion": "secrets.kliv.dev/v1alpha1",
            "kind": "KlivAuditEvent",
            "metadata": {
                "name": "pending-705ab4f5-6393-11e8-b7cc-42010a800002",
                "namespace": "acme",
                "labels": { "secrets.kliv.dev/pending": "true" },
            },
            "spec": {
                "time": "2026-11-24T10:00:00Z",
                "action": "Deleted",
                "secret": "openai-api-key",
                "secretUid": "u-1",
                "actor": "anna",
                "onBehalfOf": "bo",
            },
        });
        assert_eq!(event, Some(wanted));
    }

    #[test]
    fn nothing_is_recorded_of_what_deletes_nothing() {
        for (what, at, value) in [
            ("a dry run", "/request/dryRun", json!(true)),
            ("another kind", "/request/kind/kind", json!("KlivAccount")),
            ("a write", "/request/operation", json!("UPDATE")),
            ("nobody", "/request/userInfo/username", json!("")),
            ("no namespace", "/request/namespace", json!("Not A Name")),
            ("no id", "/request/uid", json!("<b>")),
            ("no secret", "/request/oldObject", json!(null)),
            ("a broken name", "/request/oldObject/metadata/name", json!("\u{1b}[2J")),
            ("a broken uid", "/request/oldObject/metadata/uid", json!("a b")),
        ] {
            let mut review = delete();
            *review.pointer_mut(at).unwrap() = value;
            let (answer, event) = ask(&review);
            assert_eq!(answer["allowed"], true, "{what}");
            assert_eq!(event, None, "{what}");
        }
        let mut going = delete();
        going["request"]["oldObject"]["metadata"]["deletionTimestamp"] = json!("2026-11-24T09:00Z");
        assert_eq!(ask(&going).1, None, "it is being deleted already");
    }

    #[test]
    fn what_is_no_review_is_allowed_too() {
        let (answer, event) = seen(b"nonsense", Timestamp::UNIX_EPOCH);
        assert!(matches!(answer.verdict, Verdict::Allowed { .. }) && event.is_none());
    }

    #[test]
    fn names_of_people_that_deceive_are_shown_as_what_they_are_and_fit() {
        let mut review = delete();
        review["request"]["userInfo"]["username"] = json!(format!("a\n{}", "b".repeat(2000)));
        let event = ask(&review).1.unwrap();
        let actor = event["spec"]["actor"].as_str().unwrap();
        assert!(actor.starts_with("a\\u{a}bb") && actor.ends_with('…'), "{actor}");
        assert_eq!(actor.chars().count(), MAX_USER_CHARS);
    }
}
