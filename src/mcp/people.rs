//! What agents' questions to people share.

use super::ask::Ask;
use super::call::Call;
use crate::api::KlivSecret;
use crate::api::text::harmless;

/// The longest name of a client that a question holds, characters.
const LONGEST_NAME: usize = 256;

/// What the client calls itself, for a question. Nobody vouches for it.
pub(super) fn requested_by(call: &Call<'_>) -> Option<String> {
    let name = call.says.name.as_deref()?;
    Some(harmless(name, LONGEST_NAME).into_owned())
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
