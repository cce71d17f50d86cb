#![expect(clippy::disallowed_types, reason = "the one place that writes")]
//! Does what a plan asks for: the one place of the engine that writes to the cluster, and
//! the one where values are opened to be published.
//!
//! Native Secrets are never read: they are created (the answer is asked for as metadata
//! only) and deleted by name and uid.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::Status;
use kube::{Client, Error};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::action::Action;
use super::decide::Member;
use super::effect::Effect;
use super::inspect::{self, Why};
use super::observe::resource;
use super::observed::{Account, AccountObject, SecretObject};
use super::world::Change;
use crate::api::condition::Reason;
use crate::api::names::{
    ACCOUNT_NAME, FIELD_MANAGER, LABEL_ENVIRONMENT, LABEL_MANAGED_BY, SECRET_TYPE,
};
use crate::api::{Intent, Source};
use crate::inject::{Function, sets_mentioned};
use crate::runtime::Metrics;
use crate::seal::Keyring;

/// Writes for the engine.
#[derive(Clone)]
pub(super) struct Applier {
    pub(super) client: Client,
    pub(super) keyring: Arc<Keyring>,
    pub(super) metrics: Metrics,
}

impl Applier {
    /// Does one action.
    pub(super) async fn apply(&self, account: &Account, action: &Action) -> Vec<Effect> {
        let namespace = &account.namespace;
        match action {
            Action::CreateAccount => self.create_account(namespace).await,
            Action::WriteAccount(_, status) => {
                let Some(object) = &account.object else { return vec![Effect::Stale] };
                let at = (ACCOUNT_NAME, object.uid.as_str(), object.resource_version.as_str());
                let written = self.write_status("KlivAccount", namespace, at, status).await;
                let change = |object: &DynamicObject| {
                    Change::Account(namespace.clone(), Box::new(AccountObject::of(object)))
                };
                let mut effects = answer("write a KlivAccount's status", written, change);
                if matches!(effects[..], [Effect::Change(_)]) {
                    effects.push(Effect::Reported);
                }
                effects
            }
            Action::WriteSecret { name, uid, resource_version, status } => {
                let at = (name.as_str(), uid.as_str(), resource_version.as_str());
                let written = self.write_status("KlivSecret", namespace, at, status).await;
                answer("write a KlivSecret's status", written, |object| {
                    Change::Secret(namespace.clone(), Box::new(SecretObject::of(object)))
                })
            }
            Action::Publish { name, environment, members } => {
                self.publish(namespace, name, environment, members).await
            }
            Action::Inject { function, patch } => self.inject(account, function, patch).await,
            Action::Retire(sets) => self.retire(namespace, sets).await,
            Action::Probe(sets) => self.probe(account, sets).await,
        }
    }

