//! Which secret an answer is about.

use schemars::JsonSchema;
use serde::Serialize;

use crate::account::Target;

/// Stands among the fields of an answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub(super) struct Named {
    /// The secret's name.
    secret: String,
    /// The environment variable that code reads.
    pub(super) variable: String,
    /// The environment that it is for; without one, all.
    environment: Option<String>,
}

impl From<Target> for Named {
    fn from(target: Target) -> Self {
        let secret = target.object();
        Self { secret, variable: target.variable, environment: target.environment }
    }
}
