#![expect(clippy::disallowed_types, reason = "the one place that writes")]
//! Does what a plan asks for: with `deployments.rs` the one place of the engine that writes
//! to the cluster, and the one where values are opened to be published.
//!
//! Native Secrets are never read: they are created (the answer is asked for as metadata
//! only) and deleted by name and uid.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::Status;
use kube::{Client, Error};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::action::Action;
use super::decide::Member;
use super::effect::Effect;
use super::inspect::{self, Why};
use super::observe::resource;
use super::observed::{Account, AccountObject, SecretObject};
use super::refused::{Refusal, write_of_status};
use super::world::Change;
use crate::api::condition::Reason;
use crate::api::names::{
    ACCOUNT_NAME, FIELD_MANAGER, LABEL_ENVIRONMENT, LABEL_MANAGED_BY, SECRET_TYPE,
};
use crate::api::{Intent, Source};
use crate::runtime::Metrics;
use crate::seal::Keyring;

/// Writes for the engine.
#[derive(Clone)]
pub(super) struct Applier {
    pub(super) client: Client,
    /// None where it is lost: then nothing is published.
    pub(super) keyring: Option<Arc<Keyring>>,
    pub(super) metrics: Metrics,
    pub(super) function_selector: String,
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
                let mut effects = self.status_answer("KlivAccount", namespace, at, written, change);
                if matches!(effects[..], [Effect::Change(_)]) {
                    effects.push(Effect::Reported);
                }
                effects
            }
            Action::WriteSecret { name, uid, resource_version, status } => {
                let at = (name.as_str(), uid.as_str(), resource_version.as_str());
                let written = self.write_status("KlivSecret", namespace, at, status).await;
                self.status_answer("KlivSecret", namespace, at, written, |object| {
                    Change::Secret(namespace.clone(), Box::new(SecretObject::of(object)))
                })
            }
            Action::Publish { name, environment, members } => {
                self.publish(namespace, name, environment, members).await
            }
            Action::Inject { function, patch } => self.inject(account, function, patch).await,
            Action::Withdraw { stray, patch } => self.withdraw(account, stray, patch).await,
            Action::FindStrays => self.find_strays(account).await,
            Action::Retire(sets) => self.retire(account, sets).await,
            Action::Probe(sets) => self.probe(account, sets).await,
            Action::FindTrail => self.find_trail(account).await,
            Action::Tell(events) => self.tell(namespace, events).await,
            Action::FindDeletions => self.find_deletions(account).await,
            Action::DropNotices(names) => self.drop_notices(namespace, names).await,
            Action::FindOld(kept) => self.find_old(account, *kept).await,
            Action::Prune(numbers) => self.prune(namespace, numbers).await,
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

    /// The object as it is now, or what went wrong. A status that the API server won't have
    /// is an error of ours, or of an older CRD: it is told, and harms no other object.
    fn status_answer(
        &self,
        kind: &'static str,
        namespace: &str,
        (name, uid, resource_version): (&str, &str, &str),
        written: Result<DynamicObject, Error>,
        change: impl FnOnce(&DynamicObject) -> Change,
    ) -> Vec<Effect> {
        match written {
            Err(Error::Api(status)) if is_refused(&status) => {
                self.metrics.refused(kind, "invalid");
                tracing::error!(
                    account = namespace,
                    kind,
                    name,
                    code = status.code,
                    "the API server refuses a status: see whether the CRDs and policies are \
                     those of this version's chart"
                );
                let write = write_of_status(resource_version);
                vec![Effect::Refused(uid.to_owned(), write, Refusal::Invalid)]
            }
            Ok(object) if object.metadata.resource_version.as_deref() == Some(resource_version) => {
                self.metrics.refused(kind, "dropped");
                tracing::warn!(
                    account = namespace,
                    kind,
                    name,
                    "a status was taken and nothing of it kept: see whether the CRDs are those of \
                     this version's chart"
                );
                let write = write_of_status(resource_version);
                vec![Effect::Refused(uid.to_owned(), write, Refusal::Dropped)]
            }
            written => answer("write a status", written, change),
        }
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
            Err((member, Why::UnknownKey | Why::NoKeyring)) => {
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
            Err(error) => vec![not_made(name, &error)],
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
            let opened = inspect::open(namespace, &intent, &member.sealed, self.keyring.as_deref())
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

    /// With Background propagation the answer is no object; metadata is asked for all the
    /// same.
    pub(super) async fn delete_secret(
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

    /// A dry-run create of an empty Secret finds out whether the name is there. Under a full
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
                Err(error) if is_already_exists(&error) => {
                    effects.push(Effect::Found(name.clone()));
                }
                // A current set's turn comes again.
                Err(_) if account.is_current(name) => {}
                Err(_) => effects.push(Effect::Unsure(name.clone())),
            }
        }
        effects.push(Effect::Probed(missing));
        effects
    }
}

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

