//! Schemas of what tools take and answer, as plain as clients need them: without references,
//! which some don't follow, without formats of Rust's numbers, which others warn about, and
//! with one type each, which is all that some models' own schemas can say.

use rmcp::model::JsonObject;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, RestrictFormats};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

/// What a tool takes.
pub(super) fn of_input<T: JsonSchema>() -> JsonObject {
    schema::<T>(SchemaSettings::draft2020_12())
}

/// What a tool answers.
pub(super) fn of_output<T: JsonSchema>() -> JsonObject {
    schema::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn schema<T: JsonSchema>(settings: SchemaSettings) -> JsonObject {
    let settings = settings.with(|settings| settings.inline_subschemas = true);
    let settings = settings.with_transform(RestrictFormats::default());
    let settings = settings.with_transform(RecursiveTransform(one_type));
    let mut schema = match settings.into_generator().into_root_schema_for::<T>().to_value() {
        Value::Object(schema) => schema,
        _ => JsonObject::new(),
    };
    // Of the Rust type; what the tool is stands beside the schema.
    schema.remove("title");
    schema.remove("description");
    schema
}

/// What may be null says so as one of two, not by two types.
fn one_type(schema: &mut Schema) {
    let Some(all) = schema.as_object_mut() else { return };
    let Some(Value::Array(types)) = all.get("type") else { return };
    let others: Vec<Value> = types.iter().filter(|name| *name != "null").cloned().collect();
    let [other] = &others[..] else { return };
    if others.len() == types.len() {
        return;
    }
    let mut given = std::mem::take(all);
    for of_both in ["title", "description", "default"] {
        if let Some(text) = given.remove(of_both) {
            all.insert(of_both.to_owned(), text);
        }
    }
    given.insert("type".to_owned(), other.clone());
    if let Some(Value::Array(words)) = given.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    all.insert("anyOf".to_owned(), json!([given, { "type": "null" }]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::tools;

    /// No schema says two types, at any depth.
    fn of_one_type(schema: &Value) -> bool {
        match schema {
            Value::Object(all) => {
                !all.get("type").is_some_and(Value::is_array) && all.values().all(of_one_type)
            }
            Value::Array(all) => all.iter().all(of_one_type),
            _ => true,
        }
    }

    #[test]
    fn every_schema_says_one_type_at_a_time_and_still_that_something_may_be_null() {
        for entry in tools::all(true) {
            let input = Value::Object((*entry.described.input_schema).clone());
            let output = entry.described.output_schema.as_deref().cloned().unwrap_or_default();
            for schema in [input, Value::Object(output)] {
                assert!(of_one_type(&schema), "{}: {schema}", entry.described.name);
            }
        }
        let schema = of_input::<Option<u8>>();
        assert_eq!(schema["anyOf"][0]["type"], "integer");
        assert_eq!(schema["anyOf"][1], json!({ "type": "null" }));
    }
}
