//! The chart with `webhook.certificate.certManager.enabled`, beside the real cert-manager.

use std::path::PathBuf;
use std::process::Stdio;

use kube::api::{Api, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use crate::account::{Account, secret};
use crate::certificates::{Certificate, WRITERS, Writers};
use crate::chart::{self, NAMESPACE};
use crate::harness::{Cluster, Options, eventually, launcher};
use crate::operator::{CONTROLLER, Operator, Process, mount_certificate};

const MODULE: &str = "github.com/cert-manager/cert-manager";
const ENABLED: &str = "--set=webhook.certificate.certManager.enabled=true";
const RENEWALS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_sealed_and_through_its_renewals_no_write_fails() {
    let cluster = Cluster::start(Options::default());
    let cert_manager = start_cert_manager(&cluster).await;
    let flags = ["--webhook-certificate=external"];
    let operator = Operator::start_in(cluster, &flags, &[chart::NEWER, &[ENABLED]].concat()).await;
    let cluster = &operator.cluster;
    let certificate = Certificate::named(cluster, "kliv-secrets-webhook-certificate");
    let account = Account::new(&operator, "cert-manager").await;
    account.put(&secret("API_TOKEN", "one")).await;
    let (address, folder) = operator.webhook();
    let writers = Writers::start(&account.client, &account.namespace);

    for round in 0..RENEWALS {
        let before = certificate.secret().await;
        match round {
            0 => certificate.delete().await,
            1 => {
                let authority = Certificate::named(cluster, "kliv-secrets-webhook-ca");
                let old = authority.secret().await;
                renew(cluster, "kliv-secrets-webhook-ca").await;
                authority.changes_from(&old).await;
                renew(cluster, "kliv-secrets-webhook").await;
            }
            _ => renew(cluster, "kliv-secrets-webhook").await,
        }
        let after = certificate.changes_from(&before).await;
        certificate.authority_is_trusted(&after).await;
        // The API server trusts the new authority, and the former certificate is served.
        writers.go_on().await;
        mount_certificate(&after, &folder);
        certificate.is_served(address, &after, round).await;
        writers.go_on().await;
    }

    let (written, failed) = writers.stop().await;
    assert_eq!(failed, Vec::<String>::new(), "of {written} writes");
    account.all_sealed(WRITERS).await;
    let asked = cluster.audit().await.into_iter().filter(|request| request.user == CONTROLLER);
    let about = asked.filter(|request| {
        request.resource == "mutatingwebhookconfigurations"
            || request.resource == "secrets" && request.name.contains("webhook")
    });
    assert_eq!(about.map(|request| request.name).collect::<Vec<_>>(), Vec::<String>::new());
    drop(cert_manager);
}

#[tokio::test]
async fn the_controller_has_no_right_on_webhook_configurations_nor_certificates() {
    let cluster = crate::harness::control_plane().await;
    for (values, has) in [(&[][..], true), (&[ENABLED][..], false)] {
        let rendered = chart::render_with(cluster, &[chart::NEWER, values].concat());
        let is_ours = |object: &&Value| {
            let name = &object["metadata"]["name"];
            object["kind"].as_str().is_some_and(|kind| kind.ends_with("Role"))
                && name == "kliv-secrets-controller"
                || name == "kliv-secrets-controller-secrets"
        };
        let rights: Vec<_> = rendered.iter().filter(is_ours).map(Value::to_string).collect();
        assert!(rights.len() >= 4, "both roles, the policy and its binding");
        for word in ["mutatingwebhookconfigurations", "kliv-secrets-webhook"] {
            assert_eq!(rights.concat().contains(word), has, "{word}");
        }
    }
}

#[tokio::test]
async fn an_issuer_of_the_users_takes_the_place_of_the_charts_own() {
    let cluster = crate::harness::control_plane().await;
    let issuers = |values: &[&str]| {
        let rendered = chart::render_with(cluster, &[chart::NEWER, values].concat());
        let of = |kind: &str| {
            let objects = rendered.iter().filter(|object| object["kind"] == kind);
            objects.map(|object| object["spec"]["issuerRef"]["name"].clone()).collect::<Vec<_>>()
        };
        (of("Issuer").len(), of("Certificate"))
    };
    let theirs = "--set=webhook.certificate.certManager.issuerRef.name=theirs";
    assert_eq!(issuers(&[]), (0, vec![]));
    let own = ["kliv-secrets-self-signed", "kliv-secrets-webhook-ca"].map(|name| json!(name));
    assert_eq!(issuers(&[ENABLED]), (2, own.to_vec()));
    assert_eq!(issuers(&[ENABLED, theirs]), (0, vec![json!("theirs")]));
}

/// With its kinds, as a process beside the cluster.
async fn start_cert_manager(cluster: &Cluster) -> Process {
    let program = launched(&["tool", "--build", "cert-manager"]);
    let versions = include_str!("../devcluster/components/cert-manager/go.mod");
    let version = versions.lines().find_map(|line| {
        line.trim_start_matches("require ").trim().strip_prefix(&format!("{MODULE} "))
    });
    let module = format!("{MODULE}@{}", version.expect("a version"));
    let kinds = PathBuf::from(launched(&["module", &module])).join("deploy/crds");
    for kind in ["issuers", "clusterissuers", "certificates", "certificaterequests"] {
        let file = kinds.join(format!("cert-manager.io_{kind}.yaml"));
        let file = file.to_str().expect("plain characters");
        cluster.kubectl(&["apply", "--server-side", "-f", file]).success();
        let resource = format!("{kind}.cert-manager.io");
        eventually("the kind is served", async || {
            cluster.kubectl(&["get", &resource]).ok.then_some(())
        })
        .await;
    }
    let mut command = std::process::Command::new(program);
    command.env("KUBECONFIG", cluster.kubeconfig());
    Process::start(command, &cluster.kubeconfig().with_file_name("cert-manager.log"))
}

/// What the launcher of test clusters prints.
fn launched(args: &[&str]) -> String {
    let output = launcher(args).stderr(Stdio::inherit()).output().expect("runs the launcher");
    assert!(output.status.success(), "the launcher says above what went wrong");
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// What `cmctl renew` does.
async fn renew(cluster: &Cluster, name: &str) {
    let kind = GroupVersionKind::gvk("cert-manager.io", "v1", "Certificate");
    let kind = ApiResource::from_gvk_with_plural(&kind, "certificates");
    let certificates: Api<DynamicObject> = Api::namespaced_with(cluster.client(), NAMESPACE, &kind);
    eventually("it is not being issued now", async || {
        let certificate = certificates.get(name).await.expect("is there");
        let mut conditions = certificate.data["status"]["conditions"].as_array()?.clone();
        if conditions.iter().any(|c| c["type"] == "Issuing" && c["status"] == "True") {
            return None;
        }
        conditions.push(json!({
            "type": "Issuing", "status": "True", "reason": "ManuallyTriggered",
            "message": "renewed by hand", "lastTransitionTime": "2026-01-01T00:00:00Z",
        }));
        let patch = Patch::Merge(json!({
            "metadata": { "resourceVersion": certificate.metadata.resource_version },
            "status": { "conditions": conditions },
        }));
        let params = PatchParams::default();
        certificates.patch_status(name, &params, &patch).await.ok()
    })
    .await;
}
