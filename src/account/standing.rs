//! The account's functions: which set each runs with, and telling one to take the new set.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{Caller, Error, FunctionLabels, Missing, NotLive, Unfit, What};
use crate::api::condition::Behind;
use crate::api::names::ANNOTATION_REVISION;
use crate::api::{KlivAccountStatus, NotUpdated, PublishedSet};
use crate::inject::{Function, inject};

/// How far one function is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The Deployment.
    pub name: String,
    /// Its environment; "" is none.
    pub environment: String,
    /// The sets that its entries are from; more than one only in between.
    pub sets: Vec<String>,
    /// The revision of its set, where that is a current one.
    pub revision: Option<i64>,
    /// How many variables it gets.
    pub variables: usize,
    /// Whether it takes a new set only when told.
    pub manual: bool,
    /// How far it is.
    pub state: FunctionState,
}

/// How far a function is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FunctionState {
    /// It runs with the current set.
    Updated,
    /// It gets nothing: no secrets for it, or it wants none.
    NoVariables,
    /// It does not run with the current set.
    Behind(Behind),
}

impl FunctionState {
    /// In a word; of one that is behind a reason of `status.functions.notUpdated`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "Updated",
            Self::NoVariables => "NoVariables",
            Self::Behind(behind) => behind.as_str(),
        }
    }
}

/// Whether a Deployment is a function of the account: labelled so, or given a set.
#[must_use]
pub fn is_function(labels: &FunctionLabels, deployment: &Deployment) -> bool {
    labels.are_on(deployment) || !Function::of(deployment).sets_given().is_empty()
}

/// How far each function is, by name. What the controller has noted counts before what the
/// Deployment shows.
#[must_use]
pub fn standings(
    status: &KlivAccountStatus,
    labels: &FunctionLabels,
    deployments: &[Deployment],
) -> Vec<Standing> {
    let functions = deployments.iter().filter(|deployment| is_function(labels, deployment));
    let mut standings: Vec<Standing> =
        functions.map(|deployment| standing(status, &Function::of(deployment))).collect();
    standings.sort_by(|a, b| a.name.cmp(&b.name));
    standings
}

fn standing(status: &KlivAccountStatus, function: &Function) -> Standing {
    let injection = inject(function, &status.sets);
    let sets: Vec<String> = function.sets_given().into_iter().map(str::to_owned).collect();
    let revision = match sets.as_slice() {
        [only] => status.sets.iter().find(|set| set.name == *only).map(|set| set.revision),
        _ => None,
    };
    let noted = status.functions.not_updated.iter().find(|noted| noted.name == function.name);
    let noted = noted.and_then(NotUpdated::behind);
    let seen = if injection.manual_waits {
        Some(Behind::Manual)
    } else if function.rollout.failed {
        Some(Behind::RolloutFailed)
    } else if injection.patch.is_some() || !function.rollout.complete {
        Some(Behind::RollingOut)
    } else {
        None
    };
    // A note may be a moment old: where all is well by now, it is.
    let behind = seen.map(|seen| noted.unwrap_or(seen));
    let state = match behind {
        _ if injection.injected.is_empty() && sets.is_empty() => FunctionState::NoVariables,
        Some(behind) => FunctionState::Behind(behind),
        None => FunctionState::Updated,
    };
    Standing {
        name: function.name.clone(),
        environment: function.environment().to_owned(),
        sets,
        revision,
        variables: injection.injected.len(),
        manual: function.is_manual(),
        state,
    }
}

/// What a rollout that was asked for does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rollout {
    /// The function takes this set now.
    Takes(PublishedSet),
    /// It has it.
    Has(PublishedSet),
}

/// Which set a function is to take now.
///
/// # Errors
/// It is no function; it takes sets by itself; there is none for it.
pub fn next_set(
    status: &KlivAccountStatus,
    labels: &FunctionLabels,
    deployment: &Deployment,
) -> Result<Rollout, Error> {
    let function = Function::of(deployment);
    let name = &function.name;
    if !is_function(labels, deployment) {
        return Err(Unfit::NoFunction { name: name.clone(), label: labels.to_string() }.into());
    }
    if !function.is_manual() {
        return Err(Unfit::NotManual(name.clone()).into());
    }
    let told = function.clone().told();
    let wanted = inject(&told, &status.sets).set;
    let Some(set) = status.sets.iter().find(|set| Some(&set.name) == wanted.as_ref()) else {
        return Err(Unfit::NothingPublished(name.clone()).into());
    };
    let has = function.sets_given();
    if has.iter().eq([set.name.as_str()].iter()) {
        return Ok(Rollout::Has(set.clone()));
    }
    Ok(Rollout::Takes(set.clone()))
}

impl Caller {
    /// One function's Deployment.
    ///
    /// # Errors
    /// It is not there, or the caller may not read it.
    pub async fn deployment(&self, name: &str) -> Result<Deployment, Error> {
        let kind = self.kind(What::Function, name);
        let found = self.api::<Deployment>().get_opt(kind.address()?).await;
        found.map_err(|error| kind.failed(&error))?.ok_or_else(|| kind.not_found(Missing::Function))
    }

    /// Tells a function with `rollout: manual` to take the current set.
    ///
    /// # Errors
    /// As [`next_set`]; somebody else has just changed it; the caller may not.
    pub async fn roll_out(&self, name: &str) -> Result<Rollout, Error> {
        let deployment = self.deployment(name).await?;
        let status = self.account().await?.and_then(|account| account.status).unwrap_or_default();
        let rollout = next_set(&status, &self.install().await.functions, &deployment)?;
        if let Rollout::Takes(set) = &rollout {
            let annotations = json!({ (ANNOTATION_REVISION): set.revision.to_string() });
            let metadata = json!({
                "uid": deployment.metadata.uid,
                "annotations": annotations,
            });
            let patch = Patch::Merge(json!({ "metadata": metadata }));
            let params = PatchParams {
                field_manager: Some(self.field_manager.to_owned()),
                ..PatchParams::default()
            };
            let patched = self.api::<Deployment>().patch(name, &params, &patch).await;
            patched.map_err(|error| self.kind(What::Function, name).failed(&error))?;
        }
        Ok(rollout)
    }

    /// Waits until a function's rollout with this set is through, for so long at most.
    ///
    /// # Errors
    /// As [`is_through`]; the time is over; the caller may not look.
    pub async fn through(&self, name: &str, set: &str, timeout: Duration) -> Result<(), Error> {
        const AGAIN: Duration = Duration::from_millis(500);
        let rolls = async {
            loop {
                match self.deployment(name).await {
                    Ok(deployment) if is_through(&deployment, set)? => return Ok(()),
                    // That may pass by itself.
                    Ok(_) | Err(Error::Unreachable(_)) => tokio::time::sleep(AGAIN).await,
                    Err(error) => return Err(error),
                }
            }
        };
        let ended = tokio::time::timeout(timeout, rolls).await;
        ended.unwrap_or_else(|_| Err(NotLive::NotThrough(timeout).into()))
    }
}

/// Whether a function's rollout with this set is through; an error where it has failed.
///
/// # Errors
/// Its new pods do not become ready.
pub fn is_through(deployment: &Deployment, set: &str) -> Result<bool, Error> {
    let function = Function::of(deployment);
    let has = function.sets_given().iter().eq([set].iter());
    if has && function.rollout.failed {
        return Err(NotLive::RolloutFailed(function.name).into());
    }
    Ok(has && function.rollout.complete)
}
