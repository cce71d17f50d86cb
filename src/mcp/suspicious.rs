//! Whether something in a call looks like a credential: then it is refused before anything is
//! read or sent.
//!
//! ```text
//!  text ─┬─ a PEM block, a password in a URL
//!        ├─ how credentials of known providers begin (`api::recognise`), anywhere in it
//!        ├─ `password=`, `token:`, `Bearer ` and what follows
//!        └─ a long token that looks drawn: by its kinds of characters, how often they change,
//!           and Shannon's entropy
//! ```
//!
//! Which way to err: a refusal costs an agent one more try, a credential that gets through
//! stands in a spec for good. So hexadecimal of 32 digits and more is refused, also the name of
//! a Git commit: its first 8 are enough. Passed are names of variables and objects, uids in
//! their usual form, dates, versions, links to providers' pages, prose. What nobody can tell
//! from words passes, too: `correct-horse-battery-staple`.

use rmcp::model::JsonObject;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::api::text::is_harmless;
use crate::api::{CREDENTIALS, Rest};

/// Something in a call looks like a credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Suspicious<'a> {
    /// In this argument, one of the tool's own; none where that can't be said without repeating
    /// what the call says.
    pub(super) argument: Option<&'a str>,
}

/// Looks through the arguments of a tool with this input schema; but for the one that may hold
/// a value.
pub(super) fn find<'a>(
    arguments: &JsonObject,
    schema: &'a JsonObject,
    value: Option<&str>,
) -> Option<Suspicious<'a>> {
    let own = schema.get("properties").and_then(Value::as_object);
    for (name, argument) in arguments {
        let known = own.and_then(|own| own.get_key_value(name)).map(|(name, _)| name.as_str());
        if known.is_none() && is_suspicious(name) {
            return Some(Suspicious { argument: None });
        }
        let may = value == Some(name.as_str());
        if !may && is_anywhere_in(argument) {
            return Some(Suspicious { argument: known });
        }
    }
    None
}

