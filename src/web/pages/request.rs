//! One question, and its answer. What the asker wrote is never more than text, and an answer
//! is for the question that was read.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::super::form::Sent;
use super::super::frame::{Frame, Page, Problem, Section, done_at};
use super::super::shown::{line, lines, seen};
use super::super::visit::Visit;
use super::super::words::Done;
use super::super::words::time::Moment;
use super::fields::{Errors, Field, failed, sealed};
use super::requests::created;
use super::sealing::Sealing;
use super::secret::{find, is_as_seen, may};
use crate::account::{Asker, Caller, DryRun, Error, How, SealedAt, Target, receivers, waiting};
use crate::account::{Provider, provider_of};
use crate::api::{KlivSecret, Question};

#[derive(Template)]
#[template(path = "request.html")]
pub(crate) struct Request {
    frame: Frame,
    account: String,
    object: String,
    variable: String,
    environment: Option<String>,
    /// None where nobody waits.
    question: Option<Shown>,
    /// None where they can't be seen.
    receivers: Option<Vec<String>>,
    provider: Option<Provider>,
    may_answer: bool,
    may_refuse: bool,
    seen: String,
    errors: Errors,
    refused: Option<String>,
    changed: bool,
    sealing: Option<Sealing>,
}

/// A question as it is shown: all of it is the asker's but the first three.
struct Shown {
    user: Option<String>,
    via: Option<String>,
    on_behalf_of: Option<String>,
    changed_by: Option<String>,
    asked: Option<Moment>,
    purpose: String,
    obtain_from: Option<String>,
    says: Option<String>,
}

#[derive(Default)]
struct Form {
    errors: Errors,
    refused: Option<String>,
    changed: bool,
}

impl Form {
    async fn shown(self, visit: &Visit, caller: &Caller, secret: &KlivSecret) -> Request {
        let frame = visit.frame(Section::Requests, Some(caller));
        let may = may(caller).await;
        let target = Target::of(secret);
        let question = waiting(secret).ok();
        let asked = created(secret).map(|time| frame.moment(time));
        Request {
            account: caller.namespace.to_string(),
            object: target.object(),
            provider: provider_of(&target.variable),
            question: question.map(|(question, asker)| shown_as(question, asker, asked)),
            receivers: who_gets_it(caller, &target).await,
            variable: target.variable,
            environment: target.environment,
            may_answer: may.change,
            may_refuse: may.delete,
            seen: seen(secret),
            errors: self.errors,
            refused: self.refused,
            changed: self.changed,
            sealing: Sealing::of(caller, Some(secret), visit.now).await,
            frame,
        }
    }
}

fn shown_as(question: &Question, asker: Asker, asked: Option<Moment>) -> Shown {
    let text = |text: &String| line(text);
    Shown {
        user: asker.user.as_ref().map(text),
        via: asker.via.as_ref().map(text),
        on_behalf_of: asker.on_behalf_of.as_ref().map(text),
        changed_by: asker.changed_by.as_ref().map(text),
        asked,
        purpose: lines(&question.purpose),
        obtain_from: question.obtain_from.as_ref().map(text),
        says: asker.says.as_ref().map(text),
    }
}

async fn who_gets_it(caller: &Caller, target: &Target) -> Option<Vec<String>> {
    let deployments = caller.deployments().await.ok()?;
    let status = caller.account().await.ok()?.and_then(|account| account.status);
    let labels = caller.install().await.functions;
    let (variable, environment) = (&target.variable, target.environment.as_deref());
    let status = status.unwrap_or_default();
    Some(receivers(&status, &labels, &deployments, variable, environment))
}

pub(crate) async fn page(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
) -> Result<Page<Request>, Problem> {
    let caller = visit.caller(&account)?;
    let secret = find(&caller, &object).await?;
    Ok(Page(Form::default().shown(&visit, &caller, &secret).await))
}

/// What is to be done.
enum Act {
    Answer(SealedAt),
    Refuse,
}

pub(crate) async fn answer(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let fields = sent.only(&["act", "seen", "sealed", "sealedAt"])?;
    let caller = visit.caller(&account)?;
    let mut form = Form::default();
    let act = match fields.text("act") {
        "refuse" => Some(Act::Refuse),
        "answer" => sealed(&fields, &mut form.errors).map(Act::Answer),
        _ => return Err(Problem::BadForm),
    };
    let secret = find(&caller, &object).await?;
    let status = match act {
        None => StatusCode::UNPROCESSABLE_ENTITY,
        // Somebody may have put another question under what was read.
        Some(_)
            if is_as_seen(&secret, fields.text("seen")).is_err() || waiting(&secret).is_err() =>
        {
            form.changed = true;
            StatusCode::CONFLICT
        }
        Some(act) => match write(&visit, &caller, &secret, act).await {
            Ok(Done::Refused) => {
                let to = format!("/accounts/{account}/requests");
                return Ok(done_at(&to, Done::Refused).into_response());
            }
            Ok(done) => {
                let to = format!("/accounts/{account}/secrets/{object}");
                return Ok(done_at(&to, done).into_response());
            }
            Err(Error::Changed(_)) => {
                form.changed = true;
                StatusCode::CONFLICT
            }
            Err(error) => failed(error, &mut form.errors, &mut form.refused)?,
        },
    };
    // As it is by now.
    let secret = find(&caller, &object).await?;
    Ok((status, Page(form.shown(&visit, &caller, &secret).await)).into_response())
}

async fn write(
    visit: &Visit,
    caller: &Caller,
    secret: &KlivSecret,
    act: Act,
) -> Result<Done, Error> {
    match act {
        Act::Refuse => {
            caller.refuse(secret, DryRun::None).await?;
            Ok(Done::Refused)
        }
        Act::Answer(value) => {
            let key = caller.sealing_key().await?;
            let how = How { key: &key, now: visit.now, dry_run: DryRun::None };
            caller.answer(secret, &value.into(), &how).await?;
            Ok(Done::Answered)
        }
    }
}
