//! How much a call may hold, but for the value that its tool takes. What every schema allows is
//! well within; what is beyond is refused before any of it is looked through, so that nobody's
//! call takes long.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::failure::Failure;

/// The longest text, bytes: 1,024 characters of the largest kind.
const LONGEST: usize = 4 << 10;
/// All texts together, names of arguments among them, bytes.
const MOST: usize = 64 << 10;
/// How many values, lists and objects among them.
const VALUES: usize = 512;
/// How deep one stands in another.
const DEEPEST: usize = 8;

/// Whether what is called, and all that came with it, is within bounds.
///
/// # Errors
/// It is not. Nothing of the call is repeated.
pub(super) fn check(called: &str, arguments: Option<&JsonObject>) -> Result<(), Failure> {
    let mut room = Room { bytes: MOST, values: VALUES };
    room.text(called)?;
    arguments.map_or(Ok(()), |arguments| room.fields(arguments, DEEPEST))
}

/// What may still come.
struct Room {
    bytes: usize,
    values: usize,
}

impl Room {
    fn value(&mut self, value: &Value, deeper: usize) -> Result<(), Failure> {
        self.values = self.values.checked_sub(1).ok_or_else(too_much)?;
        match value {
            Value::String(text) => self.text(text),
            Value::Array(_) | Value::Object(_) if deeper == 0 => Err(too_much()),
            Value::Array(items) => items.iter().try_for_each(|item| self.value(item, deeper - 1)),
            Value::Object(fields) => self.fields(fields, deeper - 1),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn fields(&mut self, fields: &JsonObject, deeper: usize) -> Result<(), Failure> {
        fields.iter().try_for_each(|(name, field)| {
            self.text(name)?;
            self.value(field, deeper)
        })
    }

    fn text(&mut self, text: &str) -> Result<(), Failure> {
        if text.len() > LONGEST {
            return Err(Failure::new(
                "refused: a text in the call is longer than 4 KiB, and was not looked at. Nothing \
                 was done. No argument takes so much but `value` of store_secret, where that tool \
                 is on",
            ));
        }
        self.bytes = self.bytes.checked_sub(text.len()).ok_or_else(too_much)?;
        Ok(())
    }
}

fn too_much() -> Failure {
    Failure::new(
        "refused: the call holds more than any tool takes, and was not looked through. Nothing was \
         done. Read the tool's input schema again",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(arguments: &Value) -> Option<String> {
        check("a_tool", arguments.as_object()).err().map(|failure| failure.text().to_owned())
    }

    #[test]
    fn what_the_schemas_allow_is_within_bounds() {
        let names = vec!["𝕏".repeat(128); 64];
        let texts = json!({ "purpose": "𝕏".repeat(1024), "where": "𝕏".repeat(1024), "n": null });
        assert_eq!(told(&json!({ "names": names, "environment": "test" })), None);
        assert_eq!(told(&texts), None);
    }

    #[test]
    fn what_is_too_long_too_much_or_too_deep_is_refused_and_not_repeated() {
        let long = "c4n4ry".repeat(700);
        let deep = (0..DEEPEST).fold(json!("c4n4ry"), |inner, _| json!([inner]));
        let within = json!({ "a": deep });
        assert_eq!(told(&within), None);
        for (arguments, why) in [
            (json!({ "purpose": long }), "longer than 4 KiB"),
            (json!({ "names": ["a", { "b": long }] }), "longer than 4 KiB"),
            (json!({ &long: 1 }), "longer than 4 KiB"),
            (json!({ "names": vec!["c4n4ry".repeat(500); 30] }), "more than any tool takes"),
            (json!({ "names": vec![1; VALUES] }), "more than any tool takes"),
            (json!({ "a": [within["a"]] }), "more than any tool takes"),
        ] {
            let told = told(&arguments).unwrap_or_default();
            assert!(told.contains(why) && !told.contains("c4n4ry"), "{why}: {told}");
        }
        assert!(check(&long, None).is_err());
    }
}
