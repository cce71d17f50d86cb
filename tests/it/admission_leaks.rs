//! Nothing of a value comes out of the front door.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::admission_support::{
    LAST_APPLIED, Reply, ask, ask_bytes, create, sealed, secret, update, with_metadata,
};

/// With a character that JSON escapes, one that Go escapes, and a long plain run.
const CANARY: &str = "CANARY-0b1d7e55\"<&>åäö";

/// Every form in which the canary could show.
fn forms() -> Vec<Vec<u8>> {
    let json = json!(CANARY).to_string();
    let go = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let mut forms = vec![
        CANARY.to_owned(),
        json.trim_matches('"').to_owned(),
        go.trim_matches('"').to_owned(),
        "CANARY-0b1d7e55".to_owned(),
        CANARY.bytes().take(12).map(|b| format!("{b:02x}")).collect(),
    ];
    for before in ["", "a", "ab"] {
        for encoded in [
            STANDARD.encode(format!("{before}CANARY-0b1d7e55")),
            URL_SAFE_NO_PAD.encode(format!("{before}CANARY-0b1d7e55")),
        ] {
            forms.push(encoded[4..16].to_owned());
        }
    }
    forms.into_iter().map(String::into_bytes).collect()
}

#[track_caller]
fn shows_nothing(bytes: &[u8]) {
    for form in forms() {
        let shows = bytes.windows(form.len()).any(|window| window == form);
        assert!(!shows, "the answer shows {}", String::from_utf8_lossy(&form));
    }
}

#[track_caller]
fn reply_shows_nothing(reply: &Reply) {
    shows_nothing(&reply.bytes);
    shows_nothing(reply.patch.as_deref().unwrap_or_default());
    // What is stored: the patch applied to what was sent, except when it is refused.
    if reply.patch.is_some() {
        shows_nothing(reply.object.to_string().as_bytes());
    }
}

#[test]
fn the_forms_of_the_canary_are_found_where_it_shows() {
    let found = |bytes: &[u8]| {
        forms().iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
    };
    assert!(found(CANARY.as_bytes()));
    assert!(found(json!({ "a": CANARY }).to_string().as_bytes()));
    for before in ["", "a", "ab"] {
        assert!(found(STANDARD.encode(format!("{before}{CANARY}")).as_bytes()));
    }
}

#[test]
fn no_kind_of_write_shows_the_value() {
    let copy = |spec: Value| json!({ "annotations": { LAST_APPLIED: secret(spec).to_string() } });
    let stored = || secret(json!({ "sealed": sealed("former-value") }));
    let plain = || secret(json!({ "value": CANARY }));
    let owned = json!({ "managedFields": [
        { "manager": "ci", "fieldsV1": { "f:spec": { "f:value": {} } } },
    ]});
    let mut both = secret(json!({ "sealed": sealed("other") }));
    both["spec"]["value"] = CANARY.into();
    let writes = [
        create(plain()),
        create(with_metadata(plain(), copy(json!({ "value": CANARY })))),
        create(with_metadata(plain(), copy(json!({ "vaule": CANARY })))),
        create(with_metadata(plain(), copy(json!({ "description": CANARY })))),
        create(with_metadata(plain(), owned.clone())),
        create(both),
        update(stored(), plain()),
        update(stored(), with_metadata(plain(), copy(json!({ "value": CANARY })))),
        update(stored(), with_metadata(plain(), owned)),
        update(stored(), with_metadata(stored(), copy(json!({ "value": CANARY })))),
    ];
    for write in writes {
        reply_shows_nothing(&ask(&write));
    }
}

