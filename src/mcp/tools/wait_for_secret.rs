//! `wait_for_secret`.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::get_request::became;
use crate::account::{Error, Seen, Target, Waited};
use crate::api::KlivSecret;
use crate::mcp::asked::{Became, Status, ended};
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::tool::{Effect, Outcome, Tool};

/// The longest wait, seconds.
const LONGEST: u64 = 300;
/// How long is waited unless said otherwise: clients commonly give a call up after 60.
const USUAL: u64 = 45;
/// How often a client is told that it still waits.
const TELL: Duration = Duration::from_secs(5);

pub(super) struct WaitForSecret;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The variable that was asked for, e.g. `SENDGRID_API_KEY`, or the secret's name.
    #[schemars(length(min = 1, max = 253))]
    name: String,
    /// The environment that it was asked for, e.g. `production`.
    #[schemars(length(min = 1, max = 63))]
    environment: Option<String>,
    /// How long to wait at most, in seconds; 45 unless given.
    #[schemars(range(min = 1, max = LONGEST))]
    timeout_seconds: Option<u64>,
    /// For what: that the question is answered or refused, or also that the functions that the
    /// secret is for run with the value. `answered` unless given.
    until: Option<Until>,
}

/// What is waited for.
#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum Until {
    /// A person has answered or refused.
    Answered,
    /// Also, the functions that the secret is for run with the current values, as far as that
    /// goes by itself.
    Live,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// Whether the time was over before what was waited for had happened. Then call again.
    timed_out: bool,
    /// How it stands.
    request: Became,
}

impl Tool for WaitForSecret {
    const NAME: &'static str = "wait_for_secret";
    const TITLE: &'static str = "Wait for a person's answer";
    const DESCRIPTION: &'static str = "\
Waits until a person has answered or refused what was asked for, and says how it stands; returns \
at once where nobody waits. People take their time: when the time is over, go on with other \
work and call it again later, or end your turn and say what you wait for. Never ask the same \
question again instead, and never ask for the value in the chat.";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Output;

    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Output>, Failure> {
        let target = Target::parse(&input.name, input.environment.as_deref())?;
        let seconds = input.timeout_seconds.unwrap_or(USUAL);
        let clock = Clock::of(seconds);
        let secret = call.caller.find_object(&target.object()).await?;
        let (secret, ended) = match secret {
            Some(secret) => answered(call, secret, &clock).await?,
            None => (None, None),
        };
        if let (Some(secret), Some(Until::Live)) = (&secret, input.until)
            && Status::of(Some(secret)) != Status::Pending
        {
            live(call, secret, &clock).await?;
        }
        let secret = match secret {
            // Its status has moved on.
            Some(_) => call.caller.find_object(&target.object()).await?,
            None => None,
        };
        let now = became(call, &target, secret.as_ref()).await?;
        // Meanwhile it may have become otherwise again: what there is now counts.
        let request = match (ended, now.status) {
            (Some(ended @ Status::Refused), Status::Gone | Status::NotAsked)
            | (Some(ended @ Status::Answered), Status::NotAsked) => now.ended(ended),
            _ => now,
        };
        let timed_out = request.status == Status::Pending
            || input.until == Some(Until::Live) && request.is_on_its_way();
        Ok(Outcome::Done(Output { timed_out, request }))
    }
}

/// The time that a call has.
struct Clock {
    began: Instant,
    end: Instant,
}

impl Clock {
    fn of(seconds: u64) -> Self {
        let began = Instant::now();
        Self { began, end: began + Duration::from_secs(seconds) }
    }

    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Tells the client again and again that it still waits; returns when it does not wait any
    /// more.
    async fn until_ended(&self, call: &Call<'_>, what: &str) -> Failure {
        let mut ticks = interval(TELL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let all = self.end.duration_since(self.began).as_secs();
        loop {
            tokio::select! {
                () = call.line.ended() => return Failure::new("the call was cancelled"),
                _ = ticks.tick() => {
                    call.line.tell(self.began.elapsed().as_secs(), all, what).await;
                }
            }
        }
    }
}

/// Waits while the secret is pending: what there is then, and how it was seen to end.
async fn answered(
    call: &Call<'_>,
    secret: KlivSecret,
    clock: &Clock,
) -> Result<(Option<KlivSecret>, Option<Status>), Failure> {
    if Status::of(Some(&secret)) != Status::Pending {
        return Ok((Some(secret), None));
    }
    let mut changes = pin!(call.caller.follow(secret.clone()));
    let first = secret.clone();
    let mut last = Some(secret);
    let follows = async {
        while let Some(change) = changes.next().await {
            last = match change? {
                Seen::There(secret) => Some(secret),
                Seen::Gone(_) => None,
            };
            if let Some(ended) = ended(&first, last.as_ref()) {
                return Ok(Some(ended));
            }
        }
        Ok::<_, Error>(None)
    };
    let ended = tokio::select! {
        ended = follows => ended?,
        () = sleep_until(clock.end) => None,
        cancelled = clock.until_ended(call, "it is still pending") => return Err(cancelled),
    };
    Ok((last, ended))
}

/// Waits until functions run with it, as far as that goes by itself.
async fn live(call: &Call<'_>, secret: &KlivSecret, clock: &Clock) -> Result<(), Failure> {
    let waited = Waited::of(secret);
    let rolls = call.caller.live(&waited, clock.left(), |_| {});
    let ended = tokio::select! {
        ended = rolls => ended,
        cancelled = clock.until_ended(call, "functions roll out") => return Err(cancelled),
    };
    match ended {
        // How far it is, is read anew in a moment.
        Ok(_) | Err(Error::NotLive(_) | Error::Forbidden(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
