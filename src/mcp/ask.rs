//! Asking a person through the agent's client, in the wire form of its revision of the protocol.
//!
//! ```text
//!  2026-07-28   result `input_required` + signed state ──► the same call again, with both
//!  2025-11-25   error -32042 with the link             ──► the same call again
//! ```
//!
//! Neither needs a session. A state is signed, not encrypted (an HMAC), and holds nothing that its
//! client does not know: what kind of question it was, and a hash. What comes back with a state
//! was made here, for the same person, account, tool and arguments, and not long ago; anything
//! else is refused. In the second form nothing comes back, so only a call that has just made the
//! question ends in it: repeated, it finds the question waiting, and its result says so.

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
use crate::api::KlivSecret;
use crate::seal::CryptoRng;

/// How long a person may take to agree to open a link.
const OPEN_LINK: Duration = Duration::from_secs(3600);

/// How long he may take to say yes: what he says it to changes meanwhile.
const OPEN_CONFIRM: Duration = Duration::from_secs(600);

/// Revision 2025-11-25: the call can go on when a person has been to these links.
const URL_ELICITATION_REQUIRED: ErrorCode = ErrorCode(-32042);

/// The only question that a call asks.
const QUESTION: &str = "person";

/// Signs what comes back with a client, who can read it. All replicas need the same.
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
        /// What it speaks of: the yes is good for that alone.
        about: About,
    },
}

/// What a question speaks of, as it was then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct About([u8; 32]);

impl About {
    /// This very object with this very spec: not another one of its name.
    pub(super) fn of(secret: &KlivSecret) -> Self {
        let uid = secret.metadata.uid.as_deref().unwrap_or_default();
        let generation = secret.metadata.generation.unwrap_or_default();
        Self(Sha256::new().chain_update(format!("{generation} {uid}")).finalize().into())
    }
}

impl Ask {
    /// What is signed: that somebody agreed to open a link is no yes to anything else.
    fn signed(&self) -> Vec<u8> {
        match self {
            Self::Link { .. } => b"link".to_vec(),
            Self::Confirm { about, .. } => [&b"confirm"[..], &about.0].concat(),
        }
    }

    fn open_for(&self) -> Duration {
        match self {
            Self::Link { .. } => OPEN_LINK,
            Self::Confirm { .. } => OPEN_CONFIRM,
        }
    }
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
        _ if says.comes_back() => Some(Asked::Required(required(ask, ask.open_for(), key, bound))),
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

fn required(
    ask: &Ask,
    open_for: Duration,
    key: &StateKey,
    bound: &Bound<'_>,
) -> InputRequiredResult {
    let params = match ask {
        Ask::Link { url, message, id, .. } => ElicitRequestParams::UrlElicitationParams {
            meta: None,
            message: message.clone(),
            url: url.clone(),
            // This revision has no such field. The library writes it all the same, and who
            // still reads it wants one that is not empty.
            elicitation_id: id.clone(),
        },
        Ask::Confirm { message, .. } => ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: message.clone(),
            requested_schema: ElicitationSchema::new(Default::default()),
        },
    };
    let digest = bound.digest();
    let options = SealOptions::new().associated_data(&digest).ttl(open_for);
    let state = key.0.seal_with(&ask.signed(), &options);
    let question = InputRequest::Elicitation(ElicitRequest::new(params));
    InputRequiredResult::new(Some([(QUESTION.to_owned(), question)].into()), Some(state))
}

/// What a person did with what this call asked before; none where it is made for the first
/// time, or without his answer: then he is asked again.
///
/// # Errors
/// The state is not ours, is another call's, or is too old.
pub(super) fn answered(
    request: &CallToolRequestParams,
    key: &StateKey,
    bound: &Bound<'_>,
) -> Result<Option<Person>, ErrorData> {
    let refused = |words: &'static str| ErrorData::invalid_params(words, None);
    let answer = request.input_responses.as_ref().and_then(|all| all.get(QUESTION));
    let Some(state) = &request.request_state else {
        return match answer {
            None => Ok(None),
            Some(_) => Err(refused("inputResponses without requestState: call again without it")),
        };
    };
    // Which of the reasons it is, is told to nobody.
    let Ok(asked) = key.0.open_with(state, &bound.digest()) else {
        return Err(refused(
            "requestState is not this call's, was changed or is too old: call again without \
             requestState and inputResponses",
        ));
    };
    let Some(answer) = answer else { return Ok(None) };
    let Ok(answer) = serde_json::from_value::<ElicitResult>(answer.clone()) else {
        return Err(refused("inputResponses holds no answer: call again without both"));
    };
    let about = asked.strip_prefix(b"confirm").and_then(|about| about.try_into().ok()).map(About);
    Ok(Some(match (answer.action, about) {
        (ElicitationAction::Accept, Some(about)) => Person::Accepted(about),
        (ElicitationAction::Accept, None) if asked == b"link" => Person::Opened,
        (ElicitationAction::Decline, _) => Person::Declined,
        _ => Person::Dismissed,
    }))
}

