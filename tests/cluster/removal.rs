//! A namespace can always be deleted, whatever has become of the operator.

use futures::StreamExt;
use kliv_secrets::api::KlivSecret;
use kube::api::{Api, Patch, PatchParams};

use crate::account::{Account, function, function_in, secret, secret_in};
use crate::harness::{Options, Request, eventually};
use crate::operator::Operator;

const SECRETS: usize = 200;
const FUNCTIONS: usize = 5;
/// What the chart brings, but for what lives in the operator's namespace.
const INSTALLED: &str = "mutatingwebhookconfigurations,validatingadmissionpolicies,\
     validatingadmissionpolicybindings,mutatingadmissionpolicies,\
     mutatingadmissionpolicybindings,clusterroles,clusterrolebindings";

#[tokio::test]
async fn a_namespace_with_200_secrets_goes_with_the_operator_up_down_and_uninstalled() {
    let who = "system:serviceaccount:kube-system:namespace-controller";
    namespaces_go(Options::default(), who).await;
}

#[tokio::test]
async fn a_namespace_goes_as_well_where_kubernetes_controllers_share_one_account() {
    let options = Options { controllers_share_account: true, ..Options::default() };
    namespaces_go(options, "system:kube-controller-manager").await;
}

/// Each goes; `who` empties them.
async fn namespaces_go(options: Options, who: &str) {
    let mut operator = Operator::start(options, &[]).await;
    let mut namespaces = Vec::new();
    for state in ["up", "down", "uninstalled"] {
        namespaces.push(filled(&operator, state).await);
    }
    let [up, down, uninstalled] = namespaces.try_into().expect("three");

    let mark = operator.cluster.audit_mark().await;
    Account::at(&operator, up.clone()).closes().await;
    let asked = operator.cluster.audit_since(mark).await;
    for resource in ["klivsecrets", "klivaccounts", "secrets"] {
        let empties = |r: &&Request| r.verb == "deletecollection" && r.resource == resource;
        let mut by = asked.iter().filter(empties).filter(|r| r.namespace == up).peekable();
        assert!(by.peek().is_some() && by.all(|r| r.user == who), "{resource}");
    }

    let page = operator.webhook_metrics();
    let mut counted = page.lines().filter(|line| line.contains("deletes_seen_total{"));
    assert!(counted.all(|line| line.ends_with(" 0")), "the front door was not asked: {page}");

    operator.stop();
    Account::at(&operator, down).closes().await;

    let ours = "app.kubernetes.io/name=kliv-secrets";
    assert!(operator.cluster.kubectl(&["delete", INSTALLED, "-l", ours]).success().len() > 500);
    assert_eq!(operator.cluster.kubectl(&["get", INSTALLED, "-l", ours]).success(), "");
    Account::at(&operator, uninstalled).closes().await;
}

/// An account with many secrets, some sets, and functions that have them.
async fn filled(operator: &Operator, name: &str) -> String {
    let account = Account::new(operator, name).await;
    let secrets: Api<KlivSecret> = account.api();
    let writes = (0..SECRETS).map(|i| {
        let name = format!("VARIABLE_{i}");
        let object = match i % 3 {
            0 => secret_in("test", &name, "a value"),
            1 => secret_in("production", &name, "a value"),
            _ => secret(&name, "a value"),
        };
        let secrets = secrets.clone();
        async move {
            let name = object["metadata"]["name"].as_str().expect("a name");
            let params = PatchParams::apply("test");
            secrets.patch(name, &params, &Patch::Apply(&object)).await.expect("is made");
        }
    });
    futures::stream::iter(writes).buffer_unordered(16).collect::<Vec<()>>().await;
    for i in 0..FUNCTIONS {
        account.create(&function(&format!("function-{i}"))).await;
        account.create(&function_in("test", &format!("tested-{i}"))).await;
    }
    eventually("all is published, and functions have it", async || {
        let status = account.status().await;
        let keys = |environment: &str| {
            let mut sets = status.sets.iter();
            sets.find(|set| set.environment == environment).map_or(0, |set| set.keys.len())
        };
        // Those of an environment have those without one as well.
        let all = (keys("test") + keys("production")).checked_sub(keys(""));
        (all == Some(SECRETS) && status.functions.updated as usize == 2 * FUNCTIONS).then_some(())
    })
    .await;
    account.namespace
}
