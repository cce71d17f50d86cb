//! The language that somebody chooses, signed in or not; the browser remembers it.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::super::form::Sent;
use super::super::frame::Problem;
use super::super::site::{Door, Site};
use super::super::visit::{LANGUAGE_COOKIE, ours};
use super::super::words::Language;

/// A year, seconds.
const REMEMBERED: u32 = 365 * 24 * 3600;

pub(crate) async fn choose(State(site): State<Site>, sent: Sent) -> Result<Response, Problem> {
    let fields = sent.only(&["language", "to"])?;
    let language = Language::parse(fields.text("language")).ok_or(Problem::BadForm)?;
    let secure = if matches!(site.door, Door::Local { .. }) { "" } else { "; Secure" };
    let cookie = format!(
        "{LANGUAGE_COOKIE}={}; Path=/; Max-Age={REMEMBERED}; HttpOnly; SameSite=Lax{secure}",
        language.tag()
    );
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(ours(fields.text("to")))).into_response())
}
