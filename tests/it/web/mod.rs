#![expect(clippy::disallowed_types, reason = "a client of an API server that is made up")]
//! The web server's router, driven in the process: no listener, no cluster. The API server
//! and the identity provider are made up.

mod gate;
mod oidc;
mod provider;
mod signin;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use futures::stream;
use kliv_secrets::runtime::args::LogFormat;
use kliv_secrets::runtime::{Metrics, entropy, logs};
use kliv_secrets::server::Proxies;
use kliv_secrets::web::{CookieKey, Door, Entrance, Gate, Link, LinkToken, Oidc, Site, router};
use kube::Client;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::runtime_logs::Buffer;

/// All that is logged on this thread, at the finest level.
struct Log {
    buffer: Buffer,
    _here: DefaultGuard,
    /// While there is one alone, what other tests' threads come by first is taken for something
    /// that nobody wants to know, for good.
    _another: Dispatch,
}

impl Log {
    fn start() -> Self {
        let buffer = Buffer::default();
        let to = |buffer: Buffer| logs::subscriber(LogFormat::Text, "trace", buffer);
        let another = Dispatch::new(to(Buffer::default()).expect("a filter"));
        let here = to(buffer.clone()).expect("a filter").set_default();
        Self { buffer, _here: here, _another: another }
    }

    fn end(self) -> String {
        self.buffer.text()
    }
}

/// What the made-up API server knows a person by.
const TOKEN: &str = "eyJhbGciOiJub25lIn0.a-token-of-anna.c2lnbmF0dXJl";
/// The same, of somebody who may read Secrets.
const POWERFUL: &str = "eyJhbGciOiJub25lIn0.a-token-of-the-boss.c2lnbmF0dXJl";
/// His, good for the web server alone.
const POWERFUL_OWN: &str = "eyJhbGciOiJub25lIn0.one-of-our-audience.c2lnbmF0dXJl";
/// Somebody in very many groups.
const MANY_GROUPS: &str = "eyJhbGciOiJub25lIn0.a-token-of-a-member.c2lnbmF0dXJl";

const HOST: &str = "kliv.example.org";

/// A web server without a listener.
struct Server {
    router: Router,
    metrics: Metrics,
    host: String,
    /// What a browser keeps.
    jar: Mutex<Vec<(String, String)>>,
    asked: Asked,
}

/// Bodies that the made-up API server was sent.
type Asked = Arc<Mutex<Vec<String>>>;

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().expect("text")
    }

    async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8_lossy(&body).into_owned();
        Self { status: head.status, headers: head.headers, text }
    }
}

impl Server {
    /// In a cluster.
    fn cluster() -> Self {
        Self::with(None, false)
    }

    fn with(oidc: Option<Oidc>, allow_powerful_tokens: bool) -> Self {
        let metrics = Metrics::new();
        let public_url = format!("https://{HOST}");
        let entrance = Entrance {
            public_url: &public_url,
            proxies: Proxies::none(),
            key: CookieKey::generate(&mut entropy::system()),
            lives: Duration::from_secs(3600),
        };
        let gate = Gate::cluster(entrance, metrics.clone()).expect("a URL");
        let (client, asked) = api_server();
        let oidc = oidc.map(Box::new);
        let door = Door::Cluster { client, oidc, allow_powerful_tokens };
        Self::of(door, gate, metrics, HOST.to_owned(), asked)
    }

    /// On a person's own machine.
    fn local() -> (Self, LinkToken) {
        let rng = &mut entropy::system();
        let (link, token) = Link::new(rng);
        let gate = Gate::local(40123, CookieKey::generate(rng));
        let (client, asked) = api_server();
        let namespace = "acme".try_into().expect("a name");
        let door = Door::Local { client, who: "anna".to_owned(), namespace, link };
        (Self::of(door, gate, Metrics::new(), "127.0.0.1:40123".to_owned(), asked), token)
    }

    fn of(door: Door, gate: Gate, metrics: Metrics, host: String, asked: Asked) -> Self {
        let namespace = "kliv-secrets-system".try_into().expect("a name");
        let site = Site::new(door, gate, namespace, CancellationToken::new());
        Self { router: router(site), metrics, host, jar: Mutex::default(), asked }
    }

