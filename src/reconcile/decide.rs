//! Which values the account publishes: secret by secret, then set by set.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::Timestamp;

use super::inspect::{Candidate, Why};
use super::observed::{Account, SecretObject};
use super::sets::{DesiredSet, Names, Sizes, sets};
use crate::api::condition::Reason;
use crate::api::names::{MAX_ENVIRONMENTS, MAX_SECRETS};
use crate::api::{Intent, Source};

/// What becomes of one secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The value that is to be published, where there is one.
    pub member: Option<Member>,
    /// Whether that value is a new one (not yet in `status.history`).
    pub is_new: bool,
    /// What the `Ready` condition will say once the set is published.
    pub reason: Reason,
    /// In plain words, with the way out; fixed texts only.
    pub message: String,
}

/// One value of a set: which secret, in which version, and its ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The KlivSecret's name.
    pub secret: String,
    /// Its uid.
    pub uid: String,
    /// The generation of its spec that brought the value.
    pub generation: i64,
    /// The variable.
    pub env_var: String,
    /// The environment it is for.
    pub environment: Option<String>,
    /// The ciphertext.
    pub sealed: String,
}

/// The value in use is published, and can't be opened any more to be published again.
const IN_USE_UNOPENABLE: &str = "the value in use can't be opened with this cluster's \
     keyring: restore it from its backup, or set the value again; functions keep what they have";

pub(super) const NO_KEYRING: &str = "the operator's keyring is lost or can't be read, so no value can be \
     opened; functions keep what they have. What to do about it, its administrator sees with: \
     kubectl get events -A --field-selector reason=KeyringUnavailable";

/// Decides for every secret of the account, by name, and for the sets.
///
/// A new value that would break a limit is refused; the value in use stays. Values in
/// use go first, then new ones in the order of their objects' creation.
#[must_use]
pub fn decide(account: &Account) -> (BTreeMap<String, Decision>, Vec<DesiredSet>) {
    let mut decisions: BTreeMap<String, Decision> = account
        .secrets
        .values()
        .map(|secret| (secret.name.clone(), without_limits(secret)))
        .collect();

    let mut order: Vec<&SecretObject> = account.secrets.values().collect();
    order.sort_by(|a, b| rank(a).cmp(&rank(b)));
    for (i, secret) in order.iter().enumerate() {
        if i >= MAX_SECRETS
            && let Some(decision) = decisions.get_mut(&secret.name)
        {
            *decision = refused(
                None,
                Reason::LimitExceeded,
                "the account has more than 256 secrets: delete those that no function uses",
            );
        }
    }

    let mut environments = BTreeSet::new();
    for secret in &order {
        let Some(decision) = decisions.get_mut(&secret.name) else { continue };
        let Some(environment) = decision.member.as_ref().and_then(|m| m.environment.clone()) else {
            continue;
        };
        if environments.contains(&environment) || environments.len() < MAX_ENVIRONMENTS {
            environments.insert(environment);
        } else {
            *decision = refused(
                None,
                Reason::LimitExceeded,
                "the account's secrets name more than 32 environments: delete those of \
                 environments that no function has",
            );
        }
    }

    // Sizes with the values in use, then each new value if it still fits.
    let mut sizes = Sizes::default();
    for secret in &order {
        let stays = decisions.get(&secret.name).is_some_and(|decision| decision.member.is_some());
        if let Some(member) = in_use(secret).filter(|_| stays) {
            sizes.put(&member);
        }
    }
    for secret in &order {
        let Some(decision) = decisions.get_mut(&secret.name) else { continue };
        let Some(member) = decision.member.as_ref().filter(|_| decision.is_new) else { continue };
        let before = sizes.put(member);
        let smaller = before > sizes.get(member);
        if !smaller && sizes.too_large() {
            sizes.restore(member, before);
            *decision = refused(
                in_use(secret),
                Reason::LimitExceeded,
                "with this value the account's published set would be larger than 900 KiB: \
                 store large files elsewhere and keep only their key here",
            );
        }
    }

    let members: Vec<&Member> = decisions.values().filter_map(|d| d.member.as_ref()).collect();
    let sets = sets(&members, &Names::of(account));
    (decisions, sets)
}

