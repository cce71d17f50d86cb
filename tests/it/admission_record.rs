//! What becomes of the word of who deleted a secret, on its way to the API server.
#![expect(clippy::disallowed_types, reason = "the client of an API server that is made up")]

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;
use kliv_secrets::admission::{record, seen};
use kliv_secrets::api::{AuditAction, KlivAuditEvent, KlivAuditEventSpec};
use kliv_secrets::runtime::Metrics;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::admission_support::{delete, now, secret};

/// An API server that does in each namespace what its name says.
async fn api_server() -> kube::Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let answer = async |Path(namespace): Path<String>, body: Bytes| {
        let status = |code: u16, reason: &str| {
            let status = json!({
                "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
                "code": code, "reason": reason, "message": "no",
            });
            (StatusCode::from_u16(code).expect("a code"), status.to_string())
        };
        match namespace.as_str() {
            "makes" => (StatusCode::CREATED, String::from_utf8_lossy(&body).into_owned()),
            "has" => status(409, "AlreadyExists"),
            "conflicts" => status(409, "Conflict"),
            "refuses" => status(403, "Forbidden"),
            _ => std::future::pending().await,
        }
    };
    let path = "/apis/secrets.kliv.dev/v1alpha1/namespaces/{namespace}/klivauditevents";
    let routes = Router::new().route(path, post(answer));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let url = format!("http://{address}").parse().expect("a URL");
    kube::Client::try_from(kube::Config::new(url)).expect("a client")
}

fn seen_of(review: &Value) -> KlivAuditEvent {
    seen(review.to_string().as_bytes(), now()).1.expect("told").expect("one")
}

#[tokio::test]
async fn each_word_is_recorded_or_counted_as_lost_also_after_some_that_are_never_answered() {
    let (metrics, (send, receive)) = (Metrics::new(), mpsc::channel(16));
    let (_, no_calls) = mpsc::channel(1);
    let silent = ["hangs"; 8];
    let namespaces = ["refuses", "makes", "conflicts", "has"];
    for namespace in silent.into_iter().chain(namespaces) {
        let mut review: Value = delete(secret(json!({ "sealed": "kliv1.x.y" })));
        review["request"]["namespace"] = json!(namespace);
        send.try_send(seen_of(&review)).expect("there is room");
    }
    drop(send);
    let recording = record(api_server().await, receive, no_calls, metrics.clone());
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, recording).await.expect("it ends when nobody sends any more");
    let page = metrics.text().expect("text");
    let counted = |result: &str, count: usize| {
        page.contains(&format!("kliv_secrets_deletes_seen_total{{result=\"{result}\"}} {count}\n"))
    };
    assert!(counted("recorded", 2) && counted("lost", 10), "{page}");
}

#[tokio::test]
async fn who_deletes_is_recorded_while_many_refused_calls_wait() {
    let (metrics, (deletes, seen)) = (Metrics::new(), mpsc::channel(1));
    let (calls, told) = mpsc::channel(16);
    for i in 0..16 {
        let spec = KlivAuditEventSpec::new(AuditAction::CallRefused, now());
        let mut call = KlivAuditEvent::new(&format!("pending-{i}"), spec);
        call.metadata.namespace = Some("hangs".into());
        calls.try_send(call).expect("there is room");
    }
    let mut review: Value = delete(secret(json!({ "sealed": "kliv1.x.y" })));
    review["request"]["namespace"] = json!("makes");
    deletes.try_send(seen_of(&review)).expect("there is room");
    let recording = record(api_server().await, seen, told, metrics.clone());
    let recorded = async {
        let is_recorded = || {
            let page = metrics.text().expect("text");
            page.contains("kliv_secrets_deletes_seen_total{result=\"recorded\"} 1\n")
        };
        while !is_recorded() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Before what records them ends.
        assert!(calls.capacity() < calls.max_capacity(), "calls are waiting yet");
    };
    tokio::select! {
        () = recording => panic!("it goes on as long as somebody can send"),
        done = tokio::time::timeout(Duration::from_secs(20), recorded) => done.expect("recorded"),
    }
}
