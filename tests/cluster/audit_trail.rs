//! The audit trail on a real API server: who did what, once each, in a chain that is whole.
//! What the controller's sudden end does to it: `audit_killed.rs`.

use std::collections::BTreeSet;

use kliv_secrets::api::{AuditAction, KlivAuditEvent, KlivAuditEventSpec};
use kliv_secrets::audit::verify;
use kube::api::ListParams;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::account::{Account, secret};
use crate::harness::{Options, eventually, eventually_or_why};
use crate::operator::{Operator, SHARED_LEASE};

/// An operator that logs in JSON, for tests that restart nothing.
pub(crate) async fn recorder() -> &'static Operator {
    static RECORDER: OnceCell<Operator> = OnceCell::const_new();
    let flags = ["--log-format=json", "--quiet-period=50ms", "--keep-superseded=1s", SHARED_LEASE];
    RECORDER.get_or_init(async || Operator::start(Options::default(), &flags).await).await
}

impl Account<'_> {
    /// The events of the chain, in order.
    pub(crate) async fn trail(&self) -> Vec<KlivAuditEventSpec> {
        let events = self.api::<KlivAuditEvent>().list(&ListParams::default()).await;
        let events = events.expect("audit events").items.into_iter().map(|event| event.spec);
        events.filter(|event| event.sequence.is_some()).collect()
    }

    /// Waits until the trail tells this, publishing aside, then checks the chain.
    pub(crate) async fn tells(&self, wanted: &[AuditAction]) -> Vec<KlivAuditEventSpec> {
        let events = eventually_or_why(&format!("the trail tells {wanted:?}"), async || {
            let events = self.trail().await;
            let told = events.iter().map(|event| &event.action);
            let told: Vec<_> = told.filter(|action| **action != AuditAction::Published).collect();
            let is_so = told.iter().copied().eq(wanted);
            let told = format!("it tells {told:?}");
            is_so.then_some(events).ok_or(told)
        })
        .await;
        // Between the two reads the controller may write.
        eventually("the chain is whole", async || {
            let record = self.status().await.audit?;
            let found = verify(&self.namespace, &self.trail().await, Some(&record), &[]);
            let is_broken = found.iter().any(|finding| finding.what.is_broken());
            (!is_broken).then_some(())
        })
        .await;
        events
    }

    /// The events, when nothing more is to come: all is live, and told to be.
    pub(crate) async fn settled_trail(&self) -> Vec<KlivAuditEventSpec> {
        eventually("everything is told", async || {
            let (status, events) = (self.status().await, self.trail().await);
            let record = status.audit?;
            let is_told = record.revision == status.revision
                && record.head.sequence == i64::try_from(events.len()).ok()?;
            is_told.then_some(events)
        })
        .await
    }

    /// Applies as another person.
    pub(crate) fn apply_as(&self, user: &str, object: &Value) {
        let who = ["apply", "-f", "-", "--as", user, "--as-group", "system:masters"];
        self.kubectl(&who, object).success();
    }
}

#[tokio::test]
async fn three_changes_by_three_people_while_the_controller_is_down_are_all_told() {
    use AuditAction::{Created, Deleted, Updated};
    let mut operator = Operator::start(Options::default(), &["--log-format=json"]).await;
    let namespace = {
        let account = Account::new(&operator, "trail").await;
        account.apply_as("anna", &secret("API_TOKEN", "canary-value-of-anna"));
        account.published("api-token").await;
        account.tells(&[Created]).await;
        account.namespace
    };
    operator.stop_controller();
    for user in ["bert", "cleo", "dora"] {
        let value = format!("canary-value-of-{user}");
        Account::at(&operator, namespace.clone()).apply_as(user, &secret("API_TOKEN", &value));
    }
    operator.start_processes().await;
    let account = Account::at(&operator, namespace);
    account.published("api-token").await;
    let events = account.tells(&[Created, Updated, Updated, Updated]).await;
    let changes: Vec<_> = events.iter().filter(|e| e.secret.is_some()).collect();
    let by: Vec<_> = changes.iter().map(|e| (e.actor.as_str(), e.version)).collect();
    assert_eq!(by, [("anna", Some(1)), ("bert", None), ("cleo", None), ("dora", Some(2))]);
    assert!(changes.iter().all(|event| event.via == "kubectl"));

    account.delete("ksec/api-token");
    account.tells(&[Created, Updated, Updated, Updated, Deleted]).await;

    let table = account.kubectl(&["get", "kaudit"], &Value::Null).success();
    let columns: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(columns, ["NAME", "TIME", "ACTION", "SECRET", "VERSION", "ACTOR", "VIA"]);
    let line = table.lines().nth(1).unwrap_or_default();
    assert!(line.contains("Created") && line.contains("anna"), "{table}");

    let logs = eventually("the log has a line of each", async || {
        let logs = operator.logs();
        let lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let of_it = lines.filter(|l| l["target"] == "audit" && l["account"] == account.namespace);
        // Several are made at once.
        let numbers: BTreeSet<_> = of_it.filter_map(|line| line["sequence"].as_i64()).collect();
        let trail = account.trail().await;
        let expected: BTreeSet<_> = trail.iter().filter_map(|event| event.sequence).collect();
        (numbers == expected).then_some(logs)
    })
    .await;
    let all = serde_json::to_string(&account.trail().await).expect("JSON") + &logs;
    assert!(!all.contains("canary-value"), "no value is told");
}
