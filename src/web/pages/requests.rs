//! What agents and colleagues ask for.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Deserialize;

use super::super::frame::{Frame, Page, Problem, Section};
use super::super::shown::{line, lines};
use super::super::visit::Visit;
use super::super::words::time::Moment;
use crate::account::{Wanted, waiting};
use crate::api::KlivSecret;

#[derive(Template)]
#[template(path = "requests.html")]
pub(crate) struct Requests {
    frame: Frame,
    account: String,
    waiting: Vec<Row>,
}

/// One question.
struct Row {
    object: String,
    variable: String,
    environment: Option<String>,
    purpose: String,
    wants: &'static str,
    is_deletion: bool,
    user: Option<String>,
    /// Who may only have changed it, where nobody is known to have asked.
    changed_by: Option<String>,
    asked: Option<Moment>,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    done: Option<String>,
}

pub(crate) async fn page(
    visit: Visit,
    Path(account): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Page<Requests>, Problem> {
    let caller = visit.caller(&account)?;
    let done = asked.ok().and_then(|Query(asked)| asked.done);
    let frame = visit.frame(Section::Requests, Some(&caller)).with_done(done.as_deref());
    let mut secrets = caller.list(false).await?;
    secrets.sort_by_key(|secret| std::cmp::Reverse(created(secret)));
    let waiting = secrets.iter().filter_map(|secret| row(&frame, secret)).collect();
    Ok(Page(Requests { frame, account, waiting }))
}

fn row(frame: &Frame, secret: &KlivSecret) -> Option<Row> {
    let wanted = Wanted::of(secret)?;
    let (question, asker) = waiting(secret).ok()?;
    // When a secret that is older than the question was made says nothing.
    let asked = created(secret).filter(|_| wanted == Wanted::Value);
    Some(Row {
        object: secret.name_any(),
        variable: secret.spec.env_var.clone(),
        environment: secret.spec.environment.clone(),
        purpose: lines(&question.purpose),
        wants: frame.t.requests.badge(wanted),
        is_deletion: wanted == Wanted::Deletion,
        changed_by: asker.changed_by.filter(|_| asker.user.is_none()).map(|user| line(&user)),
        user: asker.user.map(|user| line(&user)),
        asked: asked.map(|time| frame.moment(time)),
    })
}

pub(super) fn created(secret: &KlivSecret) -> Option<Timestamp> {
    secret.metadata.creation_timestamp.as_ref().map(|time| time.0)
}
