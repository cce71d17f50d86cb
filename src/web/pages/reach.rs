#![expect(clippy::disallowed_types, reason = "lists accounts, as the person or the server")]
//! Which accounts somebody may see.
//!
//! Who may list all of them does. Of others, the server in the cluster lists by itself which
//! there are, and asks of each whether he may see it; on a person's own machine the one that
//! the kubeconfig names is left.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, Error, ResourceExt as _};

use super::super::frame::Problem;
use super::super::site::Door;
use super::super::visit::Visit;
use crate::account::What;
use crate::api::KlivAccount;
use crate::api::names::GROUP;

/// Questions that are under way at a time.
const AT_ONCE: usize = 32;
/// Accounts of which it is asked whether somebody may see them.
const ASKED: usize = 1000;

/// The accounts that somebody may see, as far as that is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Reach {
    /// Sorted by name.
    pub(super) accounts: Vec<String>,
    /// Whether those are all.
    pub(super) is_all: bool,
}

impl Reach {
    pub(super) async fn of(visit: &Visit) -> Result<Self, Problem> {
        let caller = visit.anywhere();
        let failed = |error: &Error| Problem::from(caller.kind(What::Accounts, "").failed(error));
        let own = match &visit.site.door {
            Door::Local { namespace, .. } => Some(namespace.to_string()),
            Door::Cluster { .. } => None,
        };
        let (accounts, is_all) = match (names(&caller.client).await, &visit.site.door) {
            (Ok(names), _) => (names, true),
            (Err(error), door) if is_forbidden(&error) => match door {
                Door::Local { .. } => (Vec::new(), false),
                Door::Cluster { client, .. } => {
                    let all = names(client).await.map_err(|error| failed(&error))?;
                    let is_all = all.len() <= ASKED;
                    let seen = seen(&caller.client, all).await;
                    (seen.map_err(|error| failed(&error))?, is_all)
                }
            },
            (Err(error), _) => return Err(failed(&error)),
        };
        let mut accounts: Vec<String> = accounts.into_iter().chain(own).collect();
        accounts.sort();
        accounts.dedup();
        Ok(Self { accounts, is_all })
    }
}

fn is_forbidden(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 403)
}

/// The namespaces that have, or had, secrets.
async fn names(client: &Client) -> Result<Vec<String>, Error> {
    let accounts: Api<KlivAccount> = Api::all(client.clone());
    let listed = accounts.list_metadata(&ListParams::default()).await?;
    Ok(listed.items.iter().filter_map(|account| account.namespace()).collect())
}

/// Those of them whose secrets he may list.
async fn seen(client: &Client, accounts: Vec<String>) -> Result<Vec<String>, Error> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let ask = |account: String| {
        let attributes = ResourceAttributes {
            verb: Some("list".to_owned()),
            group: Some(GROUP.to_owned()),
            resource: Some("klivsecrets".to_owned()),
            namespace: Some(account.clone()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let reviews = reviews.clone();
        async move {
            let answer = reviews.create(&PostParams::default(), &review).await?;
            Ok(answer.status.is_some_and(|status| status.allowed).then_some(account))
        }
    };
    let answers = stream::iter(accounts.into_iter().take(ASKED)).map(ask);
    answers.buffer_unordered(AT_ONCE).try_filter_map(async |seen| Ok(seen)).try_collect().await
}
