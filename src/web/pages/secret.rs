//! One secret: what is known of it, where it is live, and the ways back and out.

mod view;

use axum::extract::{Path, Query};
use axum::http::header;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

use self::view::SecretPage;
use super::super::form::Sent;
use super::super::frame::{Page, Problem, Section, done_at};
use super::super::shown;
use super::super::visit::Visit;
use super::super::words::Done;
use crate::account::{Caller, DryRun, Error, Rights, Target, Thing, Waited, What, manifest};
use crate::api::KlivSecret;

/// What was done just now.
#[derive(Deserialize)]
pub(crate) struct Asked {
    done: Option<String>,
}

pub(crate) async fn page(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Page<SecretPage>, Problem> {
    let caller = visit.caller(&account)?;
    let secret = find(&caller, &object).await?;
    // After the secret: a set is current before its secrets say so.
    let (published, may) = tokio::join!(caller.account(), may(&caller));
    let seen = published.as_ref().ok().and_then(Option::as_ref);
    let reached = caller.reached(&Waited::of(&secret), seen).await;
    let frame = visit.frame(Section::Secrets, Some(&caller)).with_done(asked.done.as_deref());
    Ok(Page(SecretPage::of(frame, account, &secret, published, reached, may)))
}

/// The secret, or that it is not there.
pub(super) async fn find(caller: &Caller, object: &str) -> Result<KlivSecret, Problem> {
    let target = Target::parse(object, None).map_err(|_| Problem::NoSuchPage)?;
    if target.object() != object {
        return Err(Problem::NoSuchPage);
    }
    Ok(caller.find(&target).await?)
}

/// What he may do. Where that can't be told all is offered: the act then says why it fails.
pub(super) async fn may(caller: &Caller) -> Rights {
    let all = Rights { read: true, create: true, change: true, delete: true };
    caller.may().await.unwrap_or(all)
}

/// Brings a former value back.
pub(crate) async fn roll_back(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
    sent: Sent,
) -> Result<Redirect, Problem> {
    let fields = sent.only(&["version", "seen"])?;
    let version = fields.text("version").parse().map_err(|_| Problem::BadForm)?;
    let caller = visit.caller(&account)?;
    let secret = find(&caller, &object).await?;
    is_as_seen(&secret, fields.text("seen"))?;
    caller.roll_back(&secret, version, DryRun::None).await?;
    Ok(done_at(&format!("/accounts/{account}/secrets/{object}"), Done::RolledBack))
}

/// That somebody else was quicker.
fn changed(secret: &KlivSecret) -> Error {
    let name = secret.metadata.name.clone().unwrap_or_default();
    let namespace = secret.metadata.namespace.clone().unwrap_or_default();
    Error::Changed(Thing { what: What::Secret, name, namespace })
}

/// That it is still as the form's reader saw it. A form that does not say is no page's.
pub(super) fn is_as_seen(secret: &KlivSecret, seen: &str) -> Result<(), Error> {
    if seen == shown::seen(secret) { Ok(()) } else { Err(changed(secret)) }
}

/// The manifest with the sealed value, as a file.
pub(crate) async fn yaml(
    visit: Visit,
    Path((account, object)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let caller = visit.caller(&account)?;
    let secret = find(&caller, &object).await?;
    // Its name is one that an object can have: no quote in it.
    let file = format!("attachment; filename=\"{object}.yaml\"");
    let kind = "text/plain; charset=utf-8".to_owned();
    let text = manifest(&secret).filter(|_| secret.spec.sealed.is_some());
    let text = text.ok_or(Problem::NoSuchPage)?;
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, file)], text))
}