#[test]
fn no_refusal_shows_what_it_refuses() {
    let wrong = [
        json!({ "value": { "a": CANARY } }),
        json!({ "value": [CANARY] }),
        json!({ "value": format!("{CANARY}\0") }),
        json!({ "value": CANARY.repeat(8000) }),
        json!({ "value": CANARY, "envVar": CANARY }),
        json!({ "value": CANARY, "environment": CANARY }),
        json!({ "value": CANARY, "description": CANARY }),
        json!({ "value": CANARY, "description": [CANARY] }),
        json!({ "value": CANARY, "generate": { "alphabet": CANARY } }),
        json!({ "value": CANARY, "generate": CANARY }),
        json!({ "value": CANARY, "expirationTime": CANARY }),
        json!({ "value": CANARY, "rotateAfterDays": CANARY }),
        json!({ "value": CANARY, "request": { "purpose": CANARY } }),
        json!({ "value": CANARY, CANARY: 1 }),
        json!({ "sealed": CANARY }),
        json!({ "sealed": format!("kliv1.{CANARY}.{CANARY}") }),
        json!({ "description": CANARY }),
    ];
    for spec in wrong {
        let reply = ask(&create(secret(spec)));
        reply.refused();
        shows_nothing(&reply.bytes);
    }
    for metadata in [
        json!({ "name": CANARY }),
        json!({ "generateName": CANARY }),
        json!({ "labels": { "a": CANARY } }),
        json!({ "labels": { CANARY: "a" } }),
        json!({ "annotations": { CANARY: CANARY } }),
        json!({ "finalizers": [CANARY] }),
        json!({ "ownerReferences": [{ "name": CANARY }] }),
        json!({ "managedFields": [{ "manager": CANARY }] }),
    ] {
        let reply = ask(&create(with_metadata(secret(json!({ "value": CANARY })), metadata)));
        reply.refused();
        shows_nothing(&reply.bytes);
    }
    let mut odd = create(secret(json!({ "value": CANARY })));
    odd["request"]["uid"] = CANARY.into();
    odd["request"]["namespace"] = Value::Null;
    shows_nothing(&ask(&odd).bytes);
}

#[test]
fn a_name_that_is_the_value_in_small_letters_is_not_repeated() {
    let spec = json!({ "envVar": "x", "value": "canary-0b1d7e55" });
    let object = with_metadata(secret(spec), json!({ "name": "canary-0b1d7e55" }));
    let reply = ask(&create(object));
    assert_eq!(reply.refused().0, "metadata.name");
    assert!(!String::from_utf8_lossy(&reply.bytes).contains("canary-0b1d7e55"));
}

/// Any JSON, with the canary in texts and keys.
fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        3 => Just(CANARY.to_owned()),
        1 => Just(json!({ "value": CANARY }).to_string()),
        1 => ".{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let key = prop_oneof![
            4 => prop::sample::select(vec![
                "request", "object", "oldObject", "spec", "metadata", "value", "sealed", "envVar",
                "environment", "generate", "annotations", "labels", "managedFields", "fieldsV1",
                "f:spec", "f:value", "status", "name", LAST_APPLIED, "secrets.kliv.dev/stamps",
            ]).prop_map(str::to_owned),
            1 => text.clone(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let answer: Value = serde_json::from_slice(&ask_bytes(&bytes)).expect("JSON");
        prop_assert_eq!(&answer["kind"], "AdmissionReview");
    }

    #[test]
    fn any_json_gets_an_answer_that_shows_nothing(body in any_json()) {
        shows_nothing(&ask(&body).bytes);
    }

    // Whatever is around the value: what is answered and what is stored show nothing.
    #[test]
    fn any_metadata_and_spec_show_nothing(
        metadata in any_json(), more in any_json(), stored in any_json(), is_update in any::<bool>(),
    ) {
        let mut object = secret(more);
        object["spec"]["value"] = CANARY.into();
        let object = with_metadata(object, metadata);
        let review = if is_update { update(stored, object) } else { create(object) };
        let reply = ask(&review);
        shows_nothing(&reply.bytes);
        shows_nothing(reply.patch.as_deref().unwrap_or_default());
        if reply.patch.is_some() {
            let mut kept = reply.object.clone();
            // The API server takes these from elsewhere.
            for field in ["status", "kind", "apiVersion"] {
                kept.as_object_mut().expect("a map").remove(field);
            }
            shows_nothing(kept.to_string().as_bytes());
        }
    }
}
