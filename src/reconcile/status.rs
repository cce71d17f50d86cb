//! What a KlivSecret says of itself, as a pure function of what was decided.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::decide::Decision;
use super::former;
use super::inspect::Candidate;
use super::observed::SecretObject;
use crate::api::condition::{self, Reason};
use crate::api::names::MAX_USER_CHARS;
use crate::api::text::harmless;
use crate::api::{HistoryEntry, KlivSecretStatus, KnownSecret, Stamp, Stamps};

/// Entries of the history, with the one in use.
const HISTORY_ENTRIES: usize = 5;
/// Ciphertext in the history; the one in use always stays.
const HISTORY_BYTES: usize = 128 * 1024;

/// The status that belongs to a decision, once the sets are published, or with
/// `blocked`, the reason why they could not be. `known` is what the audit trail has told.
pub(super) fn secret(
    secret: &SecretObject,
    decision: &Decision,
    blocked: Option<&(Reason, String)>,
    known: Option<&KnownSecret>,
    now: Timestamp,
) -> KlivSecretStatus {
    let before = &secret.status;
    let mut next = before.clone();
    next.observed_generation = Some(secret.generation);
    let stuck = blocked.filter(|_| decision.is_new && decision.reason == Reason::Published);
    let (reason, message) = match stuck {
        Some((reason, message)) => (*reason, message.clone()),
        None if decision.reason == Reason::Published => (Reason::Published, who_gets_it(decision)),
        None => (decision.reason, decision.message.clone()),
    };
    next.recorded_stamp = recorded_stamp(secret, reason == Reason::Published);
    former::refuse(secret, &mut next);
    if reason == Reason::Published {
        match &secret.candidate {
            Candidate::New { mask, restores } => {
                accept(secret, &mut next, decision, (mask, *restores), known, now);
            }
            Candidate::SameValue { is_newer: true } => {
                // The newer ciphertext is kept, so that old sealing keys fall out of use.
                if let (Some(entry), Some(sealed)) = (next.history.first_mut(), secret.sealed()) {
                    sealed.clone_into(&mut entry.sealed);
                }
            }
            _ => {}
        }
    }
    let generation = Some(secret.generation);
    next.conditions = condition::conditions(&before.conditions, reason, &message, generation, now);
    next
}

fn who_gets_it(decision: &Decision) -> String {
    match decision.member.as_ref().and_then(|member| member.environment.as_deref()) {
        Some(environment) => format!("functions of environment {environment} get this value"),
        None => "all functions of the account get this value".to_owned(),
    }
}

/// The last stamp that this status covers. A value that waits keeps its stamp: who handed
/// it in is recorded together with it.
fn recorded_stamp(secret: &SecretObject, published: bool) -> Option<i64> {
    let before = recorded_before(secret);
    let waits = !published && secret.candidate.waits();
    let covered = match secret.stamps.last_value_change(before.unwrap_or(0)) {
        Some(stamp) if waits => Some(stamp.seq.saturating_sub(1)),
        _ => secret.stamps.newest(),
    };
    covered.max(before)
}

/// What was recorded, but for a forged number.
fn recorded_before(secret: &SecretObject) -> Option<i64> {
    let recorded = secret.status.recorded_stamp;
    recorded.filter(|_| Stamps::recorded(recorded) == recorded.unwrap_or(0))
}

/// When a value changed: never before the last change.
fn changed_at(secret: &SecretObject, stamp: Option<&Stamp>, now: Timestamp) -> Timestamp {
    let last = secret.status.updated_time.as_ref();
    let earliest = last.map_or_else(|| Stamp::earliest(secret.created), |last| last.0);
    Stamp::time_of(stamp, earliest, now)
}

/// The version of a new value. One that the audit trail has told already has the number that
/// was told, also where the status could not be written before.
fn version(secret: &SecretObject, known: Option<&KnownSecret>) -> i64 {
    let before = secret.status.version.unwrap_or(0);
    match known {
        Some(known) if known.version > before => {
            let is_newest = secret.stamps.last_value_change(known.stamp).is_none();
            let is_told = is_newest && known.waiting.is_none();
            known.version.saturating_add(i64::from(!is_told))
        }
        _ => before.saturating_add(1),
    }
}

/// A new value becomes the one in use.
fn accept(
    secret: &SecretObject,
    next: &mut KlivSecretStatus,
    decision: &Decision,
    (mask, same_as): (&str, Option<i64>),
    known: Option<&KnownSecret>,
    now: Timestamp,
) {
    let Some(member) = &decision.member else { return };
    let waiting = known.and_then(KnownSecret::waiting);
    let stamp = secret.stamps.last_value_change(recorded_before(secret).unwrap_or(0));
    let stamp = stamp.or(waiting.as_ref());
    let time = Time(changed_at(secret, stamp, now));
    let version = version(secret, known);
    next.version = Some(version);
    next.created_time.get_or_insert_with(|| time.clone());
    next.updated_time = Some(time.clone());
    next.updated_by = stamp.map(|stamp| harmless(&stamp.user, MAX_USER_CHARS).into_owned());
    let human = stamp.and_then(|stamp| stamp.on_behalf_of.as_deref());
    next.on_behalf_of = human.map(|human| harmless(human, MAX_USER_CHARS).into_owned());
    next.via = stamp.map(|stamp| stamp.via.clone());
    next.masked_value = Some(mask.to_owned());
    let restores = former::restored(&next.history, &member.sealed, same_as);
    if secret.in_use_refused {
        next.history.clear();
    }
    next.history.insert(
        0,
        HistoryEntry {
            version,
            generation: member.generation,
            time,
            by: next.updated_by.clone().unwrap_or_default(),
            on_behalf_of: next.on_behalf_of.clone(),
            via: next.via.clone().unwrap_or_default(),
            masked_value: mask.to_owned(),
            stamp: stamp.map(|stamp| stamp.seq),
            restores,
            sealed: member.sealed.clone(),
        },
    );
    let mut bytes = 0;
    let mut kept = 0;
    next.history.retain(|entry| {
        bytes += entry.sealed.len();
        kept += 1;
        kept == 1 || (kept <= HISTORY_ENTRIES && bytes <= HISTORY_BYTES)
    });
}
