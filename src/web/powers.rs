#![expect(clippy::disallowed_types, reason = "asks the API server, as the server and as somebody")]
//! What somebody could do beyond our kinds. A pasted token that is good for the API server
//! passes through here once, and whoever has taken over the web server could use it then: so
//! one that opens more than the web page does is refused, unless an administrator allows it.
//! A token of our own audience is good for nothing else, whatever its owner may do.
//!
//! Asked for are his rules in the operator's namespace, which tell also of what he may
//! everywhere, and in each account: a right on one Secret of many counts as well. Where an
//! authorizer can't list what it allows, single questions are asked beside that.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, Error, ResourceExt};

use crate::api::KlivAccount;
use crate::server::Person;
use crate::server::speaking_as;

/// Questions that are under way at a time.
const AT_ONCE: usize = 32;

/// What somebody could do beyond our kinds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Power {
    /// Read native Secrets: get, list, watch, or what answers with them.
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

/// Any of these verbs on a resource, with its subresource, gives the power.
struct Gives(Power, &'static str, &'static str, &'static [&'static str]);

const WRITES: &[&str] = &["create", "update", "patch"];
const AUTHENTICATION: &str = "authentication.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const GIVE: [Gives; 27] = [
    Gives(
        Power::ReadSecrets,
        "",
        "secrets",
        &["get", "list", "watch", "patch", "deletecollection"],
    ),
    // Whoever changes a pod's image keeps its environment.
    Gives(Power::RunPods, "", "pods", WRITES),
    Gives(Power::RunPods, "", "replicationcontrollers", WRITES),
    Gives(Power::RunPods, "apps", "deployments", WRITES),
    Gives(Power::RunPods, "apps", "statefulsets", WRITES),
    Gives(Power::RunPods, "apps", "daemonsets", WRITES),
    Gives(Power::RunPods, "apps", "replicasets", WRITES),
    Gives(Power::RunPods, "batch", "jobs", WRITES),
    Gives(Power::RunPods, "batch", "cronjobs", WRITES),
    Gives(Power::EnterPods, "", "pods/exec", &["create", "get"]),
    Gives(Power::EnterPods, "", "pods/attach", &["create", "get"]),
    Gives(Power::EnterPods, "", "pods/ephemeralcontainers", &["update", "patch"]),
    Gives(Power::EnterPods, "", "nodes/proxy", &["create", "get"]),
    Gives(Power::ActAsOthers, "", "serviceaccounts/token", &["create"]),
    Gives(Power::ActAsOthers, "", "serviceaccounts", &["impersonate"]),
    Gives(Power::ActAsOthers, "", "users", &["impersonate"]),
    Gives(Power::ActAsOthers, "", "groups", &["impersonate"]),
    Gives(Power::ActAsOthers, AUTHENTICATION, "users", &["impersonate:user-info"]),
    Gives(Power::ActAsOthers, AUTHENTICATION, "groups", &["impersonate:user-info"]),
    Gives(Power::ActAsOthers, AUTHENTICATION, "serviceaccounts", &["impersonate:serviceaccount"]),
    Gives(Power::ActAsOthers, "certificates.k8s.io", "signers", &["approve", "sign"]),
    Gives(Power::GiveRights, RBAC, "roles", &["escalate", "bind"]),
    Gives(Power::GiveRights, RBAC, "clusterroles", &["escalate", "bind"]),
    // Whoever guards or redirects writes sees their values.
    Gives(
        Power::GiveRights,
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        WRITES,
    ),
    Gives(Power::GiveRights, "admissionregistration.k8s.io", "mutatingadmissionpolicies", WRITES),
    Gives(
        Power::GiveRights,
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        WRITES,
    ),
    Gives(Power::GiveRights, "apiregistration.k8s.io", "apiservices", WRITES),
];

/// What he could do beyond our kinds: everywhere and in the operator's namespace, else in the
/// first account found where he could do any of it, or where he is at home.
///
/// # Errors
/// The API server does not answer all of it.
pub async fn powers(
    client: &Client,
    person: &Person,
    operator_namespace: &str,
) -> Result<BTreeSet<Power>, Error> {
    let him = speaking_as(client, person).map_err(|unfit| Error::Service(unfit.into()))?;
    let found = powers_in(&him, operator_namespace).await?;
    if !found.is_empty() {
        return Ok(found);
    }
    let accounts: Api<KlivAccount> = Api::all(client.clone());
    let accounts = accounts.list_metadata(&ListParams::default()).await?.items;
    let accounts = accounts.iter().filter_map(ResourceExt::namespace);
    // A ServiceAccount has most of its rights at home, where there may be no account.
    let accounts: Vec<String> =
        accounts.chain(person.service_account().map(str::to_owned)).collect();
    let ask = |namespace: String| {
        let him = him.clone();
        async move { powers_in(&him, &namespace).await }
    };
    let found = stream::iter(accounts).map(ask).buffer_unordered(AT_ONCE);
    let mut found = std::pin::pin!(found.try_filter(|found| std::future::ready(!found.is_empty())));
    Ok(found.try_next().await?.unwrap_or_default())
}