    async fn create_account(&self, namespace: &str) -> Vec<Effect> {
        let resource = resource("KlivAccount");
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &resource);
        let object = DynamicObject::new(ACCOUNT_NAME, &resource).data(json!({ "spec": {} }));
        let params =
            PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let created = api.create(&params, &object).await;
        if created.is_ok() {
            self.metrics.wrote("KlivAccount", "create");
        }
        answer("create a KlivAccount", created, |object| {
            Change::Account(namespace.to_owned(), Box::new(AccountObject::of(object)))
        })
    }

    /// Replaces a status, if the object is still the one that the plan saw.
    async fn write_status(
        &self,
        kind: &'static str,
        namespace: &str,
        (name, uid, resource_version): (&str, &str, &str),
        status: &impl serde::Serialize,
    ) -> Result<DynamicObject, Error> {
        let patch = json!([
            { "op": "test", "path": "/metadata/uid", "value": uid },
            { "op": "test", "path": "/metadata/resourceVersion", "value": resource_version },
            { "op": "add", "path": "/status", "value": status },
        ]);
        let patch: json_patch::Patch = serde_json::from_value(patch).map_err(Error::SerdeError)?;
        let api =
            Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &resource(kind));
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        let written = api.patch_status(name, &params, &Patch::Json::<()>(patch)).await?;
        self.metrics.wrote(kind, "patch");
        Ok(written)
    }

    async fn publish(
        &self,
        namespace: &str,
        name: &str,
        environment: &str,
        members: &[Member],
    ) -> Vec<Effect> {
        let body = match self.body(namespace, name, environment, members) {
            Ok(body) => body,
            Err((member, Why::Malformed | Why::Refused)) => {
                return vec![Effect::Forged(member.uid.clone(), member.generation)];
            }
            Err((member, Why::UnknownKey)) => {
                let text = format!(
                    "the value in use of {} can't be opened, so no new set can be made and the \
                     last one stays: restore the keyring from its backup, or set that value again",
                    member.secret
                );
                return vec![
                    Effect::Unopenable(member.uid.clone(), member.generation),
                    Effect::Blocked(Reason::PublishFailed, text),
                ];
            }
        };
        match self.post_secret(namespace, "", body).await {
            Ok(answer) => {
                self.metrics.wrote("Secret", "create");
                let uid = answer.pointer("/metadata/uid").and_then(Value::as_str);
                vec![Effect::Created(name.to_owned(), uid.map(str::to_owned))]
            }
            // The name says what is in it.
            Err(Error::Api(status)) if status.code == 409 => {
                vec![Effect::Created(name.to_owned(), None)]
            }
            Err(Error::Api(status)) if status.message.contains("exceeded quota") => {
                vec![Effect::Blocked(
                    Reason::QuotaExceeded,
                    "a ResourceQuota of the namespace allows no further Secret: raise it, or \
                     delete Secrets that nothing uses; the last published set stays"
                        .to_owned(),
                )]
            }
            Err(Error::Api(status)) if namespace_is_going(&status) => vec![Effect::Stale],
            Err(Error::Api(status)) if (400..500).contains(&status.code) && status.code != 429 => {
                vec![Effect::Blocked(
                    Reason::PublishFailed,
                    format!(
                        "the API server refused the published set (HTTP {}): see whether the \
                         chart's rights and policies are installed; the last published set stays",
                        status.code
                    ),
                )]
            }
            Err(error) => vec![trouble("publish a set", &error)],
        }
    }

    /// The Secret as JSON. Built by hand so that values are in one buffer only, which the
    /// HTTP client then sends.
    fn body<'a>(
        &self,
        namespace: &str,
        name: &str,
        environment: &str,
        members: &'a [Member],
    ) -> Result<Zeroizing<Vec<u8>>, (&'a Member, Why)> {
        let mut data = Zeroizing::new(String::from("{"));
        for (i, member) in members.iter().enumerate() {
            let intent = Intent {
                env_var: member.env_var.clone(),
                environment: member.environment.clone(),
                source: Source::Nothing,
            };
            let opened = inspect::open(namespace, &intent, &member.sealed, &self.keyring)
                .map_err(|why| (member, why))?;
            #[expect(clippy::disallowed_methods, reason = "goes into the published Secret")]
            let encoded = Zeroizing::new(STANDARD.encode(opened.value.expose()));
            data.reserve_exact(encoded.len() + member.env_var.len() + 8);
            // A variable's name needs no escaping: letters, digits and underscores.
            let comma = if i == 0 { "" } else { "," };
            for part in [comma, "\"", &member.env_var, "\":\"", &encoded, "\""] {
                data.push_str(part);
            }
        }
        data.push('}');
        let head = secret_head(name, environment).to_string();
        let mut body = Zeroizing::new(Vec::with_capacity(head.len() + data.len() + 16));
        body.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
        body.extend_from_slice(b",\"data\":");
        body.extend_from_slice(data.as_bytes());
        body.push(b'}');
        Ok(body)
    }

    /// The answer holds no content: only metadata is asked for.
    async fn post_secret(
        &self,
        namespace: &str,
        query: &str,
        mut body: Zeroizing<Vec<u8>>,
    ) -> Result<Value, Error> {
        let uri =
            format!("/api/v1/namespaces/{namespace}/secrets?fieldManager={FIELD_MANAGER}{query}");
        let request = Request::post(uri)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, METADATA_ONLY)
            .body(std::mem::take(&mut *body))
            .map_err(Error::HttpError)?;
        self.client.request(request).await
    }

    async fn inject(
        &self,
        account: &Account,
        function: &str,
        patch: &json_patch::Patch,
    ) -> Vec<Effect> {
        let api = Api::<Deployment>::namespaced(self.client.clone(), &account.namespace);
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        match api.patch(function, &params, &Patch::Json::<()>(patch.clone())).await {
            Ok(deployment) => {
                self.metrics.wrote("Deployment", "patch");
                let function = Function::of(&deployment);
                vec![Effect::Change(Change::Function(
                    account.namespace.clone(),
                    Box::new(function),
                ))]
            }
            Err(Error::Api(status)) if is_refusal(&status) => {
                tracing::warn!(
                    account = account.namespace,
                    function,
                    "the write of env was refused by an admission policy or webhook"
                );
                let function = account.functions.get(function);
                function
                    .map(|f| Effect::Refused(f.uid.clone(), f.resource_version.clone()))
                    .into_iter()
                    .collect()
            }
            Err(error) => vec![trouble("change a function", &error)],
        }
    }

    /// Deletes those superseded sets that no Deployment and no ReplicaSet with pods uses,
    /// functions or not.
    async fn retire(&self, namespace: &str, sets: &[(String, Option<String>)]) -> Vec<Effect> {
        let mut effects = vec![Effect::LookedForUse];
        let used = match self.sets_in_use(namespace).await {
            Ok(used) => used,
            Err(error) => return vec![trouble("list what uses superseded sets", &error)],
        };
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

    async fn sets_in_use(&self, namespace: &str) -> Result<BTreeSet<String>, Error> {
        let deployments = Api::<Deployment>::namespaced(self.client.clone(), namespace);
        let replica_sets = Api::<ReplicaSet>::namespaced(self.client.clone(), namespace);
        let mut used = BTreeSet::new();
        in_pages(&deployments, |deployment| {
            used.extend(deployment.spec.template.spec.iter().flat_map(sets_mentioned));
        })
        .await?;
        in_pages(&replica_sets, |replica_set| {
            let pods = replica_set.status.as_ref().map_or(0, |status| status.replicas);
            if pods > 0 || replica_set.spec.replicas != Some(0) {
                let template = replica_set.spec.template.and_then(|template| template.spec);
                used.extend(template.iter().flat_map(sets_mentioned));
            }
        })
        .await?;
        Ok(used)
    }

    /// With Background propagation the answer is no object; metadata is asked for all the
    /// same.
    async fn delete_secret(
        &self,
        namespace: &str,
        name: &str,
        uid: Option<&str>,
    ) -> Result<(), Error> {
        let mut options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        });
        if let Some(uid) = uid {
            options["preconditions"] = json!({ "uid": uid });
        }
        let request = Request::delete(format!("/api/v1/namespaces/{namespace}/secrets/{name}"))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, METADATA_ONLY)
            .body(options.to_string().into_bytes())
            .map_err(Error::HttpError)?;
        self.client.request::<Value>(request).await.map(|_| ())
    }

    /// A dry-run create of an empty Secret: 409 means that the name is there. Under a full
    /// quota each name is answered alike, and nothing is found out.
    async fn probe(&self, account: &Account, sets: &[String]) -> Vec<Effect> {
        let mut missing = BTreeSet::new();
        let mut effects = Vec::new();
        for name in sets {
            let body = Zeroizing::new(secret_head(name, "").to_string().into_bytes());
            match self.post_secret(&account.namespace, "&dryRun=All", body).await {
                Ok(_) => {
                    missing.insert(name.clone());
                }
                Err(Error::Api(status)) if status.code == 409 => {
                    effects.push(Effect::Found(name.clone()));
                }
                // A current set's turn comes again.
                Err(_) if account.is_current(name) => {}
                Err(_) => effects.push(Effect::Stale),
            }
        }
        effects.push(Effect::Probed(missing));
        effects
    }
}

