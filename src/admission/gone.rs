//! Who deletes a KlivSecret, which is known at admission only. A deleted object can't be
//! stamped: what is seen becomes a KlivAuditEvent that waits until the controller finds
//! the secret gone, and is dropped when it does not.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::answer::{Answer, Verdict};
use super::decide::is_printable_name;
use super::review::{Object, Review};
use crate::api::names::{
    ANNOTATION_STAMPS, EXTRA_ON_BEHALF_OF, LABEL_PENDING, MAX_USER_CHARS, PENDING_PREFIX,
};
use crate::api::text::harmless;
use crate::api::{AuditAction, KlivAuditEvent, KlivAuditEventSpec, Stamp, Stamps, What};

const LONGEST_DETAIL: usize = KlivAuditEventSpec::LONGEST_DETAIL;
/// What "; " and "; and 20 more" take of it.
const AND_MORE: usize = 16;
/// A name in a list of several.
const SHORT: usize = 64;

/// A delete of which it can't be told who does what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost;

/// A delete is always allowed; whether one is to be recorded, and as what.
///
/// None is for a dry run, for another kind, and for an object that is being deleted
/// already: whoever deletes it once more is not the one who did.
///
/// # Errors
/// [`Lost`]; the delete is allowed all the same.
pub fn seen(review: &[u8], now: Timestamp) -> (Answer, Result<Option<KlivAuditEvent>, Lost>) {
    let allowed = |uid: String, namespace, name| Answer {
        uid,
        namespace,
        name,
        verdict: Verdict::untouched(),
        call: None,
    };
    let Ok(mut review) = Review::parse(review) else {
        return (allowed(String::new(), None, None), Err(Lost));
    };
    let stored = review.take_old_object();
    let printable = |text: &str| is_printable_name(text).then(|| text.to_owned());
    let namespace = review.namespace().and_then(printable);
    let answer = allowed(review.uid().to_owned(), namespace, printable(stored.name()));
    if !review.deletes() || review.is_dry_run() || stored.is_being_deleted() {
        return (answer, Ok(None));
    }
    let event = event(&review, &stored, &answer, now).ok_or(Lost).map(Some);
    (answer, event)
}

fn event(
    review: &Review,
    stored: &Object,
    answer: &Answer,
    now: Timestamp,
) -> Option<KlivAuditEvent> {
    let user = review.user().filter(|user| !user.is_empty())?;
    let person = |text: &str| harmless(text, MAX_USER_CHARS).into_owned();
    let spec = KlivAuditEventSpec {
        secret: Some(answer.name.clone()?),
        secret_uid: Some(stored.uid()?.to_owned()),
        actor: person(user),
        via: via(user).to_owned(),
        on_behalf_of: review.extra(EXTRA_ON_BEHALF_OF).map(person),
        detail: unrecorded(stored),
        ..KlivAuditEventSpec::new(AuditAction::Deleted, now)
    };
    pending(review, "true", spec)
}

/// An event that waits for the controller; none where the request has no id or account.
pub(super) fn pending(
    review: &Review,
    label: &str,
    spec: KlivAuditEventSpec,
) -> Option<KlivAuditEvent> {
    // The request's id becomes part of a name.
    let request = review.uid().to_ascii_lowercase();
    if request.is_empty() || request.ends_with('-') {
        return None;
    }
    let account = review.namespace().filter(|text| is_printable_name(text))?;
    let mut event = KlivAuditEvent::new(&format!("{PENDING_PREFIX}{request}"), spec);
    event.metadata.namespace = Some(account.to_owned());
    event.metadata.labels = Some(BTreeMap::from([(LABEL_PENDING.into(), label.into())]));
    Some(event)
}

/// The changes that the engine may not have recorded: they go with the object. While a value
/// waits, its status covers no later change either, though that is told already.
fn unrecorded(stored: &Object) -> Option<String> {
    let stamps = Stamps::parse(stored.annotation(ANNOTATION_STAMPS).unwrap_or_default());
    let recorded = stored.recorded_stamp();
    let words: Vec<String> =
        stamps.0.iter().filter(|stamp| stamp.seq > recorded).map(in_words).collect();
    let mut text = "changes of it that may not be recorded: ".to_owned();
    let mut left = words.len();
    for word in &words {
        if text.chars().count() + word.chars().count() > LONGEST_DETAIL - AND_MORE {
            break;
        }
        if left < words.len() {
            text.push_str("; ");
        }
        text.push_str(word);
        left -= 1;
    }
    if left > 0 {
        text.push_str(&format!("; and {left} more"));
    }
    (!words.is_empty()).then_some(text)
}

fn in_words(stamp: &Stamp) -> String {
    let Stamp { written, via, user, .. } = stamp;
    let what = match stamp.what {
        What::Value => "value",
        What::Spec => "spec",
    };
    let user = harmless(user, SHORT);
    let human = stamp.on_behalf_of.as_deref().map(|human| harmless(human, SHORT));
    let human = human.map(|human| format!(" for {human}")).unwrap_or_default();
    format!("{what} at {written} by {user}{human} via {via}")
}

