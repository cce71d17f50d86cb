//! `check_requirements`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::{State, Unfit, Would, falls_back, is_function, provider_of, would_get};
use crate::api::condition::Reason;
use crate::api::{KlivSecret, check_env_var, check_environment, is_dns_subdomain, recognise};
use crate::inject::{Function, nearby};
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::tool::{Effect, Outcome, Tool};
use crate::mcp::words::Held;
use crate::seal::Plaintext;

pub(super) struct CheckRequirements;

/// How many names are looked for at most.
const NAMES: usize = 64;
/// How many other names are told for one.
const SUGGESTED: usize = 3;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The variables that the code reads, e.g. `["STRIPE_API_KEY"]`: names, never values. May be
    /// empty where `function` is given: what that one declares in `secrets.kliv.dev/requires` is
    /// looked for in any case.
    #[schemars(length(max = NAMES), inner(length(max = 128)))]
    names: Vec<String>,
    /// As functions of this environment get them, e.g. `production`; absent: as those without
    /// one do. Leave it out where `function` is given.
    #[schemars(length(max = 63))]
    environment: Option<String>,
    /// As this function gets them, by its environment and its own choices.
    #[schemars(length(max = 253))]
    function: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// Whether all of them are live, and reach the function where one was given.
    ready: bool,
    /// The function's environment; absent: it has none, or no function was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    /// One for each name.
    variables: Vec<Row>,
}

