//! The accounts that somebody may see.

use askama::Template;

use super::super::frame::{Frame, Page, Problem, Section};
use super::super::visit::Visit;

#[derive(Template)]
#[template(path = "accounts.html")]
pub(crate) struct Accounts {
    frame: Frame,
}

pub(crate) async fn page(visit: Visit) -> Result<Page<Accounts>, Problem> {
    Ok(Page(Accounts { frame: visit.frame(Section::Accounts, None) }))
}
