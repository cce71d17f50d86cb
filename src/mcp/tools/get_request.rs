//! `get_request`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::account::{Error, Target, Waited, replaceable};
use crate::api::{KlivAccount, KlivSecret};
use crate::mcp::asked::{Became, Ending, Seen, Status, ending, tells_ending};
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::tool::{Effect, Outcome, Tool};

pub(super) struct GetRequest;

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

impl Tool for GetRequest {
    const NAME: &'static str = "get_request";
    const TITLE: &'static str = "Look at a request";
    const DESCRIPTION: &'static str = "\
Says what became of a question that was asked with request_secret, update_secret or \
delete_secret: whether it is pending, answered, refused or gone, who asked and for what, and on \
how many of its functions the value is. Never tells a value. Returns at once; \
wait_for_secret waits.";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Became;

    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Became>, Failure> {
        let target = Target::parse(&input.name, input.environment.as_deref())?;
        Ok(Outcome::Done(look(call, &target).await?))
    }
}

/// What became of a question, as it is now.
pub(super) async fn look(call: &Call<'_>, target: &Target) -> Result<Became, Failure> {
    let secret = call.caller.find_object(&target.object()).await?;
    became(call, target, secret.as_ref()).await
}

/// The same, of a secret that was just read.
pub(super) async fn became(
    call: &Call<'_>,
    target: &Target,
    secret: Option<&KlivSecret>,
) -> Result<Became, Failure> {
    let account = match secret {
        Some(_) => account(call).await?,
        None => None,
    };
    let reached = match secret.filter(|secret| replaceable(secret).is_ok()) {
        // Where they can't be seen it is told all the same, of all functions.
        Some(secret) => call.caller.reached(&Waited::of(secret), account.as_ref()).await.ok(),
        None => None,
    };
    let seen = Seen { secret, account: account.as_ref(), reached: reached.as_deref() };
    let became = Became::of(call, target, &seen);
    Ok(match became.status {
        Status::Gone => became.with_ending(last_ending(call, target).await),
        _ => became,
    })
}

/// What is published; none also where the caller may not see it.
async fn account(call: &Call<'_>) -> Result<Option<KlivAccount>, Failure> {
    match call.caller.account().await {
        Err(Error::Forbidden(_)) => Ok(None),
        read => Ok(read?),
    }
}

async fn last_ending(call: &Call<'_>, target: &Target) -> Option<Ending> {
    // Without the trail it is not known how it ended, and that is all.
    let object = target.object();
    let newest = call.caller.newest(None, |events| tells_ending(events, &object)).await.ok()?;
    ending(newest.events.iter().rev(), &object)
}
