//! What Argo CD and kstatus say of objects, by `tests/devcluster/components/gitops`: those
//! tools' own code.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::harness::{Cluster, run, test_program};

/// What is said of an object: a word, and more about it.
pub(crate) type Said = (String, String);

/// `gitops COMMAND` of objects in their order.
#[track_caller]
pub(crate) fn gitops(cluster: &Cluster, args: &[&str], objects: &[Value]) -> Vec<Said> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| test_program("gitops")));
    command.env("KUBECONFIG", cluster.kubeconfig()).args(args);
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let said = run(command, &list.to_string()).success();
    let said = said.lines().map(|line| {
        let said: Value = serde_json::from_str(line).expect("JSON");
        let text = |field: &str| said[field].as_str().expect("text").to_owned();
        (text("status"), text("message"))
    });
    let said: Vec<Said> = said.collect();
    assert_eq!(said.len(), objects.len());
    said
}

/// Argo CD's health, by the script of the docs.
pub(crate) fn health(cluster: &Cluster, object: &Value) -> Said {
    let script = concat!("-lua=", env!("CARGO_MANIFEST_DIR"), "/docs/gitops/health.lua");
    gitops(cluster, &["health", script], std::slice::from_ref(object)).remove(0)
}

/// What Flux and `helm --wait` take an object for.
pub(crate) fn kstatus(cluster: &Cluster, object: &Value) -> Said {
    gitops(cluster, &["kstatus"], std::slice::from_ref(object)).remove(0)
}
