//! What a client declared when it began, in revisions that say it only then: it goes out signed
//! as the session's id, which the client could read, and comes back with each request. Nothing is
//! remembered here.

use std::time::Duration;

use rmcp::model::InitializeRequestParams;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::api::text::harmless;
use crate::mcp::StateKey;
use crate::mcp::call::Says;

/// How long a client goes on by it; then it begins anew, as with any session that has ended.
const LIVES: Duration = Duration::from_secs(7 * 24 * 3600);

/// The longest name of a client that is kept, characters.
const NAME: usize = 64;

/// The longest note that is looked at, bytes.
const LONGEST: usize = 1024;

/// Whose session it is, and where.
#[derive(Clone, Copy)]
pub(super) struct Bound<'a> {
    pub(super) who: &'a str,
    pub(super) account: &'a str,
}

impl Bound<'_> {
    fn digest(self) -> [u8; 32] {
        let mut hash = Sha256::new().chain_update("kliv-mcp-session 1\0");
        for part in [self.who, self.account] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

#[derive(Serialize, Deserialize)]
struct Declared {
    #[serde(rename = "n")]
    name: Option<String>,
    #[serde(rename = "l")]
    shows_links: bool,
    #[serde(rename = "a")]
    asks: bool,
}

/// The id of a session that begins like this.
pub(super) fn id(begins: &InitializeRequestParams, key: &StateKey, bound: Bound<'_>) -> String {
    let name = harmless(&begins.client_info.name, NAME).into_owned();
    let Says { name, shows_links, asks, .. } =
        Says::of(Some(name), begins.capabilities.elicitation.as_ref(), None);
    let declared = serde_json::to_vec(&Declared { name, shows_links, asks }).unwrap_or_default();
    key.note(&declared, &bound.digest(), LIVES)
}

/// What was declared; none where the id is not ours, another's or too old.
pub(super) fn says(id: &str, key: &StateKey, bound: Bound<'_>) -> Option<Says> {
    if id.len() > LONGEST {
        return None;
    }
    let declared = key.noted(id, &bound.digest())?;
    let Declared { name, shows_links, asks } = serde_json::from_slice(&declared).ok()?;
    Some(Says { name, shows_links, asks, revision: None })
}

#[cfg(test)]
mod tests {
    use rmcp::model::{ClientCapabilities, Implementation, ProtocolVersion};
    use serde_json::json;

    use super::*;
    use crate::runtime::entropy;

    const ANNA: Bound<'_> = Bound { who: "anna", account: "shop" };

    fn begins(capabilities: serde_json::Value, name: &str) -> InitializeRequestParams {
        let capabilities: ClientCapabilities = serde_json::from_value(capabilities).unwrap();
        let mut begins = InitializeRequestParams::default();
        begins.protocol_version = ProtocolVersion::V_2025_11_25;
        begins.capabilities = capabilities;
        begins.client_info = Implementation::new(name, "1");
        begins
    }

    fn key() -> StateKey {
        StateKey::generate(&mut entropy::system())
    }

    #[test]
    fn what_was_declared_comes_back() {
        let key = key();
        for (capabilities, shows_links, asks) in [
            (json!({}), false, false),
            (json!({ "elicitation": {} }), false, true),
            (json!({ "elicitation": { "form": {} } }), false, true),
            (json!({ "elicitation": { "url": {} } }), true, false),
            (json!({ "elicitation": { "form": {}, "url": {} } }), true, true),
        ] {
            let id = id(&begins(capabilities, "claude-code"), &key, ANNA);
            let said = says(&id, &key, ANNA).unwrap();
            assert_eq!((said.shows_links, said.asks), (shows_links, asks));
            assert_eq!(said.name.as_deref(), Some("claude-code"));
        }
    }

    #[test]
    fn an_id_is_visible_ascii_and_short_whatever_a_client_calls_itself() {
        let key = key();
        for name in ["", "a", "\u{202e}\n\0\u{1b}[2J", &"Å".repeat(5000)] {
            let id = id(&begins(json!({ "elicitation": { "url": {} } }), name), &key, ANNA);
            assert!(id.bytes().all(|byte| byte.is_ascii_graphic()) && id.len() < LONGEST);
            let said = says(&id, &key, ANNA).unwrap().name.unwrap_or_default();
            assert!(!said.contains('\u{1b}') && said.chars().count() <= NAME + 1, "{said}");
        }
    }

    #[test]
    fn a_session_is_one_persons_in_one_account_and_can_t_be_edited() {
        let key = key();
        let id = id(&begins(json!({}), "a"), &key, ANNA);
        for other in [
            Bound { who: "bo", account: "shop" },
            Bound { who: "anna", account: "other" },
            // The same letters, cut elsewhere.
            Bound { who: "annas", account: "hop" },
        ] {
            assert!(says(&id, &key, other).is_none());
        }
        for at in 0..id.len() {
            let mut edited = id.clone().into_bytes();
            edited[at] = if edited[at] == b'A' { b'B' } else { b'A' };
            let edited = String::from_utf8(edited).unwrap();
            assert!(edited == id || says(&edited, &key, ANNA).is_none(), "{at}");
        }
        for made_up in ["", "rs1", &id[1..], &format!("{id}A"), &"a".repeat(5000)] {
            assert!(says(made_up, &key, ANNA).is_none());
        }
        let another = StateKey::generate(&mut entropy::system());
        assert!(says(&id, &another, ANNA).is_none());
    }
}
