//! The agents' tools as clients list them: only one place takes a value, none gives one.

use std::collections::BTreeSet;

use kliv_secrets::mcp::tools;
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// A tool as a client reads it.
struct Tool {
    name: String,
    /// The argument that may hold a value.
    value: Option<&'static str>,
    listed: Value,
}

fn all(chat_values: bool) -> Vec<Tool> {
    let all = tools(chat_values).into_iter().map(|entry| Tool {
        name: entry.described.name.to_string(),
        value: entry.value,
        listed: serde_json::to_value(&entry.described).expect("JSON"),
    });
    all.collect()
}

/// Each schema in a schema, with the name of the property that it is of, outermost first.
fn each<'a>(path: &str, schema: &'a Value, see: &mut dyn FnMut(&str, &'a Object)) {
    let Some(object) = schema.as_object() else { return };
    see(path, object);
    for (keyword, within) in object {
        match (keyword.as_str(), within) {
            ("properties" | "$defs" | "patternProperties", Value::Object(named)) => {
                named
                    .iter()
                    .for_each(|(name, schema)| each(&format!("{path}.{name}"), schema, see));
            }
            ("items" | "additionalProperties" | "not", schema) => each(path, schema, see),
            ("anyOf" | "allOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter().for_each(|schema| each(path, schema, see));
            }
            _ => {}
        }
    }
}

/// Those that are properties, with their paths.
fn properties(schema: &Value) -> Vec<(String, &Object)> {
    let mut found = Vec::new();
    each("", schema, &mut |path, object| {
        if !path.is_empty() {
            found.push((path[1..].to_owned(), object));
        }
    });
    found
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.rsplit('.').next().unwrap_or_default().split('_')
}

fn text<'a>(object: &'a Object, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn one_argument_of_one_tool_takes_a_value_and_only_where_chat_values_are_on() {
    let takes = |chat_values| {
        let takers = all(chat_values).into_iter().filter_map(|tool| Some((tool.name, tool.value?)));
        takers.collect::<Vec<_>>()
    };
    assert_eq!(takes(true), [("store_secret".to_owned(), "value")]);
    assert_eq!(takes(false), []);
    assert_eq!(all(true).len(), all(false).len() + 1);
    for tool in all(true) {
        for (name, object) in properties(&tool.listed["inputSchema"]) {
            // That something is asked for is no place for it.
            let is_place =
                words(&name).any(|word| HOLDS_ONE.contains(&word)) && may_hold_text(object);
            let is_the_place = tool.name == "store_secret" && name == "value";
            assert_eq!(is_place, is_the_place, "{}: {name}", tool.name);
            assert_eq!(object.get("writeOnly").is_some(), is_the_place, "{}: {name}", tool.name);
        }
    }
}

/// Words of names of places for a value, or for something that lets it be guessed.
const HOLDS_ONE: [&str; 21] = [
    "value",
    "values",
    "mask",
    "masked",
    "cipher",
    "ciphertext",
    "sealed",
    "encrypted",
    "fingerprint",
    "digest",
    "hash",
    "checksum",
    "plain",
    "plaintext",
    "token",
    "password",
    "credential",
    "credentials",
    "key",
    "history",
    "length",
];

fn may_hold_text(object: &Object) -> bool {
    let types = match object.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(some)) => some.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let is_closed = object.contains_key("enum") || object.contains_key("const");
    types.contains(&"string") && !is_closed
}

#[test]
fn no_answer_has_a_place_for_a_value_a_mask_or_anything_that_lets_it_be_guessed() {
    for tool in all(true) {
        for (name, object) in properties(&tool.listed["outputSchema"]) {
            let is_place = words(&name).any(|word| HOLDS_ONE.contains(&word));
            // Whether there is one is told; what it is is not.
            let is_yes_or_no = text(object, "type") == "boolean";
            assert!(!is_place || is_yes_or_no, "{}: {name}", tool.name);
            let is_text = may_hold_text(object);
            let described = text(object, "description").to_lowercase();
            for word in ["mask", "cipher", "sealed", "fingerprint", "digest", "checksum", "hash"] {
                assert!(
                    !is_text || !described.contains(word),
                    "{}: {name}: {described}",
                    tool.name
                );
            }
            let names = object.get("enum").and_then(Value::as_array).into_iter().flatten();
            for name in names.filter_map(Value::as_str) {
                assert_eq!(name, name.to_lowercase(), "{}", tool.name);
            }
        }
    }
}

