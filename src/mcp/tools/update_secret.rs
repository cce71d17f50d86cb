//! `update_secret`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::{Details, DryRun, Target, Unfit, Wanted, provider_of, replaceable};
use crate::api::{KlivSecret, Question};
use crate::mcp::asked::answer_line;
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::lately::{Lately, lately};
use crate::mcp::limit::room_for_one_more;
use crate::mcp::named::Named;
use crate::mcp::people::{Did, requested_by, shown};
use crate::mcp::tool::{Effect, Outcome, Tool};

pub(super) struct UpdateSecret;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The environment variable, e.g. `SENDGRID_API_KEY`.
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// The secret's environment, if it has one.
    #[schemars(length(min = 1, max = 63))]
    environment: Option<String>,
    /// What it is for, where it comes from, whom to ask. Absent: stays as it is; empty: taken
    /// away.
    #[schemars(length(max = 1024))]
    description: Option<String>,
    /// Remind people after so many days to replace it. Absent: stays as it is; 0: never.
    #[schemars(range(min = 0, max = 3650))]
    rotate_after_days: Option<i32>,
    /// Ask a person for a new value. The one in use stays until it is there.
    ask_for_new_value: Option<NewValue>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewValue {
    /// Why it has to be replaced. The person who is asked reads it.
    #[schemars(length(min = 1, max = 1024))]
    reason: String,
    /// Ask anew although a person has answered the same question, or refused it just now. Only
    /// when a person says so.
    again: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    named: Named,
    /// What this call has changed: `description`, `rotate_after_days`, `question`.
    changed: Vec<&'static str>,
    /// Whether people are asked for a new value now, by this call or an earlier one.
    asked: bool,
    /// Where a person answers. Only people can open it.
    link: Option<String>,
    /// How a person answers in a terminal.
    command: Option<String>,
    /// What the person did with the link just now, where he was shown it.
    person: Option<Did>,
    /// What to do next.
    next: &'static str,
}

impl Tool for UpdateSecret {
    const NAME: &'static str = "update_secret";
    const TITLE: &'static str = "Update a secret";
    const DESCRIPTION: &'static str = "Changes what is said of a secret (its description, the \
        reminder to rotate it), or asks a person to replace its value, which you never see. Ask \
        for a new one when it leaked, expires or has passed through a chat; functions keep the \
        one in use until then. What is not given stays as it is.";
    const EFFECT: Effect = Effect::Changes;
    type Input = Input;
    type Output = Output;

    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Output>, Failure> {
        let target = Target::parse(&input.name, input.environment.as_deref())?;
        let secret = call.caller.find(&target).await?;
        let Input { description, rotate_after_days, ask_for_new_value, .. } = input;
        if description.is_none() && rotate_after_days.is_none() && ask_for_new_value.is_none() {
            return Err(Failure::new(
                "Nothing was given that is to change: give description, rotate_after_days or \
                 ask_for_new_value.",
            ));
        }
        if ask_for_new_value.is_some() {
            askable(&secret)?;
        }
        let (mut changed, details) = told(&secret, description, rotate_after_days);
        let mut now = secret;
        if !changed.is_empty() {
            now = call.caller.describe(&now, &details).await?;
        }
        let decided = match &ask_for_new_value {
            Some(why) if why.again != Some(true) && Wanted::of(&now).is_none() => {
                match decided(&now, &why.reason) {
                    None if was_refused(call, &now).await => Some(NEXT_REFUSED),
                    decided => decided,
                }
            }
            _ => None,
        };
        let is_new = match ask_for_new_value {
            // It comes back after a person was shown the link: he may have answered by now.
            Some(why)
                if call.person.is_none() && decided.is_none() && Wanted::of(&now).is_none() =>
            {
                let asked = ask(call, &now, why).await;
                now = match asked {
                    Err(failure) if !changed.is_empty() => {
                        return Err(failure.after("What is said of the secret was changed"));
                    }
                    asked => asked?,
                };
                changed.push("question");
                true
            }
            _ => false,
        };
        Ok(outcome(call, &now, changed, is_new, decided))
    }
}

