//! Arguments of a call: nothing of them is ever quoted, since they may hold a credential.

use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::Failure;

/// Reads arguments as a tool takes them.
pub(super) fn read<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, Failure> {
    // The error would quote them.
    serde_json::from_value(Value::Object(arguments)).map_err(|_| {
        Failure::new("the arguments do not fit the tool's input schema: read it again")
    })
}
