//! What agents' questions to people share.

use schemars::JsonSchema;
use serde::Serialize;

use super::ask::Ask;
use super::call::{Call, Person};
use super::suspicious::is_suspicious;
use crate::api::KlivSecret;
use crate::api::text::harmless;

/// The longest name of a client that a question holds, characters.
const LONGEST_NAME: usize = 256;

/// What the person did with the link, in this call.
#[derive(Serialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum Did {
    /// Agreed to open it.
    Opened,
    /// Declined to.
    Declined,
    /// Closed the question without an answer.
    Dismissed,
}

impl Did {
    /// None where he was not shown it before the call came back.
    pub(super) fn of(call: &Call<'_>) -> Option<Self> {
        call.person.map(|did| match did {
            Person::Opened | Person::Accepted(_) => Self::Opened,
            Person::Declined => Self::Declined,
            Person::Dismissed => Self::Dismissed,
        })
    }
}

/// What the client calls itself, for a question. Nobody vouches for it.
pub(super) fn requested_by(call: &Call<'_>) -> Option<String> {
    told(call.says.name.as_deref()?)
}

/// A name that looks like a credential is none: it would be stored, for all who look.
fn told(name: &str) -> Option<String> {
    let name = harmless(name, LONGEST_NAME);
    (!is_suspicious(&name)).then(|| name.into_owned())
}

/// The link to where a question is answered, where there is one; for the first call only, not
/// when the same comes back after it.
pub(super) fn shown(
    call: &Call<'_>,
    question: &KlivSecret,
    what: &str,
    is_new: bool,
) -> Option<Ask> {
    let object = question.metadata.name.as_deref().unwrap_or_default();
    let url = call.answer_link(object).filter(|_| call.person.is_none())?;
    // None of the agent's words.
    let message = format!(
        "In the account {}, {object}: {what}. Open the page to look at who asks and why, and to \
         decide.",
        call.caller.namespace
    );
    let id = question.metadata.uid.clone().unwrap_or_else(|| object.to_owned());
    Some(Ask::Link { url, message, is_new, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_a_credential_is_left_out_of_the_question() {
        assert_eq!(told("claude-code 2.1").as_deref(), Some("claude-code 2.1"));
        for name in [
            "agent sk_live_c4n4ryc4n4ryc4n4ryc4n4ry",
            "https://bot:c4n4ry-hunter2@example.org",
            "wrapper token=c4n4ry9fG2kLx81",
        ] {
            assert_eq!(told(name), None, "{name}");
        }
    }
}
