//! An account where nothing moves, and whether anything of it was touched.

use k8s_openapi::api::core::v1::Secret;
use kliv_secrets::api::names::SECRET_TYPE;
use kube::ResourceExt;
use kube::api::ListParams;

use crate::account::{Account, secret, secret_in};
use crate::harness::{AuditMark, Request, eventually};
use crate::operator::Operator;

/// The functions of a steady account, one of them of an environment.
pub(crate) const FUNCTIONS: [&str; 2] = ["api", "tested"];
const NO_REQUESTS: [Request; 0] = [];

/// An account with two environments and a function in each, where nothing moves any more.
pub(crate) struct Steady<'a> {
    pub(crate) account: Account<'a>,
    before: State,
    mark: AuditMark,
}

/// What must not change: the published sets, and the ReplicaSets of each function.
#[derive(Debug, PartialEq, Eq)]
struct State {
    sets: Vec<(String, Option<String>, Option<String>)>,
    replica_sets: Vec<Vec<String>>,
}

impl<'a> Steady<'a> {
    pub(crate) async fn new(operator: &'a Operator) -> Self {
        let account = Account::new(operator, "steady").await;
        account.put(&secret("API_TOKEN", "of all")).await;
        account.put(&secret("OTHER_TOKEN", "other")).await;
        account.put(&secret_in("test", "API_TOKEN", "of test")).await;
        account.apply(&account.function("api"));
        account.apply(&account.function_in("test", "tested"));
        account.runs_with("api", &[("API_TOKEN", "of all"), ("OTHER_TOKEN", "other")]).await;
        account.runs_with("tested", &[("API_TOKEN", "of test")]).await;
        eventually("the account says so", async || {
            let functions = account.status().await.functions;
            ((functions.total, functions.updated) == (2, 2)).then_some(())
        })
        .await;
        // Sets that were current for a moment stay a while: they are not of interest.
        account.caught_up().await;
        let (before, mark) = (state(&account).await, operator.cluster.audit_mark().await);
        Self { account, before, mark }
    }

    /// No function and no current set was touched since it was made, whatever somebody
    /// wrote in another account.
    pub(crate) async fn is_untouched(&self) {
        self.account.caught_up().await;
        let mut writes = self.account.operator.writes_to_secrets_and_functions(self.mark).await;
        writes.retain(|write| write.namespace == self.account.namespace);
        // A set that was superseded while it was made may go.
        let current = |name: &str| self.before.sets.iter().any(|set| set.0 == name);
        writes.retain(|write| write.verb != "delete" || current(&write.name));
        assert_eq!(writes, NO_REQUESTS);
        assert_eq!(state(&self.account).await, self.before);
    }
}

async fn state(account: &Account<'_>) -> State {
    let params = ListParams::default().fields(&format!("type={SECRET_TYPE}"));
    let there = account.api::<Secret>().list_metadata(&params).await.expect("Secrets").items;
    let mut sets = Vec::new();
    for current in account.status().await.sets {
        let set = there.iter().find(|set| set.name_any() == current.name);
        let set = set.expect("a current set is there");
        sets.push((current.name, set.uid(), set.resource_version()));
    }
    let mut replica_sets = Vec::new();
    for name in FUNCTIONS {
        let mut names: Vec<String> =
            account.replica_sets(name).await.iter().map(ResourceExt::name_any).collect();
        names.sort();
        replica_sets.push(names);
    }
    State { sets, replica_sets }
}