fn without_limits(secret: &SecretObject) -> Decision {
    let intent = match &secret.intent {
        Ok(intent) => intent,
        Err(refusal) => return refused(in_use(secret), Reason::InvalidSpec, &refusal.to_string()),
    };
    match &intent.source {
        Source::Sealed(sealed) => sealed_value(secret, intent, sealed),
        Source::Question(_) => refused(
            None,
            Reason::AwaitingValue,
            "waits for its value: set spec.value (see spec.request for what is needed)",
        ),
        // The spec lost its value in a write that the webhook did not see: what is in use stays.
        Source::Generate(_) | Source::Nothing => match in_use(secret) {
            Some(current) => published(current, false),
            None => refused(
                None,
                Reason::AwaitingValue,
                "has no value, since the webhook did not run: apply the object again",
            ),
        },
    }
}

fn sealed_value(secret: &SecretObject, intent: &Intent, sealed: &str) -> Decision {
    let with = |generation| Member {
        secret: secret.name.clone(),
        uid: secret.uid.clone(),
        generation,
        env_var: intent.env_var.clone(),
        environment: intent.environment.clone(),
        sealed: sealed.to_owned(),
    };
    match (&secret.candidate, in_use(secret)) {
        (Candidate::Current | Candidate::SameValue { .. }, Some(current)) => {
            published(with(current.generation), false)
        }
        (Candidate::Unreadable(why), current) => {
            let is_in_use = current.as_ref().is_some_and(|current| current.sealed == *sealed);
            let message = match why {
                Why::NoKeyring => NO_KEYRING,
                Why::UnknownKey if is_in_use => IN_USE_UNOPENABLE,
                Why::Malformed => "spec.sealed is damaged: seal the value again",
                Why::UnknownKey => {
                    "spec.sealed is sealed with a key that this cluster does not have: restore \
                     the keyring from its backup, or set the value again"
                }
                Why::Refused => {
                    "spec.sealed was altered, or sealed for another account, name or \
                     environment: set the value again here"
                }
            };
            refused(current, Reason::DecryptionFailed, message)
        }
        (Candidate::TooOld, current) => refused(
            current,
            Reason::SealedTooEarly,
            "spec.sealed was sealed before spec.refuseSealedBefore, or a time that it once had: \
             set a new value; functions keep the one in use until then",
        ),
        (Candidate::Compromised, current) => refused(
            current,
            Reason::SealedTooEarly,
            "spec.sealed holds the value that spec.refuseSealedBefore refuses, sealed anew: set \
             another one; functions keep the one in use until then",
        ),
        _ => published(with(secret.generation), true),
    }
}

fn published(member: Member, is_new: bool) -> Decision {
    Decision { member: Some(member), is_new, reason: Reason::Published, message: String::new() }
}

fn refused(member: Option<Member>, reason: Reason, message: &str) -> Decision {
    Decision { member, is_new: false, reason, message: message.to_owned() }
}

/// The value in use is there, and can't be opened any more to be published again.
pub(super) fn unopenable() -> Decision {
    refused(None, Reason::DecryptionFailed, IN_USE_UNOPENABLE)
}

/// Who comes first where there is not room for all: values in use, then the oldest objects.
pub(super) fn rank(secret: &SecretObject) -> (bool, Timestamp, &str) {
    let in_use = secret.place.is_some() && !secret.status.history.is_empty();
    (!in_use, secret.created, &secret.name)
}

/// The value that is published now.
pub(super) fn in_use(secret: &SecretObject) -> Option<Member> {
    let entry = secret.status.history.first()?;
    let (env_var, environment) = secret.place.as_ref()?;
    Some(Member {
        secret: secret.name.clone(),
        uid: secret.uid.clone(),
        generation: entry.generation,
        env_var: env_var.clone(),
        environment: environment.clone(),
        sealed: entry.sealed.clone(),
    })
}
