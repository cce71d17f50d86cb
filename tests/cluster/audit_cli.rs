//! `kubectl kliv audit`: the list, whether the record is whole, and a copy to compare with.
//! The events are made up: here it is what readers make of them that counts.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kliv_secrets::api::{
    AuditAction, AuditRecord, ChainLink, KlivAccount, KlivAuditEvent, KlivAuditEventSpec,
};
use kliv_secrets::audit;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::account::kubectl_kliv;
use crate::crd::bare_cluster;
use crate::harness::{Cluster, Outcome, run};

/// An account without anything but its audit trail.
struct Trail {
    cluster: &'static Cluster,
    namespace: String,
}

impl Trail {
    async fn new(events: Vec<KlivAuditEventSpec>) -> Self {
        let cluster = bare_cluster().await;
        let trail = Self { cluster, namespace: cluster.namespace("trail").await };
        let account = KlivAccount::new("default", Default::default());
        trail.accounts().create(&PostParams::default(), &account).await.expect("is made");
        trail.write(events).await;
        trail
    }

    /// Chains the events and writes them with their head.
    async fn write(&self, events: Vec<KlivAuditEventSpec>) {
        self.write_after(ChainLink::default(), events).await;
    }

    /// The same after a checkpoint.
    async fn write_after(&self, checkpoint: ChainLink, events: Vec<KlivAuditEventSpec>) {
        let mut head = checkpoint.clone();
        for event in events {
            let event = audit::append(&self.namespace, &mut head, event);
            let name = audit::name(event.sequence.expect("a place"));
            let event = KlivAuditEvent::new(&name, event);
            self.events().create(&PostParams::default(), &event).await.expect("is made");
        }
        let checkpoint = Some(checkpoint).filter(|link| link.sequence > 0);
        let record = AuditRecord { head, checkpoint, ..AuditRecord::default() };
        let patch = Patch::Merge(json!({ "status": { "audit": record } }));
        let (accounts, params) = (self.accounts(), PatchParams::default());
        accounts.patch_status("default", &params, &patch).await.expect("is written");
    }

    async fn remove(&self, sequence: i64) {
        let name = audit::name(sequence);
        self.events().delete(&name, &DeleteParams::default()).await.expect("is gone");
    }

    fn events(&self) -> Api<KlivAuditEvent> {
        Api::namespaced(self.cluster.client(), &self.namespace)
    }

    fn accounts(&self) -> Api<KlivAccount> {
        Api::namespaced(self.cluster.client(), &self.namespace)
    }

    fn kliv(&self, args: &[&str]) -> Outcome {
        let args = [args, &["-n", &self.namespace]].concat();
        run(kubectl_kliv(self.cluster, &args), "")
    }

    fn verify_code(&self) -> Option<i32> {
        let args = ["audit", "verify", "-n", &self.namespace];
        kubectl_kliv(self.cluster, &args).output().expect("it runs").status.code()
    }

    /// Verifies against an export, which is kept in a file.
    fn verify_against(&self, export: &str) -> Outcome {
        let path = self.cluster.kubeconfig().with_file_name(format!("{}.jsonl", self.namespace));
        fs::write(&path, export).expect("a file");
        self.kliv(&["audit", "verify", "--anchor", path.to_str().expect("text")])
    }
}

fn event(action: AuditAction, secret: &str, actor: &str, minute: i64) -> KlivAuditEventSpec {
    let time = Timestamp::from_second(1_800_000_000 + 60 * minute).expect("a time");
    KlivAuditEventSpec {
        secret: Some(secret.into()),
        version: Some(1),
        masked_value: Some("sk-p****z789".into()),
        actor: actor.into(),
        via: "cli".into(),
        ..KlivAuditEventSpec::new(action, time)
    }
}

fn three() -> Vec<KlivAuditEventSpec> {
    vec![
        event(AuditAction::Created, "a-key", "anna", 0),
        event(AuditAction::Updated, "b-key", "eva\u{1b}[2J", 1),
        event(AuditAction::Deleted, "a-key", "anna", 2),
    ]
}

#[tokio::test]
async fn the_list_reads_like_a_log_and_shows_what_the_filters_want() {
    let trail = Trail::new(three()).await;

    let table = trail.kliv(&["audit"]).success();

    let lines: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["TIME", "ACTION", "SECRET", "VERSION", "ACTOR", "VIA"]);
    assert_eq!(lines[1], ["2027-01-15T08:00:00Z", "Created", "a-key", "1", "anna", "cli"]);
    assert_eq!(lines.len(), 4, "{table}");
    assert!(!table.contains('\u{1b}'), "{table}");
    let count = |args: &[&str]| {
        let args = [&["audit", "--no-headers"], args].concat();
        trail.kliv(&args).success().lines().count()
    };
    assert_eq!(count(&["--secret=A_KEY"]), 2);
    assert_eq!(count(&["--secret=a-key", "--since=2027-01-15T08:01:30Z"]), 1);
    assert_eq!(count(&["--actor=anna"]), 2);
    assert_eq!(count(&["--actor=nobody"]), 0);
    assert!(trail.kliv(&["audit", "-o", "wide"]).success().contains("****"));
    for shown in ["wide", "json"] {
        let said = trail.kliv(&["audit", "-o", shown, "--no-mask"]).success();
        assert!(!said.contains("****"), "{said}");
    }
}

