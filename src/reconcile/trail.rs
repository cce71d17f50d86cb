//! The audit trail's steps of a plan.
//!
//! ```text
//!  A  KlivAccount.status.audit: events to be made, the new head, what was told of each secret
//!  B  the events are made, by number                        (409: there already)
//!  C  KlivSecret statuses that A covers are written         (recordedStamp never beyond A)
//!  D  the next write of the KlivAccount drops what is made
//! ```
//!
//! A crash after A repeats B; one before A repeats the facts, which follow from what is there.
//! Where events can't be made, values go on: their statuses are written without the record of
//! who did it (`recordedStamp` waits), and the KlivAccount says so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::action::{Action, Plan};
use super::decide::Decision;
use super::observed::{Account, AccountObject, Memory, SecretObject};
use super::plan::{Timings, after, doubled, wait};
use super::status;
use crate::api::condition::{AUDITED, Reason};
use crate::api::{
    AuditRecord, ChainLink, Intent, KlivAccountStatus, KlivAuditEventSpec, KlivSecretStatus,
    KnownSecret, Source,
};
use crate::audit::{self, Facts, Seen};

const AGAIN_FIRST: Duration = Duration::from_secs(5);
const AGAIN_LONGEST: Duration = Duration::from_secs(600);
/// How often it is looked which events are too old.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is remembered of an account's audit trail.
#[derive(Clone, Default)]
pub struct TrailMemory {
    /// Where the trail ends, for the KlivAccount with this uid, which has no record of it.
    end: Option<(String, TrailEnd)>,
    /// Events that are surely there.
    told: BTreeSet<i64>,
    /// Why events can't be made, how often that was tried, and when it is tried again.
    untold: Option<(String, u32, Timestamp)>,
    /// Secrets that are surely gone, by uid, and who deleted them; none: to be looked for.
    gone: Option<BTreeMap<String, Option<KlivAuditEventSpec>>>,
    /// Notices of deletes: name and the secret's uid.
    notices: Vec<(String, String)>,
    /// What is not kept any more: the newest of it, and the numbers of all.
    old: Option<(ChainLink, Vec<i64>)>,
    /// It was looked, and nothing was: where events were deleted by hand, numbers mislead.
    nothing_old: bool,
    /// When it is to be looked next what is too old.
    pub next_retention: Option<Timestamp>,
}

/// Where an account's trail ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailEnd {
    /// The newest event that is there.
    pub head: ChainLink,
    /// The one before the oldest that is there.
    pub checkpoint: Option<ChainLink>,
}

/// What came of an action on the audit trail.
#[derive(Clone)]
pub enum Trailed {
    /// Where the trail of the KlivAccount with this uid ends.
    End(String, TrailEnd),
    /// An event is there; whether it was made just now.
    Told(Box<KlivAuditEventSpec>, bool),
    /// The API server did not do it, and why, in a fixed text.
    Untold(String),
    /// Secrets that are surely gone, by uid, and who deleted them; and all notices of deletes:
    /// name and the secret's uid.
    Gone(BTreeMap<String, Option<KlivAuditEventSpec>>, Vec<(String, String)>),
    /// These notices are not there any more.
    Dropped(Vec<String>),
    /// What is not kept any more: the newest of it, and the numbers of all.
    Old(ChainLink, Vec<i64>),
    /// These are deleted.
    Pruned(Vec<i64>),
}

impl TrailMemory {
    pub(super) fn fold(&mut self, trailed: &Trailed, now: Timestamp) {
        match trailed {
            Trailed::End(uid, end) => self.end = Some((uid.clone(), end.clone())),
            Trailed::Told(event, _) => self.told.extend(event.sequence),
            Trailed::Untold(text) => {
                let tries = self.untold.as_ref().map_or(0, |(_, tries, _)| tries + 1);
                let next = after(now, doubled(AGAIN_FIRST, tries, AGAIN_LONGEST));
                // Several at once are one try.
                if self.untold.as_ref().is_none_or(|(_, _, next)| wait(now, *next).is_none()) {
                    self.untold = Some((text.clone(), tries, next));
                }
                return;
            }
            Trailed::Gone(gone, notices) => {
                self.gone = Some(gone.clone());
                self.notices.clone_from(notices);
            }
            Trailed::Dropped(names) => self.notices.retain(|(name, _)| !names.contains(name)),
            Trailed::Old(until, numbers) => {
                self.nothing_old = numbers.is_empty();
                self.old = (!numbers.is_empty()).then(|| (until.clone(), numbers.clone()));
                self.next_retention = Some(after(now, DAY));
            }
            Trailed::Pruned(numbers) => {
                if let Some((_, old)) = &mut self.old {
                    old.retain(|number| !numbers.contains(number));
                }
                self.old.take_if(|(_, old)| old.is_empty());
            }
        }
        // What can be read, can't be written for that.
        if matches!(trailed, Trailed::Told(..) | Trailed::End(..)) {
            self.untold = None;
        }
    }