#[cfg(test)]
mod tests {
    use rmcp::model::ProtocolVersion;
    use serde_json::Value;

    use super::*;
    use crate::mcp::Says;

    const LINK: &str = "https://secrets.example.org/accounts/acme/requests/a-key";

    fn link(is_new: bool) -> Ask {
        Ask::Link { url: LINK.into(), message: "Give A_KEY".into(), is_new, id: "u1".into() }
    }

    fn confirm() -> Ask {
        Ask::Confirm { message: "Delete a-key?".into(), about: about(4) }
    }

    fn about(generation: i64) -> About {
        let object = json!({
            "metadata": { "name": "a-key", "uid": "u1", "generation": generation },
            "spec": { "envVar": "A_KEY" },
        });
        About::of(&serde_json::from_value(object).unwrap())
    }

    fn key() -> StateKey {
        StateKey::from_file(&[7; 32]).unwrap()
    }

    fn arguments() -> JsonObject {
        json!({ "name": "A_KEY" }).as_object().unwrap().clone()
    }

    fn bound(arguments: &JsonObject) -> Bound<'_> {
        Bound { who: "anna", account: "acme", tool: "request_secret", arguments }
    }

    /// One that shows links and asks questions.
    fn says(revision: ProtocolVersion) -> Says {
        Says { name: None, shows_links: true, asks: true, revision: Some(revision) }
    }

    /// On the wire, what ends the call; none where nobody is asked.
    fn wire(what: &Ask, says: &Says) -> Option<Value> {
        let arguments = arguments();
        let asked = ask(what, says, &key(), &bound(&arguments))?;
        Some(match asked {
            Asked::Required(required) => serde_json::to_value(required).unwrap(),
            Asked::Error(error) => serde_json::to_value(error).unwrap(),
        })
    }

    fn again(state: &str, responses: Value) -> CallToolRequestParams {
        serde_json::from_value(json!({
            "name": "request_secret", "requestState": state, "inputResponses": responses,
        }))
        .unwrap()
    }

    fn did(action: &str) -> Value {
        json!({ QUESTION: { "action": action } })
    }

    #[test]
    fn since_2026_07_28_the_call_ends_in_a_result_that_asks_for_input() {
        let says = says(ProtocolVersion::V_2026_07_28);
        let mut asked = wire(&link(false), &says).unwrap();
        let state = asked["requestState"].take();
        assert!(state.as_str().is_some_and(|state| state.starts_with("rs1.")), "{state}");
        let params = json!({
            "mode": "url", "url": LINK, "message": "Give A_KEY", "elicitationId": "u1",
        });
        let question = json!({ "method": "elicitation/create", "params": params });
        assert_eq!(asked["resultType"], "input_required");
        assert_eq!(asked["inputRequests"], json!({ QUESTION: question }));

        let asked = wire(&confirm(), &says).unwrap();
        let params = &asked["inputRequests"][QUESTION]["params"];
        let schema = json!({ "type": "object", "properties": {} });
        let form = json!({ "mode": "form", "message": "Delete a-key?", "requestedSchema": schema });
        assert_eq!(*params, form);
    }

    #[test]
    fn before_2026_07_28_only_a_new_question_ends_in_an_error_with_its_link() {
        let says = says(ProtocolVersion::V_2025_11_25);
        let error = wire(&link(true), &says).unwrap();
        assert_eq!(error["code"], -32042);
        let elicitation = json!({
            "mode": "url", "elicitationId": "u1", "url": LINK, "message": "Give A_KEY",
        });
        assert_eq!(error["data"], json!({ "elicitations": [elicitation] }));
        assert_eq!(wire(&link(false), &says), None);
        assert_eq!(wire(&confirm(), &says), None, "nothing would come back");
    }

    #[test]
    fn nobody_is_asked_through_a_client_that_can_not() {
        for revision in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
            let no_links = Says { shows_links: false, ..says(revision.clone()) };
            assert_eq!(wire(&link(true), &no_links), None);
            let no_forms = Says { asks: false, ..says(revision) };
            assert_eq!(wire(&confirm(), &no_forms), None);
        }
        assert_eq!(wire(&link(true), &Says::default()), None);
    }

    #[test]
    fn what_a_person_did_comes_back_and_a_link_that_he_opened_is_no_yes() {
        let (key, arguments) = (key(), arguments());
        let state =
            |ask: &Ask| required(ask, OPEN_LINK, &key, &bound(&arguments)).request_state.unwrap();
        let (link, confirm) = (state(&link(true)), state(&confirm()));
        let told = |state: &str, responses| {
            answered(&again(state, responses), &key, &bound(&arguments)).unwrap()
        };
        assert_eq!(told(&link, did("accept")), Some(Person::Opened));
        assert_eq!(told(&confirm, did("accept")), Some(Person::Accepted(about(4))));
        for state in [link, confirm] {
            assert_eq!(told(&state, did("decline")), Some(Person::Declined));
            assert_eq!(told(&state, did("cancel")), Some(Person::Dismissed));
            // Whoever has not answered is asked again.
            assert_eq!(told(&state, json!({ "other": 1 })), None);
        }
        let first = CallToolRequestParams::new("request_secret");
        assert_eq!(answered(&first, &key, &bound(&arguments)).unwrap(), None);
    }

    #[test]
    fn a_state_is_good_for_the_same_call_of_the_same_person_in_the_same_account_for_a_while() {
        let (key, arguments) = (key(), arguments());
        let open = |open_for| {
            required(&confirm(), open_for, &key, &bound(&arguments)).request_state.unwrap()
        };
        let state = open(OPEN_CONFIRM);
        let refused = |state: &str, key: &StateKey, bound: &Bound<'_>| {
            let told = answered(&again(state, did("accept")), key, bound);
            let error = told.expect_err("it is refused");
            assert!(error.message.contains("call again without"), "{}", error.message);
        };
        assert!(answered(&again(&state, did("accept")), &key, &bound(&arguments)).is_ok());
        let other = json!({ "name": "B_KEY" }).as_object().unwrap().clone();
        let same = || bound(&arguments);
        refused(&state, &key, &Bound { who: "mallory", ..same() });
        refused(&state, &key, &Bound { account: "other", ..same() });
        refused(&state, &key, &Bound { tool: "delete_secret", ..same() });
        refused(&state, &key, &bound(&other));
        // What ends one part begins no other.
        refused(&state, &key, &Bound { who: "annaa", account: "cme", ..same() });
        refused(&state, &StateKey::from_file(&[8; 32]).unwrap(), &same());
        for (at, _) in state.char_indices() {
            let mut edited = state.clone().into_bytes();
            edited[at] = if edited[at] == b'A' { b'B' } else { b'A' };
            refused(&String::from_utf8(edited).unwrap(), &key, &same());
        }
        for malformed in ["", "rs1", "rs1..", "x"] {
            refused(malformed, &key, &same());
        }
        // It is over as soon as the clock has moved on.
        let short = open(Duration::ZERO);
        while answered(&again(&short, did("accept")), &key, &same()).is_ok() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn an_answer_without_a_state_or_without_sense_is_refused() {
        let (key, arguments) = (key(), arguments());
        let mut forged = again("", did("accept"));
        forged.request_state = None;
        assert!(answered(&forged, &key, &bound(&arguments)).is_err());
        let state = required(&confirm(), OPEN_CONFIRM, &key, &bound(&arguments)).request_state;
        let senseless = json!({ QUESTION: { "action": "maybe" } });
        let senseless = again(&state.unwrap(), senseless);
        assert!(answered(&senseless, &key, &bound(&arguments)).is_err());
    }

    #[test]
    fn a_yes_is_to_this_object_as_it_was_and_to_no_other_of_its_name() {
        assert_eq!(about(4), about(4));
        assert_ne!(about(4), about(5));
        let another = json!({
            "metadata": { "name": "a-key", "uid": "u2", "generation": 4 },
            "spec": { "envVar": "A_KEY" },
        });
        assert_ne!(about(4), About::of(&serde_json::from_value(another).unwrap()));
    }

    #[test]
    fn a_state_key_is_32_bytes_at_least() {
        assert!(StateKey::from_file(&[1; 31]).is_err());
        assert!(StateKey::from_file(&[1; 32]).is_ok());
    }
}
