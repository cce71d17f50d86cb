//! The audit trail's steps of a plan.
//!
//! ```text
//!  A  KlivAccount.status.audit: events to be made, the new head, what was told of each secret
//!  B  the events are made, one after the other              (409: there already)
//!  C  KlivSecret statuses that A covers are written         (recordedStamp never beyond A)
//!  D  the next write of the KlivAccount drops what is made
//! ```
//!
//! A crash after A repeats B; one before A repeats the facts, which follow from what is there.
//! D is worth no write of its own while another is to come: until then a restart finds its
//! events there already.
//! Where events can't be made, values go on: their statuses are written without the record of
//! who did it (`recordedStamp` waits), and the KlivAccount says so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::action::{Action, Plan};
use super::decide::{Decision, unopenable};
use super::observed::{Account, AccountObject, Memory, SecretObject};
use super::plan::{Timings, wait};
use super::retention::Kept;
use super::status;
use super::trail_memory::TrailMemory;
use crate::api::condition::{AUDITED, Reason};
use crate::api::{
    AuditRecord, Intent, KlivAccountStatus, KlivAuditEventSpec, KlivSecretStatus, KnownSecret,
    Source,
};
use crate::audit::{self, Facts, Seen};

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
                let next = match self.is_dead(decision) {
                    true => status::secret(secret, &unopenable(), None, known, self.now),
                    false => status::secret(secret, decision, blocked, known, self.now),
                };
                Some((name.as_str(), next))
            })
            .collect()
    }

    /// Whether the value in use is there, and can't be opened any more to be published again.
    fn is_dead(&self, decision: &Decision) -> bool {
        decision.member.as_ref().is_some_and(|member| {
            self.memory.unopenable.contains(&(member.uid.clone(), member.generation))
        })
    }

    /// The record, or one that begins here; none where it is not known yet where the trail
    /// ends, or where there is nothing to tell of.
    fn record(&self) -> Option<AuditRecord> {
        let status = &self.object.status;
        if status.audit.is_some() {
            return status.audit.clone();
        }
        let (uid, end) = self.memory.trail.end.as_ref()?;
        if *uid != self.object.uid || !self.has_to_tell() {
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

    /// Whether there is anything to tell of.
    fn has_to_tell(&self) -> bool {
        !self.account.secrets.is_empty() || self.memory.trail.knows_who_deletes()
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
                    asks_about: secret.asks_about,
                    is_blind,
                })
            });
            let (gone, _) = trail.gone_for_good(self.now);
            let facts = Facts {
                secrets: secrets.collect(),
                gone: &gone,
                arrived,
                sealing_key: self.account.sealing_key.as_deref(),
                now: self.now,
            };
            audit::tell(&self.account.namespace, &mut record, &facts);
            if let Some(old) = &trail.old
                && old.until.sequence > passed(&record)
            {
                record.checkpoint = Some(old.until.clone());
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
        if let Some(wait) = trail.tries_in(self.now) {
            plan.look_again_in(wait);
            return;
        }
        if self.has_unseen_gone() {
            plan.look_at_deletions();
        } else {
            look_for_notices(trail, self.now, plan);
        }
        let Some(record) = &self.object.status.audit else {
            let is_found = trail.end.as_ref().is_some_and(|(uid, _)| *uid == self.object.uid);
            if !is_found && self.has_to_tell() {
                plan.actions.push(Action::FindTrail);
            }
            return;
        };
        let untold = |event: &&KlivAuditEventSpec| {
            event.sequence.is_none_or(|number| !trail.told.contains(&number))
        };
        let untold: Vec<_> = record.pending.iter().filter(untold).cloned().collect();
        let made = record.head.sequence.saturating_sub(i64::try_from(untold.len()).unwrap_or(0));
        if !untold.is_empty() {
            plan.actions.push(Action::Tell(untold));
        }
        self.drop_notices(record, plan);
        self.retain(record, made, timings, plan);
    }

    /// Notices go when what they say is recorded; further ones are looked at then.
    fn drop_notices(&self, record: &AuditRecord, plan: &mut Plan) {
        let trail = &self.memory.trail;
        if let (_, Some(wait)) = trail.gone_for_good(self.now) {
            plan.look_again_in(wait);
        }
        let is_waiting = |uid: &String| {
            trail.gone.as_ref().is_some_and(|gone| gone.contains_key(uid))
                || audit::known(Some(record), uid).is_some()
                || self.account.secrets.values().any(|secret| secret.uid == *uid)
        };
        let settled = trail.notices.iter().filter(|(_, uid)| !uid.as_ref().is_some_and(is_waiting));
        let settled: Vec<String> = settled.map(|(name, _)| name.clone()).collect();
        if !settled.is_empty() {
            plan.actions.push(Action::DropNotices(settled));
        } else if trail.has_more && trail.notices.is_empty() {
            plan.look_at_deletions();
        }
    }

    /// Old events go, when the checkpoint has passed them. `made`: the newest that is made.
    fn retain(&self, record: &AuditRecord, made: i64, timings: &Timings, plan: &mut Plan) {
        let trail = &self.memory.trail;
        let passed = passed(record);
        if let Some(old) = &trail.old {
            if old.until.sequence <= passed {
                plan.actions.push(Action::Prune(old.numbers.clone()));
            }
            return;
        }
        let slack = timings.audit_keep_events / 10;
        let exceeds = |from: i64, most: usize| {
            usize::try_from(made.saturating_sub(from)).is_ok_and(|kept| kept > most)
        };
        let are_many = exceeds(passed, timings.audit_keep_events.saturating_add(slack))
            && trail.nothing_old_at.is_none_or(|at| exceeds(at, slack));
        let due = trail.next_retention.map(|due| wait(self.now, due));
        match due {
            Some(Some(wait)) if !are_many => plan.look_again_in(wait),
            None if !are_many => {}
            _ => {
                let most = timings.audit_keep_events;
                plan.actions.push(Action::FindOld(Kept::of(timings.audit_keep, most, self.now)));
            }
        }
    }
}

/// Up to where events may be gone already.
fn passed(record: &AuditRecord) -> i64 {
    record.checkpoint.as_ref().map_or(0, |link| link.sequence)
}

/// There may be notices of secrets that were never seen.
fn look_for_notices(trail: &TrailMemory, now: Timestamp, plan: &mut Plan) {
    match trail.looks_in(now) {
        Some(Duration::ZERO) => plan.look_at_deletions(),
        Some(wait) => plan.look_again_in(wait),
        None => {}
    }
}

/// The same where there is no KlivAccount.
pub(super) fn look_without_account(trail: &TrailMemory, now: Timestamp, plan: &mut Plan) {
    match trail.tries_in(now) {
        Some(wait) if trail.owes() => plan.look_again_in(wait),
        Some(_) => {}
        None => look_for_notices(trail, now, plan),
    }
}
