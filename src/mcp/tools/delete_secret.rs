//! `delete_secret`: a person decides. Where people pay he does so on his own page or terminal,
//! not in an agent's window.
//!
//! ```text
//!  plainly for trying things out ──► yes or no, in the agent's client ──► deleted, if it is
//!                                                                        still the same
//!  elsewhere, or by a client that asks nobody ──► a proposal waits: he deletes, or keeps
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::{DryRun, Error, Target, User, Wanted, What, replaceable};
use crate::api::text::harmless;
use crate::api::{KlivSecret, Purpose, Question};
use crate::mcp::ask::{About, Ask};
use crate::mcp::call::{Call, Person};
use crate::mcp::failure::Failure;
use crate::mcp::lately::{Lately, lately};
use crate::mcp::limit::room_for_one_more;
use crate::mcp::named::Named;
use crate::mcp::people::{requested_by, shown};
use crate::mcp::text::Untrusted;
use crate::mcp::tool::{Effect, Outcome, Tool};

pub(super) struct DeleteSecret;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The environment variable, e.g. `SENDGRID_API_KEY`.
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// The secret's environment, if it has one.
    #[schemars(length(min = 1, max = 63))]
    environment: Option<String>,
    /// Why it is not needed any more. The person who decides reads it.
    #[schemars(length(min = 1, max = 1024))]
    reason: String,
    /// Propose it anew although a person has kept it just now. Only when a person says so.
    again: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    named: Named,
    outcome: Ended,
    /// The functions that have it, and lose it; null where they can't be seen.
    functions: Option<Vec<Loser>>,
    /// Where a person decides. Only people can open it.
    link: Option<String>,
    /// How a person deletes it in a terminal.
    command: Option<String>,
    /// How a person keeps it, in a terminal.
    command_to_keep: Option<String>,
    /// What to do next.
    next: &'static str,
}

/// `proposed`: a person has yet to decide, nothing was deleted; `deleted`: it is gone; `kept`:
/// a person decided that it stays; `asked`: a person is being asked through this client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Ended {
    /// A person has yet to decide.
    Proposed,
    /// It is gone.
    Deleted,
    /// It stays.
    Kept,
    /// A person is being asked.
    Asked,
}

/// A function that has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
struct Loser {
    /// Its Deployment.
    function: Untrusted,
    /// Whether it says that it can't do without.
    requires: bool,
}

impl Tool for DeleteSecret {
    const NAME: &'static str = "delete_secret";
    const TITLE: &'static str = "Delete a secret";
    const DESCRIPTION: &'static str = "Proposes to delete a secret that nothing needs any more; a \
        person always decides. In a plainly test environment he is asked through this client, \
        elsewhere the proposal waits for him, so do not go on as if it were gone. Take the variable \
        out of the code first: functions that have it are rolled out without it.";
    const EFFECT: Effect = Effect::Destroys;
    type Input = Input;
    type Output = Output;

    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Output>, Failure> {
        let target = Target::parse(&input.name, input.environment.as_deref())?;
        let secret = match call.caller.find(&target).await {
            // Somebody has decided while the person was shown where.
            Err(Error::NotFound { thing, .. })
                if thing.what == What::Secret && was_deleted(call, &target).await =>
            {
                return Ok(Outcome::Done(output(call, &target, Ended::Deleted, None)));
            }
            found => found?,
        };
        let target = Target::of(&secret);
        if replaceable(&secret).is_err() {
            return Err(Failure::new(
                "It has no value yet, so nothing was changed: cancel_request takes it away with \
                 the question that waits.",
            ));
        }
        let users = call.caller.users(&secret).await.ok();
        let ended = |ended| output(call, &target, ended, users.as_deref());
        let purpose = Purpose::of(target.environment.as_deref());
        if purpose != Purpose::Test || !call.can_confirm() {
            let (proposed, is_new) = proposed(call, &secret, input).await?;
            let answer = ended(proposed);
            let shown = shown(call, &secret, "it is proposed to delete it", is_new);
            return Ok(match shown.filter(|_| proposed == Ended::Proposed) {
                Some(link) => Outcome::Ask(link, answer),
                None => Outcome::Done(answer),
            });
        }
        Ok(match call.person {
            Some(Person::Accepted(to)) if to == About::of(&secret) => {
                // A delete can't say through what it comes: the proposal before it can, and the
                // audit trail tells both.
                let question = question(call, input.reason);
                let proposed =
                    call.caller.propose_deletion(&secret, question, DryRun::None).await?;
                let deleted = call.caller.delete(&proposed, DryRun::None).await;
                deleted
                    .map_err(|error| Failure::from(error).after("It was proposed to delete it"))?;
                Outcome::Done(ended(Ended::Deleted))
            }
            Some(Person::Declined | Person::Dismissed) => Outcome::Done(ended(Ended::Kept)),
            // The first time, or he said yes to something else than there is by now.
            _ => {
                let message = asks(call, &target, &input.reason, users.as_deref());
                let confirm = Ask::Confirm { message, about: About::of(&secret) };
                Outcome::Ask(confirm, ended(Ended::Asked))
            }
        })
    }
}

