//! What is left behind: by a rotation of the sealing key, and by a value that somebody
//! else may know.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::observed::{Account, SecretObject};
use crate::api::{HistoryEntry, KlivSecretStatus};
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
/// that `spec.refuseSealedBefore` has had. One that is still to come does not count yet, so
/// a slip of the pen shuts nobody out. In whole seconds, as times are stored.
pub(super) fn refused_before(secret: &SecretObject, now: Timestamp) -> Option<Timestamp> {
    let asked = secret.refuse_sealed_before.filter(|time| *time <= now);
    let asked = asked.and_then(|time| Timestamp::from_second(time.as_second()).ok());
    asked.max(secret.status.refuse_sealed_before.as_ref().map(|time| time.0))
}

/// Records it. Where the time is a later one, all former versions leave the history.
pub(super) fn refuse(secret: &SecretObject, next: &mut KlivSecretStatus, now: Timestamp) {
    let before = refused_before(secret, now).map(Time);
    if before > next.refuse_sealed_before {
        next.refuse_sealed_before = before;
        next.history.truncate(1);
    }
}

/// The version that a ciphertext brings back: the value is in use again after others.
pub(super) fn restored(history: &[HistoryEntry], sealed: &str) -> Option<i64> {
    let oldest = history.iter().rev().find(|entry| entry.sealed == sealed)?;
    Some(oldest.restores.unwrap_or(oldest.version))
}
