//! What there is of one variable, and what to do next. Pure.

use schemars::JsonSchema;
use serde::Serialize;

use super::there::There;
use crate::account::{State, falls_back};
use crate::api::KlivSecret;
use crate::api::condition::Reason;
use crate::mcp::words::Held;

/// One variable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub(super) struct Row {
    /// The variable.
    variable: String,
    /// What there is of it.
    status: Status,
    /// Which environment the secret is for that gives it; absent: every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    /// Why it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Held>,
    /// Environments that have a value of it, where the one that was looked at has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other_environments: Vec<String>,
    /// Variables that are there and are called nearly so.
    did_you_mean: Vec<String>,
    /// Variables that are there and are of the same service: perhaps one of them is what is
    /// needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    same_service: Vec<String>,
    /// Whether the function declares that it can't do without.
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<bool>,
    /// Why the function does not receive it, value or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_received: Option<NotReceived>,
    /// What to do next.
    next_step: NextStep,
    /// The same in words.
    next: &'static str,
}

/// What there is of a variable: `live`: a value that functions get; `waiting`: it waits for a
/// value; `not_taken_yet`: a value is on its way; `held`: what was written is not taken;
/// `other_environment`: only other environments have it; `misspelt`: there is none, and one
/// that is called nearly so; `missing`: there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// A value that functions get.
    Live,
    /// It waits for a value.
    Waiting,
    /// A value is on its way.
    NotTakenYet,
    /// What was written is not taken.
    Held,
    /// Only other environments have it.
    OtherEnvironment,
    /// There is none, and one that is called nearly so.
    Misspelt,
    /// There is none.
    Missing,
}

/// Why a function does not receive a variable: `own_entry`: it sets it itself, which wins;
/// `left_out`: its annotation `secrets.kliv.dev/inject` or `secrets.kliv.dev/containers` leaves
/// it out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NotReceived {
    /// It sets it itself.
    OwnEntry,
    /// Its annotations leave it out.
    LeftOut,
}

/// What to do next: `use_it`: write code that reads the variable; `change_function`: change the
/// function's manifest; `use_other_name`: correct the name; `tell_person`: only a person can
/// mend it; the others are tools.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum NextStep {
    /// Write code that reads it.
    UseIt,
    /// Ask for it.
    RequestSecret,
    /// Wait for it.
    WaitForSecret,
    /// Ask for a new value.
    UpdateSecret,
    /// Correct the name.
    UseOtherName,
    /// Change the function's manifest.
    ChangeFunction,
    /// Only a person can mend it.
    TellPerson,
}

impl Row {
    /// Whether code can have it now.
    pub(super) fn is_ready(&self) -> bool {
        self.next_step == NextStep::UseIt
    }
}

/// Tells of it what functions of an environment get, or one function.
pub(super) fn row(
    there: &There<'_>,
    name: &str,
    environment: Option<&str>,
    required: Option<bool>,
    not_received: Option<NotReceived>,
) -> Row {
    let secrets = there.secrets(name);
    let found = given(secrets, environment);
    let state = found.map(State::of);
    let others = if found.is_none() { environments(secrets) } else { Vec::new() };
    let near = match found {
        None if others.is_empty() => there.near(name),
        _ => Vec::new(),
    };
    let status = match state {
        Some(State::Live) => Status::Live,
        Some(State::Waiting) => Status::Waiting,
        Some(State::Untaken) => Status::NotTakenYet,
        Some(State::Held { .. }) => Status::Held,
        None if !others.is_empty() => Status::OtherEnvironment,
        None if !near.is_empty() => Status::Misspelt,
        None => Status::Missing,
    };
    let same = match status {
        Status::Missing => there.of_the_same_service(name),
        _ => Vec::new(),
    };
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    let (next_step, next) = next(status, state, not_received);
    Row {
        variable: name.to_owned(),
        status,
        environment: found.and_then(|secret| secret.spec.environment.clone()),
        held: state.and_then(Held::of),
        other_environments: others,
        did_you_mean: owned(near),
        same_service: owned(same),
        required,
        not_received,
        next_step,
        next,
    }
}

/// The secret from which functions of an environment get a variable, or will.
fn given<'a>(secrets: &[&'a KlivSecret], environment: Option<&str>) -> Option<&'a KlivSecret> {
    let of = |environment: Option<&str>| {
        let mut all = secrets.iter().copied();
        all.find(|secret| secret.spec.environment.as_deref() == environment)
    };
    let own = environment.and_then(|environment| of(Some(environment)));
    let every = of(None);
    let with_value = own.filter(|own| own.has_value()).or(every.filter(|every| falls_back(every)));
    with_value.or(own).or(every)
}

fn environments(secrets: &[&KlivSecret]) -> Vec<String> {
    let mut environments: Vec<String> =
        secrets.iter().filter_map(|secret| secret.spec.environment.clone()).collect();
    environments.sort_unstable();
    environments
}

fn next(
    status: Status,
    state: Option<State>,
    not_received: Option<NotReceived>,
) -> (NextStep, &'static str) {
    match (status, not_received) {
        (_, Some(NotReceived::OwnEntry)) => (
            NextStep::ChangeFunction,
            "the function's manifest sets this variable itself, which wins over a secret: take \
             that entry out, and let the secret give it",
        ),
        (Status::Live, Some(NotReceived::LeftOut)) => (
            NextStep::ChangeFunction,
            "it is live, but the function's annotations leave it out: add it to \
             secrets.kliv.dev/inject, and look at secrets.kliv.dev/containers",
        ),
        (Status::Live, None) => {
            (NextStep::UseIt, "write code that reads it from the environment at its start")
        }
        (Status::Waiting, _) => (
            NextStep::WaitForSecret,
            "somebody has been asked for its value: wait for it, and do not ask again",
        ),
        (Status::NotTakenYet, _) => {
            (NextStep::WaitForSecret, "its last change is on its way to functions")
        }
        (Status::Held, _) => held(state),
        (Status::OtherEnvironment, _) => (
            NextStep::RequestSecret,
            "only other environments have it: ask for a key of its own for this one, and do not \
             carry one over",
        ),
        (Status::Misspelt, _) => (
            NextStep::UseOtherName,
            "there is none of this name, and one that is called nearly so: if that is the one, \
             use its name; else ask for this one with request_secret",
        ),
        (Status::Missing, _) => (
            NextStep::RequestSecret,
            "there is none: ask for it with its purpose, and let a person supply it",
        ),
    }
}

fn held(state: Option<State>) -> (NextStep, &'static str) {
    let Some(State::Held { reason, .. }) = state else {
        return (NextStep::TellPerson, "it is not taken");
    };
    match reason {
        Some(Reason::DecryptionFailed | Reason::SealedTooEarly) => {
            (NextStep::UpdateSecret, "what was written is not taken: ask for a new value")
        }
        Some(Reason::PublishFailed) => {
            (NextStep::WaitForSecret, "it could not be handed to functions yet: it is tried again")
        }
        _ => (NextStep::TellPerson, "what was written is not taken, and only a person can mend it"),
    }
}
