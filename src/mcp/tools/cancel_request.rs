//! `cancel_request`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::{DryRun, Error, Target, Wanted, replaceable};
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::tool::{Effect, Outcome, Tool};
use crate::mcp::words::Asked;

pub(super) struct CancelRequest;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The variable that was asked for, e.g. `SENDGRID_API_KEY`, or the secret's name.
    #[schemars(length(min = 1, max = 253))]
    name: String,
    /// The environment that it was asked for, e.g. `production`.
    #[schemars(length(min = 1, max = 63))]
    environment: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// Whether a question was taken back; if not, none waited.
    cancelled: bool,
    /// What it asked for.
    wanted: Option<Asked>,
    /// The secret's name.
    secret: String,
    /// Whether the secret is there, with its value.
    has_value: bool,
    /// What that means.
    words: &'static str,
}

impl Tool for CancelRequest {
    const NAME: &'static str = "cancel_request";
    const TITLE: &'static str = "Take a request back";
    const DESCRIPTION: &'static str = "\
Takes back a question that still waits for people: for a first value, for a new one, or whether \
a secret may go. Never touches a value: what was answered meanwhile stays. Call it when what you \
asked for is not needed any more, and only for what you asked yourself, or a person told you to.";
    const EFFECT: Effect = Effect::Changes;
    type Input = Input;
    type Output = Output;

    /// Whoever may change the account's secrets may take back anybody's question: RBAC says so
    /// at every door, and no value is lost with one. It goes only as it was looked at, so an
    /// answer that comes at the same moment wins.
    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Output>, Failure> {
        let target = Target::parse(&input.name, input.environment.as_deref())?;
        let name = target.object();
        let found = call.caller.find_object(&name).await?;
        let wanted = found.as_ref().and_then(Wanted::of);
        let (Some(secret), Some(wanted)) = (&found, wanted) else {
            let words = match &found {
                Some(_) => "No question waits: the secret stays as it is.",
                None => "No question waits: there is no such secret.",
            };
            let has_value = found.as_ref().is_some_and(|secret| replaceable(secret).is_ok());
            let cancelled = false;
            let wanted = None;
            return Ok(Outcome::Done(Output { cancelled, wanted, secret: name, has_value, words }));
        };
        match call.caller.refuse(secret, DryRun::None).await {
            Ok(()) => {}
            Err(Error::Changed(_)) => {
                return Err(Failure::new(format!(
                    "{name} was changed at the same moment, perhaps answered: nothing was taken \
                     back. get_request says how it stands"
                )));
            }
            Err(error) => return Err(error.into()),
        }
        let has_value = wanted != Wanted::Value;
        let words = match wanted {
            Wanted::Value => "The question is gone. There was no value yet.",
            Wanted::NewValue => "The question is gone. The value in use stays.",
            Wanted::Deletion => "The proposal is gone. The secret stays.",
        };
        let (cancelled, wanted) = (true, Asked::of(secret));
        Ok(Outcome::Done(Output { cancelled, wanted, secret: name, has_value, words }))
    }
}
