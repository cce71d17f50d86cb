//! Whether arguments have the shape that a tool takes: what does not fit is named in plain words,
//! and nothing of the call is ever quoted, since it may hold a credential: not a value, and not a
//! name that is none of ours.
//!
//! They are checked against the tool's own input schema, by the few keywords that the schemas of
//! our types use. A library for the whole of JSON Schema would bring a dozen more, and its errors
//! quote; a test says when a schema goes beyond what is checked here.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::failure::Failure;
use crate::inject::nearby;

/// Whether arguments fit a tool's input schema, but for the value that was `taken` out of them.
///
/// # Errors
/// What does not, by the argument's path.
pub(super) fn check(
    schema: &JsonObject,
    arguments: &JsonObject,
    taken: Option<&str>,
) -> Result<(), Failure> {
    Shape { taken }.object(schema, arguments, "").map_err(Failure::new)
}

/// What is known of a call beside its schema.
struct Shape<'a> {
    taken: Option<&'a str>,
}

impl Shape<'_> {
    /// Whether a value fits; where it does not, why, with the argument's path.
    fn value(&self, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
        let Some(schema) = schema.as_object() else { return Ok(()) };
        if let Some(choices) = choices(schema) {
            return match choices.contains(&value) {
                true => Ok(()),
                false => Err(format!("`{path}` has to be one of: {}", listed(&choices))),
            };
        }
        for one in ["anyOf", "oneOf"] {
            if let Some(alternatives) = schema.get(one).and_then(Value::as_array) {
                return self.any(alternatives, value, path);
            }
        }
        let all = schema.get("allOf").and_then(Value::as_array);
        all.into_iter().flatten().try_for_each(|schema| self.value(schema, value, path))?;
        let Some(kind) = schema.get("type").and_then(Value::as_str) else { return Ok(()) };
        if !is(kind, value) {
            return Err(format!("`{path}` has to be {}", in_words(kind)));
        }
        match value {
            Value::String(text) => length(schema, ["minLength", "maxLength"], text.chars().count())
                .map_err(|(not, most)| format!("`{path}` is {not} than {most} characters")),
            Value::Number(number) => range(schema, number.as_f64(), path),
            Value::Array(items) => {
                length(schema, ["minItems", "maxItems"], items.len()).map_err(|(not, most)| {
                    format!(
                        "`{path}` has {} than {most} entries",
                        match not {
                            "longer" => "more",
                            _ => "fewer",
                        }
                    )
                })?;
                let Some(schema) = schema.get("items") else { return Ok(()) };
                let mut items = items.iter().enumerate();
                items.try_for_each(|(at, item)| self.value(schema, item, &format!("{path}[{at}]")))
            }
            Value::Object(fields) => self.object(schema, fields, path),
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    /// One of several; if it is the only one that can be meant, what is wrong by that.
    fn any(&self, alternatives: &[Value], value: &Value, path: &str) -> Result<(), String> {
        let can_be = |schema: &&Value| schema.get("type") != Some(&Value::from("null"));
        if alternatives.iter().any(|schema| self.value(schema, value, path).is_ok()) {
            return Ok(());
        }
        let mut meant = alternatives.iter().filter(can_be);
        match (meant.next(), meant.next()) {
            (Some(schema), None) => self.value(schema, value, path),
            _ => Err(format!("`{path}` is in none of the forms that the input schema names")),
        }
    }

    fn object(&self, schema: &JsonObject, fields: &JsonObject, path: &str) -> Result<(), String> {
        let none = JsonObject::new();
        let own = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let within = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        let required = schema.get("required").and_then(Value::as_array);
        let mut required = required.into_iter().flatten().filter_map(Value::as_str);
        if let Some(name) = required.find(|name| !fields.contains_key(*name)) {
            return Err(format!("`{}` is missing", within(name)));
        }
        for (name, field) in fields {
            if path.is_empty() && self.taken == Some(name.as_str()) && field.is_null() {
                continue;
            }
            let Some((name, schema)) = own.get_key_value(name) else {
                match schema.get("additionalProperties") {
                    Some(Value::Bool(false)) => return Err(unknown(name, own, path)),
                    Some(schema) => self.value(schema, field, &within("*"))?,
                    None => {}
                }
                continue;
            };
            self.value(schema, field, &within(name))?;
        }
        Ok(())
    }
}

/// There is no such argument. Its name is not repeated: it may be what it should not.
fn unknown(name: &str, own: &JsonObject, path: &str) -> String {
    let of = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
    let names = || own.keys().map(String::as_str);
    let meant = nearby(name, names()).first().map(|name| format!(": did you mean `{name}`?"));
    let meant = meant.unwrap_or_default();
    match own.is_empty() {
        true => format!("there is an argument{of}, and none is taken"),
        false => {
            let all: Vec<String> = names().map(|name| format!("`{name}`")).collect();
            format!(
                "there is an argument{of} that is not known{meant}; known are {}",
                all.join(", ")
            )
        }
    }
}

/// The values that are taken, where they are listed.
fn choices(schema: &JsonObject) -> Option<Vec<&Value>> {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return Some(choices.iter().collect());
    }
    if let Some(only) = schema.get("const") {
        return Some(vec![only]);
    }
    let all = schema.get("oneOf")?.as_array()?;
    let all: Vec<_> = all.iter().map(|one| choices(one.as_object()?)).collect::<Option<_>>()?;
    Some(all.into_iter().flatten().collect())
}

