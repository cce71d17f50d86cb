//! What the audit trail tells of a secret: each change once, by who made it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kliv_secrets::api::condition::{Reason, conditions};
use kliv_secrets::api::names::MAX_USER_CHARS;
use kliv_secrets::api::{
    AboutValue, AuditAction, AuditRecord, HistoryEntry, KlivAuditEventSpec, KlivSecretStatus,
    KnownSecret, Stamp, Stamps, What,
};
use kliv_secrets::audit::{Facts, MAX_CALLS, MAX_PENDING, Seen, start, tell};

use crate::seal_support::time;

/// A secret, and what was told of it.
struct Story {
    now: Timestamp,
    record: AuditRecord,
    stamps: Stamps,
    status: KlivSecretStatus,
    waits: bool,
    asks: bool,
    asks_about: AboutValue,
    will_refuse: Option<Timestamp>,
}

impl Story {
    fn new() -> Self {
        Self {
            now: time("2026-11-24T12:00:00Z"),
            record: AuditRecord::default(),
            stamps: Stamps::default(),
            status: KlivSecretStatus::default(),
            waits: false,
            asks: false,
            asks_about: AboutValue::default(),
            will_refuse: None,
        }
    }

    /// Somebody writes; the oldest stamps go.
    fn write(&mut self, user: &str, what: What) -> &mut Self {
        self.now += SignedDuration::from_secs(1);
        let seq = self.stamps.newest().unwrap_or(0) + 1;
        self.stamps.0.push(Stamp::new(seq, self.now, what, "kubectl", user));
        let surplus = self.stamps.0.len().saturating_sub(Stamps::MAX);
        self.stamps.0.drain(..surplus);
        self
    }

    fn value(&mut self, user: &str) -> &mut Self {
        self.write(user, What::Value)
    }

    fn spec(&mut self, user: &str) -> &mut Self {
        self.write(user, What::Spec)
    }

    /// The value that this stamp brought is the one in use.
    fn publish(&mut self, stamp: i64) -> &mut Self {
        let version = self.status.version.unwrap_or(0) + 1;
        self.status.version = Some(version);
        self.status.history.insert(
            0,
            HistoryEntry {
                version,
                generation: stamp,
                time: Time(self.now),
                by: String::new(),
                on_behalf_of: None,
                via: String::new(),
                masked_value: format!("mask {version}"),
                stamp: Some(stamp),
                restores: None,
                sealed: format!("kliv1.{version}"),
            },
        );
        self.status.history.truncate(5);
        self.is(Reason::Published, false)
    }

    /// What its status is about to say, and whether a value waits.
    fn is(&mut self, reason: Reason, waits: bool) -> &mut Self {
        self.status.conditions = conditions(&[], reason, "why", None, self.now);
        self.waits = waits;
        self.asks = reason == Reason::AwaitingValue;
        self
    }

    fn refuse_before(&mut self, at: Timestamp) -> &mut Self {
        self.status.refuse_sealed_before = Some(Time(at));
        self.status.history.truncate(1);
        self
    }

    /// The engine looks.
    fn events(&mut self) -> Vec<KlivAuditEventSpec> {
        self.events_and(&BTreeMap::new())
    }

    /// The same, where there are notices too.
    fn events_and(
        &mut self,
        gone: &BTreeMap<String, Option<KlivAuditEventSpec>>,
    ) -> Vec<KlivAuditEventSpec> {
        let seen = Seen {
            name: "api-key",
            uid: "u",
            created: time("2026-11-24T11:00:00Z"),
            stamps: &self.stamps,
            waits: self.waits,
            will_refuse: self.will_refuse,
            next: &self.status,
            asks: self.asks,
            asks_about: self.asks_about,
            is_blind: false,
        };
        look(&mut self.record, vec![seen], gone, self.now)
    }

    /// The same, in words: action, who, version.
    fn told(&mut self) -> Vec<String> {
        let told = self.events().iter().map(word).collect();
        assert!(self.events().is_empty(), "told twice");
        told
    }
}

fn look(
    record: &mut AuditRecord,
    secrets: Vec<Seen<'_>>,
    gone: &BTreeMap<String, Option<KlivAuditEventSpec>>,
    now: Timestamp,
) -> Vec<KlivAuditEventSpec> {
    let facts = Facts { secrets, gone, arrived: None, sealing_key: None, now };
    tell("shop", record, &facts);
    std::mem::take(&mut record.pending)
}

