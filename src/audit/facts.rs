//! What happened, told from what is to be seen: a pure function of what the record has told
//! of each secret before, and of how things are now.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::Timestamp;

use super::Detail;
use super::chain::append;
use super::secret::{Seen, awaits, of_secret, refusal, waited_in_vain};
use crate::api::names::MAX_USER_CHARS;
use crate::api::text::harmless;
use crate::api::{
    AuditAction, AuditRecord, HistoryEntry, KlivAuditEventSpec, KlivSecretStatus, KnownSecret,
    Stamps,
};

/// How many events may wait to be made; as many as the CRD takes.
pub const MAX_PENDING: usize = 50;

/// How many of them may be refused calls: whoever may create KlivSecrets makes as many as he
/// likes of these, and the secrets' own events need the room.
pub const MAX_CALLS: usize = 10;

const OPERATOR: &str = "operator";

/// How an account is now.
pub struct Facts<'a> {
    /// Its secrets.
    pub secrets: Vec<Seen<'a>>,
    /// Secrets that are surely gone, by uid; and who deleted them, where that is known. One of
    /// which the record knows nothing is told of where somebody saw it go. Among these are
    /// refused calls, by the id of the request that told of each.
    pub gone: &'a BTreeMap<String, Option<KlivAuditEventSpec>>,
    /// A revision that has arrived: its number, and at how many functions of how many.
    pub arrived: Option<(i64, i32, i32)>,
    /// The id of the key that values are sealed with.
    pub sealing_key: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
}

/// Starts a record from what the secrets say of themselves (name, uid, status), without
/// telling it again; but for values that were published while nothing could be told.
#[must_use]
pub fn start<'a>(
    secrets: impl IntoIterator<Item = (&'a str, &'a str, &'a KlivSecretStatus)>,
    revision: i64,
) -> AuditRecord {
    let known = |(name, uid, status): (&str, &str, &KlivSecretStatus)| {
        let stamp = Stamps::recorded(status.recorded_stamp);
        // Where nothing was recorded at all, nothing was told, also of one without its stamp.
        let is_untold = |entry: &&HistoryEntry| stamp == 0 || entry.stamp > Some(stamp);
        let untold = status.history.iter().filter(is_untold);
        let untold = untold.map(|entry| entry.version.saturating_sub(1)).min();
        let version = untold.or(status.version).unwrap_or(0);
        (stamp > 0 || version > 0).then(|| KnownSecret {
            name: name.to_owned(),
            uid: uid.to_owned(),
            stamp,
            version,
            // That of a value which waits is the next one, where all before it were told.
            refused: refusal(status).filter(|_| untold.is_none()).map(|_| stamp + 1),
            asked: awaits(status),
            is_resumed: true,
            refused_before: status.refuse_sealed_before.clone(),
            ..KnownSecret::default()
        })
    };
    let mut secrets: Vec<KnownSecret> = secrets.into_iter().filter_map(known).collect();
    // Those that have something to lose come first where there is not room for all.
    secrets.sort_by_key(|known| known.version == 0);
    secrets.truncate(KnownSecret::MAX);
    AuditRecord { secrets, revision, ..AuditRecord::default() }
}

/// Says that the record begins anew, after the event that `record.head` names.
pub fn resume(account: &str, record: &mut AuditRecord, now: Timestamp) {
    let event = of_operator(AuditAction::Resumed, Detail::Resumed, now);
    let event = append(account, &mut record.head, event);
    record.pending.push(event);
}

