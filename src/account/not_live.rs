//! Why a change is not live, in words without a way out: that is another one in a terminal
//! and on a page.

use std::time::Duration;

use super::Live;
use crate::api::condition::{Behind, Reason};
use crate::runtime::client::Away;

/// Why the operator has not done its part, or can't.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotLive {
    /// It can't take a change, and only a person can alter that.
    #[error("{name} was stored, but {why}")]
    Held {
        /// The secret.
        name: String,
        /// Why.
        why: Held,
    },
    /// It tries again and again.
    #[error(
        "stored, but after {}s {name} is still not published: {why}. It is tried again by itself",
        after.as_secs()
    )]
    Retried {
        /// The secret.
        name: String,
        /// Why.
        why: Held,
        /// How long was waited.
        after: Duration,
    },
    /// The cluster did not answer.
    #[error(
        "stored, but on how many functions it is live could not be seen for {}s: {why}",
        after.as_secs()
    )]
    Unseen {
        /// Why not.
        why: Away,
        /// How long was waited.
        after: Duration,
    },
    /// Rollouts still go on.
    #[error(
        "stored and published, but after {}s it is {}. The rollouts go on by themselves",
        after.as_secs(),
        live.words()
    )]
    RollingOut {
        /// How far it is.
        live: Live,
        /// How long was waited.
        after: Duration,
    },
    /// It has not taken a change.
    #[error(
        "stored, but the operator has not taken it up after {}s. It will when it runs again",
        .0.as_secs()
    )]
    Untaken(Duration),
    /// A function's new pods do not become ready.
    #[error("{0}: {why}", why = Behind::RolloutFailed.message().unwrap_or_default())]
    RolloutFailed(String),
    /// A function was told to take its set, and its rollout still goes on.
    #[error(
        "told, but after {}s its rollout is not through. It goes on by itself",
        .0.as_secs()
    )]
    NotThrough(Duration),
    /// So much happens in an account that its trail can't be read as it is at one moment.
    #[error("the audit trail of {0} grows faster than it can be read: try again later")]
    TrailGrows(String),
}

/// Why a secret is not published.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Held {
    /// It is gone.
    #[error("somebody deleted it since")]
    Deleted,
    /// For what the operator says.
    #[error("{message}")]
    Because {
        /// The reason, where it is one that is known here.
        reason: Option<Reason>,
        /// The operator's words; they can be shown.
        message: String,
    },
}
