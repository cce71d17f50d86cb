//! What the front door's tests share: reviews as the API server sends them, and answers
//! as it reads them.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use getrandom::rand_core::UnwrapErr;
use jiff::Timestamp;
use kliv_secrets::admission::answer;
use kliv_secrets::seal::{Binding, Keyring, Sealed, SealingKey};
use serde_json::{Value, json};

pub(crate) const STAMPS: &str = "secrets.kliv.dev/stamps";
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
pub(crate) const ACCOUNT: &str = "acme";
pub(crate) const NOW: &str = "2026-11-24T10:00:00Z";

static KEYRING: LazyLock<Keyring> =
    LazyLock::new(|| Keyring::generate(now(), &mut UnwrapErr(getrandom::SysRng)));

pub(crate) fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

pub(crate) fn sealing_key() -> &'static SealingKey {
    KEYRING.sealing_key()
}

/// A KlivSecret of the variable `OPENAI_API_KEY`, with more in its spec.
pub(crate) fn secret(spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1",
        "kind": "KlivSecret",
        "metadata": { "name": "openai-api-key", "namespace": ACCOUNT },
        "spec": { "envVar": "OPENAI_API_KEY" },
    });
    merge(&mut object["spec"], spec);
    object
}

/// `object` with more in its metadata.
pub(crate) fn with_metadata(mut object: Value, metadata: Value) -> Value {
    merge(&mut object["metadata"], metadata);
    object
}

fn merge(into: &mut Value, more: Value) {
    let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) else { return };
    into.extend(more);
}

pub(crate) fn create(object: Value) -> Value {
    review("CREATE", object, Value::Null)
}

pub(crate) fn update(stored: Value, object: Value) -> Value {
    review("UPDATE", object, stored)
}

pub(crate) fn delete(mut stored: Value) -> Value {
    stored["metadata"]["uid"] = json!("6c41d3f0-8c41-4a3a-9d8c-1f1b7c8f7f60");
    review("DELETE", Value::Null, stored)
}

fn review(operation: &str, object: Value, stored: Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "secrets.kliv.dev", "version": "v1alpha1", "kind": "KlivSecret" },
            "resource":
                { "group": "secrets.kliv.dev", "version": "v1alpha1", "resource": "klivsecrets" },
            "name": object["metadata"]["name"].clone(),
            "namespace": ACCOUNT,
            "operation": operation,
            "userInfo": { "username": "anna", "groups": ["system:authenticated"] },
            "object": object,
            "oldObject": stored,
            "dryRun": false,
            "options": { "kind": "CreateOptions", "fieldManager": "kubectl-client-side-apply" },
        },
    })
}

/// An answer as the API server reads it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    response: Value,
    /// The patch, decoded.
    pub(crate) patch: Option<Vec<u8>>,
    /// The object with the patch applied.
    pub(crate) object: Value,
}

pub(crate) fn ask(review: &Value) -> Reply {
    let bytes = ask_bytes(&serde_json::to_vec(review).expect("JSON"));
    let mut json: Value = serde_json::from_slice(&bytes).expect("the answer is JSON");
    let response = json["response"].take();
    let mut object = review.pointer("/request/object").cloned().unwrap_or_default();
    let patch = response["patch"].as_str().map(|patch| STANDARD.decode(patch).expect("base64"));
    if let Some(patch) = &patch {
        let patch: json_patch::Patch = serde_json::from_slice(patch).expect("an RFC 6902 patch");
        json_patch::patch(&mut object, &patch).expect("the patch applies to what was sent");
    }
    Reply { bytes, response, patch, object }
}

pub(crate) fn ask_bytes(review: &[u8]) -> Vec<u8> {
    answer(review, sealing_key(), now(), &mut UnwrapErr(getrandom::SysRng)).to_json()
}

impl Reply {
    /// The object as it goes on; the write must have been allowed.
    #[track_caller]
    pub(crate) fn allowed(self) -> Value {
        assert_eq!(self.response["allowed"], true, "{}", self.response);
        self.object
    }

    /// The field and the text of the refusal; the write must have been refused, in the
    /// one form in which kubectl prints no patch.
    #[track_caller]
    pub(crate) fn refused(&self) -> (&str, &str) {
        assert_eq!(self.response["allowed"], false, "{}", self.response);
        let status = &self.response["status"];
        assert_eq!((&status["code"], &status["reason"]), (&json!(422), &json!("Invalid")));
        assert!(self.patch.is_none());
        let cause = &status["details"]["causes"][0];
        let text = |key: &str| cause[key].as_str().expect("a text");
        (text("field"), text("message"))
    }

    pub(crate) fn warnings(&self) -> Vec<&str> {
        let warnings = self.response["warnings"].as_array();
        warnings.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    pub(crate) fn uid(&self) -> &str {
        self.response["uid"].as_str().expect("a uid")
    }
}

/// The value that an object holds sealed, opened as the controller does.
#[expect(clippy::disallowed_methods, reason = "the test compares what was sealed")]
#[track_caller]
pub(crate) fn opened(object: &Value) -> String {
    let spec = &object["spec"];
    let sealed = Sealed::parse(spec["sealed"].as_str().expect("sealed")).expect("well-formed");
    let binding = Binding {
        account: ACCOUNT,
        variable: spec["envVar"].as_str().expect("a variable"),
        environment: spec["environment"].as_str(),
    };
    let Ok(opened) = KEYRING.open(&sealed, &binding) else { panic!("does not open") };
    String::from_utf8(opened.value.expose().to_vec()).expect("text")
}

/// A value sealed for [`ACCOUNT`] by somebody else.
pub(crate) fn sealed(value: &str) -> String {
    let object = ask(&create(secret(json!({ "value": value })))).allowed();
    object["spec"]["sealed"].as_str().expect("sealed").to_owned()
}
