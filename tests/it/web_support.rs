#![expect(clippy::disallowed_types, reason = "a client of an API server that is made up")]
//! The web page before an API server that says what a test wants, on a person's own machine.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use kliv_secrets::account::Namespace;
use kliv_secrets::runtime::entropy;
use kliv_secrets::web::{CookieKey, Door, Gate, Link, Site, router};
use kube::Client;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

const PORT: u16 = 4321;

/// What the API server has, and lets the person do.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) secrets: Vec<Value>,
    pub(crate) account: Value,
    pub(crate) deployments: Vec<Value>,
    /// The person's verbs for KlivSecrets in the account.
    pub(crate) verbs: Vec<&'static str>,
    /// Whether it can be asked what they are.
    pub(crate) reviews: bool,
    /// Whether he may list what is in all namespaces.
    pub(crate) everywhere: bool,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            secrets: Vec::new(),
            account: json!({ "metadata": { "name": "default", "namespace": "acme" }, "spec": {} }),
            deployments: Vec::new(),
            verbs: vec!["get", "list", "watch", "create", "patch", "delete"],
            reviews: true,
            everywhere: true,
        }
    }
}

impl Cluster {
    fn client(self) -> Client {
        let cluster = Arc::new(self);
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (status, answer) = cluster.answer(request.uri().path());
            let response = axum::http::Response::builder().status(status);
            let response = response.header(header::CONTENT_TYPE, "application/json");
            let body = serde_json::to_vec(&answer).expect("JSON");
            let response = response.body(kube::client::Body::from(body)).expect("an answer");
            std::future::ready(Ok::<_, std::convert::Infallible>(response))
        });
        Client::new(service, "acme")
    }

    fn answer(&self, path: &str) -> (u16, Value) {
        let list = |items: &[Value]| (200, json!({ "metadata": {}, "items": items }));
        let refused = |code: u16, reason: &str, message: &str| {
            let kind = json!({ "kind": "x" });
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                "reason": reason, "message": message, "details": kind,
            });
            (code, status)
        };
        match path {
            "/apis/secrets.kliv.dev/v1alpha1/klivaccounts" if self.everywhere => {
                list(std::slice::from_ref(&self.account))
            }
            "/apis/secrets.kliv.dev/v1alpha1/klivaccounts" => refused(
                403,
                "Forbidden",
                "klivaccounts.secrets.kliv.dev is forbidden: User \"anna\" cannot list resource \
                 \"klivaccounts\" in API group \"secrets.kliv.dev\" at the cluster scope",
            ),
            "/apis/secrets.kliv.dev/v1alpha1/namespaces/acme/klivsecrets" => list(&self.secrets),
            "/apis/secrets.kliv.dev/v1alpha1/namespaces/acme/klivaccounts/default" => {
                (200, self.account.clone())
            }
            "/apis/apps/v1/namespaces/acme/deployments" => list(&self.deployments),
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews" if self.reviews => {
                let rule = json!({
                    "verbs": self.verbs, "apiGroups": ["secrets.kliv.dev"], "resources": ["*"],
                });
                let status = json!({
                    "resourceRules": [rule], "nonResourceRules": [], "incomplete": false,
                });
                (201, json!({ "metadata": {}, "spec": {}, "status": status }))
            }
            _ => refused(404, "NotFound", "not found"),
        }
    }
}

/// The page, opened by somebody.
pub(crate) struct Web {
    router: Router,
    cookie: String,
}

impl Web {
    pub(crate) async fn before(cluster: Cluster) -> Self {
        let rng = &mut entropy::system();
        let gate = Gate::local(PORT, CookieKey::generate(rng));
        let (link, token) = Link::new(rng);
        let door = Door::Local {
            client: cluster.client(),
            who: "anna".to_owned(),
            namespace: namespace("acme"),
            link,
        };
        let address = token.address("");
        let stop = CancellationToken::new();
        let router = router(Site::new(door, gate, namespace("kliv-secrets-system"), stop));
        let mut web = Self { router, cookie: String::new() };
        let signed_in = web.call(&address, "en").await;
        let cookies = signed_in.headers().get_all(header::SET_COOKIE);
        let cookies = cookies.iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        web.cookie = cookies.collect::<Vec<_>>().join("; ");
        assert!(!web.cookie.is_empty(), "signed in: {}", signed_in.status());
        web
    }

    pub(crate) async fn call(&mut self, path: &str, language: &str) -> axum::response::Response {
        let request = Request::get(path)
            .header(header::HOST, format!("127.0.0.1:{PORT}"))
            .header(header::ACCEPT_LANGUAGE, language)
            .header(header::COOKIE, &self.cookie)
            .body(Body::empty())
            .expect("a request");
        self.router.call(request).await.expect("an answer")
    }

    pub(crate) async fn get(&mut self, path: &str, language: &str) -> (StatusCode, String) {
        let response = self.call(path, language).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, String::from_utf8(body.into()).expect("text"))
    }

    /// A page that is there.
    pub(crate) async fn page(&mut self, path: &str, language: &str) -> String {
        let (status, text) = self.get(path, language).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }
}

fn namespace(name: &str) -> Namespace {
    name.try_into().expect("a namespace")
}
