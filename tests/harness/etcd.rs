//! What etcd holds and held.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Cluster;

/// One key at one revision.
pub struct Stored {
    /// e.g. `/registry/secrets/NAMESPACE/NAME`.
    pub key: String,
    /// etcd's revision, which counts all writes.
    pub revision: i64,
    /// What stood there, as stored; empty where it was deleted.
    pub value: Vec<u8>,
}

impl Cluster {
    /// Every key at every revision, the oldest first; of a cluster with `keep_revisions`,
    /// for the API server of any other has them removed every five minutes.
    pub fn etcd_history(&self) -> Vec<Stored> {
        assert!(self.keeps_revisions(), "start the cluster with `keep_revisions`");
        let newest = self.etcd_revision();
        let mut watch = self
            .etcdctl_command(&["watch", "", "--prefix", "--rev=1", "-w", "json"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts etcdctl");
        let lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
        let mut history: Vec<Stored> = Vec::new();
        for line in lines {
            let message: Value =
                serde_json::from_str(&line.expect("a line")).expect("etcdctl speaks JSON");
            assert!(message["CompactRevision"].as_i64().unwrap_or(0) == 0, "etcd was compacted");
            let events = message["Events"].as_array().cloned().unwrap_or_default();
            history.extend(events.iter().map(|event| Stored::of(&event["kv"])));
            if history.last().is_some_and(|last| last.revision >= newest) {
                break;
            }
        }
        watch.kill().expect("stops etcdctl");
        watch.wait().expect("etcdctl ends");
        assert!(!history.is_empty(), "etcd told nothing");
        history
    }

    fn etcd_revision(&self) -> i64 {
        let answer = super::run(self.etcdctl_command(&["get", "none", "-w", "json"]), "").success();
        let answer: Value = serde_json::from_str(&answer).expect("etcdctl speaks JSON");
        answer["header"]["revision"].as_i64().expect("a revision")
    }

    fn etcdctl_command(&self, args: &[&str]) -> Command {
        let (program, flags) = self.etcdctl().split_first().expect("a command line");
        let mut command = Command::new(program);
        command.args(flags).args(args);
        command
    }
}

impl Stored {
    fn of(kv: &Value) -> Self {
        let decoded = |field: &str| {
            STANDARD.decode(kv[field].as_str().unwrap_or_default()).expect("etcdctl writes base64")
        };
        Self {
            key: String::from_utf8_lossy(&decoded("key")).into_owned(),
            revision: kv["mod_revision"].as_i64().unwrap_or_default(),
            value: decoded("value"),
        }
    }
}
