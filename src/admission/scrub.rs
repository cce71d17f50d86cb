//! Copies of a manifest that tools keep on the object: no value may stay in them.
//!
//! Client-side `kubectl apply` writes the whole manifest into an annotation, the value
//! included, and other tools do likewise. kubectl's copy is needed (it is how apply
//! finds out what was taken away), so it is cut down to the fields that are known to
//! hold no value; the other copies go.

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::edit::Edit;
use super::review::{Object, read_json, wipe};
use crate::api::KlivSecretSpec;
use crate::api::names::ANNOTATION_STAMPS;

/// kubectl's copy.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Copies, and digests of copies, of other tools: kapp, Rancher's wrangler, and the
/// objectmatcher library of several operators. All of them do without.
const COPIES: [&str; 5] = [
    "kapp.k14s.io/original",
    "kapp.k14s.io/original-diff-md5",
    "kapp.k14s.io/original-diff-full",
    "objectset.rio.cattle.io/applied",
    "banzaicloud.com/last-applied",
];

/// How gzip and zip begin in base64: what is compressed can't be searched for a value.
const COMPRESSED: [&str; 2] = ["H4sI", "UEsDB"];

/// Cuts copies of the manifest down or out. The answer: whether an annotation went
/// whose tool is not known.
pub(super) fn scrub(edit: &mut Edit) -> bool {
    let annotations = edit.object.0.pointer("/metadata/annotations").and_then(Value::as_object);
    let found: Vec<(String, Found)> = annotations
        .into_iter()
        .flatten()
        .filter_map(|(key, text)| Some((key.clone(), look(key, text.as_str()?)?)))
        .collect();
    let mut dropped_unknown = false;
    for (key, found) in found {
        match found {
            Found::Copy => edit.remove_annotation(&key),
            Found::Compressed => {
                dropped_unknown = true;
                edit.remove_annotation(&key);
            }
            Found::LastApplied(text) => edit.set_annotation(&key, text),
        }
    }
    disown_value(edit);
    dropped_unknown
}

enum Found {
    /// A copy that goes.
    Copy,
    /// Something that can't be looked into, so it goes.
    Compressed,
    /// kubectl's copy, cut down.
    LastApplied(String),
}

fn look(key: &str, text: &str) -> Option<Found> {
    if key == LAST_APPLIED {
        return match cut_down(text) {
            Some(clean) if clean == text => None,
            Some(clean) => Some(Found::LastApplied(clean)),
            None => Some(Found::Copy),
        };
    }
    if COPIES.contains(&key) {
        return Some(Found::Copy);
    }
    let text = text.trim_start();
    COMPRESSED.iter().any(|magic| text.starts_with(magic)).then_some(Found::Compressed)
}

/// The copy with nothing but what is known, written as kubectl writes it; none when it
/// can't be read. The result is compared as text, so that nothing hides in a key that
/// stands twice.
fn cut_down(text: &str) -> Option<String> {
    let copy = Object(read_json(text.as_bytes())?);
    let mut kept = Map::new();
    for (key, field) in copy.0.as_object()? {
        let clean = match (key.as_str(), field) {
            ("apiVersion" | "kind", Value::String(_)) => field.clone(),
            ("metadata", Value::Object(metadata)) => known_metadata(metadata),
            ("spec", Value::Object(spec)) => known_spec(spec),
            _ => continue,
        };
        kept.insert(key.clone(), clean);
    }
    Some(as_kubectl(&Value::Object(kept)))
}

fn known_metadata(metadata: &Map<String, Value>) -> Value {
    let mut kept = Map::new();
    for (key, field) in metadata {
        let clean = match (key.as_str(), field) {
            ("name" | "namespace" | "generateName", Value::String(_))
            | ("creationTimestamp", Value::Null) => field.clone(),
            ("labels" | "annotations", Value::Object(entries)) => {
                // A key of this name would look like a value in the clear to the policy
                // that guards annotations.
                let keep = |key: &str| {
                    key != "value"
                        && key != LAST_APPLIED
                        && key != ANNOTATION_STAMPS
                        && !COPIES.contains(&key)
                };
                let entries = entries.iter().filter(|(key, text)| keep(key) && text.is_string());
                Value::Object(entries.map(|(key, text)| (key.clone(), text.clone())).collect())
            }
            _ => continue,
        };
        kept.insert(key.clone(), clean);
    }
    Value::Object(kept)
}

