//! Values that come back, and values that must not.

use kliv_secrets::reconcile::inspect;
use kliv_secrets::seal::Binding;

use super::*;
use crate::seal_support::{keyring, sealed as seal};

const PLACE: Binding<'static> = Binding { account: "shop", variable: "API_KEY", environment: None };
/// When `seal` seals.
const SEALED: &str = "2026-11-24T10:20:30Z";

/// A secret of which this is in use and that was before, asked to become another.
fn going(becomes: &str, history: &[&str]) -> SecretObject {
    let mut secret = secret("API_KEY", None, json!({ "sealed": becomes }), None);
    let count = i64::try_from(history.len()).expect("few");
    secret.status.history = history
        .iter()
        .zip(0..)
        .map(|(sealed, i)| {
            serde_json::from_value(json!({ "version": count - i, "generation": count - i,
                "time": NOW, "maskedValue": "****", "sealed": sealed }))
            .expect("an entry")
        })
        .collect();
    secret.status.version = Some(count);
    secret
}

/// What is decided, and the status that is written.
fn settle(secret: SecretObject) -> (Reason, KlivSecretStatus) {
    let mut account = account([secret]);
    inspect(&mut account, &mut Learned::default(), Some(&keyring(1)), now());
    let (decisions, sets) = decide(&account);
    let sets: Vec<Value> = sets
        .iter()
        .map(|set| {
            json!({ "environment": "", "name": set.name, "uid": "u", "keys": ["API_KEY"],
            "revision": 1 })
        })
        .collect();
    account.object = account_object(json!({ "revision": 1, "sets": sets }));
    let written =
        plan_of(&account, &looked()).actions.into_iter().find_map(|action| match action {
            Action::WriteSecret { status, .. } => Some(*status),
            _ => None,
        });
    let secret = account.secrets.into_values().next().expect("one");
    (decisions["api-key"].reason, written.unwrap_or(secret.status))
}

fn value(value: &[u8], n: u8) -> String {
    seal(&keyring(1), &PLACE, value, [n; 32]).to_string()
}

fn versions(status: &KlivSecretStatus) -> Vec<(i64, Option<i64>)> {
    status.history.iter().map(|entry| (entry.version, entry.restores)).collect()
}

#[test]
fn a_ciphertext_of_the_history_is_a_new_version_that_names_the_one_it_restores() {
    let (one, two, three) = (value(b"one", 1), value(b"two", 2), value(b"three", 3));
    let (_, status) = settle(going(&one, &[&three, &two, &one]));
    assert_eq!(versions(&status), [(4, Some(1)), (3, None), (2, None), (1, None)]);

    // What was restored is restored once more: it is still the first that came back.
    let mut again = going(&one, &[&two, &one]);
    again.status.history[1].restores = Some(1);
    again.status.history[1].version = 7;
    assert_eq!(versions(&settle(again).1)[0], (3, Some(1)));

    let (_, status) = settle(going(&value(b"four", 4), &[&three, &two, &one]));
    assert_eq!(versions(&status)[0], (4, None));
    let (_, status) = settle(going(&three, &[&three, &two, &one]));
    assert_eq!(versions(&status), [(3, None), (2, None), (1, None)], "it is in use");
}

#[test]
fn what_was_sealed_before_the_refused_time_is_not_taken_and_the_value_in_use_stays() {
    let (one, two) = (value(b"one", 1), value(b"two", 2));
    let at = |seconds: i64| Some(time(SEALED) + SignedDuration::from_secs(seconds));
    for (spec, recorded, reason) in [
        (None, None, Reason::Published),
        (at(-1), None, Reason::Published),
        (at(0), None, Reason::Published),
        (at(1), None, Reason::SealedTooEarly),
        (None, at(1), Reason::SealedTooEarly),
        (at(-1), at(1), Reason::SealedTooEarly),
        // Still to come.
        (Some(ago(-1)), None, Reason::Published),
        (Some(ago(-1)), at(1), Reason::SealedTooEarly),
    ] {
        for in_use in [&one, &two] {
            let mut secret = going(&one, &[in_use]);
            secret.refuse_sealed_before = spec;
            secret.status.refuse_sealed_before =
                recorded.map(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time);
            let (decided, status) = settle(secret);
            assert_eq!(decided, reason, "{spec:?} {recorded:?}");
            let kept = if reason == Reason::Published { &one } else { in_use };
            assert_eq!(status.history[0].sealed, *kept);
            let counts = recorded.max(spec.filter(|time| *time <= now()));
            assert_eq!(status.refuse_sealed_before.map(|time| time.0), counts);
        }
    }
}

#[test]
fn when_a_later_time_is_refused_former_versions_leave_the_history() {
    let (one, two, three) = (value(b"one", 1), value(b"two", 2), value(b"three", 3));
    let mut secret = going(&three, &[&three, &two, &one]);
    secret.refuse_sealed_before = Some(time(SEALED));
    let (reason, status) = settle(secret);
    assert_eq!(reason, Reason::Published);
    assert_eq!(versions(&status), [(3, None)]);

    // The one that is in use then goes with the next value.
    let later = kliv_secrets::seal::seal(
        keyring(1).sealing_key(),
        &PLACE,
        &kliv_secrets::seal::Plaintext::new(b"four".to_vec()),
        ago(60),
        &mut crate::seal_support::Tape(&[4; 32]),
    );
    let later = later.expect("not too large").to_string();
    for recorded in [None, Some(ago(60))] {
        let mut secret = going(&later, &[&three, &two]);
        secret.refuse_sealed_before = Some(ago(60));
        secret.status.refuse_sealed_before =
            recorded.map(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time);
        let (reason, status) = settle(secret);
        assert_eq!(reason, Reason::Published);
        assert_eq!(versions(&status), [(3, None)]);
    }
}
