//! Why a secret, or a function, is not as a verb needs it.

use k8s_openapi::jiff::Timestamp;

use crate::api::names::MAX_SECRETS;

/// Why something is not as a verb needs it, in words without a way out: that is another one
/// in a terminal, on a page and for an agent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    /// A new value can't replace one.
    #[error("{0} has no value yet, so there is none to replace")]
    NoValue(String),
    /// A question was answered already.
    #[error("{0} has its value already")]
    HasValue(String),
    /// There is no question to answer.
    #[error("nobody asks for {0}")]
    NotAsked(String),
    /// A value is handed in where a question wants none.
    #[error("nobody asks for a value of {0}: it is proposed to delete it")]
    DeletionProposed(String),
    /// There is such a secret.
    #[error("{0} is there already")]
    Exists(String),
    /// There is no former value.
    #[error("{0} has had no value yet: there is nothing to go back to")]
    NoHistory(String),
    /// It is the value in use that is to come back.
    #[error("version {version} of {name} is the one in use")]
    InUse {
        /// The secret.
        name: String,
        /// The version.
        version: i64,
    },
    /// There never was such a version.
    #[error("{name} has had no version {version}: its newest is {newest}")]
    NoVersion {
        /// The secret.
        name: String,
        /// The version.
        version: i64,
        /// The newest.
        newest: i64,
    },
    /// It was called compromised.
    #[error(
        "version {version} of {name} is not kept: values sealed before {before} were called \
         compromised and are gone for good"
    )]
    Purged {
        /// The secret.
        name: String,
        /// The version.
        version: i64,
        /// What was sealed before is refused.
        before: Timestamp,
    },
    /// It is too long ago.
    #[error("version {version} of {name} is not kept any more: the last five are, up to 128 KiB")]
    NotKept {
        /// The secret.
        name: String,
        /// The version.
        version: i64,
    },
    /// A Deployment that is none.
    #[error("{name} is no function of the account: it lacks the label {label}")]
    NoFunction {
        /// The Deployment.
        name: String,
        /// What functions are told by.
        label: String,
    },
    /// It needs not be told to take a new set.
    #[error("{0} takes new sets by itself: there is nothing to tell it")]
    NotManual(String),
    /// So many of the names of an import can't be written.
    #[error(
        "nothing was written: {0} of the names clash with variables that differ only in capitals"
    )]
    Clashes(usize),
    /// The account would have too many secrets.
    #[error(
        "the account has {there} secrets, and with {new} more it would have over {MAX_SECRETS}, \
         which is the limit"
    )]
    TooMany {
        /// How many it has.
        there: usize,
        /// How many would be new.
        new: usize,
    },
    /// There is no set for a function.
    #[error("nothing is published for {0} yet")]
    NothingPublished(String),
}