fn word(event: &KlivAuditEventSpec) -> String {
    let version = event.version.map(|version| format!(" v{version}")).unwrap_or_default();
    let actor = if event.actor.is_empty() { "nobody" } else { &event.actor };
    format!("{} by {actor}{version}", event.action)
}

#[test]
fn a_refusal_is_told_once_by_who_caused_it_and_each_later_change_by_who_made_it() {
    for (reason, action) in [
        (Reason::DecryptionFailed, "OpeningFailed"),
        (Reason::LimitExceeded, "Refused"),
        (Reason::SealedTooEarly, "Refused"),
    ] {
        let mut story = Story::new();
        let told = story.value("anna").is(reason, true).told();
        assert_eq!(told, [format!("{action} by anna")]);
        for n in 0..30 {
            let user = if n % 2 == 0 { "bert" } else { "cleo" };
            assert_eq!(story.spec(user).told(), [format!("Updated by {user}")]);
        }
        // It is published after all, when its stamp has long fallen off.
        assert_eq!(story.publish(1).told(), ["Created by anna v1"]);
        assert_eq!(story.value("cleo").is(reason, true).told(), [format!("{action} by cleo")]);
    }
}

#[test]
fn a_question_about_a_value_is_told_by_who_asked_where_only_one_change_can_be_his() {
    let mut story = Story::new();
    story.value("anna").publish(1).told();
    let said = |story: &mut Story| -> Vec<String> {
        let events = story.events();
        assert!(story.events().is_empty(), "told twice");
        let detail = |event: &KlivAuditEventSpec| event.detail.clone().unwrap_or_default();
        events.iter().map(|event| format!("{}: {}", word(event), detail(event))).collect()
    };
    let anew = AboutValue { replaces: Some(1), deletion: false };
    let deletion = AboutValue { replaces: None, deletion: true };
    let stays = "; the value stays as it was";
    let only_spec = "the value stayed as it was, something else of the spec changed";

    story.spec("bot").asks_about = anew;
    let asked = "a new value is asked for; the one in use stays until it comes";
    assert_eq!(said(&mut story), [format!("Requested by bot: {asked}")]);
    assert_eq!(said(story.spec("bert")), [format!("Updated by bert: {only_spec}")]);
    story.spec("bot").asks_about = deletion;
    assert_eq!(said(&mut story), [format!("Requested by bot: it is proposed to delete it{stays}")]);
    story.spec("anna").asks_about = AboutValue::default();
    let gone = format!("a question about it was taken away{stays}");
    assert_eq!(said(&mut story), [format!("Updated by anna: {gone}")]);
    // Of two changes nobody can tell which asked; nor is it told later, of another one.
    story.spec("bot").spec("cleo").asks_about = deletion;
    let both = ["bot", "cleo"].map(|user| format!("Updated by {user}: {only_spec}"));
    assert_eq!(said(&mut story), both);
    assert_eq!(said(story.spec("bert")), [format!("Updated by bert: {only_spec}")]);
    // A record that began anew does not know what was asked before.
    story.status.recorded_stamp = story.stamps.newest();
    story.record = start([("api-key", "u", &story.status)], 1);
    assert_eq!(said(story.spec("bert")), [format!("Updated by bert: {only_spec}")]);
    // The value that was asked for is a new one as any other.
    story.asks_about = anew;
    said(&mut story);
    assert_eq!(story.value("anna").publish(10).told(), ["Updated by anna v2"]);
}

#[test]
fn a_spec_that_can_not_be_understood_is_its_last_writers() {
    let mut story = Story::new();
    assert_eq!(story.value("anna").publish(1).told(), ["Created by anna v1"]);
    story.spec("bert").spec("cleo").is(Reason::InvalidSpec, false);
    assert_eq!(story.told(), ["Updated by bert", "Refused by cleo"]);
    assert_eq!(story.spec("bert").told(), ["Refused by bert"]);
    assert_eq!(story.spec("bert").is(Reason::Published, false).told(), ["Updated by bert"]);
    // A later version of the operator understands less.
    assert_eq!(story.is(Reason::InvalidSpec, false).told(), ["Refused by nobody"]);
}

#[test]
fn that_a_value_in_use_does_not_open_any_more_is_nobodys_doing_and_told_each_time() {
    let mut story = Story::new();
    story.value("anna").publish(1).told();
    for _ in 0..2 {
        assert_eq!(story.is(Reason::DecryptionFailed, true).told(), ["OpeningFailed by nobody"]);
        assert_eq!(story.spec("bert").told(), ["Updated by bert"]);
        assert!(story.is(Reason::Published, false).told().is_empty());
    }
}

