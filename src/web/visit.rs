#![expect(clippy::disallowed_types, reason = "hands the client to the account's verbs")]
//! One request of somebody who is signed in: who, in which language, and as whom to act.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Uri, header};
use jiff::Timestamp;
use kube::Client;

use super::frame::{Frame, Problem, Section};
use super::session::Session;
use super::shown;
use super::site::{Door, Site};
use super::words::Language;
use crate::account::{Caller, Namespace};
use crate::runtime::clock;
use crate::server::speaking_as;

/// The cookie that remembers the language.
pub(super) const LANGUAGE_COOKIE: &str = "kliv-language";

/// One request of somebody who is signed in.
pub(super) struct Visit {
    pub(super) site: Site,
    pub(super) language: Language,
    /// When it came.
    pub(super) now: Timestamp,
    /// His name at the API server.
    pub(super) who: String,
    /// Path and query that were asked for.
    pub(super) address: String,
    client: Client,
}

impl Visit {
    /// He, in an account.
    pub(super) fn caller(&self, namespace: &str) -> Result<Caller, Problem> {
        let namespace = Namespace::try_from(namespace).map_err(|_| Problem::NoSuchPage)?;
        Ok(self.site.caller(self.client.clone(), namespace))
    }

    /// He, in no account yet: for what is asked of all of them.
    pub(super) fn anywhere(&self) -> Caller {
        self.site.caller(self.client.clone(), self.site.operator_namespace.clone())
    }

    /// What every page has.
    pub(super) fn frame(&self, section: Section, account: Option<&Caller>) -> Frame {
        Frame {
            t: self.language.words(),
            now: self.now,
            who: Some(shown::line(&self.who)),
            is_local: matches!(self.site.door, Door::Local { .. }),
            section,
            account: account.map(|caller| caller.namespace.to_string()),
            address: self.address.clone(),
            done: None,
        }
    }
}

impl FromRequestParts<Site> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let session = parts.extensions.get::<Session>().ok_or(Problem::NotSignedIn)?;
        let who = session.person.name.clone();
        let client = match &site.door {
            Door::Local { client, .. } => client.clone(),
            Door::Cluster { client, .. } => {
                speaking_as(client, &session.person).map_err(|_| Problem::NotSignedIn)?
            }
        };
        Ok(Self {
            site: site.clone(),
            language: language(&parts.headers),
            now: clock::now(),
            who,
            address: address(&parts.extensions, &parts.uri),
            client,
        })
    }
}

/// Path and query as they were asked for: routes within others see the rest alone.
#[derive(Clone)]
pub(super) struct Asked(String);

impl Asked {
    pub(super) fn of(uri: &Uri) -> Self {
        Self(uri.path_and_query().map_or("/", |address| address.as_str()).to_owned())
    }
}

/// Path and query of a request, as they were asked for.
pub(super) fn address(extensions: &Extensions, uri: &Uri) -> String {
    let asked = extensions.get::<Asked>().cloned();
    asked.unwrap_or_else(|| Asked::of(uri)).0
}

/// What was chosen here before; else what the browser asks for.
pub(super) fn language(headers: &HeaderMap) -> Language {
    cookie(headers, LANGUAGE_COOKIE).and_then(Language::parse).unwrap_or_else(|| {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Language::accepted(accepted.unwrap_or_default())
    })
}

/// A cookie's value, as it was sent.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
}

/// A path of ours, or the first page: nobody is sent to another site from here.
pub(super) fn ours(to: &str) -> &str {
    let is_path = to.starts_with('/') && !to.starts_with("//");
    // Browsers take a backslash for a slash.
    let is_plain = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_path && is_plain { to } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_where_one_was_and_nowhere_else() {
        for path in ["/", "/accounts/acme?q=a%20b&sort=name", "/health"] {
            assert_eq!(ours(path), path);
        }
        for elsewhere in [
            "",
            "accounts",
            "//evil.example/",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: a=b",
            "/\t/evil.example",
            "/å",
        ] {
            assert_eq!(ours(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
