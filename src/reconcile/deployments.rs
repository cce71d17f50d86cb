#![expect(clippy::disallowed_types, reason = "lists and writes Deployments")]
//! What the engine does with Deployments: gives entries, takes them away, and looks which sets
//! are in use.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::Error;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::core::Status;
use serde::de::DeserializeOwned;

use super::apply::{Applier, is_refused, trouble};
use super::effect::Effect;
use super::observed::Account;
use super::refused::{Refusal, write_of_function};
use super::world::Change;
use crate::api::names::{CONFINEMENT_POLICY, FIELD_MANAGER};
use crate::inject::{Function, sets_mentioned};

/// Each may have more than a megabyte.
const PAGE: u32 = 50;

impl Applier {
    pub(super) async fn inject(
        &self,
        account: &Account,
        name: &str,
        patch: &json_patch::Patch,
    ) -> Vec<Effect> {
        let Some(before) = account.functions.get(name) else { return vec![Effect::Stale] };
        match self.patch(account, before, patch).await {
            Ok(function) => {
                let change = Change::Function(account.namespace.clone(), Box::new(function));
                vec![Effect::Change(change)]
            }
            Err(effect) => vec![effect],
        }
    }

    /// Takes our entries from one that is no function any more.
    pub(super) async fn withdraw(
        &self,
        account: &Account,
        stray: &Function,
        patch: &json_patch::Patch,
    ) -> Vec<Effect> {
        match self.patch(account, stray, patch).await {
            Ok(now) => vec![Effect::Withdrawn(Box::new(now))],
            // No watch tells what became of it.
            Err(Effect::Stale) => vec![Effect::LostSight],
            Err(effect) => vec![effect],
        }
    }

    async fn patch(
        &self,
        account: &Account,
        before: &Function,
        patch: &json_patch::Patch,
    ) -> Result<Function, Effect> {
        let api = Api::<Deployment>::namespaced(self.client.clone(), &account.namespace);
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        match api.patch(&before.name, &params, &Patch::Json::<()>(patch.clone())).await {
            Ok(deployment) => {
                self.metrics.wrote("Deployment", "patch");
                Ok(Function::of(&deployment))
            }
            Err(Error::Api(status)) if is_refused(&status) => {
                let by = refusal(&status);
                let why = if by == Refusal::Altered { "altered" } else { "forbidden" };
                self.metrics.refused("Deployment", why);
                tracing::warn!(
                    account = account.namespace,
                    function = before.name,
                    code = status.code,
                    why,
                    "the write of env was refused"
                );
                Err(Effect::Refused(before.uid.clone(), write_of_function(before, patch), by))
            }
            Err(error) => Err(trouble("change a function", &error)),
        }
    }

    /// Deletes those superseded sets that no Deployment and no ReplicaSet with pods uses,
    /// functions or not.
    pub(super) async fn retire(
        &self,
        account: &Account,
        sets: &[(String, Option<String>)],
    ) -> Vec<Effect> {
        let namespace = &account.namespace;
        let (used, strays) = match self.sets_in_use(account).await {
            Ok(found) => found,
            Err(error) => return vec![trouble("list what uses superseded sets", &error)],
        };
        let mut effects = vec![Effect::LookedForUse, Effect::Strays(strays)];
        for (name, uid) in sets {
            if used.contains(name) {
                continue;
            }
            match self.delete_secret(namespace, name, uid.as_deref()).await {
                Ok(()) => {
                    self.metrics.wrote("Secret", "delete");
                    effects.push(Effect::Deleted(name.clone()));
                }
                Err(Error::Api(status)) if status.code == 404 => {
                    effects.push(Effect::Gone(name.clone()));
                }
                // The precondition failed. A policy keeps everybody else off these names.
                Err(Error::Api(status)) if status.code == 409 => {
                    effects.push(Effect::Reborn(name.clone()));
                }
                Err(error) => effects.push(trouble("delete a superseded set", &error)),
            }
        }
        effects
    }

    /// Deployments with entries of ours that are no functions.
    pub(super) async fn find_strays(&self, account: &Account) -> Vec<Effect> {
        match self.survey(account).await {
            Ok((_, strays)) => vec![Effect::Strays(strays)],
            Err(error) => vec![trouble("look for functions that lost their label", &error)],
        }
    }

    async fn sets_in_use(
        &self,
        account: &Account,
    ) -> Result<(BTreeSet<String>, Vec<Function>), Error> {
        let (mut used, strays) = self.survey(account).await?;
        let replica_sets = Api::<ReplicaSet>::namespaced(self.client.clone(), &account.namespace);
        in_pages(&replica_sets, ListParams::default(), |replica_set| {
            let pods = replica_set.status.as_ref().map_or(0, |status| status.replicas);
            if pods > 0 || replica_set.spec.replicas != Some(0) {
                let template = replica_set.spec.template.and_then(|template| template.spec);
                used.extend(template.iter().flat_map(sets_mentioned));
            }
        })
        .await?;
        Ok((used, strays))
    }

    /// The sets that Deployments mention, and the strays among these.
    async fn survey(&self, account: &Account) -> Result<(BTreeSet<String>, Vec<Function>), Error> {
        let deployments = Api::<Deployment>::namespaced(self.client.clone(), &account.namespace);
        let (mut used, mut strays) = (BTreeSet::new(), Vec::new());
        in_pages(&deployments, ListParams::default(), |deployment| {
            used.extend(deployment.spec.template.spec.iter().flat_map(sets_mentioned));
            let function = Function::of(&deployment);
            let known = account.functions.get(&function.name);
            let is_known = known.is_some_and(|known| known.uid == function.uid);
            if !is_known && !function.sets_given().is_empty() {
                strays.push(function);
            }
        })
        .await?;
        if !strays.is_empty() {
            // The watch may not have told of a new function yet.
            let labelled = ListParams::default().labels(&self.function_selector);
            let labelled = deployments.list_metadata(&labelled).await?;
            let labelled: BTreeSet<_> =
                labelled.items.into_iter().filter_map(|object| object.metadata.uid).collect();
            strays.retain(|stray| !labelled.contains(&stray.uid));
        }
        Ok((used, strays))
    }
}

/// Lists all objects, a page at a time.
pub(super) async fn in_pages<K>(
    api: &Api<K>,
    list: ListParams,
    mut each: impl FnMut(K),
) -> Result<(), Error>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let mut page = list.limit(PAGE);
    loop {
        let list = api.list(&page).await?;
        list.items.into_iter().for_each(&mut each);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(()),
        }
    }
}

/// A patch of ours changes nothing but entries of ours. Where our own policy refuses it
/// all the same, something else has changed more in that same write.
fn refusal(status: &Status) -> Refusal {
    let ours = format!("ValidatingAdmissionPolicy '{CONFINEMENT_POLICY}'");
    if status.message.contains(&ours) { Refusal::Altered } else { Refusal::Forbidden }
}
