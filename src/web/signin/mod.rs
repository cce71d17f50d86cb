//! Sign-in and sign-out.
//!
//! ```text
//!  in the cluster: provider (OpenID Connect) ─┐
//!                  pasted token ──────────────┴─► the API server's review ─► Person ─┐
//!  on a person's machine: a link that works once ────────────────────────────────────┴─► session
//! ```
//!
//! What proves who somebody is (token, code, link) is used once and forgotten; it stands in no
//! log line, no answer and no address that a browser keeps. The session's cookie is
//! `SameSite=Strict`: a browser that another site has sent here does not send it along yet, so
//! it is led to a page of ours that goes on by itself, to where somebody wanted to go.

mod local;
mod oidc;
mod onward;
mod token;

use askama::Template;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use super::frame::{Frame, Page, Problem, Section};
use super::limits;
use super::session::Session;
use super::site::{Door, Site};
use super::visit::language;
use super::words::Language;
use crate::api::names::WEB_AUDIENCE;
use crate::runtime::{clock, entropy};
use crate::server::Unknown;
use crate::server::{Person, Unfit};

pub use local::{Link, LinkToken};
pub use oidc::{BadOidc, Oidc, OidcSettings};
pub(super) use onward::{Onward, first};

/// Why somebody is not signed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NotIn {
    /// No text that could be a token.
    NoToken,
    /// The cluster knows nobody by it.
    Unknown,
    /// Somebody for whom this server can't act.
    Unfit,
    /// This server lacks the right to act for him.
    NotAllowed,
    /// The token could do more than this page is for.
    Powerful,
    /// The cluster does not answer.
    Unanswered,
    /// He is in more groups than a cookie holds.
    TooManyGroups,
    /// Not begun in this browser, too long ago, or used already.
    Stale,
    /// The provider does not want to.
    Declined,
    /// The provider does not answer, or not as it should.
    Provider,
    /// The provider's token is not what it should be.
    Forged,
    /// The link was used, or is another's.
    BadLink,
}

impl From<Unknown> for NotIn {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Token | Unknown::Elsewhere | Unknown::Powerful | Unknown::Over => {
                Self::Unknown
            }
            Unknown::NoKeys => Self::Provider,
            Unknown::Person(_) => Self::Unfit,
            Unknown::NotAllowed(_) => Self::NotAllowed,
            Unknown::Unanswered(_) => Self::Unanswered,
        }
    }
}

impl From<Unfit> for NotIn {
    fn from(_: Unfit) -> Self {
        Self::Unfit
    }
}

impl NotIn {
    fn status(self) -> StatusCode {
        match self {
            Self::NoToken => StatusCode::BAD_REQUEST,
            Self::Unanswered | Self::Provider => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// One word, for numbers and the log.
    fn word(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::Unknown => "unknown",
            Self::Unfit => "unfit",
            Self::NotAllowed => "not_allowed",
            Self::Powerful => "powerful",
            Self::Unanswered => "unanswered",
            Self::TooManyGroups => "too_many_groups",
            Self::Stale => "stale",
            Self::Declined => "declined",
            Self::Provider => "provider",
            Self::Forged => "forged",
            Self::BadLink => "bad_link",
        }
    }
}

/// Where one signs in and out.
pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/sign-in", get(page))
        .route("/sign-in/token", post(by_token))
        .route("/sign-in/oidc", get(to_provider))
        .route("/sign-in/callback", get(from_provider))
        .route("/sign-in/link", get(by_link))
        .route("/sign-in/done", get(onward::done))
        .route("/sign-out", post(sign_out))
}

#[derive(Template)]
#[template(path = "signin.html")]
struct SignIn {
    frame: Frame,
    notice: Option<&'static str>,
    by_provider: bool,
    audience: &'static str,
}

async fn page(
    State(site): State<Site>,
    session: Option<Extension<Session>>,
    headers: HeaderMap,
) -> Response {
    match session {
        Some(_) => Redirect::to("/").into_response(),
        None => show(&site, language(&headers), None),
    }
}

fn show(site: &Site, language: Language, not_in: Option<NotIn>) -> Response {
    let (is_local, by_provider) = match &site.door {
        Door::Local { .. } => (true, false),
        Door::Cluster { oidc, .. } => (false, oidc.is_some()),
    };
    let frame = Frame::of_nobody(language, is_local, Section::SignIn, clock::now());
    let notice = not_in.map(|not_in| frame.t.signin.why(not_in));
    let status = not_in.map_or(StatusCode::OK, NotIn::status);
    (status, Page(SignIn { frame, notice, by_provider, audience: WEB_AUDIENCE })).into_response()
}

