//! Conditions and their closed sets of reasons.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// The condition type that all our kinds have.
pub const READY: &str = "Ready";
/// There, and `True`, only where waiting won't help: tools that wait (Flux, `helm --wait`;
/// the kstatus convention) then stop at once.
pub const STALLED: &str = "Stalled";

/// On a KlivAccount, there, and `False`, only while audit events can't be made.
pub const AUDITED: &str = "Audited";

/// The reason of `Ready` before any controller has looked: the CRD's default.
pub const PENDING: &str = "Pending";

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
    /// The ciphertext was sealed before `spec.refuseSealedBefore`, or before a time that it
    /// once had; the value in use stays published until a newer one comes.
    SealedTooEarly,
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
    pub const ALL: [Self; 8] = [
        Self::Published,
        Self::AwaitingValue,
        Self::DecryptionFailed,
        Self::SealedTooEarly,
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
            Self::SealedTooEarly => "SealedTooEarly",
            Self::LimitExceeded => "LimitExceeded",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::InvalidSpec => "InvalidSpec",
            Self::PublishFailed => "PublishFailed",
        }
    }

    /// The reason of this word, where it is one.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
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
        matches!(
            self,
            Self::DecryptionFailed | Self::SealedTooEarly | Self::LimitExceeded | Self::InvalidSpec
        )
    }
}

/// Why a function does not run with the current set. The words are API: they never change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Behind {
    /// Something else in the cluster changes more of the Deployment in the controller's own
    /// write, which is confined to `env` and so refused.
    WriteAltered,
    /// A policy or webhook of somebody's refuses the controller's write.
    WriteRefused,
    /// Somebody takes from it again and again what it was given.
    Undone,
    /// Its new pods do not become ready.
    RolloutFailed,
    /// It is to take a new set only when told.
    Manual,
    /// Its rollout goes on.
    RollingOut,
}

impl Behind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::WriteAltered,
        Self::WriteRefused,
        Self::Undone,
        Self::RolloutFailed,
        Self::Manual,
        Self::RollingOut,
    ];

    /// The word in `status.functions.notUpdated[].reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WriteAltered => "WriteAltered",
            Self::WriteRefused => "WriteRefused",
            Self::Undone => "Undone",
            Self::RolloutFailed => "RolloutFailed",
            Self::Manual => "Manual",
            Self::RollingOut => "RollingOut",
        }
    }

    /// The reason of this word, where it is one.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|behind| behind.as_str() == word)
    }

    /// What it means and the way out; nothing where there is nothing to do.
    #[must_use]
    pub fn message(self) -> Option<&'static str> {
        match self {
            Self::WriteAltered => Some(
                "another admission webhook or policy changes more than env in kliv-secrets' own \
                 write, which is therefore refused: write the function once yourself, e.g. kubectl \
                 rollout restart, so that this change is made first; or tolerate it by the chart's \
                 confinement.toleratedMutations",
            ),
            Self::WriteRefused => Some(
                "an admission policy or webhook of the cluster refuses the change of env: exempt \
                 the ServiceAccount kliv-secrets-controller from it; it is tried again by itself",
            ),
            Self::Undone => Some(
                "somebody keeps undoing its env entries, so they are set again later each time, a \
                 minute apart in the end: find who writes this Deployment with kubectl get \
                 deployment -o yaml --show-managed-fields",
            ),
            Self::RolloutFailed => Some(
                "its new pods do not become ready, and its old ones keep the former set: correct \
                 the value or the function",
            ),
            Self::Manual => Some(
                "keeps its set: to take the current one, set the annotation \
                 secrets.kliv.dev/revision to the account's revision",
            ),
            Self::RollingOut => None,
        }
    }
}

/// The condition `Ready`, where there is one.
#[must_use]
pub fn ready(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == READY)
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
