//! Looks for the value in the rest of the object: pasted into a description, a label,
//! an annotation of some tool. What is found there would be stored in the clear.
//!
//! Found are the value as it is, JSON-escaped, percent-encoded, in hex, and in base64
//! wherever it stands in the encoded text; also in JSON inside of text. White space at
//! the value's ends does not count. Not looked for:
//!
//! - values shorter than [`SHORTEST`]: they would be found by chance;
//! - plain words (`postgres`, `eu-north`) in names, labels and keys, where they stand
//!   for what they mean: a user `postgres` may well carry the label `postgres`;
//! - anything in what the API server itself writes or throws away: uid, times, status.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;
use zeroize::Zeroizing;

use super::review::{Object, read_json};
use super::scrub::LAST_APPLIED;
use crate::api::names::ANNOTATION_STAMPS;
use crate::seal::Plaintext;

/// The shortest value that is looked for, bytes.
const SHORTEST: usize = 8;

/// How deep JSON in text in JSON is followed.
const DEEPEST: usize = 4;

/// The first field of an object to be stored that holds the value in the clear: its path, which
/// never does. For doors whose values come to the front door sealed, where it can't look.
pub(crate) fn held_in(value: &Plaintext, object: Value) -> Option<String> {
    Needles::of(value)?.find_in(&Object(object))
}

/// Every form of a value that is looked for. Wiped when dropped.
pub(super) struct Needles {
    forms: Vec<Zeroizing<String>>,
    raw: Zeroizing<String>,
    is_plain_word: bool,
}

