//! Plain words for the person who writes. Nothing here refuses anything, and no warning
//! quotes a value. What the engine says of a secret as well, it says in the same words
//! ([`warning`]).
//!
//! To add a warning: a function from what it looks at to an `Option<String>`, and its
//! line in [`warnings`]. Texts stay under 256 characters: the API server cuts them.

use crate::api::warning::{self, Oddity};
use crate::api::{Intent, recognise};
use crate::seal::Plaintext;

/// What is odd about a write. Every door that sees a value says the same.
#[must_use]
pub fn warnings(intent: &Intent, is_new: bool, value: Option<&Plaintext>) -> Vec<String> {
    let name = is_new.then(|| warning::says_nothing(&intent.env_var)).flatten();
    let space = value.and_then(warning::white_space).map(Oddity::WhiteSpace);
    let side = intent.environment.as_deref().zip(value.and_then(recognise));
    let side = side.and_then(|(environment, what)| warning::wrong_side(environment, what));
    let text = value.and_then(text);
    let only_here =
        text.into_iter().flat_map(|text| [placeholder(&intent.env_var, text), quoted(text)]);
    let odd = [name, space, side].into_iter().flatten().map(|odd| odd.message());
    odd.chain(only_here.flatten()).collect()
}

#[expect(clippy::disallowed_methods, reason = "odd values are told by looking at them")]
fn text(value: &Plaintext) -> Option<&str> {
    std::str::from_utf8(value.expose()).ok()
}

/// Values that are none.
pub(crate) const PLACEHOLDERS: [&str; 22] = [
    "changeme",
    "change-me",
    "change_me",
    "change me",
    "dummy",
    "example",
    "fixme",
    "foo",
    "foobar",
    "n/a",
    "none",
    "null",
    "password",
    "placeholder",
    "redacted",
    "secret",
    "tbd",
    "test",
    "todo",
    "undefined",
    "value",
    "xxx",
];
/// What is in some that are none, but for all signs.
pub(crate) const PLACEHOLDER_PARTS: [&str; 8] = [
    "changeme",
    "replaceme",
    "replacewith",
    "yourapikey",
    "yourkey",
    "yoursecret",
    "yourtoken",
    "yourpassword",
];
/// What stands around some that are none.
pub(crate) const ENCLOSED: [(&str, &str); 5] =
    [("<", ">"), ("${", "}"), ("{{", "}}"), ("[", "]"), ("%(", ")")];

fn placeholder(variable: &str, value: &str) -> Option<String> {
    let text = value.trim();
    let small = text.to_lowercase();
    let enclosed =
        ENCLOSED.iter().any(|(open, close)| small.starts_with(open) && small.ends_with(close));
    let looks = PLACEHOLDERS.contains(&small.as_str())
        || (enclosed && text.len() <= 64 && !text.contains(['"', '\'']))
        || (text.len() >= 3
            && text.chars().all(|c| matches!(c, 'x' | 'X' | '*' | '.' | '-' | '_')))
        || (text.len() <= 64 && {
            let letters: String = small.chars().filter(char::is_ascii_alphanumeric).collect();
            PLACEHOLDER_PARTS.iter().any(|part| letters.contains(part))
        })
        || text.trim_start_matches('$').eq_ignore_ascii_case(variable);
    looks.then(|| {
        format!(
            "the value looks like a placeholder and not like a credential: give the real value of \
             {variable} when you have it"
        )
    })
}

fn quoted(value: &str) -> Option<String> {
    let text = value.trim();
    let quoted = ['"', '\'', '`']
        .iter()
        .any(|quote| text.len() >= 3 && text.starts_with(*quote) && text.ends_with(*quote));
    quoted.then(|| {
        "the value begins and ends with quotation marks, and functions get them as part of it"
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_and_credentials_are_not() {
        for value in [
            "<your key>",
            "changeme",
            "CHANGEME",
            "xxx",
            "XXXXXXXX",
            "****",
            "YOUR_API_KEY",
            "your-api-key-here",
            "REPLACE_ME",
            "replace with your token",
            "${OPENAI_API_KEY}",
            "{{ key }}",
            "todo",
            "null",
            "OPENAI_API_KEY",
            "$OPENAI_API_KEY",
            "sk-your-api-key",
            " test\n",
        ] {
            assert!(placeholder("OPENAI_API_KEY", value).is_some(), "{value}");
        }
        for value in [
            "sk-proj-abc123xyz789",
            "hunter2",
            "postgres://app:pw@db/app",
            "{\"type\":\"x\"}",
            "SG.abc.def",
            "testimony",
            "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----",
            "[\"a\",\"b\"]",
        ] {
            assert!(placeholder("OPENAI_API_KEY", value).is_none(), "{value}");
        }
    }

    #[test]
    fn quotation_marks_around_a_value_are_told() {
        assert!(quoted("\"sk-1\"").is_some() && quoted("'sk-1'\n").is_some());
        assert!(quoted("it's").is_none() && quoted("\"").is_none());
    }
}
