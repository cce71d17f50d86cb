//! `deploy/`: the install for people without Helm, made from the chart and tried on
//! control planes of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kliv_secrets::api::names::CRDS;
use serde_json::{Value, json};

use crate::chart::NAMESPACE;
use crate::harness::{self, Cluster, Options};

const HEADER: &str = "\
# kliv-secrets as one file, for people without Helm. Made from the chart by `make gen`.
#
# There is no public image: `make image` builds it, for you to push. Name it on the way:
#   sed 's|image: kliv-secrets:dev|image: REGISTRY/kliv-secrets:TAG|' deploy/kliv-secrets.yaml |
#     kubectl apply -f -
# or in kustomization.yaml, beside this file.
#
# To remove the operator and keep what is stored, that is CRDs, namespace and keyring:
#   kubectl delete -f deploy/kliv-secrets.yaml -l app.kubernetes.io/name=kliv-secrets
# Without the selector everything goes, for good: no value can be opened any more.
#
# On Kubernetes before 1.36 the last two objects are refused (no matches for kind); all
# others are made, and the controller injects alone, a moment later.
";
/// What comes first; all else is kept in the chart's order.
const ORDER: [&str; 14] = [
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "Service",
    "PodDisruptionBudget",
    "Deployment",
    "MutatingWebhookConfiguration",
    "MutatingAdmissionPolicy",
];

/// With `KLIV_GEN` set it writes the file first, as `make gen` does.
#[test]
fn the_plain_file_is_what_the_chart_says() {
    let wanted = plain_file();
    if std::env::var_os("KLIV_GEN").is_some() {
        std::fs::write(file(), &wanted).expect("writes");
    }
    let stored = std::fs::read_to_string(file()).unwrap_or_default();
    assert!(stored == wanted, "{} is not as the chart says: run `make gen`", file().display());
}

#[tokio::test]
async fn one_apply_on_an_empty_cluster_makes_everything_and_another_changes_nothing() {
    for server_side in ["--server-side=false", "--server-side=true"] {
        let cluster = Cluster::start(Options::default());
        let apply = ["apply", server_side, "-f", file_name()];
        cluster.kubectl(&apply).success();
        let before = contents(&cluster);
        assert_eq!(before.len(), objects().len());

        cluster.kubectl(&apply).success();

        assert_eq!(contents(&cluster), before, "{server_side}");
    }
}

