#![expect(clippy::disallowed_types, reason = "a client of an API server that is made up")]
//! What a caller makes of an API server that is away for a while, or for good.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use kliv_secrets::account::{Caller, Error, Namespace};
use kliv_secrets::api::KlivSecret;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::Service;

/// Answers these one after the other, the last one ever after.
struct Server(VecDeque<(u16, Value)>);

impl Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let next = if self.0.len() > 1 { self.0.pop_front() } else { self.0.front().cloned() };
        let (code, body) = next.expect("an answer");
        let answer = Response::builder().status(code).body(body.to_string().into_bytes().into());
        ready(Ok(answer.expect("an answer")))
    }
}

fn secret(purged: Option<&str>) -> Value {
    json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1",
        "kind": "KlivSecret",
        "metadata": { "name": "a-key", "namespace": "acme" },
        "spec": { "envVar": "A_KEY", "refuseSealedBefore": "2026-11-24T10:00:00Z" },
        "status": { "refuseSealedBefore": purged },
    })
}

fn failed(code: u16) -> (u16, Value) {
    (code, json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code }))
}

async fn purged(answers: &[(u16, Value)]) -> Result<bool, Error> {
    let server = Server(answers.iter().cloned().collect());
    let caller = Caller {
        client: Client::new(server, "acme"),
        namespace: Namespace::try_from("acme").expect("a name"),
        operator_namespace: Namespace::try_from("ours").expect("a name"),
        field_manager: "kubectl-kliv",
        share: None,
    };
    let rotated: KlivSecret = serde_json::from_value(secret(None)).expect("a secret");
    caller.purged(&rotated, Duration::from_millis(700)).await
}

#[tokio::test]
async fn whether_old_values_are_purged_is_looked_for_again_while_the_api_server_is_away() {
    let done = (200, secret(Some("2026-11-24T10:00:00Z")));
    let back = purged(&[failed(503), done]).await;
    assert!(matches!(back, Ok(true)), "{back:?}");
    let not_yet = purged(&[failed(503), (200, secret(None))]).await;
    assert!(matches!(not_yet, Ok(false)), "{not_yet:?}");
}

#[tokio::test]
async fn where_nobody_could_look_nobody_says_that_they_are_not_purged() {
    let away = purged(&[failed(503)]).await;
    assert!(matches!(away, Err(Error::Unreachable(_))), "{away:?}");
    let expired = purged(&[failed(401)]).await;
    assert!(matches!(expired, Err(Error::NotLoggedIn)), "{expired:?}");
}
