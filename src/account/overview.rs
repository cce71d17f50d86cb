//! An account at a glance: how much there is, and what somebody should look at. Pure.

use super::{Live, State, Wanted};
use crate::api::condition::{self, AUDITED, Behind, Reason};
use crate::api::{KlivAccount, KlivSecret, NotUpdated, Odd};

/// An account at a glance.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Overview<'a> {
    /// How many secrets it has.
    pub secrets: usize,
    /// On how many functions the current sets are.
    pub functions: Live,
    /// What somebody should look at: first what stops something.
    pub attention: Vec<Attention<'a>>,
}

/// Something that somebody should look at.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Attention<'a> {
    /// The account's sets are not published, for a reason where it is known here.
    Unpublished(Option<Reason>),
    /// A function does not run with the current set, and will not by itself.
    Function(&'a NotUpdated),
    /// A secret.
    Secret(&'a KlivSecret, Need),
    /// Audit events can't be made.
    Unaudited,
}

/// What is the matter with a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// What was written is not taken, for a reason where it is known here.
    Held(Option<Reason>),
    /// Somebody asks for its value, for a new one, or whether it may be deleted.
    Answer,
    /// It was to get a value that nobody made.
    Value,
    /// A new value is due.
    Due(Odd),
    /// Something is most likely wrong.
    Odd(Odd),
}

impl Need {
    /// What is the matter, the worst first; nothing where all is well. What is only good
    /// practice, e.g. a description, is not among it.
    #[must_use]
    pub fn of(secret: &KlivSecret) -> Vec<Self> {
        let state = match State::of(secret) {
            State::Held { reason, .. } => Some(Self::Held(reason)),
            State::Waiting if secret.spec.request.is_some() => Some(Self::Answer),
            State::Waiting => Some(Self::Value),
            State::Untaken | State::Live => None,
        };
        let about_a_value = matches!(Wanted::of(secret), Some(Wanted::NewValue | Wanted::Deletion));
        let question = about_a_value.then_some(Self::Answer);
        let warnings = secret.status.iter().flat_map(|status| &status.warnings);
        let odd = warnings.filter_map(|warning| match warning.odd()? {
            due @ (Odd::Expired | Odd::ExpiresSoon | Odd::RotationDue) => Some(Self::Due(due)),
            odd @ (Odd::LiveKeyOutsideProduction
            | Odd::RequiredNameMissing
            | Odd::SameValueInEnvironments
            | Odd::TestKeyInProduction
            | Odd::WhiteSpace) => Some(Self::Odd(odd)),
            Odd::AwaitingValue | Odd::NameSaysNothing | Odd::NoDescription | Odd::Unused => None,
        });
        let mut needs: Vec<Self> = state.into_iter().chain(question).chain(odd).collect();
        needs.sort_by_key(|need| need.rank());
        needs
    }

    fn rank(self) -> u8 {
        match self {
            Self::Held(_) => 0,
            Self::Answer => 1,
            Self::Value => 2,
            Self::Due(Odd::Expired) => 3,
            Self::Due(_) => 4,
            Self::Odd(_) => 5,
        }
    }
}

impl<'a> Overview<'a> {
    /// An account with its secrets.
    #[must_use]
    pub fn of(
        secrets: impl IntoIterator<Item = &'a KlivSecret>,
        account: Option<&'a KlivAccount>,
    ) -> Self {
        let secrets: Vec<&KlivSecret> = secrets.into_iter().collect();
        let status = account.and_then(|account| account.status.as_ref());
        let functions = status.map(Live::of_account).unwrap_or_default();
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();

        let ready = condition::ready(conditions).filter(|ready| ready.status == "False");
        let unpublished = ready.map(|ready| Attention::Unpublished(Reason::named(&ready.reason)));
        let behind = status.into_iter().flat_map(|status| &status.functions.not_updated);
        let behind = behind.filter(|function| needs_somebody(function)).map(Attention::Function);
        let needs = secrets.iter().flat_map(|secret| {
            Need::of(secret).into_iter().map(|need| Attention::Secret(secret, need))
        });
        let mut needs: Vec<_> = needs.collect();
        needs.sort_by_key(|attention| match attention {
            Attention::Secret(_, need) => need.rank(),
            _ => 0,
        });
        let unaudited = conditions.iter().any(|c| c.type_ == AUDITED && c.status == "False");
        let attention = unpublished.into_iter().chain(behind).chain(needs);
        let attention = attention.chain(unaudited.then_some(Attention::Unaudited)).collect();
        Self { secrets: secrets.len(), functions, attention }
    }
}

