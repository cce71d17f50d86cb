//! Which functions each secret is for, and how far they have it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::Deployment;

use super::functions::using;
use super::{FunctionLabels, Using, is_function};
use crate::api::{KlivSecret, PublishedSet};
use crate::inject::{Function, inject};

/// A function that a secret is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reached {
    /// The Deployment.
    pub function: String,
    /// How far it is; none where it has nothing of this secret.
    pub state: Option<Using>,
}

/// For each secret of an account, in their order, the functions that it is for, by name. One
/// of an environment is for that environment's functions, also before it has a value; one
/// without is for those of all environments that have no value of their own.
#[must_use]
pub fn reach(
    secrets: &[KlivSecret],
    sets: &[PublishedSet],
    labels: &FunctionLabels,
    deployments: &[Deployment],
) -> Vec<Vec<Reached>> {
    let has_value = |secret: &&KlivSecret| {
        secret.status.as_ref().is_some_and(|status| status.version.is_some())
    };
    let with_value: BTreeSet<(&str, &str)> = secrets.iter().filter(has_value).map(place).collect();
    let all = were_all_published(secrets);
    let mut functions: Vec<Function> = deployments
        .iter()
        .filter(|deployment| is_function(labels, deployment))
        .map(Function::of)
        .collect();
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    let mut reached = vec![Vec::new(); secrets.len()];
    for function in &functions {
        let environment = function.environment();
        // `rollout: manual` only delays it.
        let gets: BTreeSet<String> =
            inject(&function.clone().told(), &all).injected.into_iter().collect();
        let has = function.given();
        for (secret, reached) in secrets.iter().zip(&mut reached) {
            let (variable, of) = place(secret);
            let has_own = with_value.contains(&(variable, environment));
            let is_for =
                if of.is_empty() { environment.is_empty() || !has_own } else { of == environment };
            if !is_for || !gets.contains(variable) {
                continue;
            }
            let is_from_here = of.is_empty() || has_own;
            let set = has.get(variable).filter(|_| is_from_here);
            let state = set.map(|set| using(function, set, sets));
            reached.push(Reached { function: function.name.clone(), state });
        }
    }
    reached
}

/// A variable, and its environment; "" is every one.
fn place(secret: &KlivSecret) -> (&str, &str) {
    (&secret.spec.env_var, secret.spec.environment.as_deref().unwrap_or_default())
}

/// The sets that there would be, had each secret a value.
fn were_all_published(secrets: &[KlivSecret]) -> Vec<PublishedSet> {
    let mut keys: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([("", BTreeSet::new())]);
    for (variable, environment) in secrets.iter().map(place) {
        keys.entry(environment).or_default().insert(variable);
    }
    let every = keys.get("").cloned().unwrap_or_default();
    let set = |(environment, keys): (&str, BTreeSet<&str>)| PublishedSet {
        environment: environment.to_owned(),
        keys: keys.union(&every).map(|key| (*key).to_owned()).collect(),
        ..PublishedSet::default()
    };
    keys.into_iter().map(set).collect()
}

/// What would become of a variable at a function, had it a value there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Would {
    /// The function would get it.
    Get,
    /// The function has an entry of its own of that name, which wins.
    KeepItsOwn,
    /// The function's annotations leave it out.
    LeaveItOut,
}