fn is_anywhere_in(value: &Value) -> bool {
    match value {
        Value::String(text) => is_suspicious(text),
        Value::Array(items) => items.iter().any(is_anywhere_in),
        Value::Object(fields) => {
            fields.iter().any(|(name, field)| is_suspicious(name) || is_anywhere_in(field))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a text holds what looks like a credential.
pub(super) fn is_suspicious(text: &str) -> bool {
    // What can't be seen could part it.
    let seen = |c: &char| is_harmless(*c) || c.is_whitespace();
    let text = Zeroizing::new(text.chars().filter(seen).collect::<String>());
    let text = text.as_str();
    text.contains("-----BEGIN ")
        || has_password_in_url(text)
        || begins_like_one(text)
        || is_assigned(text)
        || tokens(text).any(|token| is_drawn(&token))
}

/// `scheme://user:password@host`.
fn has_password_in_url(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let run = until(&text[at + 3..], |c| c.is_whitespace() || "\"'`".contains(c));
        // A path may hold an @; a password of a database's URL may hold a slash.
        let is_web = text[..at].ends_with("http") || text[..at].ends_with("https");
        let run = if is_web { until(run, |c| "/?#".contains(c)) } else { run };
        let password = run.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
        password.is_some_and(|(_, password)| !is_placeholder(password))
    })
}

/// Begins anywhere in it as credentials of a known kind do, and goes on as if it were drawn.
fn begins_like_one(text: &str) -> bool {
    let mut before = ' ';
    text.char_indices().any(|(at, character)| {
        let is_start = !std::mem::replace(&mut before, character).is_ascii_alphanumeric();
        is_start && CREDENTIALS.iter().any(|row| goes_on(row, &text[at..]))
    })
}

fn goes_on(row: &crate::api::CredentialRow, text: &str) -> bool {
    let (begins, rest, provider, kind, _) = row;
    let Some(after) = text.strip_prefix(begins) else { return false };
    let after = until(after, |c| c.is_whitespace() || "\"'`,;()[]{}<>|\\".contains(c));
    let after = after.trim_end_matches(['.', ':', '!', '?']);
    let is_place = begins.contains("://");
    match rest {
        Rest::Hex(_) | Rest::Capitals(_) => {
            rest.fits(until(after, |c| !c.is_ascii_alphanumeric()))
        }
        Rest::Words(_) => *begins == "eyJ" && rest.fits(after),
        // Without its password it is no secret.
        Rest::Any | Rest::Long(_) if is_place && !kind.contains("webhook") => false,
        Rest::Any | Rest::Long(_) => {
            let is_general = provider.is_empty() && *kind == "key";
            let least = if is_place || is_general { 16 } else { 8 };
            let is_one = |run: &str| {
                run.len() >= least && is_mixed(run) || run.len() >= 20 && !is_general && !is_place
            };
            rest.fits(after) && after.split(|c: char| !c.is_ascii_alphanumeric()).any(is_one)
        }
    }
}

/// What a password or a token is called, where it is given.
const CALLED: [&str; 14] = [
    "password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "api_key", "api-key",
    "accesskey", "access_key", "accountkey", "private_key", "credential",
];

/// `password=…`, `"token": "…"`, `Bearer …`.
fn is_assigned(text: &str) -> bool {
    let small = Zeroizing::new(text.to_ascii_lowercase());
    let value = |rest: &str| {
        let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "\"'`".contains(c));
        until(rest, |c| c.is_whitespace() || "\"'`,;&()<>".contains(c)).to_owned()
    };
    let given = CALLED.iter().flat_map(|called| small.match_indices(called)).any(|(at, called)| {
        let rest = text[at + called.len()..].trim_start_matches(['"', '\'', '`', ' ']);
        let rest = rest.strip_prefix(['=', ':']);
        rest.is_some_and(|rest| is_given(&value(rest), 8))
    });
    let schemes = ["bearer ", "basic "];
    given
        || schemes.iter().flat_map(|scheme| small.match_indices(scheme)).any(|(at, scheme)| {
            is_given(&value(&text[at + scheme.len()..]), 16)
        })
}

fn is_given(value: &str, least: usize) -> bool {
    value.len() >= least
        && is_mixed(value)
        && !is_placeholder(value)
        && !value.contains("://")
        && !is_uid(value)
        && !is_words(value)
}

/// Words, numbers and versions with separators, e.g. `openai-api-key.v2`, `OAUTH2_TOKEN`.
fn is_words(text: &str) -> bool {
    text.split(['-', '_', '.', '/']).all(|part| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = part.len() - letters.len();
        letters.chars().all(char::is_alphabetic) && (digits <= 3 || letters.len() <= 1)
    })
}

/// What stands where a password is meant.
fn is_placeholder(text: &str) -> bool {
    let small = text.to_ascii_lowercase();
    let letters: String = small.chars().filter(char::is_ascii_alphabetic).collect();
    let meant = ["password", "passwd", "pass", "secret", "pwd", "pw", "token", "key", "apikey"];
    let is_meant = meant.iter().any(|word| letters.strip_suffix(word).is_some_and(|before| {
        ["", "your", "my", "the", "db", "app", "api", "user", "some"].contains(&before)
    }));
    text.is_empty()
        || text.starts_with(['$', '<', '{', '[', '*', '%'])
        || (is_meant || letters.contains("example") || letters.contains("changeme"))
            && text.chars().all(|c| c.is_ascii_alphabetic() || "-_.".contains(c))
        || small.chars().all(|c| "x*.-_•…".contains(c))
}

/// What can be a token: without uids, which name objects.
fn tokens(text: &str) -> impl Iterator<Item = String> {
    let all = text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=_-".contains(c));
    all.flat_map(|run| run.split('/').any(is_uid).then(|| without_uids(run)).map_or_else(
        || vec![run.to_owned()],
        |parts| parts,
    ))
}

