//! One account: what people do in it, and what they and its functions see.

use std::collections::BTreeMap;
use std::process::Command;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::events::v1::Event;
use kliv_secrets::account::Caller;
use kliv_secrets::api::condition::{READY, Reason};
use kliv_secrets::api::names::{ACCOUNT_NAME, SECRET_TYPE};
use kliv_secrets::api::{KlivAccount, KlivAccountStatus, KlivSecret, object_name};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::chart::NAMESPACE;
use crate::harness::{Cluster, Outcome, eventually};
use crate::operator::Operator;

/// A namespace of an operator's cluster.
pub(crate) struct Account<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) namespace: String,
    pub(crate) client: Client,
}

/// `kubectl kliv` with the admin's kubeconfig.
pub(crate) fn kubectl_kliv(cluster: &Cluster, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-kliv"));
    command.env("KUBECONFIG", cluster.kubeconfig()).args(args);
    command
}

/// A KlivSecret as people write it.
pub(crate) fn secret(env_var: &str, value: &str) -> Value {
    secret_with(json!({ "envVar": env_var, "value": value }))
}

/// One for an environment.
pub(crate) fn secret_in(environment: &str, env_var: &str, value: &str) -> Value {
    secret_with(json!({ "envVar": env_var, "environment": environment, "value": value }))
}

/// One with any spec, under the name that belongs to it.
pub(crate) fn secret_with(spec: Value) -> Value {
    let env_var = spec["envVar"].as_str().expect("a variable");
    let name = object_name(env_var, spec["environment"].as_str());
    json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": { "name": name }, "spec": spec,
    })
}

/// A function without pods: its rollouts end at once.
pub(crate) fn function(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": name, "labels": { "app.kubernetes.io/component": "edge-function" },
        },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "function": name } },
            "template": {
                "metadata": { "labels": { "function": name } },
                "spec": { "containers": [{ "name": "main", "image": "example.org/none" }] },
            },
        },
    })
}

/// A function with annotations, e.g. `[("inject", "none")]`.
pub(crate) fn function_with(name: &str, annotations: &[(&str, &str)]) -> Value {
    let mut function = function(name);
    for (key, value) in annotations {
        function["metadata"]["annotations"][format!("secrets.kliv.dev/{key}")] = json!(value);
    }
    function
}

/// A function of an environment.
pub(crate) fn function_in(environment: &str, name: &str) -> Value {
    let mut function = function(name);
    function["metadata"]["labels"]["secrets.kliv.dev/environment"] = json!(environment);
    function
}

/// The first container's variables in their order: their name, and the set that they
/// come from.
pub(crate) fn env_of(function: &Deployment) -> Vec<(String, Option<String>)> {
    env_in(function, 0)
}

/// Those of any container.
pub(crate) fn env_in(function: &Deployment, container: usize) -> Vec<(String, Option<String>)> {
    let pod = function.spec.template.spec.as_ref().expect("a pod's spec");
    let env = pod.containers[container].env.iter().flatten();
    env.map(|entry| {
        let reference = entry.value_from.as_ref().and_then(|from| from.secret_key_ref.as_ref());
        (entry.name.clone(), reference.map(|reference| reference.name.clone()))
    })
    .collect()
}

impl<'a> Account<'a> {
    /// A new one.
    pub(crate) async fn new(operator: &'a Operator, name: &str) -> Self {
        Self::at(operator, operator.cluster.namespace(name).await)
    }

    /// One that is there.
    pub(crate) fn at(operator: &'a Operator, namespace: String) -> Self {
        let cluster = &operator.cluster;
        Self { cluster, namespace, client: cluster.client() }
    }

