//! `request_secret`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::{DryRun, Error, Invalid, Target, Wanted, provider_of, replaceable};
use crate::api::text::harmless;
use crate::api::warning::says_nothing;
use crate::api::{KlivSecret, KlivSecretSpec, Question};
use crate::mcp::asked::{LONGEST, answer_line};
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::lately::{Lately, lately};
use crate::mcp::limit::room_for_one_more;
use crate::mcp::named::Named;
use crate::mcp::people::{Did, requested_by, shown};
use crate::mcp::text::Untrusted;
use crate::mcp::tool::{Effect, Outcome, Tool};
use crate::mcp::words::Asked;

/// A purpose has so many letters at least, in any script.
const LETTERS: usize = 5;

pub(super) struct RequestSecret;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The environment variable that code will read, named after the service and what the
    /// credential is: `SENDGRID_API_KEY`, `STRIPE_WEBHOOK_SECRET`. Never the value.
    #[schemars(length(min = 3, max = 128))]
    name: String,
    /// The environment that the value is for, e.g. `production` or `test`: each gets a key of
    /// its own. Leave it out for a value that is the same everywhere.
    #[schemars(length(min = 1, max = 63))]
    environment: Option<String>,
    /// What the value is needed for, in a sentence for the person who decides: which feature
    /// uses it, and which rights the key needs. The person reads it as your words.
    #[schemars(length(min = 5, max = 1024))]
    purpose: String,
    /// Where the person obtains the value, e.g. the provider's page for API keys.
    #[schemars(length(max = 1024))]
    obtain_from: Option<String>,
    /// What the secret is, for whoever manages the account's secrets later.
    #[schemars(length(max = 1024))]
    description: Option<String>,
    /// Ask anew although a person has refused just now. Only when a person says so.
    again: Option<bool>,
}

/// How the question stands.
#[derive(Serialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// A person has yet to give the value.
    Pending,
    /// There is a value: nothing was asked.
    HasValue,
    /// The cluster is making the value: nothing was asked.
    BeingMade,
    /// A person has refused, or somebody took the question back: nothing was asked.
    Refused,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    status: Status,
    /// Whether this call has asked. If not, it was asked before, and nothing was written.
    is_new: bool,
    /// What people are asked for: the first value, or something that was asked of a secret
    /// that has one.
    wanted: Option<Asked>,
    #[serde(flatten)]
    named: Named,
    /// Where a person answers. Only people can open it.
    link: Option<String>,
    /// How a person answers in a terminal.
    command: Option<String>,
    /// The provider that the name tells, where it is a known one.
    provider: Option<Provider>,
    /// What the question that waits says it is for.
    purpose: Option<Untrusted>,
    /// Where it says that the value can be obtained.
    obtain_from: Option<Untrusted>,
    /// Whether that question is in other words than these: it was left as it is.
    differs: bool,
    /// What the person did with the link just now, where he was shown it.
    person: Option<Did>,
    /// What to do next.
    next: &'static str,
}

/// A known provider.
#[derive(Serialize, JsonSchema)]
struct Provider {
    name: &'static str,
    /// Its own page for keys.
    page: &'static str,
}

impl Tool for RequestSecret {
    const NAME: &'static str = "request_secret";
    const TITLE: &'static str = "Ask a person for a secret";
    const DESCRIPTION: &'static str = "\
Asks people for a credential that an integration needs, without ever seeing it: makes a secret \
that waits for its value, and returns the link and the command with which a person gives it. \
Then write code that reads the environment variable, and call wait_for_secret. Call list_secrets \
or check_requirements first: an account has each credential once. Ask one question for each \
variable and environment, with keys of their own for test and production and only the rights \
that are needed. Asking again changes nothing and asks nobody twice. For a value that nobody has \
yet, e.g. an internal password, use generate_secret; for a new value of a secret that has one, \
update_secret.";
    const EFFECT: Effect = Effect::Adds;
    type Input = Input;
    type Output = Output;

    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Output>, Failure> {
        let target = Target::parse(&input.name, input.environment.as_deref())?;
        let question = question(&input, requested_by(call))?;
        let name = target.object();
        let (secret, is_new) = match call.caller.find_object(&name).await? {
            Some(there) => (there, false),
            None if was_refused(call, &name, input.again).await => {
                return Ok(Outcome::Done(refused(call, target)));
            }
            None => ask(call, &target, &question, input.description.as_deref()).await?,
        };
        if target.is_variable && secret.spec.env_var != target.variable {
            let variable = harmless(&secret.spec.env_var, 128).into_owned();
            return Err(Error::from(Invalid::OtherVariable { name, variable }).into());
        }
        let output = told(call, &secret, &question, is_new);
        if output.status != Status::Pending {
            return Ok(Outcome::Done(output));
        }
        Ok(match shown(call, &secret, "a value is asked for", is_new) {
            Some(ask) => Outcome::Ask(ask, output),
            None => Outcome::Done(output),
        })
    }
}

/// Whether the person who was shown the link has refused: there was a question then. What was
/// asked before is not asked of him again and again.
async fn was_refused(call: &Call<'_>, name: &str, again: Option<bool>) -> bool {
    if call.person.is_some() {
        return true;
    }
    again != Some(true) && lately(call, name).await == Some(Lately::Refused(Wanted::Value))
}

fn refused(call: &Call<'_>, target: Target) -> Output {
    let person = Did::of(call);
    Output {
        status: Status::Refused,
        is_new: false,
        wanted: None,
        link: None,
        command: None,
        provider: None,
        purpose: None,
        obtain_from: None,
        named: target.into(),
        differs: false,
        person,
        next: next(Status::Refused, None, false, person),
    }
}

