//! What is left behind: by a rotation of the sealing key, and by a value that somebody
//! else may know.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::observed::{Account, SecretObject};
use crate::api::{HistoryEntry, KlivAccountStatus, KlivSecretStatus, RefusedBefore};
use crate::seal::{KeyId, Sealed};

/// KlivSecrets of an account that name a key which is not the current one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Former {
    /// Those whose value is sealed with it: handing the value in again seals it anew.
    pub values: usize,
    /// Those of which only earlier versions are: they leave the history with the versions
    /// that follow, or with the object.
    pub history: usize,
}

impl Former {
    /// Counts them.
    #[must_use]
    pub fn of(account: &Account, current: KeyId) -> Self {
        let names_another =
            |sealed: &str| Sealed::key_named_in(sealed).is_some_and(|key| key != current);
        let mut former = Self::default();
        for secret in account.secrets.values() {
            let mut history = secret.status.history.iter().map(|entry| entry.sealed.as_str());
            if secret.sealed().into_iter().chain(history.next()).any(names_another) {
                former.values += 1;
            } else if history.any(names_another) {
                former.history += 1;
            }
        }
        former
    }
}

/// Ciphertexts of a secret that were sealed before this time are refused: the latest time
/// that `spec.refuseSealedBefore` has had, also on an object of this name that was deleted
/// since. One that is still to come does not count yet, so a slip of the pen shuts nobody out.
/// In whole seconds, as times are stored.
pub(super) fn refused_before(
    secret: &SecretObject,
    kept: &[RefusedBefore],
    now: Timestamp,
) -> Option<Timestamp> {
    let asked = secret.refuse_sealed_before.filter(|time| *time <= now);
    let asked = asked.and_then(in_whole_seconds);
    let kept = kept.iter().filter(|kept| kept.secret == secret.name).map(|kept| kept.before.0);
    let own = secret.status.refuse_sealed_before.as_ref().map(|time| time.0);
    asked.max(own).max(kept.max())
}

pub(super) fn in_whole_seconds(time: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(time.as_second()).ok()
}

/// Records it. Where the time is a later one, all former versions leave the history.
pub(super) fn refuse(secret: &SecretObject, next: &mut KlivSecretStatus) {
    let before = secret.refused_before.map(Time);
    if before > next.refuse_sealed_before {
        next.refuse_sealed_before = before;
        next.history.truncate(1);
    }
}

/// Keeps in the KlivAccount what every secret refuses, so that it stays refused when the
/// secret is deleted and made again from an old manifest. There is room for the latest.
pub(super) fn remember(account: &mut KlivAccountStatus, nexts: &BTreeMap<&str, KlivSecretStatus>) {
    let mut all: BTreeMap<&str, &Time> =
        account.refused.iter().map(|kept| (kept.secret.as_str(), &kept.before)).collect();
    for (name, next) in nexts {
        if let Some(before) = &next.refuse_sealed_before {
            let kept = all.entry(name).or_insert(before);
            *kept = before.max(kept);
        }
    }
    let mut all: Vec<RefusedBefore> = all
        .into_iter()
        .map(|(secret, before)| RefusedBefore { secret: secret.to_owned(), before: before.clone() })
        .collect();
    all.sort_by(|a, b| b.before.cmp(&a.before).then_with(|| a.secret.cmp(&b.secret)));
    all.truncate(RefusedBefore::MAX);
    if account.refused != all {
        account.refused = all;
    }
}

/// The version that a value brings back: it is in use again after others.
pub(super) fn restored(
    history: &[HistoryEntry],
    sealed: &str,
    same_as: Option<i64>,
) -> Option<i64> {
    let is_it = |entry: &&HistoryEntry| entry.sealed == sealed || Some(entry.version) == same_as;
    let oldest = history.iter().rev().find(is_it)?;
    Some(oldest.restores.unwrap_or(oldest.version))
}
