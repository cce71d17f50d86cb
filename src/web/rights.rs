#![expect(clippy::disallowed_types, reason = "asks the API server what the person may do")]
//! What somebody may do in an account: controls for the rest are not shown. It only decides
//! what a page offers; the API server decides what happens.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use crate::account::Caller;
use crate::api::names::GROUP;

/// What he may do with the account's secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct May {
    /// Give one another value.
    pub(super) change: bool,
    /// Delete one.
    pub(super) delete: bool,
}

/// Asks. What can't be told he may: the act then says why it fails.
pub(super) async fn may(caller: &Caller) -> May {
    let (change, delete) = tokio::join!(may_do(caller, "patch"), may_do(caller, "delete"));
    May { change, delete }
}

async fn may_do(caller: &Caller, verb: &str) -> bool {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(caller.namespace.to_string()),
                verb: Some(verb.to_owned()),
                group: Some(GROUP.to_owned()),
                resource: Some("klivsecrets".to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(caller.client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await;
    answer.ok().and_then(|answer| answer.status).is_none_or(|status| status.allowed)
}
