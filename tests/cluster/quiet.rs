//! What is written when nothing, or one thing, changed: counted in the audit log.

use kliv_secrets::api::KlivAccount;
use kube::api::{Api, ListParams};

use crate::account::{Account, function, function_in, secret, secret_in};
use crate::chart::NAMESPACE;
use crate::harness::{AuditMark, Cluster, Options, Request, eventually};
use crate::operator::Operator;

#[tokio::test]
async fn the_same_manifest_again_is_at_most_its_status_and_the_record_of_it() {
    let operator = Operator::exclusive().await;
    let account = busy_account(&operator, "same").await;
    let manifest = secret("API_TOKEN", "one");
    let mark = operator.cluster.audit_mark().await;

    account.apply(&manifest);
    account.published("api-token").await;
    account.caught_up().await;

    let writes = writes_in(&account, mark).await;
    // Its status, where it was sealed anew; and that it was written is recorded.
    let expected = ["klivsecrets/status", "klivaccounts/status", "klivauditevents"];
    let others = writes.iter().filter(|w| !expected.contains(&w.resource.as_str()));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&Request>::new());
    assert!(writes.len() <= 4, "{writes:?}");
}

#[tokio::test]
async fn a_restart_writes_nothing_at_all() {
    // Its own: what other tests' accounts have left to do may come at any time.
    let flags = ["--keep-superseded=3s"];
    let mut operator = Operator::start(Options::default(), &flags).await;
    let namespace = busy_account(&operator, "restart").await.namespace;
    let mark = operator.cluster.audit_mark().await;

    operator.restart(&[]).await;

    let accounts: Api<KlivAccount> = Api::all(operator.cluster.client());
    let accounts = accounts.list(&ListParams::default()).await.expect("KlivAccounts").items.len();
    eventually("every account was gone through", async || {
        (operator.reconciles() >= u64::try_from(accounts).expect("a number")).then_some(())
    })
    .await;
    // And once more, so that what follows from that is over as well.
    Account::at(&operator, namespace).caught_up().await;
    let writes = writes(&operator.cluster, mark).await;
    assert_eq!(writes, []);
}

#[tokio::test]
async fn a_changed_value_is_no_more_writes_than_its_functions_and_nine() {
    const FUNCTIONS: usize = 5;
    let operator = Operator::exclusive().await;
    let account = Account::new(&operator, "writes").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.put(&secret("DB_PASSWORD", "one")).await;
    let names = (0..FUNCTIONS).map(|index| format!("function-{index}")).collect::<Vec<_>>();
    for name in &names {
        account.create(&function(name)).await;
        account.gets(name, &[("API_TOKEN", "one"), ("DB_PASSWORD", "one")]).await;
    }
    settled(&account).await;
    let mark = operator.cluster.audit_mark().await;

    account.put(&secret("API_TOKEN", "two")).await;
    for name in &names {
        account.gets(name, &[("API_TOKEN", "two"), ("DB_PASSWORD", "one")]).await;
    }
    settled(&account).await;

    let writes = writes_in(&account, mark).await;
    let what = |w: &Request| format!("{} {} {}", w.verb, w.resource, w.name);
    let list = writes.iter().map(what).collect::<Vec<_>>().join("\n");
    assert!(writes.len() <= FUNCTIONS + 9, "{} writes:\n{list}", writes.len());
    // All that had to be written was: the count is of the whole change.
    assert!(list.contains("create secrets") && list.contains("delete secrets"), "{list}");
    assert_eq!(list.matches("patch deployments function-").count(), FUNCTIONS, "{list}");
}

/// One with two environments, functions of all kinds, and a past.
async fn busy_account<'a>(operator: &'a Operator, name: &str) -> Account<'a> {
    let account = Account::new(operator, name).await;
    account.create(&function("before")).await;
    account.put(&secret("API_TOKEN", "zero")).await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.put(&secret_in("test", "API_TOKEN", "of test")).await;
    account.create(&function("after")).await;
    account.create(&function_in("test", "tested")).await;
    account.gets("before", &[("API_TOKEN", "one")]).await;
    account.gets("after", &[("API_TOKEN", "one")]).await;
    account.gets("tested", &[("API_TOKEN", "of test")]).await;
    settled(&account).await;
    account
}

/// Waits until all functions have rolled out and all that is superseded is gone.
async fn settled(account: &Account<'_>) {
    eventually("the account is settled", async || {
        let status = account.status().await;
        let superseded = status.superseded.len() + status.pending.len();
        let moving = status.functions.total - status.functions.updated;
        (superseded == 0 && moving == 0).then_some(())
    })
    .await;
    account.settled_trail().await;
    account.caught_up().await;
}

/// What our ServiceAccounts wrote since, Events and the Lease aside.
async fn writes(cluster: &Cluster, mark: AuditMark) -> Vec<Request> {
    let ours = format!("system:serviceaccount:{NAMESPACE}:");
    let mut asked = cluster.audit_since(mark).await;
    asked.retain(|request| {
        request.is_write()
            && request.user.starts_with(&ours)
            && !["events", "leases"].contains(&request.resource.as_str())
    });
    asked
}

async fn writes_in(account: &Account<'_>, mark: AuditMark) -> Vec<Request> {
    let mut writes = writes(account.cluster, mark).await;
    writes.retain(|request| request.namespace == account.namespace);
    writes
}
