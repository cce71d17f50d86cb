//! Who deleted a secret, seen at the front door. The controller is stopped: what is seen
//! waits for it.

use kliv_secrets::api::names::LABEL_PENDING;
use kliv_secrets::api::{AuditAction, KlivAuditEvent, KlivSecret};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use serde_json::Value;

use crate::account::{Account, kubectl_kliv, secret};
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

    // Nobody has recorded a change that goes with its object.
    let changed = secret("TWO", "another value");
    let bert = ["apply", "-f", "-", "--as=bert", "--as-group=system:masters"];
    account.kubectl(&bert, &changed).success();
    // All at once, which names no object.
    let (all, delete) = (ListParams::default(), DeleteParams::default());
    secrets.delete_collection(&delete, &all).await.expect("are deleted");
    let seen = waiting(&account, names.len()).await;
    let of_two = seen.iter().find(|event| event.spec.secret.as_deref() == Some("two"));
    let detail = of_two.and_then(|event| event.spec.detail.as_deref()).unwrap_or_default();
    assert!(detail.ends_with(" by bert via kubectl") && !detail.contains(';'), "{detail}");
    let mut seen: Vec<_> = seen.into_iter().filter_map(|event| event.spec.secret).collect();
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
async fn on_whose_behalf_somebody_acts_is_in_the_trail_from_the_first_value_to_the_delete() {
    let operator = Operator::start(Options::default(), &[]).await;
    let account = Account::new(&operator, "behalf").await;
    let bot = "system:serviceaccount:bots:helm-controller";
    let secrets = |human: Option<&str>| -> Api<DynamicObject> {
        let client = match human {
            Some(human) => account.cluster.as_user_for(bot, &["system:masters"], human),
            None => account.cluster.as_user(bot, &["system:masters"]),
        };
        let kind = ApiResource::erase::<KlivSecret>(&());
        Api::namespaced_with(client, &account.namespace, &kind)
    };
    let mcp = PostParams { field_manager: Some("kliv-mcp".into()), ..PostParams::default() };
    let mut object: DynamicObject =
        serde_json::from_value(secret("TOKEN", "canary-one")).expect("an object");
    secrets(Some("Anna 100%")).create(&mcp, &object).await.expect("is made");
    let status = account.published("token").await.status.expect("a status");
    assert_eq!(status.on_behalf_of.as_deref(), Some("Anna 100%"));
    for verb in ["describe", "history"] {
        let args = [verb, "TOKEN", "-n", &account.namespace];
        let told = kubectl_kliv(account.cluster, &args).output().expect("runs");
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(told.contains(&format!("{bot} on behalf of Anna 100%")), "{told}");
    }
    object = secrets(None).get("token").await.expect("is there");
    object.data["spec"]["value"] = "canary-two".into();
    secrets(None).replace("token", &mcp, &object).await.expect("is changed");
    eventually("the second value is published", async || {
        let secret = account.api::<KlivSecret>().get("token").await.expect("is there");
        (secret.status?.version == Some(2)).then_some(())
    })
    .await;
    secrets(Some("bert\u{202e}")).delete("token", &DeleteParams::default()).await.expect("goes");

    let told = eventually("the delete is told", async || {
        let all = account.api::<KlivAuditEvent>().list(&ListParams::default()).await;
        let all = all.expect("audit events").items.into_iter().map(|event| event.spec);
        let told: Vec<_> =
            all.filter(|event| event.sequence.is_some() && event.secret.is_some()).collect();
        let is_over = told.iter().any(|event| event.action == AuditAction::Deleted);
        is_over.then_some(told)
    })
    .await;
    let told: Vec<_> = told
        .iter()
        .map(|e| (e.action.clone(), e.actor.as_str(), e.via.as_str(), e.on_behalf_of.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (AuditAction::Created, bot, "agent", Some("Anna 100%")),
            (AuditAction::Updated, bot, "agent", None),
            (AuditAction::Deleted, bot, "gitops", Some("bert\\u{202e}")),
        ]
    );
    let words = format!("by {bot} on behalf of bert\\u{{202e}} via gitops");
    eventually("an Event says so, too", async || {
        let events = account.kubectl(&["get", "events"], &Value::Null).success();
        events.contains(&words).then_some(())
    })
    .await;
    let wide = account.kubectl(&["get", "kaudit", "-o", "wide"], &Value::Null).success();
    assert!(wide.contains("Anna 100%") && !wide.contains("canary"), "{wide}");
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
