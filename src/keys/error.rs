//! What can be wrong with the keyring's home, with the way out.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::api::names::{KEYRING_ENTRY, KEYRING_SECRET};
use crate::seal::KeyringError;

/// Why there is no keyring to work with. The texts hold names only, never content.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Values are sealed, and the key that opens them is gone.
    #[error(
        "the Secret {namespace}/{KEYRING_SECRET} is gone, and {example} is sealed with a key that was in it; \
         a new key would not open it, so none is made. Restore it from your backup: \
         kubectl -n {namespace} create -f <backup file>. \
         Without a backup the values are lost: delete every KlivSecret and hand them in again"
    )]
    Gone {
        /// The operator's namespace.
        namespace: String,
        /// One KlivSecret that is sealed: `namespace/name`.
        example: String,
    },
    /// The Secret is there and has no keyring in it.
    #[error(
        "the Secret {namespace}/{KEYRING_SECRET} has no entry {KEYRING_ENTRY}: restore it from your backup"
    )]
    NoEntry {
        /// The operator's namespace.
        namespace: String,
    },
    /// The keyring can't be read.
    #[error("the Secret {namespace}/{KEYRING_SECRET}: {reason}")]
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
