#![expect(clippy::disallowed_types, reason = "reads what is installed, and tries a write")]
//! Learns what is there, with the rights of whoever asks.

use k8s_openapi::Resource;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, MutatingWebhookConfiguration,
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::findings::{Found, Install, Part, Written};
use crate::api::text::harmless;
use crate::api::{KlivSecret, names, object_name};
use crate::runtime::{client, entropy};
use crate::seal::{Sealed, SealingKey};

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The operator's namespace.
    pub namespace: &'a str,
    /// An account in which a write is tried, as a dry run, and what the caller may do there;
    /// without one that is not looked at.
    pub account: Option<&'a str>,
}

/// Looks at everything that [`findings`](super::findings()) judges.
pub async fn look(client: &Client, ask: Ask<'_>) -> Install {
    let (crds, policies, webhook, sealing_key, parts, written) = tokio::join!(
        crds(client),
        policies(client),
        webhook(client),
        sealing_key(client, ask.namespace),
        parts(client, ask.namespace),
        write(client, ask.account),
    );
    let namespace = ask.namespace.to_owned();
    Install { namespace, crds, policies, webhook, sealing_key, parts, written }
}

pub(super) async fn find<K>(api: Api<K>, name: &str) -> Found<K>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    match api.get_opt(name).await {
        Ok(Some(object)) => Found::Here(object),
        Ok(None) => Found::Absent,
        Err(error) => Found::Unknown(client::plain(&error)),
    }
}

impl<T> Found<T> {
    pub(super) fn map<U>(self, of: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Self::Here(object) => Found::Here(of(object)),
            Self::Absent => Found::Absent,
            Self::Unknown(why) => Found::Unknown(why),
        }
    }
}

async fn crds(client: &Client) -> Vec<(&'static str, Found<bool>)> {
    let mut found = Vec::new();
    for name in names::CRDS {
        let crd = find::<CustomResourceDefinition>(Api::all(client.clone()), name).await;
        found.push((name, crd.map(|crd| is_served(&crd))));
    }
    found
}

fn is_served(crd: &CustomResourceDefinition) -> bool {
    let conditions = crd.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let is = |type_: &str| {
        conditions.clone().any(|condition| condition.type_ == type_ && condition.status == "True")
    };
    let version = crd.spec.versions.iter().any(|v| v.name == names::VERSION && v.served);
    is("Established") && !is("Terminating") && version
}

async fn policies(client: &Client) -> Vec<(&'static str, &'static str, Found<bool>)> {
    let mut found = Vec::new();
    for name in names::GUARDS {
        let api = Api::<ValidatingAdmissionPolicy>::all(client.clone());
        let bound = async {
            let api = Api::<ValidatingAdmissionPolicyBinding>::all(client.clone());
            find(api, name).await.map(|binding| {
                let spec = binding.spec;
                let denies = spec.validation_actions.iter().any(|a| a == "Deny");
                denies && spec.policy_name == name
            })
        };
        let policy = acts(find(api, name).await.map(drop), bound).await;
        found.push((ValidatingAdmissionPolicy::KIND, name, policy));
    }
    if has_injection(client).await {
        let name = names::INJECTION_POLICY;
        let api = Api::<MutatingAdmissionPolicy>::all(client.clone());
        let bound = async {
            let api = Api::<MutatingAdmissionPolicyBinding>::all(client.clone());
            find(api, name).await.map(|binding| {
                binding.spec.and_then(|spec| spec.policy_name).as_deref() == Some(name)
            })
        };
        let policy = acts(find(api, name).await.map(drop), bound).await;
        found.push((MutatingAdmissionPolicy::KIND, name, policy));
    }
    found
}

/// A policy does nothing without its binding.
async fn acts(policy: Found<()>, bound: impl Future<Output = Found<bool>>) -> Found<bool> {
    match policy {
        Found::Here(()) => match bound.await {
            Found::Absent => Found::Here(false),
            bound => bound,
        },
        Found::Absent => Found::Absent,
        Found::Unknown(why) => Found::Unknown(why),
    }
}