#[test]
fn a_value_that_waits_is_told_with_what_becomes_of_it() {
    let mut story = Story::new();
    assert!(story.value("anna").is(Reason::QuotaExceeded, true).told().is_empty());
    assert_eq!(story.spec("bert").told(), ["Updated by bert"]);
    assert_eq!(story.value("cleo").told(), ["Updated by anna"], "overwritten");
    for _ in 0..30 {
        assert_eq!(story.spec("bert").told(), ["Updated by bert"]);
    }
    assert_eq!(story.publish(3).told(), ["Created by cleo v1"]);
}

#[test]
fn the_longest_names_that_a_stamp_can_have_are_kept_while_a_value_waits() {
    let mut story = Story::new();
    story.value(&"u".repeat(MAX_USER_CHARS)).is(Reason::QuotaExceeded, true);
    let stamp = story.stamps.0.last_mut().expect("a stamp");
    (stamp.via, stamp.on_behalf_of) = ("v".repeat(32), Some("%".repeat(MAX_USER_CHARS)));
    assert!(story.told().is_empty());
    for _ in 0..30 {
        story.spec("bert").told();
    }
    let told = story.publish(1).events();
    assert_eq!(told[0].actor.len(), MAX_USER_CHARS, "{}", word(&told[0]));
}

#[test]
fn who_handed_in_a_value_that_still_waits_is_told_also_when_the_secret_goes() {
    let gone = BTreeMap::from([("u".to_owned(), None)]);
    let mut story = Story::new();
    assert!(story.value("anna").is(Reason::QuotaExceeded, true).told().is_empty());
    let events = look(&mut story.record.clone(), Vec::new(), &gone, story.now);
    let words: Vec<String> = events.iter().map(word).collect();
    assert_eq!(words, ["Updated by anna", "Deleted by nobody"]);
    assert!(events[0].detail.as_ref().is_some_and(|text| text.contains("2026-11-24T12:00:01Z")));
    assert_eq!(events[0].via, "kubectl");

    // What was told as refused is not told again.
    assert_eq!(story.value("bert").is(Reason::LimitExceeded, true).told().len(), 2);
    let events = look(&mut story.record, Vec::new(), &gone, story.now);
    assert_eq!(events.iter().map(word).collect::<Vec<_>>(), ["Deleted by nobody"]);
}

#[test]
fn a_value_that_never_opened_is_told_once_and_the_first_that_did_is_the_first() {
    let mut story = Story::new();
    story.value("anna").is(Reason::DecryptionFailed, true);
    assert_eq!(story.told(), ["OpeningFailed by anna"]);
    assert_eq!(story.value("cleo").publish(2).told(), ["Created by cleo v1"]);
}

#[test]
fn a_question_is_answered_by_the_first_good_value_also_after_a_bad_one() {
    let mut story = Story::new();
    let asked = story.spec("agent").is(Reason::AwaitingValue, false).told();
    assert_eq!(asked, ["Requested by agent"]);
    assert_eq!(story.spec("agent").told(), ["Updated by agent"]);
    story.value("anna").is(Reason::DecryptionFailed, true);
    assert_eq!(story.told(), ["OpeningFailed by anna"]);
    assert_eq!(story.value("bert").publish(4).told(), ["Answered by bert v1"]);
    assert_eq!(story.value("cleo").publish(5).told(), ["Updated by cleo v2"]);
}

#[test]
fn values_that_were_published_while_nothing_could_be_told_are_told_as_published() {
    let mut story = Story::new();
    story.value("anna").publish(1).told();
    story.value("bert").publish(2).value("cleo").publish(3);
    // The value in use again, and one that never got there.
    story.value("dora").value("anna");
    let events = story.events();
    let words: Vec<String> = events.iter().map(word).collect();
    let expected = ["Updated by bert v2", "Updated by cleo v3", "Updated by dora"];
    assert_eq!(words[..3], expected);
    assert_eq!(words[3], "Updated by anna");
    assert_eq!(events[0].masked_value.as_deref(), Some("mask 2"));
    assert!(events[2].detail.as_ref().is_some_and(|text| text.contains("overwritten")));
    assert!(events[3].detail.as_ref().is_some_and(|text| text.contains("stayed")));

    // One whose stamp is not on the object any more: the history says who it was.
    let mut fallen = Story::new();
    fallen.value("anna").publish(1);
    fallen.status.history[0].by = "anna".into();
    for _ in 0..Stamps::MAX {
        fallen.spec("bert");
    }
    let told = fallen.told();
    assert_eq!(told[..2], ["Created by anna v1", "Updated by nobody"]);

    // More than the history keeps: nothing false is said of the oldest.
    for seq in 6..13 {
        story.value("bert").publish(seq);
    }
    let events = story.events();
    let versions: Vec<Option<i64>> = events.iter().map(|event| event.version).collect();
    assert_eq!(versions, [None, None, Some(6), Some(7), Some(8), Some(9), Some(10)]);
    assert!(events[0].detail.as_ref().is_some_and(|text| text.contains("can't be told any more")));
}