/// Puts what has happened since into the record, as far as there is room: the rest is told
/// when what waits was made.
pub fn tell(account: &str, record: &mut AuditRecord, facts: &Facts<'_>) {
    let mut events = Vec::new();
    let room =
        |events: &Vec<_>, more: usize| record.pending.len() + events.len() + more <= MAX_PENDING;
    let mut secrets = Vec::new();
    // Where the watch is behind, it is told first what it has still to tell.
    let there: BTreeSet<&str> = facts.secrets.iter().map(|secret| secret.uid).collect();
    let gone = |uid: &str| facts.gone.get(uid).filter(|_| !there.contains(uid));
    for known in &record.secrets {
        match gone(&known.uid) {
            Some(seen) if room(&events, 2) => {
                let deleted = deleted(known, seen.as_ref(), facts.now);
                events.extend(waited_in_vain(known, deleted.time.0));
                events.push(deleted);
            }
            _ => secrets.push(known.clone()),
        }
    }
    for seen in &facts.secrets {
        let at = secrets.iter().position(|known| known.uid == seen.uid);
        if at.is_none() && secrets.len() >= KnownSecret::MAX {
            continue;
        }
        let (told, known) = of_secret(seen, at.map(|at| &secrets[at]), facts.now);
        if !room(&events, told.len()) {
            continue;
        }
        events.extend(told);
        match at {
            Some(at) => secrets[at] = known,
            None => secrets.push(known),
        }
    }
    if let Some(key) = facts.sealing_key
        && record.sealing_key.as_deref() != Some(key)
    {
        if record.sealing_key.is_none() {
            record.sealing_key = Some(key.to_owned());
        } else if room(&events, 1) {
            let detail = Detail::KeyRotated(key.to_owned());
            events.push(of_operator(AuditAction::KeyRotated, detail, facts.now));
            record.sealing_key = Some(key.to_owned());
        }
    }
    if let Some((revision, updated, total)) = facts.arrived
        && revision > record.revision
        && room(&events, 1)
    {
        let detail = match total {
            0 => Detail::Published(revision),
            _ => Detail::Live(revision, updated, total),
        };
        events.push(of_operator(AuditAction::Published, detail, facts.now));
        record.revision = revision;
    }
    let own = events.len();
    for (uid, notice) in strangers(record, &there, facts.gone) {
        if room(&events, 1) {
            events.push(of_stranger(uid, notice, facts.now));
        }
    }
    // They have what room is left; of one time they come first all the same.
    events.rotate_left(own);
    secrets.sort_by(|a, b| a.name.cmp(&b.name));
    if secrets != record.secrets {
        record.secrets = secrets;
    }
    // What happened first is told first; of one time in the order found.
    events.sort_by_key(|event| event.time.0.as_second());
    let head = &mut record.head;
    record.pending.extend(events.into_iter().map(|event| append(account, head, event)));
}

/// What was noted of which nothing else is known: deletes first, and of refused calls so many that
/// the rest has its room.
fn strangers<'a>(
    record: &AuditRecord,
    there: &BTreeSet<&str>,
    gone: &'a BTreeMap<String, Option<KlivAuditEventSpec>>,
) -> Vec<(&'a str, &'a KlivAuditEventSpec)> {
    let noticed: BTreeSet<&str> = noticed_in(record).collect();
    let noted = gone.iter().filter_map(|(uid, notice)| Some((uid.as_str(), notice.as_ref()?)));
    let unknown = noted.filter(|(uid, _)| {
        !there.contains(uid) && known(Some(record), uid).is_none() && !noticed.contains(uid)
    });
    let (calls, mut all): (Vec<_>, Vec<_>) = unknown.partition(|(_, notice)| is_call(notice));
    let waiting = record.pending.iter().filter(|event| is_call(event)).count();
    all.extend(calls.into_iter().take(MAX_CALLS.saturating_sub(waiting)));
    all
}

fn is_call(event: &KlivAuditEventSpec) -> bool {
    event.action == AuditAction::CallRefused
}

/// What the record says of a secret.
#[must_use]
pub fn known<'a>(record: Option<&'a AuditRecord>, uid: &str) -> Option<&'a KnownSecret> {
    record?.secrets.iter().find(|known| known.uid == uid)
}

