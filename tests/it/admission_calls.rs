//! A refused call of an agent, as the front door hears of it: noted, refused, and nothing of it
//! shown or stored.

use kliv_secrets::admission::{Answer, answer};
use kliv_secrets::api::refused_call::{ANNOTATION, CALLS, NOT_NOTED, NOTED};
use serde_json::{Value, json};

use crate::admission_support::{ACCOUNT, NOW, ask, create, now, sealing_key, secret, update};

const CANARY: &str = "sk_live_c4n4ry4eC39HqLyjWDarjtT1zdp7dc";

/// What the agents' door sends.
fn told(call: &str) -> Value {
    let mut review = create(json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1",
        "kind": "KlivSecret",
        "metadata": {
            "name": "refused-call", "namespace": ACCOUNT, "annotations": { ANNOTATION: call },
        },
        "spec": {},
    }));
    let request = &mut review["request"];
    request["options"]["fieldManager"] = "kliv-mcp".into();
    request["userInfo"]["extra"] = json!({ "secrets.kliv.dev/on-behalf-of": ["åsa"] });
    review
}

fn answered(review: &Value) -> Answer {
    let rng = &mut getrandom::rand_core::UnwrapErr(getrandom::SysRng);
    answer(review.to_string().as_bytes(), sealing_key(), now(), rng)
}

#[test]
fn a_refused_call_becomes_an_event_that_waits_by_who_asks_and_the_write_is_refused() {
    for call in CALLS {
        let reply = ask(&told(call));
        assert_eq!(reply.refused().0, NOTED, "{call}");
        let event = answered(&told(call)).call.expect("an event");
        let wanted = json!({
            "apiVersion": "secrets.kliv.dev/v1alpha1",
            "kind": "KlivAuditEvent",
            "metadata": {
                "name": "pending-705ab4f5-6393-11e8-b7cc-42010a800002",
                "namespace": ACCOUNT,
                "labels": { "secrets.kliv.dev/pending": "call" },
            },
            "spec": {
                "time": NOW,
                "action": "CallRefused",
                "actor": "anna",
                "via": "agent",
                "onBehalfOf": "åsa",
                "detail": format!(
                    "a call of {call} was refused: something in its arguments looked like a \
                     credential"
                ),
            },
        });
        assert_eq!(serde_json::to_value(event).expect("JSON"), wanted);
    }
}

#[test]
fn whatever_else_such_a_write_holds_is_neither_kept_nor_shown() {
    let mut all = told("request_secret");
    all["request"]["object"]["metadata"]["name"] = CANARY.to_lowercase().into();
    all["request"]["object"]["metadata"]["annotations"][CANARY] = CANARY.into();
    all["request"]["object"]["spec"] =
        json!({ "envVar": CANARY, "value": CANARY, CANARY: [CANARY] });
    let mut named = told(CANARY);
    named["request"]["object"]["spec"] = secret(json!({ "value": CANARY }))["spec"].clone();
    for (review, field, is_noted) in [(all, NOTED, true), (named, NOT_NOTED, false)] {
        let (reply, answer) = (ask(&review), answered(&review));
        assert_eq!(reply.refused().0, field);
        assert_eq!((answer.name, answer.call.is_some()), (None, is_noted));
        let event = serde_json::to_string(&answer.call).expect("JSON");
        let shown = String::from_utf8_lossy(&reply.bytes).into_owned() + &event;
        assert!(!shown.to_lowercase().contains("c4n4ry"), "{shown}");
    }
}

#[test]
fn nothing_is_noted_on_a_dry_run_or_of_what_nobody_can_be_told_of_and_it_is_refused_all_the_same() {
    let changed = |at: &str, value: Value| {
        let mut review = told("request_secret");
        *review.pointer_mut(at).expect("is there") = value;
        review
    };
    for (what, review, field) in [
        ("a dry run", changed("/request/dryRun", json!(true)), NOTED),
        ("nobody", changed("/request/userInfo/username", json!("")), NOT_NOTED),
        ("no account", changed("/request/namespace", json!("Not A Name")), NOT_NOTED),
        ("no id", changed("/request/uid", json!("<b>")), NOT_NOTED),
        ("no call of ours", told("drop_all"), NOT_NOTED),
        ("nothing named", told(""), NOT_NOTED),
    ] {
        assert_eq!(ask(&review).refused().0, field, "{what}");
        assert!(answered(&review).call.is_none(), "{what}");
    }
}

#[test]
fn on_an_object_that_is_there_it_says_nothing() {
    let mut object = secret(json!({ "sealed": crate::admission_support::sealed("a value") }));
    let stored = object.clone();
    object["metadata"]["annotations"] = json!({ ANNOTATION: "request_secret" });
    let review = update(stored, object);
    ask(&review).allowed();
    assert!(answered(&review).call.is_none());
}
