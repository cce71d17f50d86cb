#![expect(clippy::disallowed_types, reason = "hands the client to the page")]
//! The web page in the process, as one person on his own machine sees it: no listener and no
//! browser, but the same gate before it, and a session by the link.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::request::Builder;
use axum::http::{Request, StatusCode, header};
use kliv_secrets::runtime::entropy;
use kliv_secrets::web::{CookieKey, Door, Gate, Link, Site, router};
use kube::Client;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

const PORT: u16 = 40123;
/// What forms are sent as.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// A page that is open.
pub struct Page {
    router: Router,
    host: String,
    cookie: String,
}

/// What was answered.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Where it leads.
    pub location: String,
    /// Its body.
    pub body: String,
    cookie: String,
}

impl Page {
    /// Opens it, as whoever the client speaks as.
    pub async fn open(client: Client, who: &str, namespace: &str, operator: &str) -> Self {
        let name = |text: &str| text.try_into().expect("a namespace");
        let rng = &mut entropy::system();
        let gate = Gate::local(PORT, CookieKey::generate(rng));
        let (link, token) = Link::new(rng);
        let door = Door::Local { client, who: who.to_owned(), namespace: name(namespace), link };
        let origin = gate.origin();
        let site = Site::new(door, gate, name(operator), CancellationToken::new());
        let host = origin.strip_prefix("http://").expect("http").to_owned();
        let mut page = Self { router: router(site), host, cookie: String::new() };
        let link = token.address(&origin);
        let path = link.strip_prefix(&origin).expect("a link to the page");
        let opened = page.get(path).await;
        assert!(!opened.cookie.is_empty(), "signed in: {}", opened.status);
        page.cookie = opened.cookie;
        page
    }

    /// As somebody who follows a link in it.
    pub async fn get(&self, path: &str) -> Answer {
        self.get_in(path, "en").await
    }

    /// The same in a language.
    pub async fn get_in(&self, path: &str, language: &str) -> Answer {
        let request = Request::get(path).header(header::ACCEPT_LANGUAGE, language);
        self.ask(request, Body::empty()).await
    }

    /// As a form of the page sends it.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<_> =
            fields.iter().map(|(name, text)| format!("{name}={}", escaped(text))).collect();
        self.send(path, FORM, "en", fields.join("&")).await
    }

    /// Anything, to where forms go.
    pub async fn send(&self, path: &str, kind: &str, language: &str, body: String) -> Answer {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, kind)
            .header(header::ACCEPT_LANGUAGE, language);
        self.ask(request, Body::from(body)).await
    }

    async fn ask(&self, request: Builder, body: Body) -> Answer {
        let request = request
            .header(header::HOST, &self.host)
            .header(header::COOKIE, &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .body(body)
            .expect("a request");
        let response = self.router.clone().call(request).await.expect("an answer");
        let text = |name| {
            let value = response.headers().get(name);
            value.map_or("", |value| value.to_str().expect("text")).to_owned()
        };
        let (status, location) = (response.status(), text(header::LOCATION));
        let cookie = text(header::SET_COOKIE).split(';').next().unwrap_or_default().to_owned();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        let body = String::from_utf8(body.into()).expect("text");
        Answer { status, location, body, cookie }
    }
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}
