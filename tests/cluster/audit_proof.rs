//! `kubectl kliv audit verify` over the operator's own trail: alone, against the operator's
//! log, and against an earlier export.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use kliv_secrets::api::{AuditAction, KlivAuditEvent, KlivAuditEventSpec};
use kliv_secrets::audit;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::Value;

use crate::account::{Account, function, kubectl_kliv, secret};
use crate::audit_trail::recorder;
use crate::harness::{Outcome, eventually_or_why, run};
use crate::operator::CONTROLLER;

const FIRST: &str = "c4n4ry-first-value-a1b2c3";

/// An account with a function and a past of five events, publishing aside.
async fn account(name: &str) -> Account<'static> {
    use AuditAction::{Created, Deleted, RolledBack, Updated};
    let account = Account::new(recorder().await, name).await;
    account.create(&function("api")).await;
    account.put(&secret("API_TOKEN", FIRST)).await;
    account.put(&secret("API_TOKEN", "another value")).await;
    kliv(&account, &["rollback", "API_TOKEN", "--to=1", "--no-wait"]).success();
    account.published("api-token").await;
    account.put(&secret("OLD_KEY", FIRST)).await;
    account.delete("ksec/old-key");
    account.tells(&[Created, Updated, RolledBack, Created, Deleted]).await;
    account.gets("api", &[("API_TOKEN", FIRST)]).await;
    account
}

fn kliv(account: &Account<'_>, args: &[&str]) -> Outcome {
    let said =
        run(kubectl_kliv(account.cluster, &[args, &["-n", &account.namespace]].concat()), "");
    assert!(!said.stdout.contains(FIRST) && !said.stderr.contains(FIRST), "{args:?}");
    said
}

/// `audit verify` against what is in a file.
fn verify_against(account: &Account<'_>, anchor: &str) -> Outcome {
    let name = format!("{}.jsonl", account.namespace);
    let path = account.cluster.kubeconfig().with_file_name(name);
    fs::write(&path, anchor).expect("a file");
    kliv(account, &["audit", "verify", "--anchor", path.to_str().expect("text")])
}

#[tokio::test]
async fn the_operators_own_trail_is_whole_also_against_its_log_and_an_earlier_export() {
    let account = account("proof").await;
    let events = account.settled_trail().await;
    let head = events.last().and_then(|event| event.hash.clone()).expect("a hash");

    let said = kliv(&account, &["audit", "verify"]).success();
    let whole = format!("whole: {0} events, the newest {0}, head {head}", events.len());
    assert_eq!(said.trim_end(), whole);

    let log = recorder().await.controller_log();
    assert!(verify_against(&account, &log).success().starts_with(&whole));
    // The log is compared, not merely read.
    let third = events[2].hash.clone().expect("a hash");
    let said = verify_against(&account, &log.replace(&third, &head)).failure();
    assert!(said.contains("event 3 is not what was noted elsewhere at the time"), "{said}");

    let export = kliv(&account, &["audit", "export"]).success();
    assert_eq!(export.lines().count(), events.len() + 1, "{export}");
    assert!(verify_against(&account, &export).success().starts_with(&whole));
    account.put(&secret("API_TOKEN", "a third value")).await;
    account.settled_trail().await;
    verify_against(&account, &export).success();
    let later = kliv(&account, &["audit", "export"]).success();
    let both = later.lines().zip(export.lines()).take(events.len());
    assert!(both.clone().count() == events.len() && both.into_iter().all(|(a, b)| a == b));
    verify_against(&account, &later).success();
}

#[tokio::test]
async fn what_was_removed_or_edited_in_the_operators_own_trail_is_named() {
    let account = account("broken").await;
    let second = account.settled_trail().await.swap_remove(1);
    let export = kliv(&account, &["audit", "export"]).success();
    // The policy lets nobody but the controller do it: so does who has its identity.
    let stolen = account.cluster.as_user(CONTROLLER, &["system:masters"]);
    let events: Api<KlivAuditEvent> = Api::namespaced(stolen, &account.namespace);
    let name = audit::name(2);
    let replace = async |event: KlivAuditEventSpec| {
        // Gone already, the first time.
        drop(events.delete(&name, &DeleteParams::default()).await);
        let event = KlivAuditEvent::new(&name, event);
        events.create(&PostParams::default(), &event).await.expect("is made");
    };
    let refused = account.kubectl(&["delete", "kaudit", &name], &Value::Null).failure();
    assert!(refused.contains("deleted by kliv-secrets alone"), "{refused}");

    events.delete(&name, &DeleteParams::default()).await.expect("is gone");

    let says = |claim: &str| {
        let said = kliv(&account, &["audit", "verify"]).failure();
        assert!(said.contains(claim) && said.contains("broken: 1 finding, "), "{said}");
        verify_against(&account, &export).failure();
    };
    says("event 2 was removed\n");
    let mut edited = second.clone();
    edited.actor = "mallory".into();
    replace(edited.clone()).await;
    says("event 2 was edited\n");
    // With a hash that fits it no longer fits the next one.
    edited.hash = Some(audit::hash(&account.namespace, &edited));
    replace(edited).await;
    says("event 3 does not follow the one before it\n");
    replace(second).await;
    kliv(&account, &["audit", "verify"]).success();
    verify_against(&account, &export).success();
}

