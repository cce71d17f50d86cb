//! What is odd about a secret, as its status says: a pure function of what was decided,
//! what was learned of the value, the functions, and the time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::action::Plan;
use super::decide::Decision;
use super::learned::Learned;
use super::observed::SecretObject;
use super::plan::wait;
use super::sets::DesiredSet;
use crate::api::condition::Reason;
use crate::api::warning::{Oddity, says_nothing};
use crate::api::{KlivSecretSpec, KlivSecretStatus, Question, Warning};
use crate::inject::{Function, Injection};

/// How long before its end an expiring credential is told.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How long an account may have no function at all before that is odd.
const SETTING_UP: SignedDuration = SignedDuration::from_hours(24);
/// Looked at again at least this often: clocks and timers drift apart.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What people want to be reminded of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reminders {
    /// Whether they said what the secret is for.
    pub described: bool,
    /// `spec.rotateAfterDays`.
    pub rotate_after_days: Option<i32>,
    /// `spec.expirationTime`.
    pub expires: Option<Timestamp>,
}

impl Reminders {
    /// Those of a spec.
    #[must_use]
    pub fn of(spec: &KlivSecretSpec) -> Self {
        let says = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.trim().is_empty());
        Self {
            described: says(&spec.description)
                || spec.request.as_ref().is_some_and(Question::is_for_the_first_value),
            rotate_after_days: spec.rotate_after_days,
            expires: spec.expiration_time.as_ref().map(|time| time.0),
        }
    }
}

/// What functions make of an account's secrets. Known only while the current sets are those
/// that should be.
pub(super) struct Use<'a> {
    /// Whether there is any function.
    any: bool,
    /// The secrets that functions get, by name.
    used: BTreeSet<&'a str>,
    /// Of a secret that is called nearly so: a function, and what it requires.
    wanted: BTreeMap<&'a str, (&'a str, &'a str)>,
}

impl<'a> Use<'a> {
    pub(super) fn of(sets: &'a [DesiredSet], injections: &'a [(&'a Function, Injection)]) -> Self {
        let (mut used, mut wanted) = (BTreeSet::new(), BTreeMap::new());
        for (function, injection) in injections {
            let of = |environment: &str| sets.iter().find(|set| set.environment == environment);
            let Some(set) = of(function.environment()).or_else(|| of("")) else { continue };
            for member in &set.members {
                if injection.injected.binary_search(&member.env_var).is_ok() {
                    used.insert(member.secret.as_str());
                }
                let near = injection.missing.iter().find(|missing| {
                    missing.required && missing.did_you_mean.as_ref() == Some(&member.env_var)
                });
                if let Some(missing) = near {
                    let says = (function.name.as_str(), missing.name.as_str());
                    wanted.entry(member.secret.as_str()).or_insert(says);
                }
            }
        }
        Self { any: !injections.is_empty(), used, wanted }
    }
}

/// The warnings that belong to the status that a secret is about to have, by reason.
pub(super) fn warnings(
    secret: &SecretObject,
    decision: &Decision,
    next: &KlivSecretStatus,
    learned: &Learned,
    functions: Option<&Use<'_>>,
    now: Timestamp,
    plan: &mut Plan,
) -> Vec<Warning> {
    let before = |reasons: &[&str]| -> Vec<Warning> {
        let said = secret.status.warnings.iter();
        said.filter(|warning| reasons.contains(&warning.reason.as_str())).cloned().collect()
    };
    let mut odd: Vec<Oddity> = Vec::new();
    let mut kept: Vec<Warning> = Vec::new();
    if decision.reason == Reason::AwaitingValue {
        odd.push(Oddity::AwaitingValue);
    }
    if let Some((name, _)) = &secret.place {
        odd.extend(says_nothing(name));
    }
    if secret.intent.is_ok() && !secret.reminders.described {
        odd.push(Oddity::NoDescription);
    }
    if let Some(member) = &decision.member {
        odd.extend(by_time(&secret.reminders, next, now, plan));
        match learned.of(&member.uid, &member.sealed) {
            Some(learned) => odd.extend_from_slice(learned),
            None => kept.extend(before(OF_VALUES)),
        }
        match functions {
            Some(functions) => odd.extend(by_use(secret, next, functions, now, plan)),
            None => kept.extend(before(OF_FUNCTIONS)),
        }
    }
    kept.extend(odd.iter().map(Warning::from));
    kept.sort_by(|a, b| a.reason.cmp(&b.reason));
    kept.dedup_by(|a, b| a.reason == b.reason);
    kept
}

/// Those that only an opened value shows.
const OF_VALUES: &[&str] =
    &["LiveKeyOutsideProduction", "SameValueInEnvironments", "TestKeyInProduction", "WhiteSpace"];
/// Those that only functions show.
const OF_FUNCTIONS: &[&str] = &["RequiredNameMissing", "Unused"];

fn by_time(
    reminders: &Reminders,
    next: &KlivSecretStatus,
    now: Timestamp,
    plan: &mut Plan,
) -> Vec<Oddity> {
    let mut odd = Vec::new();
    if let Some(on) = reminders.expires {
        if is_over(on, now, plan) {
            odd.push(Oddity::Expired { on });
        } else if is_over(on.saturating_sub(SOON).unwrap_or(Timestamp::MIN), now, plan) {
            odd.push(Oddity::ExpiresSoon { on });
        }
    }
    let updated = next.updated_time.as_ref().map(|time| time.0);
    if let Some((updated, days)) = updated.zip(reminders.rotate_after_days) {
        let after = SignedDuration::from_hours(24 * i64::from(days));
        let on = updated.saturating_add(after).unwrap_or(Timestamp::MAX);
        if is_over(on, now, plan) {
            odd.push(Oddity::RotationDue { on });
        }
    }
    odd
}

fn by_use(
    secret: &SecretObject,
    next: &KlivSecretStatus,
    functions: &Use<'_>,
    now: Timestamp,
    plan: &mut Plan,
) -> Vec<Oddity> {
    let mut odd = Vec::new();
    let name = secret.name.as_str();
    if let (Some((function, wanted)), Some((nearest, _))) =
        (functions.wanted.get(name), &secret.place)
    {
        odd.push(Oddity::RequiredNameMissing {
            function: (*function).to_owned(),
            name: (*wanted).to_owned(),
            nearest: nearest.clone(),
        });
    }
    // Somebody who sets an account up begins with the values.
    let since = next.updated_time.as_ref().map_or(secret.created, |time| time.0);
    let is_set_up = since.saturating_add(SETTING_UP).unwrap_or(Timestamp::MAX);
    if !functions.used.contains(name) && (functions.any || is_over(is_set_up, now, plan)) {
        odd.push(Oddity::Unused);
    }
    odd
}

/// Whether a time has come; otherwise it is looked again when it has.
pub(super) fn is_over(time: Timestamp, now: Timestamp, plan: &mut Plan) -> bool {
    match wait(now, time) {
        Some(wait) => plan.look_again_in(wait.min(DAY)),
        None => return true,
    }
    false
}
