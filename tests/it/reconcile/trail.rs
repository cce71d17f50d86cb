//! Who deleted what, and what of the audit trail is kept.

use kliv_secrets::api::refused_call::said;
use kliv_secrets::api::{AuditAction, ChainLink, KlivAuditEventSpec};
use kliv_secrets::audit::{Facts, MAX_CALLS, MAX_PENDING, tell};
use kliv_secrets::reconcile::{Kept, Notices, Old, Trailed, inspect, old};
use kliv_secrets::seal::Binding;

use super::*;
use crate::seal_support::{keyring, sealed as seal};

fn notice(uid: &str, actor: &str, at: Timestamp) -> KlivAuditEventSpec {
    KlivAuditEventSpec {
        secret: Some("api-key".into()),
        secret_uid: Some(uid.into()),
        actor: actor.into(),
        ..KlivAuditEventSpec::new(AuditAction::Deleted, at)
    }
}

fn knowing(uids: &[&str]) -> AuditRecord {
    let known = |uid: &&str| KnownSecret {
        name: "api-key".into(),
        uid: (*uid).to_owned(),
        ..KnownSecret::default()
    };
    AuditRecord { secrets: uids.iter().map(known).collect(), ..AuditRecord::default() }
}

fn set(uids: &[&str]) -> BTreeSet<String> {
    uids.iter().map(|uid| (*uid).to_owned()).collect()
}

type Sorted = (BTreeMap<String, Option<KlivAuditEventSpec>>, Vec<(String, Option<String>)>, bool);

/// What the notices come to, of secrets of which these are there.
fn sorted(notices: Notices, there: &[&str], told: &[&str]) -> Sorted {
    match notices.sorted(&set(there), &set(told)) {
        Trailed::Gone { gone, notices, has_more } => (gone, notices, has_more),
        _ => panic!("something else"),
    }
}

fn by(gone: &BTreeMap<String, Option<KlivAuditEventSpec>>) -> Vec<(&str, Option<&str>)> {
    gone.iter().map(|(uid, who)| (&**uid, who.as_ref().map(|who| &*who.actor))).collect()
}

#[test]
fn the_newest_notice_says_who_deleted_a_secret_and_one_without_notice_is_gone_all_the_same() {
    let record = knowing(&["a", "b", "c"]);
    let mut notices = Notices::new(Some(&record), set(&["c"]), now());
    notices.take("1".into(), notice("a", "anna", ago(5)));
    notices.take("2".into(), notice("a", "bert", ago(9)));
    notices.take("3".into(), notice("c", "cleo", ago(5)));
    let (gone, names, has_more) = sorted(notices, &["c"], &[]);
    assert_eq!(by(&gone), [("a", Some("anna")), ("b", None)]);
    assert_eq!(names, [("1".into(), Some("a".into())), ("2".into(), None)]);
    assert!(!has_more);
}

#[test]
fn a_secret_that_nobody_ever_saw_counts_unless_it_is_there_or_told_of() {
    let mut notices = Notices::new(None, set(&[]), now());
    for uid in ["gone", "there", "told"] {
        notices.take(uid.into(), notice(uid, "anna", ago(90_000)));
    }
    assert_eq!(*notices.strangers(), set(&["gone", "there", "told"]));
    let (gone, names, _) = sorted(notices, &["there"], &["told"]);
    assert_eq!(by(&gone), [("gone", Some("anna"))]);
    assert_eq!(names, [("gone".into(), Some("gone".into())), ("told".into(), None)]);
}

#[test]
fn a_notice_of_a_delete_that_never_came_true_goes_after_an_hour() {
    for (age, is_over) in [(3_500, false), (3_700, true)] {
        let mut notices = Notices::new(None, set(&["a"]), now());
        notices.take("1".into(), notice("a", "anna", ago(age)));
        let (gone, names, _) = sorted(notices, &["a"], &[]);
        assert!(gone.is_empty());
        assert_eq!(names.len(), usize::from(is_over));
    }
}

