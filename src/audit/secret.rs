//! What happened to one secret: each change told once, by who made it, with what became of it.
//!
//! A stamp is told as soon as it is seen. Only that of a value which waits (the quota is full,
//! say) is kept until it is known what becomes of it; one that was told as refused is told
//! again when its value is published after all, and else never.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::Detail;
use crate::api::condition::{self, Reason};
use crate::api::names::MAX_USER_CHARS;
use crate::api::text::harmless;
use crate::api::{
    AboutValue, AuditAction, HistoryEntry, KlivAuditEventSpec, KlivSecretStatus, KnownSecret,
    Stamp, Stamps, What,
};

/// One secret, as it is now.
pub struct Seen<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// When the object was made.
    pub created: Timestamp,
    /// Who changed it.
    pub stamps: &'a Stamps,
    /// Whether `spec.sealed` is a value that is not in use, unless it is published now.
    pub waits: bool,
    /// `spec.refuseSealedBefore`, where that is still to come.
    pub will_refuse: Option<Timestamp>,
    /// What it is about to say of itself.
    pub next: &'a KlivSecretStatus,
    /// Whether it asks for a value and has none.
    pub asks: bool,
    /// What is asked of people about the value that it has.
    pub asks_about: AboutValue,
    /// Whether the keyring is lost: then it is no news that nothing opens.
    pub is_blind: bool,
}

/// All that is to be told of one secret, and what is known of it then.
pub(super) fn of_secret(
    seen: &Seen<'_>,
    known: Option<&KnownSecret>,
    now: Timestamp,
) -> (Vec<KlivAuditEventSpec>, KnownSecret) {
    let known = known.cloned().unwrap_or_default();
    let newest = Stamps::recorded(seen.stamps.newest());
    let is_news = |stamp: &&Stamp| stamp.seq > known.stamp && stamp.seq <= newest;
    let mut news: Vec<&Stamp> = seen.stamps.0.iter().filter(is_news).collect();
    news.drain(..news.len().saturating_sub(Stamps::MAX));
    let lost = news.first().map_or(0, |first| first.seq - known.stamp - 1);
    let waited = known.waiting();
    let untold: Vec<&Stamp> = waited.iter().chain(news.iter().copied()).collect();
    let mut teller = Teller {
        seen,
        known: &known,
        events: Vec::new(),
        asked: known.asked,
        had_value: known.version > 0,
        refused: known.refused,
        waiting: None,
        purges: Purges::of(seen, &known, &news, lost),
        is_alone: lost == 0 && news.len() == 1 && !known.is_resumed,
        earliest: Stamp::earliest(seen.created),
        now,
    };
    if lost > 0 {
        teller.tell(AuditAction::Updated, None, Some(Detail::Lost(lost)));
        if let Some(event) = teller.events.last_mut() {
            let next = news.first().copied();
            event.time = Time(Stamp::time_of(next, Stamp::earliest(seen.created), now));
        }
    }
    teller.tell_of_the_history(&untold);
    teller.tell_each(&untold);
    teller.tell_what_nobody_did();
    let refused_before = seen.next.refuse_sealed_before.clone();
    let line = teller.waiting.map(ToString::to_string);
    let known = KnownSecret {
        name: seen.name.to_owned(),
        uid: seen.uid.to_owned(),
        stamp: newest.max(Stamps::recorded(seen.next.recorded_stamp)).max(known.stamp),
        version: seen.next.version.unwrap_or(0).max(known.version),
        waiting: line.filter(|line| line.chars().count() <= KnownSecret::LONGEST_WAITING),
        refused: teller.refused,
        asked: teller.asked,
        asked_about: seen.asks_about,
        is_resumed: false,
        refused_before: refused_before.max(known.refused_before.clone()),
        will_refuse: seen.will_refuse.map(Time),
    };
    (teller.events, known)
}

/// Whether all values before the one in use were just called compromised, and by whom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purges {
    No,
    /// By the only change that is news, which has this number.
    ByTheChange(i64),
    /// By one of several, of which nobody can tell which.
    ByOneOf,
    /// By one that was told before: it named a time that was still to come.
    ByNow,
}

