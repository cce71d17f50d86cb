//! One account whose functions run: what people do in it, and what the running pods see.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::api::events::v1::Event;
use kliv_secrets::api::condition::{READY, Reason};
use kliv_secrets::api::names::{ACCOUNT_NAME, SECRET_TYPE};
use kliv_secrets::api::{KlivAccount, KlivAccountStatus, KlivSecret, object_name};
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

use crate::harness::{Outcome, eventually};
use crate::operator::Operator;

/// A namespace of its own; it goes with the test.
pub(crate) struct Account<'a> {
    pub(crate) operator: &'a Operator,
    pub(crate) namespace: String,
}

/// What a process has in its environment.
pub(crate) type Environment = BTreeMap<String, String>;

/// A KlivSecret as people write it.
pub(crate) fn secret(env_var: &str, value: &str) -> Value {
    json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": { "name": object_name(env_var, None) },
        "spec": { "envVar": env_var, "value": value },
    })
}

/// One for an environment.
pub(crate) fn secret_in(environment: &str, env_var: &str, value: &str) -> Value {
    let mut secret = secret(env_var, value);
    secret["metadata"]["name"] = json!(object_name(env_var, Some(environment)));
    secret["spec"]["environment"] = json!(environment);
    secret
}

impl<'a> Account<'a> {
    pub(crate) async fn new(operator: &'a Operator, name: &str) -> Self {
        Self { operator, namespace: operator.cluster.namespace(name).await }
    }

    /// kubectl in this namespace, with something on its standard input.
    pub(crate) fn kubectl(&self, args: &[&str], stdin: &str) -> Outcome {
        let namespace = ["-n", self.namespace.as_str()];
        self.operator.cluster.kubectl_reading(stdin, &[args, &namespace].concat())
    }

    /// `kubectl apply`.
    #[track_caller]
    pub(crate) fn apply(&self, object: &Value) {
        self.kubectl(&["apply", "-f", "-"], &object.to_string()).success();
    }

    /// Applies and waits until functions get it.
    pub(crate) async fn put(&self, object: &Value) {
        self.apply(object);
        self.published(object["metadata"]["name"].as_str().expect("a name")).await;
    }

    /// Waits until the present spec of a secret is published.
    pub(crate) async fn published(&self, name: &str) {
        let secrets: Api<KlivSecret> = self.api();
        eventually(&format!("{}/{name} is published", self.namespace), async || {
            let secret = secrets.get(name).await.expect("the secret");
            let status = secret.status.as_ref()?;
            let ready = status.conditions.iter().find(|c| c.type_ == READY)?;
            let is_now = status.observed_generation == secret.metadata.generation;
            (is_now && ready.reason == Reason::Published.as_str()).then_some(())
        })
        .await;
    }

    pub(crate) async fn status(&self) -> KlivAccountStatus {
        let accounts: Api<KlivAccount> = self.api();
        let account = accounts.get_opt(ACCOUNT_NAME).await.expect("an answer");
        account.and_then(|account| account.status).unwrap_or_default()
    }

    /// The name of the current default set.
    pub(crate) async fn set(&self) -> String {
        let sets = self.status().await.sets;
        let set = sets.into_iter().find(|set| set.environment.is_empty());
        set.expect("a default set").name
    }

    /// The names of all published sets that are there.
    pub(crate) async fn sets_there(&self) -> Vec<String> {
        let params = ListParams::default().fields(&format!("type={SECRET_TYPE}"));
        let secrets = self.api::<Secret>().list_metadata(&params).await.expect("Secrets");
        secrets.items.into_iter().filter_map(|secret| secret.metadata.name).collect()
    }

