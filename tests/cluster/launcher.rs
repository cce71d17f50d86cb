//! The launcher itself: what tests may rely on.

use std::process::{Command, Stdio};

use crate::harness::{Cluster, Options, control_plane, eventually, launcher, run};

const VALUE: &str = "a-value-that-is-looked-for";

#[tokio::test]
async fn secrets_are_encrypted_at_rest_unless_asked_otherwise() {
    for plain_secrets in [false, true] {
        let options = Options { keep_revisions: true, plain_secrets, ..Options::default() };
        let cluster = Cluster::start(options);
        let literal = format!("--from-literal=a={VALUE}");
        cluster.kubectl(&["create", "secret", "generic", "it", &literal]).success();
        let found = cluster.etcd_history().into_iter().any(|entry| {
            entry.key == "/registry/secrets/default/it" && contains(&entry.value, VALUE)
        });
        assert_eq!(found, plain_secrets, "with plain_secrets: {plain_secrets}");
    }
}

#[tokio::test]
async fn every_revision_can_be_read_also_of_what_is_gone() {
    let cluster = Cluster::start(Options { keep_revisions: true, ..Options::default() });
    for value in ["first", "second"] {
        let map =
            cluster.kubectl(&["create", "configmap", "it", &format!("--from-literal=a={value}")]);
        map.success();
        cluster.kubectl(&["delete", "configmap", "it"]).success();
    }
    let history = cluster.etcd_history();
    let of_map: Vec<_> =
        history.iter().filter(|e| e.key == "/registry/configmaps/default/it").collect();
    assert_eq!(of_map.len(), 4, "two creates, two deletes");
    assert!(contains(&of_map[0].value, "first") && contains(&of_map[2].value, "second"));
    assert!(of_map[1].value.is_empty() && of_map[3].value.is_empty());
}

#[tokio::test]
async fn the_audit_log_tells_who_wrote_what() {
    let cluster = control_plane().await;
    let namespace = cluster.namespace("audit").await;
    let mark = cluster.audit_mark().await;
    cluster.kubectl(&["create", "configmap", "it", "-n", &namespace]).success();
    cluster
        .kubectl(&["create", "configmap", "dry", "-n", &namespace, "--dry-run=server"])
        .success();
    cluster.kubectl(&["create", "configmap", "it", "-n", &namespace, "--as=anna"]).failure();
    let asked = cluster.audit_since(mark).await;
    let ours: Vec<_> = asked.iter().filter(|r| r.namespace == namespace).collect();
    let writes: Vec<_> = ours.iter().filter(|r| r.is_write()).collect();
    assert_eq!(writes.iter().filter(|r| r.name == "it").count(), 1);
    assert!(!writes.iter().any(|r| r.name == "dry"), "a dry run is no write");
    assert!(ours.iter().any(|r| r.user == "anna" && r.code == 403), "who was impersonated");
}

#[tokio::test]
async fn a_cluster_ends_with_the_process_that_started_it_even_when_killed() {
    let state = std::env::temp_dir().join(format!("kliv-orphan-{}", std::process::id()));
    let folder = state.to_str().expect("plain characters");
    let mut keeper = launcher(&["down", "--when-stdin-closes", "--state", folder])
        .stdin(Stdio::piped())
        .spawn()
        .expect("starts");
    run(launcher(&["up", "--control-plane-only", "--state", folder]), "").success();
    assert!(state.join("state.json").exists());
    drop(keeper.stdin.take()); // what the kernel does for a process that is killed
    eventually("the cluster and its folder are gone", async || (!state.exists()).then_some(()))
        .await;
    assert!(keeper.wait().expect("ends").success());
}

#[tokio::test]
async fn a_cluster_holds_no_stream_of_its_caller() {
    let state = std::env::temp_dir().join(format!("kliv-streams-{}", std::process::id()));
    let folder = state.to_str().expect("plain characters");
    let up = launcher(&[]).get_program().to_str().expect("plain characters").to_owned();
    let mut keeper = launcher(&["down", "--when-stdin-closes", "--state", folder])
        .stdin(Stdio::piped())
        .spawn()
        .expect("starts");
    // The pipe is handed on under a number that nobody knows of.
    let script = r#"exec 9>&1; "$0" up --control-plane-only --state "$1" >/dev/null 2>&1; echo up"#;
    let mut shell = Command::new("bash");
    shell.args(["-c", script, &up, folder]);
    let reader = std::thread::spawn(move || run(shell, ""));
    eventually("nobody has the pipe open", async || reader.is_finished().then_some(())).await;
    assert_eq!(reader.join().expect("the reader").success(), "up\n");
    assert!(state.join("state.json").exists(), "the cluster is up meanwhile");
    drop(keeper.stdin.take());
    assert!(keeper.wait().expect("ends").success());
}

#[tokio::test]
async fn up_on_a_running_cluster_starts_nothing_and_says_the_same() {
    let cluster = Cluster::start(Options::default());
    let state = cluster.kubeconfig().parent().and_then(std::path::Path::parent).expect("a folder");
    let before = std::fs::read(state.join("state.json")).expect("its state");
    let folder = state.to_str().expect("plain characters");
    let exports = run(launcher(&["up", "--control-plane-only", "--state", folder]), "").success();
    assert!(exports.contains(cluster.kubeconfig().to_str().expect("plain characters")));
    assert!(exports.lines().all(|line| line.starts_with("export ")), "{exports}");
    assert_eq!(std::fs::read(state.join("state.json")).expect("its state"), before);
}

#[tokio::test]
async fn clients_act_as_whom_they_are_made_for() {
    let cluster = control_plane().await;
    let namespace = cluster.namespace("clients").await;
    let review = |client: kube::Client| async move {
        let api: kube::Api<k8s_openapi::api::authentication::v1::SelfSubjectReview> =
            kube::Api::all(client);
        let answer = api.create(&kube::api::PostParams::default(), &Default::default()).await;
        let user = answer.expect("an answer").status.and_then(|s| s.user_info).expect("a user");
        (user.username.unwrap_or_default(), user.groups.unwrap_or_default())
    };
    let (name, groups) = review(cluster.as_user("anna", &["editors"])).await;
    assert_eq!((name.as_str(), groups.contains(&"editors".to_owned())), ("anna", true));
    let (name, _) = review(cluster.as_service_account(&namespace, "default").await).await;
    assert_eq!(name, format!("system:serviceaccount:{namespace}:default"));
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
