//! What the operator's pods may do, what they tell, and that they can be lost.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::Value;

use crate::account::{Account, secret};
use crate::operator::{NAMESPACE, Operator, PARTS};

#[tokio::test]
async fn the_pods_keep_to_the_restricted_pod_security_standard() {
    let Some(operator) = Operator::shared().await else { return };
    let violations = |namespace: &str| {
        let label = "pod-security.kubernetes.io/enforce=restricted";
        let args = ["label", "namespace", namespace, label, "--overwrite", "--dry-run=server"];
        let asked = operator.cluster.kubectl(&args);
        assert!(asked.ok, "{}", asked.stderr);
        asked.stderr
    };
    assert_eq!(violations(NAMESPACE), "");

    // The question is one that pods can fail.
    let account = Account::new(&operator, "hardening").await;
    account.apply(&account.function("api"));
    account.runs_with("api", &[]).await;
    assert!(violations(&account.namespace).contains("allowPrivilegeEscalation"));
}

#[tokio::test]
async fn no_process_is_root_or_writes_its_root_or_leaves_a_core_dump() {
    let Some(operator) = Operator::shared().await else { return };
    for part in PARTS {
        for pod in operator.pods(part).await {
            let process = process(&pod);
            let read = |file: &str| fs::read_to_string(process.join(file)).expect("its /proc");
            let line = |text: &str, start: &str| {
                let line = text.lines().find(|line| line.starts_with(start));
                line.expect("a line").split_whitespace().map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(line(&read("limits"), "Max core file size")[4..6], ["0", "0"], "{part}");
            let status = read("status");
            assert_eq!(line(&status, "Uid:")[1..], ["65532"; 4], "{part}");
            assert_eq!(line(&status, "CapEff:")[1], "0000000000000000", "{part}");
            assert_eq!(line(&status, "NoNewPrivs:")[1], "1", "{part}");
            assert_eq!(line(&status, "Seccomp:")[1], "2", "{part}");
            // The kernel gives the files of a process that can't be dumped to root.
            let owner = fs::metadata(process.join("environ")).expect("its /proc").uid();
            assert_eq!(owner, 0, "{part} can be dumped");
            let mounts = read("mountinfo");
            let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/"));
            let options = root.and_then(|line| line.split(' ').nth(5)).expect("a root");
            assert!(options.split(',').any(|option| option == "ro"), "{part}: {options}");
        }
    }
}

#[tokio::test]
async fn every_pod_tells_of_its_health_and_its_numbers() {
    let Some(operator) = Operator::shared().await else { return };
    let leader = operator.leads().await;
    for part in PARTS {
        for pod in operator.pods(part).await {
            let pod = pod.name_any();
            assert_eq!(operator.asks(&pod, "/livez").await, "ok\n", "{pod}");
            assert_eq!(operator.asks(&pod, "/readyz").await, "ok\n", "{pod}");
            let numbers = operator.asks(&pod, "/metrics").await;
            assert!(numbers.contains("kliv_secrets_build_info{version="), "{pod}: {numbers}");
            let leads = u8::from(pod == leader);
            assert!(
                numbers.contains(&format!("kliv_secrets_leader {leads}\n")),
                "{pod}: {numbers}"
            );
        }
    }
}

#[tokio::test]
async fn log_lines_are_json_and_hold_no_value_even_when_everything_is_said() {
    let Some(operator) = Operator::alone().await else { return };
    operator.upgrade(&["log.level=trace"]).await;
    let account = Account::new(&operator, "hardening").await;
    let canary = format!("canary-of-{}-0123456789-\u{e5}\"\\", account.namespace);
    account.put(&secret("API_TOKEN", &canary)).await;
    account.apply(&account.function("api"));
    account.runs_with("api", &[("API_TOKEN", &canary)]).await;
    // Refused: by us for its type, by the schema for its name, and as too large.
    let mut wrong = secret("OTHER_TOKEN", &canary);
    wrong["spec"]["environment"] = serde_json::json!({ "value": canary });
    account.kubectl(&["apply", "-f", "-"], &wrong.to_string()).failure();
    let reserved = secret("LD_PRELOAD", &canary);
    account.kubectl(&["apply", "-f", "-"], &reserved.to_string()).failure();
    let large = secret("OTHER_TOKEN", &canary.repeat(64 * 1024 / canary.len() + 1));
    account.kubectl(&["apply", "-f", "-"], &large.to_string()).failure();
    account.caught_up().await;

    let (mut levels, mut all) = (Vec::new(), String::new());
    for part in PARTS {
        for pod in operator.pods(part).await {
            let logs = operator.kubectl(&["logs", &pod.name_any()]).success();
            for line in logs.lines() {
                let Ok(line) = serde_json::from_str::<Value>(line) else {
                    panic!("{part}: not JSON: {line}");
                };
                levels.push(format!("{part} {}", line["level"].as_str().expect("a level")));
            }
            all.push_str(&logs);
        }
    }
    for said in ["controller DEBUG", "webhook DEBUG"] {
        assert!(levels.iter().any(|level| level == said), "nothing at {said}: {levels:?}");
    }
    let escaped = serde_json::to_string(&canary).expect("JSON");
    let encoded = STANDARD.encode(&canary);
    for form in [canary.as_str(), escaped.trim_matches('"'), &canary[..24], &encoded[..32]] {
        assert!(!all.contains(form), "a value in the logs as {form}");
    }
    // It looks in the right place.
    assert!(all.contains(&account.namespace), "the logs say nothing of the account");
}

#[tokio::test]
async fn when_the_leader_is_lost_the_other_replica_goes_on() {
    let Some(operator) = Operator::alone().await else { return };
    let account = Account::new(&operator, "hardening").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.apply(&account.function("api"));
    account.runs_with("api", &[("API_TOKEN", "one")]).await;

    let leader = operator.leads().await;
    operator.kubectl(&["delete", "pod", &leader, "--force", "--grace-period=0"]).success();
    account.apply(&secret("API_TOKEN", "two"));

    account.runs_with("api", &[("API_TOKEN", "two")]).await;
    assert_ne!(operator.leads().await, leader);
    operator.rolled_out("controller").await;
}

/// The only process of a pod's container, as this machine sees it.
pub(crate) fn process(pod: &Pod) -> PathBuf {
    let status = pod.status.as_ref().and_then(|s| s.container_statuses.as_ref()?.first());
    let id = status.and_then(|s| s.container_id.as_deref()).expect("a container that runs");
    let id = id.rsplit('/').next().expect("an id");
    let processes = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let found = processes.map(|entry| entry.path()).find(|process| {
        fs::read_to_string(process.join("cgroup")).is_ok_and(|cgroup| cgroup.contains(id))
    });
    found.expect("the container's process runs on this machine")
}