    /// A function with one pod, which is ready when it answers.
    pub(crate) fn function(&self, name: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": name, "labels": { "app.kubernetes.io/component": "edge-function" },
            },
            "spec": {
                "selector": { "matchLabels": { "function": name } },
                "template": {
                    "metadata": { "labels": { "function": name } },
                    "spec": {
                        "terminationGracePeriodSeconds": 1,
                        "containers": [{
                            "name": "function",
                            "image": self.operator.cluster.function_image(),
                            "readinessProbe": {
                                "httpGet": { "path": "/readyz", "port": 8080 }, "periodSeconds": 1,
                            },
                        }],
                    },
                },
            },
        })
    }

    /// A function of an environment.
    pub(crate) fn function_in(&self, environment: &str, name: &str) -> Value {
        let mut function = self.function(name);
        function["metadata"]["labels"]["secrets.kliv.dev/environment"] = json!(environment);
        function
    }

    /// A function with environment entries of its owner.
    pub(crate) fn function_with_env(&self, name: &str, env: Value) -> Value {
        let mut function = self.function(name);
        function["spec"]["template"]["spec"]["containers"][0]["env"] = env;
        function
    }

    /// Waits until the API server injects what is published into a function that comes now: its
    /// policies see an account a moment after it was written.
    pub(crate) async fn is_injected(&self) {
        let probe = self.function("probe").to_string();
        let create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
        eventually("the API server injects", async || {
            let made = self.kubectl(&create, &probe).success();
            let made: Value = serde_json::from_str(&made).expect("JSON");
            made["spec"]["template"]["spec"]["containers"][0]["env"].is_array().then_some(())
        })
        .await;
    }

    /// Waits until a function has rolled out: one pod is left, it is ready, and it sees
    /// this in its environment.
    pub(crate) async fn runs_with(&self, name: &str, wanted: &[(&str, &str)]) -> Environment {
        let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        eventually(&format!("{}/{name} runs with {names:?}", self.namespace), async || {
            let [pod] = self.pods(name).await.try_into().ok()?;
            let environment = self.environment(&pod.name_any()).await?;
            let right = wanted
                .iter()
                .all(|(name, value)| environment.get(*name).is_some_and(|v| v == value));
            (right && is_ready(&pod)).then_some(environment)
        })
        .await
    }

    /// A function's pods, without those that are on their way out.
    pub(crate) async fn pods(&self, name: &str) -> Vec<Pod> {
        let params = ListParams::default().labels(&format!("function={name}"));
        let pods = self.api::<Pod>().list(&params).await.expect("Pods");
        let stays = |pod: &Pod| pod.metadata.deletion_timestamp.is_none();
        pods.items.into_iter().filter(stays).collect()
    }

    /// The environment that a running pod answers.
    pub(crate) async fn environment(&self, pod: &str) -> Option<Environment> {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}:8080/proxy/", self.namespace);
        let asked = http::Request::get(&path).body(Vec::new()).expect("a request");
        let client = self.operator.cluster.client();
        // The address of a pod that just went answers nothing at all.
        let answer = tokio::time::timeout(Duration::from_secs(5), client.request_text(asked)).await;
        serde_json::from_str(&answer.ok()?.ok()?).ok()
    }

    pub(crate) async fn replica_sets(&self, name: &str) -> Vec<ReplicaSet> {
        let params = ListParams::default().labels(&format!("function={name}"));
        self.api::<ReplicaSet>().list(&params).await.expect("ReplicaSets").items
    }

    /// Waits until an Event about a function says this.
    pub(crate) async fn is_told(&self, function: &str, what: &str) {
        let events: Api<Event> = self.api();
        eventually(&format!("an Event about {function} says: {what}"), async || {
            let events = events.list(&ListParams::default()).await.expect("Events");
            let says = |event: &&Event| {
                event.regarding.as_ref().is_some_and(|o| o.name.as_deref() == Some(function))
                    && event.note.as_ref().is_some_and(|note| note.contains(what))
            };
            events.iter().find(says).map(|_| ())
        })
        .await;
    }

    /// Waits until the controller has gone through the account once more: what it has
    /// not done by then it does not do. Shown by an Event about a function that lacks
    /// something.
    pub(crate) async fn caught_up(&self) {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        eventually("the controller has caught up", async || {
            let name = format!("barrier-{}", COUNT.fetch_add(1, Ordering::Relaxed));
            let mut barrier = self.function(&name);
            barrier["metadata"]["annotations"] =
                json!({ "secrets.kliv.dev/inject": "none", "secrets.kliv.dev/requires": "NOTHING" });
            barrier["spec"]["replicas"] = json!(0);
            self.apply(&barrier);
            // A leader that starts at this moment takes it for one that it had told of.
            let told = self.is_told(&name, "NOTHING is required");
            let told = tokio::time::timeout(Duration::from_secs(5), told).await.ok();
            self.kubectl(&["delete", "deployment", &name, "--wait=false"], "").success();
            told
        })
        .await;
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.operator.cluster.client(), &self.namespace)
    }
}

/// Whether the kubelet says so.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
    conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let args = ["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"];
        let deleted = self.operator.cluster.kubectl(&args);
        assert!(deleted.ok || std::thread::panicking(), "{}", deleted.stderr);
    }
}
