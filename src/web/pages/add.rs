//! Adding a secret: its value sealed in the browser, or made by the cluster.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

use super::super::form::{Fields, Sent};
use super::super::frame::{Frame, Page, Problem, Section, done_at};
use super::super::visit::Visit;
use super::super::words::Done;
use super::fields::{DetailsSent, Errors, Field, PlaceSent, Source, SourceSent, Wrong, failed};
use super::sealing::Sealing;
use super::secret::may;
use super::secrets_rows::environments;
use crate::account::{Caller, Details, DryRun, Error, How, Right, Target, Unfit};
use crate::api::is_dns_subdomain;

#[derive(Template)]
#[template(path = "add.html")]
pub(crate) struct Add {
    frame: Frame,
    account: String,
    may: bool,
    place: PlaceSent,
    details: DetailsSent,
    source: SourceSent,
    errors: Errors,
    /// The cluster's own words.
    refused: Option<String>,
    /// The secret that is there already.
    taken_by: String,
    /// The names of its objects, as JSON for a script's block.
    taken: String,
    environments: Vec<String>,
    sealing: Option<Sealing>,
}

/// What the address prefills.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Prefill {
    name: String,
    environment: String,
}

pub(crate) async fn page(
    visit: Visit,
    Path(account): Path<String>,
    prefill: Result<Query<Prefill>, QueryRejection>,
) -> Result<Page<Add>, Problem> {
    let caller = visit.caller(&account)?;
    let Query(prefill) = prefill.unwrap_or_default();
    let form = Form {
        place: PlaceSent::typed(prefill.name.trim(), prefill.environment.trim()),
        ..Form::default()
    };
    let page = form.shown(&visit, &caller).await;
    // Who may look only is told why there is no form; to anybody else the account is nothing.
    if page.may || may(&caller).await.read {
        return Ok(Page(page));
    }
    Err(Error::Forbidden(Right::of("")).into())
}

/// All that was sent, and what is wrong with it.
#[derive(Default)]
struct Form {
    place: PlaceSent,
    details: DetailsSent,
    source: SourceSent,
    errors: Errors,
    refused: Option<String>,
    taken_by: String,
}

impl Form {
    fn of(fields: &Fields) -> Result<Self, Problem> {
        Ok(Self {
            place: PlaceSent::of(fields),
            details: DetailsSent::of(fields),
            source: SourceSent::of(fields)?,
            ..Self::default()
        })
    }

    /// None where something is wrong.
    fn read(&mut self, fields: &Fields) -> Result<Option<(Target, Details, Source)>, Problem> {
        let target = self.place.read(fields, &mut self.errors);
        let source = self.source.read(fields, &mut self.errors)?;
        let details = self.details.read(&mut self.errors);
        let wanted = source.map(|source| (target, details, source));
        Ok(wanted.filter(|_| self.errors.is_empty()))
    }

    async fn shown(self, visit: &Visit, caller: &Caller) -> Add {
        // Who may create needs not be able to list.
        let secrets = caller.list(false).await.unwrap_or_default();
        let names = secrets.iter().map(|secret| Target::of(secret).object());
        let names: Vec<String> = names.filter(|name| is_dns_subdomain(name)).collect();
        let Self { place, details, source, errors, refused, taken_by } = self;
        Add {
            frame: visit.frame(Section::Secrets, Some(caller)),
            account: caller.namespace.to_string(),
            may: may(caller).await.create,
            place,
            details,
            source,
            errors,
            refused,
            taken_by,
            // Names of objects have no sign that could end the block.
            taken: json!(names).to_string(),
            environments: environments(&secrets).0,
            sealing: Sealing::of(caller, None, visit.now).await,
        }
    }
}

pub(crate) async fn create(
    visit: Visit,
    Path(account): Path<String>,
    sent: Sent,
) -> Result<Response, Problem> {
    let known = [&PlaceSent::FIELDS[..], &DetailsSent::FIELDS, &SourceSent::FIELDS].concat();
    let fields = sent.only(&known)?;
    let caller = visit.caller(&account)?;
    let mut form = Form::of(&fields)?;
    let status = match form.read(&fields)? {
        None => StatusCode::UNPROCESSABLE_ENTITY,
        Some((target, details, source)) => {
            let object = target.object();
            match write(&visit, &caller, &target, details, source).await {
                Ok(()) => {
                    let to = format!("/accounts/{account}/secrets/{object}");
                    return Ok(done_at(&to, Done::Created).into_response());
                }
                Err(Error::Changed(_) | Error::Unfit(Unfit::Exists(_))) => {
                    form.errors.add(Field::Name, Wrong::Taken);
                    form.taken_by = object;
                    StatusCode::CONFLICT
                }
                Err(error) => failed(error, &mut form.errors, &mut form.refused)?,
            }
        }
    };
    Ok((status, Page(form.shown(&visit, &caller).await)).into_response())
}

async fn write(
    visit: &Visit,
    caller: &Caller,
    target: &Target,
    details: Details,
    source: Source,
) -> Result<(), Error> {
    match source {
        Source::Generate(generate) => {
            caller.generate(target, generate, details, DryRun::None).await?;
        }
        Source::Sealed(value) => {
            let key = caller.sealing_key().await?;
            let how = How { key: &key, now: visit.now, dry_run: DryRun::None };
            caller.set(target, None, &value.into(), details, &how).await?;
        }
    }
    Ok(())
}
