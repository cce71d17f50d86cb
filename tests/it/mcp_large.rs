#![expect(clippy::disallowed_types, reason = "a client of an API server that is made up")]
//! Agents before accounts that are large, or have values where people may pay: an API server
//! that lists by pages, and takes what is new.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use http::{Method, Request, Response, header};
use kliv_secrets::api::object_name;
use kube::Client;
use serde_json::{Value, json};

use super::agent::{AgentClient, Revision};
use super::mcp_support::agent_before;

/// The API server.
#[derive(Clone, Default)]
struct Account {
    secrets: Arc<Vec<Value>>,
    deployments: Arc<Vec<Value>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Account {
    fn with(secrets: Vec<Value>) -> Self {
        Self { secrets: Arc::new(secrets), ..Self::default() }
    }

    async fn agent(&self) -> AgentClient {
        let account = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let account = account.clone();
            async move { Ok::<_, Infallible>(account.answer(request).await) }
        });
        let agent = agent_before(Client::new(service, "acme"), true, None);
        AgentClient::of(agent, Revision::Of2026).await
    }

    /// What was asked of lists: all, and how many at a time.
    fn lists(&self) -> Vec<String> {
        let log = self.log.lock().expect("no panic");
        log.iter().filter(|asked| asked.starts_with("LIST")).cloned().collect()
    }

    fn writes(&self) -> Vec<String> {
        let log = self.log.lock().expect("no panic");
        log.iter().filter(|asked| asked.starts_with("POST")).cloned().collect()
    }

    async fn answer(&self, request: Request<kube::client::Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.expect("a body");
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        let query = head.uri.query().unwrap_or_default();
        let (status, answer) = self.answered(&head.method, head.uri.path(), query, sent);
        let body = serde_json::to_vec(&answer).expect("JSON");
        let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
        response.status(status).body(body.into()).expect("an answer")
    }

    fn answered(&self, method: &Method, path: &str, query: &str, sent: Value) -> (u16, Value) {
        let (before, last) = path.rsplit_once('/').expect("a path");
        let objects = match last {
            "klivsecrets" => &self.secrets,
            "deployments" => &self.deployments,
            name if before.ends_with("klivsecrets") => {
                let named = |one: &&Value| one["metadata"]["name"] == name;
                return self.secrets.iter().find(named).map_or_else(none, |one| (200, one.clone()));
            }
            _ => return none(),
        };
        if method == Method::POST {
            let name = sent["metadata"]["name"].as_str().expect("a name");
            self.log.lock().expect("no panic").push(format!("POST {name}"));
            return (201, sent);
        }
        let number = |key: &str| {
            let (_, number) = query
                .split('&')
                .find_map(|part| part.split_once('=').filter(|(k, _)| *k == key))?;
            number.parse::<usize>().ok()
        };
        let limit = number("limit");
        let how_many = limit.map_or("all".to_owned(), |limit| limit.to_string());
        self.log.lock().expect("no panic").push(format!("LIST {last} {how_many}"));
        let from = number("continue").unwrap_or(0);
        let to = from.saturating_add(limit.unwrap_or(usize::MAX)).min(objects.len());
        let mut metadata = json!({ "resourceVersion": "9" });
        if to < objects.len() {
            metadata["continue"] = json!(to.to_string());
        }
        (200, json!({ "metadata": metadata, "items": objects[from..to] }))
    }
}

fn none() -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
        "reason": "NotFound", "details": { "kind": "klivsecrets" }, "message": "",
    });
    (404, status)
}

/// One with a value, published.
fn secret(variable: &str, environment: Option<&str>, more: &Value) -> Value {
    let mut secret = json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": {
            "name": object_name(variable, environment), "uid": "u", "resourceVersion": "1",
            "generation": 1,
        },
        "spec": { "envVar": variable, "environment": environment, "sealed": "kliv1.c4n4ry" },
        "status": { "observedGeneration": 1, "version": 1, "history": [{
            "version": 1, "generation": 1, "time": "2026-11-24T10:00:00Z", "maskedValue": "****",
            "sealed": "kliv1.c4n4ry",
        }] },
    });
    json_patch::merge(&mut secret, more);
    secret
}

fn secrets(count: usize, more: &Value) -> Vec<Value> {
    (0..count).map(|n| secret(&format!("A_{n:04}"), None, more)).collect()
}

fn deployment(n: usize) -> Value {
    json!({
        "metadata": { "name": format!("f-{n}") },
        "spec": { "selector": {}, "template": { "spec": { "containers": [] } } },
    })
}