    /// Secrets may have gone since.
    pub(super) fn look_anew(&mut self) {
        self.gone = None;
    }

    pub(super) fn forget_what_is_over(&mut self, record: Option<&AuditRecord>) {
        let pending = || record.into_iter().flat_map(|record| &record.pending);
        self.told.retain(|told| pending().any(|event| event.sequence == Some(*told)));
    }
}

/// An account's audit trail, as the plan sees it.
pub(super) struct Trail<'a> {
    pub(super) account: &'a Account,
    pub(super) object: &'a AccountObject,
    pub(super) memory: &'a Memory,
    pub(super) now: Timestamp,
}

impl<'a> Trail<'a> {
    /// What was told of a secret.
    pub(super) fn known(&self, secret: &SecretObject) -> Option<&'a KnownSecret> {
        audit::known(self.object.status.audit.as_ref(), &secret.uid)
    }

    /// What every secret is about to say of itself.
    pub(super) fn nexts(
        &self,
        decisions: &BTreeMap<String, Decision>,
        blocked: Option<&(Reason, String)>,
    ) -> BTreeMap<&'a str, KlivSecretStatus> {
        let secrets = self.account.secrets.iter();
        secrets
            .filter_map(|(name, secret)| {
                let (decision, known) = (decisions.get(name)?, self.known(secret));
                let next = status::secret(secret, decision, blocked, known, self.now);
                Some((name.as_str(), next))
            })
            .collect()
    }

    /// The record, or one that begins here; none where it is not known yet where the trail
    /// ends, or where there is nothing to tell of.
    fn record(&self) -> Option<AuditRecord> {
        let status = &self.object.status;
        if status.audit.is_some() {
            return status.audit.clone();
        }
        let (uid, end) = self.memory.trail.end.as_ref()?;
        if *uid != self.object.uid || self.account.secrets.is_empty() {
            return None;
        }
        let secrets = self.account.secrets.values();
        let secrets = secrets.map(|s| (s.name.as_str(), s.uid.as_str(), &s.status));
        let mut record = audit::start(secrets, status.revision);
        record.head = end.head.clone();
        record.checkpoint.clone_from(&end.checkpoint);
        if record.head.sequence > 0 {
            audit::resume(&self.account.namespace, &mut record, self.now);
        }
        Some(record)
    }

    /// Step A and D: what happened goes into the KlivAccount's next status, and what is made
    /// out of it.
    pub(super) fn advance(
        &self,
        next: &mut KlivAccountStatus,
        nexts: &BTreeMap<&str, KlivSecretStatus>,
        arrived: Option<(i64, i32, i32)>,
    ) {
        let trail = &self.memory.trail;
        if let Some(mut record) = self.record() {
            record.pending.retain(|event| !event.sequence.is_some_and(|n| trail.told.contains(&n)));
            let is_blind = self.account.is_blind();
            let secrets = self.account.secrets.values().filter_map(|secret| {
                Some(Seen {
                    name: &secret.name,
                    uid: &secret.uid,
                    created: secret.created,
                    stamps: &secret.stamps,
                    waits: secret.candidate.waits(),
                    will_refuse: secret.refuse_sealed_before.filter(|time| *time > self.now),
                    next: nexts.get(secret.name.as_str())?,
                    asks: matches!(secret.intent, Ok(Intent { source: Source::Question(_), .. })),
                    is_blind,
                })
            });
            let nobody = BTreeMap::new();
            let facts = Facts {
                secrets: secrets.collect(),
                gone: trail.gone.as_ref().unwrap_or(&nobody),
                arrived,
                sealing_key: self.account.sealing_key.as_deref(),
                now: self.now,
            };
            audit::tell(&self.account.namespace, &mut record, &facts);
            if let Some((until, _)) = &trail.old
                && until.sequence > record.checkpoint.as_ref().map_or(0, |link| link.sequence)
            {
                record.checkpoint = Some(until.clone());
            }
            next.audit = Some(record);
        }
        self.say_whether_it_is_recorded(next);
    }

    /// Whether the only news is that events were made: worth no write of its own where one is
    /// to come anyway.
    pub(super) fn only_drops(&self, next: &KlivAccountStatus) -> bool {
        let mut same = next.clone();
        if let (Some(next), Some(before)) = (&mut same.audit, &self.object.status.audit) {
            next.pending.clone_from(&before.pending);
        }
        same == self.object.status
    }

    fn say_whether_it_is_recorded(&self, next: &mut KlivAccountStatus) {
        let before = &self.object.status;
        let is_told = |event: &KlivAuditEventSpec| {
            event.sequence.is_some_and(|n| self.memory.trail.told.contains(&n))
        };
        let is_behind = match &before.audit {
            Some(record) => !record.pending.iter().all(is_told) || self.has_unseen_gone(),
            None => next.audit.is_none() && !self.account.secrets.is_empty(),
        };
        let earlier = before.conditions.iter().find(|condition| condition.type_ == AUDITED);
        next.conditions.retain(|condition| condition.type_ != AUDITED);
        if !is_behind {
            return;
        }
        match &self.memory.trail.untold {
            Some((text, ..)) => next.conditions.push(Condition {
                type_: AUDITED.to_owned(),
                status: "False".to_owned(),
                reason: "EventsRefused".to_owned(),
                message: text.clone(),
                observed_generation: None,
                last_transition_time: earlier
                    .map_or(Time(self.now), |condition| condition.last_transition_time.clone()),
            }),
            None => next.conditions.extend(earlier.cloned()),
        }
    }

    /// Whether a secret that was told of is not there, and it is not known for sure.
    fn has_unseen_gone(&self) -> bool {
        let record = self.object.status.audit.iter();
        let there: BTreeSet<&String> =
            self.account.secrets.values().map(|secret| &secret.uid).collect();
        let mut known = record.flat_map(|record| &record.secrets);
        self.memory.trail.gone.is_none() && known.any(|known| !there.contains(&known.uid))
    }

    /// Step C: whether a status may be written now. It waits for its part of step A; where
    /// that can't be done it goes without the record of who did it.
    pub(super) fn lets(
        &self,
        secret: &SecretObject,
        next: &mut KlivSecretStatus,
        coming: Option<&AuditRecord>,
        is_held: bool,
    ) -> bool {
        let before = &secret.status;
        let is_raised =
            next.recorded_stamp > before.recorded_stamp || next.version > before.version;
        if !is_raised || audit::covers(self.object.status.audit.as_ref(), &secret.uid, next) {
            return true;
        }
        let is_coming =
            self.memory.trail.untold.is_none() || audit::covers(coming, &secret.uid, next);
        if is_coming && !is_held && !audit::has_no_room_for(coming, &secret.uid) {
            return false;
        }
        let told = self.known(secret).map(|known| known.stamp).filter(|stamp| *stamp > 0);
        next.recorded_stamp = next.recorded_stamp.min(told).max(before.recorded_stamp);
        true
    }

    /// Step B, and what has to be found out for the others.
    pub(super) fn look(&self, timings: &Timings, plan: &mut Plan) {
        let trail = &self.memory.trail;
        if let Some((.., next)) = &trail.untold
            && let Some(wait) = wait(self.now, *next).filter(|wait| *wait <= AGAIN_LONGEST)
        {
            plan.look_again_in(wait);
            return;
        }
        let Some(record) = &self.object.status.audit else {
            let is_found = trail.end.as_ref().is_some_and(|(uid, _)| *uid == self.object.uid);
            if !is_found && !self.account.secrets.is_empty() {
                plan.actions.push(Action::FindTrail);
            }
            return;
        };
        for event in &record.pending {
            if event.sequence.is_none_or(|number| !trail.told.contains(&number)) {
                plan.actions.push(Action::Tell(Box::new(event.clone())));
            }
        }
        if self.has_unseen_gone() {
            plan.actions.push(Action::FindDeletions);
        }
        let is_of_one_there = |uid: &String| {
            record.secrets.iter().any(|known| known.uid == *uid)
                || self.account.secrets.values().any(|secret| secret.uid == *uid)
        };
        let settled = trail.notices.iter().filter(|(_, uid)| !is_of_one_there(uid));
        let settled: Vec<String> = settled.map(|(name, _)| name.clone()).collect();
        if !settled.is_empty() {
            plan.actions.push(Action::DropNotices(settled));
        }
        self.retain(record, timings, plan);
    }

    /// Old events go, when the checkpoint has passed them.
    fn retain(&self, record: &AuditRecord, timings: &Timings, plan: &mut Plan) {
        let trail = &self.memory.trail;
        let checkpoint = record.checkpoint.as_ref().map_or(0, |link| link.sequence);
        if let Some((until, numbers)) = &trail.old {
            if until.sequence <= checkpoint {
                plan.actions.push(Action::Prune(numbers.clone()));
            }
            return;
        }
        let kept = record.head.sequence.saturating_sub(checkpoint);
        let most = timings.audit_keep_events.saturating_add(timings.audit_keep_events / 10);
        let are_many = usize::try_from(kept).unwrap_or(0) > most && !trail.nothing_old;
        let due = trail.next_retention.map(|due| wait(self.now, due));
        match due {
            Some(Some(wait)) if !are_many => plan.look_again_in(wait),
            None if !are_many => {}
            _ => {
                let before = self.now.checked_sub(timings.audit_keep).unwrap_or(Timestamp::MIN);
                plan.actions.push(Action::FindOld(before, timings.audit_keep_events));
            }
        }
    }
}