#[tokio::test]
async fn the_list_of_all_accounts_names_each_and_is_for_who_may_see_them() {
    let [first, second] = [account("all").await, account("all-other").await];
    second.put(&secret("MAIL_KEY", FIRST)).await;
    let told = [first.settled_trail().await.len(), second.settled_trail().await.len()];

    let table = run(kubectl_kliv(first.cluster, &["audit", "-A"]), "").success();

    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAMESPACE", "TIME", "ACTION", "SECRET", "VERSION", "ACTOR", "VIA"]);
    assert!(rows[1..].is_sorted_by_key(|row| row[1]), "oldest first: {table}");
    let count =
        |account: &Account<'_>| rows.iter().filter(|row| row[0] == account.namespace).count();
    assert_eq!([count(&first), count(&second)], told, "{table}");
    let one = ["audit", "-A", "--secret=MAIL_KEY", "--no-headers"];
    let table = run(kubectl_kliv(first.cluster, &one), "").success();
    assert!(table.contains(&second.namespace), "{table}");
    assert!(table.lines().all(|line| line.contains("mail-key")), "{table}");
    let said = run(kubectl_kliv(first.cluster, &["audit", "-A", "--as=nobody"]), "").failure();
    assert!(said.contains("forbidden: ") && !said.contains(&second.namespace), "{said}");
}

#[tokio::test]
async fn watching_shows_what_is_there_and_then_every_event_once_as_it_comes() {
    use AuditAction::{Created, Deleted, RolledBack, Updated};
    let account = account("watch").await;
    let there = account.settled_trail().await.len();
    let all = Followed::start(&account, "all", &["-o", "wide"]);
    let of_bert = Followed::start(&account, "bert", &["--actor=bert", "--no-headers"]);
    all.has(there + 1).await;

    for user in ["bert", "cleo"] {
        account.apply_as(user, &secret("API_TOKEN", &format!("the value of {user}")));
        account.published("api-token").await;
    }
    account.delete("ksec/api-token");

    let past = [Created, Updated, RolledBack, Created, Deleted];
    account.tells(&[&past[..], &[Updated, Updated, Deleted]].concat()).await;
    account.gets("api", &[]).await;
    let events = account.settled_trail().await;
    let lines = all.has(events.len() + 1).await;
    let header: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(header[..3], ["TIME", "ACTION", "SECRET"]);
    for (line, event) in lines[1..].iter().zip(&events) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = event.sequence.unwrap_or_default().to_string();
        assert!(words[1] == event.action.to_string() && words.contains(&&*number), "{lines:?}");
    }
    let lines = of_bert.has(1).await;
    assert!(lines[0].contains("Updated") && lines[0].contains("bert"), "{lines:?}");
}

/// `audit --watch`, which ends with the value.
struct Followed {
    child: Child,
    output: PathBuf,
}

impl Followed {
    fn start(account: &Account<'_>, name: &str, args: &[&str]) -> Self {
        let name = format!("{}-{name}.txt", account.namespace);
        let output = account.cluster.kubeconfig().with_file_name(name);
        let args = [&["audit", "--watch", "-n", &account.namespace], args].concat();
        let mut command = kubectl_kliv(account.cluster, &args);
        command.stdin(Stdio::null()).stdout(File::create(&output).expect("a file"));
        Self { child: command.spawn().expect("starts"), output }
    }

    /// Waits for so many lines, and gives all that are there.
    async fn has(&self, count: usize) -> Vec<String> {
        eventually_or_why(&format!("{count} lines are shown"), async || {
            let text = fs::read_to_string(&self.output).expect("its output");
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if lines.len() == count { Ok(lines) } else { Err(text) }
        })
        .await
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        // Whether it had ended before is not what is tested.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
