#![expect(clippy::disallowed_types, reason = "a client of an API server that is made up")]
//! The agents' server in the process, before an API server that says what a test wants.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, Response, header};
use kliv_secrets::account::{Caller, Namespace};
use kliv_secrets::api::names::AGENT_FIELD_MANAGER;
use kliv_secrets::mcp::{Agent, Says, Settings, StateKey, Visit};
use kube::Client;
use serde_json::{Value, json};

use super::mcp_door::Door;

/// The endpoint of an account.
pub(crate) const ENDPOINT: &str = "/accounts/shop/mcp";
/// What the API server takes as a token for itself.
const API_SERVER: &str = "https://kubernetes.default.svc";

/// The message that asks for the tools.
pub(crate) fn list() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })
}

/// The message that calls one.
pub(crate) fn call(tool: &str, arguments: &Value) -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": tool, "arguments": arguments },
    })
}

/// The agents' door of anna in the account `acme`, before whatever answers this client.
pub(crate) fn agent_before(client: Client, chat_values: bool, web: Option<&str>) -> Agent {
    let caller = Caller {
        client,
        namespace: Namespace::try_from("acme").expect("a name"),
        operator_namespace: Namespace::try_from("ours").expect("a name"),
        field_manager: AGENT_FIELD_MANAGER,
        share: None,
    };
    let state = StateKey::from_file(&[7; 32]).expect("a key");
    let settings = Settings { chat_values, web: web.map(str::to_owned), state };
    Agent::of(Visit { caller, who: "anna".into(), says: Says::default() }, settings)
}

/// What the API server was asked.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// An API server that knows tokens: `NAME@AUDIENCE`, perhaps with more audiences after commas.
#[derive(Clone, Default)]
pub(crate) struct Cluster {
    pub(crate) log: Arc<Mutex<Vec<Asked>>>,
    /// It answers nothing.
    pub(crate) is_down: bool,
    /// It lets the server speak as nobody.
    pub(crate) forbids: bool,
    /// It never answers about secrets.
    pub(crate) hangs: bool,
}

impl Cluster {
    fn client(&self) -> Client {
        let cluster = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let cluster = cluster.clone();
            async move { Ok::<_, Infallible>(cluster.answer(request).await) }
        });
        Client::new(service, "default")
    }

    /// The agents' server before it.
    pub(crate) fn door(&self) -> Door {
        Door::new(self.client(), None)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.log.lock().expect("nobody panicked").clone()
    }

    async fn answer(&self, request: Request<kube::client::Body>) -> Response<kube::client::Body> {
        let (head, body) = request.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.expect("a body");
        let path = head.uri.path().to_owned();
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        let body = String::from_utf8(body.to_vec()).expect("text");
        let asked = Asked { path: path.clone(), headers: head.headers.clone(), body };
        self.log.lock().expect("nobody panicked").push(asked);
        let (status, answer) = match path.rsplit('/').next().expect("a resource") {
            _ if self.is_down => (500, failure(500, "InternalError")),
            "tokenreviews" => (201, review(&sent["spec"])),
            "selfsubjectreviews" if self.forbids => (403, failure(403, "Forbidden")),
            "selfsubjectreviews" => {
                let text = |name: &str| {
                    let values = head.headers.get_all(name).iter();
                    values.map(|v| v.to_str().expect("text").to_owned()).collect::<Vec<_>>()
                };
                let user = json!({
                    "username": text("impersonate-user")[0], "groups": text("impersonate-group"),
                });
                (201, json!({ "metadata": {}, "status": { "userInfo": user } }))
            }
            _ if self.hangs && path.contains("/klivsecrets") => std::future::pending().await,
            "klivsecrets" | "deployments" => (200, json!({ "metadata": {}, "items": [] })),
            _ => (404, failure(404, "NotFound")),
        };
        let response = Response::builder().status(status);
        let response = response.header(header::CONTENT_TYPE, "application/json");
        let body = serde_json::to_vec(&answer).expect("JSON");
        response.body(kube::client::Body::from(body)).expect("an answer")
    }
}

fn review(spec: &Value) -> Value {
    let (name, good_for) =
        spec["token"].as_str().and_then(|t| t.split_once('@')).unwrap_or(("", ""));
    let good_for: Vec<&str> = good_for.split(',').collect();
    let wanted: Vec<&str> = match spec["audiences"].as_array() {
        Some(wanted) => wanted.iter().filter_map(Value::as_str).collect(),
        None => vec![API_SERVER],
    };
    let heard: Vec<_> = wanted.iter().filter(|wanted| good_for.contains(wanted)).collect();
    let user = json!({ "username": name, "groups": ["people"] });
    let status = match heard.is_empty() {
        false => json!({ "authenticated": true, "audiences": heard, "user": user }),
        true => json!({ "authenticated": false, "error": "no" }),
    };
    // As the API server does, it repeats what it was asked.
    json!({ "metadata": {}, "spec": spec, "status": status })
}

fn failure(code: u16, reason: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": reason,
    })
}
