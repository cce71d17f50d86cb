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

/// The sets of an account, as they are recorded once they are published.
fn recorded(account: &Account) -> Vec<Value> {
    let (_, sets) = decide(account);
    let set = |set: &kliv_secrets::reconcile::DesiredSet| {
        let keys: Vec<&String> = set.members.iter().map(|member| &member.env_var).collect();
        json!({ "environment": "", "name": set.name, "uid": "u", "keys": keys, "revision": 1 })
    };
    sets.iter().map(set).collect()
}

/// What is decided, and the status that is written.
fn settle(secret: SecretObject) -> (Reason, KlivSecretStatus) {
    let mut account = account([secret]);
    inspect(&mut account, &mut Learned::default(), Some(&keyring(1)), now());
    let (decisions, _) = decide(&account);
    let sets = recorded(&account);
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

/// Seals by a clock that is so many seconds ahead of ours.
fn value_at(value: &[u8], ahead: i64) -> String {
    let value = kliv_secrets::seal::Plaintext::new(value.to_vec());
    let rng = &mut crate::seal_support::Tape(&[9; 32]);
    let sealed =
        kliv_secrets::seal::seal(keyring(1).sealing_key(), &PLACE, &value, ago(-ahead), rng);
    sealed.expect("not too large").to_string()
}

#[test]
fn a_time_of_a_clock_that_is_ahead_counts_at_once_with_the_value_that_was_sealed_by_it() {
    let old = value(b"old", 1);
    for (asked, sealed, counts) in
        [(2, 2, true), (300, 300, true), (2, 1, false), (301, 301, false), (2, 9, true)]
    {
        let new = value_at(b"new", sealed);
        let mut secret = going(&new, &[&old]);
        secret.refuse_sealed_before = Some(ago(-asked));
        let (reason, status) = settle(secret);
        assert_eq!(reason, Reason::Published);
        let kept = if counts { vec![(2, None)] } else { vec![(2, None), (1, None)] };
        assert_eq!(versions(&status), kept, "{asked} {sealed}");
        assert_eq!(status.refuse_sealed_before.is_some(), counts);
    }
}

#[test]
fn the_compromised_value_sealed_anew_is_no_new_value() {
    let (old, again) = (value(b"old", 1), value_at(b"old", 0));
    let mut secret = going(&again, &[&old]);
    secret.refuse_sealed_before = Some(now());
    let (reason, status) = settle(secret);
    assert_eq!(reason, Reason::SealedTooEarly);
    assert_eq!(status.history[0].sealed, old, "what is in use stays what it is");
    assert!(status.conditions[0].message.contains("sealed anew"), "{:?}", status.conditions);
}

#[test]
fn a_value_that_comes_back_as_another_ciphertext_is_a_rollback_too() {
    // It was sealed anew since, and git has the former ciphertext.
    let (one, again, two) = (value(b"one", 1), value(b"one", 2), value(b"two", 3));
    let (_, status) = settle(going(&one, &[&two, &again]));
    assert_eq!(versions(&status)[0], (3, Some(1)));
}

#[test]
fn an_older_ciphertext_of_the_value_in_use_does_not_replace_a_newer_one() {
    let (older, newer) = (value(b"one", 1), value_at(b"one", 0));
    let (reason, status) = settle(going(&older, &[&newer]));
    assert_eq!((reason, status.history[0].sealed.as_str()), (Reason::Published, newer.as_str()));
    let (_, status) = settle(going(&newer, &[&older]));
    assert_eq!(status.history[0].sealed, newer);
}

#[test]
fn what_was_refused_stays_refused_when_a_secret_is_deleted_and_made_again() {
    let before = time(SEALED) + SignedDuration::from_secs(1);
    let settle = |sealed: &str, kept: &str| {
        let mut account = account([going(sealed, &[])]);
        let kept = json!([{ "secret": kept, "before": before }]);
        account.object = account_object(json!({ "refused": kept }));
        inspect(&mut account, &mut Learned::default(), Some(&keyring(1)), now());
        decide(&account).0["api-key"].reason
    };
    assert_eq!(settle(&value(b"old", 1), "api-key"), Reason::SealedTooEarly);
    assert_eq!(settle(&value(b"old", 1), "api-key.prod"), Reason::Published);
    assert_eq!(settle(&value_at(b"new", 0), "api-key"), Reason::Published);
}

#[test]
fn an_account_remembers_what_its_secrets_refuse_the_latest_first_and_no_more_than_fits() {
    let kept = |count: usize| {
        let mut account = account((0..count).map(|n| {
            let mut secret = settled_secret(&format!("V{n}"), None);
            let since = ago(i64::try_from(count - n).expect("few"));
            secret.refused_before = Some(since);
            secret.status.refuse_sealed_before =
                Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(since));
            secret
        }));
        let gone = json!([{ "secret": "gone", "before": ago(3) }]);
        let sets = recorded(&account);
        account.object = account_object(json!({ "revision": 1, "sets": sets, "refused": gone }));
        let plan = plan_of(&account, &looked());
        let written = plan.actions.into_iter().find_map(|action| match action {
            Action::WriteAccount(_, status) => Some(status.refused),
            _ => None,
        });
        let names = written.expect("written").into_iter().map(|kept| kept.secret);
        names.collect::<Vec<_>>()
    };
    assert_eq!(kept(2), ["v1", "v0", "gone"]);
    let all = kept(100);
    assert_eq!((all.len(), all[0].as_str(), all[2].as_str()), (64, "v99", "gone"));
}