/// What would become of these variables at a function, in their order.
#[must_use]
pub fn would_get(function: &Function, variables: &[&str]) -> Vec<Would> {
    let keys: BTreeSet<&str> = variables.iter().copied().collect();
    let set = PublishedSet {
        environment: function.environment().to_owned(),
        keys: keys.into_iter().map(str::to_owned).collect(),
        ..PublishedSet::default()
    };
    let injection = inject(&function.clone().told(), &[set]);
    let is_in = |names: &[String], variable: &str| names.iter().any(|name| name == variable);
    let would = |variable: &&str| {
        if is_in(&injection.injected, variable) {
            Would::Get
        } else if is_in(&injection.overridden, variable) {
            Would::KeepItsOwn
        } else {
            Would::LeaveItOut
        }
    };
    variables.iter().map(would).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn secret(variable: &str, environment: Option<&str>, has_value: bool) -> KlivSecret {
        serde_json::from_value(json!({
            "metadata": { "name": "x" },
            "spec": { "envVar": variable, "environment": environment },
            "status": { "version": has_value.then_some(1) },
        }))
        .unwrap()
    }

    fn function(name: &str, environment: &str, has: &[(&str, &str)], more: &Value) -> Deployment {
        let entry = |(variable, set): &(&str, &str)| {
            let from = json!({ "secretKeyRef": { "name": set, "key": variable } });
            json!({ "name": variable, "valueFrom": from })
        };
        let mut env: Vec<Value> = has.iter().map(entry).collect();
        env.extend(more["env"].as_array().cloned().unwrap_or_default());
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "generation": 1, "annotations": more["annotations"],
                "labels": {
                    "app.kubernetes.io/component": "edge-function",
                    "secrets.kliv.dev/environment": environment,
                },
            },
            "spec": {
                "replicas": 0, "selector": {},
                "template": { "spec": { "containers": [{ "name": "c", "env": env }] } },
            },
            "status": { "observedGeneration": 1 },
        }))
        .unwrap()
    }

    fn current() -> Vec<PublishedSet> {
        vec![PublishedSet { name: "kliv-env-now".into(), ..PublishedSet::default() }]
    }

    /// `f*` runs with it, `f-` has nothing of it.
    fn told(secrets: &[KlivSecret], deployments: &[Deployment]) -> Vec<String> {
        let reached = reach(secrets, &current(), &FunctionLabels::default(), deployments);
        let word = |reached: &Reached| match reached.state {
            Some(Using::Current) => format!("{}*", reached.function),
            Some(Using::Former) => format!("{} former", reached.function),
            _ => format!("{}-", reached.function),
        };
        reached.iter().map(|of| of.iter().map(word).collect::<Vec<_>>().join(",")).collect()
    }

    #[test]
    fn a_secret_is_for_the_functions_that_want_it_and_runs_on_those_with_the_current_set() {
        let none = json!({});
        let deployments = [
            function("late", "", &[("A", "kliv-env-then")], &none),
            function("now", "", &[("A", "kliv-env-now")], &none),
            function("new", "", &[], &none),
            function("own", "", &[], &json!({ "env": [{ "name": "A", "value": "x" }] })),
            function(
                "none",
                "",
                &[],
                &json!({ "annotations": { "secrets.kliv.dev/inject": "none" } }),
            ),
            serde_json::from_value(json!({
                "metadata": { "name": "other" },
                "spec": { "selector": {}, "template": { "spec": { "containers": [] } } },
            }))
            .unwrap(),
        ];
        assert_eq!(told(&[secret("A", None, true)], &deployments), ["late former,new-,now*"]);
    }

    #[test]
    fn a_value_of_an_environment_stands_before_the_one_for_every_environment_once_it_is_there() {
        let none = json!({});
        let now = [("A", "kliv-env-now")];
        let deployments = [function("every", "", &now, &none), function("t", "test", &now, &none)];
        let every = secret("A", None, true);
        let both = |has_value| [every.clone(), secret("A", Some("test"), has_value)];
        assert_eq!(told(&both(true), &deployments), ["every*", "t*"]);
        assert_eq!(told(&both(false), &deployments), ["every*,t*", "t-"], "it is waited for");
        assert_eq!(told(&[every], &deployments), ["every*,t*"]);
    }

    #[test]
    fn a_function_says_by_its_own_entries_and_annotations_what_it_would_not_get() {
        let more = json!({
            "env": [{ "name": "B", "value": "x" }],
            "annotations": { "secrets.kliv.dev/inject": "A,B" },
        });
        let function = Function::of(&function("f", "test", &[], &more));
        let would = would_get(&function, &["C", "B", "A"]);
        assert_eq!(would, [Would::LeaveItOut, Would::KeepItsOwn, Would::Get]);
    }
}
