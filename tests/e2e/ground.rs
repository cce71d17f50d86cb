//! The whole cluster is one: what every other test here stands on.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, PostParams};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use crate::harness::{Cluster, eventually, whole_cluster};

#[tokio::test]
async fn a_pod_on_our_image_answers_its_environment_over_http() {
    let Some(cluster) = whole_cluster() else { return };
    let namespace = cluster.namespace("ground").await;
    deploy(
        cluster,
        &namespace,
        json!([{"name": "GREETING", "value": "hej å 世界\n$(HOME)"}]),
        json!([]),
    );
    let environment = get(cluster, &namespace, "/").await;
    let environment: Value = serde_json::from_str(&environment).expect("a JSON object");
    assert_eq!(environment["GREETING"], "hej å 世界\n$(HOME)");
    remove(cluster, &namespace);
}

#[tokio::test]
async fn a_pod_reaches_the_api_server_through_its_service() {
    let Some(cluster) = whole_cluster() else { return };
    let namespace = cluster.namespace("ground").await;
    deploy(cluster, &namespace, json!([]), json!([]));
    let version = get(cluster, &namespace, "/reach").await;
    assert!(version.contains("gitVersion"), "{version}");
    remove(cluster, &namespace);
}

#[tokio::test]
async fn logs_and_exec_work() {
    let Some(cluster) = whole_cluster() else { return };
    let namespace = cluster.namespace("ground").await;
    deploy(cluster, &namespace, json!([{"name": "GREETING", "value": "hej"}]), json!([]));
    let logs = cluster.kubectl(&["logs", "-n", &namespace, "deploy/function"]).success();
    assert!(logs.contains("answering on :8080"), "{logs}");
    let args = ["exec", "-n", &namespace, "deploy/function", "--", "/function", "env"];
    let environment = cluster.kubectl(&args).success();
    assert!(environment.contains(r#""GREETING":"hej""#), "{environment}");
    remove(cluster, &namespace);
}

#[tokio::test]
async fn the_api_server_reaches_a_webhook_through_its_service() {
    let Some(cluster) = whole_cluster() else { return };
    let namespace = cluster.namespace("ground").await;
    let (ca, certificate, key) = certificate(&format!("function.{namespace}.svc"));
    let pair = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls"}, "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": certificate, "tls.key": key},
    });
    apply(cluster, &namespace, &pair);
    let mounted = json!([{"name": "tls", "secret": {"secretName": "tls"}}]);
    deploy(cluster, &namespace, json!([{"name": "TLS_DIR", "value": "/tls"}]), mounted);
    apply(cluster, &namespace, &webhook(&namespace, &ca));

    // The webhook is asked only about this namespace, and its refusal to answer would let
    // the object pass unmarked: the mark proves the way.
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), &namespace);
    eventually("the webhook marks what is created", async || {
        let mut map = ConfigMap::default();
        map.metadata.generate_name = Some("asked-".into());
        let stored = maps.create(&PostParams::default(), &map).await.ok()?;
        (stored.metadata.annotations?.get("seen-by")? == "function").then_some(())
    })
    .await;
    cluster.kubectl(&["delete", "mutatingwebhookconfiguration", &namespace]).success();
    remove(cluster, &namespace);
}

/// Runs the function with a Service before it, and waits until it is ready.
fn deploy(cluster: &Cluster, namespace: &str, env: Value, volumes: Value) {
    let mounts: Vec<Value> = volumes
        .as_array()
        .into_iter()
        .flatten()
        .map(|v| json!({"name": v["name"], "mountPath": format!("/{}", v["name"].as_str().unwrap_or_default())}))
        .collect();
    let labels = json!({"app": "function"});
    apply(
        cluster,
        namespace,
        &json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "function"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "terminationGracePeriodSeconds": 1,
                        "volumes": volumes,
                        "containers": [{
                            "name": "function", "image": cluster.function_image(),
                            "imagePullPolicy": "IfNotPresent", "env": env, "volumeMounts": mounts,
                            "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
                        }],
                    },
                },
            },
        }),
    );
    apply(
        cluster,
        namespace,
        &json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "function"},
            "spec": {"selector": labels, "ports": [
                {"name": "http", "port": 80, "targetPort": 8080},
                {"name": "https", "port": 443, "targetPort": 8443},
            ]},
        }),
    );
    let args = ["rollout", "status", "deploy/function", "-n", namespace, "--timeout=60s"];
    cluster.kubectl(&args).success();
}

/// Asks the function over HTTP, through its Service.
async fn get(cluster: &Cluster, namespace: &str, path: &str) -> String {
    let path = format!("/api/v1/namespaces/{namespace}/services/function:http/proxy{path}");
    eventually("the function answers", async || {
        let asked = http::Request::get(&path).body(Vec::new()).expect("a request");
        cluster.client().request_text(asked).await.ok()
    })
    .await
}

fn apply(cluster: &Cluster, namespace: &str, object: &Value) {
    let args = ["apply", "-n", namespace, "-f", "-"];
    cluster.kubectl_reading(&object.to_string(), &args).success();
}

fn remove(cluster: &Cluster, namespace: &str) {
    cluster.kubectl(&["delete", "namespace", namespace, "--wait=false"]).success();
}

fn webhook(namespace: &str, ca: &str) -> Value {
    use base64::Engine;
    let bundle = base64::engine::general_purpose::STANDARD.encode(ca);
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": namespace},
        "webhooks": [{
            "name": "mark.kliv.dev", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Ignore",
            "clientConfig": {
                "caBundle": bundle,
                "service": {"namespace": namespace, "name": "function", "path": "/", "port": 443},
            },
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}],
        }],
    })
}

/// A CA, and a certificate of it with its key, for one host; all PEM.
fn certificate(host: &str) -> (String, String, String) {
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).expect("a CA").pem();
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![host.to_owned()]).expect("parameters");
    let signed = params.signed_by(&key, &Issuer::new(ca, ca_key)).expect("a certificate");
    (ca_pem, signed.pem(), key.serialize_pem())
}
