//! What a KlivSecret says of itself, as a pure function of what was decided.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::decide::Decision;
use super::inspect::Candidate;
use super::observed::SecretObject;
use crate::api::condition::{self, Reason};
use crate::api::{HistoryEntry, KlivSecretStatus, Stamp};

/// Entries of the history, with the one in use.
const HISTORY_ENTRIES: usize = 5;
/// Ciphertext in the history; the one in use always stays.
const HISTORY_BYTES: usize = 128 * 1024;

/// The status that belongs to a decision, once the sets are published, or with
/// `blocked`, the reason why they could not be.
pub(super) fn secret(
    secret: &SecretObject,
    decision: &Decision,
    blocked: Option<&(Reason, String)>,
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
    if reason == Reason::Published {
        match &secret.candidate {
            Candidate::New { mask, .. } => accept(secret, &mut next, decision, mask, now),
            Candidate::SameValue => {
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
    let before = secret.status.recorded_stamp;
    let waits = !published
        && matches!(
            secret.candidate,
            Candidate::New { .. } | Candidate::Unreadable(_) | Candidate::TooMany
        );
    let covered = match secret.stamps.last_value_change(before.unwrap_or(0)) {
        Some(stamp) if waits => Some(stamp.seq.saturating_sub(1)),
        _ => secret.stamps.newest(),
    };
    covered.max(before)
}

/// A new value becomes the one in use.
fn accept(
    secret: &SecretObject,
    next: &mut KlivSecretStatus,
    decision: &Decision,
    mask: &str,
    now: Timestamp,
) {
    let Some(member) = &decision.member else { return };
    let stamp = secret.stamps.last_value_change(secret.status.recorded_stamp.unwrap_or(0));
    let time = Time(stamp.map_or(now, |stamp| stamp.time));
    let said = |field: fn(&Stamp) -> &String| stamp.map(field).cloned();
    let version = next.version.unwrap_or(0).saturating_add(1);
    next.version = Some(version);
    next.created_time.get_or_insert_with(|| time.clone());
    next.updated_time = Some(time.clone());
    next.updated_by = said(|stamp| &stamp.user);
    next.via = said(|stamp| &stamp.via);
    next.masked_value = Some(mask.to_owned());
    next.history.insert(
        0,
        HistoryEntry {
            version,
            generation: member.generation,
            time,
            by: next.updated_by.clone().unwrap_or_default(),
            via: next.via.clone().unwrap_or_default(),
            masked_value: mask.to_owned(),
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
