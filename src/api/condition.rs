//! Conditions and their closed sets of reasons.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// The condition type that all our kinds have.
pub const READY: &str = "Ready";
/// There, and `True`, only where waiting won't help: tools that wait (Flux, `helm --wait`;
/// the kstatus convention) then stop at once.
pub const STALLED: &str = "Stalled";

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

    /// Whether it stays so until a person mends the spec or the keyring. What is waited
    /// for, or tried again, is not.
    #[must_use]
    pub fn is_stalled(self) -> bool {
        matches!(self, Self::DecryptionFailed | Self::LimitExceeded | Self::InvalidSpec)
    }
}

/// The conditions for a reason, `Ready` first; `lastTransitionTime` moves only when a
/// status does.
#[must_use]
pub fn conditions(
    before: &[Condition],
    reason: Reason,
    message: &str,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let condition = |kind: &str, status: bool| {
        let status = if status { "True" } else { "False" };
        let since = before
            .iter()
            .find(|c| c.type_ == kind && c.status == status)
            .map_or(Time(now), |c| c.last_transition_time.clone());
        Condition {
            type_: kind.into(),
            status: status.into(),
            reason: reason.as_str().into(),
            message: message.to_owned(),
            observed_generation: generation,
            last_transition_time: since,
        }
    };
    let mut conditions = vec![condition(READY, reason.is_ready())];
    if reason.is_stalled() {
        conditions.push(condition(STALLED, true));
    }
    conditions
}
