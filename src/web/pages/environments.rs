//! Names × environments of an account.

use askama::Template;
use axum::extract::Path;

use super::super::frame::{Frame, Page, Problem, Section};
use super::super::visit::Visit;
use super::matrix::{Content, Matrix};
use super::secret::may;
use crate::account::{self, is_function};
use crate::api::names::LABEL_ENVIRONMENT;

#[derive(Template)]
#[template(path = "environments.html")]
pub(crate) struct Environments {
    frame: Frame,
    account: String,
    matrix: Matrix,
    may_add: bool,
}

pub(crate) async fn page(
    visit: Visit,
    Path(account): Path<String>,
) -> Result<Page<Environments>, Problem> {
    let caller = visit.caller(&account)?;
    let frame = visit.frame(Section::Environments, Some(&caller));
    let (secrets, deployments, install, may) =
        tokio::join!(caller.list(false), caller.deployments(), caller.install(), may(&caller));
    // Who may not look at Deployments sees the environments that secrets name.
    let functions = deployments.unwrap_or_default();
    let functions = functions.iter().filter(|one| is_function(&install.functions, one));
    let named = functions
        .filter_map(|one| one.metadata.labels.as_ref()?.get(LABEL_ENVIRONMENT).cloned())
        .collect::<Vec<_>>();
    let secrets = secrets?;
    let matrix = Matrix::of(&account::Matrix::of(&secrets, &named), frame.t);
    let account = caller.namespace.to_string();
    Ok(Page(Environments { frame, account, matrix, may_add: may.create }))
}
