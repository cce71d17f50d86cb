//! What makes no sense, so that nothing is sent.

use super::What;
use crate::api::names::{INSTALL_CONFIGMAP, SEALING_KEY_CONFIGMAP};
use crate::seal::MalformedKey;

/// Why what was asked for makes no sense. Quotes nothing that may be a value typed in the
/// wrong place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Invalid {
    /// No namespace can be called so.
    #[error("that is no namespace's name: small letters, digits and dashes, at most 63, e.g. acme")]
    Namespace,
    /// No object can be called so.
    #[error("that is no name of a {0}: small letters, digits, dashes and dots, at most 253")]
    Name(What),
    /// The secret of this name is another variable's.
    #[error(
        "the secret {name} is there for the variable {variable}: name it so, or delete it first"
    )]
    OtherVariable {
        /// The secret.
        name: String,
        /// Its variable.
        variable: String,
    },
    /// The value is too large.
    #[error("the value is larger than 64 KiB")]
    TooLarge,
    /// A Secret that the operator published is no source for an import.
    #[error(
        "that Secret was published by kliv-secrets itself: its values are in KlivSecrets already"
    )]
    Published,
    /// The public key is none.
    #[error("ConfigMap {namespace}/{SEALING_KEY_CONFIGMAP}: {why}")]
    SealingKey {
        /// Where it is.
        namespace: String,
        /// What is wrong with it.
        why: MalformedKey,
    },
    /// The install tells no version.
    #[error("ConfigMap {INSTALL_CONFIGMAP} names no version")]
    NoVersion,
    /// What would come of a change is no secret.
    #[error("the secret {0} can't be read")]
    Unreadable(String),
}