impl Purges {
    fn of(seen: &Seen<'_>, known: &KnownSecret, news: &[&Stamp], lost: i64) -> Self {
        let refused = &seen.next.refuse_sealed_before;
        let had_any = known.version > 0 || seen.next.version > Some(1);
        if !had_any || *refused <= known.refused_before {
            return Self::No;
        }
        match news {
            [] => Self::ByNow,
            _ if refused.is_some() && *refused == known.will_refuse => Self::ByNow,
            [change] if lost == 0 => Self::ByTheChange(change.seq),
            _ => Self::ByOneOf,
        }
    }
}

/// Tells of one secret.
struct Teller<'a> {
    seen: &'a Seen<'a>,
    known: &'a KnownSecret,
    events: Vec<KlivAuditEventSpec>,
    asked: bool,
    had_value: bool,
    refused: Option<i64>,
    waiting: Option<&'a Stamp>,
    purges: Purges,
    /// Whether only one change is news: then whatever is new is its doing.
    is_alone: bool,
    earliest: Timestamp,
    now: Timestamp,
}

impl<'a> Teller<'a> {
    /// Values that were published while nothing could be told, and whose stamps are not on the
    /// object any more: the history says who brought them.
    fn tell_of_the_history(&mut self, untold: &[&Stamp]) {
        for entry in self.seen.next.history.iter().rev() {
            let is_told = entry.version <= self.known.version || entry.by.is_empty();
            let Some(seq) = entry.stamp.filter(|_| !is_told) else { continue };
            if untold.iter().all(|stamp| stamp.seq != seq) {
                let on_behalf_of = entry.on_behalf_of.clone();
                let stamp = Stamp::new(seq, entry.time.0, What::Value, &entry.via, &entry.by);
                let stamp = Stamp { on_behalf_of, ..stamp };
                self.value(Some(&stamp), entry, None);
            }
        }
    }