    /// As a browser would send it for a person who types the address.
    async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path, &[("sec-fetch-site", "none")], "")).await
    }

    /// The same, as the newest browsers do.
    async fn goes(&self, path: &str) -> Answer {
        let headers = [
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        self.send(self.request(Method::GET, path, &headers, "")).await
    }

    /// As a browser would send a form of this site.
    async fn post(&self, path: &str, form: &str) -> Answer {
        let headers = [("sec-fetch-site", "same-origin"), ("origin", "null"), FORM];
        self.send(self.request(Method::POST, path, &headers, form)).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, &self.host);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let jar = self.jar.lock().expect("no test failed meanwhile");
        let cookies: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let peer: SocketAddr = "192.0.2.1:50000".parse().expect("an address");
        let length = body.len().to_string();
        request
            .extension(ConnectInfo(peer))
            .header(header::CONTENT_LENGTH, length)
            .body(Body::from(body.to_owned()))
            .expect("a request")
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let answer = Answer::of(self.open(request).await).await;
        let mut jar = self.jar.lock().expect("no test failed meanwhile");
        for set in answer.headers.get_all(header::SET_COOKIE) {
            let set = set.to_str().expect("text");
            let (name, value) = set.split(';').next().and_then(|s| s.split_once('=')).expect("one");
            jar.retain(|(known, _)| known != name);
            if !set.contains("Max-Age=0") {
                jar.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    /// The answer, whose body has not been read yet.
    async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    fn forget_cookies(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.jar.lock().expect("no test failed meanwhile"))
    }

    fn remember_cookies(&self, cookies: Vec<(String, String)>) {
        *self.jar.lock().expect("no test failed meanwhile") = cookies;
    }

    fn counted(&self, series: &str) -> u64 {
        let page = self.metrics.text().expect("numbers");
        let line = page.lines().find(|line| line.contains(series));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A client of an API server that knows four tokens, and of whom it is asked.
fn api_server() -> (Client, Asked) {
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let kept = Arc::clone(&kept);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap_or_default();
            let body = String::from_utf8_lossy(&body).into_owned();
            let (status, answer) = answer(&head, &body);
            kept.lock().expect("no test failed meanwhile").push(body);
            let watches = head.uri.query().is_some_and(|query| query.contains("watch=true"));
            let body = match watches {
                // Nothing changes.
                true => Body::from_stream(stream::pending::<Result<String, Infallible>>()),
                false => Body::from(answer.to_string()),
            };
            let response = Response::builder().status(status);
            let response = response.header(header::CONTENT_TYPE, "application/json");
            Ok::<_, tower::BoxError>(response.body(body).expect("an answer"))
        }
    });
    (Client::new(service, "default"), asked)
}

fn answer(head: &axum::http::request::Parts, body: &str) -> (u16, Value) {
    let asked: Value = serde_json::from_str(body).unwrap_or_default();
    let kind = head.uri.path().rsplit('/').next().unwrap_or_default();
    let mut answer = asked.clone();
    match kind {
        "tokenreviews" => {
            let token = asked["spec"]["token"].as_str().unwrap_or_default();
            let own = asked["spec"]["audiences"][0].as_str();
            let (name, groups) = match token {
                TOKEN => ("anna", 2),
                POWERFUL | POWERFUL_OWN => ("boss", 1),
                MANY_GROUPS => ("member", 400),
                token => match provider::name_in(token) {
                    Some("anna") => ("anna", 2),
                    _ => ("", 0),
                },
            };
            let groups: Vec<_> = (0..groups).map(|n| format!("group-number-{n:020}")).collect();
            let good = !name.is_empty() && (own.is_some() == (token == POWERFUL_OWN));
            answer["status"] = json!({
                "authenticated": good, "audiences": own,
                "user": { "username": name, "groups": groups },
            });
            if let Some(own) = own {
                answer["status"]["audiences"] = json!([own]);
            }
        }
        "selfsubjectreviews" => {
            let values = |name: &str| {
                let values = head.headers.get_all(name).iter();
                values.map(|value| value.to_str().unwrap_or_default()).collect::<Vec<_>>()
            };
            answer["status"] = json!({ "userInfo": {
                "username": values("impersonate-user").first(),
                "groups": values("impersonate-group"),
            } });
        }
        "selfsubjectrulesreviews" => {
            let boss = head.headers.get("impersonate-user").is_some_and(|user| user == "boss");
            let secrets = json!({ "verbs": ["get"], "apiGroups": [""], "resources": ["secrets"] });
            let rules = if boss { vec![secrets] } else { Vec::new() };
            answer["status"] = json!({
                "resourceRules": rules, "nonResourceRules": [], "incomplete": false,
            });
        }
        "default" => {
            let status = json!({
                "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
                "code": 404, "reason": "NotFound", "message": "none",
            });
            return (404, status);
        }
        _ => {
            answer = json!({
                "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "9" },
                "items": [],
            });
        }
    }
    (200, answer)
}
