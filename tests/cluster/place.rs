//! Where the policies are tried: a namespace, an admin and the controller in it, with
//! nothing of ours running and no webhook. The controller's account acts with every right:
//! what is refused is refused by a policy.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kliv_secrets::api::{KlivAccount, KlivAuditEvent, KlivSecret};
use kube::api::{Api, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::chart;
use crate::harness::{self, eventually};

pub(crate) const OPERATOR: &str = "kliv-secrets-system";
pub(crate) const CONTROLLER: &str =
    "system:serviceaccount:kliv-secrets-system:kliv-secrets-controller";
pub(crate) const WEBHOOK: &str = "system:serviceaccount:kliv-secrets-system:kliv-secrets-webhook";

/// A namespace of a test's own, and who acts in it.
pub(crate) struct Place {
    pub(crate) namespace: String,
    pub(crate) admin: Client,
    pub(crate) user: String,
    pub(crate) controller: Client,
}

impl Place {
    pub(crate) async fn new(name: &str) -> Self {
        let cluster = harness::control_plane().await;
        chart::install(cluster).await;
        let operator =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATOR}});
        let apply = ["apply", "--server-side", "-f", "-"];
        cluster.kubectl_reading(&operator.to_string(), &apply).success();
        let controller = cluster.as_user(CONTROLLER, &["system:masters"]);
        let admin = cluster.as_user("anna@example.org", &["system:masters"]);
        let namespace = cluster.namespace(name).await;
        let place = Self { namespace, admin, user: "anna@example.org".into(), controller };
        place.until_the_policies_are_read().await;
        place
    }

    pub(crate) fn as_controller<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.controller.clone(), &self.namespace)
    }

    pub(crate) async fn create<K: Object>(&self, object: Value) -> K {
        create(Api::namespaced(self.admin.clone(), &self.namespace), object).await
    }

    pub(crate) async fn create_as_controller<K: Object>(&self, object: Value) -> K {
        create(self.as_controller(), object).await
    }

    /// A policy works a moment after it is made: until then, each kind of write that one
    /// of them refuses is tried.
    async fn until_the_policies_are_read(&self) {
        let dry_run = PostParams { dry_run: true, ..Default::default() };
        let secret: Secret = parse(json!({"metadata": {"name": "kliv-env-x"}}));
        let account: KlivAccount = parse(json!({"metadata": {"name": "default"}, "spec": {}}));
        let mut unstamped = question();
        unstamped["metadata"]["annotations"] = json!({"example.org/x": "\"value\":"});
        let unstamped: KlivSecret = parse(unstamped);
        let deployment: Deployment = parse(function());
        let admin = &self.admin;
        let event: KlivAuditEvent = parse(audit_event("x"));
        let events: Api<KlivAuditEvent> = Api::namespaced(admin.clone(), &self.namespace);
        let secrets: Api<Secret> = Api::namespaced(admin.clone(), &self.namespace);
        let accounts: Api<KlivAccount> = Api::namespaced(admin.clone(), &self.namespace);
        let ksecrets: Api<KlivSecret> = Api::namespaced(admin.clone(), &self.namespace);
        eventually("the policies are in force", async || {
            let refusals = [
                secrets.create(&dry_run, &secret).await.err(),
                accounts.create(&dry_run, &account).await.err(),
                events.create(&dry_run, &event).await.err(),
                ksecrets.create(&dry_run, &unstamped).await.err(),
                self.as_controller::<Deployment>().create(&dry_run, &deployment).await.err(),
                self.as_controller::<Secret>().create(&dry_run, &secret).await.err(),
            ];
            refusals.iter().all(Option::is_some).then_some(())
        })
        .await;
        for change in [
            json!({"metadata": {"annotations": {"example.org/x": null}}}),
            json!({"metadata": {"annotations": {"secrets.kliv.dev/stamps": stamp(1, &self.user)}}}),
        ] {
            let mut one_fault = serde_json::to_value(&unstamped).expect("serialises");
            json_patch::merge(&mut one_fault, &change);
            let one_fault: KlivSecret = parse(one_fault);
            eventually("the policies on KlivSecrets are in force", async || {
                ksecrets.create(&dry_run, &one_fault).await.err()
            })
            .await;
        }
    }
}

pub(crate) trait Object:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + Serialize
    + DeserializeOwned
    + std::fmt::Debug
{
}
impl<K> Object for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug
{
}

async fn create<K: Object>(api: Api<K>, object: Value) -> K {
    api.create(&PostParams::default(), &parse(object)).await.expect("is made")
}

pub(crate) fn parse<K: DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).expect("an object of its kind")
}

/// The write was refused by a policy, in these words.
#[track_caller]
pub(crate) fn refuses<T>(what: &str, answer: kube::Result<T>, words: &str) {
    match answer {
        Ok(_) => panic!("{what}: was not refused"),
        Err(kube::Error::Api(status)) => {
            assert!(
                status.message.contains(words),
                "{what}: refused otherwise: {}",
                status.message
            );
        }
        Err(error) => panic!("{what}: no answer: {error}"),
    }
}

pub(crate) fn function() -> Value {
    json!({
        "metadata": {"name": "case", "labels": {"app.kubernetes.io/component": "edge-function"}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"case": "yes"}},
            "template": {
                "metadata": {"labels": {"case": "yes"}},
                "spec": {
                    "containers": [
                        {"name": "main", "image": "example.org/none", "env": [
                            {"name": "USER_A", "value": "x"},
                            {"name": "USER_B", "valueFrom": {"secretKeyRef": {"name": "own", "key": "k"}}},
                        ]},
                        {"name": "side", "image": "example.org/none"},
                    ],
                    "initContainers": [{"name": "init", "image": "example.org/none"}],
                },
            },
        },
    })
}

pub(crate) fn published(name: &str) -> Value {
    let mut secret = probe(name);
    secret["stringData"] = json!({"A": "x"});
    secret
}

pub(crate) fn probe(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "kliv-secrets"}},
        "type": "secrets.kliv.dev/env",
        "immutable": true,
    })
}

/// A KlivSecret that needs no webhook: a question, stamped.
pub(crate) fn question() -> Value {
    json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1",
        "kind": "KlivSecret",
        "metadata": {
            "name": "a",
            "annotations": {"secrets.kliv.dev/stamps": stamp(1, "anna@example.org")},
        },
        "spec": {"envVar": "A", "request": {"purpose": "a"}},
    })
}

/// One of an account's chain.
pub(crate) fn audit_event(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"sequence": 1, "time": "2026-11-24T10:00:00Z", "action": "Created"},
    })
}

pub(crate) fn stamp(seq: i64, user: &str) -> String {
    format!("{seq} 2026-11-24T10:00:00Z spec api {user}")
}
