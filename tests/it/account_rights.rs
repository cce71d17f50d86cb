#![expect(clippy::disallowed_types, reason = "a client of an API server that is made up")]
//! What a caller learns of what he may do.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::{Request, Response};
use kliv_secrets::account::{Caller, Namespace, Rights};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::Service;

/// Answers reviews by their content, and counts them.
#[derive(Clone)]
struct Server {
    answer: fn(&str, &Value) -> (u16, Value),
    asked: Arc<Mutex<usize>>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let Self { answer, asked } = self.clone();
        Box::pin(async move {
            *asked.lock().expect("no test failed meanwhile") += 1;
            let path = request.uri().path().to_owned();
            let sent = request.into_body().collect_bytes().await.expect("a body");
            let sent = serde_json::from_slice(&sent).unwrap_or_default();
            let (code, body) = answer(&path, &sent);
            let body = body.to_string().into_bytes().into();
            Ok(Response::builder().status(code).body(body).expect("an answer"))
        })
    }
}

fn caller(answer: fn(&str, &Value) -> (u16, Value)) -> (Caller, Arc<Mutex<usize>>) {
    let asked = Arc::new(Mutex::new(0));
    let server = Server { answer, asked: Arc::clone(&asked) };
    let name = |name| Namespace::try_from(name).expect("a name");
    let caller = Caller {
        client: Client::new(server, "acme"),
        namespace: name("acme"),
        operator_namespace: name("ours"),
        field_manager: "kubectl-kliv",
        share: None,
    };
    (caller, asked)
}

fn rules(incomplete: bool) -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
        "spec": { "namespace": "acme" },
        "status": { "incomplete": incomplete, "nonResourceRules": [], "resourceRules": [
            { "verbs": ["get", "list", "watch"], "apiGroups": ["secrets.kliv.dev"],
              "resources": ["klivsecrets", "klivaccounts"] },
            { "verbs": ["*"], "apiGroups": ["apps"], "resources": ["deployments"] },
        ] },
    })
}

#[tokio::test]
async fn where_all_rules_are_known_one_request_tells_what_somebody_may() {
    let (caller, asked) = caller(|_, _| (201, rules(false)));
    let wanted = Rights { read: true, ..Rights::default() };
    assert_eq!(caller.may().await.expect("is answered"), wanted);
    assert_eq!(*asked.lock().expect("a count"), 1);
}

#[tokio::test]
async fn where_not_all_rules_are_known_each_right_is_asked_for() {
    let (caller, asked) = caller(|path, sent| {
        if path.ends_with("/selfsubjectrulesreviews") {
            return (201, rules(true));
        }
        let asks = &sent["spec"]["resourceAttributes"];
        assert_eq!(asks["namespace"], "acme");
        let allowed = asks["verb"] == "delete" && asks["resource"] == "klivsecrets";
        let status = json!({ "allowed": allowed });
        (201, json!({ "metadata": {}, "spec": sent["spec"], "status": status }))
    });
    let wanted = Rights { delete: true, ..Rights::default() };
    assert_eq!(caller.may().await.expect("is answered"), wanted);
    assert_eq!(*asked.lock().expect("a count"), 5);
}
