//! The secrets of an account.

use askama::Template;
use axum::extract::Path;
use kube::ResourceExt as _;

use super::super::frame::{Frame, Page, Problem, Section};
use super::super::visit::Visit;
use super::super::words::time::Moment;
use crate::api::KlivSecret;

#[derive(Template)]
#[template(path = "secrets.html")]
pub(crate) struct Secrets {
    frame: Frame,
    account: String,
    rows: Vec<Row>,
}

/// One secret.
struct Row {
    object: String,
    variable: String,
    mask: String,
    updated: Option<Moment>,
}

pub(crate) async fn page(
    visit: Visit,
    Path(account): Path<String>,
) -> Result<Page<Secrets>, Problem> {
    let caller = visit.caller(&account)?;
    let frame = visit.frame(Section::Secrets, Some(&caller));
    let rows = caller.list(false).await?.iter().map(|secret| row(&frame, secret)).collect();
    Ok(Page(Secrets { frame, account, rows }))
}

fn row(frame: &Frame, secret: &KlivSecret) -> Row {
    let status = secret.status.as_ref();
    Row {
        object: secret.name_any(),
        variable: secret.spec.env_var.clone(),
        mask: status.and_then(|status| status.masked_value.clone()).unwrap_or_default(),
        updated: status
            .and_then(|status| status.updated_time.as_ref())
            .map(|time| frame.moment(time.0)),
    }
}