/// Whether a secret that the record does not know is none that it could take in: an account
/// has far fewer that are published.
#[must_use]
pub fn has_no_room_for(record: Option<&AuditRecord>, uid: &str) -> bool {
    record.is_some_and(|record| record.secrets.len() >= KnownSecret::MAX)
        && known(record, uid).is_none()
}

/// Whether it is an event that the front door may have left a notice of.
#[must_use]
pub fn has_notice(event: &KlivAuditEventSpec) -> bool {
    matches!(event.action, AuditAction::Deleted | AuditAction::CallRefused)
}

/// Of which notices it is about to be told: the uids of deleted secrets, the ids of requests
/// that told of refused calls.
pub fn noticed_in(record: &AuditRecord) -> impl Iterator<Item = &str> {
    let noticed = record.pending.iter().filter(|event| has_notice(event));
    noticed.filter_map(|event| event.secret_uid.as_deref())
}

/// Whether the record has told everything that this status covers.
#[must_use]
pub fn covers(record: Option<&AuditRecord>, uid: &str, status: &KlivSecretStatus) -> bool {
    let stamp = Stamps::recorded(status.recorded_stamp);
    known(record, uid)
        .is_some_and(|known| known.stamp >= stamp && known.version >= status.version.unwrap_or(0))
}

fn deleted(
    known: &KnownSecret,
    seen: Option<&KlivAuditEventSpec>,
    now: Timestamp,
) -> KlivAuditEventSpec {
    let mut event = KlivAuditEventSpec::new(
        AuditAction::Deleted,
        seen.map_or(now, |seen| seen.time.0.min(now)),
    );
    event.secret = Some(known.name.clone());
    event.secret_uid = Some(known.uid.clone());
    event.version = Some(known.version).filter(|version| *version > 0);
    match seen {
        Some(seen) => seen_by(&mut event, seen),
        None => event.detail = Some(Detail::UnseenDelete.into()),
    }
    event
}

/// Takes over what the front door saw.
fn seen_by(event: &mut KlivAuditEventSpec, seen: &KlivAuditEventSpec) {
    let words = |text: &String, longest| harmless(text, longest).into_owned();
    event.actor = words(&seen.actor, MAX_USER_CHARS);
    event.via = Some(&seen.via).filter(|via| Stamps::is_word(via)).cloned().unwrap_or_default();
    event.on_behalf_of = seen.on_behalf_of.as_ref().map(|name| words(name, MAX_USER_CHARS));
    event.detail =
        seen.detail.as_ref().map(|detail| words(detail, KlivAuditEventSpec::LONGEST_DETAIL));
}

/// What a notice tells of which nothing is known otherwise.
fn of_stranger(uid: &str, seen: &KlivAuditEventSpec, now: Timestamp) -> KlivAuditEventSpec {
    if !is_call(seen) {
        return deleted_unknown(uid, seen, now);
    }
    let mut event = KlivAuditEventSpec::new(AuditAction::CallRefused, seen.time.0.min(now));
    event.secret_uid = Some(uid.to_owned());
    seen_by(&mut event, seen);
    event
}

/// One that was made and deleted while nobody recorded: all that is known is who deleted it.
fn deleted_unknown(uid: &str, seen: &KlivAuditEventSpec, now: Timestamp) -> KlivAuditEventSpec {
    let name = seen.secret.clone().unwrap_or_default();
    let known = KnownSecret { name, uid: uid.to_owned(), ..KnownSecret::default() };
    let mut event = deleted(&known, Some(seen), now);
    event.detail.get_or_insert_with(|| Detail::Unknown.into());
    event
}

fn of_operator(action: AuditAction, detail: Detail, now: Timestamp) -> KlivAuditEventSpec {
    KlivAuditEventSpec {
        via: OPERATOR.to_owned(),
        detail: Some(detail.into()),
        ..KlivAuditEventSpec::new(action, now)
    }
}