/// The fields of a spec as the type knows them: each alone makes the round trip through
/// the type, which has no place for a value, and what does not come back is dropped.
fn known_spec(spec: &Map<String, Value>) -> Value {
    let mut kept = Map::new();
    for (key, field) in spec {
        let mut alone = json!({ "envVar": "A" });
        alone[key] = field.clone();
        let known = KlivSecretSpec::deserialize(&alone)
            .ok()
            .and_then(|spec| serde_json::to_value(spec).ok())
            .and_then(|mut spec| spec.get_mut(key).map(Value::take));
        wipe(&mut alone);
        let plain_as_sealed =
            key == "sealed" && !field.as_str().is_some_and(|text| text.starts_with("kliv1."));
        if let Some(known) = known.filter(|_| !plain_as_sealed) {
            kept.insert(key.clone(), common(field, &known));
        }
    }
    Value::Object(kept)
}

/// The field as it was written, without the parts that the type does not know.
fn common(written: &Value, known: &Value) -> Value {
    match (written, known) {
        (Value::Object(written), Value::Object(known)) => written
            .iter()
            .filter_map(|(key, field)| Some((key.clone(), common(field, known.get(key)?))))
            .collect(),
        _ => written.clone(),
    }
}

/// JSON as Go writes it, with the newline that kubectl puts after it, so that a copy
/// that is clean already stays byte for byte.
fn as_kubectl(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        match c {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            c => text.push(c),
        }
    }
    text.push('\n');
    text
}

/// Takes `spec.value` out of managedFields: nobody owns a field that is never stored,
/// and a server-side apply by another manager would conflict on it.
fn disown_value(edit: &mut Edit) {
    let entries = edit.object.0.pointer("/metadata/managedFields").and_then(Value::as_array);
    let owners: Vec<(usize, usize, usize)> = entries
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, entry)| {
            let fields = entry.get("fieldsV1")?.as_object()?;
            let spec = fields.get("f:spec")?.as_object()?;
            spec.get("f:value").map(|_| (index, fields.len(), spec.len()))
        })
        .collect();
    for (index, fields, spec) in owners.into_iter().rev() {
        let index = index.to_string();
        let path = ["metadata", "managedFields", &index, "fieldsV1", "f:spec", "f:value"];
        // An empty set of fields is not written.
        let depth = match (spec, fields) {
            (1, 1) => 3,
            (1, _) => 5,
            _ => 6,
        };
        edit.remove(&path[..depth]);
    }
}

#[cfg(test)]
mod tests {
    use super::Object;
    use super::*;

    const CANARY: &str = "canary-4f1c9d";

    fn last_applied(copy: &Value) -> Option<String> {
        cut_down(&as_kubectl(copy))
    }