    /// Each change, by who made it.
    fn tell_each(&mut self, untold: &[&'a Stamp]) {
        let last_value = untold.iter().rposition(|stamp| stamp.what == What::Value);
        for (i, &stamp) in untold.iter().enumerate() {
            let is_newest = i + 1 == untold.len();
            let was_refused = self.known.refused == Some(stamp.seq);
            let is_last = Some(i) == last_value;
            if let Some(entry) = self.brought(stamp, is_last) {
                self.value(Some(stamp), entry, None);
            } else if is_last && self.waits() {
                self.waiting = Some(stamp);
                match self.refusal() {
                    Some((action, detail)) if !was_refused => {
                        self.refuse(action, Some(stamp), detail);
                    }
                    _ => {}
                }
            } else if was_refused {
                // Told before, and nothing came of it since.
            } else if is_newest && self.is_not_understood() {
                if let Some((action, detail)) = self.refusal() {
                    self.refuse(action, Some(stamp), detail);
                }
            } else {
                self.change(stamp, is_newest, is_last);
            }
        }
    }

    /// A change that brought no value, and is not refused.
    fn change(&mut self, stamp: &Stamp, is_newest: bool, is_last_value: bool) {
        let asks = is_newest && self.seen.asks && !self.asked;
        match stamp.what {
            What::Value if is_last_value && asks => self.asks(stamp),
            What::Value => {
                let detail = match is_last_value {
                    true => Detail::ValueStayed,
                    false if self.is_before_the_history(stamp) => Detail::NotKept,
                    false => Detail::Overwritten,
                };
                self.tell(AuditAction::Updated, Some(stamp), Some(detail));
            }
            What::Spec if stamp.seq == 1 || asks => self.asks(stamp),
            What::Spec if self.purges == Purges::ByTheChange(stamp.seq) => {
                self.purges = Purges::No;
                self.tell(AuditAction::Compromised, Some(stamp), None);
            }
            What::Spec if self.is_alone && self.seen.asks_about != self.known.asked_about => {
                let (action, detail) = asked_about(self.known.asked_about, self.seen.asks_about);
                self.tell(action, Some(stamp), Some(detail));
            }
            What::Spec => {
                let detail = if self.asked { Detail::StillAsked } else { Detail::OnlySpec };
                self.tell(AuditAction::Updated, Some(stamp), Some(detail));
            }
        }
    }

    /// What no change accounts for.
    fn tell_what_nobody_did(&mut self) {
        let version = self.seen.next.version.unwrap_or(0);
        let told = self.events.iter().filter_map(|event| event.version).max();
        if version > self.known.version.max(told.unwrap_or(0)) {
            let newest = self.seen.next.history.first().filter(|entry| entry.version == version);
            match newest {
                Some(entry) => self.value(None, entry, Some(Detail::UnseenChange)),
                None => {
                    let action = self.action_of_value();
                    self.tell(action, None, Some(Detail::UnseenChange));
                    if let Some(event) = self.events.last_mut() {
                        event.version = Some(version);
                    }
                }
            }
        }
        match self.refusal() {
            // That what is in use does not open any more is nobody's doing.
            Some((action, detail)) if self.refused.is_none() && self.waiting.is_none() => {
                self.refuse(action, None, detail);
            }
            // Worth a word if it comes again; but for a value that waits.
            None if refusal(self.seen.next).is_none() => {
                let waiting = self.waiting.map(|stamp| stamp.seq);
                self.refused = self.refused.filter(|refused| waiting == Some(*refused));
            }
            _ => {}
        }
        let (stamp, detail) = match std::mem::replace(&mut self.purges, Purges::No) {
            Purges::No => return,
            Purges::ByTheChange(seq) => (self.seen.stamps.0.iter().find(|it| it.seq == seq), None),
            Purges::ByOneOf => (None, Some(Detail::OneOfSeveral)),
            Purges::ByNow => (None, Some(Detail::ItsTimeCame)),
        };
        self.tell(AuditAction::Compromised, stamp, detail);
    }

    /// The version that a change brought.
    fn brought(&self, stamp: &Stamp, is_last_value: bool) -> Option<&'a HistoryEntry> {
        if stamp.what != What::Value {
            return None;
        }
        let next = self.seen.next;
        let is_news = |entry: &&HistoryEntry| entry.version > self.known.version;
        let by_number = next.history.iter().filter(is_news).find(|e| e.stamp == Some(stamp.seq));
        by_number.or_else(|| {
            // One that was written by an earlier version of the operator has no number.
            let newest = next.history.first().filter(is_news)?;
            let is_it = is_last_value && !self.waits() && newest.stamp.is_none();
            (is_it && Some(newest.version) == next.version).then_some(newest)
        })
    }

    /// Whether versions came that are not in the history any more, and this change is older
    /// than those that are.
    fn is_before_the_history(&self, stamp: &Stamp) -> bool {
        let next = self.seen.next;
        let news = || next.history.iter().filter(|entry| entry.version > self.known.version);
        let came = next.version.unwrap_or(0).saturating_sub(self.known.version);
        i64::try_from(news().count()).is_ok_and(|kept| kept < came)
            && news().filter_map(|entry| entry.stamp).all(|kept| kept > stamp.seq)
    }

    /// Whether a value waits that is not published now.
    fn waits(&self) -> bool {
        let is_published = ready(self.seen.next).is_some_and(|(reason, _)| reason == "Published");
        self.seen.waits && !is_published
    }

    /// What is not carried out, where that is news.
    fn refusal(&self) -> Option<(AuditAction, String)> {
        let is_news =
            |action: &AuditAction| !(self.seen.is_blind && *action == AuditAction::OpeningFailed);
        refusal(self.seen.next).filter(|(action, _)| is_news(action))
    }

    /// A spec that can't be understood is its last writer's.
    fn is_not_understood(&self) -> bool {
        ready(self.seen.next).is_some_and(|(reason, _)| reason == "InvalidSpec")
    }

    fn refuse(&mut self, action: AuditAction, stamp: Option<&Stamp>, detail: String) {
        self.refused = Some(stamp.map_or(0, |stamp| stamp.seq));
        self.tell_text(action, stamp, Some(detail));
    }

