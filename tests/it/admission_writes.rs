//! What the front door makes of each kind of write.

use serde_json::{Value, json};

use crate::admission_support::{
    LAST_APPLIED, NOW, STAMPS, ask, create, opened, sealed, secret, update, with_metadata,
};

const VALUE: &str = "sk-made-up-4711-for-the-test";

fn stamps(object: &Value) -> Option<&str> {
    object["metadata"]["annotations"][STAMPS].as_str()
}

fn stamped(object: Value, stamps: &str) -> Value {
    with_metadata(object, json!({ "annotations": { STAMPS: stamps } }))
}

#[test]
fn a_value_becomes_ciphertext_that_opens_in_its_place() {
    for environment in [None, Some("production")] {
        let mut object = secret(json!({ "value": VALUE, "description": "d" }));
        if let Some(environment) = environment {
            object["spec"]["environment"] = environment.into();
            object["metadata"]["name"] = format!("openai-api-key.{environment}").into();
        }
        let stored = ask(&create(object)).allowed();
        assert_eq!(opened(&stored), VALUE);
        assert_eq!(stored["spec"].get("value"), None);
        assert_eq!(stored["spec"]["description"], "d");
        assert_eq!(stamps(&stored), Some(&*format!("1 {NOW} value kubectl anna")));
    }
}

#[test]
fn every_text_is_sealed_as_it_was_given() {
    let large = "ö".repeat(32 * 1024);
    for value in
        ["x", "0", "true", " a ", "line\nline\n", "$(X)", "\u{1}\u{7f}\u{fffd}", "日本語", &large]
    {
        let stored = ask(&create(secret(json!({ "value": value })))).allowed();
        assert_eq!(opened(&stored), value);
    }
}

#[test]
fn the_value_wins_over_a_ciphertext_and_a_wish() {
    for more in [
        json!({ "sealed": sealed("old") }),
        json!({ "sealed": "nonsense" }),
        json!({ "generate": {} }),
        json!({ "request": { "purpose": "p" } }),
    ] {
        let mut object = secret(more);
        object["spec"]["value"] = VALUE.into();
        assert_eq!(opened(&ask(&create(object)).allowed()), VALUE);
    }
}

#[test]
fn what_is_no_value_is_refused_with_the_way_out() {
    let table = [
        (json!(4_829_301_774_i64), "quotes"),
        (json!(1.5), "quotes"),
        (json!(true), "quotes"),
        (Value::Null, "is empty"),
        (json!(""), "is empty"),
        (json!({ "a": "b" }), "must be text"),
        (json!(["a"]), "must be text"),
        (json!("x".repeat(64 * 1024 + 1)), "64 KiB"),
        (json!("ö".repeat(32 * 1024 + 1)), "64 KiB"),
        (json!("a\0b"), "NUL"),
        (json!(sealed("x")), "spec.sealed"),
    ];
    for (value, word) in table {
        for review in [
            create(secret(json!({ "value": value }))),
            update(secret(json!({ "sealed": sealed("x") })), secret(json!({ "value": value }))),
        ] {
            let reply = ask(&review);
            let (field, message) = reply.refused();
            assert_eq!(field, "spec.value");
            assert!(message.contains(word), "{message}");
        }
    }
}

#[test]
fn a_new_object_needs_a_value_from_somewhere() {
    let reply = ask(&create(secret(json!({}))));
    let (field, message) = reply.refused();
    assert_eq!(field, "spec.value");
    for way in ["spec.value", "spec.sealed", "spec.generate", "spec.request"] {
        assert!(message.contains(way));
    }
}

#[test]
fn a_question_about_a_value_makes_no_secret_that_has_none() {
    for more in [json!({ "replaces": 1 }), json!({ "deletion": true })] {
        let mut request = json!({ "purpose": "p" });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = ask(&create(secret(json!({ "request": request }))));
        assert_eq!(reply.refused().0, "spec.value", "{request}");
    }
    let neither = json!({ "request": { "purpose": "p", "deletion": false } });
    ask(&create(secret(neither))).allowed();
}

