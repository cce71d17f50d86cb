//! Where somebody wanted to go who had to sign in first: kept in the browser for the way to
//! the provider and back, and for that alone.
//!
//! ```text
//!  /accounts/…  ── nobody is signed in ──► /sign-in, cookie {path} ──► … ──► path, no cookie
//! ```
//!
//! It is in no address, so no other site can say where a sign-in leads.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::super::frame::{Frame, Page, Section};
use super::super::site::{Door, Site};
use super::super::visit::{language, ours};
use crate::runtime::{clock, entropy};

/// As long as somebody may take at the provider.
const KEPT: Duration = Duration::from_secs(600);

/// The first page.
const HOME: &str = "/";

/// To the sign-in, and from there on to the address, where it is that of a page that somebody
/// goes to.
pub(crate) fn first(site: &Site, address: Option<&str>) -> Response {
    let sign_in = Redirect::to("/sign-in");
    // One that does not fit is not kept: the sign-in matters more.
    let keep = |to: &str| {
        let key = site.gate.sessions().key();
        site.gate.onward().set(key, &to, KEPT, &mut entropy::system()).ok()
    };
    // What leads to the first page anyway takes no other's place: so does the way to another
    // language, from the page of the sign-in.
    match address.filter(|to| *to != HOME).and_then(keep) {
        Some(cookie) => ([(header::SET_COOKIE, cookie)], sign_in).into_response(),
        None => sign_in.into_response(),
    }
}

/// Where somebody goes on who is in now.
pub(super) fn kept(site: &Site, headers: &HeaderMap) -> String {
    let to: Option<String> = site.gate.onward().get(site.gate.sessions().key(), headers);
    to.as_deref().map_or(HOME, ours).to_owned()
}

/// The page between another site and ours.
#[derive(Template)]
#[template(path = "onward.html")]
pub(crate) struct Onward {
    pub(crate) frame: Frame,
    /// A path of ours.
    pub(crate) to: String,
    /// By itself; else only when somebody says so.
    pub(crate) at_once: bool,
}

/// Goes on from our own page, so that the browser sends the session along.
pub(super) async fn done(State(site): State<Site>, headers: HeaderMap) -> Response {
    let is_local = matches!(site.door, Door::Local { .. });
    let frame = Frame::of_nobody(language(&headers), is_local, Section::SignIn, clock::now());
    let to = kept(&site, &headers);
    let forget = AppendHeaders([(header::SET_COOKIE, site.gate.onward().clear())]);
    (forget, Page(Onward { frame, to, at_once: true })).into_response()
}
