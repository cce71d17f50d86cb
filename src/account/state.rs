//! One secret at a glance, for lists and pages. Pure.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::KlivSecret;
use crate::api::condition::{self, Reason};

/// What functions have of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The operator has not looked at the last change yet.
    Untaken,
    /// They get its value.
    Live,
    /// It waits for its value.
    Waiting,
    /// What was written is not taken.
    Held {
        /// Why, where that is known here.
        reason: Option<Reason>,
        /// Whether they have a former value meanwhile.
        former: bool,
    },
}

impl State {
    /// As its status tells.
    #[must_use]
    pub fn of(secret: &KlivSecret) -> Self {
        let Some(status) = &secret.status else { return Self::Untaken };
        let (observed, generation) = (status.observed_generation, secret.metadata.generation);
        if observed.is_none() || (generation.is_some() && observed < generation) {
            return Self::Untaken;
        }
        let ready = condition::ready(&status.conditions);
        match ready.and_then(|ready| Reason::named(&ready.reason)) {
            Some(Reason::Published) => Self::Live,
            Some(Reason::AwaitingValue) => Self::Waiting,
            reason => Self::Held { reason, former: status.version.is_some() },
        }
    }
}

/// Who changed a value, when, and through what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Update<'a> {
    /// When.
    pub time: Timestamp,
    /// Who, where somebody could see it.
    pub by: Option<&'a str>,
    /// For whom.
    pub on_behalf_of: Option<&'a str>,
    /// Through what: `kubectl`, `cli`, `web`, `agent`, `gitops`, `api`.
    pub via: Option<&'a str>,
}

impl<'a> Update<'a> {
    /// The last change of a secret's value; none where it has had none.
    #[must_use]
    pub fn of(secret: &'a KlivSecret) -> Option<Self> {
        let status = secret.status.as_ref()?;
        let text = |text: &'a Option<String>| text.as_deref().filter(|text| !text.is_empty());
        Some(Self {
            time: status.updated_time.as_ref()?.0,
            by: text(&status.updated_by),
            on_behalf_of: text(&status.on_behalf_of),
            via: text(&status.via),
        })
    }
}

/// When a new value is due, as `spec.rotateAfterDays` asks for it.
#[must_use]
pub fn rotation_due(secret: &KlivSecret) -> Option<Timestamp> {
    let days = i64::from(secret.spec.rotate_after_days?);
    let updated = secret.status.as_ref()?.updated_time.as_ref()?;
    updated.0.checked_add(SignedDuration::from_hours(24 * days)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_says_what_functions_have() {
        let held = |reason, former| State::Held { reason, former };
        let does_not_open = Some(Reason::DecryptionFailed);
        let table = [
            (2, 2, "Published", Some(1), State::Live),
            (2, 1, "Published", Some(1), State::Untaken),
            (2, 2, "AwaitingValue", None, State::Waiting),
            (2, 2, "DecryptionFailed", None, held(does_not_open, false)),
            (2, 2, "DecryptionFailed", Some(1), held(does_not_open, true)),
            (2, 2, "SomethingNew", None, held(None, false)),
        ];
        for (generation, observed, reason, version, wanted) in table {
            let secret: KlivSecret = serde_json::from_value(json!({
                "metadata": { "generation": generation }, "spec": { "envVar": "A" },
                "status": { "observedGeneration": observed, "version": version, "conditions": [{
                    "type": "Ready", "status": "True", "reason": reason, "message": "",
                    "lastTransitionTime": "2026-11-24T10:00:00Z",
                }] },
            }))
            .unwrap();
            assert_eq!(State::of(&secret), wanted, "{reason}");
        }
    }
}