#[test]
fn an_update_without_a_value_keeps_the_one_that_is_stored() {
    let ciphertext = sealed(VALUE);
    for more in [
        json!({}),
        json!({ "description": "new" }),
        json!({ "generate": { "length": 20 } }),
        json!({ "request": { "purpose": "p" } }),
        json!({ "request": { "purpose": "p", "replaces": 1 } }),
        json!({ "request": { "purpose": "p", "deletion": true } }),
    ] {
        let stored = secret(json!({ "sealed": ciphertext }));
        let object = ask(&update(stored, secret(more.clone()))).allowed();
        assert_eq!(object["spec"]["sealed"], ciphertext);
        for (key, field) in more.as_object().into_iter().flatten() {
            assert_eq!(&object["spec"][key], field, "the rest goes on as it was sent");
        }
    }
}

#[test]
fn a_replaced_manifest_that_says_nothing_new_changes_nothing() {
    let line = format!("3 {NOW} value api bo");
    let stored = stamped(secret(json!({ "sealed": sealed(VALUE) })), &line);
    let object = ask(&update(stored.clone(), secret(json!({})))).allowed();
    assert_eq!(object["spec"], stored["spec"]);
    assert_eq!(stamps(&object), Some(&*line), "no change of the spec, no stamp");
}

#[test]
fn a_wish_is_granted_once() {
    let wish = json!({ "generate": { "length": 40, "alphabet": "hex" } });
    let first = ask(&create(secret(wish.clone()))).allowed();
    let value = opened(&first);
    assert_eq!(value.len(), 40);
    assert!(value.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(first["spec"]["generate"], wish["generate"]);

    let again = ask(&update(first.clone(), secret(wish))).allowed();
    assert_eq!(again["spec"], first["spec"]);

    let refused = ask(&create(secret(json!({ "generate": { "length": 3 } }))));
    assert_eq!(refused.refused().0, "spec.generate.length");
}

#[test]
fn a_wish_that_was_stored_while_no_webhook_ran_is_granted_by_any_later_write() {
    let stored = secret(json!({ "generate": {} }));
    let labelled = with_metadata(stored.clone(), json!({ "labels": { "a": "b" } }));
    let object = ask(&update(stored.clone(), labelled)).allowed();
    assert_eq!(opened(&object).len(), 32);
    assert_eq!(stamps(&object), Some(&*format!("1 {NOW} value kubectl anna")));

    let going = with_metadata(stored.clone(), json!({ "deletionTimestamp": NOW }));
    assert_eq!(ask(&update(stored, going)).patch, None, "but not on its way out");
}

#[test]
fn a_question_waits_and_its_answer_is_sealed() {
    let question = json!({ "request": { "purpose": "send mail", "requestedBy": "agent" } });
    let stored = ask(&create(secret(question.clone()))).allowed();
    assert_eq!(stored["spec"].get("sealed"), None);
    assert_eq!(stamps(&stored), Some(&*format!("1 {NOW} spec kubectl anna")));

    let mut answered = secret(question.clone());
    answered["spec"]["value"] = VALUE.into();
    let answered = ask(&update(stored, answered)).allowed();
    assert_eq!(opened(&answered), VALUE);
    assert_eq!(answered["spec"]["request"], question["request"], "it stays as documentation");
}

#[test]
fn a_ciphertext_put_in_by_hand_must_be_whole() {
    let good = sealed(VALUE);
    for bad in [
        "kliv1",
        "kliv1.x.y",
        "hunter2-hunter2",
        &good[..good.len() - 3],
        &good.replace("kliv1.", "kliv9."),
    ] {
        for review in [
            create(secret(json!({ "sealed": bad }))),
            update(secret(json!({ "sealed": good })), secret(json!({ "sealed": bad }))),
        ] {
            assert_eq!(ask(&review).refused().0, "spec.sealed");
        }
    }
    let other = sealed("other");
    let object =
        ask(&update(secret(json!({ "sealed": good })), secret(json!({ "sealed": other }))))
            .allowed();
    assert_eq!(object["spec"]["sealed"], other);
    assert!(stamps(&object).is_some_and(|line| line.contains(" value ")));
}

#[test]
fn a_spec_that_can_not_be_understood_is_refused_by_field() {
    let table = [
        (json!({ "envVar": "1X" }), "spec.envVar"),
        (json!({ "envVar": "LD_PRELOAD" }), "spec.envVar"),
        (json!({ "envVar": 5 }), "spec.envVar"),
        (json!({ "environment": "No Good" }), "spec.environment"),
        (json!({ "environment": "test" }), "metadata.name"),
        (json!({ "description": ["x"] }), "spec.description"),
        (json!({ "rotateAfterDays": "soon" }), "spec.rotateAfterDays"),
        (json!({ "expirationTime": "soon" }), "spec.expirationTime"),
        (json!({ "generate": { "alphabet": "emoji" } }), "spec.generate"),
        (json!({ "request": {} }), "spec.request"),
    ];
    for (more, expected) in table {
        let mut object = secret(json!({ "value": VALUE }));
        for (key, field) in more.as_object().into_iter().flatten() {
            object["spec"][key] = field.clone();
        }
        assert_eq!(ask(&create(object)).refused().0, expected, "{more}");
    }
    let mut nameless = secret(json!({ "value": VALUE }));
    nameless["spec"].as_object_mut().expect("a map").remove("envVar");
    assert_eq!(ask(&create(nameless)).refused().0, "spec.envVar");

    let mut generated = secret(json!({ "value": VALUE }));
    generated["metadata"] = json!({ "generateName": "openai-" });
    assert_eq!(ask(&create(generated)).refused().0, "metadata.name");
}

#[test]
fn variable_and_environment_never_change() {
    let stored = secret(json!({ "sealed": sealed(VALUE) }));
    let mut renamed = secret(json!({}));
    renamed["spec"]["envVar"] = "OTHER_KEY".into();
    assert_eq!(ask(&update(stored.clone(), renamed)).refused().0, "spec.envVar");
    let moved = secret(json!({ "environment": "test" }));
    assert_eq!(ask(&update(stored, moved)).refused().0, "spec.environment");
}

#[test]
fn a_refusal_names_the_object() {
    let reply = ask(&create(secret(json!({}))));
    let json: Value = serde_json::from_slice(&reply.bytes).expect("JSON");
    let details = &json["response"]["status"]["details"];
    assert_eq!(
        (&details["kind"], &details["name"]),
        (&json!("KlivSecret"), &json!("openai-api-key"))
    );
}

#[test]
fn stamps_are_those_stored_and_one_more_whatever_the_write_brings() {
    let old = format!("1 {NOW} spec api bo\n2 {NOW} value api bo");
    let mut stored = stamped(secret(json!({ "sealed": sealed(VALUE) })), &old);
    let new = |seq| format!("{seq} {NOW} value kubectl anna");
    for brought in [None, Some("1 2020-01-01T00:00:00Z value api mallory"), Some(""), Some(&*old)] {
        let mut object = secret(json!({ "value": "next" }));
        if let Some(brought) = brought {
            object = stamped(object, brought);
        }
        let after = ask(&update(stored.clone(), object)).allowed();
        assert_eq!(stamps(&after), Some(&*format!("{old}\n{}", new(3))));
    }
    stored["status"] = json!({ "recordedStamp": 2 });
    let after = ask(&update(stored, secret(json!({ "value": "next" })))).allowed();
    assert_eq!(stamps(&after), Some(&*new(3)), "what is recorded goes");

    let forged = stamped(secret(json!({ "value": "x" })), &format!("9 {NOW} value api mallory"));
    assert_eq!(stamps(&ask(&create(forged)).allowed()), Some(&*new(1)));
}

#[test]
fn a_stamp_names_the_human_on_whose_behalf_somebody_writes() {
    let mut review = create(secret(json!({ "value": VALUE })));
    let extra = |human: Value| json!({ "secrets.kliv.dev/on-behalf-of": human, "scopes": ["x"] });
    for (human, through) in [
        (json!(["Anna A", "bo"]), "kubectl:Anna%20A"),
        (json!(["100%"]), "kubectl:100%25"),
        (json!([""]), "kubectl"),
        (json!([]), "kubectl"),
        (json!("anna"), "kubectl"),
        (json!(null), "kubectl"),
    ] {
        review["request"]["userInfo"]["extra"] = extra(human);
        let line = format!("1 {NOW} value {through} anna");
        assert_eq!(stamps(&ask(&review).allowed()), Some(&*line));
    }
    for human in [format!("a\n9 {NOW} value api b"), "a\u{1b}[2J".into(), "x".repeat(1025)] {
        review["request"]["userInfo"]["extra"] = extra(json!([human]));
        let reply = ask(&review);
        assert_eq!(reply.refused().0, format!("metadata.annotations[{STAMPS}]"));
        assert!(reply.refused().1.contains("on whose behalf"));
        // Who changes nothing of the spec is not in the way.
        let stored = secret(json!({ "sealed": sealed(VALUE) }));
        let labelled = with_metadata(stored.clone(), json!({ "labels": { "a": "b" } }));
        let mut label = update(stored, labelled.clone());
        label["request"]["userInfo"]["extra"] = extra(json!([human]));
        assert_eq!(ask(&label).allowed(), labelled);
    }
}

#[test]
fn a_write_of_metadata_alone_keeps_spec_and_stamps() {
    let line = format!("2 {NOW} value api bo");
    let stored = stamped(secret(json!({ "sealed": sealed(VALUE) })), &line);
    for annotations in
        [json!({}), json!({ STAMPS: "forged" }), json!({ STAMPS: line }), Value::Null]
    {
        let object = with_metadata(
            stored.clone(),
            json!({ "annotations": annotations, "labels": { "a": "b" } }),
        );
        let after = ask(&update(stored.clone(), object)).allowed();
        assert_eq!(stamps(&after), Some(&*line));
        assert_eq!(after["spec"], stored["spec"]);
        assert_eq!(after["metadata"]["labels"], json!({ "a": "b" }));
    }
    let unstamped = secret(json!({ "sealed": sealed(VALUE) }));
    let forged = stamped(unstamped.clone(), "forged");
    assert_eq!(stamps(&ask(&update(unstamped, forged)).allowed()), None);
}

#[test]
fn an_object_that_was_stored_once_can_always_be_labelled_and_let_go() {
    let mut odd = secret(json!({ "sealed": "kliv0.from.before", "expirationTime": "odd" }));
    odd["spec"]["envVar"] = "PATH".into();
    let mut labelled = with_metadata(odd.clone(), json!({ "labels": { "a": "b" } }));
    assert_eq!(ask(&update(odd.clone(), labelled.clone())).allowed(), labelled);
    labelled["metadata"]["deletionTimestamp"] = NOW.into();
    let mut review = update(odd, labelled.clone());
    review["request"]["userInfo"]["username"] = "line\nbreak".into();
    assert_eq!(ask(&review).allowed(), labelled);
}

#[test]
fn a_user_who_can_not_be_stamped_changes_nothing() {
    let mut review = create(secret(json!({ "value": VALUE })));
    review["request"]["userInfo"]["username"] = format!("a\n9 {NOW} value api b").into();
    assert_eq!(ask(&review).refused().0, format!("metadata.annotations[{STAMPS}]"));
}

#[test]
fn client_side_apply_leaves_no_value_and_a_copy_that_kubectl_can_use() {
    let copy = |more: &str| {
        format!(
            "{{\"apiVersion\":\"secrets.kliv.dev/v1alpha1\",\"kind\":\"KlivSecret\",\"metadata\":\
             {{\"annotations\":{{}},\"name\":\"openai-api-key\",\"namespace\":\"acme\"}},\"spec\":\
             {{\"envVar\":\"OPENAI_API_KEY\"{more}}}}}\n"
        )
    };
    for more in [format!(",\"value\":\"{VALUE}\""), format!(",\"vaule\":\"{VALUE}\"")] {
        let object = with_metadata(
            secret(json!({ "value": VALUE })),
            json!({ "annotations": { LAST_APPLIED: copy(&more) } }),
        );
        let stored = ask(&create(object)).allowed();
        assert_eq!(stored["metadata"]["annotations"][LAST_APPLIED], copy(""));
        assert_eq!(opened(&stored), VALUE);
    }
    // The copy alone, as `kubectl apply set-last-applied` writes it.
    let stored = secret(json!({ "sealed": sealed(VALUE) }));
    let copied = with_metadata(
        stored.clone(),
        json!({ "annotations": { LAST_APPLIED: copy(&format!(",\"value\":\"{VALUE}\"")) } }),
    );
    let after = ask(&update(stored, copied)).allowed();
    assert_eq!(after["metadata"]["annotations"][LAST_APPLIED], copy(""));
}

#[test]
fn server_side_apply_leaves_no_owner_of_the_value() {
    let fields = json!({ "f:spec": { "f:envVar": {}, "f:value": {} } });
    let object = with_metadata(
        secret(json!({ "value": VALUE })),
        json!({ "managedFields": [{ "manager": "ci", "operation": "Apply", "fieldsV1": fields }] }),
    );
    let stored = ask(&create(object)).allowed();
    let owned = &stored["metadata"]["managedFields"][0]["fieldsV1"];
    assert_eq!(owned, &json!({ "f:spec": { "f:envVar": {} } }));
}

#[test]
fn a_value_that_also_stands_elsewhere_is_refused_and_the_field_named() {
    let table = [
        (json!({}), json!({ "description": format!("key: {VALUE}") }), "spec.description"),
        (json!({ "labels": { "key": VALUE } }), json!({}), "metadata.labels[key]"),
        (json!({ "annotations": { "note": VALUE } }), json!({}), "metadata.annotations[note]"),
        (json!({}), json!({ "request": { "purpose": VALUE } }), "spec.request.purpose"),
        (
            json!({ "annotations": { LAST_APPLIED:
                json!({ "spec": { "description": VALUE } }).to_string() } }),
            json!({}),
            "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]",
        ),
    ];
    for (metadata, more, field) in table {
        let mut object = with_metadata(secret(more), metadata);
        object["spec"]["value"] = VALUE.into();
        let reply = ask(&create(object));
        assert_eq!(reply.refused().0, field);
        assert!(reply.refused().1.contains("Nothing was stored"));
    }
}

#[test]
fn oddities_are_told_in_plain_words_and_stop_nothing() {
    let mut object =
        secret(json!({ "envVar": "KEY1", "environment": "production", "value": "sk_test_1\n" }));
    object["metadata"]["name"] = "key1.production".into();
    let reply = ask(&create(object.clone()));
    for word in ["KEY1", "line break", "test secret key"] {
        assert!(reply.warnings().iter().any(|text| text.contains(word)), "{word}");
    }
    assert!(reply.warnings().iter().all(|text| text.len() <= 256 && !text.contains("sk_test_1")));
    let stored = reply.allowed();
    let again = ask(&update(stored, object));
    assert!(!again.warnings().iter().any(|text| text.contains("KEY1")), "a name is told once");
    assert!(ask(&create(secret(json!({ "value": VALUE })))).warnings().is_empty());
}

#[test]
fn a_dry_run_is_answered_like_a_real_one() {
    let mut review = create(secret(json!({ "value": VALUE })));
    review["request"]["dryRun"] = true.into();
    assert_eq!(opened(&ask(&review).allowed()), VALUE);
}

#[test]
fn what_is_not_ours_goes_on_untouched() {
    let changes: [(&str, Value); 6] = [
        ("/request/subResource", json!("status")),
        ("/request/operation", json!("DELETE")),
        ("/request/operation", json!("CONNECT")),
        ("/request/kind/kind", json!("KlivAccount")),
        ("/request/kind/group", json!("example.com")),
        ("/request/kind/group", Value::Null),
    ];
    for (pointer, change) in changes {
        let mut review = create(secret(json!({ "sealed": "whatever" })));
        match review.pointer_mut(pointer) {
            Some(field) => *field = change,
            None => review["request"]["subResource"] = change,
        }
        let reply = ask(&review);
        assert_eq!(reply.patch, None);
        assert_eq!(reply.uid(), "705ab4f5-6393-11e8-b7cc-42010a800002");
        reply.allowed();
    }
}

#[test]
fn what_is_no_review_is_refused() {
    for body in [json!(null), json!([]), json!({}), json!({ "request": null }), json!("x")] {
        assert_eq!(ask(&body).refused().0, "request");
    }
    for object in [json!(null), json!({}), json!({ "spec": "x" }), json!({ "metadata": {} })] {
        assert_eq!(ask(&create(object)).refused().0, "spec");
    }
    let mut bare = secret(json!({ "value": VALUE }));
    bare.as_object_mut().expect("a map").remove("metadata");
    assert_eq!(ask(&create(bare)).refused().0, "metadata");
}