    #[test]
    fn kubectls_copy_keeps_only_what_is_known_to_hold_no_value() {
        let copy = json!({
            "apiVersion": "secrets.kliv.dev/v1alpha1",
            "kind": "KlivSecret",
            "metadata": {
                "name": "openai-api-key", "namespace": "a", "vaule": CANARY,
                "labels": { "team": "x", "value": CANARY },
                "annotations": { "note": "y", ANNOTATION_STAMPS: CANARY, LAST_APPLIED: CANARY },
            },
            "spec": {
                "envVar": "OPENAI_API_KEY", "description": "d", "rotateAfterDays": 90,
                "value": CANARY, "vaule": CANARY, "Value": { "deep": [CANARY] },
                "sealed": CANARY, "environment": { "value": CANARY },
                "generate": { "length": 20, "value": CANARY, "alphabet": "hex" },
                "request": { "purpose": "p", "answer": CANARY },
                "expirationTime": CANARY,
            },
            "value": CANARY, "data": { "x": CANARY }, "status": { "x": CANARY },
        });
        let kept = json!({
            "apiVersion": "secrets.kliv.dev/v1alpha1",
            "kind": "KlivSecret",
            "metadata": {
                "name": "openai-api-key", "namespace": "a",
                "labels": { "team": "x" }, "annotations": { "note": "y" },
            },
            "spec": {
                "envVar": "OPENAI_API_KEY", "description": "d", "rotateAfterDays": 90,
                "generate": { "length": 20, "alphabet": "hex" }, "request": { "purpose": "p" },
            },
        });
        assert_eq!(last_applied(&copy), Some(as_kubectl(&kept)));
    }

    #[test]
    fn a_copy_of_a_manifest_without_a_value_stays_byte_for_byte() {
        let text = "{\"apiVersion\":\"secrets.kliv.dev/v1alpha1\",\"kind\":\"KlivSecret\",\
            \"metadata\":{\"annotations\":{},\"name\":\"a-key\",\"namespace\":\"x\"},\
            \"spec\":{\"description\":\"a \\u003c b \\u0026 c\",\"envVar\":\"A_KEY\",\
            \"expirationTime\":\"2027-01-01T01:00:00+01:00\",\"sealed\":\"kliv1.a.b\"}}\n";
        assert_eq!(cut_down(text).as_deref(), Some(text));
    }

    #[test]
    fn a_field_that_stands_twice_hides_nothing() {
        let text = format!("{{\"spec\":{{\"value\":\"{CANARY}\"}},\"spec\":{{}}}}\n");
        assert_eq!(cut_down(&text).as_deref(), Some("{\"spec\":{}}\n"));
    }

    #[test]
    fn a_copy_that_can_not_be_read_goes() {
        for text in ["", "value: x", "[]", "\"x\"", "{\"spec\":", "1"] {
            assert_eq!(cut_down(text), None, "{text}");
        }
    }

    #[test]
    fn copies_of_other_tools_and_what_is_compressed_go() {
        let gzip = "H4sIAAAAAAAAA6tWKkvMKU1VslJQSk7MSywqUaoFAKJlFV0UAAAA";
        let object = json!({ "metadata": { "annotations": {
            "kapp.k14s.io/original": "{}", "kapp.k14s.io/original-diff-md5": "x",
            "objectset.rio.cattle.io/applied": gzip, "banzaicloud.com/last-applied": "x",
            "example.com/own": gzip, "note": "stays",
        }}});
        let mut edit = Edit::new(Object(object));
        assert!(scrub(&mut edit));
        assert_eq!(edit.object.0["metadata"]["annotations"], json!({ "note": "stays" }));
        assert_eq!(edit.into_patch().0.len(), 5);
    }

    #[test]
    fn nobody_owns_the_value() {
        let fields = |spec: Value| json!({ "fieldsV1": { "f:spec": spec } });
        let object = json!({ "metadata": { "managedFields": [
            fields(json!({ "f:value": {} })),
            fields(json!({ "f:value": {}, "f:envVar": {} })),
            { "fieldsV1": { "f:metadata": {}, "f:spec": { "f:value": {} } } },
            fields(json!({ "f:envVar": {} })),
            { "manager": "odd" },
        ]}});
        let mut edit = Edit::new(Object(object.clone()));
        scrub(&mut edit);
        let expected = json!({ "metadata": { "managedFields": [
            fields(json!({ "f:envVar": {} })),
            { "fieldsV1": { "f:metadata": {} } },
            fields(json!({ "f:envVar": {} })),
            { "manager": "odd" },
        ]}});
        assert_eq!(edit.object.0, expected);
        let mut patched = object;
        json_patch::patch(&mut patched, &edit.into_patch()).expect("the patch applies");
        assert_eq!(patched, expected);
    }
}
