//! The admission review: what the API server asks. It holds a plaintext until that is
//! taken out, so it can't be printed, and its text is wiped when it is dropped.

use serde_json::{Map, Value};
use zeroize::Zeroize;

use crate::api::Stamps;
use crate::api::names::GROUP;

/// A review that has been read. No `Debug`, no `Serialize`, on purpose.
pub(super) struct Review {
    root: Value,
}

/// A body that is no admission review; it says nothing about what it was.
pub(super) struct Unreadable;

/// What a write does to the object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Update,
}

impl Review {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let review = Self { root: read_json(bytes).ok_or(Unreadable)? };
        if review.request().is_some_and(Value::is_object) { Ok(review) } else { Err(Unreadable) }
    }

    /// The request's id, which the answer repeats. Nothing but an id is ever repeated.
    pub(super) fn uid(&self) -> &str {
        self.text("/request/uid").filter(|uid| is_id(uid)).unwrap_or_default()
    }

    /// The operation, when this review is for us: a write of a KlivSecret itself. The
    /// status has its own guards, and other kinds are none of our business.
    pub(super) fn operation(&self) -> Option<Operation> {
        let ours = self.is_of_a_klivsecret();
        match self.text("/request/operation") {
            Some("CREATE") if ours => Some(Operation::Create),
            Some("UPDATE") if ours => Some(Operation::Update),
            _ => None,
        }
    }

    /// Whether a KlivSecret is to be deleted, be it on a dry run.
    pub(super) fn deletes(&self) -> bool {
        self.is_of_a_klivsecret() && self.text("/request/operation") == Some("DELETE")
    }

    /// Where it can't be told, it is none: a real one may not be taken for nothing.
    pub(super) fn is_dry_run(&self) -> bool {
        self.root.pointer("/request/dryRun").and_then(Value::as_bool).unwrap_or(false)
    }

    fn is_of_a_klivsecret(&self) -> bool {
        self.text("/request/kind/group") == Some(GROUP)
            && self.text("/request/kind/kind") == Some("KlivSecret")
            && self.text("/request/subResource").is_none_or(str::is_empty)
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.text("/request/namespace").filter(|namespace| !namespace.is_empty())
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.text("/request/userInfo/username")
    }

    /// What the authenticator says further of the user; a key may hold several, of which
    /// this is the first.
    pub(super) fn extra(&self, key: &str) -> Option<&str> {
        let extra = self.root.pointer("/request/userInfo/extra")?.get(key)?;
        extra.get(0)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn field_manager(&self) -> &str {
        self.text("/request/options/fieldManager").unwrap_or_default()
    }

    /// Takes the new object out.
    pub(super) fn take_object(&mut self) -> Object {
        Object(self.root.pointer_mut("/request/object").map_or(Value::Null, Value::take))
    }

    /// Takes the stored object out.
    pub(super) fn take_old_object(&mut self) -> Object {
        Object(self.root.pointer_mut("/request/oldObject").map_or(Value::Null, Value::take))
    }

    fn request(&self) -> Option<&Value> {
        self.root.get("request")
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.root.pointer(pointer)?.as_str()
    }
}

impl Drop for Review {
    fn drop(&mut self) {
        wipe(&mut self.root);
    }
}

/// A KlivSecret as it was sent, under the same rules as [`Review`].
pub(super) struct Object(pub(super) Value);

impl Object {
    pub(super) fn spec(&self) -> Option<&Map<String, Value>> {
        self.0.get("spec")?.as_object()
    }

    pub(super) fn spec_mut(&mut self) -> Option<&mut Map<String, Value>> {
        self.0.get_mut("spec")?.as_object_mut()
    }

    pub(super) fn name(&self) -> &str {
        self.text("/metadata/name").unwrap_or_default()
    }

    /// Where it is an id.
    pub(super) fn uid(&self) -> Option<&str> {
        self.text("/metadata/uid").filter(|uid| !uid.is_empty() && is_id(uid))
    }

    pub(super) fn is_being_deleted(&self) -> bool {
        self.text("/metadata/deletionTimestamp").is_some()
    }

    pub(super) fn sealed(&self) -> Option<&str> {
        self.text("/spec/sealed")
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.0.get("metadata")?.get("annotations")?.get(key)?.as_str()
    }

    pub(super) fn recorded_stamp(&self) -> i64 {
        Stamps::recorded(self.0.pointer("/status/recordedStamp").and_then(Value::as_i64))
    }

    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn is_id(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Reads JSON that somebody sent, unless it has values without end: in memory each of them
/// takes many times the bytes that it takes here. A KlivSecret has some hundred.
pub(super) fn read_json(text: &[u8]) -> Option<Value> {
    const MOST: usize = 100_000;
    // serde's error may quote the text: it ends here.
    if values(text) <= MOST { serde_json::from_slice(text).ok() } else { None }
}

/// How many values a text has at most, if it is JSON: each but the first comes after one
/// of these signs.
fn values(text: &[u8]) -> usize {
    let (mut count, mut quoted, mut escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

/// Overwrites every text in `value`, keys too.
pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => {
            for (mut key, mut field) in std::mem::take(fields) {
                key.zeroize();
                wipe(&mut field);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_has_more_values_than_are_counted() {
        fn all(value: &Value) -> usize {
            1 + match value {
                Value::Array(items) => items.iter().map(all).sum(),
                Value::Object(fields) => fields.values().map(all).sum(),
                _ => 0,
            }
        }
        for text in [
            "1",
            "[]",
            "[1,2,[3,{}]]",
            r#"{"a":"[,,{\"},","b":{"c":[null]}}"#,
            r#"{"\\":[1,"\\"],"b\"":",",",":1}"#,
        ] {
            let value = serde_json::from_str(text).expect("JSON");
            assert!((all(&value)..all(&value) + 4).contains(&values(text.as_bytes())), "{text}");
        }
    }

    #[test]
    fn what_would_take_many_times_its_size_in_memory_is_not_read() {
        let review = |text: &str| format!("{{\"request\":{{\"uid\":\"a\"}},\"more\":{text}}}");
        let lists = format!("[{}0]", "0,".repeat(150_000));
        let maps = format!("[{}0]", "{},".repeat(150_000));
        let text = format!("\"{}\"", "[{,".repeat(150_000));
        assert!(Review::parse(review(&lists).as_bytes()).is_err());
        assert!(Review::parse(review(&maps).as_bytes()).is_err());
        assert!(Review::parse(review(&text).as_bytes()).is_ok());
    }
}
