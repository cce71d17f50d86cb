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
use super::super::words::requests::Requests as Words;
use super::super::words::time::Moment;
use super::fields::{Errors, Field, failed, sealed};
use super::requests::created;
use super::sealing::Sealing;
use super::secret::{find, is_as_seen, may};
use crate::account::{
    Asker, Caller, DryRun, Error, How, Provider, SealedAt, Target, Wanted, provider_of, receivers,
    waiting,
};
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
    /// What it has now.
    mask: String,
    /// The functions that get the value, or would lose it; none where they can't be seen.
    functions: Option<Vec<String>>,
    provider: Option<Provider>,
    may_answer: bool,
    may_delete: bool,
    may_refuse: bool,
    seen: String,
    errors: Errors,
    refused: Option<String>,
    changed: bool,
    sealing: Option<Sealing>,
}

/// A question as it is shown: from the purpose on it is the asker's.
struct Shown {
    wants: Wanted,
    wanted: &'static str,
    user: Option<String>,
    via: Option<String>,
    on_behalf_of: Option<String>,
    changed_by: Option<String>,
    changed_for: Option<String>,
    changed_via: Option<String>,
    asked: Option<Moment>,
    purpose: String,
    obtain_from: Option<String>,
    says: Option<String>,
}

impl Shown {
    fn is_for_a_new_value(&self) -> bool {
        self.wants == Wanted::NewValue
    }

    fn is_for_deletion(&self) -> bool {
        self.wants == Wanted::Deletion
    }
}

impl Request {
    /// Whether there is a form for a value.
    fn takes_a_value(&self) -> bool {
        self.may_answer && self.question.as_ref().is_some_and(|asked| !asked.is_for_deletion())
    }
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
        let wanted = Wanted::of(secret);
        let question = wanted.zip(waiting(secret).ok());
        // When a secret that is older than the question was made says nothing.
        let asked = created(secret).filter(|_| wanted == Some(Wanted::Value));
        let asked = asked.map(|time| frame.moment(time));
        let mask = secret.status.as_ref().and_then(|status| status.masked_value.as_deref());
        Request {
            account: caller.namespace.to_string(),
            object: target.object(),
            provider: provider_of(&target.variable),
            question: question.map(|(wanted, (question, asker))| {
                shown_as(&frame.t.requests, wanted, question, asker, asked)
            }),
            mask: line(mask.unwrap_or_default()),
            functions: match wanted {
                Some(Wanted::Deletion) => who_loses_it(caller, secret).await,
                _ => who_gets_it(caller, secret).await,
            },
            variable: target.variable,
            environment: target.environment,
            may_answer: may.change,
            may_delete: may.delete,
            may_refuse: if wanted == Some(Wanted::Value) { may.delete } else { may.change },
            seen: seen(secret),
            errors: self.errors,
            refused: self.refused,
            changed: self.changed,
            sealing: Sealing::of(caller, Some(secret), visit.now).await,
            frame,
        }
    }
}

fn shown_as(
    t: &Words,
    wants: Wanted,
    question: &Question,
    asker: Asker,
    asked: Option<Moment>,
) -> Shown {
    let text = |text: &String| line(text);
    Shown {
        wants,
        wanted: t.wants(wants),
        user: asker.user.as_ref().map(text),
        via: asker.via.as_ref().map(text),
        on_behalf_of: asker.on_behalf_of.as_ref().map(text),
        changed_by: asker.changed_by.as_ref().map(text),
        changed_for: asker.changed_for.as_ref().map(text),
        changed_via: asker.changed_via.as_ref().map(text),
        asked,
        purpose: lines(&question.purpose),
        obtain_from: question.obtain_from.as_ref().map(text),
        says: asker.says.as_ref().map(text),
    }
}

async fn who_gets_it(caller: &Caller, secret: &KlivSecret) -> Option<Vec<String>> {
    let deployments = caller.deployments().await.ok()?;
    let secrets = caller.list(false).await.ok()?;
    let labels = caller.install().await.functions;
    let names = receivers(secret, &secrets, &labels, &deployments);
    Some(names.iter().map(|name| line(name)).collect())
}

async fn who_loses_it(caller: &Caller, secret: &KlivSecret) -> Option<Vec<String>> {
    let users = caller.users(secret).await.ok()?;
    Some(users.iter().map(|user| line(&user.function)).collect())
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
            Ok(done @ Done::Refused) => {
                let to = format!("/accounts/{account}/requests");
                return Ok(done_at(&to, done).into_response());
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
            let wanted = Wanted::of(secret);
            caller.refuse(secret, DryRun::None).await?;
            Ok(if wanted == Some(Wanted::Deletion) { Done::Kept } else { Done::Refused })
        }
        Act::Answer(value) => {
            let key = caller.sealing_key().await?;
            let how = How { key: &key, now: visit.now, dry_run: DryRun::None };
            caller.answer(secret, &value.into(), &how).await?;
            Ok(Done::Answered)
        }
    }
}