    /// A value came; with a word on it where it is not as usual.
    fn value(&mut self, stamp: Option<&Stamp>, entry: &HistoryEntry, detail: Option<Detail>) {
        let mut action = self.action_of_value();
        let mut detail = detail;
        if stamp.is_some_and(|stamp| self.purges == Purges::ByTheChange(stamp.seq)) {
            self.purges = Purges::No;
            action = AuditAction::Compromised;
        } else if let Some(restores) = entry.restores.filter(|_| action == AuditAction::Updated) {
            action = AuditAction::RolledBack;
            detail = Some(Detail::IsBack(restores, detail.map(Box::new)));
        }
        self.tell(action, stamp, detail);
        if let Some(event) = self.events.last_mut() {
            event.version = Some(entry.version);
            event.masked_value = Some(entry.masked_value.clone());
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

    fn tell(&mut self, action: AuditAction, stamp: Option<&Stamp>, detail: Option<Detail>) {
        self.tell_text(action, stamp, detail.map(String::from));
    }

    fn tell_text(&mut self, action: AuditAction, stamp: Option<&Stamp>, detail: Option<String>) {
        let time = Stamp::time_of(stamp, self.earliest, self.now);
        if stamp.is_some() {
            self.earliest = time;
        }
        let mut event = KlivAuditEventSpec::new(action, time);
        event.secret = Some(self.seen.name.to_owned());
        event.secret_uid = Some(self.seen.uid.to_owned());
        if let Some(stamp) = stamp {
            made_by(&mut event, stamp);
        }
        event.detail = detail;
        self.events.push(event);
    }
}

/// What a change did to the question about a value.
fn asked_about(before: AboutValue, now: AboutValue) -> (AuditAction, Detail) {
    if now.deletion && !before.deletion {
        return (AuditAction::Requested, Detail::DeletionProposed);
    }
    match now.replaces {
        Some(_) => (AuditAction::Requested, Detail::NewValueAsked),
        None => (AuditAction::Updated, Detail::QuestionGone),
    }
}

fn made_by(event: &mut KlivAuditEventSpec, stamp: &Stamp) {
    event.actor = harmless(&stamp.user, MAX_USER_CHARS).into_owned();
    event.via.clone_from(&stamp.via);
    let human = stamp.on_behalf_of.as_deref();
    event.on_behalf_of = human.map(|human| harmless(human, MAX_USER_CHARS).into_owned());
}

/// Who handed in a value that still waited when its secret went, where that is not told yet.
pub(super) fn waited_in_vain(known: &KnownSecret, went: Timestamp) -> Option<KlivAuditEventSpec> {
    let stamp = known.waiting().filter(|stamp| known.refused != Some(stamp.seq))?;
    // When its object was made is not known any more, and a stamp may name any time.
    let mut event = KlivAuditEventSpec::new(AuditAction::Updated, went);
    event.secret = Some(known.name.clone());
    event.secret_uid = Some(known.uid.clone());
    made_by(&mut event, &stamp);
    event.detail = Some(Detail::Went(stamp.written.clone()).into());
    Some(event)
}

/// Whether a status says that it waits for a value.
pub(super) fn awaits(status: &KlivSecretStatus) -> bool {
    ready(status).is_some_and(|(reason, _)| reason == Reason::AwaitingValue.as_str())
}

/// What a status says that was not carried out.
pub(super) fn refusal(status: &KlivSecretStatus) -> Option<(AuditAction, String)> {
    let (reason, message) = ready(status)?;
    let detail = format!("{reason}: {message}");
    let detail = detail.chars().take(KlivAuditEventSpec::LONGEST_DETAIL).collect();
    Some((refused_as(reason)?, detail))
}

/// As what it is told that a secret is not carried out for this reason of its `Ready`; none
/// where it only waits, or is carried out.
#[must_use]
pub fn refused_as(reason: &str) -> Option<AuditAction> {
    match reason {
        "DecryptionFailed" => Some(AuditAction::OpeningFailed),
        "LimitExceeded" | "InvalidSpec" | "SealedTooEarly" => Some(AuditAction::Refused),
        _ => None,
    }
}

fn ready(status: &KlivSecretStatus) -> Option<(&str, &str)> {
    let ready = condition::ready(&status.conditions)?;
    Some((&ready.reason, &ready.message))
}
