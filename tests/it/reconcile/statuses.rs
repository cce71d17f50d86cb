//! What a KlivSecret says of itself.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kliv_secrets::api::condition::conditions;

use super::*;

/// The status that is written for a KlivSecret.
fn written(secret: SecretObject) -> Option<KlivSecretStatus> {
    let mut account = account([secret]);
    let set = decide(&account).1.pop().map(|set| {
        json!({ "environment": set.environment, "name": set.name, "uid": "u",
                "keys": ["API_KEY"], "revision": 1 })
    });
    account.object = account_object(json!({ "sets": set.into_iter().collect::<Vec<_>>() }));
    plan_of(&account, &Memory::default()).actions.into_iter().find_map(|action| match action {
        Action::WriteSecret { status, .. } => Some(*status),
        _ => None,
    })
}

fn stamped(mut secret: SecretObject, stamps: &str) -> SecretObject {
    secret.stamps = kliv_secrets::api::Stamps::parse(stamps);
    secret
}

#[test]
fn a_new_value_is_told_with_mask_version_time_and_who_did_it() {
    let stamps = "4 2026-11-24T11:00:00Z value web:Eva%20E Anna Andersson\n\
                      5 2026-11-24T11:30:00Z spec kubectl bob";
    let spec = json!({ "sealed": sealed(256, 'b') });
    let mut secret = secret("API_KEY", None, spec, Some((2, sealed(256, 'a'))));
    secret.candidate = new_value();
    secret.created = ago(9999);
    secret.status.version = Some(1);
    secret.status.created_time =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(ago(9999)));
    let status = written(stamped(secret, stamps)).expect("written");
    assert_eq!(status.masked_value.as_deref(), Some("sk-p****z789"));
    assert_eq!(status.version, Some(2));
    assert_eq!(status.updated_by.as_deref(), Some("Anna Andersson"));
    assert_eq!(status.on_behalf_of.as_deref(), Some("Eva E"));
    assert_eq!(status.history[0].on_behalf_of.as_deref(), Some("Eva E"));
    assert_eq!(status.via.as_deref(), Some("web"));
    assert_eq!(status.updated_time.map(|t| t.0), Some(time("2026-11-24T11:00:00Z")));
    assert_eq!(status.created_time.map(|t| t.0), Some(ago(9999)));
    assert_eq!(status.recorded_stamp, Some(5));
    assert_eq!(status.observed_generation, Some(3));
    assert_eq!(status.conditions[0].reason, "Published");
    let history: Vec<(i64, i64)> =
        status.history.iter().map(|entry| (entry.version, entry.generation)).collect();
    assert_eq!(history, [(2, 3), (1, 2)]);
    assert_eq!(status.history[0].sealed, sealed(256, 'b'));
}

#[test]
fn the_same_value_again_is_no_new_version_and_its_newer_ciphertext_is_kept() {
    let spec = json!({ "sealed": sealed(256, 'b') });
    let mut again = secret("API_KEY", None, spec, Some((2, sealed(256, 'a'))));
    again.candidate = Candidate::SameValue { is_newer: true };
    again.status.version = Some(1);
    again.status.updated_by = Some("anna".into());
    let before = again.status.clone();
    let again = stamped(again, "6 2026-11-24T11:00:00Z value api bob");
    let mut status = written(again).expect("written");
    assert_eq!(status.history[0].sealed, sealed(256, 'b'));
    assert_eq!(status.recorded_stamp, Some(6));
    status.history.clone_from(&before.history);
    (status.recorded_stamp, status.observed_generation) = (None, None);
    status.conditions.clear();
    status.warnings.clear();
    assert!(status == before, "all else stays");
}

#[test]
fn the_history_ends_after_five_values_or_128_kib_and_the_one_in_use_always_stays() {
    for (size, kept) in [(256, 5), (30 * 1024, 3), (60 * 1024, 1)] {
        let spec = json!({ "sealed": sealed(size, 'b') });
        let mut secret = secret("API_KEY", None, spec, Some((2, sealed(size, 'a'))));
        secret.candidate = new_value();
        let entry = secret.status.history[0].clone();
        secret.status.history = vec![entry; 5];
        let status = written(secret).expect("written");
        assert_eq!(status.history.len(), kept, "{size}");
        assert_eq!(status.history[0].sealed, sealed(size, 'b'));
    }
}

#[test]
fn a_value_that_waits_keeps_the_stamp_that_brought_it() {
    let stamps = "4 2026-11-24T11:00:00Z spec web a\n5 2026-11-24T11:00:01Z value web b\n\
                      6 2026-11-24T11:00:02Z spec web c";
    let waiting = |candidate| {
        let mut secret = new_secret("API_KEY", None);
        secret.candidate = candidate;
        secret.status.recorded_stamp = Some(3);
        stamped(secret, stamps)
    };
    let unreadable = Candidate::Unreadable(Why::UnknownKey);
    assert_eq!(written(waiting(unreadable)).expect("written").recorded_stamp, Some(4));
    let status = written(waiting(new_value())).expect("written");
    assert_eq!((status.recorded_stamp, status.updated_by.as_deref()), (Some(6), Some("b")));
}

