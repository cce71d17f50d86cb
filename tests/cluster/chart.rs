//! The chart's admission policies and the CRDs, without any process of ours.

use kliv_secrets::api;

use crate::harness::Cluster;

/// Applies them, once for the control plane that all tests share.
pub(crate) async fn install(cluster: &Cluster) {
    static DONE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    DONE.get_or_init(async || {
        install_crds(cluster);
        cluster
            .kubectl_reading(&policies(cluster), &["apply", "--server-side", "-f", "-"])
            .success();
    })
    .await;
}

/// Applies the CRDs and waits until they serve.
pub(crate) fn install_crds(cluster: &Cluster) {
    for (_, crd) in api::crds::all().expect("the CRDs") {
        cluster.kubectl_reading(&crd, &["apply", "--server-side", "-f", "-"]).success();
    }
    for plural in ["klivsecrets", "klivaccounts"] {
        let crd = format!("crd/{plural}.{}", api::names::GROUP);
        cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", &crd]).success();
    }
}

/// The admission policies and their bindings, as the chart makes them.
fn policies(cluster: &Cluster) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kliv-secrets");
    let settings = [
        "--set=image.repository=example.org/kliv-secrets,image.tag=test",
        "--namespace=kliv-secrets-system",
        "--kube-version=1.37",
        "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy",
    ];
    let args = [&["template", "kliv-secrets", folder], &settings[..]].concat();
    let rendered = cluster.helm(&args).success();
    let chosen: Vec<&str> =
        rendered.split("\n---").filter(|document| is_policy(document)).collect();
    assert!(!chosen.is_empty(), "the chart has no policies");
    chosen.join("\n---\n")
}

fn is_policy(document: &str) -> bool {
    document.lines().any(|line| line.starts_with("kind: ") && line.contains("AdmissionPolicy"))
}
