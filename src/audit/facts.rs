//! What happened, told from what is to be seen: a pure function of what the record has told
//! of each secret before, and of how things are now.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::Timestamp;

use super::chain::append;
use crate::api::condition::{self, Reason};
use crate::api::names::MAX_USER_CHARS;
use crate::api::text::harmless;
use crate::api::{
    AuditAction, AuditRecord, KlivAuditEventSpec, KlivSecretStatus, KnownSecret, Stamp, Stamps,
    What,
};

/// How many events may wait to be made; as many as the CRD takes.
pub const MAX_PENDING: usize = 50;

const OPERATOR: &str = "operator";
const UNSEEN_CHANGE: &str = "observed: nobody could see who changed it";
const UNSEEN_DELETE: &str = "observed: nobody could see who deleted it";
const UNKNOWN: &str = "of this secret nothing else could be recorded before it was deleted";
const OVERWRITTEN: &str = "this value was overwritten before it was published";
const VALUE_STAYED: &str = "the value stayed as it was";
const ONLY_SPEC: &str = "the value stayed as it was, something else of the spec changed";
const RESUMED: &str =
    "the record of this account was lost: what happened just before may be missing";

/// How an account is now.
pub struct Facts<'a> {
    /// Its secrets.
    pub secrets: Vec<Seen<'a>>,
    /// Secrets that are surely gone, by uid; and who deleted them, where that is known. One of
    /// which the record knows nothing is told of where somebody saw it go.
    pub gone: &'a BTreeMap<String, Option<KlivAuditEventSpec>>,
    /// A revision that has arrived: its number, and at how many functions of how many.
    pub arrived: Option<(i64, i32, i32)>,
    /// The id of the key that values are sealed with.
    pub sealing_key: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
}

/// One secret.
pub struct Seen<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// When the object was made.
    pub created: Timestamp,
    /// The generation of its spec.
    pub generation: i64,
    /// Who changed it.
    pub stamps: &'a Stamps,
    /// What it says of itself.
    pub before: &'a KlivSecretStatus,
    /// What it is about to say of itself: what that covers is told.
    pub next: &'a KlivSecretStatus,
    /// Whether it asks for a value and has none.
    pub asks: bool,
    /// Whether the keyring is lost: then it is no news that nothing opens.
    pub is_blind: bool,
}

/// Starts a record from what the secrets say of themselves (name, uid, status), without
/// telling it again; but for a value that was published while nothing could be told, which is
/// marked by `true`.
#[must_use]
pub fn start<'a>(
    secrets: impl IntoIterator<Item = (&'a str, &'a str, &'a KlivSecretStatus, bool)>,
    revision: i64,
) -> AuditRecord {
    let known = |(name, uid, status, is_untold): (&str, &str, &KlivSecretStatus, bool)| {
        let stamp = Stamps::recorded(status.recorded_stamp);
        let version = match status.version.unwrap_or(0) {
            _ if is_untold && stamp == 0 => 0,
            version => version.saturating_sub(i64::from(is_untold)),
        };
        (stamp > 0 || version > 0).then(|| KnownSecret {
            name: name.to_owned(),
            uid: uid.to_owned(),
            stamp,
            version,
            refused: status.observed_generation.filter(|_| refusal(status).is_some()),
        })
    };
    let secrets = secrets.into_iter().filter_map(known).collect();
    AuditRecord { secrets, revision, ..AuditRecord::default() }
}

/// Says that the record begins anew, after the event that `record.head` names.
pub fn resume(account: &str, record: &mut AuditRecord, now: Timestamp) {
    let event = of_operator(AuditAction::Resumed, RESUMED.to_owned(), now);
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
            Some(seen) if room(&events, 1) => {
                events.push(deleted(known, seen.as_ref(), facts.now));
            }
            _ => secrets.push(known.clone()),
        }
    }
    let is_stranger = |uid: &str| {
        !there.contains(uid)
            && known(Some(record), uid).is_none()
            && deleted_of(record).all(|told| told != uid)
    };
    for (uid, notice) in facts.gone {
        if let Some(notice) = notice
            && is_stranger(uid)
            && room(&events, 1)
        {
            events.push(deleted_unknown(uid, notice, facts.now));
        }
    }
    for seen in &facts.secrets {
        let at = secrets.iter().position(|known| known.uid == seen.uid);
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
            let detail = format!("values are sealed with key {key} from here on");
            events.push(of_operator(AuditAction::KeyRotated, detail, facts.now));
            record.sealing_key = Some(key.to_owned());
        }
    }
    if let Some((revision, updated, total)) = facts.arrived
        && revision > record.revision
        && room(&events, 1)
    {
        let detail = match total {
            0 => format!("revision {revision} is published, and no function takes it yet"),
            _ => format!("revision {revision} is live on {updated} of {total} functions"),
        };
        events.push(of_operator(AuditAction::Published, detail, facts.now));
        record.revision = revision;
    }
    secrets.sort_by(|a, b| a.name.cmp(&b.name));
    if secrets != record.secrets {
        record.secrets = secrets;
    }
    // What happened first is told first; of one time in the order found.
    events.sort_by_key(|event| event.time.0.as_second());
    let head = &mut record.head;
    record.pending.extend(events.into_iter().map(|event| append(account, head, event)));
}

