//! Which values an account publishes, and under which names.

use super::*;

fn member(uid: &str, generation: i64, sealed: &str) -> Member {
    Member {
        secret: "api-key".into(),
        uid: uid.into(),
        generation,
        env_var: "API_KEY".into(),
        environment: None,
        sealed: sealed.into(),
    }
}

#[test]
fn a_sets_name_follows_from_secrets_and_versions_and_never_from_values() {
    let id = |uid, generation, sealed| content_id(&[member(uid, generation, sealed)]);
    assert_eq!(id("u", 1, "one ciphertext"), id("u", 1, "another"));
    assert_ne!(id("u", 1, ""), id("u", 2, ""));
    assert_ne!(id("u", 1, ""), id("v", 1, ""));
}

#[test]
fn a_sets_name_does_not_depend_on_the_order_of_objects() {
    // By object name `b-x` stands before `b.prod`; by variable it is the other way.
    let one = account([new_secret("B", Some("prod")), new_secret("B_X", None)]);
    let other = account([new_secret("B_X", None), new_secret("B", Some("prod"))]);
    assert_eq!(decide(&one).1, decide(&other).1);
    let vars = |set: usize| -> Vec<String> {
        decide(&one).1[set].members.iter().map(|m| m.env_var.clone()).collect()
    };
    assert_eq!(vars(0), ["B_X"]);
    assert_eq!(vars(1), ["B", "B_X"]);
}

#[test]
fn a_value_of_an_environment_wins_over_one_without() {
    let account = account([
        new_secret("API_KEY", None),
        new_secret("API_KEY", Some("prod")),
        new_secret("DB_URL", None),
        new_secret("MAIL", Some("test")),
    ]);
    let (_, sets) = decide(&account);
    let sets: Vec<(&str, Vec<&str>)> = sets
        .iter()
        .map(|set| {
            let members = set.members.iter().map(|member| member.secret.as_str());
            (set.environment.as_str(), members.collect())
        })
        .collect();
    let expected = [
        ("", vec!["api-key", "db-url"]),
        ("prod", vec!["api-key.prod", "db-url"]),
        ("test", vec!["api-key", "db-url", "mail.test"]),
    ];
    assert_eq!(sets, expected);
}

#[test]
fn a_value_that_does_not_open_leaves_the_last_good_one() {
    for why in [Why::Malformed, Why::UnknownKey, Why::Refused] {
        let spec = json!({ "sealed": sealed(256, 'b') });
        let mut bad = secret("API_KEY", None, spec, Some((2, sealed(256, 'a'))));
        bad.candidate = Candidate::Unreadable(why);
        let (decisions, sets) = decide(&account([bad]));
        assert_eq!(decisions["api-key"].reason, Reason::DecryptionFailed);
        assert_eq!(sets[0].members[0].sealed, sealed(256, 'a'));
        assert_eq!(sets[0].members[0].generation, 2);
        assert_eq!(sets[0].name, only_set(&account([settled_secret("API_KEY", None)])));
    }
}

#[test]
fn a_question_about_a_value_changes_nothing_of_what_is_published() {
    let in_use = Some((2, sealed(256, 'a')));
    let before = only_set(&account([settled_secret("API_KEY", None)]));
    for request in [
        json!({ "purpose": "p", "replaces": 1 }),
        json!({ "purpose": "p", "deletion": true }),
        json!({ "purpose": "p" }),
    ] {
        let spec = json!({ "sealed": sealed(256, 'a'), "request": request });
        let mut asked = secret("API_KEY", None, spec, in_use.clone());
        asked.candidate = Candidate::Current;
        let (decisions, sets) = decide(&account([asked]));
        assert_eq!((decisions["api-key"].reason, decisions["api-key"].is_new), {
            (Reason::Published, false)
        });
        assert_eq!(sets[0].name, before, "{request}");
    }
}

#[test]
fn the_same_value_sealed_anew_keeps_the_sets_name() {
    let spec = json!({ "sealed": sealed(256, 'b') });
    let mut again = secret("API_KEY", None, spec, Some((2, sealed(256, 'a'))));
    again.candidate = Candidate::SameValue { is_newer: true };
    let before = only_set(&account([settled_secret("API_KEY", None)]));
    assert_eq!(only_set(&account([again])), before);
}

#[test]
fn a_question_takes_the_value_away_and_an_emptied_spec_does_not() {
    let in_use = Some((2, sealed(256, 'a')));
    let question = json!({ "request": { "purpose": "mail" } });
    for (spec, reason, published) in [
        (question, Reason::AwaitingValue, false),
        (json!({}), Reason::Published, true),
        (json!({ "generate": {} }), Reason::Published, true),
    ] {
        let (decisions, sets) = decide(&account([secret("API_KEY", None, spec, in_use.clone())]));
        assert_eq!(decisions["api-key"].reason, reason);
        assert_eq!(!sets.is_empty(), published);
    }
    let (decisions, _) = decide(&account([secret("API_KEY", None, json!({}), None)]));
    assert_eq!(decisions["api-key"].reason, Reason::AwaitingValue);
}