fn outcome(
    call: &Call<'_>,
    secret: &KlivSecret,
    changed: Vec<&'static str>,
    is_new: bool,
    decided: Option<&'static str>,
) -> Outcome<Output> {
    let target = Target::of(secret);
    let object = target.object();
    let asked = Wanted::of(secret) == Some(Wanted::NewValue);
    let person = Did::of(call);
    let output = Output {
        link: call.answer_link(&object).filter(|_| asked),
        command: asked.then(|| answer_line(call, &object)),
        named: target.into(),
        changed,
        asked,
        next: match person {
            Some(Did::Declined) if asked => NEXT_DECLINED,
            _ if asked => NEXT_ASKED,
            _ => decided.unwrap_or(NEXT),
        },
        person,
    };
    let shown = shown(call, secret, "a new value is asked for", is_new);
    match shown.filter(|_| asked) {
        Some(ask) => Outcome::Ask(ask, output),
        None => Outcome::Done(output),
    }
}

const NEXT_ASKED: &str = "Give the person the link or the command; never ask him for the value \
                          itself. Code goes on reading the same variable: wait_for_secret says \
                          when functions have the new one.";
const NEXT_DECLINED: &str = "The person declined to open the link, and the question still waits. \
                             Find out what he wants: take it back with cancel_request, or give \
                             him the command.";
const NEXT_ANSWERED: &str = "People were asked this before, and one has answered: nobody is asked \
                             now, and wait_for_secret says when functions have the value. If a \
                             person wants it replaced once more, give another reason, or `again`.";
const NEXT_REFUSED: &str = "A person has just refused to replace it: the value in use stays, and \
                            nobody is asked now. Tell the person. Only if he wants it asked anew, \
                            call again with `again`.";
const NEXT: &str = "get_request says how the secret is.";

/// What is to be said of it from now on, and what of that is new.
fn told(
    secret: &KlivSecret,
    description: Option<String>,
    rotate_after_days: Option<i32>,
) -> (Vec<&'static str>, Details) {
    let spec = &secret.spec;
    let details = Details {
        // Clients that name every field give null for what they leave out.
        description: match description {
            Some(text) => Some(text).filter(|text| !text.is_empty()),
            None => spec.description.clone(),
        },
        rotate_after_days: match rotate_after_days {
            Some(days) => Some(days).filter(|days| *days > 0),
            None => spec.rotate_after_days,
        },
        expiration_time: spec.expiration_time.clone(),
    };
    let differs = [
        (details.description != spec.description, "description"),
        (details.rotate_after_days != spec.rotate_after_days, "rotate_after_days"),
    ];
    let changed = differs.into_iter().filter_map(|(differs, what)| differs.then_some(what));
    (changed.collect(), details)
}

/// Why people are not asked once more: the very same was asked, and one has answered. Clients of
/// revision 2025-11-25 make the same call again by themselves when he has been to the link.
fn decided(secret: &KlivSecret, reason: &str) -> Option<&'static str> {
    let asked = secret.spec.request.as_ref().filter(|_| Wanted::of(secret).is_none())?;
    (asked.replaces.is_some() && asked.purpose == reason).then_some(NEXT_ANSWERED)
}

/// Whether a person has refused the same just now.
async fn was_refused(call: &Call<'_>, secret: &KlivSecret) -> bool {
    let object = Target::of(secret).object();
    // Of a client that comes back only the question that was there can be gone.
    call.person.is_some() || lately(call, &object).await == Some(Lately::Refused(Wanted::NewValue))
}

/// That it has a value to replace, and that no other question waits.
fn askable(secret: &KlivSecret) -> Result<(), Failure> {
    replaceable(secret)?;
    match Wanted::of(secret) {
        None | Some(Wanted::NewValue) => Ok(()),
        Some(Wanted::Value) => {
            let name = secret.metadata.name.clone().unwrap_or_default();
            Err(crate::account::Error::from(Unfit::NoValue(name)).into())
        }
        Some(Wanted::Deletion) => Err(Failure::new(
            "It is proposed to delete this secret, and a person has yet to decide. Nothing was \
             changed. Wait for him (get_request), or take the proposal away with cancel_request.",
        )),
    }
}

