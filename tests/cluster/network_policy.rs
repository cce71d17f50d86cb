//! The chart's network policies: none by default; where they are on, who reaches whom.

use serde_json::{Value, json};

use crate::chart::NAMESPACE;
use crate::harness::{self, Outcome};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kliv-secrets");
const ON: &str = "networkPolicy.enabled=true,networkPolicy.apiServer.addresses={192.0.2.10/32}";

#[tokio::test]
async fn the_front_door_is_reached_by_the_api_server_alone_and_the_controller_by_nobody() {
    let from = json!([{ "ipBlock": { "cidr": "192.0.2.10/32" } }]);
    let ports = json!([{ "protocol": "TCP", "port": "https" }]);
    let by_the_api_server = json!([{ "from": from, "ports": ports }]);
    for (part, ingress) in [("webhook", by_the_api_server), ("controller", json!([]))] {
        let policy = policy(part, &[ON]).await;
        assert_eq!(policy["spec"]["ingress"], ingress, "{part}");
        assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]), "{part}");
    }
}

#[tokio::test]
async fn both_reach_the_api_server_alone() {
    let to = json!([{ "ipBlock": { "cidr": "192.0.2.10/32" } }]);
    let port = |port: u16| json!({ "protocol": "TCP", "port": port });
    let egress = json!([{ "to": to, "ports": [port(443), port(6443)] }]);
    for part in ["controller", "webhook"] {
        assert_eq!(policy(part, &[ON]).await["spec"]["egress"], egress, "{part}");
    }
}

#[tokio::test]
async fn metrics_are_read_by_whom_the_values_name_and_further_ways_are_added() {
    let from = r#"networkPolicy.metricsFrom=[{"namespaceSelector":{"matchLabels":{"a":"b"}}}]"#;
    let dns = |part: &str| {
        let rule = r#"[{"ports":[{"protocol":"UDP","port":53}]}]"#;
        format!("networkPolicy.{part}Egress={rule}")
    };
    let (controller, webhook) = (dns("controller"), dns("webhook"));
    let dns = ["--set-json", &controller, "--set-json", &webhook];
    let more = [&[ON, "--set-json", from], &dns[..]].concat();
    for part in ["controller", "webhook"] {
        let policy = policy(part, &more).await;
        let rules = policy["spec"]["ingress"].as_array().expect("rules");
        let last = rules.last().expect("a rule");
        let peers = json!([{ "namespaceSelector": { "matchLabels": { "a": "b" } } }]);
        let ports = json!([{ "protocol": "TCP", "port": "http" }]);
        assert_eq!(*last, json!({ "from": peers, "ports": ports }), "{part}");
        let dns = json!({ "ports": [{ "protocol": "UDP", "port": 53 }] });
        assert_eq!(policy["spec"]["egress"][1], dns, "{part}");
    }
}

#[tokio::test]
async fn there_is_none_by_default_and_none_without_the_addresses() {
    let rendered = render(&["log.level=info"]).await.success();
    assert!(!rendered.contains("kind: NetworkPolicy"));
    let said = render(&["networkPolicy.enabled=true"]).await.failure();
    assert!(said.contains("networkPolicy.apiServer.addresses"), "{said}");
    let said = render(&["networkPolicy.apiServer.addresses={192.0.2.10}"]).await.failure();
    assert!(said.contains("does not match pattern"), "{said}");
}

/// Else the alerts for what is not there would go off, and stay.
#[tokio::test]
async fn a_pod_monitor_that_could_read_nothing_is_refused() {
    let on = ["metrics.podMonitor.enabled=true", "--set", ON];
    let said = render(&on).await.failure();
    assert!(said.contains("networkPolicy.metricsFrom"), "{said}");
    let from = r#"networkPolicy.metricsFrom=[{"podSelector":{}}]"#;
    render(&[&on[..], &["--set-json", from]].concat()).await.success();
}

/// One as the API server stores it, which it must take to the letter.
async fn policy(part: &str, values: &[&str]) -> Value {
    let rendered = render(values).await.success();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).expect("YAML");
    let name = format!("kliv-secrets-{part}");
    let is = |o: &&Value| o["kind"] == "NetworkPolicy" && o["metadata"]["name"] == name;
    let mut policy = objects.iter().find(is).expect("a policy").clone();
    assert_eq!(policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"], part);
    policy["metadata"]["namespace"] = "default".into();
    let cluster = harness::control_plane().await;
    let apply = ["apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", "-"];
    cluster.kubectl_reading(&policy.to_string(), &apply).success();
    policy
}

async fn render(values: &[&str]) -> Outcome {
    let image = "image.repository=example.org/kliv-secrets,image.tag=test";
    let args = ["template", "kliv-secrets", CHART, "-n", NAMESPACE, "--set", image, "--set"];
    harness::control_plane().await.helm(&[&args, values].concat())
}
