//! Opens what is new, just to learn the facts about it: whether it opens, whether it is
//! the value already in use, and its mask. The plaintext is gone before this returns.

use super::decide::rank;
use super::observed::{Account, Memory, SecretObject};
use crate::api::Intent;
use crate::api::names::MAX_SECRETS;
use crate::seal::{Binding, Keyring, OpenError, Opened, Sealed, mask};

/// What `spec.sealed` is, compared with the value in use (`status.history[0]`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Candidate {
    /// There is none.
    #[default]
    Nothing,
    /// It is the very ciphertext in use.
    Current,
    /// Another ciphertext of the value in use: no new version.
    SameValue,
    /// A new value.
    New {
        /// Its mask.
        mask: String,
    },
    /// It does not open here.
    Unreadable(Why),
    /// It was not opened, since the account has too many.
    TooMany,
}

/// Why a ciphertext does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// There is no keyring.
    NoKeyring,
    /// It is no sealed value.
    Malformed,
    /// Its key is not in the keyring.
    UnknownKey,
    /// Altered, or sealed for another account, name or environment.
    Refused,
}

/// Takes no history for true that a cluster's own keyring refuses: somebody forged it, and
/// with it no set of the account could be made. The next status is without it.
pub(super) fn disown(account: &mut Account, memory: &Memory) {
    for secret in account.secrets.values_mut() {
        let in_use = secret.status.history.first().map(|entry| entry.generation);
        if in_use.is_some_and(|at| memory.forged.contains(&(secret.uid.clone(), at))) {
            secret.status.history.clear();
        }
    }
}

/// Fills in the [`Candidate`] of every secret that the account may have; opening more would
/// let one account keep the engine busy. Without a keyring nothing opens.
pub fn inspect(account: &mut Account, keyring: Option<&Keyring>) {
    let mut secrets: Vec<&mut SecretObject> = account.secrets.values_mut().collect();
    secrets.sort_by(|a, b| rank(a).cmp(&rank(b)));
    for (i, secret) in secrets.into_iter().enumerate() {
        secret.candidate = if i < MAX_SECRETS {
            candidate(&account.namespace, secret, keyring)
        } else {
            Candidate::TooMany
        };
    }
}

fn candidate(namespace: &str, secret: &SecretObject, keyring: Option<&Keyring>) -> Candidate {
    let (Ok(intent), Some(sealed)) = (&secret.intent, secret.sealed()) else {
        return Candidate::Nothing;
    };
    let current = secret.status.history.first();
    if current.is_some_and(|entry| entry.sealed == sealed) {
        // It opened before. Not to be able to open it any more is told at once, not first
        // when a set has to be made anew.
        return match (keyring, Sealed::key_named_in(sealed)) {
            (None, _) => Candidate::Unreadable(Why::NoKeyring),
            (Some(keyring), Some(key)) if !keyring.has(key) => {
                Candidate::Unreadable(Why::UnknownKey)
            }
            _ => Candidate::Current,
        };
    }
    let opened = match open(namespace, intent, sealed, keyring) {
        Ok(opened) => opened,
        Err(why) => return Candidate::Unreadable(why),
    };
    let same = current
        .and_then(|entry| open(namespace, intent, &entry.sealed, keyring).ok())
        .is_some_and(|before| before.value.same_as(&opened.value));
    if same { Candidate::SameValue } else { Candidate::New { mask: mask(&opened.value) } }
}

/// Opens one ciphertext of a secret.
pub(super) fn open(
    namespace: &str,
    intent: &Intent,
    sealed: &str,
    keyring: Option<&Keyring>,
) -> Result<Opened, Why> {
    let keyring = keyring.ok_or(Why::NoKeyring)?;
    let binding = Binding {
        account: namespace,
        variable: &intent.env_var,
        environment: intent.environment.as_deref(),
    };
    let sealed = Sealed::parse(sealed).map_err(|_| Why::Malformed)?;
    keyring.open(&sealed, &binding).map_err(|error| match error {
        OpenError::UnknownKey => Why::UnknownKey,
        OpenError::Refused => Why::Refused,
    })
}