fn listed(choices: &[&Value]) -> String {
    let texts = choices.iter().filter_map(|choice| choice.as_str());
    texts.map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn in_words(kind: &str) -> &'static str {
    match kind {
        "boolean" => "true or false",
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "array" => "a list",
        _ => "an object",
    }
}

/// Whether so many are neither too few nor too many.
fn length(
    schema: &JsonObject,
    [least, most]: [&str; 2],
    length: usize,
) -> Result<(), (&'static str, u64)> {
    let limit = |key: &str| schema.get(key).and_then(Value::as_u64);
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    match (limit(least), limit(most)) {
        (Some(least), _) if length < least => Err(("shorter", least)),
        (_, Some(most)) if length > most => Err(("longer", most)),
        _ => Ok(()),
    }
}

fn range(schema: &JsonObject, number: Option<f64>, path: &str) -> Result<(), String> {
    let limit = |key: &str| schema.get(key).and_then(Value::as_f64);
    let number = number.unwrap_or(f64::NAN);
    let (least, most) = (limit("minimum"), limit("maximum"));
    let fits = least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most);
    match (fits, least, most) {
        (true, ..) => Ok(()),
        (_, Some(least), Some(most)) => Err(format!("`{path}` has to be from {least} to {most}")),
        (_, Some(least), None) => Err(format!("`{path}` has to be {least} or more")),
        (_, _, most) => Err(format!("`{path}` has to be {} or less", most.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> JsonObject {
        let or_null = |schema: Value| json!({ "anyOf": [schema, { "type": "null" }] });
        let schema = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["name"],
            "properties": {
                "name": { "type": "string", "minLength": 1, "maxLength": 8 },
                "environment": or_null(json!({ "type": "string", "maxLength": 63 })),
                "days": or_null(json!({ "type": "integer", "minimum": 1, "maximum": 3650 })),
                "names": { "type": "array", "maxItems": 2,
                           "items": { "type": "string", "maxLength": 4 } },
                "alphabet": or_null(json!({ "oneOf": [
                    { "type": "string", "const": "hex", "description": "x" },
                    { "type": "string", "enum": ["base64", "letters"] },
                ] })),
                "more": { "type": "object", "additionalProperties": false,
                          "properties": { "length": { "type": "integer", "minimum": 16 } } },
            },
        });
        schema.as_object().unwrap().clone()
    }

    fn refused(arguments: Value) -> Option<String> {
        let arguments = arguments.as_object().unwrap();
        check(&schema(), arguments, Some("name")).err().map(|failure| failure.text().to_owned())
    }

    #[test]
    fn what_fits_passes() {
        for arguments in [
            json!({ "name": "A" }),
            json!({ "name": null }),
            json!({ "name": "åäöåäöåä", "environment": null, "days": 3650 }),
            json!({ "name": "A", "names": ["a", "bbbb"], "alphabet": "letters" }),
            json!({ "name": "A", "alphabet": null, "more": { "length": 16 } }),
        ] {
            assert_eq!(refused(arguments.clone()), None, "{arguments}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_in_plain_words() {
        for (arguments, words) in [
            (json!({}), "`name` is missing"),
            (json!({ "name": 1 }), "`name` has to be a text"),
            (json!({ "name": "" }), "`name` is shorter than 1 characters"),
            (json!({ "name": "123456789" }), "`name` is longer than 8 characters"),
            (json!({ "name": "A", "environment": [] }), "`environment` has to be a text"),
            (json!({ "name": "A", "days": 0 }), "`days` has to be from 1 to 3650"),
            (json!({ "name": "A", "days": 1.5 }), "`days` has to be a whole number"),
            (json!({ "name": "A", "names": ["a", "b", "c"] }), "`names` has more than 2 entries"),
            (json!({ "name": "A", "names": ["a", 1] }), "`names[1]` has to be a text"),
            (json!({ "name": "A", "names": "a" }), "`names` has to be a list"),
            (
                json!({ "name": "A", "alphabet": "morse" }),
                "`alphabet` has to be one of: `hex`, `base64`, `letters`",
            ),
            (json!({ "name": "A", "more": { "length": 1 } }), "`more.length` has to be 16 or more"),
            (
                json!({ "name": "A", "more": { "lenght": 20 } }),
                "there is an argument in `more` that is not known: did you mean `length`?; known \
                 are `length`",
            ),
            (
                json!({ "name": "A", "enviroment": "test" }),
                "there is an argument that is not known: did you mean `environment`?; known are \
                 `alphabet`, `days`, `environment`, `more`, `name`, `names`",
            ),
        ] {
            assert_eq!(refused(arguments.clone()).as_deref(), Some(words), "{arguments}");
        }
    }

    #[test]
    fn nothing_of_a_call_is_ever_quoted() {
        const CANARY: &str = "c4n4ry";
        for arguments in [
            json!({ CANARY: CANARY }),
            json!({ "name": [CANARY] }),
            json!({ "name": { CANARY: CANARY } }),
            json!({ "name": CANARY.repeat(9) }),
            json!({ "name": "A", "days": CANARY }),
            json!({ "name": "A", "names": [CANARY] }),
            json!({ "name": "A", "names": CANARY }),
            json!({ "name": "A", "alphabet": CANARY }),
            json!({ "name": "A", "alphabet": { CANARY: CANARY } }),
            json!({ "name": "A", "more": { CANARY: CANARY } }),
            json!({ "name": "A", CANARY: { CANARY: [CANARY] } }),
        ] {
            let words = refused(arguments.clone()).unwrap_or_else(|| panic!("{arguments}"));
            assert!(!words.contains(CANARY), "{words}");
        }
    }

    /// What is checked, and what only describes.
    const KEYWORDS: [&str; 20] = [
        "$schema",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "default",
        "description",
        "enum",
        "examples",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "oneOf",
        "title",
        "writeOnly",
    ];

    fn beyond(schema: &Value) -> Vec<String> {
        let Some(schema) = schema.as_object() else { return Vec::new() };
        let mut found = Vec::new();
        for (keyword, value) in schema {
            match keyword.as_str() {
                "properties" => {
                    let fields = value.as_object().into_iter().flatten();
                    found.extend(fields.flat_map(|(_, field)| beyond(field)));
                }
                "items" | "additionalProperties" => found.extend(beyond(value)),
                "anyOf" | "oneOf" | "allOf" => {
                    found.extend(value.as_array().into_iter().flatten().flat_map(beyond));
                }
                "type" if value.is_string() => {}
                "required" => {}
                other if KEYWORDS.contains(&other) => {}
                other => found.push(other.to_owned()),
            }
        }
        found
    }

    #[test]
    fn no_tool_takes_what_is_not_checked_here_and_each_can_be_told_of() {
        for tool in crate::mcp::tools(true) {
            let schema = Value::Object((*tool.described.input_schema).clone());
            assert_eq!(beyond(&schema), [""; 0], "{}", tool.described.name);
            assert_eq!(schema["additionalProperties"], false, "{}", tool.described.name);
            let call = crate::api::refused_call::named(&tool.described.name);
            assert_eq!(call, Some(&*tool.described.name));
        }
    }
}
