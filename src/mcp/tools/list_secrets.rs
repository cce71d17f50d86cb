//! `list_secrets`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::text::Untrusted;
use crate::mcp::tool::{Effect, Outcome, Tool};

pub(super) struct ListSecrets;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Only those that functions of this environment get, e.g. `production`.
    environment: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The account's secrets.
    secrets: Vec<Row>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Row {
    /// The environment variable.
    name: String,
    /// What it is for.
    description: Option<Untrusted>,
}

impl Tool for ListSecrets {
    const NAME: &'static str = "list_secrets";
    const TITLE: &'static str = "List secrets";
    const DESCRIPTION: &'static str = "Lists the account's secrets by name, never by value.";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Output;

    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Output>, Failure> {
        let secrets = call.caller.list(false).await?;
        let wanted =
            |of: Option<&str>| input.environment.is_none() || of == input.environment.as_deref();
        let secrets = secrets.iter().filter(|s| wanted(s.spec.environment.as_deref()));
        let secrets = secrets.map(|secret| Row {
            name: secret.spec.env_var.clone(),
            description: secret.spec.description.as_ref().map(|text| Untrusted::new(text, 1024)),
        });
        Ok(Outcome::Done(Output { secrets: secrets.collect() }))
    }
}