#[tokio::test]
async fn what_comes_is_shown_also_where_a_later_event_came_before_it() {
    let trail = Trail::new(three()).await;
    let args = ["audit", "-w", "--no-headers", "-n", &trail.namespace];
    let mut watch = kubectl_kliv(trail.cluster, &args);
    let mut watch = watch.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines =
        BufReader::new(watch.stdout.take().expect("piped")).lines().map_while(Result::ok);
    assert_eq!(lines.by_ref().take(3).count(), 3);

    for sequence in [5, 4] {
        let event = KlivAuditEventSpec {
            sequence: Some(sequence),
            ..event(AuditAction::Updated, &format!("key-{sequence}"), "anna", 3)
        };
        let event = KlivAuditEvent::new(&audit::name(sequence), event);
        trail.events().create(&PostParams::default(), &event).await.expect("is made");
    }

    let both = tokio::task::spawn_blocking(move || lines.take(2).collect::<Vec<String>>());
    let shown = tokio::time::timeout(Duration::from_secs(240), both).await;
    watch.kill().and_then(|()| watch.wait()).expect("it ends");
    let shown = shown.expect("both are shown").expect("lines");
    assert!(shown[0].contains("key-5") && shown[1].contains("key-4"), "{shown:?}");
}

#[tokio::test]
async fn a_whole_record_is_called_whole_and_a_removed_event_is_named() {
    let trail = Trail::new(three()).await;
    let said = trail.kliv(&["audit", "verify"]);
    assert!(said.stderr.contains("--anchor"), "{said:?}");
    assert!(said.success().starts_with("whole: 3 events, the newest 3, head "));
    let export = trail.kliv(&["audit", "export"]).success();
    assert_eq!(export.lines().count(), 4, "{export}");
    trail.verify_against(&export).success();

    trail.remove(2).await;

    let said = trail.kliv(&["audit", "verify"]).failure();
    assert!(said.contains("event 2 was removed"), "{said}");
    assert!(said.contains("broken: 1 finding, "), "{said}");
    trail.remove(3).await;
    let said = trail.kliv(&["audit", "verify"]).failure();
    assert!(said.contains("events 2 to 3 were removed"), "{said}");
}

#[tokio::test]
async fn a_past_that_was_rewritten_with_its_head_is_found_by_an_earlier_export() {
    let trail = Trail::new(three()).await;
    let export = trail.kliv(&["audit", "export"]).success();
    for sequence in 1..=3 {
        trail.remove(sequence).await;
    }
    let mut forged = three();
    forged[0].actor = "mallory".into();
    trail.write(forged).await;

    trail.kliv(&["audit", "verify"]).success();
    let said = trail.verify_against(&export).failure();

    assert!(said.contains("event 3 is not what was noted elsewhere"), "{said}");
    let other = Trail::new(three()).await;
    let said = other.verify_against(&export).failure();
    assert!(said.contains("names no event of this account"), "{said}");
}

#[tokio::test]
async fn a_past_that_nobody_can_compare_with_any_more_is_not_called_whole() {
    let trail = Trail::new(three()).await;
    let export = trail.kliv(&["audit", "export"]).success();
    let verified = trail.verify_against(&export).success();
    assert!(verified.ends_with("; up to event 3 as it was noted elsewhere\n"), "{verified}");
    for sequence in 1..=3 {
        trail.remove(sequence).await;
    }

    trail.write_after(ChainLink { sequence: 3, hash: "ab".repeat(32) }, three()).await;
    let said = trail.verify_against(&export).failure();
    assert!(said.contains("event 3 is not what was noted elsewhere"), "{said}");
    for sequence in 4..=6 {
        trail.remove(sequence).await;
    }
    trail.write_after(ChainLink { sequence: 7, hash: "ab".repeat(32) }, three()).await;

    let said = trail.verify_against(&export).failure();
    for words in ["ends with event 3, and only event 8 and later", "whole as far as can be seen: 3"]
    {
        assert!(said.contains(words), "{said}");
    }
    trail.kliv(&["audit", "verify"]).success();
    let accounts = trail.accounts();
    accounts.delete("default", &DeleteParams::default()).await.expect("is gone");
    let said = trail.kliv(&["audit", "verify"]).failure();
    assert!(said.contains("before event 8 or after event 10 can't be told"), "{said}");
    assert_eq!(trail.verify_code(), Some(2));
    trail.remove(9).await;
    assert_eq!(trail.verify_code(), Some(1));
}
