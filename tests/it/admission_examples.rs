//! The manifests in `examples/` are what people copy: each is accepted as it stands.

use std::collections::BTreeSet;
use std::path::Path;

use k8s_openapi::api::apps::v1::Deployment;
use kliv_secrets::api::{KlivSecret, KlivSecretSpec, check_env_var, names, object_name};
use serde_json::Value;

use crate::admission_support::{ask, create};

/// Every document in `examples/`, with the name of its file.
fn examples() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut documents = Vec::new();
    for entry in std::fs::read_dir(folder).expect("examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let file = path.file_name().expect("a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(path).expect("text");
            let read: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
            documents.extend(read.into_iter().map(|document| (file.clone(), document)));
        }
    }
    documents
}

fn secrets() -> Vec<(String, Value)> {
    examples().into_iter().filter(|(_, document)| document["kind"] == "KlivSecret").collect()
}

#[test]
fn every_example_is_accepted_without_a_warning() {
    assert!(secrets().len() >= 12);
    for (file, document) in secrets() {
        let reply = ask(&create(document));
        assert!(reply.warnings().is_empty(), "{file}: {:?}", reply.warnings());
        let stored = reply.allowed();
        let has_value = stored["spec"]["sealed"].is_string();
        assert_eq!(has_value, stored["spec"].get("request").is_none(), "{file}");
    }
}

#[test]
fn every_example_is_of_the_kind_and_names_only_fields_that_exist() {
    for (file, mut document) in secrets() {
        assert_eq!(document["apiVersion"], format!("{}/{}", names::GROUP, names::VERSION));
        let spec: KlivSecretSpec =
            serde_json::from_value(document["spec"].clone()).expect("a spec");
        check_env_var(&spec.env_var).expect("a good name");
        let name = object_name(&spec.env_var, spec.environment.as_deref());
        assert_eq!(document["metadata"]["name"], name, "{file}");
        // What the type does not know is lost on the way through it.
        let object = document.as_object_mut().expect("a map");
        object["spec"].as_object_mut().expect("a map").remove("value");
        let kept: KlivSecret =
            serde_json::from_value(Value::Object(object.clone())).expect("a KlivSecret");
        assert_eq!(serde_json::to_value(kept).expect("JSON"), document, "{file}");
    }
}

#[test]
fn the_function_is_an_edge_function_whose_variables_have_examples() {
    let (_, document) = examples()
        .into_iter()
        .find(|(file, _)| file == "function.yaml")
        .expect("examples/function.yaml");
    let function: Deployment = serde_json::from_value(document).expect("a Deployment");
    let labels = function.metadata.labels.expect("labels");
    let (key, value) = names::FUNCTION_LABEL;
    assert_eq!(labels.get(key).map(String::as_str), Some(value));
    let environment = labels.get(names::LABEL_ENVIRONMENT).expect("an environment");

    let variables: BTreeSet<String> = secrets()
        .iter()
        .filter(|(_, secret)| {
            secret["spec"]["environment"].as_str().is_none_or(|e| e == environment)
        })
        .filter_map(|(_, secret)| Some(secret["spec"]["envVar"].as_str()?.to_owned()))
        .collect();
    let annotations = function.metadata.annotations.expect("annotations");
    for required in annotations[names::ANNOTATION_REQUIRES].split(',').map(str::trim) {
        assert!(variables.contains(required), "{required}");
    }
    let text = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/function.yaml"),
    )
    .expect("text");
    for used in text.split("$(").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(variables.contains(used), "{used}");
    }
}
