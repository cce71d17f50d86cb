//! A Deployment without what nobody here reads: to be kept, where there are many.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    Container, EnvFromSource, EnvVar, PodSpec, PodTemplateSpec, Probe, SecretVolumeSource, Volume,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::function::sets_mentioned;
use crate::api::names::{
    ANNOTATION_CONTAINERS, ANNOTATION_DEFAULT_CONTAINER, ANNOTATION_INJECT, ANNOTATION_REQUIRES,
    ANNOTATION_REVISION, ANNOTATION_ROLLOUT, SET_PREFIX,
};

/// The same to [`Function::of`](super::Function::of), with its labels.
#[must_use]
pub fn as_read(deployment: Deployment) -> Deployment {
    const READ: [&str; 5] = [
        ANNOTATION_CONTAINERS,
        ANNOTATION_INJECT,
        ANNOTATION_REQUIRES,
        ANNOTATION_REVISION,
        ANNOTATION_ROLLOUT,
    ];
    let Deployment { metadata, spec, status } = deployment;
    let template = spec.template;
    let of_template =
        template.metadata.and_then(|of| only(of.annotations, &[ANNOTATION_DEFAULT_CONTAINER]));
    Deployment {
        metadata: ObjectMeta {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            generation: metadata.generation,
            creation_timestamp: metadata.creation_timestamp,
            labels: metadata.labels,
            annotations: only(metadata.annotations, &READ),
            ..ObjectMeta::default()
        },
        spec: DeploymentSpec {
            replicas: spec.replicas,
            strategy: spec.strategy,
            template: PodTemplateSpec {
                metadata: of_template
                    .map(|all| ObjectMeta { annotations: Some(all), ..ObjectMeta::default() }),
                spec: template.spec.map(pod),
            },
            ..DeploymentSpec::default()
        },
        status,
    }
}

type Texts = std::collections::BTreeMap<String, String>;

fn only(all: Option<Texts>, read: &[&str]) -> Option<Texts> {
    let mut all = all?;
    all.retain(|key, _| read.contains(&key.as_str()));
    Some(all)
}

fn pod(pod: PodSpec) -> PodSpec {
    // Wherever a set is mentioned, it is held.
    let held: BTreeSet<String> = sets_mentioned(&pod);
    let volume = |name: String| Volume {
        secret: Some(SecretVolumeSource { secret_name: Some(name), ..Default::default() }),
        ..Volume::default()
    };
    PodSpec {
        containers: pod.containers.into_iter().map(container).collect(),
        volumes: (!held.is_empty()).then(|| held.into_iter().map(volume).collect()),
        ..PodSpec::default()
    }
}

fn container(container: Container) -> Container {
    let env_from = container.env_from.is_some_and(|from| !from.is_empty());
    Container {
        name: container.name,
        env: container.env.map(|env| env.into_iter().map(entry).collect()),
        env_from: env_from.then(|| vec![EnvFromSource::default()]),
        readiness_probe: container.readiness_probe.map(|_| Probe::default()),
        ..Container::default()
    }
}

/// The user's own values are left behind.
fn entry(entry: EnvVar) -> EnvVar {
    let is_ours = entry
        .value_from
        .as_ref()
        .and_then(|from| from.secret_key_ref.as_ref())
        .is_some_and(|reference| reference.name.starts_with(SET_PREFIX));
    let value = entry.value.filter(|value| is_ours && !value.is_empty()).map(|_| "…".to_owned());
    EnvVar { name: entry.name, value, value_from: entry.value_from.filter(|_| is_ours) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::inject::Function;

    #[test]
    fn a_function_is_read_the_same_of_what_is_kept_and_that_is_little() {
        let of_set =
            |name: &str, key: &str| json!({ "secretKeyRef": { "name": name, "key": key } });
        let mut both = of_set("kliv-env-now", "BOTH");
        both["fieldRef"] = json!({ "fieldPath": "metadata.name" });
        let whole: Deployment = serde_json::from_value(json!({
            "metadata": {
                "name": "f", "uid": "u", "generation": 3, "resourceVersion": "7",
                "creationTimestamp": "2026-11-24T10:00:00Z",
                "labels": { "secrets.kliv.dev/environment": "test", "team": "a" },
                "annotations": {
                    "secrets.kliv.dev/inject": "A,B", "secrets.kliv.dev/requires": "A",
                    "secrets.kliv.dev/containers": "main", "secrets.kliv.dev/rollout": "manual",
                    "secrets.kliv.dev/revision": "4", "note": "c4n4ry",
                },
                "managedFields": [{ "manager": "c4n4ry" }],
            },
            "spec": {
                "replicas": 2, "selector": { "matchLabels": { "app": "c4n4ry" } },
                "strategy": { "type": "Recreate" },
                "template": {
                    "metadata": {
                        "labels": { "app": "c4n4ry" },
                        "annotations": {
                            "kubectl.kubernetes.io/default-container": "main", "note": "c4n4ry",
                        },
                    },
                    "spec": {
                        "initContainers": [{ "name": "c4n4ry", "env": [
                            { "name": "A", "valueFrom": of_set("kliv-env-first", "A") },
                        ] }],
                        "containers": [
                            {
                                "name": "main", "image": "c4n4ry", "args": ["c4n4ry"],
                                "readinessProbe": { "exec": { "command": ["c4n4ry"] } },
                                "envFrom": [{ "secretRef": { "name": "kliv-env-from" } }],
                                "env": [
                                    { "name": "A", "valueFrom": of_set("kliv-env-now", "A") },
                                    { "name": "OTHER", "valueFrom": of_set("kliv-env-now", "X") },
                                    { "name": "THEIRS", "valueFrom": of_set("c4n4ry", "THEIRS") },
                                    { "name": "OWN", "value": "c4n4ry" },
                                    { "name": "MIXED", "value": "c4n4ry",
                                      "valueFrom": of_set("kliv-env-now", "MIXED") },
                                    { "name": "EMPTY", "value": "",
                                      "valueFrom": of_set("kliv-env-now", "EMPTY") },
                                    { "name": "BOTH", "valueFrom": both },
                                ],
                            },
                            { "name": "side", "env": [], "envFrom": [] },
                            { "name": "bare" },
                        ],
                        "volumes": [{ "name": "c4n4ry", "secret": { "secretName": "kliv-env-v" } }],
                    },
                },
            },
            "status": { "observedGeneration": 3, "updatedReplicas": 2, "availableReplicas": 2 },
        }))
        .unwrap();
        let function = Function::of(&whole);
        let kept = as_read(whole.clone());
        assert_eq!(Function::of(&kept), function);
        assert_eq!(kept.metadata.labels, whole.metadata.labels);
        assert_eq!(function.sets_held().len(), 4);
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains("c4n4ry"), "{text}");
    }
}