/// The same in one namespace.
async fn powers_in(him: &Client, namespace: &str) -> Result<BTreeSet<Power>, Error> {
    let reviews: Api<SelfSubjectRulesReview> = Api::all(him.clone());
    let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) };
    let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
    let status = reviews.create(&PostParams::default(), &review).await?.status.unwrap_or_default();
    let mut found = told(&status.resource_rules);
    if status.incomplete {
        found.extend(asked(him, namespace).await?);
    }
    Ok(found)
}

/// The powers that rules give. Pure.
fn told(rules: &[ResourceRule]) -> BTreeSet<Power> {
    let given = |Gives(_, group, resource, verbs): &&Gives| {
        rules.iter().any(|rule| {
            let named = |list: &Option<Vec<String>>, wanted: &str| {
                list.iter().flatten().any(|entry| entry == wanted || entry == "*")
            };
            let any_sub = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
            named(&rule.api_groups, group)
                && (named(&rule.resources, resource)
                    || any_sub.is_some_and(|any| named(&rule.resources, &any)))
                && rule.verbs.iter().any(|verb| verb == "*" || verbs.contains(&verb.as_str()))
        })
    };
    GIVE.iter().filter(given).map(|Gives(power, ..)| *power).collect()
}

/// The powers by single questions.
async fn asked(him: &Client, namespace: &str) -> Result<BTreeSet<Power>, Error> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(him.clone());
    let mut questions = Vec::new();
    for Gives(power, group, resource, verbs) in GIVE {
        for verb in verbs {
            questions.push((power, question(namespace, group, resource, verb)));
        }
    }
    let ask = |(power, review): (Power, SelfSubjectAccessReview)| {
        let reviews = reviews.clone();
        async move {
            let answer = reviews.create(&PostParams::default(), &review).await?;
            let allowed = answer.status.is_some_and(|status| status.allowed);
            Ok(allowed.then_some(power))
        }
    };
    let answers = stream::iter(questions).map(ask).buffer_unordered(AT_ONCE);
    answers.try_filter_map(async |found| Ok(found)).try_collect().await
}

fn question(namespace: &str, group: &str, resource: &str, verb: &str) -> SelfSubjectAccessReview {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let attributes = ResourceAttributes {
        group: Some(group.to_owned()),
        namespace: Some(namespace.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: Some(subresource.to_owned()),
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec {
        resource_attributes: Some(attributes),
        ..SelfSubjectAccessReviewSpec::default()
    };
    SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(group: &str, resource: &str, verb: &str) -> ResourceRule {
        let one = |text: &str| Some(vec![text.to_owned()]);
        ResourceRule {
            api_groups: one(group),
            resources: one(resource),
            verbs: vec![verb.to_owned()],
            resource_names: None,
        }
    }

    #[test]
    fn a_rule_gives_what_it_names_and_what_its_stars_stand_for() {
        use Power::{ActAsOthers, EnterPods, GiveRights, ReadSecrets, RunPods};
        let all = [ReadSecrets, RunPods, EnterPods, ActAsOthers, GiveRights];
        for (group, resource, verb, powers) in [
            ("", "secrets", "get", &[ReadSecrets][..]),
            ("", "secrets", "delete", &[]),
            ("", "secrets", "create", &[]),
            ("apps", "secrets", "get", &[]),
            ("", "pods/exec", "get", &[EnterPods]),
            ("", "pods", "get", &[]),
            ("", "pods", "patch", &[RunPods]),
            ("authentication.k8s.io", "users", "impersonate:user-info", &[ActAsOthers]),
            ("admissionregistration.k8s.io", "*", "create", &[GiveRights]),
            ("", "*/exec", "create", &[EnterPods]),
            ("", "*", "create", &[RunPods, EnterPods, ActAsOthers]),
            ("*", "*", "*", &all),
            ("*", "*", "get", &[ReadSecrets, EnterPods]),
            ("apps", "deployments", "watch", &[]),
            ("apps", "deployments", "patch", &[RunPods]),
            ("secrets.kliv.dev", "*", "*", &[]),
        ] {
            let told = told(&[rule(group, resource, verb)]);
            assert_eq!(told, powers.iter().copied().collect(), "{verb} {group}/{resource}");
        }
    }

    #[test]
    fn a_right_on_one_secret_of_many_counts() {
        let one = ResourceRule {
            resource_names: Some(vec!["its-name".into()]),
            ..rule("", "secrets", "get")
        };
        assert_eq!(told(&[one]), BTreeSet::from([Power::ReadSecrets]));
    }
}
