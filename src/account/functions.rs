//! Which functions have a secret, as far as the caller may look at Deployments.

use super::{Caller, Error};
use crate::api::{KlivSecret, PublishedSet};
use crate::inject::{Function, current};

/// A function that has a secret in its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The Deployment.
    pub function: String,
    /// How far it is.
    pub state: Using,
    /// Whether it says that it can't do without.
    pub requires: bool,
}

/// How far a function is; the least far first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Using {
    /// It keeps a former set.
    Former,
    /// Its rollout has failed: old pods have the former set.
    Failed,
    /// Its rollout goes on.
    RollingOut,
    /// It runs with the current set of its environment.
    Current,
}

impl Using {
    /// In plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Current => "runs with the current set",
            Self::RollingOut => "rolling out",
            Self::Failed => "rollout failed: its old pods keep the former set",
            Self::Former => "keeps a former set",
        }
    }
}

impl Caller {
    /// The functions that have this secret, sorted by name.
    ///
    /// # Errors
    /// The caller may not list Deployments, secrets or the account.
    pub async fn users(&self, secret: &KlivSecret) -> Result<Vec<User>, Error> {
        let (deployments, secrets, account) =
            futures::join!(self.deployments(), self.glance(), self.account());
        let (deployments, secrets) = (deployments?, secrets?);
        let status = account?.and_then(|account| account.status);
        let sets = status.map(|status| status.sets).unwrap_or_default();
        let functions = deployments.iter().map(Function::of);
        let users = functions.filter_map(|function| user(&function, secret, &secrets, &sets));
        Ok(users.collect())
    }
}

fn user(
    function: &Function,
    secret: &KlivSecret,
    secrets: &[KlivSecret],
    sets: &[PublishedSet],
) -> Option<User> {
    let variable = &secret.spec.env_var;
    let set = function.set_of(variable)?;
    // A value of the function's environment wins over one without, once there is one.
    let of_its_environment = |secret: &KlivSecret| {
        let environment = secret.spec.environment.as_deref();
        secret.spec.env_var == *variable && environment == Some(function.environment())
    };
    let has_own = secrets.iter().any(|secret| of_its_environment(secret) && secret.has_value());
    if has_own != secret.spec.environment.is_some() || (has_own && !of_its_environment(secret)) {
        return None;
    }
    let requires = function.requires(variable);
    Some(User { function: function.name.clone(), state: using(function, set, sets), requires })
}

/// How far a function is that has a variable from this set. It may have the value of now also
/// from a former set, where others have changed since: nothing tells what was in that.
pub(super) fn using(function: &Function, set: &str, sets: &[PublishedSet]) -> Using {
    match function.rollout {
        _ if current(function, sets).is_none_or(|current| current.name != set) => Using::Former,
        rollout if rollout.failed => Using::Failed,
        rollout if !rollout.complete => Using::RollingOut,
        _ => Using::Current,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(environment: Option<&str>) -> KlivSecret {
        let spec = json!({ "envVar": "A", "environment": environment });
        let status = json!({ "version": 1 });
        let secret = json!({ "metadata": { "name": "a" }, "spec": spec, "status": status });
        serde_json::from_value(secret).unwrap()
    }

    fn function(environment: &str, set: &str) -> Function {
        let from = json!({ "secretKeyRef": { "name": set, "key": "A" } });
        let deployment = json!({
            "metadata": {
                "name": "f", "generation": 1,
                "labels": { "secrets.kliv.dev/environment": environment },
                "annotations": { "secrets.kliv.dev/requires": "A,B" },
            },
            "spec": {
                "replicas": 0, "selector": {},
                "template": { "spec": { "containers": [
                    { "name": "c", "env": [{ "name": "A", "valueFrom": from }] },
                ] } },
            },
            "status": { "observedGeneration": 1 },
        });
        Function::of(&serde_json::from_value(deployment).unwrap())
    }

    fn current() -> Vec<PublishedSet> {
        vec![PublishedSet { name: "kliv-env-now".into(), ..PublishedSet::default() }]
    }

    #[test]
    fn a_function_has_the_value_of_its_environment_where_there_is_one() {
        let (all, live) = (secret(None), secret(Some("live")));
        let both = [all.clone(), live.clone()];
        let has = |environment: &str, of: &KlivSecret, among: &[KlivSecret]| {
            user(&function(environment, "kliv-env-now"), of, among, &current()).is_some()
        };
        assert!(has("live", &live, &both) && !has("live", &all, &both));
        assert!(has("test", &all, &both) && !has("test", &live, &both));
        assert!(has("live", &all, &both[..1]), "it falls back");
        let waiting = KlivSecret { status: None, ..live };
        let both = [all.clone(), waiting.clone()];
        assert!(has("live", &all, &both) && !has("live", &waiting, &both), "it still does");
    }

    #[test]
    fn a_function_with_another_set_keeps_a_former_value() {
        let state = |set| user(&function("", set), &secret(None), &[], &current()).unwrap().state;
        assert_eq!(state("kliv-env-now"), Using::Current);
        assert_eq!(state("kliv-env-then"), Using::Former);
    }

    #[test]
    fn a_function_that_can_not_do_without_says_so() {
        let requires = |spec: serde_json::Value| {
            let secret = json!({ "metadata": { "name": "x" }, "spec": spec });
            let secret: KlivSecret = serde_json::from_value(secret).unwrap();
            user(&function("", "kliv-env-now"), &secret, &[], &current()).map(|user| user.requires)
        };
        assert_eq!(requires(json!({ "envVar": "A" })), Some(true));
        assert_eq!(requires(json!({ "envVar": "B" })), None, "it does not have it");
    }
}
