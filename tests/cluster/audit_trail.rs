//! The audit trail on a real API server: who did what, once each, in a chain that is whole,
//! whatever becomes of the controller.

use std::collections::BTreeSet;

use kliv_secrets::api::{AuditAction, KlivAuditEvent, KlivAuditEventSpec};
use kliv_secrets::audit::verify;
use kube::api::ListParams;
use serde_json::Value;

use crate::account::{Account, function, secret};
use crate::harness::{Options, eventually};
use crate::operator::Operator;

impl Account<'_> {
    /// The events of the chain, in order.
    async fn trail(&self) -> Vec<KlivAuditEventSpec> {
        let events = self.api::<KlivAuditEvent>().list(&ListParams::default()).await;
        let events = events.expect("audit events").items.into_iter().map(|event| event.spec);
        events.filter(|event| event.sequence.is_some()).collect()
    }

    /// Waits until the trail tells this, then checks the chain.
    async fn tells(&self, wanted: &[AuditAction]) -> Vec<KlivAuditEventSpec> {
        let events = eventually(&format!("the trail tells {wanted:?}"), async || {
            let events = self.trail().await;
            let told = events.iter().map(|event| event.action.clone());
            let done = told.filter(|action| *action != AuditAction::Published).eq(wanted.to_vec());
            done.then_some(events)
        })
        .await;
        // Between the two reads the controller may write.
        eventually("the chain is whole", async || {
            let record = self.status().await.audit?;
            let found = verify(&self.namespace, &self.trail().await, Some(&record), &[]);
            found.is_empty().then_some(())
        })
        .await;
        events
    }

    /// Applies as another person.
    fn apply_as(&self, user: &str, object: &Value) {
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

    let logs = operator.logs();
    let lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told: Vec<_> = lines.filter(|line| line["target"] == "audit").collect();
    let of_it = told.iter().filter(|line| line["account"] == account.namespace);
    // Several are made at once.
    let numbers: BTreeSet<_> = of_it.filter_map(|line| line["sequence"].as_i64()).collect();
    let expected: BTreeSet<_> = account.trail().await.iter().filter_map(|e| e.sequence).collect();
    assert_eq!(numbers, expected, "a line each");
    let all = serde_json::to_string(&account.trail().await).expect("JSON") + &logs;
    assert!(!all.contains("canary-value"), "no value is told");
}

#[tokio::test]
async fn killed_at_any_time_the_controller_leaves_neither_gap_nor_double() {
    use AuditAction::{Created, Deleted, Updated};
    let mut operator = Operator::start(Options::default(), &["--quiet-period=10ms"]).await;
    let account = Account::new(&operator, "killed").await;
    account.create(&function("api")).await;
    let namespace = account.namespace.clone();
    // The audit log of the API server says which call of the controller is its n-th: it is
    // killed as soon as that is seen there.
    for call in 1..=8 {
        let account = Account::at(&operator, namespace.clone());
        let mark = operator.cluster.audit_mark().await;
        account.apply(&secret("API_TOKEN", &format!("value {call}")));
        eventually("the controller has written so often, or is through", async || {
            let asked = operator.cluster.audit_since(mark).await;
            let ours = asked.iter().filter(|r| r.is_write() && r.namespace == namespace);
            let ours = ours.filter(|r| r.user == crate::operator::CONTROLLER);
            (ours.count() >= call).then_some(())
        })
        .await;
        operator.kill_controller();
        operator.start_processes().await;
        Account::at(&operator, namespace.clone()).published("api-token").await;
    }
    let account = Account::at(&operator, namespace.clone());
    let mut wanted = vec![Created];
    wanted.extend(std::iter::repeat_n(Updated, 7));
    let events = account.tells(&wanted).await;
    let versions: Vec<_> =
        events.iter().filter(|e| e.secret.is_some()).filter_map(|e| e.version).collect();
    assert_eq!(versions, (1..=8).collect::<Vec<i64>>());

    account.delete("ksec/api-token");
    operator.kill_controller();
    operator.start_processes().await;
    wanted.push(Deleted);
    Account::at(&operator, namespace).tells(&wanted).await;
}
