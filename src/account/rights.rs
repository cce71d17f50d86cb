#![expect(clippy::disallowed_types, reason = "asks the API server, as the caller")]
//! What the caller may do in the account, so that a door need not offer what is refused.
//!
//! One request where the API server knows all rules; else a question for each right. Neither
//! is a promise: what is written is decided when it is.

use futures::future::try_join_all;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use super::{Caller, Error, What};
use crate::api::names::GROUP;

/// What somebody may do in an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rights {
    /// See its secrets, masked.
    pub read: bool,
    /// Make new ones.
    pub create: bool,
    /// Give those there are another value.
    pub change: bool,
    /// Delete them.
    pub delete: bool,
}

/// How each is asked for: verb, API group, resource.
const ASKED: [(&str, &str, &str); 4] = [
    ("list", GROUP, "klivsecrets"),
    ("create", GROUP, "klivsecrets"),
    ("patch", GROUP, "klivsecrets"),
    ("delete", GROUP, "klivsecrets"),
];

impl From<[bool; 4]> for Rights {
    fn from(may: [bool; 4]) -> Self {
        let [read, create, change, delete] = may;
        Self { read, create, change, delete }
    }
}

impl Caller {
    /// What the caller may do in the account.
    ///
    /// # Errors
    /// The cluster does not answer, or does not let the caller ask.
    pub async fn may(&self) -> Result<Rights, Error> {
        let kind = self.kind(What::Rights, "");
        let failed = |error: kube::Error| kind.failed(&error);
        let namespace = Some(self.namespace.to_string());
        let spec = SelfSubjectRulesReviewSpec { namespace: namespace.clone() };
        let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
        let reviews: Api<SelfSubjectRulesReview> = Api::all(self.client.clone());
        let params = PostParams::default();
        let status = reviews.create(&params, &review).await.map_err(failed)?.status;
        if let Some(status) = status.filter(|status| !status.incomplete) {
            let rules = &status.resource_rules;
            return Ok(ASKED.map(|asked| rules.iter().any(|rule| allows(rule, asked))).into());
        }
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let answers = ASKED.map(|(verb, group, resource)| {
            let attributes = ResourceAttributes {
                verb: Some(verb.to_owned()),
                group: Some(group.to_owned()),
                resource: Some(resource.to_owned()),
                namespace: namespace.clone(),
                ..ResourceAttributes::default()
            };
            let spec = SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                ..SelfSubjectAccessReviewSpec::default()
            };
            let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
            let (reviews, params) = (&reviews, &params);
            async move { reviews.create(params, &review).await }
        });
        let answers = try_join_all(answers).await.map_err(failed)?;
        let mut may = [false; ASKED.len()];
        for (may, answer) in may.iter_mut().zip(answers) {
            *may = answer.status.is_some_and(|status| status.allowed);
        }
        Ok(may.into())
    }
}

/// Whether a rule gives a right to all objects of the resource.
fn allows(rule: &ResourceRule, (verb, group, resource): (&str, &str, &str)) -> bool {
    let has = |list: &[String], wanted| list.iter().any(|item| item == "*" || item == wanted);
    let groups = rule.api_groups.as_deref().unwrap_or_default();
    let resources = rule.resources.as_deref().unwrap_or_default();
    let of_all = rule.resource_names.as_ref().is_none_or(Vec::is_empty);
    of_all && has(&rule.verbs, verb) && has(groups, group) && has(resources, resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_gives_what_it_names_and_only_where_it_is_for_all_objects() {
        let rule = |groups: &[&str], resources: &[&str], names: &[&str]| {
            let list = |items: &[&str]| Some(items.iter().map(|i| (*i).to_owned()).collect());
            ResourceRule {
                verbs: vec!["get".to_owned(), "list".to_owned()],
                api_groups: list(groups),
                resources: list(resources),
                resource_names: list(names),
            }
        };
        let list = ("list", GROUP, "klivsecrets");
        assert!(allows(&rule(&[GROUP], &["klivsecrets"], &[]), list));
        assert!(allows(&rule(&["*"], &["*"], &[]), list));
        assert!(!allows(&rule(&[GROUP], &["klivsecrets"], &["a-key"]), list));
        assert!(!allows(&rule(&["apps"], &["klivsecrets"], &[]), list));
        assert!(!allows(&rule(&[GROUP], &["klivaccounts"], &[]), list));
        assert!(!allows(&rule(&[GROUP], &["*"], &[]), ("delete", GROUP, "klivsecrets")));
    }
}