#[tokio::test]
async fn applied_over_it_by_the_other_way_or_by_kustomize_only_the_image_changes() {
    let cluster = Cluster::start(Options::default());
    cluster.kubectl(&["apply", "-f", file_name()]).success();
    let before = contents(&cluster);

    let forced = ["apply", "--server-side", "--force-conflicts", "-f", file_name()];
    cluster.kubectl(&forced).success();
    assert_eq!(contents(&cluster), before);

    cluster.kubectl(&["apply", "-k", folder().to_str().expect("a path")]).success();
    let mut after = contents(&cluster);
    for deployment in ["Deployment/kliv-secrets-controller", "Deployment/kliv-secrets-webhook"] {
        let deployment = after.get_mut(deployment).expect("is there");
        let image = &mut deployment["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(*image, "registry.example.org/kliv-secrets:dev");
        *image = "kliv-secrets:dev".into();
    }
    assert_eq!(after, before);
}

#[tokio::test]
async fn deleting_by_the_selector_keeps_what_is_stored() {
    let cluster = Cluster::start(Options::default());
    cluster.kubectl(&["apply", "-f", file_name()]).success();
    let keyring = ["create", "secret", "generic", "kliv-secrets-keyring", "-n", NAMESPACE];
    cluster.kubectl(&keyring).success();

    let selector = ["-l", "app.kubernetes.io/name=kliv-secrets"];
    cluster.kubectl(&[&["delete", "-f", file_name()], &selector[..]].concat()).success();

    let left: Vec<String> = contents(&cluster).into_keys().collect();
    assert_eq!(left.len(), CRDS.len() + 1, "{left:?}");
    cluster.kubectl(&[&["get", "crd"], &CRDS[..]].concat()).success();
    cluster.kubectl(&["get", "secret", "kliv-secrets-keyring", "-n", NAMESPACE]).success();
}

#[tokio::test]
async fn its_pods_are_let_into_a_namespace_that_restricts_them() {
    let cluster = harness::control_plane().await;
    let name = cluster.namespace("restricted").await;
    let level = "pod-security.kubernetes.io/enforce=restricted";
    cluster.kubectl(&["label", "namespace", &name, level]).success();
    assert_eq!(
        objects()[0]["metadata"]["labels"],
        json!({ level.split_once('=').expect("=").0: "restricted" })
    );
    for deployment in objects().iter().filter(|object| object["kind"] == "Deployment") {
        let mut pod = deployment["spec"]["template"].clone();
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        pod["metadata"] = json!({ "generateName": "try-", "namespace": name });
        pod["spec"]["serviceAccountName"] = "default".into();
        let try_it = ["create", "--dry-run=server", "-f", "-"];
        cluster.kubectl_reading(&pod.to_string(), &try_it).success();
    }
}

#[tokio::test]
async fn before_1_36_the_kustomization_leaves_out_injection_by_policy_alone() {
    let cluster = harness::control_plane().await;
    let copy = tempfile::tempdir().expect("a folder");
    for name in ["kliv-secrets.yaml", "kustomization.yaml"] {
        let mut text = std::fs::read_to_string(folder().join(name)).expect("a file");
        if name == "kustomization.yaml" {
            let (head, patches) = text.split_once("\n#patches:").expect("patches");
            text = format!("{head}\npatches:{}", patches.replace("\n#", "\n"));
        }
        std::fs::write(copy.path().join(name), text).expect("writes");
    }
    let built = cluster.kubectl(&["kustomize", copy.path().to_str().expect("a path")]).success();
    let built: Vec<Value> = serde_saphyr::from_multiple(&built).expect("YAML");
    let mut wanted: Vec<String> = objects().iter().map(id).collect();
    wanted.retain(|id| !id.starts_with("MutatingAdmissionPolicy"));
    let mut names: Vec<String> = built.iter().map(id).collect();
    wanted.sort();
    names.sort();
    assert_eq!(names, wanted);
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn file() -> PathBuf {
    folder().join("kliv-secrets.yaml")
}

fn file_name() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/kliv-secrets.yaml")
}

fn objects() -> Vec<Value> {
    let text = std::fs::read_to_string(file()).expect("the plain file");
    serde_saphyr::from_multiple(&text).expect("YAML")
}

fn id(object: &Value) -> String {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// Every object that is there, without what others write of it.
fn contents(cluster: &Cluster) -> BTreeMap<String, Value> {
    let mut contents = BTreeMap::new();
    for mut object in stored(cluster) {
        let id = id(&object);
        let fields = object.as_object_mut().expect("an object");
        fields.remove("status");
        let metadata = fields["metadata"].as_object_mut().expect("metadata");
        // The annotations are those of kubectl and of the deployment controller, and count
        // for a Deployment's generation.
        for field in ["annotations", "generation", "managedFields", "resourceVersion"] {
            metadata.remove(field);
        }
        contents.insert(id, object);
    }
    contents
}

fn stored(cluster: &Cluster) -> Vec<Value> {
    let get = ["get", "--ignore-not-found", "-o", "json", "-f", file_name()];
    let list: Value = serde_json::from_str(&cluster.kubectl(&get).success()).expect("JSON");
    list["items"].as_array().expect("items").clone()
}

fn plain_file() -> String {
    let helm = harness::run(harness::launcher(&["tool", "--build", "helm"]), "").success();
    let mut template = std::process::Command::new(helm.trim());
    template.args(["template", "kliv-secrets"]);
    template.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kliv-secrets"));
    template.args(["--namespace", NAMESPACE, "--skip-tests", "--kube-version=1.36"]);
    template.args(["--set", "image.repository=kliv-secrets,image.tag=dev"]);
    let rendered = harness::run(template, "").success();
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).expect("YAML");
    objects.push(json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": NAMESPACE,
            "labels": { "pod-security.kubernetes.io/enforce": "restricted" },
        },
    }));
    let place = |object: &Value| {
        let kind = object["kind"].as_str().expect("a kind");
        ORDER.iter().position(|first| *first == kind).unwrap_or(ORDER.len())
    };
    objects.sort_by_key(place);
    objects.iter_mut().for_each(without_helm);
    let documents = objects.iter().map(|o| serde_saphyr::to_string(o).expect("serialises"));
    let text = documents
        .fold(HEADER.to_owned(), |text, document| text + "---\n" + document.trim_end() + "\n");
    // The writer folds long lines: nothing may change by that.
    let read: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    assert!(read == objects, "the file does not say what it was made from");
    text
}

/// The same without what speaks of Helm. What is to stay when the operator goes loses the
/// label by which it is deleted.
fn without_helm(object: &mut Value) {
    let keep = object["kind"] == "CustomResourceDefinition";
    let metadata = object["metadata"].as_object_mut().expect("metadata");
    let labels = metadata.get_mut("labels").and_then(Value::as_object_mut);
    if let Some(labels) = labels {
        labels.remove("app.kubernetes.io/managed-by");
        labels.remove("helm.sh/chart");
        if keep {
            labels.remove("app.kubernetes.io/name");
        }
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|name, _| !name.starts_with("helm.sh/"));
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
}