async fn ask(call: &Call<'_>, secret: &KlivSecret, why: NewValue) -> Result<KlivSecret, Failure> {
    room_for_one_more(call.caller).await?;
    let provider = provider_of(&secret.spec.env_var);
    let question = Question {
        purpose: why.reason,
        obtain_from: provider.map(|provider| provider.page.to_owned()),
        requested_by: requested_by(call),
        ..Question::default()
    };
    Ok(call.caller.ask_anew(secret, question, DryRun::None).await?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(spec: serde_json::Value) -> KlivSecret {
        let object = json!({ "metadata": { "name": "a-key" }, "spec": spec });
        serde_json::from_value(object).unwrap()
    }

    fn input(arguments: serde_json::Value) -> Input {
        serde_json::from_value(arguments).unwrap()
    }

    #[test]
    fn what_is_not_given_stays_and_nothing_takes_away() {
        let time = "2027-01-31T00:00:00Z";
        let before = secret(json!({
            "envVar": "A_KEY", "description": "old", "rotateAfterDays": 90, "expirationTime": time,
        }));
        let told = |arguments: serde_json::Value| {
            let mut all = json!({ "name": "A_KEY" });
            for (key, value) in arguments.as_object().unwrap() {
                all[key] = value.clone();
            }
            let Input { description, rotate_after_days, .. } = input(all);
            let (changed, details) = super::told(&before, description, rotate_after_days);
            assert!(details.expiration_time.is_some(), "it is not this tool's");
            (changed, details.description, details.rotate_after_days)
        };
        let old = || Some("old".to_owned());
        assert_eq!(told(json!({})), (vec![], old(), Some(90)));
        let new = (vec!["description"], Some("new".to_owned()), Some(90));
        assert_eq!(told(json!({ "description": "new" })), new);
        assert_eq!(told(json!({ "description": "" })), (vec!["description"], None, Some(90)));
        let left_out = json!({ "description": null, "rotate_after_days": null });
        assert_eq!(told(left_out), (vec![], old(), Some(90)));
        let never = (vec!["rotate_after_days"], old(), None);
        assert_eq!(told(json!({ "rotate_after_days": 0 })), never);
        assert_eq!(told(json!({ "rotate_after_days": 90 })), (vec![], old(), Some(90)));
    }

    #[test]
    fn what_a_person_has_answered_is_not_asked_in_the_same_words_again() {
        let asked_of = |replaces: Option<i64>, version: i64| {
            let mut secret = secret(json!({
                "envVar": "A_KEY", "sealed": "kliv1.x",
                "request": { "purpose": "it leaked", "replaces": replaces },
            }));
            let status = json!({ "version": version, "observedGeneration": 1 });
            secret.status = Some(serde_json::from_value(status).unwrap());
            secret
        };
        assert_eq!(decided(&asked_of(Some(1), 2), "it leaked"), Some(NEXT_ANSWERED));
        assert_eq!(decided(&asked_of(Some(1), 2), "it leaked anew"), None);
        assert_eq!(decided(&asked_of(Some(2), 2), "it leaked"), None, "it waits");
        assert_eq!(decided(&asked_of(None, 2), "it leaked"), None, "it was for the first value");
    }

    #[test]
    fn a_new_value_is_asked_for_where_there_is_one_and_nothing_else_is_asked() {
        let refused = |spec| askable(&secret(spec)).err().map(|f| f.text().to_owned());
        assert_eq!(refused(json!({ "envVar": "A_KEY", "sealed": "kliv1.x" })), None);
        let waits = refused(json!({ "envVar": "A_KEY", "request": { "purpose": "p" } }));
        assert!(waits.unwrap_or_default().contains("get_request"));
        let goes = refused(json!({
            "envVar": "A_KEY", "sealed": "kliv1.x",
            "request": { "purpose": "p", "deletion": true },
        }));
        assert!(goes.unwrap_or_default().contains("proposed to delete"));
    }
}