/// Somebody is not signed in, by that way.
fn refuse(site: &Site, language: Language, way: &'static str, not_in: NotIn) -> Response {
    site.gate.metrics().signed_in(way, not_in.word());
    tracing::info!(way, why = not_in.word(), "a sign-in was refused");
    show(site, language, Some(not_in))
}

/// The session of somebody who has shown who he is.
fn begin(site: &Site, way: &'static str, person: Person) -> Result<HeaderValue, NotIn> {
    let sessions = site.gate.sessions();
    let cookie = sessions.begin(person, clock::now(), &mut entropy::system());
    let cookie = cookie.map_err(|_| NotIn::TooManyGroups)?;
    site.gate.metrics().signed_in(way, "ok");
    tracing::info!(way, "somebody signed in");
    Ok(cookie)
}

async fn by_token(State(site): State<Site>, request: Request) -> Result<Response, Problem> {
    const WAY: &str = "token";
    let Door::Cluster { client, allow_powerful_tokens, .. } = &site.door else {
        return Err(Problem::NoSuchPage);
    };
    let (language, to) = (language(request.headers()), onward::kept(&site, request.headers()));
    let body = read(request.into_body()).await.ok_or(Problem::TooLarge)?;
    let token = token::of_form(&body);
    drop(body);
    let Some(token) = token else { return Ok(refuse(&site, language, WAY, NotIn::NoToken)) };
    let place = &site.operator_namespace;
    let person = token::person(client, token, place, *allow_powerful_tokens).await;
    Ok(match person.and_then(|person| begin(&site, WAY, person)) {
        Ok(cookie) => {
            let cookies = [cookie, site.gate.onward().clear()].map(|set| (header::SET_COOKIE, set));
            (AppendHeaders(cookies), Redirect::to(&to)).into_response()
        }
        Err(not_in) => refuse(&site, language, WAY, not_in),
    })
}

/// A body in memory that is wiped, and so are the pieces it came in.
async fn read(body: Body) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = to_bytes(body, limits::SIGN_IN).await.ok()?;
    let copy = Zeroizing::new(bytes.to_vec());
    if let Ok(mut bytes) = bytes.try_into_mut() {
        bytes.zeroize();
    }
    Some(copy)
}

async fn to_provider(State(site): State<Site>, headers: HeaderMap) -> Result<Response, Problem> {
    let Door::Cluster { oidc: Some(oidc), .. } = &site.door else {
        return Err(Problem::NoSuchPage);
    };
    let key = site.gate.sessions().key();
    Ok(match oidc.begin(key, clock::now(), &mut entropy::system()).await {
        Ok((url, cookie)) => ([(header::SET_COOKIE, cookie)], Redirect::to(&url)).into_response(),
        Err(not_in) => refuse(&site, language(&headers), "oidc", not_in),
    })
}

async fn from_provider(
    State(site): State<Site>,
    callback: Result<Query<oidc::Callback>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    const WAY: &str = "oidc";
    let Door::Cluster { client, oidc: Some(oidc), .. } = &site.door else {
        return Err(Problem::NoSuchPage);
    };
    let language = language(&headers);
    let key = site.gate.sessions().key();
    let known = async {
        let Query(callback) = callback.map_err(|_| NotIn::Stale)?;
        let token = oidc.finish(key, &headers, callback, clock::now()).await?;
        let known = crate::server::whose(client, token).await?;
        begin(&site, WAY, known.person)
    };
    let mut response = match known.await {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to(DONE)).into_response(),
        Err(not_in) => refuse(&site, language, WAY, not_in),
    };
    response.headers_mut().append(header::SET_COOKIE, oidc.clear());
    Ok(response)
}

/// Where whoever comes from another site goes on.
const DONE: &str = "/sign-in/done";

#[derive(Deserialize)]
struct Secret {
    token: String,
}

async fn by_link(
    State(site): State<Site>,
    secret: Result<Query<Secret>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    const WAY: &str = "link";
    let Door::Local { link, who, .. } = &site.door else { return Err(Problem::NoSuchPage) };
    let right = secret.is_ok_and(|Query(secret)| link.take(&Zeroizing::new(secret.token)));
    let person = Person { name: who.clone(), ..Person::default() };
    let begun = if right { begin(&site, WAY, person) } else { Err(NotIn::BadLink) };
    Ok(match begun {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to(DONE)).into_response(),
        Err(not_in) => refuse(&site, language(&headers), WAY, not_in),
    })
}

async fn sign_out(State(site): State<Site>, session: Option<Extension<Session>>) -> Response {
    let sessions = site.gate.sessions();
    if let Some(Extension(session)) = session {
        sessions.end(&session, clock::now());
    }
    ([(header::SET_COOKIE, sessions.clear())], Redirect::to("/sign-in")).into_response()
}
