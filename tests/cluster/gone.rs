//! Who deleted a secret, seen at the front door. The controller is stopped: what is seen
//! waits for it.

use kliv_secrets::api::names::LABEL_PENDING;
use kliv_secrets::api::{KlivAuditEvent, KlivSecret};
use kube::api::{Api, DeleteParams, ListParams};

use crate::account::{Account, secret};
use crate::harness::{Options, eventually};
use crate::operator::Operator;

#[tokio::test]
async fn whoever_deletes_secrets_is_named_once_for_each_and_nobody_is_who_does_not() {
    let mut operator = Operator::start(Options::default(), &[]).await;
    let names = ["ONE", "TWO", "THREE", "FOUR"];
    let account = Account::new(&operator, "gone").await;
    for name in names {
        account.put(&secret(name, "a value")).await;
    }
    let (namespace, closing) =
        (account.namespace.clone(), Account::new(&operator, "closing").await);
    closing.put(&secret("ONE", "a value")).await;
    let closing = closing.namespace;
    operator.stop_controller();
    let account = Account::at(&operator, namespace);
    let anna = account.cluster.as_user("anna@example.org", &["system:masters"]);
    let secrets: Api<KlivSecret> = Api::namespaced(anna, &account.namespace);
    let uid = secrets.get("one").await.expect("is there").metadata.uid;

    // A dry run and a namespace that goes: of neither is anything seen.
    secrets
        .delete("one", &DeleteParams { dry_run: true, ..DeleteParams::default() })
        .await
        .expect("would be deleted");
    Account::at(&operator, closing).closes().await;
    secrets.delete("one", &DeleteParams::default()).await.expect("is deleted");

    let seen = waiting(&account, 1).await;
    let event = &seen[0].spec;
    assert_eq!((event.actor.as_str(), event.secret.as_deref()), ("anna@example.org", Some("one")));
    assert_eq!(event.secret_uid, uid);
    assert_eq!((event.sequence, event.hash.as_deref()), (None, None));

    // All at once, which names no object.
    let (all, delete) = (ListParams::default(), DeleteParams::default());
    secrets.delete_collection(&delete, &all).await.expect("are deleted");
    let mut seen: Vec<_> =
        waiting(&account, names.len()).await.into_iter().filter_map(|e| e.spec.secret).collect();
    seen.sort();
    assert_eq!(seen, ["four", "one", "three", "two"]);
    // It counts them when the API server has answered, a moment after they are there.
    let page = eventually("all four are counted as recorded", async || {
        let page = operator.webhook_metrics();
        page.contains("kliv_secrets_deletes_seen_total{result=\"recorded\"} 4").then_some(page)
    })
    .await;
    assert!(page.contains("{result=\"lost\"} 0\n"), "{page}");
}

#[tokio::test]
async fn without_the_webhook_secrets_can_be_deleted() {
    let mut operator = Operator::start(Options::default(), &[]).await;
    let account = Account::new(&operator, "unseen").await;
    for name in ["ONE", "TWO", "THREE"] {
        account.put(&secret(name, "a value")).await;
    }
    let namespace = account.namespace;
    operator.stop();
    let account = Account::at(&operator, namespace);
    let delete = ["delete", "ksec", "--all", "-n", &account.namespace];
    account.cluster.kubectl(&delete).success();
    assert_eq!(events(&account).await, []);
}

/// What waits for the controller, once it is so many.
async fn waiting(account: &Account<'_>, count: usize) -> Vec<KlivAuditEvent> {
    eventually(&format!("{count} events wait"), async || {
        let events = events(account).await;
        (events.len() == count).then_some(events)
    })
    .await
}

async fn events(account: &Account<'_>) -> Vec<KlivAuditEvent> {
    let waiting = ListParams::default().labels(&format!("{LABEL_PENDING}=true"));
    account.api::<KlivAuditEvent>().list(&waiting).await.expect("audit events").items
}