#[test]
fn a_forged_record_of_stamps_hides_no_later_change_and_is_put_right() {
    for forged in [i64::MAX, i64::MIN, -1] {
        let mut secret = new_secret("API_KEY", None);
        secret.status.recorded_stamp = Some(forged);
        let stamps = "4 2026-11-24T11:00:00Z value web eve";
        let status = written(stamped(secret, stamps)).expect("written");
        assert_eq!(status.recorded_stamp, Some(4));
        assert_eq!(status.updated_by.as_deref(), Some("eve"));
    }
}

#[test]
fn a_stamp_moves_a_change_neither_into_the_future_nor_before_the_last_one() {
    let updated = |written_time: &str, last: Option<Timestamp>| {
        let mut secret = new_secret("API_KEY", None);
        secret.created = ago(7200);
        secret.status.updated_time = last.map(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time);
        let stamps = format!("1 {written_time} value web eve");
        written(stamped(secret, &stamps)).expect("written").updated_time.expect("a time").0
    };
    assert_eq!(updated("2099-01-01T00:00:00Z", None), time(NOW));
    assert_eq!(updated("9999-99-99T99:99:99Z", None), time(NOW));
    assert_eq!(updated("1999-01-01T00:00:00Z", None), ago(7260), "a minute before its creation");
    assert_eq!(updated("1999-01-01T00:00:00Z", Some(ago(60))), ago(60));
    assert_eq!(updated("1999-01-01T00:00:00Z", Some(time("2099-01-01T00:00:00Z"))), time(NOW));
}

#[test]
fn who_changed_a_value_is_shown_in_characters_that_harm_no_reader_and_fits() {
    let name = |user: &str| {
        let stamps = format!("1 2026-11-24T11:00:00Z value web {user}");
        written(stamped(new_secret("API_KEY", None), &stamps)).expect("written").updated_by
    };
    assert_eq!(name("e\u{202e}v\u{1b}[2Je").as_deref(), Some("e\\u{202e}v\\u{1b}[2Je"));
    assert_eq!(name(&"\u{202e}".repeat(1000)).expect("a name").chars().count(), 1024);
}

#[test]
fn a_value_in_use_that_does_not_open_any_more_is_told_on_its_own_secret_only() {
    let mut account = settled();
    account.secrets.insert("new".into(), new_secret("NEW", None));
    let old = &account.secrets["api-key"];
    let memory = Memory {
        blocked: Some((Reason::PublishFailed, "restore the keyring".into())),
        unopenable: BTreeSet::from([(old.uid.clone(), 2)]),
        ..Memory::default()
    };
    let reasons: BTreeMap<String, String> = plan_of(&account, &memory)
        .actions
        .into_iter()
        .filter_map(|action| match action {
            Action::WriteSecret { name, status, .. } => {
                Some((name, status.conditions[0].reason.clone()))
            }
            _ => None,
        })
        .collect();
    let expected = [("api-key", "DecryptionFailed"), ("new", "PublishFailed")];
    assert_eq!(reasons, expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
}

#[test]
fn one_object_that_can_not_be_read_harms_no_other() {
    let broken = SecretObject::of(&object(json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": { "name": "broken", "annotations": { ANNOTATION_STAMPS: "nonsense" } },
        "spec": { "envVar": 7 }, "status": "none",
    })));
    let (decisions, sets) = decide(&account([broken, new_secret("API_KEY", None)]));
    assert_eq!(decisions["broken"].reason, Reason::InvalidSpec);
    assert_eq!(decisions["api-key"].reason, Reason::Published);
    assert_eq!(sets[0].members.len(), 1);
}

#[test]
fn stalled_keeps_its_time_and_goes_with_its_cause() {
    let at = |second| Timestamp::from_second(second).expect("a time");
    let next =
        |before: &[Condition], reason, second| conditions(before, reason, "", Some(1), at(second));
    let kinds = |conditions: &[Condition]| -> Vec<(String, String, i64)> {
        let kind = |c: &Condition| {
            (c.type_.clone(), c.status.clone(), c.last_transition_time.0.as_second())
        };
        conditions.iter().map(kind).collect()
    };
    let expected = |list: &[(&str, &str, i64)]| -> Vec<(String, String, i64)> {
        list.iter().map(|(kind, status, time)| ((*kind).into(), (*status).into(), *time)).collect()
    };

    let stalled = next(&[], Reason::DecryptionFailed, 10);
    assert_eq!(kinds(&stalled), expected(&[("Ready", "False", 10), ("Stalled", "True", 10)]));
    let still = next(&stalled, Reason::LimitExceeded, 20);
    assert_eq!(kinds(&still), expected(&[("Ready", "False", 10), ("Stalled", "True", 10)]));
    let waits = next(&still, Reason::AwaitingValue, 30);
    assert_eq!(kinds(&waits), expected(&[("Ready", "False", 10)]));
    assert_eq!(kinds(&next(&waits, Reason::Published, 40)), expected(&[("Ready", "True", 40)]));
}
