//! What every page has, and what is shown where there is none.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;

use super::assets;
use super::guard::Refusal;
use super::words::time::Moment;
use super::words::{self, Done, Language, Words};
use crate::account;

/// What every page has.
pub(super) struct Frame {
    /// All texts, in the language of whoever asks.
    pub(super) t: &'static Words,
    /// When it was asked for.
    pub(super) now: Timestamp,
    /// Who is signed in.
    pub(super) who: Option<String>,
    /// Whether it is a person's own machine.
    pub(super) is_local: bool,
    /// Where he is.
    pub(super) section: Section,
    /// In which account.
    pub(super) account: Option<String>,
    /// Path and query of the page.
    pub(super) address: String,
    /// What was done just now.
    pub(super) done: Option<Done>,
}

/// The parts of the site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Section {
    Accounts,
    Secrets,
    Import,
    Environments,
    Audit,
    Requests,
    Health,
    SignIn,
    /// None of them.
    Nowhere,
}

impl Frame {
    /// Where an embedded file is.
    pub(super) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// A time, in words.
    pub(super) fn moment(&self, time: Timestamp) -> Moment {
        Moment::of(time, self.now, self.t.language)
    }

    /// Whether the page is in this part of the site.
    pub(super) fn is_in(&self, section: Section) -> bool {
        self.section == section
    }

    /// Of a page before somebody is signed in. It does not repeat the address: a sign-in's has
    /// secrets in it.
    pub(super) fn of_nobody(
        language: Language,
        is_local: bool,
        section: Section,
        now: Timestamp,
    ) -> Self {
        let t = language.words();
        let address = "/".to_owned();
        Self { t, now, who: None, is_local, section, account: None, address, done: None }
    }

    /// With what was done just now.
    pub(super) fn with_done(self, code: Option<&str>) -> Self {
        Self { done: code.and_then(Done::parse), ..self }
    }
}

/// A page that was made.
pub(super) struct Page<T>(pub(super) T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(text) => {
                ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
            }
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

/// Where a form leads when all was done: the page tells it.
pub(super) fn done_at(path: &str, done: Done) -> Redirect {
    Redirect::to(&format!("{path}?done={}", done.code()))
}

/// Why there is no page. It becomes one in [`explain`], which knows the language.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    /// Nobody is signed in.
    NotSignedIn,
    /// There is no such page.
    NoSuchPage,
    /// A form that the page did not make.
    BadForm,
    /// A form with a field for a value in the clear.
    InTheClear,
    /// The request is not for this server, or another site's.
    Refused(Refusal),
    /// Too many requests.
    TooOften,
    /// More than the page sends.
    TooLarge,
    /// It took too long.
    Late,
    /// Our own mistake.
    Broken,
    /// The account's verbs say why.
    Account(std::sync::Arc<account::Error>),
}

impl From<account::Error> for Problem {
    fn from(error: account::Error) -> Self {
        Self::Account(std::sync::Arc::new(error))
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        use account::Error;
        match self {
            Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::BadForm | Self::InTheClear => StatusCode::BAD_REQUEST,
            Self::Refused(Refusal::Host) => StatusCode::MISDIRECTED_REQUEST,
            Self::Refused(Refusal::Site) => StatusCode::FORBIDDEN,
            Self::Refused(Refusal::Method) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Refused(Refusal::ContentType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Late => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Account(error) => match **error {
                Error::Forbidden(_) | Error::NotTheOperators(_) => StatusCode::FORBIDDEN,
                Error::NotFound { .. } => StatusCode::NOT_FOUND,
                Error::Unfit(_) | Error::NotTaken(_) | Error::Changed(_) => StatusCode::CONFLICT,
                Error::Refused(_) | Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Error::NotLoggedIn => StatusCode::UNAUTHORIZED,
                Error::Unreachable(_) | Error::NotLive(_) | Error::TooMuch(_) => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            },
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    title: &'static str,
    detail: String,
}

/// Makes a page of a problem.
pub(super) fn explain(response: Response, frame: Frame) -> Response {
    let Some(problem) = response.extensions().get::<Problem>().cloned() else { return response };
    let (title, detail) = words::problem::words(&problem, frame.t.language);
    (response.status(), Page(ProblemPage { frame, title, detail })).into_response()
}