#[test]
fn however_many_notices_there_are_no_more_is_kept_than_can_be_dealt_with() {
    let record = knowing(&["known"]);
    let mut notices = Notices::new(Some(&record), set(&["a"]), now());
    for i in 0..5_000 {
        notices.take(format!("x{i}"), notice(&format!("stranger-{i}"), "eve", now()));
        notices.take(format!("y{i}"), notice("a", "eve", now()));
    }
    notices.take("z".into(), notice("known", "anna", now()));
    let (gone, names, has_more) = sorted(notices, &["a"], &[]);
    assert_eq!(gone.len(), MAX_PENDING + 1);
    assert!(gone["known"].is_some(), "a flood hides nobody");
    assert!(names.len() <= 500 + MAX_PENDING + 1 && has_more);
}

fn call_of(actor: &str, at: Timestamp) -> KlivAuditEventSpec {
    KlivAuditEventSpec {
        actor: actor.into(),
        via: "agent".into(),
        detail: Some(said("request_secret")),
        ..KlivAuditEventSpec::new(AuditAction::CallRefused, at)
    }
}

#[test]
fn each_notice_of_a_refused_call_counts_once_by_the_request_that_told_of_it() {
    let told = knowing(&[]);
    let event = KlivAuditEventSpec { secret_uid: Some("r4".into()), ..call_of("anna", ago(1)) };
    let told = AuditRecord { pending: vec![event], ..told };
    let mut notices = Notices::new(Some(&told), set(&[]), now());
    for name in ["pending-r1", "pending-r2", "pending-r3", "pending-r4", "r5"] {
        notices.take(name.into(), call_of("anna", ago(90_000)));
    }
    let (gone, mut names, _) = sorted(notices, &[], &["r3"]);
    assert_eq!(by(&gone), [("r1", Some("anna")), ("r2", Some("anna"))]);
    names.sort();
    let over = |name: &str| (name.to_owned(), None);
    let waits = |name: &str, uid: &str| (name.to_owned(), Some(uid.to_owned()));
    let wanted = [
        waits("pending-r1", "r1"),
        waits("pending-r2", "r2"),
        over("pending-r3"),
        over("pending-r4"),
        over("r5"),
    ];
    assert_eq!(names, wanted);
}

#[test]
fn however_many_refused_calls_are_noted_they_hide_no_delete() {
    let mut notices = Notices::new(None, set(&[]), now());
    for i in 0..5_000 {
        notices.take(format!("pending-a{i}"), call_of("eve", now()));
    }
    for uid in ["b", "c"] {
        notices.take(uid.into(), notice(uid, "anna", now()));
    }
    let (gone, _, has_more) = sorted(notices, &[], &[]);
    assert_eq!(gone.len(), MAX_CALLS + 2);
    assert!(gone["b"].is_some() && gone["c"].is_some() && has_more);
}

/// Each pass ends somewhere else: before what it found is recorded, before that is made, before
/// its notices are dropped; and what was remembered is forgotten.
#[test]
fn of_many_refused_calls_each_is_told_once_also_over_crashes() {
    let all: BTreeSet<String> = (0..4 * MAX_CALLS).map(|i| format!("r{i:02}")).collect();
    let mut noted = all.clone();
    let mut record = AuditRecord::default();
    let mut made = Vec::new();
    let mut passes = 0;
    while !noted.is_empty() {
        passes += 1;
        assert!(passes < 100, "{noted:?}");
        let mut notices = Notices::new(Some(&record), set(&[]), now());
        for uid in &noted {
            notices.take(format!("pending-{uid}"), call_of("eve", now()));
        }
        let told: Vec<&str> = made.iter().map(String::as_str).collect();
        let (gone, names, _) = sorted(notices, &[], &told);
        if passes % 4 == 1 {
            continue;
        }
        let facts =
            Facts { secrets: vec![], gone: &gone, arrived: None, sealing_key: None, now: now() };
        tell("shop", &mut record, &facts);
        assert!(record.pending.len() <= MAX_CALLS);
        if passes % 4 == 2 {
            continue;
        }
        made.extend(std::mem::take(&mut record.pending).into_iter().filter_map(|e| e.secret_uid));
        if passes % 4 == 3 {
            continue;
        }
        for (name, uid) in names {
            if uid.is_none_or(|uid| made.contains(&uid)) {
                noted.remove(name.trim_start_matches("pending-"));
            }
        }
    }
    made.sort();
    assert_eq!(made, all.into_iter().collect::<Vec<_>>());
}