/// What the record says of a secret.
#[must_use]
pub fn known<'a>(record: Option<&'a AuditRecord>, uid: &str) -> Option<&'a KnownSecret> {
    record?.secrets.iter().find(|known| known.uid == uid)
}

/// The uids of secrets of which it is about to be told that they are deleted.
pub fn deleted_of(record: &AuditRecord) -> impl Iterator<Item = &str> {
    let deleted = record.pending.iter().filter(|event| event.action == AuditAction::Deleted);
    deleted.filter_map(|event| event.secret_uid.as_deref())
}

/// Whether the record has told everything that this status covers.
#[must_use]
pub fn covers(record: Option<&AuditRecord>, uid: &str, status: &KlivSecretStatus) -> bool {
    let stamp = Stamps::recorded(status.recorded_stamp);
    known(record, uid)
        .is_some_and(|known| known.stamp >= stamp && known.version >= status.version.unwrap_or(0))
}

/// All that is to be told of one secret, and what is known of it then.
fn of_secret(
    seen: &Seen<'_>,
    known: Option<&KnownSecret>,
    now: Timestamp,
) -> (Vec<KlivAuditEventSpec>, KnownSecret) {
    let (told, had, refused) =
        known.map_or((0, 0, None), |known| (known.stamp, known.version, known.refused));
    let version = seen.next.version.unwrap_or(0);
    let covered = Stamps::recorded(seen.next.recorded_stamp);
    let mut news: Vec<&Stamp> =
        seen.stamps.0.iter().filter(|stamp| stamp.seq > told && stamp.seq <= covered).collect();
    news.drain(..news.len().saturating_sub(Stamps::MAX));
    let refusal = refusal(seen.next).filter(|(action, _)| {
        let is_news = refused != Some(seen.generation);
        is_news && !(seen.is_blind && *action == AuditAction::OpeningFailed)
    });
    let is_refused = refusal.is_some();
    // Who handed in a value that waits. A spec that can't be understood is its last writer's;
    // that what is in use does not open any more is nobody's.
    let is_of_last = refusal.as_ref().is_some_and(|(action, _)| *action == AuditAction::Refused);
    let last = seen.stamps.0.last().filter(|_| is_of_last);
    let refused_one = seen.stamps.last_value_change(covered).or(last);
    let mut teller = Teller {
        seen,
        events: Vec::new(),
        // The first value of a secret that asked for it answers.
        asked: awaited(seen.before) || had == 0 && told > 0 && refused.is_none(),
        had_value: had > 0,
        earliest: Stamp::earliest(seen.created),
        now,
    };

    let lost = news.first().map_or(0, |first| first.seq - told - 1);
    if lost > 0 {
        let detail = format!(
            "{lost} changes before the next one: too many came while nobody could record them"
        );
        teller.tell(AuditAction::Updated, None, Some(detail));
    }
    let last_value = news.iter().rposition(|stamp| stamp.what == What::Value);
    for (i, stamp) in news.iter().enumerate() {
        let is_newest = i + 1 == news.len();
        let is_last_value = Some(i) == last_value;
        match stamp.what {
            What::Value if is_last_value && version > had => teller.value(Some(stamp), None),
            // Told below, as what was refused.
            _ if is_refused && refused_one == Some(*stamp) => {}
            What::Value if seen.stamps.last_value_change(stamp.seq).is_none() => {
                let action = teller.action_of_value();
                teller.tell(action, Some(stamp), Some(VALUE_STAYED.to_owned()));
            }
            What::Value => teller.value(Some(stamp), Some(OVERWRITTEN)),
            What::Spec if stamp.seq == 1 || is_newest && seen.asks && !teller.asked => {
                teller.asks(stamp);
            }
            What::Spec if is_newest && last_value.is_none() && teller.calls_compromised() => {
                teller.tell(AuditAction::Compromised, Some(stamp), None);
            }
            What::Spec => {
                teller.tell(AuditAction::Updated, Some(stamp), Some(ONLY_SPEC.to_owned()));
            }
        }
    }
    if version > had && last_value.is_none() {
        // It may be told already as one that changes nothing: while a key was there that is
        // lost now, so that it can't be compared any more with what it replaces.
        let recorded = Stamps::recorded(seen.before.recorded_stamp);
        let stamp = seen.stamps.last_value_change(recorded);
        teller.value(stamp, stamp.is_none().then_some(UNSEEN_CHANGE));
    }
    if let Some((action, detail)) = refusal {
        teller.tell(action, refused_one, Some(detail));
    }
    let known = KnownSecret {
        name: seen.name.to_owned(),
        uid: seen.uid.to_owned(),
        stamp: covered.max(told),
        version: version.max(had),
        refused: if is_refused { Some(seen.generation) } else { refused },
    };
    (teller.events, known)
}