impl Needles {
    /// None when the value is too short to be looked for, or no text.
    #[expect(clippy::disallowed_methods, reason = "to find the value, one has to know it")]
    pub(super) fn of(value: &Plaintext) -> Option<Self> {
        let text = std::str::from_utf8(value.expose()).ok()?.trim();
        if text.len() < SHORTEST {
            return None;
        }
        let mut forms = vec![copy(text)];
        let escaped = json_escaped(text);
        if *escaped != text {
            let go = replaced(&escaped, &[('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026")]);
            forms.extend([escaped, go]);
        } else if text.contains(['<', '>', '&']) {
            forms.push(replaced(text, &[('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026")]));
        }
        for offset in 0..3 {
            let (standard, url) = base64_cores(text.as_bytes(), offset);
            if *standard != *url {
                forms.push(url);
            }
            forms.push(standard);
        }
        forms.push(hex(text.as_bytes(), b"0123456789abcdef"));
        forms.push(hex(text.as_bytes(), b"0123456789ABCDEF"));
        let is_plain_word = text.bytes().all(|b| b.is_ascii_alphabetic() || b"-_.".contains(&b));
        Some(Self { forms, raw: copy(text), is_plain_word })
    }

    /// The first field that holds the value: its path, which never does.
    pub(super) fn find_in(&self, object: &Object) -> Option<String> {
        self.walk(&object.0, "", DEEPEST).or_else(|| {
            // kubectl's copy comes last: what is in it mostly stands in the object too, and
            // there it can be taken out. It is looked at as the object itself is.
            let copy = Object(read_json(object.annotation(LAST_APPLIED)?.as_bytes())?);
            self.walk(&copy.0, "", DEEPEST)?;
            Some(child("metadata.annotations", LAST_APPLIED))
        })
    }

    fn walk(&self, value: &Value, path: &str, deeper: usize) -> Option<String> {
        match value {
            Value::String(text) => self.look(text, path, deeper),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .find_map(|(index, item)| self.walk(item, &format!("{path}[{index}]"), deeper)),
            Value::Object(fields) => fields.iter().find_map(|(key, field)| {
                if !self.is_plain_word && self.is_in(key) {
                    return Some(if path.is_empty() { "the object".into() } else { path.into() });
                }
                let path = child(path, key);
                if passed_over(&path) { None } else { self.walk(field, &path, deeper) }
            }),
            Value::Number(number) => self.look(&number.to_string(), path, deeper),
            Value::Null | Value::Bool(_) => None,
        }
    }

    fn look(&self, text: &str, path: &str, deeper: usize) -> Option<String> {
        if self.is_plain_word && is_name(path) {
            return None;
        }
        if self.is_in(text) {
            return Some(path.to_owned());
        }
        let text = text.trim_start();
        if deeper == 0 || !text.starts_with(['{', '[', '"']) {
            return None;
        }
        let inner = Object(read_json(text.as_bytes())?);
        self.walk(&inner.0, "…", deeper - 1).map(|_| path.to_owned())
    }

    fn is_in(&self, text: &str) -> bool {
        let in_text = |text: &str| self.forms.iter().any(|form| text.contains(form.as_str()));
        if in_text(text) {
            return true;
        }
        let wrapped = text.contains(['\n', '\r']) && {
            let unwrapped: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            in_text(&Zeroizing::new(unwrapped))
        };
        wrapped || (text.contains('%') && contains(&percent_decoded(text), &self.raw))
    }
}

/// A field of a map, in a form that is safe to print; odd keys are not.
fn child(path: &str, key: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    let key = if key.len() <= 317 && key.bytes().all(plain) { key } else { "…" };
    match path {
        "" => key.to_owned(),
        "metadata.labels" | "metadata.annotations" => format!("{path}[{key}]"),
        _ => format!("{path}.{key}"),
    }
}

/// Written by the API server itself, thrown away by it, ciphertext, or looked at apart.
fn passed_over(path: &str) -> bool {
    const PATHS: [&str; 11] = [
        "apiVersion",
        "kind",
        "status",
        "metadata.uid",
        "metadata.resourceVersion",
        "metadata.generation",
        "metadata.creationTimestamp",
        "metadata.deletionTimestamp",
        "metadata.selfLink",
        "metadata.namespace",
        "spec.sealed",
    ];
    PATHS.contains(&path)
        || [ANNOTATION_STAMPS, LAST_APPLIED].map(Some).contains(&annotation(path))
        || (path.starts_with("metadata.managedFields[")
            && [".time", ".operation", ".apiVersion"].iter().any(|end| path.ends_with(end)))
}

/// The key of the annotation at this path.
fn annotation(path: &str) -> Option<&str> {
    path.strip_prefix("metadata.annotations[")?.strip_suffix(']')
}

/// Names, where a plain word stands for what it means.
fn is_name(path: &str) -> bool {
    const PATHS: [&str; 4] =
        ["metadata.name", "metadata.generateName", "spec.envVar", "spec.environment"];
    PATHS.contains(&path)
        || path.starts_with("metadata.labels[")
        || path.starts_with("metadata.managedFields[")
}

fn copy(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

/// JSON's own escapes, without the quotation marks around.
fn json_escaped(text: &str) -> Zeroizing<String> {
    // Room for the longest form: a growing buffer would leave copies behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(text.len() * 6 + 2));
    if serde_json::to_writer(&mut *buffer, text).is_err() {
        return copy(text);
    }
    let inner = &buffer[1..buffer.len() - 1];
    Zeroizing::new(String::from_utf8_lossy(inner).into_owned())
}

fn replaced(text: &str, table: &[(char, &str)]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len() * 6));
    for c in text.chars() {
        match table.iter().find(|(from, _)| *from == c) {
            Some((_, to)) => out.push_str(to),
            None => out.push(c),
        }
    }
    out
}

/// What base64 always shows of bytes that begin `offset` bytes into a group of three:
/// the characters that depend on nothing around them. Standard, and for URLs.
fn base64_cores(bytes: &[u8], offset: usize) -> (Zeroizing<String>, Zeroizing<String>) {
    let mut padded = Zeroizing::new(Vec::with_capacity(bytes.len() + offset));
    padded.resize(offset, 0);
    padded.extend_from_slice(bytes);
    let from = [0, 2, 3][offset];
    let cut = usize::from(!padded.len().is_multiple_of(3));
    let core = |text: String| {
        let text = Zeroizing::new(text);
        copy(&text[from..text.len() - cut])
    };
    (core(STANDARD_NO_PAD.encode(&*padded)), core(URL_SAFE_NO_PAD.encode(&*padded)))
}

fn hex(bytes: &[u8], digits: &[u8; 16]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        text.push(char::from(digits[usize::from(byte >> 4)]));
        text.push(char::from(digits[usize::from(byte & 15)]));
    }
    text
}

fn percent_decoded(text: &str) -> Zeroizing<Vec<u8>> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Whether the text is in bytes that need not be text. The search is linear, and bytes that
/// are no text hide none that is.
fn contains(bytes: &[u8], text: &str) -> bool {
    Zeroizing::new(String::from_utf8_lossy(bytes).into_owned()).contains(text)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use serde_json::json;

    use super::*;

    fn find(value: &str, object: Value) -> Option<String> {
        Needles::of(&Plaintext::new(value.into()))?.find_in(&Object(object))
    }

    fn described(text: impl Into<String>) -> Value {
        json!({ "spec": { "description": text.into() } })
    }

    const VALUE: &str = "p\"ss<w>&rd\\0123?>~é";

    #[test]
    fn the_value_is_found_in_every_form() {
        let json = serde_json::to_string(VALUE).unwrap_or_default();
        let go = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
        let percent: String = VALUE.bytes().map(|b| format!("%{b:02X}")).collect();
        let mut forms = vec![
            VALUE.to_owned(),
            format!("the key is {VALUE}, keep it"),
            json.trim_matches('"').to_owned(),
            go.trim_matches('"').to_owned(),
            json!({ "a": [{ "b": VALUE }] }).to_string(),
            json!({ "a": json!({ "b": VALUE }).to_string() }).to_string(),
            json!({ VALUE: 1 }).to_string(),
            VALUE.bytes().map(|b| format!("{b:02x}")).collect(),
            VALUE.bytes().map(|b| format!("{b:02X}")).collect(),
            format!("https://example.com/?key={percent}"),
        ];
        for before in ["", "a", "ab", "abc"] {
            for after in ["", "x", "xy", "\n"] {
                let text = format!("{before}{VALUE}{after}");
                forms.push(format!("see {}", STANDARD.encode(&text)));
                forms.push(STANDARD_NO_PAD.encode(&text));
                forms.push(URL_SAFE.encode(&text));
                let encoded = STANDARD.encode(&text);
                forms.push(
                    encoded
                        .as_bytes()
                        .chunks(8)
                        .map(String::from_utf8_lossy)
                        .fold(String::new(), |lines, line| lines + &line + "\n"),
                );
            }
        }
        for form in forms {
            let found = find(VALUE, described(&form));
            assert_eq!(found.as_deref(), Some("spec.description"), "{form}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_hide_nothing_and_cost_little() {
        for before in ["%FF", "%E2%82", "%C3", "%F0%9F%98"] {
            for after in ["", "%FF", "%80"] {
                let found = find("0123456789", described(format!("x{before}0123456789{after}")));
                assert_eq!(found.as_deref(), Some("spec.description"), "{before} {after}");
            }
        }
        // Compared place by place this would take hours.
        let value = format!("{}b", "a".repeat(65_000));
        assert_eq!(find(&value, described(format!("%FF{}", "a".repeat(3_000_000)))), None);
    }

    #[test]
    fn white_space_around_the_value_does_not_hide_it() {
        let found = find("  0123456789\n", described("key: 0123456789."));
        assert_eq!(found.as_deref(), Some("spec.description"));
    }

    #[test]
    fn the_field_is_named_and_the_name_never_holds_the_value() {
        let value = "v4lu3-v4lu3-v4lu3";
        let table = [
            (json!({ "metadata": { "labels": { "a/b": value } } }), "metadata.labels[a/b]"),
            (json!({ "metadata": { "labels": { value: "x" } } }), "metadata.labels"),
            (
                json!({ "metadata": { "annotations": { "odd \n key": value } } }),
                "metadata.annotations[…]",
            ),
            (json!({ "metadata": { "name": value } }), "metadata.name"),
            (json!({ "metadata": { "finalizers": ["x", value] } }), "metadata.finalizers[1]"),
            (json!({ "spec": { "request": { "purpose": value } } }), "spec.request.purpose"),
            (json!({ "spec": { "envVar": value } }), "spec.envVar"),
            (json!({ value: 1 }), "the object"),
        ];
        for (object, field) in table {
            assert_eq!(find(value, object).as_deref(), Some(field));
        }
        let number = json!({ "spec": { "rotateAfterDays": 1_234_567_890 } });
        assert_eq!(find("1234567890", number).as_deref(), Some("spec.rotateAfterDays"));
    }

    #[test]
    fn a_field_is_named_rather_than_the_copy_that_kubectl_made_of_it() {
        let copy = json!({ "spec": { "description": "0123456789" } }).to_string();
        let annotations = json!({ LAST_APPLIED: copy });
        let mut object = json!({ "metadata": { "annotations": annotations } });
        let path = format!("metadata.annotations[{LAST_APPLIED}]");
        assert_eq!(find("0123456789", object.clone()), Some(path));
        object["spec"] = json!({ "description": "0123456789" });
        assert_eq!(find("0123456789", object).as_deref(), Some("spec.description"));
    }

    #[test]
    fn what_would_be_found_by_chance_is_not_looked_for() {
        assert_eq!(find("1234567", described("1234567")), None);
        let name = json!({ "metadata": {
            "name": "postgres-user.production", "labels": { "app": "postgres", "postgres": "" },
        }, "spec": { "environment": "production" }});
        assert_eq!(find("postgres", name.clone()), None);
        assert_eq!(find("production", name.clone()), None);
        let copy = json!({ "metadata": { "annotations": { LAST_APPLIED: name.to_string() } } });
        assert_eq!(find("postgres", copy), None);
        assert!(find("postgres", described("the postgres user")).is_some());
    }

    #[test]
    fn what_the_api_server_writes_is_passed_over() {
        let object = json!({ "metadata": {
            "resourceVersion": "1234567890", "uid": "1234567890", "namespace": "1234567890",
            "annotations": { ANNOTATION_STAMPS: "1234567890" },
        }, "spec": { "sealed": "1234567890" }, "status": { "history": ["1234567890"] }});
        assert_eq!(find("1234567890", object), None);
    }
}