/// Through what a delete comes, where that is known. It names no field manager, and nothing
/// else in it says: only tools that delete under an account of their own are told, by the
/// name that it has in their installs. Like a field manager it can be taken by others.
fn via(user: &str) -> &'static str {
    let account = user.strip_prefix("system:serviceaccount:").and_then(|it| it.split(':').nth(1));
    match account {
        Some("argocd-application-controller" | "kustomize-controller" | "helm-controller") => {
            "gitops"
        }
        _ => "",
    }
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

    fn ask(review: &Value) -> (Value, Result<Option<Value>, Lost>) {
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        let (answer, event) = seen(review.to_string().as_bytes(), now);
        let answer: Value = serde_json::from_slice(&answer.to_json()).unwrap();
        let event = event.map(|event| event.map(|event| serde_json::to_value(event).unwrap()));
        (answer["response"].clone(), event)
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
        assert_eq!(event, Ok(Some(wanted)));
    }

    #[test]
    fn nothing_is_recorded_of_what_deletes_nothing() {
        for (what, at, value) in [
            ("a dry run", "/request/dryRun", json!(true)),
            ("another kind", "/request/kind/kind", json!("KlivAccount")),
            ("a write", "/request/operation", json!("UPDATE")),
        ] {
            let mut review = delete();
            *review.pointer_mut(at).unwrap() = value;
            let (answer, event) = ask(&review);
            assert_eq!((&answer["allowed"], event), (&json!(true), Ok(None)), "{what}");
        }
        let mut going = delete();
        going["request"]["oldObject"]["metadata"]["deletionTimestamp"] = json!("2026-11-24T09:00Z");
        assert_eq!(ask(&going).1, Ok(None), "it is being deleted already");
    }

    #[test]
    fn a_delete_of_which_nothing_can_be_told_is_allowed_and_counts_as_lost() {
        for (what, at, value) in [
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
            assert_eq!((&answer["allowed"], event), (&json!(true), Err(Lost)), "{what}");
        }
        let (answer, event) = seen(b"nonsense", Timestamp::UNIX_EPOCH);
        assert!(matches!(answer.verdict, Verdict::Allowed { .. }) && event == Err(Lost));
    }

    #[test]
    fn changes_that_go_with_the_object_before_they_were_recorded_are_told_with_its_delete() {
        let stamp = |seq: i64, who: &str| format!("{seq} 2026-11-24T10:00:00Z value {who}");
        let detail = |stamps: &[String], recorded: Option<i64>| {
            let mut review = delete();
            let stored = &mut review["request"]["oldObject"];
            stored["metadata"]["annotations"][ANNOTATION_STAMPS] = json!(stamps.join("\n"));
            stored["status"]["recordedStamp"] = json!(recorded);
            let event = ask(&review).1.unwrap().unwrap();
            event["spec"]["detail"].as_str().map(str::to_owned)
        };
        let two = [stamp(1, "kubectl anna"), stamp(2, "agent:Bo%20B bot\u{202e}")];
        assert_eq!(detail(&[], None), None);
        assert_eq!(detail(&two, Some(2)), None);
        let heading = "changes of it that may not be recorded: ";
        let second = "value at 2026-11-24T10:00:00Z by bot\\u{202e} for Bo B via agent";
        assert_eq!(detail(&two, Some(1)), Some(format!("{heading}{second}")));
        let first = "value at 2026-11-24T10:00:00Z by anna via kubectl";
        assert_eq!(detail(&two, None), Some(format!("{heading}{first}; {second}")));

        let long = format!("agent:{} {}", "h".repeat(1024), "u".repeat(1024));
        let many: Vec<_> = (1..=20).map(|seq| stamp(seq, &long)).collect();
        let text = detail(&many, None).unwrap();
        assert!(
            text.chars().count() <= LONGEST_DETAIL && text.ends_with("; and 18 more"),
            "{text}"
        );
        let one = detail(&many[..1], None).unwrap();
        assert!(one.contains(" via agent") && !one.contains("more"), "{one}");
    }

    #[test]
    fn through_what_a_delete_came_is_told_of_tools_that_have_an_account_alone() {
        let table = [
            ("system:serviceaccount:argocd:argocd-application-controller", Some("gitops")),
            ("system:serviceaccount:flux-system:kustomize-controller", Some("gitops")),
            ("system:serviceaccount:flux-system:helm-controller", Some("gitops")),
            ("system:serviceaccount:helm-controller:default", None),
            ("kustomize-controller", None),
            ("anna", None),
        ];
        for (user, via) in table {
            let mut review = delete();
            review["request"]["userInfo"]["username"] = json!(user);
            let event = ask(&review).1.unwrap().unwrap();
            assert_eq!(event["spec"].get("via"), via.map(Value::from).as_ref(), "{user}");
        }
    }

    #[test]
    fn names_of_people_that_deceive_are_shown_as_what_they_are_and_fit() {
        let mut review = delete();
        review["request"]["userInfo"]["username"] = json!(format!("a\n{}", "b".repeat(2000)));
        let event = ask(&review).1.unwrap().unwrap();
        let actor = event["spec"]["actor"].as_str().unwrap();
        assert!(actor.starts_with("a\\u{a}bb") && actor.ends_with('…'), "{actor}");
        assert_eq!(actor.chars().count(), MAX_USER_CHARS);
    }
}