/// Also where the account has nothing yet: its record begins with it.
#[test]
fn a_refused_call_is_told_once_with_what_the_front_door_saw_and_nothing_is_published_for_it() {
    let mut account = account([]);
    let mut memory = looked();
    let seen = KlivAuditEventSpec { secret_uid: Some("r1".into()), ..call_of("anna", ago(5)) };
    let found = |seen: &KlivAuditEventSpec| {
        let gone = BTreeMap::from([("r1".to_owned(), Some(seen.clone()))]);
        let notices = vec![("pending-r1".to_owned(), Some("r1".to_owned()))];
        Effect::Trail(Trailed::Gone { gone, notices, has_more: false })
    };
    memory.fold(&found(&seen), now());
    let plan = |account: &Account, memory: &Memory| {
        kliv_secrets::reconcile::plan(account, memory, &timings(), now()).actions
    };
    assert!(matches!(plan(&account, &memory)[..], [Action::CreateAccount]));

    account.object = account_object(json!({}));
    account.object.as_mut().expect("there").status.audit = Some(knowing(&[]));
    let actions = plan(&account, &memory);
    let [Action::WriteAccount(_, status)] = &actions[..] else { panic!("one write") };
    assert!(status.sets.is_empty() && status.revision == 0);
    let record = status.audit.clone().expect("a record");
    let [event] = &record.pending[..] else { panic!("one event") };
    let wanted = KlivAuditEventSpec {
        sequence: Some(1),
        hash: event.hash.clone(),
        time: event.time.clone(),
        ..seen.clone()
    };
    assert_eq!(*event, wanted);

    // It is recorded, and was looked for once more: it is not told again, and its notice goes.
    account.object.as_mut().expect("there").status = (**status).clone();
    let mut memory = looked();
    memory.fold(&Effect::Trail(Trailed::Told(Box::new(event.clone()))), now());
    let mut notices = Notices::new(Some(&record), set(&[]), now());
    notices.take("pending-r1".into(), call_of("anna", ago(5)));
    memory.fold(&Effect::Trail(notices.sorted(&set(&[]), &set(&[]))), now());
    for action in plan(&account, &memory) {
        match action {
            Action::DropNotices(names) => assert_eq!(names, ["pending-r1"]),
            Action::WriteAccount(_, status) => {
                let record = status.audit.expect("a record");
                assert!(record.pending.is_empty() && record.head.sequence == 1);
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_delete_is_told_as_unseen_only_when_no_notice_has_come_for_three_seconds() {
    let mut account = account([]);
    account.object = account_object(json!({ "revision": 1 }));
    let record = AuditRecord { revision: 1, ..knowing(&["gone"]) };
    account.object.as_mut().expect("there").status.audit = Some(record);
    let gone = |who| {
        let gone = BTreeMap::from([("gone".to_owned(), who)]);
        Effect::Trail(Trailed::Gone { gone, notices: Vec::new(), has_more: false })
    };
    let mut memory = looked();
    let told = |memory: &Memory, at| {
        let plan = kliv_secrets::reconcile::plan(&account, memory, &timings(), at);
        let audit = plan.actions.into_iter().find_map(|action| match action {
            Action::WriteAccount(_, status) => status.audit,
            _ => None,
        });
        let deleted = |event: &KlivAuditEventSpec| event.action == AuditAction::Deleted;
        let told = audit.expect("a record").pending.into_iter().find(deleted);
        (told.map(|event| event.actor), plan.look_again)
    };
    let later = |seconds| now() + SignedDuration::from_secs(seconds);
    memory.fold(&gone(None), now());
    assert_eq!(told(&memory, now()), (None, Some(Duration::from_secs(3))));
    memory.try_again();
    memory.fold(&gone(None), later(2));
    assert_eq!(told(&memory, later(2)), (None, Some(Duration::from_secs(1))));
    assert_eq!(told(&memory, later(3)).0.as_deref(), Some(""), "observed");
    memory.try_again();
    memory.fold(&gone(Some(notice("gone", "anna", now()))), later(2));
    assert_eq!(told(&memory, later(2)).0.as_deref(), Some("anna"));
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Of 20 events, one a day, the newest just now.
fn kept(checkpoint: i64, days: i64, most: usize) -> Old {
    kept_of(20, DAY, checkpoint, days, most)
}

fn kept_of(events: i64, every: i64, checkpoint: i64, days: i64, most: usize) -> Old {
    let link = |sequence: i64| ChainLink { sequence, hash: sequence.to_string() };
    let record = AuditRecord {
        head: link(events),
        checkpoint: (checkpoint > 0).then(|| link(checkpoint)),
        ..AuditRecord::default()
    };
    let event = |n: i64| (n, (ago((events - n) * every), n.to_string()));
    let there = (1..=events).chain([events + 7]).map(event).collect();
    let kept = Kept { since: ago(days * DAY + 1), fresh_since: ago(7 * DAY), most };
    old(&record, there, kept)
}

#[test]
fn what_is_too_old_or_too_much_goes_from_the_oldest_on_and_never_the_newest() {
    let gone = |old: Old| {
        assert!(old.is_all);
        assert_eq!(old.newest, 20, "what the record does not know of is none of ours");
        (old.until.sequence, old.numbers.len())
    };
    assert_eq!(gone(kept(0, 100, 20)), (0, 0));
    assert_eq!(gone(kept(0, 4, 20)), (15, 15));
    assert_eq!(gone(kept(0, 100, 12)), (8, 8));
    assert_eq!(gone(kept(0, -1, 0)), (19, 19));
    // Those before the checkpoint were to go when the process ended.
    assert_eq!(gone(kept(3, 100, 20)), (3, 3));
    assert_eq!(gone(kept(3, 100, 12)), (8, 8));
}

#[test]
fn many_changes_push_out_nothing_of_the_last_week_up_to_ten_times_as_many() {
    let gone = |every, most| kept_of(20, every, 0, 100, most).until.sequence;
    assert_eq!(gone(HOUR, 2), 0);
    assert_eq!(gone(HOUR, 1), 10);
    assert_eq!(gone(DAY, 2), 12, "those of the last week stay");
    assert_eq!(gone(DAY, 0), 19);
}

#[test]
fn many_old_events_go_in_several_turns() {
    let first = kept_of(1000, DAY, 0, 10_000, 100);
    assert_eq!((first.numbers.len(), first.until.sequence, first.is_all), (250, 250, false));
}

/// The key is gone when it is looked again: what was learned is all that can tell.
#[test]
fn when_a_value_was_sealed_is_learned_once() {
    let place = Binding { account: "shop", variable: "API_KEY", environment: None };
    let text = seal(&keyring(1), &place, b"value", [1; 32]).to_string();
    let mut secret = secret("API_KEY", None, json!({ "sealed": text }), Some((2, text.clone())));
    secret.refuse_sealed_before = Some(time("2026-11-24T09:00:00Z"));
    let mut learned = Learned::default();
    let is_refused = |learned: &mut Learned, keys: u8| {
        let mut account = account([secret.clone()]);
        inspect(&mut account, learned, Some(&keyring(keys)), now());
        account.secrets["api-key"].in_use_refused
    };
    assert!(!is_refused(&mut learned, 1));
    assert!(!is_refused(&mut learned, 2), "it is known");
    assert!(is_refused(&mut Learned::default(), 2), "it can't be known");
}