fn without_uids(run: &str) -> Vec<String> {
    run.split('/').filter(|part| !is_uid(part)).map(str::to_owned).collect()
}

/// Whether a token, or a part of it, looks drawn.
fn is_drawn(token: &str) -> bool {
    const SEPARATORS: [char; 5] = ['+', '/', '=', '_', '-'];
    let parts = || token.split(SEPARATORS).filter(|part| !part.is_empty());
    if parts().any(is_drawn_part) {
        return true;
    }
    // Base64 has separators in between, though few.
    let joined = Zeroizing::new(parts().collect::<String>());
    let kinds = Kinds::of(&joined);
    joined.len() >= 24
        && parts().count() <= 1 + joined.len() / 8
        && kinds.count() == 3
        && kinds.changes * 4 >= joined.len()
        && entropy(&joined) >= 3.5
        && !is_wordy(&joined)
}

fn is_drawn_part(part: &str) -> bool {
    let (length, kinds) = (part.len(), Kinds::of(part));
    if length >= 32 && part.bytes().all(|b| b.is_ascii_hexdigit()) {
        return entropy(part) >= 2.5;
    }
    match (kinds.small, kinds.capitals, kinds.digits) {
        (1.., 1.., 1..) => {
            length >= 20
                && kinds.changes * 4 >= length
                && entropy(part) >= 3.2
                && !is_wordy(part)
        }
        (1.., 0, 3..) => {
            length >= 24 && kinds.changes >= 4 && kinds.changes * 7 >= length && entropy(part) >= 3.2
        }
        (0, 1.., 1..) => length >= 24 && kinds.changes >= 2 && entropy(part) >= 3.0,
        (1.., 1.., 0) => length >= 24 && kinds.changes * 3 >= length && !is_wordy(part),
        _ => false,
    }
}

/// How many characters of each kind a token has, and how often the kind changes.
#[derive(Default)]
struct Kinds {
    small: usize,
    capitals: usize,
    digits: usize,
    changes: usize,
}

impl Kinds {
    fn of(token: &str) -> Self {
        let mut kinds = Self::default();
        let mut before = None;
        for byte in token.bytes() {
            let (kind, count) = match byte {
                b'0'..=b'9' => (0, &mut kinds.digits),
                b'A'..=b'Z' => (1, &mut kinds.capitals),
                _ => (2, &mut kinds.small),
            };
            *count += 1;
            kinds.changes += usize::from(before.replace(kind).is_some_and(|before| before != kind));
        }
        kinds
    }

    fn count(&self) -> usize {
        [self.small, self.capitals, self.digits].iter().filter(|count| **count > 0).count()
    }
}

/// Whether it holds letters and digits, or small letters and capitals in change.
fn is_mixed(text: &str) -> bool {
    let has_digit = text.bytes().any(|b| b.is_ascii_digit());
    let has_letter = text.bytes().any(|b| b.is_ascii_alphabetic());
    has_digit && has_letter || Kinds::of(text).changes >= 4
}

/// Whether most of it is words in camel case.
fn is_wordy(token: &str) -> bool {
    let mut covered = 0;
    for word in token.split(|c: char| !c.is_ascii_lowercase()) {
        if word.len() >= 3 {
            covered += word.len() + 1;
        }
    }
    covered * 2 >= token.len()
}

/// Bits a character.
fn entropy(token: &str) -> f64 {
    let mut counts = [0_u32; 256];
    token.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = f64::from(u32::try_from(token.len()).unwrap_or(u32::MAX));
    let share = |count: &u32| f64::from(*count) / length;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

/// In the form of Kubernetes, e.g. `6c41d3f0-8c41-4a3a-9d8c-1f1b7c8f7f60`.
fn is_uid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// As far as no character ends it.
fn until(text: &str, ends: impl Fn(char) -> bool) -> &str {
    text.find(ends).map_or(text, |end| &text[..end])
}