#[tokio::test]
async fn no_tool_reads_a_list_of_an_account_but_by_pages() {
    let deployments = Arc::new((0..25).map(deployment).collect());
    let account = Account { deployments, ..Account::with(secrets(25, &json!({}))) };
    let mut agent = account.agent().await;
    for (tool, arguments) in [
        ("list_secrets", json!({})),
        ("check_requirements", json!({ "names": ["A_0001"] })),
        ("delete_secret", json!({ "name": "A_0001", "reason": "unused" })),
        ("update_secret", json!({ "name": "NOT_THERE", "description": "d" })),
        ("request_secret", json!({ "name": "MAIL_KEY", "purpose": "to send receipts" })),
        ("get_request", json!({ "name": "A_0001" })),
        ("generate_secret", json!({ "name": "SESSION_KEY", "purpose": "sessions" })),
    ] {
        account.log.lock().expect("no panic").clear();
        agent.call(tool, arguments).await;
        let lists = account.lists();
        assert!(!lists.is_empty(), "{tool} reads none");
        assert!(lists.iter().all(|list| list.ends_with(" 10")), "{tool}: {lists:?}");
    }
    let listed = agent.call("list_secrets", json!({})).await.answer();
    assert_eq!(listed["total"], 25);
}

#[tokio::test]
async fn an_account_that_is_too_large_is_read_no_further_and_that_is_said() {
    let account = Account::with(secrets(2000, &json!({})));
    let mut agent = account.agent().await;
    let words = agent.call("list_secrets", json!({})).await.refused();
    assert!(words.contains("more than 1000 secrets") && words.contains("get_request"), "{words}");
    let pages = account.lists().iter().filter(|list| list.contains("klivsecrets")).count();
    assert_eq!(pages, 101);
    // Who lists its own functions learns of its secrets all the same.
    let deployments = Arc::new((0..1001).map(deployment).collect());
    let account = Account { deployments, ..Account::with(secrets(3, &json!({}))) };
    let listed = account.agent().await.call("list_secrets", json!({})).await.answer();
    assert_eq!((&listed["total"], &listed["functions"]), (&json!(3), &json!("unknown")));
}

#[tokio::test]
async fn pages_of_large_objects_have_fewer_of_them() {
    let large = json!({ "metadata": { "annotations": { "note": "x".repeat(400 << 10) } } });
    let account = Account::with(secrets(12, &large));
    let listed = account.agent().await.call("list_secrets", json!({})).await.answer();
    assert_eq!(listed["total"], 12, "each is read, and once");
    let lists = account.lists();
    let secrets: Vec<_> =
        lists.iter().filter_map(|l| l.strip_prefix("LIST klivsecrets ")).collect();
    assert_eq!(secrets, ["10", "5", "5", "5"]);
}

#[tokio::test]
async fn where_people_pay_no_tool_puts_a_value_of_its_own_in_place_of_what_functions_have() {
    let waits = json!({
        "spec": { "sealed": null, "request": { "purpose": "to send mail" } }, "status": null,
    });
    let account = Account::with(vec![
        secret("STRIPE_API_KEY", None, &json!({})),
        secret("SESSION_KEY", None, &json!({})),
        secret("MAIL_KEY", Some("production"), &waits),
    ]);
    let mut agent = account.agent().await;
    let store = |name: &str| json!({ "name": name, "environment": "production", "value": "c4n4ry", "sure": true });
    let made = |environment: &str| {
        json!({
            "name": "SESSION_KEY", "environment": environment, "purpose": "sessions", "sure": true,
        })
    };
    let generate = "generate_secret";
    for (tool, arguments, words) in [
        ("store_secret", store("STRIPE_API_KEY"), "Ask for it with request_secret"),
        ("store_secret", store("MAIL_KEY"), "get_request"),
        (generate, made("production"), "Ask for it with request_secret"),
    ] {
        let refused = agent.call(tool, arguments).await.refused();
        assert!(refused.contains("nothing was changed"), "{tool}: {refused}");
        assert!(refused.contains(words) && !refused.contains("c4n4ry"), "{tool}: {refused}");
    }
    assert!(account.writes().is_empty(), "{:?}", account.writes());
    let answer = agent.call(generate, made("test")).await.answer();
    assert_eq!(
        (&answer["created"], account.writes()),
        (&json!(true), vec!["POST session-key.test".to_owned()])
    );
}