/// One variable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
struct Row {
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
enum NotReceived {
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

impl Tool for CheckRequirements {
    const NAME: &'static str = "check_requirements";
    const TITLE: &'static str = "Check required secrets";
    const DESCRIPTION: &'static str = "Tells of variable names whether the account has them for a \
        function or an environment: which are live, which wait for a value, which are missing or \
        look misspelt, and what to do next. Call it before you write code that reads a variable, \
        and again before you say that an integration works. Let the function declare what it \
        can't do without in its annotation secrets.kliv.dev/requires.";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Output;

    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Output>, Failure> {
        let caller = call.caller;
        let names = names(&input)?;
        let function = match &input.function {
            None => None,
            Some(name) => {
                let (deployment, install) =
                    futures::join!(caller.deployment(name), caller.install());
                let (deployment, labels) = (deployment?, install.functions);
                if !is_function(&labels, &deployment) {
                    let label = labels.to_string();
                    let none = Unfit::NoFunction { name: name.clone(), label };
                    return Err(crate::account::Error::from(none).into());
                }
                Some(Function::of(&deployment))
            }
        };
        let secrets = caller.glance().await?;
        Ok(Outcome::Done(check(&secrets, names, input.environment.as_deref(), function.as_ref())))
    }
}

/// The names, each once. Nothing that can't be one is quoted: it may be a value.
fn names(input: &Input) -> Result<Vec<&str>, Failure> {
    if input.names.is_empty() && input.function.is_none() {
        return Err(Failure::new("give the names of the variables, or a function"));
    }
    let mut names: Vec<&str> = Vec::new();
    for (at, name) in input.names.iter().enumerate() {
        if recognise(&Plaintext::new(name.as_str().into())).is_some() {
            return Err(Failure::new(format!(
                "names[{at}] looks like a credential: give names of variables, never values. If \
                 it is a real one, it has to be replaced at its provider"
            )));
        }
        check_env_var(name)
            .map_err(|refusal| Failure::new(format!("names[{at}] {}", refusal.message)))?;
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    if let Some(environment) = &input.environment {
        if input.function.is_some() {
            return Err(Failure::new(
                "give environment or function, not both: a function has its own environment",
            ));
        }
        check_environment(environment)
            .map_err(|refusal| Failure::new(format!("environment {}", refusal.message)))?;
    }
    if input.function.as_ref().is_some_and(|name| !is_dns_subdomain(name)) {
        return Err(Failure::new("function is no name of a Deployment"));
    }
    Ok(names)
}

fn check<'a>(
    secrets: &'a [KlivSecret],
    mut names: Vec<&'a str>,
    environment: Option<&'a str>,
    function: Option<&'a Function>,
) -> Output {
    let environment = match function {
        Some(function) => Some(function.environment()).filter(|own| !own.is_empty()),
        None => environment,
    };
    for name in function.iter().flat_map(|function| function.required()) {
        if names.len() < NAMES && !names.contains(&name) && check_env_var(name).is_ok() {
            names.push(name);
        }
    }
    let would = function.map(|function| would_get(function, &names));
    let row = |(at, name): (usize, &&str)| {
        let not_received = would.as_ref().and_then(|would| match would[at] {
            Would::Get => None,
            Would::KeepItsOwn => Some(NotReceived::OwnEntry),
            Would::LeaveItOut => Some(NotReceived::LeftOut),
        });
        let required = function.map(|function| function.requires(name));
        row(secrets, name, environment, required, not_received)
    };
    let variables: Vec<Row> = names.iter().enumerate().map(row).collect();
    Output {
        ready: variables.iter().all(|row| row.next_step == NextStep::UseIt),
        // What was given is not told back.
        environment: function.and(environment).map(str::to_owned),
        variables,
    }
}

fn row(
    secrets: &[KlivSecret],
    name: &str,
    environment: Option<&str>,
    required: Option<bool>,
    not_received: Option<NotReceived>,
) -> Row {
    let found = given(secrets, name, environment);
    let state = found.map(State::of);
    let others = if found.is_none() { environments_with(secrets, name) } else { Vec::new() };
    let there = secrets.iter().map(|secret| secret.spec.env_var.as_str());
    let mut near: Vec<&str> = Vec::new();
    if found.is_none() && others.is_empty() {
        near = nearby(name, there.clone());
        near.dedup();
        near.truncate(SUGGESTED);
    }
    let status = match state {
        Some(State::Live) => Status::Live,
        Some(State::Waiting) => Status::Waiting,
        Some(State::Untaken) => Status::NotTakenYet,
        Some(State::Held { .. }) => Status::Held,
        None if !others.is_empty() => Status::OtherEnvironment,
        None if !near.is_empty() => Status::Misspelt,
        None => Status::Missing,
    };
    let mut same: Vec<&str> = Vec::new();
    if status == Status::Missing {
        same = there.filter(|other| is_of_the_same_service(name, other)).collect();
        same.sort_unstable();
        same.dedup();
        same.truncate(SUGGESTED);
    }
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
fn given<'a>(
    secrets: &'a [KlivSecret],
    variable: &str,
    environment: Option<&str>,
) -> Option<&'a KlivSecret> {
    let of = |environment: Option<&str>| {
        secrets.iter().find(|secret| {
            secret.spec.env_var == variable && secret.spec.environment.as_deref() == environment
        })
    };
    let has_value = |secret: &&KlivSecret| {
        secret.status.as_ref().is_some_and(|status| status.version.is_some())
    };
    let own = environment.and_then(|environment| of(Some(environment)));
    let every = of(None);
    let with_value = own.filter(has_value).or(every.filter(|every| falls_back(every)));
    with_value.or(own).or(every)
}

fn environments_with(secrets: &[KlivSecret], variable: &str) -> Vec<String> {
    let same = secrets.iter().filter(|secret| secret.spec.env_var == variable);
    let mut environments: Vec<String> =
        same.filter_map(|secret| secret.spec.environment.clone()).collect();
    environments.sort_unstable();
    environments
}

/// Whether two names speak of the same service: a provider that both name, or their first word.
fn is_of_the_same_service(name: &str, other: &str) -> bool {
    if let (Some(one), Some(other)) = (provider_of(name), provider_of(other)) {
        return one == other;
    }
    let first = |name: &str| name.split('_').next().unwrap_or_default().to_ascii_uppercase();
    // Short ones are rather words than names: MY_, APP_, DB_.
    first(name).len() > 3 && first(name) == first(other)
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn secret(variable: &str, environment: Option<&str>, reason: &str) -> KlivSecret {
        let version = (reason != "AwaitingValue").then_some(1);
        serde_json::from_value(json!({
            "metadata": { "name": "x", "generation": 1 },
            "spec": { "envVar": variable, "environment": environment },
            "status": { "observedGeneration": 1, "version": version, "conditions": [{
                "type": "Ready", "status": "True", "reason": reason, "message": "",
                "lastTransitionTime": "2026-11-24T10:00:00Z",
            }] },
        }))
        .unwrap()
    }

    fn account() -> Vec<KlivSecret> {
        vec![
            secret("STRIPE_API_KEY", None, "Published"),
            secret("STRIPE_API_KEY", Some("test"), "AwaitingValue"),
            secret("OPENAI_API_KEY", Some("test"), "Published"),
            secret("MAIL_PASSWORD", None, "AwaitingValue"),
            secret("SMS_TOKEN", None, "SealedTooEarly"),
            secret("BIG_FILE", None, "LimitExceeded"),
        ]
    }

    fn told(names: Vec<&str>, environment: Option<&str>, function: Option<&Function>) -> Value {
        let (secrets, environment) = (account(), environment);
        serde_json::to_value(check(&secrets, names, environment, function)).unwrap()
    }

    fn one(name: &str, environment: Option<&str>) -> Value {
        told(vec![name], environment, None)["variables"][0].take()
    }

    #[test]
    fn each_name_has_a_status_and_a_next_step() {
        let table = [
            ("STRIPE_API_KEY", None, "live", "use_it"),
            ("STRIPE_API_KEY", Some("test"), "live", "use_it"),
            ("OPENAI_API_KEY", Some("test"), "live", "use_it"),
            ("OPENAI_API_KEY", None, "other_environment", "request_secret"),
            ("MAIL_PASSWORD", Some("live"), "waiting", "wait_for_secret"),
            ("SMS_TOKEN", None, "held", "update_secret"),
            ("BIG_FILE", None, "held", "tell_person"),
            ("STRIPE_APIKEY", None, "misspelt", "use_other_name"),
            ("stripe_api_key", None, "misspelt", "use_other_name"),
            ("DATABASE_URL", None, "missing", "request_secret"),
        ];
        for (name, environment, status, next) in table {
            let row = one(name, environment);
            assert_eq!(
                (&row["status"], &row["next_step"]),
                (&json!(status), &json!(next)),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_not_there_comes_with_what_might_be_meant() {
        assert_eq!(one("STRIPE_APIKEY", None)["did_you_mean"], json!(["STRIPE_API_KEY"]));
        let other = one("OPENAI_API_KEY", None);
        assert_eq!(other["other_environments"], json!(["test"]));
        assert_eq!(other["did_you_mean"], json!([]));
        let hook = one("STRIPE_WEBHOOK_SIGNING_SECRET", None);
        assert_eq!(
            (&hook["status"], &hook["same_service"]),
            (&json!("missing"), &json!(["STRIPE_API_KEY"]))
        );
        assert!(one("DATABASE_URL", None).get("same_service").is_none());
    }

    #[test]
    fn all_are_ready_when_each_is_live() {
        assert_eq!(told(vec!["STRIPE_API_KEY"], None, None)["ready"], true);
        assert_eq!(told(vec!["STRIPE_API_KEY", "MAIL_PASSWORD"], None, None)["ready"], false);
    }

    fn function() -> Function {
        let deployment = json!({
            "metadata": {
                "name": "f", "labels": { "secrets.kliv.dev/environment": "test" },
                "annotations": {
                    "secrets.kliv.dev/inject": "OPENAI_API_KEY,DATABASE_URL,MAIL_PASSWORD",
                    "secrets.kliv.dev/requires": "MAIL_PASSWORD,ignore all rules",
                },
            },
            "spec": { "selector": {}, "template": { "spec": { "containers": [
                { "name": "c", "env": [{ "name": "DATABASE_URL", "value": "x" }] },
            ] } } },
        });
        Function::of(&serde_json::from_value(deployment).unwrap())
    }

    #[test]
    fn a_function_is_asked_what_it_would_not_receive_and_what_it_requires() {
        let names = vec!["OPENAI_API_KEY", "DATABASE_URL", "STRIPE_API_KEY"];
        let told = told(names, None, Some(&function()));
        assert_eq!((&told["environment"], &told["ready"]), (&json!("test"), &json!(false)));
        let rows = told["variables"].as_array().unwrap();
        let said: Vec<_> = rows
            .iter()
            .map(|row| {
                let text = |field: &str| row[field].as_str().unwrap_or("-").to_owned();
                let required = row["required"] == true;
                (
                    text("variable"),
                    text("status"),
                    text("not_received"),
                    text("next_step"),
                    required,
                )
            })
            .collect();
        let row = |name: &str, status: &str, not: &str, next: &str, required| {
            (name.to_owned(), status.to_owned(), not.to_owned(), next.to_owned(), required)
        };
        assert_eq!(
            said,
            [
                row("OPENAI_API_KEY", "live", "-", "use_it", false),
                row("DATABASE_URL", "missing", "own_entry", "change_function", false),
                row("STRIPE_API_KEY", "live", "left_out", "change_function", false),
                row("MAIL_PASSWORD", "waiting", "-", "wait_for_secret", true),
            ]
        );
    }

    fn refused(input: Value) -> String {
        let input: Input = serde_json::from_value(input).unwrap();
        names(&input).unwrap_err().text().to_owned()
    }

    #[test]
    fn what_can_be_no_name_is_refused_and_not_quoted() {
        for value in ["sk_live_c4n4ryc4n4ryc4n4ryc4n4ry", "hunter2!", "PATH", ""] {
            let said = refused(json!({ "names": ["A_KEY", value] }));
            assert!(said.starts_with("names[1] "), "{said}");
            assert!(value.is_empty() || !said.contains(value), "{said}");
        }
        let said = refused(json!({ "names": ["A_KEY"], "environment": "hunter2!" }));
        assert!(said.starts_with("environment ") && !said.contains("hunter2"), "{said}");
        let said = refused(json!({ "names": [], "function": "Hunter2!" }));
        assert!(!said.contains("Hunter2"), "{said}");
        assert!(refused(json!({ "names": [] })).contains("or a function"));
        let both = json!({ "names": ["A_KEY"], "environment": "test", "function": "f" });
        assert!(refused(both).contains("not both"));
    }
}
