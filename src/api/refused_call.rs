//! A call that the agents' door refused, and how the front door hears of it: a KlivSecret is to
//! be made that names the call in [`ANNOTATION`] and holds nothing else. It never is made: the
//! front door notes who called and refuses, and where it is away the schema does, since there is
//! no spec.
//!
//! What is named is one of a closed set. Nothing of the call itself is in it.

pub use super::names::ANNOTATION_REFUSED_CALL as ANNOTATION;

/// The name of the object that never is made.
pub const OBJECT: &str = "refused-call";

/// The field of a refusal that says: it is noted.
pub const NOTED: &str = "metadata.annotations[secrets.kliv.dev/refused-call]";
/// The field of one that says: it can't be noted.
pub const NOT_NOTED: &str = "request";

/// How the audit trail says it: the call stands in between.
pub const SAID: (&str, &str) =
    ("a call of ", " was refused: something in its arguments looked like a credential");

/// A tool of a name that there is not: what was asked for is not repeated.
pub const UNKNOWN_TOOL: &str = "unknown-tool";
/// A prompt.
pub const PROMPT: &str = "prompts/get";
/// A resource.
pub const RESOURCE: &str = "resources/read";

/// All that can be called: the tools, and what else takes arguments.
pub const CALLS: [&str; 14] = [
    "cancel_request",
    "check_requirements",
    "delete_secret",
    "generate_secret",
    "get_request",
    "list_secrets",
    PROMPT,
    "recent_changes",
    "request_secret",
    RESOURCE,
    "store_secret",
    UNKNOWN_TOOL,
    "update_secret",
    "wait_for_secret",
];

/// The call of this name.
#[must_use]
pub fn named(text: &str) -> Option<&'static str> {
    CALLS.into_iter().find(|call| *call == text)
}

/// What the audit trail says of it.
#[must_use]
pub fn said(call: &str) -> String {
    format!("{}{call}{}", SAID.0, SAID.1)
}