    /// The admin in this namespace, as `kubectl kliv` acts for him.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            client: self.client.clone(),
            namespace: self.namespace.as_str().try_into().expect("a namespace"),
            operator_namespace: NAMESPACE.try_into().expect("a namespace"),
            field_manager: "kubectl-kliv",
            share: None,
        }
    }

    /// kubectl in this namespace, with an object on its standard input.
    pub(crate) fn kubectl(&self, args: &[&str], object: &Value) -> Outcome {
        let namespace = ["-n", self.namespace.as_str()];
        self.cluster.kubectl_reading(&object.to_string(), &[args, &namespace].concat())
    }

    /// `kubectl apply`.
    #[track_caller]
    pub(crate) fn apply(&self, object: &Value) {
        self.kubectl(&["apply", "-f", "-"], object).success();
    }

    /// `kubectl apply` that is refused, and why.
    #[track_caller]
    pub(crate) fn apply_refused(&self, object: &Value) -> String {
        self.kubectl(&["apply", "-f", "-"], object).failure()
    }

    /// Applies and waits until functions get it.
    pub(crate) async fn put(&self, object: &Value) -> KlivSecret {
        self.apply(object);
        self.published(object["metadata"]["name"].as_str().expect("a name")).await
    }

    /// Somebody has one of the cluster's roles in this account.
    pub(crate) async fn grant(&self, role: &str, user: &str) {
        self.cluster.grant(role, &format!("--user={user}"), &self.namespace).await;
    }

    #[track_caller]
    pub(crate) fn delete(&self, what: &str) {
        let args = ["delete", what, "-n", &self.namespace, "--wait=false"];
        self.cluster.kubectl(&args).success();
    }

    /// Waits until the present spec of a secret is published.
    pub(crate) async fn published(&self, name: &str) -> KlivSecret {
        self.becomes(name, Reason::Published).await
    }

    /// Waits until the controller says this of the present spec of a secret.
    pub(crate) async fn becomes(&self, name: &str, reason: Reason) -> KlivSecret {
        let secrets: Api<KlivSecret> = self.api();
        let claim = format!("{}/{name} is {}", self.namespace, reason.as_str());
        eventually(&claim, async || {
            let secret = secrets.get(name).await.expect("the secret");
            let status = secret.status.as_ref()?;
            let ready = status.conditions.iter().find(|c| c.type_ == READY)?;
            let is_now = status.observed_generation == secret.metadata.generation;
            (is_now && ready.reason == reason.as_str()).then_some(secret)
        })
        .await
    }

    /// A spec as a person commits it: the API server seals without storing.
    #[track_caller]
    pub(crate) fn sealed(&self, env_var: &str, value: &str) -> Value {
        let seal = ["apply", "-f", "-", "--dry-run=server", "-o", "json"];
        let sealed = self.kubectl(&seal, &secret(env_var, value)).success();
        let sealed: Value = serde_json::from_str(&sealed).expect("JSON");
        json!({ "envVar": env_var, "sealed": sealed["spec"]["sealed"] })
    }

    /// The KlivAccount's status.
    pub(crate) async fn status(&self) -> KlivAccountStatus {
        let accounts: Api<KlivAccount> = self.api();
        let account = accounts.get_opt(ACCOUNT_NAME).await.expect("an answer");
        account.and_then(|account| account.status).unwrap_or_default()
    }

    /// The name of the current set of an environment; "" is the default.
    pub(crate) async fn set(&self, environment: &str) -> Option<String> {
        let sets = self.status().await.sets.into_iter();
        sets.filter(|set| set.environment == environment).map(|set| set.name).next()
    }

    /// The names of all published sets that are there.
    pub(crate) async fn sets_there(&self) -> Vec<String> {
        let params = ListParams::default().fields(&format!("type={SECRET_TYPE}"));
        let secrets: Api<Secret> = self.api();
        let secrets = secrets.list_metadata(&params).await.expect("Secrets");
        secrets.items.into_iter().filter_map(|secret| secret.metadata.name).collect()
    }

    /// Makes a function.
    pub(crate) async fn create(&self, function: &Value) -> Deployment {
        self.write(function, false).await
    }

    /// What would be made.
    pub(crate) async fn dry_run(&self, function: &Value) -> Deployment {
        self.write(function, true).await
    }

    /// Waits until the API server injects what is published into a function that comes now: its
    /// policies see an account a moment after it was written.
    pub(crate) async fn is_injected(&self) {
        eventually("the API server injects", async || {
            let probe = self.dry_run(&function("probe")).await;
            (!env_of(&probe).is_empty()).then_some(())
        })
        .await;
    }

    async fn write(&self, function: &Value, dry_run: bool) -> Deployment {
        let function = serde_json::from_value(function.clone()).expect("a Deployment");
        let params = PostParams { dry_run, ..PostParams::default() };
        self.api().create(&params, &function).await.expect("is made")
    }

    /// Changes a function by a merge patch, as its owner.
    pub(crate) async fn change(&self, name: &str, patch: Value) -> Deployment {
        let functions: Api<Deployment> = self.api();
        let patch = Patch::Merge(patch);
        functions.patch(name, &PatchParams::default(), &patch).await.expect("is changed")
    }

    pub(crate) async fn function(&self, name: &str) -> Deployment {
        self.api().get(name).await.expect("the function")
    }

    /// The environment that a pod of this function would start with: every set that it
    /// refers to must be there.
    pub(crate) async fn environment(&self, name: &str) -> BTreeMap<String, String> {
        let mut function = self.function(name).await;
        loop {
            match self.environment_of(&function).await {
                Ok(environment) => return environment,
                Err(set) => {
                    // It was looked at before it was given another set, and this one went.
                    let now = self.function(name).await;
                    let is_another = now.metadata.generation != function.metadata.generation;
                    assert!(is_another, "{name} refers to {set}, which is not there");
                    function = now;
                }
            }
        }
    }

    /// The same of a function as it was; or the name of a set that is not there.
    async fn environment_of(
        &self,
        function: &Deployment,
    ) -> Result<BTreeMap<String, String>, String> {
        let pod = function.spec.template.spec.as_ref().expect("a pod's spec");
        let secrets: Api<Secret> = self.api();
        let mut environment = BTreeMap::new();
        for entry in pod.containers[0].env.iter().flatten() {
            let from = entry.value_from.as_ref().and_then(|from| from.secret_key_ref.as_ref());
            let value = match from {
                None => entry.value.clone().unwrap_or_default(),
                Some(from) => {
                    let set = secrets.get_opt(&from.name).await.expect("an answer");
                    let data = set.ok_or_else(|| from.name.clone())?.data.expect("values");
                    String::from_utf8(data[&from.key].0.clone()).expect("text")
                }
            };
            environment.insert(entry.name.clone(), value);
        }
        Ok(environment)
    }

    /// Waits until a function's pods would start with exactly this environment.
    pub(crate) async fn gets(&self, name: &str, wanted: &[(&str, &str)]) {
        let wanted: BTreeMap<String, String> =
            wanted.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        eventually(&format!("{name} gets {:?}", wanted.keys()), async || {
            (self.environment(name).await == wanted).then_some(())
        })
        .await;
    }

    /// A function's ReplicaSets: one a rollout. Waits until the present template has one.
    pub(crate) async fn replica_sets(&self, name: &str) -> Vec<ReplicaSet> {
        eventually("the deployment controller has seen it", async || {
            let function = self.function(name).await;
            let status = function.status?;
            (status.observed_generation == function.metadata.generation).then_some(())
        })
        .await;
        let params = ListParams::default().labels(&format!("function={name}"));
        self.api::<ReplicaSet>().list(&params).await.expect("ReplicaSets").items
    }

    /// What Events say about an object.
    pub(crate) async fn events(&self, kind: &str, name: &str) -> Vec<String> {
        let events = self.api::<Event>().list(&ListParams::default()).await.expect("Events");
        let about = |event: &Event| {
            event.regarding.as_ref().is_some_and(|object| {
                object.kind.as_deref() == Some(kind) && object.name.as_deref() == Some(name)
            })
        };
        events.items.into_iter().filter(about).filter_map(|event| event.note).collect()
    }

    /// Waits until an Event about a function says this.
    pub(crate) async fn is_told(&self, function: &str, what: &str) {
        eventually(&format!("an Event about {function} says: {what}"), async || {
            let events = self.events("Deployment", function).await;
            events.iter().any(|note| note.contains(what)).then_some(())
        })
        .await;
    }

    /// Waits until the controller has gone through the account once more: what it has
    /// not done by then it does not do. Shown by an Event about something missing.
    pub(crate) async fn caught_up(&self) {
        const BARRIER: &str = "barrier";
        let functions: Api<Deployment> = self.api();
        let before = functions.get_opt(BARRIER).await.expect("an answer");
        let count = before.and_then(|function| function.metadata.generation).unwrap_or(0);
        let missing = format!("BARRIER_{}", "I".repeat(usize::try_from(count).unwrap_or(0) + 1));
        let mut barrier = function_with(BARRIER, &[("inject", "none"), ("requires", &missing)]);
        barrier["spec"]["revisionHistoryLimit"] = json!(count);
        self.apply(&barrier);
        self.is_told(BARRIER, &format!("{missing} is required")).await;
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

impl Account<'_> {
    /// The account is closed: its namespace is deleted, and gone in the end.
    pub(crate) async fn closes(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let params = DeleteParams::default();
        namespaces.delete(&self.namespace, &params).await.expect("is being deleted");
        eventually("the namespace is gone", async || {
            let there = namespaces.get_opt(&self.namespace).await.expect("an answer");
            there.is_none().then_some(())
        })
        .await;
    }
}