#[test]
fn the_257th_secret_is_one_too_many_and_those_in_use_come_first() {
    let mut secrets: Vec<SecretObject> =
        (0..MAX_SECRETS).map(|i| settled_secret(&format!("KEY_{i}"), None)).collect();
    // Its name comes first, and so does its object.
    let mut one_more = new_secret("AAA", None);
    one_more.created = ago(9999);
    secrets.push(one_more);
    let (decisions, sets) = decide(&account(secrets));
    let refused: Vec<&String> = decisions
        .iter()
        .filter(|(_, decision)| decision.reason == Reason::LimitExceeded)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(refused, ["aaa"]);
    assert_eq!(sets[0].members.len(), MAX_SECRETS);
}

const LARGE: usize = 59 * 1024;

#[test]
fn the_33rd_environment_is_one_too_many_and_the_record_of_a_full_account_fits_into_etcd() {
    let name = |i: usize| format!("V{i:0>127}");
    let mut account = account((0..256).map(|i| match i {
        0..224 => settled_secret(&name(i), None),
        _ => settled_secret(&name(i), Some(&format!("{i:0>63}"))),
    }));
    let one_more = format!("{:0>63}", 256);
    let mut new = new_secret("NEW", Some(&one_more));
    new.created = ago(-60);
    account.secrets.remove(&object_name(&name(0), None));
    account.secrets.insert(new.name.clone(), new);
    let (decisions, sets) = decide(&account);
    let refused: Vec<_> =
        decisions.values().filter(|d| d.reason == Reason::LimitExceeded).collect();
    assert_eq!((refused.len(), sets.len()), (1, 33));
    let keys = sets.iter().flat_map(|set| &set.members).map(|m| m.env_var.len() + 3);
    assert!(keys.sum::<usize>() < 1_200_000);
}

fn large(i: usize, size: usize) -> SecretObject {
    let text = sealed(size, 'a');
    let spec = json!({ "sealed": text });
    let mut secret = secret(&format!("KEY_{i}"), None, spec, Some((2, text)));
    secret.candidate = Candidate::Current;
    secret
}

#[test]
fn a_value_that_makes_the_set_too_large_is_refused_and_the_one_before_it_stays() {
    // 15 * 59 KiB = 885 KiB are in use.
    let mut secrets: Vec<SecretObject> = (0..15).map(|i| large(i, LARGE)).collect();
    let spec = json!({ "sealed": sealed(LARGE, 'b') });
    let mut grown = secret("KEY_15", None, spec, Some((2, sealed(256, 'a'))));
    grown.candidate = new_value();
    secrets.push(grown);
    let mut late = new_secret("NEW", None);
    late.created = ago(-60);
    secrets.push(late);
    let (decisions, sets) = decide(&account(secrets));
    assert_eq!(decisions["key-15"].reason, Reason::LimitExceeded);
    assert_eq!(decisions["key-15"].member.as_ref().map(|m| m.generation), Some(2));
    assert_eq!(decisions["new"].reason, Reason::Published, "it still fits");
    assert_eq!(sets[0].members.len(), 17);
}

#[test]
fn a_value_that_was_taken_back_takes_no_room() {
    let mut secrets: Vec<SecretObject> = (0..15).map(|i| large(i, LARGE)).collect();
    let question = json!({ "request": { "purpose": "mail" } });
    secrets[0] = secret("KEY_0", None, question, Some((2, sealed(LARGE, 'a'))));
    let spec = json!({ "sealed": sealed(LARGE, 'b') });
    let mut new = secret("NEW", None, spec, None);
    new.candidate = new_value();
    secrets.push(new);
    assert_eq!(decide(&account(secrets)).0["new"].reason, Reason::Published);
}

#[test]
fn in_a_set_that_is_too_large_already_a_smaller_value_is_accepted() {
    let mut secrets: Vec<SecretObject> = (0..16).map(|i| large(i, LARGE)).collect();
    let spec = json!({ "sealed": sealed(256, 'b') });
    let mut smaller = secret("KEY_0", None, spec, Some((2, sealed(LARGE, 'a'))));
    smaller.candidate = new_value();
    secrets[0] = smaller;
    assert_eq!(decide(&account(secrets)).0["key-0"].reason, Reason::Published);
}

