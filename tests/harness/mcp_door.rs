#![expect(clippy::disallowed_types, reason = "hands the client to the server")]
//! The agents' server in the process, over HTTP but for the listener.

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, Response, StatusCode, header};
use kliv_secrets::mcp::http::{Entrance, router};
use kliv_secrets::mcp::{Agent, Settings, StateKey};
use kliv_secrets::runtime::Metrics;
use kliv_secrets::server::{Issuer, Proxies};
use kube::Client;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Where clients reach it.
pub const PUBLIC: &str = "https://mcp.example.org";

/// The server.
#[derive(Clone)]
pub struct Door {
    router: Router,
    /// What it counts.
    pub metrics: Metrics,
}

/// What was answered.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

impl Door {
    /// One that asks the API server by this client, and takes tokens of this issuer as well.
    pub fn new(client: Client, issuer: Option<Issuer>) -> Self {
        let metrics = Metrics::new();
        let entrance = Entrance {
            public_url: PUBLIC,
            proxies: Proxies::none(),
            client,
            issuer,
            scopes: Vec::new(),
            operator_namespace: "kliv-secrets-system".try_into().expect("a namespace"),
        };
        let state = StateKey::from_file(&[7; 32]).expect("a key");
        let settings = Settings { chat_values: true, web: None, state };
        let stop = CancellationToken::new();
        let agent = Agent::of_each_request(settings);
        let router = router(entrance, agent, metrics.clone(), stop).expect("a router");
        Self { router, metrics }
    }

    /// An answer that has yet to be read.
    pub async fn begin(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    /// What it answers.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.begin(request).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let body = String::from_utf8(body.to_vec()).expect("text");
        Answer { status: head.status, headers: head.headers, body }
    }

    /// A message of revision 2025-11-25 as somebody, to an endpoint, with further headers.
    pub async fn says(
        &self,
        token: &str,
        endpoint: &str,
        more: &[(&str, &str)],
        message: &Value,
    ) -> Answer {
        let mut request = message_to(endpoint).header("mcp-protocol-version", "2025-11-25");
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(message.to_string())).expect("a request")).await
    }
}

/// The endpoint of an account.
pub fn endpoint(account: &str) -> String {
    format!("/accounts/{account}/mcp")
}

/// A message's head, without who sends it and in which revision.
pub fn message_to(endpoint: &str) -> http::request::Builder {
    Request::post(endpoint)
        .header(header::HOST, "mcp.example.org")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
}

impl Answer {
    /// The message in it, by a stream or alone.
    #[track_caller]
    pub fn message(&self) -> Value {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
        let text = data.map(str::trim).find(|data| !data.is_empty()).unwrap_or(&self.body);
        serde_json::from_str(text).unwrap_or_else(|_| panic!("{}: {}", self.status, self.body))
    }

    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
