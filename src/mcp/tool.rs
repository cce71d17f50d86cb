//! What a tool is, and how it is called: arguments in, an outcome out.

use std::sync::Arc;

use futures::future::BoxFuture;
use rmcp::model::{JsonObject, Tool as Described, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::arguments;
use super::ask::Ask;
use super::call::Call;
use super::failure::Failure;
use super::schema;

/// How a call ends.
pub(super) enum Outcome<T> {
    /// With an answer.
    Done(T),
    /// A person is to be shown a link or asked first. A client that can't is told the rest.
    Ask(Ask, T),
}

/// One tool.
pub(super) trait Tool: Send + Sync + 'static {
    /// As the model calls it.
    const NAME: &'static str;
    /// As people see it.
    const TITLE: &'static str;
    /// What it does, when to use it, and what is good practice.
    const DESCRIPTION: &'static str;
    /// What it does to the account.
    const EFFECT: Effect;
    /// The only argument that may hold a value: it comes as [`Call::value`], and in `Input` its
    /// place is [`Taken`](arguments::Taken).
    const VALUE: Option<&'static str> = None;
    /// Its arguments.
    type Input: DeserializeOwned + JsonSchema + Send + 'static;
    /// Its answer.
    type Output: Serialize + JsonSchema + Send + 'static;

    /// Does it.
    fn run(
        call: &Call<'_>,
        input: Self::Input,
    ) -> impl Future<Output = Result<Outcome<Self::Output>, Failure>> + Send;
}

/// What a tool does to the account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    /// Nothing.
    Reads,
    /// It adds; calling it again adds nothing more.
    Adds,
    /// It changes what is there; calling it again changes nothing more.
    Changes,
    /// It may take away or replace what is there.
    Destroys,
}

type Run = for<'a> fn(&'a Call<'a>, JsonObject) -> BoxFuture<'a, Result<Outcome<Value>, Failure>>;

/// A tool in the table.
#[derive(Clone)]
pub struct Entry {
    /// As clients list it.
    pub described: Described,
    /// The only argument that may hold a value.
    pub value: Option<&'static str>,
    pub(super) effect: Effect,
    pub(super) run: Run,
}

/// A tool's line in the table.
pub(super) fn entry<T: Tool>() -> Entry {
    let (reads, destroys, again) = match T::EFFECT {
        Effect::Reads => (true, false, true),
        Effect::Adds | Effect::Changes => (false, false, true),
        Effect::Destroys => (false, true, false),
    };
    let hints = ToolAnnotations::with_title(T::TITLE)
        .read_only(reads)
        .destructive(destroys)
        .idempotent(again)
        .open_world(false);
    let input = Arc::new(schema::of_input::<T::Input>());
    let described = Described::new(T::NAME, T::DESCRIPTION, input)
        .with_raw_output_schema(Arc::new(schema::of_output::<T::Output>()))
        .with_title(T::TITLE)
        .with_annotations(hints);
    Entry { described, value: T::VALUE, effect: T::EFFECT, run: run::<T> }
}

fn run<'a, T: Tool>(
    call: &'a Call<'a>,
    arguments: JsonObject,
) -> BoxFuture<'a, Result<Outcome<Value>, Failure>> {
    Box::pin(async move {
        let input = arguments::read::<T::Input>(arguments)?;
        let json = |output: T::Output| {
            serde_json::to_value(output).map_err(|_| Failure::new("the answer can't be written"))
        };
        Ok(match T::run(call, input).await? {
            Outcome::Done(output) => Outcome::Done(json(output)?),
            Outcome::Ask(ask, output) => Outcome::Ask(ask, json(output)?),
        })
    })
}