#[test]
fn what_is_called_compromised_is_told_whenever_that_comes_to_count() {
    let mut story = Story::new();
    story.value("anna").publish(1).told();
    let now = story.now;
    assert_eq!(story.spec("bert").refuse_before(now).told(), ["Compromised by bert"]);
    let later = now + SignedDuration::from_secs(2);
    story.value("cleo").publish(3).refuse_before(later);
    assert_eq!(story.told(), ["Compromised by cleo v2"]);
    // The same value again does not count, and its people see that.
    let later = later + SignedDuration::from_secs(2);
    story.value("cleo").is(Reason::SealedTooEarly, true).refuse_before(later);
    assert_eq!(story.told(), ["Refused by cleo", "Compromised by cleo"]);

    // Nothing could be told when it came to count.
    let mut story = Story::new();
    story.value("anna").publish(1).told();
    story.value("bert").publish(2).refuse_before(now).told();
    assert_eq!(story.record.secrets[0].refused_before, Some(Time(now)));
}

#[test]
fn a_first_value_puts_an_end_to_nothing() {
    let mut story = Story::new();
    let now = story.now;
    assert_eq!(story.value("anna").publish(1).refuse_before(now).told(), ["Created by anna v1"]);
}

#[test]
fn where_it_can_not_be_seen_who_called_a_value_compromised_nobody_is_named() {
    // One of two changes: by the order of stamps alone it might be either.
    let mut story = Story::new();
    story.value("anna").publish(1).told();
    let now = story.now;
    story.spec("bert").spec("cleo").refuse_before(now);
    assert_eq!(story.told(), ["Updated by bert", "Updated by cleo", "Compromised by nobody"]);
    let now = story.now;
    story.spec("bert").value("cleo").publish(5).refuse_before(now);
    assert_eq!(story.told(), ["Updated by bert", "Updated by cleo v2", "Compromised by nobody"]);

    // Of one that waited it is told who handed it in, and that is not who says so.
    let now = story.now;
    assert!(story.value("anna").is(Reason::QuotaExceeded, true).told().is_empty());
    story.spec("bert").publish(6).refuse_before(now);
    assert_eq!(story.told(), ["Updated by anna v3", "Compromised by bert"]);

    // The time was named before.
    story.will_refuse = Some(story.now + SignedDuration::from_secs(60));
    assert_eq!(story.spec("anna").told(), ["Updated by anna"]);
    let time = story.will_refuse.take().expect("a time");
    story.now = time;
    assert_eq!(
        story.spec("bert").refuse_before(time).told(),
        ["Updated by bert", "Compromised by nobody"]
    );
}

#[test]
fn a_record_knows_of_no_more_secrets_than_its_crd_takes() {
    let now = time("2026-11-24T12:00:00Z");
    let stamps = Stamps::parse("1 2026-11-24T12:00:00Z value kubectl anna");
    let names: Vec<String> = (0..600).map(|n| format!("secret-{n:03}")).collect();
    let mut status = KlivSecretStatus::default();
    let seen = |name, status| Seen {
        name,
        uid: name,
        created: now,
        stamps: &stamps,
        waits: true,
        will_refuse: None,
        next: status,
        asks: false,
        asks_about: AboutValue::default(),
        is_blind: false,
    };
    let mut record = AuditRecord::default();
    let mut told = 0;
    for _ in 0..20 {
        let all = names.iter().map(|name| seen(name.as_str(), &status)).collect();
        let events = look(&mut record, all, &BTreeMap::new(), now);
        assert!(events.len() <= MAX_PENDING);
        told += events.len();
    }
    assert_eq!((record.secrets.len(), told), (KnownSecret::MAX, 0));
    // One that is told as gone makes room.
    let gone = BTreeMap::from([(names[0].clone(), None)]);
    let all = names[1..].iter().map(|name| seen(name.as_str(), &status)).collect();
    look(&mut record, all, &gone, now);
    assert_eq!(record.secrets.len(), KnownSecret::MAX);
    assert!(record.secrets.iter().any(|known| known.name == names[512]));

    status.recorded_stamp = Some(1);
    let all = names.iter().map(|name| (name.as_str(), name.as_str(), &status));
    assert_eq!(start(all, 1).secrets.len(), KnownSecret::MAX);
}