#[test]
fn a_retired_name_is_not_used_again_and_any_other_name_of_the_content_is_kept() {
    let mut account = account([settled_secret("API_KEY", None)]);
    let content = only_set(&account);
    let second = format!("{content}-2");
    let superseded =
        |name: &str, retired| json!({ "name": name, "since": NOW, "retired": retired });
    let set = |name: &str| json!({ "environment": "", "name": name, "uid": "u", "keys": [], "revision": 1 });
    for (status, expected) in [
        (json!({ "superseded": [superseded(&content, false)] }), &content),
        (json!({ "superseded": [superseded(&content, true)] }), &second),
        (json!({ "sets": [set(&second)] }), &second),
        (json!({ "pending": [second] }), &second),
        (json!({ "superseded": [superseded(&second, true)] }), &content),
    ] {
        account.object = account_object(status.clone());
        assert_eq!(only_set(&account), *expected, "{status}");
    }
}

#[test]
fn without_a_klivaccount_the_name_that_functions_know_is_kept() {
    let mut account = account([settled_secret("API_KEY", None)]);
    let second = format!("{}-2", only_set(&account));
    account.functions.insert("f".into(), function("f", Some(("API_KEY", &second))));
    assert_eq!(only_set(&account), second);
}

/// A KlivSecret with this spec whose value was published while its spec was good.
fn once_good(name: &str, spec: Value) -> SecretObject {
    let history = json!([{ "version": 1, "generation": 2, "time": NOW, "by": "anna",
        "via": "kubectl", "maskedValue": "****", "sealed": sealed(256, 'a') }]);
    SecretObject::of(&object(json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": { "name": name, "uid": format!("uid-{name}"), "resourceVersion": "7",
            "generation": 3, "creationTimestamp": NOW },
        "spec": spec,
        "status": { "history": history },
    })))
}

#[test]
fn a_spec_that_is_refused_or_can_not_be_read_leaves_the_last_good_value() {
    let sealed = sealed(256, 'b');
    for (what, name, spec) in [
        ("a reserved name", "node-options", json!({ "envVar": "NODE_OPTIONS", "sealed": sealed })),
        ("not sealed", "api-key", json!({ "envVar": "API_KEY", "sealed": "text" })),
        ("undecodable", "api-key", json!({ "envVar": "API_KEY", "rotateAfterDays": "soon" })),
        (
            "of an environment",
            "api-key.prod",
            json!({ "envVar": "API_KEY", "environment": "prod", "sealed": 7 }),
        ),
    ] {
        let (decisions, sets) = decide(&account([once_good(name, spec)]));
        assert_eq!(decisions[name].reason, Reason::InvalidSpec, "{what}");
        assert_eq!(sets[0].members[0].generation, 2, "{what}");
    }
    let (_, sets) =
        decide(&account([once_good("api-key", json!({ "envVar": "API_KEY", "sealed": 7 }))]));
    assert_eq!(sets[0].name, only_set(&account([settled_secret("API_KEY", None)])));
}

#[test]
fn what_a_spec_is_about_that_is_not_of_its_name_is_not_guessed() {
    for spec in [
        json!(null),
        json!({}),
        json!({ "envVar": 7 }),
        json!({ "envVar": "OTHER_KEY", "sealed": 7 }),
        json!({ "envVar": "API-KEY", "sealed": 7 }),
        json!({ "envVar": "API_KEY", "environment": "prod", "sealed": 7 }),
    ] {
        let (decisions, sets) = decide(&account([once_good("api-key", spec.clone())]));
        assert_eq!(decisions["api-key"].reason, Reason::InvalidSpec, "{spec}");
        assert!(sets.is_empty(), "{spec}");
    }
    let dotted = json!({ "envVar": "A.prod", "sealed": 7 });
    assert!(decide(&account([once_good("a.prod", dotted)])).1.is_empty());
}

#[test]
fn a_set_of_900_kib_is_published_and_one_of_a_byte_more_is_not() {
    // Sizes that base64 knows exactly; the rest is for the names.
    let sizes = [&[65_535; 14][..], &[3_900]].concat();
    let names = 900 * 1024 - sizes.iter().sum::<usize>();
    for (names, fits) in [(names, true), (names + 1, false)] {
        let secrets = sizes.iter().enumerate().map(|(i, size)| {
            let length = if i == 0 { names - 14 * (sizes.len() - 1) } else { 14 };
            let name = format!("V{i:0>width$}", width = length - 1);
            let mut secret = secret(&name, None, json!({ "sealed": sealed(*size, 'a') }), None);
            secret.candidate = new_value();
            secret
        });
        let account = account(secrets);
        let (decisions, _) = decide(&account);
        let refused: Vec<_> =
            decisions.values().filter(|d| d.reason == Reason::LimitExceeded).collect();
        assert_eq!(refused.len(), usize::from(!fits), "{names}");
        assert!(refused.iter().all(|decision| decision.message.contains("900 KiB")));
    }
}
