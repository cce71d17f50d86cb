//! Updating a secret: a new value, or what is said of it beside.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::super::form::{Fields, Sent};
use super::super::frame::{Frame, Page, Problem, Section, done_at};
use super::super::shown::{line, seen};
use super::super::visit::Visit;
use super::super::words::Done;
use super::super::words::time::Moment;
use super::fields::{DetailsSent, Errors, Field, failed, sealed};
use super::sealing::Sealing;
use super::secret::{find, is_as_seen, may};
use crate::account::{Caller, Details, DryRun, Error, How, SealedAt, Target, Wanted, replaceable};
use crate::api::KlivSecret;

#[derive(Template)]
#[template(path = "update.html")]
pub(crate) struct Update {
    frame: Frame,
    account: String,
    object: String,
    variable: String,
    environment: Option<String>,
    mask: String,
    updated: Option<Moment>,
    updated_by: Option<String>,
    may: bool,
    waits: bool,
    has_value: bool,
    seen: String,
    details: DetailsSent,
    leaked: bool,
    errors: Errors,
    refused: Option<String>,
    changed: bool,
    sealing: Option<Sealing>,
}

/// What was sent, and what came of it.
struct Form {
    details: DetailsSent,
    leaked: bool,
    errors: Errors,
    refused: Option<String>,
    changed: bool,
}

impl Form {
    /// One that nothing was typed into.
    fn fresh(secret: &KlivSecret) -> Self {
        Self {
            details: DetailsSent::now(secret),
            leaked: false,
            errors: Errors::default(),
            refused: None,
            changed: false,
        }
    }

    async fn shown(self, visit: &Visit, caller: &Caller, secret: &KlivSecret) -> Update {
        let frame = visit.frame(Section::Secrets, Some(caller));
        let status = secret.status.clone().unwrap_or_default();
        let environment = secret.spec.environment.clone();
        Update {
            account: caller.namespace.to_string(),
            object: Target::of(secret).object(),
            variable: secret.spec.env_var.clone(),
            environment,
            mask: status.masked_value.unwrap_or_default(),
            updated: status.updated_time.map(|time| frame.moment(time.0)),
            updated_by: status.updated_by.map(|user| line(&user)),
            may: may(caller).await.change,
            waits: Wanted::of(secret) == Some(Wanted::Value),
            has_value: replaceable(secret).is_ok(),
            seen: seen(secret),
            details: self.details,
            leaked: self.leaked,
            errors: self.errors,
            refused: self.refused,
            changed: self.changed,
            sealing: Sealing::of(caller, Some(secret), visit.now).await,
            frame,
        }
    }
}

pub(crate) async fn page(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
) -> Result<Page<Update>, Problem> {
    let caller = visit.caller(&account)?;
    let secret = find(&caller, &object).await?;
    Ok(Page(Form::fresh(&secret).shown(&visit, &caller, &secret).await))
}

/// What is to be done.
enum Act {
    Value(SealedAt),
    Details(Details),
}

/// None where something is wrong.
fn read(fields: &Fields, secret: &KlivSecret, form: &mut Form) -> Result<Option<Act>, Problem> {
    let errors = &mut form.errors;
    match fields.text("act") {
        "value" => {
            form.leaked = fields.is_ticked("leaked")?;
            Ok(sealed(fields, errors).map(Act::Value))
        }
        "details" => {
            form.details = DetailsSent::of(fields);
            let details = form.details.read_for(secret, errors);
            Ok(Some(Act::Details(details)).filter(|_| errors.is_empty()))
        }
        _ => Err(Problem::BadForm),
    }
}

pub(crate) async fn change(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let own = ["act", "seen", "leaked", "sealed", "sealedAt"];
    let fields = sent.only(&[&own[..], &DetailsSent::FIELDS].concat())?;
    let caller = visit.caller(&account)?;
    let secret = find(&caller, &object).await?;
    let mut form = Form::fresh(&secret);
    let act = read(&fields, &secret, &mut form)?;
    let status = match act {
        None => StatusCode::UNPROCESSABLE_ENTITY,
        Some(_) if is_as_seen(&secret, fields.text("seen")).is_err() => {
            form = Form { changed: true, ..Form::fresh(&secret) };
            StatusCode::CONFLICT
        }
        Some(act) => match write(&visit, &caller, &secret, act, form.leaked).await {
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
    if form.changed {
        form = Form { changed: true, ..Form::fresh(&secret) };
    }
    Ok((status, Page(form.shown(&visit, &caller, &secret).await)).into_response())
}

async fn write(
    visit: &Visit,
    caller: &Caller,
    secret: &KlivSecret,
    act: Act,
    leaked: bool,
) -> Result<Done, Error> {
    let value = match act {
        Act::Details(details) => {
            caller.describe(secret, &details).await?;
            return Ok(Done::Described);
        }
        Act::Value(value) => value.into(),
    };
    let key = caller.sealing_key().await?;
    let how = How { key: &key, now: visit.now, dry_run: DryRun::None };
    if replaceable(secret).is_ok() {
        caller.rotate(secret, &value, leaked, &how).await?;
    } else {
        let target = Target::of(secret);
        caller.set(&target, Some(secret), &value, Details::default(), &how).await?;
    }
    Ok(if leaked { Done::Purged } else { Done::Updated })
}
