//! What can be wrong with the keyring's home, with the way out.

use std::io::ErrorKind;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::api::names::{KEYRING_ENTRY, KEYRING_SECRET, SEALING_KEY_CONFIGMAP};
use crate::seal::KeyringError;

fn restore(namespace: &str) -> String {
    format!(
        "Restore it from your backup: kubectl -n {namespace} replace --force -f <backup file>. \
         No new keyring is made over it"
    )
}

fn way_out(namespace: &str, reason: KeyringError) -> String {
    match reason {
        KeyringError::Malformed | KeyringError::KeyMismatch => format!(". {}", restore(namespace)),
        KeyringError::Wrapped => ". Give it as --keyring-wrapping-key-file \
             (in the chart controller.keyringWrappingKey)"
            .into(),
        KeyringError::WrongWrappingKey => ". If you changed the key, give the one before as \
             --keyring-former-wrapping-key-file (in the chart \
             controller.keyringWrappingKey.formerEntry)"
            .into(),
        KeyringError::Version | KeyringError::WrappingKey => String::new(),
    }
}

/// Why there is no keyring to work with. The texts hold names only, never content.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Values are sealed, and the key that opens them is gone.
    #[error(
        "the Secret {namespace}/{KEYRING_SECRET} is gone, and {example} is sealed with a key that was in it; \
         a new key would not open it, so none is made. Restore it from your backup: \
         kubectl -n {namespace} create -f <backup file>. \
         Without a backup the values are lost: delete every KlivSecret and the ConfigMap \
         {namespace}/{SEALING_KEY_CONFIGMAP}, and hand them in again"
    )]
    Gone {
        /// The operator's namespace.
        namespace: String,
        /// One KlivSecret that is sealed: `namespace/name`.
        example: String,
    },
    /// Nothing that is stored is sealed, but a manifest elsewhere may be.
    #[error(
        "the Secret {namespace}/{KEYRING_SECRET} is gone, and the sealing key that was in it is still published: \
         a manifest in git may be sealed with it, so no new one is made. Restore it from your backup: \
         kubectl -n {namespace} create -f <backup file>. If nothing that you need is sealed with it, delete \
         the ConfigMap {namespace}/{SEALING_KEY_CONFIGMAP} as well, and a new keyring is made"
    )]
    GoneAfterPublication {
        /// The operator's namespace.
        namespace: String,
    },
    /// The Secret is there and has no keyring in it.
    #[error(
        "the Secret {namespace}/{KEYRING_SECRET} has no entry {KEYRING_ENTRY}. {}",
        restore(namespace)
    )]
    NoEntry {
        /// The operator's namespace.
        namespace: String,
    },
    /// The keyring can't be read.
    #[error("the Secret {namespace}/{KEYRING_SECRET}: {reason}{}", way_out(namespace, *reason))]
    Keyring {
        /// The operator's namespace.
        namespace: String,
        /// Why.
        reason: KeyringError,
    },
    /// A wrapping key is given, and the keyring is stored in the clear.
    #[error(
        "the keyring in the Secret {namespace}/{KEYRING_SECRET} is not wrapped, though a wrapping key is given. \
         If it is yours, start once with --keyring-wrap-existing"
    )]
    NotWrapped {
        /// The operator's namespace.
        namespace: String,
    },
    /// The wrapping key's file can't be read.
    #[error("the wrapping key's file {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: ErrorKind,
    },
    /// The wrapping key's file holds something else.
    #[error("the file {}: {reason}", path.display())]
    WrappingKey {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: KeyringError,
    },
    /// A sealing key can't be older than a time that is still to come.
    #[error(
        "--sealing-key-not-before {time}: that is still to come, here it is {now}. A sealing key that was made \
         before this time is replaced: give a time that has passed"
    )]
    Cutoff {
        /// What was given.
        time: Timestamp,
        /// This machine's time.
        now: Timestamp,
    },
    /// The API server refused or did not answer.
    #[error("can't {verb} {object}: {reason}")]
    Api {
        /// What was tried.
        verb: &'static str,
        /// On what.
        object: String,
        /// Status code and reason, or that there was no answer.
        reason: String,
    },
}

impl KeysError {
    /// Whether the keyring may be all right: the API server did not tell.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Api { .. })
    }

    /// Whether the replica was given the wrong wrapping key, or none, while another may
    /// have the right one.
    #[must_use]
    pub fn is_of_this_replica(&self) -> bool {
        use KeyringError::{Wrapped, WrongWrappingKey};
        matches!(
            self,
            Self::NotWrapped { .. } | Self::Keyring { reason: Wrapped | WrongWrappingKey, .. }
        )
    }

    /// Keeps of an error of the client only what can't quote an object.
    pub(super) fn api(verb: &'static str, object: String, error: &kube::Error) -> Self {
        let reason = match error {
            kube::Error::Api(status) => {
                format!("the API server answered {} {}", status.code, status.reason)
            }
            kube::Error::SerdeError(_) => "the API server's answer can't be read".into(),
            _ => "no answer from the API server".into(),
        };
        Self::Api { verb, object, reason }
    }
}
