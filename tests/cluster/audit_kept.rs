//! How long events are kept, on a real API server.

use kliv_secrets::audit::verify;

use crate::account::{Account, kubectl_kliv, secret};
use crate::harness::{Options, eventually_or_why, run};
use crate::operator::Operator;

/// With no event older than a week, ten times as many are kept.
const KEEP: usize = 1;
const KEPT: usize = 10 * KEEP;

#[tokio::test]
async fn old_events_go_and_what_is_left_is_whole_from_its_checkpoint_on() {
    let flags = ["--log-format=json", "--quiet-period=50ms"];
    let keep = format!("--audit-keep-events={KEEP}");
    let mut operator = Operator::start(Options::default(), &[&flags[..], &[&keep]].concat()).await;
    let namespace = {
        let account = Account::new(&operator, "kept").await;
        for index in 1..=12 {
            account.put(&secret("API_TOKEN", &format!("the value no. {index}"))).await;
        }
        only_the_newest_are_left(&account).await;
        account.namespace
    };
    // Where it goes on from stands in the record, in no memory.
    operator.restart_controller(&[]).await;
    let account = Account::at(&operator, namespace);
    for index in 13..=15 {
        account.put(&secret("API_TOKEN", &format!("the value no. {index}"))).await;
    }
    only_the_newest_are_left(&account).await;

    // Of what is not kept any more the log still tells, and contradicts nothing.
    let path = operator.file("anchor.jsonl", &operator.controller_log());
    let anchor = ["--anchor", path.to_str().expect("text")];
    for args in [&[][..], &anchor] {
        let args = [&["audit", "verify", "-n", &account.namespace], args].concat();
        let said = run(kubectl_kliv(account.cluster, &args), "").success();
        assert!(said.starts_with("whole: 10 events, the newest "), "{said}");
    }
}

/// Waits until the trail is no longer than it may be, and all of it is told.
async fn only_the_newest_are_left(account: &Account<'_>) {
    eventually_or_why("only the newest events are left, and they are whole", async || {
        let (status, events) = (account.status().await, account.trail().await);
        let record = status.audit.ok_or("there is no record")?;
        let (head, checkpoint) = (record.head.sequence, record.checkpoint.as_ref());
        let checkpoint = checkpoint.map_or(0, |link| link.sequence);
        let numbers: Vec<i64> = events.iter().filter_map(|event| event.sequence).collect();
        let findings = verify(&account.namespace, &events, Some(&record), &[]);
        let is_so = numbers.len() == KEPT
            && numbers == (checkpoint + 1..=head).collect::<Vec<_>>()
            && findings.is_empty()
            && record.revision == status.revision;
        is_so
            .then_some(())
            .ok_or_else(|| format!("{numbers:?} after {checkpoint} of {head}: {findings:?}"))
    })
    .await;
}