/// A rollout that goes on, and a function that waits to be told, are as they should be.
fn needs_somebody(function: &NotUpdated) -> bool {
    !matches!(function.behind(), Some(Behind::RollingOut | Behind::Manual))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(namespace: &str, reason: &str, warnings: &[&str]) -> KlivSecret {
        let warnings: Vec<_> =
            warnings.iter().map(|w| json!({ "reason": w, "message": "m" })).collect();
        let request = (reason == "AwaitingValue").then(|| json!({ "purpose": "p" }));
        serde_json::from_value(json!({
            "metadata": { "name": "a", "namespace": namespace, "generation": 1 },
            "spec": { "envVar": "A", "request": request },
            "status": { "observedGeneration": 1, "warnings": warnings, "conditions": [{
                "type": "Ready", "status": "True", "reason": reason, "message": "",
                "lastTransitionTime": "2026-11-24T10:00:00Z",
            }] },
        }))
        .unwrap()
    }

    fn account(namespace: &str, ready: &str) -> KlivAccount {
        serde_json::from_value(json!({
            "metadata": { "name": "default", "namespace": namespace }, "spec": {},
            "status": {
                "functions": { "total": 4, "updated": 1, "notUpdated": [
                    { "name": "broken", "reason": "RolloutFailed" },
                    { "name": "told", "reason": "Manual" },
                    { "name": "moves", "reason": "RollingOut" },
                ] },
                "conditions": [{
                    "type": "Ready", "status": ready, "reason": "QuotaExceeded", "message": "",
                    "lastTransitionTime": "2026-11-24T10:00:00Z",
                }],
            },
        }))
        .unwrap()
    }

    #[test]
    fn what_stops_something_comes_before_what_is_odd_and_good_practice_does_not_come() {
        let all = ["Unused", "NoDescription", "WhiteSpace", "RotationDue", "Expired"];
        let needs = Need::of(&secret("acme", "DecryptionFailed", &all));
        assert_eq!(
            needs,
            [
                Need::Held(Some(Reason::DecryptionFailed)),
                Need::Due(Odd::Expired),
                Need::Due(Odd::RotationDue),
                Need::Odd(Odd::WhiteSpace),
            ]
        );
        assert_eq!(Need::of(&secret("acme", "Published", &["Unused"])), []);
        assert_eq!(Need::of(&secret("acme", "AwaitingValue", &["AwaitingValue"])), [Need::Answer]);
    }

    #[test]
    fn functions_that_move_or_wait_to_be_told_need_nobody() {
        let account = account("acme", "False");
        let secrets =
            [secret("acme", "Published", &["WhiteSpace"]), secret("acme", "AwaitingValue", &[])];
        let overview = Overview::of(&secrets, Some(&account));
        assert_eq!((overview.secrets, overview.functions.updated), (2, 1));
        let broken = &account.status.as_ref().unwrap().functions.not_updated[0];
        assert_eq!(
            overview.attention,
            [
                Attention::Unpublished(Some(Reason::QuotaExceeded)),
                Attention::Function(broken),
                Attention::Secret(&secrets[1], Need::Answer),
                Attention::Secret(&secrets[0], Need::Odd(Odd::WhiteSpace)),
            ]
        );
    }
}