/// Whether the API server can inject by a policy: since Kubernetes 1.36.
async fn has_injection(client: &Client) -> bool {
    let offered = client.list_api_group_resources("admissionregistration.k8s.io/v1").await;
    let has = |resource: &str| {
        offered.as_ref().is_ok_and(|list| list.resources.iter().any(|r| r.name == resource))
    };
    has("mutatingadmissionpolicies")
}

async fn webhook(client: &Client) -> Found<bool> {
    let api = Api::<MutatingWebhookConfiguration>::all(client.clone());
    find(api, names::WEBHOOK_CONFIGURATION).await.map(|configuration| {
        let webhooks = configuration.webhooks.unwrap_or_default();
        let trusts =
            |bundle: Option<k8s_openapi::ByteString>| bundle.is_some_and(|b| !b.0.is_empty());
        !webhooks.is_empty() && webhooks.into_iter().all(|w| trusts(w.client_config.ca_bundle))
    })
}

async fn sealing_key(client: &Client, namespace: &str) -> Found<Option<String>> {
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    find(api, names::SEALING_KEY_CONFIGMAP).await.map(|map| {
        let entry = map.data?.remove(names::SEALING_KEY_ENTRY)?;
        Some(SealingKey::parse(&entry).ok()?.key_id().to_string())
    })
}

async fn parts(client: &Client, namespace: &str) -> Vec<(&'static str, Found<Part>)> {
    let mut found = Vec::new();
    for part in ["controller", "webhook"] {
        let api = Api::<Deployment>::namespaced(client.clone(), namespace);
        let replicas = find(api, &format!("kliv-secrets-{part}")).await.map(|deployment| Part {
            wanted: deployment.spec.replicas.unwrap_or(1),
            ready: deployment.status.and_then(|status| status.ready_replicas).unwrap_or(0),
        });
        found.push((part, replicas));
    }
    found
}

/// Writes a KlivSecret with a value that was just made up, as a dry run: nothing is stored.
async fn write(client: &Client, account: Option<&str>) -> Written {
    let Some(account) = account else { return Written::NoAccount };
    let value = entropy::unique("made-up");
    let env_var = entropy::unique("KLIV_SECRETS_TEST").to_uppercase();
    let resource = ApiResource::erase::<KlivSecret>(&());
    let object = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": { "name": object_name(&env_var, None) },
        "spec": { "envVar": env_var, "value": value },
    });
    let Ok(object) = serde_json::from_value::<DynamicObject>(object) else {
        return Written::Refused("this is a fault of kliv-secrets itself".into());
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), account, &resource);
    let dry_run = PostParams { dry_run: true, field_manager: Some("kliv-secrets-doctor".into()) };
    match api.create(&dry_run, &object).await {
        Ok(answer) => sealed(&answer, &value).map_or(Written::Unsealed, Written::Sealed),
        // The server's own words may quote what was written: the value is made up.
        Err(kube::Error::Api(status)) if status.message.contains("was not sealed") => {
            Written::RefusedUnsealed
        }
        Err(kube::Error::Api(status)) if status.code == 422 => {
            // Others' policies and webhooks say what they like.
            Written::Refused(harmless(&status.message, 2000).into_owned())
        }
        Err(error) => {
            let why = client::plain(&error);
            let no_right = matches!(&error, kube::Error::Api(status) if status.code == 403);
            // The role-based authorizer's words, not those of a policy.
            if no_right && why.contains("\" cannot ") {
                return Written::NotTried(why);
            }
            Written::Refused(why)
        }
    }
}

/// The id of the key that the answer is sealed with, where nothing in it is the value.
fn sealed(answer: &DynamicObject, value: &str) -> Option<String> {
    if serde_json::to_string(answer).ok()?.contains(value) {
        return None;
    }
    let sealed = answer.data["spec"]["sealed"].as_str()?;
    Some(Sealed::parse(sealed).ok()?.key_id().to_string())
}
