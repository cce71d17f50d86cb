//! Alerts, dashboard and what Prometheus Operator takes: each speaks only of numbers that
//! the processes really tell.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use kliv_secrets::api::names::INSTALL_CONFIGMAP;
use serde_json::Value;

use crate::account::{Account, function, secret};
use crate::harness::{self, Cluster, eventually};
use crate::operator::Operator;

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kliv-secrets");
const STORIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/alerts.yaml");
/// Whose definitions PodMonitor and PrometheusRule must fit.
const PROMETHEUS_OPERATOR: &str = "github.com/prometheus-operator/prometheus-operator@v0.85.0";

#[test]
fn each_alert_fires_in_its_story_and_in_no_other() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", &alerts_file()]);
    promtool(&["test", "rules", STORIES]);
    let stories = std::fs::read_to_string(STORIES).expect("the stories");
    for rule in rules() {
        let name = rule["alert"].as_str().expect("a name");
        let fires = format!("alertname=\"{name}\", severity=\"{}\"", severity(&rule));
        let told = stories.contains(&fires) || stories.contains(&format!("alertname: {name}\n"));
        assert!(told, "no story in which {name} fires");
    }
}

#[test]
fn each_alert_says_how_bad_it_is_and_what_it_means() {
    for rule in rules() {
        assert!(["critical", "warning"].contains(&severity(&rule)), "{rule}");
        for annotation in ["summary", "description"] {
            assert!(
                rule["annotations"][annotation].as_str().is_some_and(|t| t.len() > 20),
                "{rule}"
            );
        }
    }
}

#[test]
fn every_expression_of_the_dashboard_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut file = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (index, expression) in panels().iter().enumerate() {
        let expression = expression.replace("$__rate_interval", "5m");
        let expression = serde_json::to_string(&expression).expect("a text");
        file += &format!("      - {{record: 'panel:{index}', expr: {expression}}}\n");
    }
    let path = folder.path().join("dashboard.yaml");
    std::fs::write(&path, file).expect("writes");
    promtool(&["check", "rules", path.to_str().expect("a path")]);
}

#[tokio::test]
async fn alerts_and_dashboard_name_only_numbers_that_the_processes_tell() {
    let mut operator = Operator::exclusive().await;
    let account = Account::new(&operator, "numbers").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.create(&function("counted")).await;
    let namespace = account.namespace.clone();
    let pages = eventually("the leader has counted", async || {
        let page = operator.metrics();
        let counted = page
            .lines()
            .find_map(|l| l.strip_prefix("kliv_secrets_secrets{reason=\"Published\"} "));
        counted.is_some_and(|count| count != "0").then_some(page)
    })
    .await;
    assert!(!pages.contains(&namespace) && !pages.contains("api-token"), "a name in the numbers");
    // The API server tells of the webhook once it did not reach it.
    operator.stop_webhook();
    Account::at(&operator, namespace).apply_refused(&secret("API_TOKEN", "two"));
    let raw = operator.cluster.kubectl(&["get", "--raw", "/metrics"]).success();
    operator.start_processes().await;

    let told: Vec<&str> =
        pages.lines().chain(raw.lines()).filter(|l| !l.starts_with('#')).collect();
    let expressions =
        rules().into_iter().map(|rule| rule["expr"].as_str().expect("text").to_owned());
    let mut named = BTreeSet::new();
    for expression in expressions.chain(panels()) {
        for selector in selectors(&expression) {
            let series = told.iter().filter(|line| selector.metric == name_of(line));
            assert!(series.clone().count() > 0, "nobody tells {}: {expression}", selector.metric);
            for label in &selector.labels {
                let found = series.clone().any(|line| line.contains(label.as_str()));
                assert!(found, "{} is never {label}: {expression}", selector.metric);
            }
            named.insert(selector.metric);
        }
    }
    assert!(named.len() > 10, "{named:?}");
}

