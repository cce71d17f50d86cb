//! What the browser checks while somebody types, from the tables that the front door itself
//! reads: served as a module, so that nothing of a name or value is sent to be checked.
//!
//! `assets/rules.js` applies them; a test holds both to the same answers.

use serde_json::{Value, json};

use crate::admission::{ENCLOSED, PLACEHOLDER_PARTS, PLACEHOLDERS};
use crate::api::names::{MAX_ENV_VAR, MAX_SECRETS, MAX_VALUE_BYTES};
use crate::api::warning::{SAY_NOTHING, says_nothing};
use crate::api::{
    ANYWHERE, BELONGS, CREDENTIALS, Mode, NOT_WORDS, OTHERS, PRODUCTION_WORDS, RESERVED,
    RESERVED_PREFIXES, Rest, TEST_WORDS, check_env_var, is_well_formed, recognise,
};
use crate::seal::Plaintext;

/// The longest description, characters.
pub(super) const MAX_DESCRIPTION: usize = 1024;
/// After how many days a reminder comes at the latest.
pub(super) const MAX_DAYS: i32 = 3650;

/// What is said of a variable's name in a form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameSays {
    /// There is none.
    Empty,
    /// It is a value, or holds one: it must not be shown or sent.
    LooksLikeValue,
    /// It has more than 128 characters.
    TooLong,
    /// No variable can be called so.
    NotAName,
    /// It would change how functions run.
    Reserved,
    /// It would fit every credential. It is taken all the same.
    SaysNothing,
}

impl NameSays {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::LooksLikeValue,
        Self::TooLong,
        Self::NotAName,
        Self::Reserved,
        Self::SaysNothing,
    ];

    /// What there is to say of a name; nothing is best.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Self::Empty);
        }
        if name.contains('=') || recognise(&Plaintext::new(name.into())).is_some() {
            return Some(Self::LooksLikeValue);
        }
        if name.len() > MAX_ENV_VAR {
            return Some(Self::TooLong);
        }
        if !is_well_formed(name) {
            return Some(Self::NotAName);
        }
        if check_env_var(name).is_err() {
            return Some(Self::Reserved);
        }
        says_nothing(name).map(|_| Self::SaysNothing)
    }

    /// The code that the script has for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::LooksLikeValue => "looksLikeValue",
            Self::TooLong => "tooLong",
            Self::NotAName => "notAName",
            Self::Reserved => "reserved",
            Self::SaysNothing => "saysNothing",
        }
    }

    /// Whether no secret can be made with it.
    #[must_use]
    pub fn refuses(self) -> bool {
        self != Self::SaysNothing
    }
}

/// The tables as the module `tables.js`.
#[must_use]
pub fn module() -> String {
    format!("export default {};\n", json())
}

/// The tables, as the script reads them.
#[must_use]
pub fn json() -> String {
    let credentials: Vec<_> = CREDENTIALS
        .iter()
        .map(|(begins, rest, provider, kind, mode)| {
            json!({
                "begins": begins, "rest": follows(rest),
                "provider": provider, "kind": kind, "mode": self::mode(*mode),
            })
        })
        .collect();
    let belongs: Vec<_> = BELONGS
        .iter()
        .map(|(what, called, used_for)| {
            json!({ "what": what, "called": called, "usedFor": used_for })
        })
        .collect();
    let limits = json!({
        "value": MAX_VALUE_BYTES, "name": MAX_ENV_VAR, "secrets": MAX_SECRETS,
        "description": MAX_DESCRIPTION, "days": MAX_DAYS,
    });
    json!({
        "limits": limits,
        "reserved": { "names": RESERVED, "prefixes": RESERVED_PREFIXES },
        "sayNothing": SAY_NOTHING.as_slice(),
        "credentials": credentials,
        "belongs": { "rows": belongs, "others": OTHERS, "anywhere": ANYWHERE },
        "environments": {
            "production": PRODUCTION_WORDS, "test": TEST_WORDS, "not": NOT_WORDS,
        },
        "placeholders": {
            "whole": PLACEHOLDERS, "parts": PLACEHOLDER_PARTS, "enclosed": ENCLOSED,
        },
    })
    .to_string()
}

fn follows(rest: &Rest) -> Value {
    match rest {
        Rest::Any => json!({ "is": "any" }),
        Rest::Long(least) => json!({ "is": "long", "least": least }),
        Rest::Hex(exactly) => json!({ "is": "hex", "exactly": exactly }),
        Rest::Capitals(exactly) => json!({ "is": "capitals", "exactly": exactly }),
        Rest::Words(words) => json!({ "is": "words", "words": words }),
    }
}

/// Its word in the tables.
pub(super) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "live",
        Mode::Test => "test",
        Mode::Unknown => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_gets_the_first_thing_that_there_is_to_say() {
        for (name, says) in [
            ("", Some("empty")),
            ("A=s3cr3t", Some("looksLikeValue")),
            ("sk_live_1", Some("looksLikeValue")),
            (&"A".repeat(129), Some("tooLong")),
            ("1A", Some("notAName")),
            ("A_", Some("notAName")),
            ("Å", Some("notAName")),
            ("path", Some("reserved")),
            ("LD_X", Some("reserved")),
            ("API_KEY", Some("saysNothing")),
            ("STRIPE_API_KEY", None),
        ] {
            assert_eq!(NameSays::of(name).map(NameSays::code), says, "{name}");
        }
    }

    #[test]
    fn a_name_is_refused_as_the_gate_refuses_it() {
        for name in ["", "1A", "A_", "PATH", "KUBERNETES_X", "API_KEY", "STRIPE_KEY", "a"] {
            let refused = NameSays::of(name).is_some_and(NameSays::refuses);
            assert_eq!(refused, check_env_var(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_tables_are_small_enough_for_every_page() {
        assert!(json().len() < 24 * 1024, "{}", json().len());
    }
}
