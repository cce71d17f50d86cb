//! What a rotation of the sealing key left behind.

use super::observed::Account;
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