/// Whether what is not there went while a person was shown where to decide.
async fn was_deleted(call: &Call<'_>, target: &Target) -> bool {
    call.person.is_some() || lately(call, &target.object()).await == Some(Lately::Deleted)
}

/// How it is with the proposal, and whether this very call has made it.
async fn proposed(
    call: &Call<'_>,
    secret: &KlivSecret,
    input: Input,
) -> Result<(Ended, bool), Failure> {
    let object = Target::of(secret).object();
    let waits = Wanted::of(secret) == Some(Wanted::Deletion);
    match (waits, call.person) {
        (true, _) => Ok((Ended::Proposed, false)),
        // He was shown it, and it waits no more.
        (false, Some(_)) => Ok((Ended::Kept, false)),
        // The same, and his client does not say so.
        (false, None)
            if input.again != Some(true)
                && lately(call, &object).await == Some(Lately::Refused(Wanted::Deletion)) =>
        {
            Ok((Ended::Kept, false))
        }
        (false, None) => {
            room_for_one_more(call.caller).await?;
            call.caller
                .propose_deletion(secret, question(call, input.reason), DryRun::None)
                .await?;
            Ok((Ended::Proposed, true))
        }
    }
}

fn question(call: &Call<'_>, reason: String) -> Question {
    Question { purpose: reason, requested_by: requested_by(call), ..Question::default() }
}

fn output(call: &Call<'_>, target: &Target, ended: Ended, users: Option<&[User]>) -> Output {
    let (object, account) = (target.object(), &call.caller.namespace);
    let waits = ended == Ended::Proposed;
    let loser = |user: &User| Loser {
        function: Untrusted::function(&user.function),
        requires: user.requires,
    };
    Output {
        named: target.clone().into(),
        outcome: ended,
        functions: users.map(|users| users.iter().map(loser).collect()),
        link: call.answer_link(&object).filter(|_| waits),
        command: waits.then(|| format!("kubectl kliv delete {object} -n {account}")),
        command_to_keep: waits
            .then(|| format!("kubectl kliv answer {object} --refuse -n {account}")),
        next: next(ended),
    }
}

fn next(ended: Ended) -> &'static str {
    match ended {
        Ended::Proposed => {
            "Nothing was deleted. Give the person the link or the command, with the functions that \
             would lose it; get_request says what he decided, cancel_request takes the proposal \
             away."
        }
        Ended::Deleted => {
            "Functions are rolled out without it by themselves; for some minutes old copies are \
             kept for those that still run. Tell the person to revoke the credential at its \
             provider: only that makes it worthless."
        }
        Ended::Kept => {
            "Nothing was deleted. Do not ask again unless the person says so; then give `again`."
        }
        Ended::Asked => "A person is being asked: make the same call again with his answer.",
    }
}

/// What a person is asked. Of what the agent says nobody has checked anything.
fn asks(call: &Call<'_>, target: &Target, reason: &str, users: Option<&[User]>) -> String {
    const LONGEST: usize = 1024;
    let environment = target.environment.as_deref().unwrap_or_default();
    let functions = match users {
        Some([]) => "No function has it.".to_owned(),
        Some(users) => {
            let names: Vec<&str> = users.iter().map(|user| user.function.as_str()).collect();
            let names = names.join(", ");
            format!("Functions that have it and lose it: {}.", harmless(&names, LONGEST))
        }
        None => "Which functions have it can't be seen.".to_owned(),
    };
    format!(
        "Delete the secret {} (environment {environment}) of the account {}? Its value is gone \
         then for good. {functions} The agent's reason, which nobody has checked: \"{}\"",
        target.object(),
        call.caller.namespace,
        harmless(reason, LONGEST).replace('"', "'"),
    )
}
