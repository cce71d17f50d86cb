//! What the chart brings into a cluster but for its processes and its webhook: CRDs,
//! admission policies, ServiceAccounts and their rights.

use kliv_secrets::api;

use crate::harness::Cluster;

/// Where the operator would run.
pub(crate) const NAMESPACE: &str = "kliv-secrets-system";

/// Applies it, once for the control plane that all tests share.
pub(crate) async fn install(cluster: &Cluster) {
    static DONE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    DONE.get_or_init(async || {
        install_crds(cluster);
        cluster.kubectl(&["create", "namespace", NAMESPACE]).success();
        let apply = ["apply", "--server-side", "-n", NAMESPACE, "-f", "-"];
        cluster.kubectl_reading(&without_processes(cluster), &apply).success();
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

fn without_processes(cluster: &Cluster) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kliv-secrets");
    let settings = [
        "--set=image.repository=example.org/kliv-secrets,image.tag=test",
        "--namespace=kliv-secrets-system",
        "--kube-version=1.37",
        "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy",
    ];
    let args = [&["template", "kliv-secrets", folder], &settings[..]].concat();
    let rendered = cluster.helm(&args).success();
    let chosen: Vec<&str> = rendered.split("\n---").filter(|d| is_wanted(d)).collect();
    assert!(chosen.iter().any(|d| d.contains("AdmissionPolicy")), "the chart has no policies");
    chosen.join("\n---\n")
}

fn is_wanted(document: &str) -> bool {
    let wanted = ["AdmissionPolicy", "ServiceAccount", "Role"];
    let kind = document.lines().find_map(|line| line.strip_prefix("kind: ")).unwrap_or_default();
    wanted.iter().any(|word| kind.contains(word))
}
