//! The chain of audit events: whatever is done to it is found.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kliv_secrets::api::{AuditAction, AuditRecord, ChainLink, KlivAuditEventSpec};
use kliv_secrets::audit::{Finding, Verdict, Wrong, append, hash, name, verify};
use proptest::prelude::*;

use crate::seal_support::time;

const ACCOUNT: &str = "shop";

fn event(n: usize) -> KlivAuditEventSpec {
    let action = if n == 0 { AuditAction::Created } else { AuditAction::Updated };
    KlivAuditEventSpec {
        secret: Some("api-key".into()),
        secret_uid: Some("uid".into()),
        version: i64::try_from(n).ok(),
        masked_value: Some("****".into()),
        actor: "anna".into(),
        via: "kubectl".into(),
        ..KlivAuditEventSpec::new(action, time("2026-11-24T12:00:00.25Z"))
    }
}

fn chain(length: usize) -> (Vec<KlivAuditEventSpec>, AuditRecord) {
    let mut record = AuditRecord::default();
    let events = (0..length).map(|n| append(ACCOUNT, &mut record.head, event(n))).collect();
    (events, record)
}

fn links(events: &[KlivAuditEventSpec]) -> Vec<ChainLink> {
    let link = |event: &KlivAuditEventSpec| ChainLink {
        sequence: event.sequence.expect("a number"),
        hash: event.hash.clone().expect("a hash"),
    };
    events.iter().map(link).collect()
}

fn broken(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.what.is_broken())
}

/// One change of one field of an event.
fn edit(event: &mut KlivAuditEventSpec, field: usize) {
    match field {
        0 => event.time = Time(time("2026-11-24T12:00:01Z")),
        1 => event.action = AuditAction::Deleted,
        2 => event.secret = None,
        3 => event.secret_uid = Some("uie".into()),
        4 => event.version = event.version.map(|version| version + 1),
        5 => event.masked_value = None,
        6 => event.actor = "bert".into(),
        7 => event.via = "cli".into(),
        8 => event.on_behalf_of = Some(String::new()),
        9 => event.detail = Some(String::new()),
        _ => (event.actor, event.via) = ("annak".into(), "ubectl".into()),
    }
}

#[test]
fn names_sort_as_numbers_do() {
    assert_eq!(name(42), "0000000042");
    assert!(name(9) < name(10) && name(99_999) < name(100_000));
}

#[test]
fn what_is_hashed_is_written_down_here_once_and_never_changes() {
    let mut head = ChainLink::default();
    let first = append(ACCOUNT, &mut head, event(0));
    let second = append(ACCOUNT, &mut head, event(1));
    assert_eq!(
        [first.hash.as_deref(), second.hash.as_deref()],
        [
            Some("df3d091852a6764a6efb0ac66229b7a237143d927e337d77129fcfc0588665a5"),
            Some("2bbc67173ecb6b235032fbb20e50da22c4a043dbcfccd98b2c6e8c1e2bd5be71")
        ]
    );
    assert_eq!((first.previous, second.previous), (None, first.hash));
}

#[test]
fn an_event_of_another_account_does_not_fit() {
    let (events, record) = chain(3);
    assert!(broken(&verify("shop2", &events, Some(&record), &[])));
}

#[test]
fn an_event_comes_back_from_the_api_server_with_the_same_hash() {
    let (events, _) = chain(2);
    for event in events {
        let text = serde_json::to_string(&event).expect("JSON");
        let back: KlivAuditEventSpec = serde_json::from_str(&text).expect("the same");
        assert_eq!(event.hash, Some(hash(ACCOUNT, &back)));
    }
}

