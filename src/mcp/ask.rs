//! Asking a person through the agent's client, in the wire form of its revision of the protocol.
//!
//! ```text
//!  2026-07-28   result `input_required` + sealed state ──► the same call again, with both
//!  2025-11-25   error -32042 with the link             ──► the same call again
//! ```
//!
//! Neither needs a session. What comes back with a state was made here, for the same person,
//! account, tool and arguments, and not long ago; anything else is refused.

use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationSchema, ErrorCode, ErrorData, InputRequest, InputRequiredResult, JsonObject,
    RequestStateCodec, SealOptions,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::call::{Person, Says};
use crate::seal::CryptoRng;

/// How long a person may take.
const OPEN: Duration = Duration::from_secs(3600);

/// Revision 2025-11-25: the call can go on when a person has been to these links.
const URL_ELICITATION_REQUIRED: ErrorCode = ErrorCode(-32042);

/// The only question that a call asks.
const QUESTION: &str = "person";

/// Seals what comes back with a client. All replicas need the same.
pub struct StateKey(RequestStateCodec);

/// The content of a key file can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the file of the state key has to hold at least 32 random bytes")]
pub struct BadStateKey;

impl StateKey {
    /// A new one: what was asked before this process began has to be asked anew.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *key);
        Self(RequestStateCodec::new_unchecked(*key))
    }

    /// From the content of a key file: at least 32 random bytes, as they are.
    ///
    /// # Errors
    /// It is shorter.
    pub fn from_file(content: &[u8]) -> Result<Self, BadStateKey> {
        RequestStateCodec::try_new(content).map(Self).map_err(|_| BadStateKey)
    }

    /// A note that comes back with a client, for whoever knows what it is bound to. The digest
    /// begins with a purpose of its own, so that no note is taken for the state of a call.
    pub(super) fn note(&self, content: &[u8], bound: &[u8; 32], lives: Duration) -> String {
        self.0.seal_with(content, &SealOptions::new().associated_data(bound).ttl(lives))
    }

    /// What a note says; none where it was changed, is another's or too old.
    pub(super) fn noted(&self, note: &str, bound: &[u8; 32]) -> Option<Vec<u8>> {
        self.0.open_with(note, bound).ok()
    }
}

/// What a person is to be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    /// A link to a page of ours.
    Link {
        /// Where to.
        url: String,
        /// What it is for.
        message: String,
        /// Whether this very call has made what the link is for: then a client is stopped for
        /// it also where it can't say that the person was there.
        is_new: bool,
        /// Which request it is, the same each time.
        id: String,
    },
    /// A question, yes or no.
    Confirm {
        /// The question.
        message: String,
    },
}

/// What a call is bound to.
pub(super) struct Bound<'a> {
    pub(super) who: &'a str,
    pub(super) account: &'a str,
    pub(super) tool: &'a str,
    pub(super) arguments: &'a JsonObject,
}

impl Bound<'_> {
    fn digest(&self) -> [u8; 32] {
        let arguments = serde_json::to_vec(self.arguments).unwrap_or_default();
        let mut hash = Sha256::new().chain_update("kliv-mcp-call 1\0");
        for part in [self.who.as_bytes(), self.account.as_bytes(), self.tool.as_bytes(), &arguments]
        {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// How a client is asked.
pub(super) enum Asked {
    /// The call ends for now.
    Required(InputRequiredResult),
    /// The same, for a client of before.
    Error(ErrorData),
}

/// Asks, where the client can; none where it can't.
pub(super) fn ask(ask: &Ask, says: &Says, key: &StateKey, bound: &Bound<'_>) -> Option<Asked> {
    match ask {
        Ask::Link { .. } if !says.shows_links => None,
        Ask::Confirm { .. } if !says.asks => None,
        _ if says.comes_back() => Some(Asked::Required(required(ask, key, bound))),
        Ask::Link { url, message, is_new: true, id } => {
            let data = json!({ "elicitations": [
                { "mode": "url", "elicitationId": id, "url": url, "message": message },
            ] });
            let words = "A person has to open a link first; then make the same call again";
            Some(Asked::Error(ErrorData::new(URL_ELICITATION_REQUIRED, words, Some(data))))
        }
        _ => None,
    }
}

fn required(ask: &Ask, key: &StateKey, bound: &Bound<'_>) -> InputRequiredResult {
    let params = match ask {
        Ask::Link { url, message, .. } => ElicitRequestParams::UrlElicitationParams {
            meta: None,
            message: message.clone(),
            url: url.clone(),
            // Gone in this revision.
            elicitation_id: String::new(),
        },
        Ask::Confirm { message } => ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: message.clone(),
            requested_schema: ElicitationSchema::new(Default::default()),
        },
    };
    let digest = bound.digest();
    let options = SealOptions::new().associated_data(&digest).ttl(OPEN);
    let state = key.0.seal_with(QUESTION.as_bytes(), &options);
    let question = InputRequest::Elicitation(ElicitRequest::new(params));
    InputRequiredResult::new(Some([(QUESTION.to_owned(), question)].into()), Some(state))
}

/// What a person did with what this call asked before; none where it is made for the first time.
///
/// # Errors
/// The state is not ours, is another call's, or is too old.
pub(super) fn answered(
    request: &CallToolRequestParams,
    key: &StateKey,
    bound: &Bound<'_>,
) -> Result<Option<Person>, ErrorData> {
    let refused = |words: &'static str| ErrorData::invalid_params(words, None);
    let Some(state) = &request.request_state else {
        return match &request.input_responses {
            None => Ok(None),
            Some(_) => Err(refused("inputResponses without requestState: call again without both")),
        };
    };
    let ours = key.0.open_with(state, &bound.digest());
    if ours.is_err() {
        return Err(refused(
            "requestState is not this call's, was changed or is too old: call again without it",
        ));
    }
    let answer = request.input_responses.as_ref().and_then(|all| all.get(QUESTION));
    let answer = answer.and_then(|a| serde_json::from_value::<ElicitResult>(a.clone()).ok());
    match answer.map(|answer| answer.action) {
        Some(ElicitationAction::Accept) => Ok(Some(Person::Accepted)),
        Some(ElicitationAction::Decline) => Ok(Some(Person::Declined)),
        Some(ElicitationAction::Cancel) => Ok(Some(Person::Dismissed)),
        _ => Err(refused("inputResponses lacks what was asked for: call again without both")),
    }
}