#[test]
fn changes_that_were_too_many_are_counted_and_move_no_other_in_time() {
    let mut story = Story::new();
    story.value("anna").publish(1).told();
    for _ in 0..25 {
        story.spec("bert");
    }
    story.now += SignedDuration::from_hours(9);
    let events = story.events();
    assert_eq!(events.len(), 1 + Stamps::MAX);
    assert!(events[0].detail.as_ref().is_some_and(|text| text.starts_with("5 changes")));
    let times: Vec<i64> = events[1..].iter().map(|event| event.time.0.as_second()).collect();
    assert!(times.windows(2).all(|pair| pair[1] == pair[0] + 1), "{times:?}");
}

#[test]
fn what_a_notice_of_a_delete_says_is_made_harmless() {
    let mut story = Story::new();
    story.value("anna").publish(1).told();
    let notice = |via: &str, user: &str| {
        let mut notice = KlivAuditEventSpec::new(AuditAction::Deleted, story.now);
        (notice.via, notice.on_behalf_of) = (via.to_owned(), Some(user.to_owned()));
        BTreeMap::from([("u".to_owned(), Some(notice))])
    };
    for (via, kept) in [("kubectl", "kubectl"), ("\u{1b}[2J", ""), ("operator x", ""), ("", "")] {
        let mut record = story.record.clone();
        let told = look(&mut record, Vec::new(), &notice(via, "a\u{1b}[2Jb"), story.now);
        assert_eq!(told[0].via, kept);
        assert_eq!(told[0].on_behalf_of.as_deref(), Some("a\\u{1b}[2Jb"));
    }
}

#[test]
fn a_flood_of_notices_takes_no_room_from_what_secrets_have_to_tell() {
    for action in [AuditAction::CallRefused, AuditAction::Deleted] {
        let mut story = Story::new();
        story.value("anna").publish(1).told();
        for _ in 0..Stamps::MAX {
            story.spec("anna");
        }
        let notice = KlivAuditEventSpec::new(action.clone(), story.now);
        let noted = |i: usize| (format!("a-{i:03}"), Some(notice.clone()));
        let gone: BTreeMap<_, _> = (0..2 * MAX_PENDING).map(noted).collect();
        let events = story.events_and(&gone);
        let own = events.iter().filter(|event| event.action != action).count();
        assert_eq!(own, Stamps::MAX, "all of its own");
        let of_calls = action == AuditAction::CallRefused;
        let room = if of_calls { MAX_CALLS } else { MAX_PENDING - own };
        assert_eq!(events.len() - own, room, "{action}");
    }
}

#[test]
fn no_more_refused_calls_wait_to_be_made_than_some_and_each_is_told_once() {
    let story = Story::new();
    let call = KlivAuditEventSpec::new(AuditAction::CallRefused, story.now);
    let noted = |i: usize| (format!("r-{i:03}"), Some(call.clone()));
    let gone: BTreeMap<_, _> = (0..3 * MAX_CALLS).map(noted).collect();
    let mut record = AuditRecord::default();
    let mut left = gone.clone();
    let mut told = Vec::new();
    while !left.is_empty() {
        for _ in 0..2 {
            // Also where what waits is not made yet.
            let (gone, now) = (&left, story.now);
            let facts = Facts { secrets: vec![], gone, arrived: None, sealing_key: None, now };
            tell("shop", &mut record, &facts);
            assert_eq!(record.pending.len(), MAX_CALLS);
        }
        let made = std::mem::take(&mut record.pending).into_iter().filter_map(|e| e.secret_uid);
        let made: Vec<String> = made.collect();
        left.retain(|uid, _| !made.contains(uid));
        told.extend(made);
    }
    assert_eq!(told, gone.into_keys().collect::<Vec<_>>());
}
