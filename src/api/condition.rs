//! Conditions and their closed sets of reasons.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// The one condition type of our kinds.
pub const READY: &str = "Ready";

/// Why a KlivSecret is ready or not. The words are API: they never change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The value is in the account's published set.
    Published,
    /// There is no value yet: a question (`spec.request`) waits for its answer, or a
    /// value asked for by `spec.generate` was not made because the webhook did not run.
    AwaitingValue,
    /// The ciphertext does not open here; the last good value stays published.
    DecryptionFailed,
    /// The account has too many secrets, or the set would be too large.
    LimitExceeded,
    /// A ResourceQuota of the namespace refuses the published set.
    QuotaExceeded,
    /// The spec can't be understood.
    InvalidSpec,
    /// The published set could not be written; tried again.
    PublishFailed,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Published,
        Self::AwaitingValue,
        Self::DecryptionFailed,
        Self::LimitExceeded,
        Self::QuotaExceeded,
        Self::InvalidSpec,
        Self::PublishFailed,
    ];

    /// The word in `conditions[].reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "Published",
            Self::AwaitingValue => "AwaitingValue",
            Self::DecryptionFailed => "DecryptionFailed",
            Self::LimitExceeded => "LimitExceeded",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::InvalidSpec => "InvalidSpec",
            Self::PublishFailed => "PublishFailed",
        }
    }

    /// Whether `Ready` is `True`.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self == Self::Published
    }
}

/// The `Ready` condition; `lastTransitionTime` moves only when its status does.
#[must_use]
pub fn ready(
    before: &[Condition],
    reason: Reason,
    message: String,
    generation: Option<i64>,
    now: Timestamp,
) -> Condition {
    let status = if reason.is_ready() { "True" } else { "False" };
    let since = before
        .iter()
        .find(|c| c.type_ == READY && c.status == status)
        .map_or(Time(now), |c| c.last_transition_time.clone());
    Condition {
        type_: READY.into(),
        status: status.into(),
        reason: reason.as_str().into(),
        message,
        observed_generation: generation,
        last_transition_time: since,
    }
}