#[test]
fn an_action_that_only_a_later_version_knows_keeps_its_name_and_its_place_in_the_chain() {
    let (mut events, mut record) = chain(1);
    let later = KlivAuditEventSpec { action: AuditAction::Other("Borrowed".into()), ..event(1) };
    events.push(append(ACCOUNT, &mut record.head, later));
    let text = serde_json::to_string(&events).expect("JSON");
    assert!(text.contains(r#""action":"Borrowed""#), "{text}");
    let read: Vec<KlivAuditEventSpec> = serde_json::from_str(&text).expect("the same");
    assert_eq!(read[1].action.to_string(), "Borrowed");
    assert_eq!(verify(ACCOUNT, &read, Some(&record), &[]), []);
}

#[test]
fn what_is_about_to_be_made_counts_as_there() {
    let (mut events, mut record) = chain(5);
    record.pending = events.split_off(3);
    assert_eq!(verify(ACCOUNT, &events, Some(&record), &[]), []);
}

#[test]
fn a_record_that_was_lost_is_told_and_no_more() {
    let (mut events, mut record) = chain(2);
    let resumed = KlivAuditEventSpec { action: AuditAction::Resumed, ..event(2) };
    events.push(append(ACCOUNT, &mut record.head, resumed));
    let found = verify(ACCOUNT, &events, Some(&record), &[]);
    assert_eq!(found, [Finding { sequence: 3, what: Wrong::Restarted }]);
    assert!(!broken(&found));
    assert_eq!(Verdict::of(&found), Verdict::AsFarAsSeen);
    let found = verify(ACCOUNT, &events[..2], None, &[]);
    assert_eq!(found, [Finding { sequence: 2, what: Wrong::NoHead { since: 1 } }]);
    assert_eq!(Verdict::of(&found), Verdict::AsFarAsSeen);
}

#[test]
fn without_a_record_nobody_knows_how_much_is_kept_and_that_is_no_proof_of_a_removal() {
    let (events, _) = chain(6);
    let found = verify(ACCOUNT, &events[3..], None, &[]);
    assert_eq!(found, [Finding { sequence: 6, what: Wrong::NoHead { since: 4 } }]);
    let found = verify(ACCOUNT, &[&events[3..4], &events[5..]].concat(), None, &[]);
    assert_eq!(found[0], Finding { sequence: 5, what: Wrong::Removed { until: 5 } });
    let mut noted = links(&events);
    assert!(!broken(&verify(ACCOUNT, &events[3..], None, &noted)));
    noted[2].hash = "ab".into();
    assert!(broken(&verify(ACCOUNT, &events[3..], None, &noted)));
}

#[test]
fn who_rewrites_the_head_as_well_is_found_by_an_anchor_alone() {
    let (events, _) = chain(6);
    let mut record = AuditRecord::default();
    let mut forged = Vec::new();
    for (n, _) in events.iter().enumerate() {
        let mut event = event(n);
        if n == 3 {
            event.actor = "mallory".into();
        }
        forged.push(append(ACCOUNT, &mut record.head, event));
    }
    assert_eq!(verify(ACCOUNT, &forged, Some(&record), &[]), []);
    let noted = &links(&events)[4..5];
    let wrong = Finding { sequence: 5, what: Wrong::Anchor };
    assert_eq!(verify(ACCOUNT, &forged, Some(&record), noted), std::slice::from_ref(&wrong));
    // Or takes back all that came after.
    record.head = links(&forged)[3].clone();
    assert_eq!(verify(ACCOUNT, &forged[..4], Some(&record), noted), [wrong]);
}

#[test]
fn a_note_of_nothing_that_is_kept_proves_nothing_whoever_moves_the_checkpoint() {
    let (events, _) = chain(5);
    let noted = links(&events);
    for (checkpoint, is_own) in [(5, true), (5, false), (6, false), (99, false)] {
        // All is deleted, and a trail made up from there on.
        let hash = if is_own { noted[4].hash.clone() } else { "ab".repeat(32) };
        let checkpoint = ChainLink { sequence: checkpoint, hash };
        let mut head = checkpoint.clone();
        let forged: Vec<_> = (0..3).map(|n| append(ACCOUNT, &mut head, event(n))).collect();
        let kept = checkpoint.sequence + 1;
        let is_anothers = checkpoint.sequence == 5 && !is_own;
        let record = AuditRecord { head, checkpoint: Some(checkpoint), ..AuditRecord::default() };
        assert_eq!(verify(ACCOUNT, &forged, Some(&record), &[]), []);

        let found = verify(ACCOUNT, &forged, Some(&record), &noted);

        let uncompared = Finding { sequence: 5, what: Wrong::Uncompared { kept } };
        assert!(found.contains(&uncompared), "{found:?}");
        assert!(uncompared.to_string().contains(&format!("only event {kept} and later")));
        let verdict = if is_anothers { Verdict::Broken } else { Verdict::AsFarAsSeen };
        assert_eq!(Verdict::of(&found), verdict, "{found:?}");
    }
}

proptest! {
    #[test]
    fn an_untouched_chain_is_whole_from_any_checkpoint_whatever_is_deleted_up_to_it(
        length in 0..12_usize,
        checkpoint in 0..12_usize,
        gone in prop::collection::vec(any::<bool>(), 12),
        turn in 0..12_usize,
    ) {
        let (mut events, mut record) = chain(length);
        let checkpoint = checkpoint.min(length);
        let anchor = links(&events);
        if checkpoint > 0 {
            record.checkpoint = Some(anchor[checkpoint - 1].clone());
        }
        let mut n = 0;
        events.retain(|_| { n += 1; n > checkpoint || !gone[n - 1] });
        let turn = turn.min(events.len());
        events.rotate_left(turn);
        let found = verify(ACCOUNT, &events, Some(&record), &anchor);
        // The newest is always kept; a note of it alone would prove nothing.
        let is_compared = checkpoint < length || length == 0;
        let wanted = if is_compared { Verdict::Whole } else { Verdict::AsFarAsSeen };
        prop_assert_eq!(Verdict::of(&found), wanted);
    }

    #[test]
    fn any_event_that_is_removed_is_named(length in 1..12_usize, at in 0..12_usize) {
        let (mut events, record) = chain(length);
        let at = at % length;
        let sequence = events.remove(at).sequence.expect("a number");
        let found = verify(ACCOUNT, &events, Some(&record), &[]);
        prop_assert_eq!(found, [Finding { sequence, what: Wrong::Removed { until: sequence } }]);
    }

    #[test]
    fn any_event_that_is_edited_is_named_also_with_a_hash_that_fits(
        length in 1..12_usize,
        at in 0..12_usize,
        field in 0..11_usize,
        with_hash in any::<bool>(),
    ) {
        let (mut events, record) = chain(length);
        let at = at % length;
        edit(&mut events[at], field);
        if with_hash {
            events[at].hash = Some(hash(ACCOUNT, &events[at]));
        }
        let found = verify(ACCOUNT, &events, Some(&record), &[]);
        let wrong = match with_hash {
            false => Finding { sequence: events[at].sequence.expect("a number"), what: Wrong::Edited },
            true if at + 1 == length => {
                Finding { sequence: record.head.sequence, what: Wrong::Head }
            }
            true => {
                let next = events[at + 1].sequence.expect("a number");
                Finding { sequence: next, what: Wrong::Reordered }
            }
        };
        prop_assert_eq!(found, [wrong]);
    }

    #[test]
    fn two_events_that_change_places_are_found(length in 2..12_usize, a in 0..12_usize, b in 1..12_usize) {
        let (mut events, record) = chain(length);
        let a = a % length;
        let b = (a + 1 + b % (length - 1)) % length;
        let (x, y) = (events[a].sequence, events[b].sequence);
        events[a].sequence = y;
        events[b].sequence = x;
        prop_assert!(broken(&verify(ACCOUNT, &events, Some(&record), &[])));
        for at in [a, b] {
            events[at].hash = Some(hash(ACCOUNT, &events[at]));
        }
        prop_assert!(broken(&verify(ACCOUNT, &events, Some(&record), &[])));
    }

    #[test]
    fn whatever_is_there_is_looked_at_without_a_panic(
        sequences in prop::collection::vec(any::<Option<i64>>(), 0..6),
        head in any::<i64>(),
        checkpoint in any::<i64>(),
    ) {
        let events: Vec<_> = sequences
            .into_iter()
            .map(|sequence| KlivAuditEventSpec { sequence, ..event(1) })
            .collect();
        let record = AuditRecord {
            head: ChainLink { sequence: head, hash: String::new() },
            checkpoint: Some(ChainLink { sequence: checkpoint, hash: String::new() }),
            ..AuditRecord::default()
        };
        let _ = verify(ACCOUNT, &events, Some(&record), &[]);
    }
}