/// Whether a create found the name taken. Not every 409 says so: a quota that others were
/// counted in at the same moment is a 409 as well, and then nothing was made.
pub(super) fn is_already_exists(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.is_already_exists())
}

/// What an answer to the create of a set means that is not its success.
fn not_made(name: &str, error: &Error) -> Effect {
    match error {
        // The name says what is in it.
        error if is_already_exists(error) => Effect::Created(name.to_owned(), None),
        Error::Api(status) if status.message.contains("exceeded quota") => {
            Effect::Blocked(Reason::QuotaExceeded, quota_text(&status.message))
        }
        Error::Api(status) if namespace_is_going(status) || status.code == 409 => Effect::Stale,
        Error::Api(status) if (400..500).contains(&status.code) && status.code != 429 => {
            Effect::Blocked(
                Reason::PublishFailed,
                format!(
                    "the API server refused the published set (HTTP {}): see whether the chart's \
                     rights and policies are installed; the last published set stays",
                    status.code
                ),
            )
        }
        error => trouble("publish a set", error),
    }
}

/// A failed precondition is no failure. Nothing of the error itself is passed on: it may
/// quote an object.
pub(super) fn trouble(what: &'static str, error: &Error) -> Effect {
    match error {
        Error::Api(status) if matches!(status.code, 404 | 409 | 422) => Effect::Stale,
        Error::Api(status) => Effect::Failed(what, Some(status.code)),
        _ => Effect::Failed(what, None),
    }
}

/// Whether the API server won't have a write, rather than its precondition failed: that
/// of a JSON Patch is 422 too, and names no cause.
pub(super) fn is_refused(status: &Status) -> bool {
    let has_causes = status.details.as_ref().is_some_and(|details| !details.causes.is_empty());
    matches!(status.code, 400 | 403 | 413) || (status.code == 422 && has_causes)
}

/// Of the API server's words no more than the number.
fn quota_text(message: &str) -> String {
    let limited = message.split("limited: ").nth(1).unwrap_or_default();
    let number = limited.split("secrets=").nth(1).unwrap_or_default();
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let allows = match &number[..digits.min(9)] {
        "" => "no further Secret".to_owned(),
        number => format!("no more Secrets than {number}"),
    };
    format!(
        "a ResourceQuota of the namespace allows {allows}: raise it, or delete Secrets that \
         nothing uses; the last published set stays"
    )
}

pub(super) fn namespace_is_going(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_counts_as_there_when_its_name_is_taken_and_not_when_a_quota_was_in_conflict() {
        let answer = |code, reason: &str| {
            let status = Status { code, reason: reason.into(), ..Status::default() };
            Error::Api(status.boxed())
        };
        let (taken, conflict) = (answer(409, "AlreadyExists"), answer(409, "Conflict"));
        assert!(is_already_exists(&taken) && !is_already_exists(&conflict));
        assert!(matches!(not_made("set", &taken), Effect::Created(name, None) if name == "set"));
        assert!(matches!(not_made("set", &conflict), Effect::Stale));
        assert!(matches!(not_made("set", &answer(403, "Forbidden")), Effect::Blocked(..)));
        assert!(matches!(not_made("set", &answer(500, "")), Effect::Failed(..)));
    }

    #[test]
    fn a_full_quota_is_told_with_its_number_and_nothing_else_of_the_answer() {
        for (limited, says) in [
            ("secrets=7", "allows no more Secrets than 7: "),
            ("count/secrets=12,pods=3", "allows no more Secrets than 12: "),
            ("pods=3", "allows no further Secret: "),
        ] {
            let message = format!(
                "secrets \"x\" is forbidden: exceeded quota: <b>it</b>, requested: secrets=1, \
                 used: secrets=1, limited: {limited}"
            );
            let text = quota_text(&message);
            assert!(text.contains(says) && !text.contains("<b>"), "{text}");
        }
        assert!(quota_text("").contains("no further Secret"));
    }
}
