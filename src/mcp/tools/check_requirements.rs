//! `check_requirements`.

mod row;
mod there;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::row::{NotReceived, Row, row};
use self::there::There;
use crate::account::{Unfit, Would, is_function, would_get};
use crate::api::{KlivSecret, check_env_var, check_environment, is_dns_subdomain, recognise};
use crate::inject::Function;
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::tool::{Effect, Outcome, Tool};
use crate::seal::Plaintext;

pub(super) struct CheckRequirements;

/// How many names are looked for at most.
const NAMES: usize = 64;
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
    let there = There::of(secrets);
    let row = |(at, name): (usize, &&str)| {
        let not_received = would.as_ref().and_then(|would| match would[at] {
            Would::Get => None,
            Would::KeepItsOwn => Some(NotReceived::OwnEntry),
            Would::LeaveItOut => Some(NotReceived::LeftOut),
        });
        let required = function.map(|function| function.requires(name));
        row(&there, name, environment, required, not_received)
    };
    let variables: Vec<Row> = names.iter().enumerate().map(row).collect();
    Output {
        ready: variables.iter().all(Row::is_ready),
        // What was given is not told back.
        environment: function.and(environment).map(str::to_owned),
        variables,
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
