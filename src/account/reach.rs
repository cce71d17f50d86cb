//! Which functions each secret is for, and how far they have it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt as _;

use super::functions::using;
use super::{Deleted, FunctionLabels, Using, Waited, is_function};
use crate::api::{KlivSecret, PublishedSet};
use crate::inject::{Function, inject};

/// A function that a secret is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reached {
    /// The Deployment.
    pub function: String,
    /// How far it is; none where it has nothing of this secret.
    pub state: Option<Using>,
    /// Whether it says that it can't do without.
    pub requires: bool,
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
    reach_of(&secrets.iter().map(Place::of).collect::<Vec<_>>(), sets, labels, deployments)
}

/// The functions that what is waited for is for, each once, by name: of several secrets it
/// counts where it is least far.
#[must_use]
pub fn awaited(
    waited: &Waited,
    secrets: &[KlivSecret],
    sets: &[PublishedSet],
    labels: &FunctionLabels,
    deployments: &[Deployment],
) -> Vec<Reached> {
    let mut places: Vec<Place<'_>> = secrets.iter().map(Place::of).collect();
    let is_written =
        |secret: &KlivSecret| waited.written.iter().any(|(name, _)| secret.name_any() == *name);
    let mut wanted: Vec<bool> = secrets.iter().map(is_written).collect();
    // As if it were still there: those are to run without it.
    let gone = waited.deleted.as_ref().map(Place::gone);
    wanted.extend(gone.map(|_| true));
    places.extend(gone);
    // What waits for its value holds up nothing that others have.
    let is_there = |(wanted, place): (&bool, &Place<'_>)| *wanted && place.has_value;
    let with_value = wanted.iter().zip(&places).any(is_there);
    let mut all: BTreeMap<String, Reached> = BTreeMap::new();
    let reached = reach_of(&places, sets, labels, deployments).into_iter();
    for ((of_one, wanted), place) in reached.zip(wanted).zip(&places) {
        if !wanted || with_value && !place.has_value {
            continue;
        }
        for one in of_one {
            let known = all.entry(one.function.clone()).or_insert_with(|| one.clone());
            known.state = known.state.min(one.state);
            known.requires |= one.requires;
        }
    }
    all.into_values().collect()
}

/// The functions that a secret is for, by name, also before it has a value; `secrets` are those
/// of its account.
#[must_use]
pub fn receivers(
    secret: &KlivSecret,
    secrets: &[KlivSecret],
    labels: &FunctionLabels,
    deployments: &[Deployment],
) -> Vec<String> {
    let wanted = Place::of(secret);
    let is_another = |place: &Place<'_>| {
        (place.variable, place.environment) != (wanted.variable, wanted.environment)
    };
    let others = secrets.iter().map(Place::of).filter(is_another);
    let places: Vec<Place<'_>> = std::iter::once(wanted).chain(others).collect();
    let reached = reach_of(&places, &[], labels, deployments).into_iter().next();
    reached.unwrap_or_default().into_iter().map(|one| one.function).collect()
}

/// Where a secret is for.
#[derive(Clone, Copy)]
struct Place<'a> {
    variable: &'a str,
    /// "" is every one.
    environment: &'a str,
    has_value: bool,
    is_gone: bool,
}

impl<'a> Place<'a> {
    fn of(secret: &'a KlivSecret) -> Self {
        Self {
            variable: &secret.spec.env_var,
            environment: secret.spec.environment.as_deref().unwrap_or_default(),
            has_value: secret.has_value(),
            is_gone: false,
        }
    }

    fn gone(deleted: &'a Deleted) -> Self {
        let environment = deleted.environment.as_deref().unwrap_or_default();
        Self { variable: &deleted.variable, environment, has_value: true, is_gone: true }
    }
}

