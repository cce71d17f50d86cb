#![expect(clippy::disallowed_types, reason = "asks the API server, as the server itself")]
//! What somebody could do beyond our kinds. A pasted token that is good for the API server
//! passes through here once, and whoever has taken over the web server could use it then: so
//! one that opens more than the web page does is refused, unless an administrator allows it.
//! A token of our own audience is good for nothing else, whatever its owner may do.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, Error, ResourceExt as _};

use super::person::Person;
use crate::api::KlivAccount;

/// Questions that are under way at a time.
const AT_ONCE: usize = 32;

/// What somebody could do beyond our kinds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Power {
    /// Read native Secrets: get, list, watch, or patch, whose answer shows them.
    ReadSecrets,
    /// Run pods, by whatever makes pods: they are given what they ask for.
    RunPods,
    /// Enter pods that run.
    EnterPods,
    /// Act as others, or make their tokens.
    ActAsOthers,
    /// Give rights away.
    GiveRights,
}

/// Power, API group, verb, resource and subresource. Each in a namespace.
const QUESTIONS: [(Power, &str, &str, &str, &str); 18] = [
    (Power::ReadSecrets, "", "get", "secrets", ""),
    (Power::ReadSecrets, "", "list", "secrets", ""),
    (Power::ReadSecrets, "", "watch", "secrets", ""),
    (Power::ReadSecrets, "", "patch", "secrets", ""),
    (Power::RunPods, "", "create", "pods", ""),
    (Power::RunPods, "apps", "create", "deployments", ""),
    (Power::RunPods, "apps", "patch", "deployments", ""),
    (Power::RunPods, "apps", "update", "deployments", ""),
    (Power::RunPods, "batch", "create", "jobs", ""),
    (Power::EnterPods, "", "create", "pods", "exec"),
    (Power::EnterPods, "", "get", "pods", "exec"),
    (Power::EnterPods, "", "create", "pods", "attach"),
    (Power::EnterPods, "", "patch", "pods", "ephemeralcontainers"),
    (Power::ActAsOthers, "", "create", "serviceaccounts", "token"),
    (Power::ActAsOthers, "", "impersonate", "serviceaccounts", ""),
    (Power::ActAsOthers, "", "impersonate", "users", ""),
    (Power::GiveRights, "rbac.authorization.k8s.io", "bind", "clusterroles", ""),
    (Power::GiveRights, "rbac.authorization.k8s.io", "escalate", "roles", ""),
];

/// What he could do beyond our kinds: everywhere, in the operator's namespace, or in that
/// account where he can do most of it first found.
///
/// # Errors
/// The API server does not answer all of it.
pub async fn powers(
    client: &Client,
    person: &Person,
    operator_namespace: &str,
) -> Result<BTreeSet<Power>, Error> {
    let found = powers_in(client, person, None).await?;
    if !found.is_empty() {
        return Ok(found);
    }
    let accounts: Api<KlivAccount> = Api::all(client.clone());
    let accounts = accounts.list_metadata(&ListParams::default()).await?.items;
    let accounts = accounts.iter().filter_map(|account| account.namespace());
    let namespaces = [operator_namespace.to_owned()].into_iter().chain(accounts);
    for namespace in namespaces {
        let found = powers_in(client, person, Some(&namespace)).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(BTreeSet::new())
}

/// The same in one namespace, or in all of them at once.
async fn powers_in(
    client: &Client,
    person: &Person,
    namespace: Option<&str>,
) -> Result<BTreeSet<Power>, Error> {
    let reviews: Api<SubjectAccessReview> = Api::all(client.clone());
    let ask = |(power, group, verb, resource, subresource): (Power, &str, &str, &str, &str)| {
        let review = review(
            person,
            ResourceAttributes {
                group: Some(group.to_owned()),
                namespace: namespace.map(str::to_owned),
                resource: Some(resource.to_owned()),
                subresource: Some(subresource.to_owned()),
                verb: Some(verb.to_owned()),
                ..ResourceAttributes::default()
            },
        );
        let reviews = reviews.clone();
        async move {
            let answer = reviews.create(&PostParams::default(), &review).await?;
            let allowed = answer.status.is_some_and(|status| status.allowed);
            Ok(allowed.then_some(power))
        }
    };
    let answers = stream::iter(QUESTIONS).map(ask).buffer_unordered(AT_ONCE);
    answers.try_filter_map(async |found| Ok(found)).try_collect().await
}

fn review(person: &Person, asked: ResourceAttributes) -> SubjectAccessReview {
    let spec = SubjectAccessReviewSpec {
        user: Some(person.name.clone()),
        uid: person.uid.clone(),
        groups: Some(person.groups.clone()),
        extra: Some(person.extra.clone()),
        resource_attributes: Some(asked),
        ..SubjectAccessReviewSpec::default()
    };
    SubjectAccessReview { spec, ..SubjectAccessReview::default() }
}