#[tokio::test]
async fn the_webhook_tells_how_long_its_certificate_is_good() {
    let operator = Operator::shared().await;
    let page = operator.metrics();
    let number = |name: &str| -> i64 {
        let name = format!("kliv_secrets_certificate_{name}_timestamp_seconds{{}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(name.as_str()));
        line.expect("is told").parse().expect("a number")
    };
    let now = kliv_secrets::runtime::clock::now().as_second();
    let (start, end) = (number("start"), number("expiry"));
    assert!(start <= now && now < end, "{start} {now} {end}");
    assert!(end - now > 30 * 24 * 60 * 60, "it is renewed before");
}

#[tokio::test]
async fn prometheus_operator_takes_what_the_chart_offers_it() {
    let cluster = harness::control_plane().await;
    let module = harness::run(harness::launcher(&["module", PROMETHEUS_OPERATOR]), "").success();
    for plural in ["podmonitors", "prometheusrules"] {
        let crd = PathBuf::from(module.trim())
            .join(format!("example/prometheus-operator-crd/monitoring.coreos.com_{plural}.yaml"));
        let crd = crd.to_str().expect("a path");
        cluster.kubectl(&["apply", "--server-side", "-f", crd]).success();
        // `kubectl wait` fails where a new CRD has no conditions yet.
        let kind = format!("{plural}.monitoring.coreos.com");
        eventually("the kind is served", async || {
            cluster.kubectl(&["get", &kind]).ok.then_some(())
        })
        .await;
    }
    let namespace = cluster.namespace("monitored").await;
    let on = "metrics.podMonitor.enabled=true,metrics.prometheusRule.enabled=true,\
              metrics.dashboard.enabled=true,metrics.podMonitor.labels.release=prometheus,\
              metrics.prometheusRule.runbookURL=https://example.org/operations.md";
    let objects = monitoring(cluster, &namespace, on);
    let kinds: Vec<&str> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert_eq!(kinds, ["ConfigMap", "PodMonitor", "PrometheusRule"]);
    for object in &objects {
        let apply = ["apply", "--server-side", "--validate=strict", "-f", "-"];
        cluster.kubectl_reading(&object.to_string(), &apply).success();
    }
    assert_eq!(objects[1]["metadata"]["labels"]["release"], "prometheus");
    let rule = &objects[2]["spec"]["groups"][0]["rules"][0];
    let link = "https://example.org/operations.md#klivsecretsnoleader";
    assert_eq!(rule["annotations"]["runbook_url"], link);
    let dashboard = objects[0]["data"]["kliv-secrets.json"].as_str().expect("a dashboard");
    serde_json::from_str::<Value>(dashboard).expect("JSON");
    assert_eq!(objects[0]["metadata"]["labels"]["grafana_dashboard"], "1");

    assert_eq!(
        monitoring(cluster, &namespace, "log.level=info"),
        Vec::<Value>::new(),
        "by default"
    );
}

/// What the chart renders for monitoring, by kind.
fn monitoring(cluster: &Cluster, namespace: &str, values: &str) -> Vec<Value> {
    let image = "image.repository=example.org/kliv-secrets,image.tag=test";
    let args =
        ["template", "kliv-secrets", CHART, "-n", namespace, "--set", image, "--set", values];
    let rendered = cluster.helm(&args).success();
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).expect("YAML");
    objects.retain(|object| {
        ["ConfigMap", "PodMonitor", "PrometheusRule"].iter().any(|k| object["kind"] == *k)
            && object["metadata"]["name"] != INSTALL_CONFIGMAP
    });
    objects.sort_by_key(|object| object["kind"].to_string());
    objects
}

fn promtool(args: &[&str]) {
    let tool = harness::run(harness::launcher(&["tool", "--build", "promtool"]), "").success();
    let mut command = Command::new(tool.trim());
    command.args(args);
    harness::run(command, "").success();
}

fn alerts_file() -> String {
    format!("{CHART}/files/alerts.yaml")
}

fn rules() -> Vec<Value> {
    let text = std::fs::read_to_string(alerts_file()).expect("the alerts");
    let file: Value = serde_saphyr::from_str(&text).expect("YAML");
    let groups = file["groups"].as_array().expect("groups");
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).cloned().collect()
}

fn severity(rule: &Value) -> &str {
    rule["labels"]["severity"].as_str().expect("a severity")
}

/// The expressions of the dashboard's panels.
fn panels() -> Vec<String> {
    let text = std::fs::read_to_string(format!("{CHART}/files/dashboard.json")).expect("a file");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    targets.map(|target| target["expr"].as_str().expect("an expression").to_owned()).collect()
}

fn name_of(line: &str) -> &str {
    line.split(['{', ' ']).next().unwrap_or_default()
}

struct Selector {
    metric: String,
    /// `label="value"`, of each value that is named.
    labels: Vec<String>,
}

/// The series that an expression names: ours, and the API server's.
fn selectors(expression: &str) -> Vec<Selector> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(is_word) {
        let end = rest[start..].find(|c| !is_word(c)).map_or(rest.len(), |end| start + end);
        let word = &rest[start..end];
        rest = &rest[end..];
        if !["kliv_secrets_", "apiserver_"].iter().any(|prefix| word.starts_with(prefix)) {
            continue;
        }
        let braces = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let labels =
            braces.into_iter().flat_map(|(inner, _)| inner.split(',')).flat_map(|matcher| {
                let (label, values) = matcher.split_once('"').expect("a matcher");
                let label = label.trim_end_matches(['=', '!', '~']).trim();
                let values = values.trim_end_matches('"').split('|');
                values.map(move |value| format!("{label}=\"{value}\""))
            });
        found.push(Selector { metric: word.to_owned(), labels: labels.collect() });
    }
    found
}