/// The question, where it makes sense. Nothing of it is quoted.
fn question(input: &Input, requested_by: Option<String>) -> Result<Question, Failure> {
    let purpose = input.purpose.trim();
    if purpose.chars().filter(|c| c.is_alphabetic()).count() < LETTERS {
        return Err(Failure::new(
            "say in purpose what the value is needed for, in a sentence: a person decides by it",
        ));
    }
    let texts = [Some(purpose), input.obtain_from.as_deref(), input.description.as_deref()];
    if texts.into_iter().flatten().any(|text| text.chars().count() > LONGEST) {
        return Err(Failure::new(
            "purpose, obtain_from and description have at most 1024 characters each",
        ));
    }
    Ok(Question {
        purpose: purpose.to_owned(),
        obtain_from: said(input.obtain_from.as_deref()),
        requested_by,
        ..Question::default()
    })
}

/// A text, where there is one.
fn said(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Asks; where somebody else does so at the same moment, his question counts.
async fn ask(
    call: &Call<'_>,
    target: &Target,
    question: &Question,
    description: Option<&str>,
) -> Result<(KlivSecret, bool), Failure> {
    if says_nothing(&target.variable).is_some() {
        return Err(Failure::new(
            "the name says nothing about what it opens: name the variable after the service and \
             what the credential is, e.g. SENDGRID_API_KEY. Nothing was asked",
        ));
    }
    room_for_one_more(call.caller).await?;
    let spec = KlivSecretSpec {
        env_var: target.variable.clone(),
        environment: target.environment.clone(),
        description: said(description),
        request: Some(question.clone()),
        ..KlivSecretSpec::default()
    };
    match call.caller.put(&spec, None, DryRun::None).await {
        Ok(asked) => Ok((asked, true)),
        Err(changed @ Error::Changed(_)) => {
            let there = call.caller.find_object(&target.object()).await?;
            Ok((there.ok_or(changed)?, false))
        }
        Err(error) => Err(error.into()),
    }
}

fn told(call: &Call<'_>, secret: &KlivSecret, wanted: &Question, is_new: bool) -> Output {
    let place = Target::of(secret);
    let object = place.object();
    let waits = Wanted::of(secret);
    let status = match (waits, replaceable(secret).is_ok()) {
        (Some(Wanted::Value), _) => Status::Pending,
        (_, true) => Status::HasValue,
        (_, false) => Status::BeingMade,
    };
    let there = secret.spec.request.as_ref().filter(|_| waits.is_some());
    let differs = status == Status::Pending
        && there.is_some_and(|there| {
            let same = |q: &Question| (q.purpose.clone(), q.obtain_from.clone());
            same(there) != same(wanted)
        });
    let person = Did::of(call);
    Output {
        status,
        is_new,
        wanted: Asked::of(secret),
        link: waits.and_then(|_| call.answer_link(&object)),
        command: waits.map(|_| answer_line(call, &object)),
        provider: provider_of(&place.variable)
            .map(|known| Provider { name: known.name, page: known.page }),
        purpose: there.map(|question| Untrusted::new(&question.purpose, LONGEST)),
        obtain_from: there
            .and_then(|question| question.obtain_from.as_deref())
            .map(|from| Untrusted::new(from, LONGEST)),
        named: place.into(),
        differs,
        person,
        next: next(status, waits, differs, person),
    }
}

fn next(status: Status, waits: Option<Wanted>, differs: bool, person: Option<Did>) -> &'static str {
    match (status, person) {
        (Status::HasValue, _) if waits.is_some() => {
            "It has its value: code reads it from the environment variable. People are asked \
             something else about it: get_request says what."
        }
        (Status::HasValue, _) => {
            "It has its value: code reads it from the environment variable. For a new value, \
             e.g. to rotate it, use update_secret."
        }
        (Status::Refused, _) => {
            "It was asked, and a person has just refused it: nobody is asked now. Tell the person, \
             and find out what he wants instead. Only if he wants it asked anew, make a new call \
             with `again`."
        }
        (Status::BeingMade, _) => "The cluster makes the value: call wait_for_secret.",
        (Status::Pending, Some(Did::Declined)) => {
            "The person declined to open the link, and the question still waits. Find out what \
             he wants: take it back with cancel_request, or give him the command."
        }
        (Status::Pending, Some(Did::Opened)) => {
            "The person has the link. Go on with code that reads the variable, and call \
             wait_for_secret: it says when he has answered."
        }
        (Status::Pending, _) if differs => {
            "It was asked before in other words, which were left as they are: people may be \
             reading them. Give the person the link or the command. If it is your own question \
             and its words are wrong, take it back with cancel_request and ask again."
        }
        (Status::Pending, _) => {
            "Give the person the link or the command; never ask him for the value itself. Go on \
             with code that reads the variable, and call wait_for_secret."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(purpose: &str) -> Input {
        Input {
            name: "A_KEY".into(),
            environment: None,
            purpose: purpose.into(),
            obtain_from: None,
            description: None,
            again: None,
        }
    }

    #[test]
    fn a_purpose_says_something_in_any_script_and_has_an_end() {
        for purpose in ["to send receipts", "att skicka kvitton", "发送收据邮件", "  login  "]
        {
            let asked = question(&input(purpose), None).unwrap();
            assert_eq!(asked.purpose, purpose.trim());
        }
        for purpose in ["", "   ", "...", "12345678", "key", &"word ".repeat(300)] {
            assert!(question(&input(purpose), None).is_err(), "{purpose}");
        }
        let long = Some("x".repeat(1025));
        let from = Input { obtain_from: long.clone(), ..input("to send receipts") };
        assert!(question(&from, None).is_err());
        let described = Input { description: long, ..input("to send receipts") };
        assert!(question(&described, None).is_err());
    }
}