/// Lists all objects, a page at a time: each may have more than a megabyte.
async fn in_pages<K>(api: &Api<K>, mut each: impl FnMut(K)) -> Result<(), Error>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list(&page).await?;
        list.items.into_iter().for_each(&mut each);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(()),
        }
    }
}

const PAGE: u32 = 50;

const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

fn secret_head(name: &str, environment: &str) -> Value {
    let mut labels = json!({ LABEL_MANAGED_BY: FIELD_MANAGER });
    if !environment.is_empty() {
        labels[LABEL_ENVIRONMENT] = environment.into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name, "labels": labels },
        "type": SECRET_TYPE,
        "immutable": true,
    })
}

/// The object as it is now, or what went wrong.
fn answer<K>(
    what: &'static str,
    result: Result<K, Error>,
    change: impl FnOnce(&K) -> Change,
) -> Vec<Effect> {
    match result {
        Ok(object) => vec![Effect::Change(change(&object))],
        Err(error) => vec![trouble(what, &error)],
    }
}

/// A failed precondition is no failure. Nothing of the error itself is passed on: it may
/// quote an object.
fn trouble(what: &'static str, error: &Error) -> Effect {
    match error {
        Error::Api(status) if matches!(status.code, 404 | 409 | 422) => Effect::Stale,
        Error::Api(status) => Effect::Failed(what, Some(status.code)),
        _ => Effect::Failed(what, None),
    }
}

/// Whether a policy or a webhook said no, rather than a precondition.
fn is_refusal(status: &Status) -> bool {
    matches!(status.code, 400..=499)
        && ["ValidatingAdmissionPolicy", "admission webhook"]
            .iter()
            .any(|who| status.message.contains(who))
}

fn namespace_is_going(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}
