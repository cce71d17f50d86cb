//! Reads the table of injection cases, and says how a Deployment differs from one.

use std::collections::BTreeMap;

use kliv_secrets::api::PublishedSet;
use kliv_secrets::api::names::{FUNCTION_LABEL, SET_PREFIX};
use serde::Deserialize;
use serde_json::{Value, json};

/// One line of the table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    #[serde(default)]
    sets: Vec<Set>,
    pub(crate) before: Option<Written>,
    pub(crate) write: Written,
    env: BTreeMap<String, Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    #[serde(default)]
    environment: String,
    name: String,
    keys: Vec<String>,
    #[serde(default = "one")]
    revision: i64,
}

fn one() -> i64 {
    1
}

/// A Deployment, in few words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Written {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    pod_annotations: BTreeMap<String, String>,
    #[serde(default = "yes")]
    pub(crate) function: bool,
    containers: Vec<BTreeMap<String, Option<Vec<Value>>>>,
    #[serde(default)]
    init_containers: Vec<BTreeMap<String, Option<Vec<Value>>>>,
}

fn yes() -> bool {
    true
}

/// All cases of all files, in the files' order.
pub(crate) fn all() -> Vec<Case> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inject-cases");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .expect("the table's folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).expect("readable");
            serde_saphyr::from_str::<Vec<Case>>(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect()
}

impl Case {
    /// The account's current sets.
    pub(crate) fn sets(&self) -> Vec<PublishedSet> {
        self.sets
            .iter()
            .map(|set| PublishedSet {
                environment: set.environment.clone(),
                name: set.name.clone(),
                uid: "0".into(),
                keys: set.keys.clone(),
                revision: set.revision,
            })
            .collect()
    }

    /// How `deployment` differs from what the case expects.
    pub(crate) fn differences(&self, deployment: &Value) -> Vec<String> {
        let spec = &deployment["spec"]["template"]["spec"];
        let stored: Vec<&Value> = ["containers", "initContainers"]
            .iter()
            .filter_map(|list| spec[list].as_array())
            .flatten()
            .collect();
        let mut differences = Vec::new();
        if stored.len() != self.env.len() {
            differences.push(format!("the case expects {} containers", self.env.len()));
        }
        for container in stored {
            let name = container["name"].as_str().unwrap_or_default();
            let actual = container["env"].as_array().cloned().unwrap_or_default();
            let expected: Vec<Value> =
                self.env.get(name).into_iter().flatten().map(entry).collect();
            if actual != expected {
                let (actual, expected) = (json!(actual), json!(expected));
                differences.push(format!("{name}\n  has      {actual}\n  expected {expected}"));
            }
        }
        differences
    }
}

impl Written {
    /// The Deployment in full.
    pub(crate) fn deployment(&self) -> Value {
        let mut labels = self.labels.clone();
        if self.function {
            labels.insert(FUNCTION_LABEL.0.into(), FUNCTION_LABEL.1.into());
        }
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "case", "labels": labels, "annotations": self.annotations },
            "spec": {
                "selector": { "matchLabels": { "case": "yes" } },
                "template": {
                    "metadata": { "labels": { "case": "yes" }, "annotations": self.pod_annotations },
                    "spec": {
                        "containers": containers(&self.containers),
                        "initContainers": containers(&self.init_containers),
                    },
                },
            },
        })
    }
}

fn containers(short: &[BTreeMap<String, Option<Vec<Value>>>]) -> Value {
    let full = short.iter().flatten().map(|(name, env)| {
        let mut container = json!({ "name": name, "image": "example.org/none" });
        if let Some(env) = env {
            container["env"] = env.iter().map(entry).collect();
        }
        container
    });
    full.collect()
}

fn entry(short: &Value) -> Value {
    let Some(text) = short.as_str() else { return short.clone() };
    match text.split_once('=') {
        Some((name, set)) if set.starts_with(SET_PREFIX) => json!({
            "name": name,
            "valueFrom": { "secretKeyRef": { "name": set, "key": name } },
        }),
        _ => json!({ "name": text, "value": "of the user" }),
    }
}
