//! Arguments of a call: nothing of them is ever quoted, since they may hold a credential.

use std::borrow::Cow;

use rmcp::model::JsonObject;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::failure::Failure;
use crate::seal::{MAX_VALUE, Plaintext};

/// Takes the value out of the only argument that may hold one, before anything else is done
/// with them: its memory goes along, no copy stays.
pub(super) fn take_value(arguments: &mut JsonObject, name: &str) -> Option<Plaintext> {
    let place = arguments.get_mut(name)?;
    match place.take() {
        Value::String(text) => Some(Plaintext::new(text.into_bytes())),
        Value::Null => None,
        // Reading the others refuses this.
        _ => {
            *place = Value::Bool(true);
            None
        }
    }
}

/// The place of a value among the arguments that a tool reads: it was taken out.
pub(super) struct Taken;

impl<'de> Deserialize<'de> for Taken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| Self)
    }
}

impl JsonSchema for Taken {
    fn schema_name() -> Cow<'static, str> {
        "Taken".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_VALUE, "writeOnly": true })
    }
}

/// Reads arguments as a tool takes them.
pub(super) fn read<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, Failure> {
    // The error would quote them.
    serde_json::from_value(Value::Object(arguments)).map_err(|_| {
        Failure::new("the arguments do not fit the tool's input schema: read it again")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    struct Input {
        name: String,
        #[expect(dead_code, reason = "it holds nothing")]
        value: Taken,
    }

    fn arguments(value: Value) -> JsonObject {
        let name = ("name".to_owned(), json!("A_KEY"));
        [name, ("value".to_owned(), value)].into_iter().collect()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a made-up value")]
    fn a_value_moves_out_of_the_arguments_with_its_memory() {
        let text = "s3cr3t".to_owned();
        let address = text.as_ptr();
        let mut arguments = arguments(Value::String(text));
        let value = take_value(&mut arguments, "value").unwrap();
        assert_eq!(value.expose(), b"s3cr3t");
        assert_eq!(value.expose().as_ptr(), address);
        assert_eq!(Value::Object(arguments.clone()), json!({ "name": "A_KEY", "value": null }));
        assert_eq!(read::<Input>(arguments).unwrap().name, "A_KEY");
    }

    #[test]
    fn what_is_no_text_is_refused_and_does_not_stay() {
        for value in [json!(4711), json!(["s3cr3t"]), json!({ "a": "s3cr3t" }), json!(true)] {
            let mut arguments = arguments(value);
            assert!(take_value(&mut arguments, "value").is_none());
            assert_eq!(arguments["value"], true);
            let refused = read::<Input>(arguments).err().unwrap();
            assert!(!refused.text().contains("s3cr3t"));
        }
        assert!(take_value(&mut JsonObject::new(), "value").is_none());
    }

    #[test]
    fn a_value_that_is_still_there_is_not_read() {
        assert!(read::<Input>(arguments(json!("s3cr3t"))).is_err());
    }
}
