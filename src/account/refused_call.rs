#![expect(clippy::disallowed_types, reason = "asks the API server, as the caller")]
//! That a call of an agent was refused, told to the front door: it alone sees who calls.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, PostParams};
use serde_json::json;

use super::{Caller, Error, What};
use crate::api::KlivSecret;
use crate::api::refused_call::{ANNOTATION, NOTED, OBJECT};

impl Caller {
    /// Has the front door put it into the account's audit trail that a call of the caller's agent
    /// was refused: `call` is one of [`CALLS`](crate::api::refused_call::CALLS). It needs the
    /// right to create KlivSecrets, and makes none.
    ///
    /// # Errors
    /// It is not in the trail: the caller may not, the front door is away or has no room, the
    /// cluster does not answer.
    pub async fn tell_refused(&self, call: &'static str) -> Result<(), Error> {
        let kind = ApiResource::erase::<KlivSecret>(&());
        let mut object = DynamicObject::new(OBJECT, &kind).data(json!({ "spec": {} }));
        object.metadata.annotations = Some([(ANNOTATION.to_owned(), call.to_owned())].into());
        let secrets: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.namespace, &kind);
        let params = PostParams { field_manager: Some(self.field_manager.into()), dry_run: false };
        match secrets.create(&params, &object).await {
            Err(kube::Error::Api(status)) if is_noted(&status) => Ok(()),
            Err(error) => Err(self.kind(What::Secrets, "").failed(&error)),
            Ok(_) => Err(Error::Refused("it was not taken for what it is".to_owned())),
        }
    }
}

/// The front door has refused it in its words for what it notes.
fn is_noted(status: &kube::core::Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 422 && causes.into_iter().any(|cause| cause.field == NOTED)
}
