//! The answer to a review, and its JSON.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use serde_json::json;

use crate::api::names::GROUP;
use crate::api::{KlivAuditEvent, Refusal};

/// What the webhook answers. Holds ciphertext, names and fixed texts only.
pub struct Answer {
    /// The request's id, repeated.
    pub uid: String,
    /// The account, where it is well-formed; for the log.
    pub namespace: Option<String>,
    /// The object, where its name is well-formed and holds nothing of the value.
    pub name: Option<String>,
    /// What becomes of the write.
    pub verdict: Verdict,
    /// Where it tells of a refused call of an agent: what is to be recorded of that.
    pub call: Option<Box<KlivAuditEvent>>,
}

/// What becomes of a write.
pub enum Verdict {
    /// It goes on, changed by the patch.
    Allowed {
        /// RFC 6902; empty when the object is right as it is.
        patch: Patch,
        /// Plain words for the person who writes.
        warnings: Vec<String>,
    },
    /// It is refused and nothing is stored.
    Refused(Cause),
}

/// Why a write is refused. Neither part ever quotes a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cause {
    /// The field.
    pub field: Cow<'static, str>,
    /// What is wrong and what to do.
    pub message: Cow<'static, str>,
}

impl Cause {
    pub(super) const fn fixed(field: &'static str, message: &'static str) -> Self {
        Self { field: Cow::Borrowed(field), message: Cow::Borrowed(message) }
    }
}

impl From<Refusal> for Cause {
    fn from(refusal: Refusal) -> Self {
        Self::fixed(refusal.field, refusal.message)
    }
}

impl Verdict {
    /// Goes on as it is.
    pub(super) fn untouched() -> Self {
        Self::Allowed { patch: Patch(Vec::new()), warnings: Vec::new() }
    }

    /// One word, for logs and metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Allowed { patch, .. } if patch.0.is_empty() => "untouched",
            Self::Allowed { .. } => "allowed",
            Self::Refused(_) => "refused",
        }
    }
}

impl Answer {
    /// An `AdmissionReview` of `admission.k8s.io/v1`.
    ///
    /// Refusals are 422 `Invalid` with `details.causes`: with any other code kubectl
    /// prints the whole patch, value included, beside the error.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut response = json!({ "uid": self.uid });
        match &self.verdict {
            Verdict::Allowed { patch, warnings } => {
                response["allowed"] = true.into();
                if !patch.0.is_empty() {
                    response["patchType"] = "JSONPatch".into();
                    response["patch"] = STANDARD.encode(json!(patch).to_string()).into();
                }
                if !warnings.is_empty() {
                    response["warnings"] = json!(warnings);
                }
            }
            Verdict::Refused(Cause { field, message }) => {
                response["allowed"] = false.into();
                let mut details = json!({
                    "group": GROUP,
                    "causes": [{ "reason": "FieldValueInvalid", "field": field, "message": message }],
                });
                if let Some(name) = &self.name {
                    details["kind"] = "KlivSecret".into();
                    details["name"] = name.as_str().into();
                }
                response["status"] = json!({
                    "status": "Failure",
                    "code": 422,
                    "reason": "Invalid",
                    "message": format!("{field}: {message}"),
                    "details": details,
                });
            }
        }
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": response,
        });
        review.to_string().into_bytes()
    }
}