fn reach_of(
    places: &[Place<'_>],
    sets: &[PublishedSet],
    labels: &FunctionLabels,
    deployments: &[Deployment],
) -> Vec<Vec<Reached>> {
    let with_value = places.iter().filter(|place| place.has_value);
    let with_value: BTreeSet<(&str, &str)> =
        with_value.map(|place| (place.variable, place.environment)).collect();
    let all = were_all_published(places);
    let mut functions: Vec<Function> = deployments
        .iter()
        .filter(|deployment| is_function(labels, deployment))
        .map(Function::of)
        .collect();
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    let mut reached = vec![Vec::new(); places.len()];
    for function in &functions {
        let environment = function.environment();
        // `rollout: manual` only delays it.
        let gets: BTreeSet<String> =
            inject(&function.clone().told(), &all).injected.into_iter().collect();
        let has = function.given();
        for (place, reached) in places.iter().zip(&mut reached) {
            let (variable, of) = (place.variable, place.environment);
            let has_own = with_value.contains(&(variable, environment));
            let is_for =
                if of.is_empty() { environment.is_empty() || !has_own } else { of == environment };
            if !is_for || !gets.contains(variable) {
                continue;
            }
            let is_from_here = of.is_empty() || has_own;
            let set = has.get(variable).filter(|_| is_from_here);
            let state = match place.is_gone {
                true => Some(without(function, sets)),
                false => set.map(|set| using(function, set, sets)),
            };
            let requires = function.requires(variable);
            reached.push(Reached { function: function.name.clone(), state, requires });
        }
    }
    reached
}

/// How far a function is that is to run without what was deleted.
fn without(function: &Function, sets: &[PublishedSet]) -> Using {
    let given = function.sets_given();
    let least = given.iter().map(|set| using(function, set, sets)).min();
    least.unwrap_or(match function.rollout {
        rollout if rollout.failed => Using::Failed,
        rollout if !rollout.complete => Using::RollingOut,
        _ => Using::Current,
    })
}

/// The sets that there would be, had each secret a value.
fn were_all_published(places: &[Place<'_>]) -> Vec<PublishedSet> {
    let mut keys: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([("", BTreeSet::new())]);
    for place in places {
        keys.entry(place.environment).or_default().insert(place.variable);
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
    fn where_an_environment_has_just_got_a_set_the_default_one_is_a_former_one() {
        let all = [("A", "kliv-env-now"), ("B", "kliv-env-now")];
        let deployments = [function("t", "test", &all, &json!({}))];
        let secrets = [secret("A", None, true), secret("A", Some("test"), true)];
        let mut sets = current();
        sets.push(PublishedSet {
            environment: "test".into(),
            name: "kliv-env-test".into(),
            ..PublishedSet::default()
        });
        let reached = reach(&secrets, &sets, &FunctionLabels::default(), &deployments);
        assert_eq!((reached[0].len(), reached[1][0].state), (0, Some(Using::Former)));
    }

    /// The functions that what is waited for is for, and how far each is.
    fn waited(
        waited: &Waited,
        secrets: &[KlivSecret],
        deployments: &[Deployment],
    ) -> Vec<(String, Option<Using>)> {
        let reached = awaited(waited, secrets, &current(), &FunctionLabels::default(), deployments);
        reached.into_iter().map(|one| (one.function, one.state)).collect()
    }

    fn named(name: &str, secret: KlivSecret) -> KlivSecret {
        let mut secret = secret;
        secret.metadata.name = Some(name.to_owned());
        secret
    }

    #[test]
    fn of_several_secrets_a_function_counts_once_where_it_is_least_far() {
        let none = json!({});
        let deployments = [
            function("both", "", &[("A", "kliv-env-now"), ("B", "kliv-env-then")], &none),
            function("one", "", &[("A", "kliv-env-now")], &none),
            function("test", "test", &[("A", "kliv-env-now"), ("B", "kliv-env-now")], &none),
        ];
        let secrets = [
            named("a", secret("A", None, true)),
            named("b", secret("B", None, true)),
            named("c", secret("C", Some("test"), false)),
        ];
        let written = |names: &[&str]| Waited {
            written: names.iter().map(|name| ((*name).to_owned(), 1)).collect(),
            deleted: None,
        };
        let told = |names: &[&str]| waited(&written(names), &secrets, &deployments);
        let at = |name: &str, state| (name.to_owned(), state);
        let (current, former) = (Some(Using::Current), Some(Using::Former));
        let all = |both, one| vec![at("both", both), at("one", one), at("test", current)];
        assert_eq!(told(&["a"]), all(current, current));
        assert_eq!(told(&["a", "b"]), all(former, None));
        assert_eq!(told(&["a", "c"]), all(current, current), "c waits for its value");
        assert_eq!(told(&["c"]), [at("test", None)]);
    }

    #[test]
    fn what_was_deleted_is_gone_from_the_functions_that_it_was_for_when_they_run_without_it() {
        let none = json!({});
        let deployments = [
            function("late", "test", &[("A", "kliv-env-then")], &none),
            function("now", "test", &[("A", "kliv-env-now")], &none),
            function("other", "", &[("A", "kliv-env-then")], &none),
            function("without", "test", &[], &none),
        ];
        let deleted = Deleted {
            variable: "A".into(),
            environment: Some("test".into()),
            ..Deleted::default()
        };
        let gone = Waited { written: Vec::new(), deleted: Some(deleted) };
        let secrets = [named("a", secret("A", None, true))];
        let at = |name: &str, state| (name.to_owned(), Some(state));
        assert_eq!(
            waited(&gone, &secrets, &deployments),
            [at("late", Using::Former), at("now", Using::Current), at("without", Using::Current)]
        );
    }

    #[test]
    fn whoever_gives_a_value_is_told_only_of_functions_that_get_that_very_one() {
        let none = json!({});
        let deployments =
            [function("p", "production", &[], &none), function("t", "test", &[], &none)];
        let waits = secret("A", Some("production"), false);
        let every = secret("A", None, false);
        let all = [waits.clone(), secret("A", Some("test"), true), every.clone()];
        let told = |of: &KlivSecret| receivers(of, &all, &FunctionLabels::default(), &deployments);
        assert_eq!(told(&waits), ["p"]);
        assert_eq!(told(&every), ["p"], "as long as production has none of its own");
        assert_eq!(told(&secret("B", None, false)), ["p", "t"]);
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
