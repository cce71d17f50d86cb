//! What the chart brings into a cluster but for its processes and its webhook: CRDs,
//! admission policies, ServiceAccounts and their rights.

use kliv_secrets::api;
use serde_json::{Value, json};

use crate::harness::{Cluster, eventually};

/// Where the operator would run.
pub(crate) const NAMESPACE: &str = "kliv-secrets-system";

/// Applies it, once for the control plane that all tests share.
pub(crate) async fn install(cluster: &Cluster) {
    static DONE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    DONE.get_or_init(async || {
        install_crds(cluster).await;
        cluster.kubectl(&["create", "namespace", NAMESPACE]).success();
        let mut objects = render(cluster);
        objects.retain(is_wanted);
        apply(cluster, &objects);
    })
    .await;
}

/// Applies the CRDs and waits until they serve.
pub(crate) async fn install_crds(cluster: &Cluster) {
    for (_, crd) in api::crds::all().expect("the CRDs") {
        let args = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        cluster.kubectl_reading(&crd, &args).success();
    }
    crds_serve(cluster).await;
}

/// Waits until all kinds serve. `kubectl wait` alone fails where a new CRD has no conditions
/// yet.
pub(crate) async fn crds_serve(cluster: &Cluster) {
    let wait = ["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"];
    eventually("the kinds serve", async || cluster.kubectl(&wait).ok.then_some(())).await;
}

/// A Kubernetes that injects by policy.
pub(crate) const NEWER: &[&str] = &[
    "--kube-version=1.37",
    "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy",
];
/// One where the controller alone injects.
pub(crate) const OLDER: &[&str] = &["--kube-version=1.35"];

/// The objects of the chart.
pub(crate) fn render(cluster: &Cluster) -> Vec<Value> {
    render_with(cluster, NEWER)
}

/// The objects of the chart, with further arguments for Helm.
pub(crate) fn render_with(cluster: &Cluster, more: &[&str]) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kliv-secrets");
    let settings = [
        "--set=image.repository=example.org/kliv-secrets,image.tag=test",
        "--namespace=kliv-secrets-system",
        "--skip-tests",
    ];
    let args = [&["template", "kliv-secrets", folder], &settings[..], more].concat();
    let rendered = cluster.helm(&args).success();
    serde_saphyr::from_multiple(&rendered).expect("the chart is YAML")
}

/// Applies objects.
pub(crate) fn apply(cluster: &Cluster, objects: &[Value]) {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let args = ["apply", "--server-side", "-f", "-"];
    cluster.kubectl_reading(&list.to_string(), &args).success();
}

fn is_wanted(object: &Value) -> bool {
    let kind = object["kind"].as_str().expect("a kind");
    ["AdmissionPolicy", "ServiceAccount", "Role"].iter().any(|word| kind.contains(word))
}