#[test]
fn every_text_that_names_a_place_has_a_greatest_length() {
    for tool in all(true) {
        for (name, object) in properties(&tool.listed["inputSchema"]) {
            let is_place =
                ["name", "environment"].contains(&name.as_str()) && may_hold_text(object);
            let longest = object.get("maxLength").and_then(Value::as_u64);
            assert!(!is_place || longest.is_some_and(|n| n <= 253), "{}: {name}", tool.name);
        }
    }
}

/// Reads only, may destroy.
const EFFECTS: [(&str, bool, bool); 11] = [
    ("list_secrets", true, false),
    ("check_requirements", true, false),
    ("request_secret", false, false),
    ("get_request", true, false),
    ("cancel_request", false, false),
    ("wait_for_secret", true, false),
    ("generate_secret", false, false),
    ("update_secret", false, false),
    ("store_secret", false, true),
    ("delete_secret", false, true),
    ("recent_changes", true, false),
];

#[test]
fn every_tool_says_what_it_does_to_the_account() {
    for tool in all(true) {
        let hints = &tool.listed["annotations"];
        let wanted = EFFECTS.iter().find(|(name, ..)| *name == tool.name);
        let (_, reads, destroys) = wanted.unwrap_or_else(|| panic!("{} is new", tool.name));
        assert_eq!(hints["readOnlyHint"], *reads, "{}", tool.name);
        assert_eq!(hints["destructiveHint"], *destroys, "{}", tool.name);
        assert!(hints["idempotentHint"].is_boolean(), "{}", tool.name);
        assert_eq!(hints["openWorldHint"], false, "{}", tool.name);
    }
}

#[test]
fn every_tool_has_a_title_and_a_description_of_a_few_sentences() {
    for tool in all(true) {
        let listed = tool.listed.as_object().expect("an object");
        assert!(!text(listed, "title").is_empty(), "{}", tool.name);
        let described = text(listed, "description");
        let sentences = described.matches(". ").count() + 1;
        assert!((2..=8).contains(&sentences), "{}: {sentences}", tool.name);
        assert!((80..=900).contains(&described.len()), "{}: {}", tool.name, described.len());
        assert!(described.ends_with('.') && !described.contains("  "), "{}", tool.name);
    }
}

#[test]
fn schemas_are_objects_of_draft_2020_12_that_every_client_can_read() {
    const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
    for tool in all(true) {
        for side in ["inputSchema", "outputSchema"] {
            let schema = &tool.listed[side];
            assert_eq!(schema["type"], "object", "{} {side}", tool.name);
            assert!(schema["$schema"].is_null() || schema["$schema"] == DRAFT, "{}", tool.name);
            each("", schema, &mut |path, object| {
                let at = format!("{} {side} {path}", tool.name);
                // Not all clients follow references, and unknown formats make some complain.
                assert!(!object.contains_key("$ref") && !object.contains_key("$defs"), "{at}");
                assert!(["", "date-time"].contains(&text(object, "format")), "{at}");
                let named = object.get("properties").and_then(Value::as_object);
                let required = object.get("required").and_then(Value::as_array);
                for name in required.into_iter().flatten().filter_map(Value::as_str) {
                    assert!(named.is_some_and(|named| named.contains_key(name)), "{at}: {name}");
                }
                let is_object = object.get("type").is_some_and(|is| is == "object");
                if side == "inputSchema" && is_object {
                    assert_eq!(object["additionalProperties"], false, "{at}");
                }
            });
        }
    }
}

#[test]
fn every_argument_is_described_and_none_leads_into_another_account() {
    for tool in all(true) {
        let mut seen = BTreeSet::new();
        for (name, object) in properties(&tool.listed["inputSchema"]) {
            // Its alternatives come after it.
            let is_alternative = !seen.insert(name.clone());
            let is_described = !text(object, "description").is_empty();
            assert!(is_described || is_alternative, "{}: {name}", tool.name);
            let leads = ["account", "namespace", "cluster", "context", "url", "host"];
            assert!(!words(&name).any(|word| leads.contains(&word)), "{}: {name}", tool.name);
        }
    }
}