/// Tells of one secret.
struct Teller<'a> {
    seen: &'a Seen<'a>,
    events: Vec<KlivAuditEventSpec>,
    asked: bool,
    had_value: bool,
    earliest: Timestamp,
    now: Timestamp,
}

impl Teller<'_> {
    /// A value came; with a word on it where it is not as usual.
    fn value(&mut self, stamp: Option<&Stamp>, detail: Option<&str>) {
        let next = self.seen.next;
        let is_used = detail != Some(OVERWRITTEN);
        let newest = next.history.first().filter(|entry| Some(entry.version) == next.version);
        let restores = newest.and_then(|entry| entry.restores).filter(|_| is_used);
        let mut action = self.action_of_value();
        let mut detail = detail.map(str::to_owned);
        if is_used && self.calls_compromised() {
            action = AuditAction::Compromised;
        } else if let Some(restores) = restores.filter(|_| action == AuditAction::Updated) {
            action = AuditAction::RolledBack;
            detail = Some(match detail {
                None => format!("the value of version {restores} is back"),
                Some(detail) => format!("the value of version {restores} is back; {detail}"),
            });
        }
        self.tell(action, stamp, detail);
        if is_used && let Some(event) = self.events.last_mut() {
            event.version = next.version;
            event.masked_value.clone_from(&next.masked_value);
        }
    }

    /// What it is called when a value comes.
    fn action_of_value(&mut self) -> AuditAction {
        let had_value = std::mem::replace(&mut self.had_value, true);
        match std::mem::take(&mut self.asked) {
            true => AuditAction::Answered,
            false if had_value => AuditAction::Updated,
            false => AuditAction::Created,
        }
    }

    fn asks(&mut self, stamp: &Stamp) {
        self.asked = true;
        self.tell(AuditAction::Requested, Some(stamp), None);
    }

    fn calls_compromised(&self) -> bool {
        let time = |status: &KlivSecretStatus| status.refuse_sealed_before.as_ref().map(|t| t.0);
        time(self.seen.next) > time(self.seen.before)
    }

    fn tell(&mut self, action: AuditAction, stamp: Option<&Stamp>, detail: Option<String>) {
        let time = Stamp::time_of(stamp, self.earliest, self.now);
        self.earliest = time;
        let mut event = KlivAuditEventSpec::new(action, time);
        event.secret = Some(self.seen.name.to_owned());
        event.secret_uid = Some(self.seen.uid.to_owned());
        event.actor =
            stamp.map(|s| harmless(&s.user, MAX_USER_CHARS).into_owned()).unwrap_or_default();
        event.via = stamp.map(|stamp| stamp.via.clone()).unwrap_or_default();
        let human = stamp.and_then(|stamp| stamp.on_behalf_of.as_deref());
        event.on_behalf_of = human.map(|human| harmless(human, MAX_USER_CHARS).into_owned());
        event.detail = detail;
        self.events.push(event);
    }
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
        Some(seen) => {
            let words = |text: &String, longest| harmless(text, longest).into_owned();
            event.actor = words(&seen.actor, MAX_USER_CHARS);
            event.via = words(&seen.via, 32);
            event.on_behalf_of = seen.on_behalf_of.as_ref().map(|name| words(name, MAX_USER_CHARS));
            event.detail = seen.detail.as_ref().map(|detail| words(detail, 512));
        }
        None => event.detail = Some(UNSEEN_DELETE.to_owned()),
    }
    event
}

/// One that was made and deleted while nobody recorded: all that is known is who deleted it.
fn deleted_unknown(uid: &str, seen: &KlivAuditEventSpec, now: Timestamp) -> KlivAuditEventSpec {
    let name = seen.secret.clone().unwrap_or_default();
    let known = KnownSecret { name, uid: uid.to_owned(), ..KnownSecret::default() };
    let mut event = deleted(&known, Some(seen), now);
    event.detail.get_or_insert_with(|| UNKNOWN.to_owned());
    event
}

fn of_operator(action: AuditAction, detail: String, now: Timestamp) -> KlivAuditEventSpec {
    KlivAuditEventSpec {
        via: OPERATOR.to_owned(),
        detail: Some(detail),
        ..KlivAuditEventSpec::new(action, now)
    }
}

/// Whether a status says that it waits for a value.
fn awaited(status: &KlivSecretStatus) -> bool {
    ready(status).is_some_and(|(reason, _)| reason == Reason::AwaitingValue.as_str())
}

/// What a status says that was not carried out.
fn refusal(status: &KlivSecretStatus) -> Option<(AuditAction, String)> {
    let (reason, message) = ready(status)?;
    let action = match reason {
        "DecryptionFailed" => AuditAction::OpeningFailed,
        "LimitExceeded" | "InvalidSpec" | "SealedTooEarly" => AuditAction::Refused,
        _ => return None,
    };
    let detail = format!("{reason}: {message}");
    Some((action, detail.chars().take(512).collect()))
}

fn ready(status: &KlivSecretStatus) -> Option<(&str, &str)> {
    let ready = condition::ready(&status.conditions)?;
    Some((&ready.reason, &ready.message))
}
