#![expect(clippy::disallowed_types, reason = "a client of an API server that is made up")]
//! The web page before an API server that says what a test wants, on a person's own machine.

use std::sync::Arc;

use axum::http::{Request, StatusCode, header};
use kube::Client;
use serde_json::{Value, json};

use super::web_page::{Answer, Page};

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
pub(crate) struct Web(Page);

impl Web {
    pub(crate) async fn before(cluster: Cluster) -> Self {
        Self(Page::open(cluster.client(), "anna", "acme", "kliv-secrets-system").await)
    }

    pub(crate) async fn get(&self, path: &str, language: &str) -> Answer {
        self.0.get_in(path, language).await
    }

    /// A page that is there.
    pub(crate) async fn page(&self, path: &str, language: &str) -> String {
        let answer = self.get(path, language).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.body
    }
}
