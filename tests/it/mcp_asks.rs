#![expect(clippy::disallowed_types, reason = "a client of an API server that is made up")]
//! How agents ask people, in both revisions of the protocol, before an API server that keeps
//! KlivSecrets and nothing else.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use futures::StreamExt as _;
use http::{Method, Request, Response, header};
use kliv_secrets::api::names::ANNOTATION_STAMPS;
use kliv_secrets::mcp::Agent;
use kliv_secrets::runtime::clock;
use kube::Client;
use serde_json::{Value, json};

use super::agent::{AgentClient, Called, Revision};
use super::mcp_support::agent_before;

const WEB: &str = "https://secrets.example.org";
const LINK: &str = "https://secrets.example.org/accounts/acme/requests/sendgrid-api-key";
/// Parts of objects that no output may hold.
const CANARIES: [&str; 3] = ["c4n4ry****mask", "kliv1.c4n4ry", "kliv1.0ld-c4n4ry"];
const BOTH: [Revision; 2] = [Revision::Of2025, Revision::Of2026];

/// The API server.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Keeps>>);

#[derive(Default)]
struct Keeps {
    secrets: BTreeMap<String, Value>,
    /// The account's audit trail.
    events: Vec<Value>,
    /// What was sent, by method and name.
    writes: Vec<String>,
    /// Somebody else is quicker at the next create.
    quicker: Option<Value>,
    /// Held by each watch that goes on.
    watched: Arc<()>,
}

impl Kept {
    fn with(secrets: impl IntoIterator<Item = Value>) -> Self {
        let kept = Self::default();
        for secret in secrets {
            let name = secret["metadata"]["name"].as_str().expect("a name").to_owned();
            kept.0.lock().expect("no panic").secrets.insert(name, secret);
        }
        kept
    }

    fn writes(&self) -> Vec<String> {
        self.0.lock().expect("no panic").writes.clone()
    }

    fn secret(&self, name: &str) -> Value {
        self.0.lock().expect("no panic").secrets.get(name).cloned().unwrap_or_default()
    }

    fn change(&self, name: &str, change: Value) {
        let mut kept = self.0.lock().expect("no panic");
        json_patch::merge(kept.secrets.get_mut(name).expect("a secret"), &change);
    }

    /// Waits until so many watches go on.
    async fn has_watches(&self, count: usize) {
        let watched = self.0.lock().expect("no panic").watched.clone();
        let counts = async {
            // This one, and the API server's own.
            while Arc::strong_count(&watched) != count + 2 {
                tokio::task::yield_now().await;
            }
        };
        let counted = tokio::time::timeout(Duration::from_secs(20), counts).await;
        counted.unwrap_or_else(|_| panic!("there are not {count} watches"));
    }

    fn client(&self) -> Client {
        let kept = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let kept = kept.clone();
            async move { Ok::<_, Infallible>(kept.answer(request).await) }
        });
        Client::new(service, "acme")
    }

    async fn answer(&self, request: Request<kube::client::Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.expect("a body");
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
        if head.uri.query().is_some_and(|query| query.contains("watch=")) {
            // Nothing happens, for ever.
            let watched = self.0.lock().expect("no panic").watched.clone();
            let nothing = futures::stream::pending::<Result<Vec<u8>, Infallible>>();
            let nothing = nothing.inspect(move |_| _ = &watched);
            return response.body(Body::from_stream(nothing)).expect("an answer");
        }
        let (status, answer) = self.answered(&head.method, head.uri.path(), sent);
        let body = serde_json::to_vec(&answer).expect("JSON");
        response.status(status).body(body.into()).expect("an answer")
    }

    fn answered(&self, method: &Method, path: &str, mut sent: Value) -> (u16, Value) {
        let mut kept = self.0.lock().expect("no panic");
        if path.ends_with("/namespaces/acme/klivauditevents") {
            return (200, json!({ "metadata": {}, "items": kept.events }));
        }
        let secrets = "/apis/secrets.kliv.dev/v1alpha1/namespaces/acme/klivsecrets";
        let Some(name) = path.strip_prefix(secrets) else { return failure(404) };
        let name = name.trim_start_matches('/').to_owned();
        match (method, name.as_str()) {
            (&Method::GET, "") => {
                let items: Vec<_> = kept.secrets.values().cloned().collect();
                (200, json!({ "metadata": { "resourceVersion": "9" }, "items": items }))
            }
            (&Method::POST, "") => {
                let name = sent["metadata"]["name"].as_str().expect("a name").to_owned();
                kept.writes.push(format!("POST {name}"));
                if let Some(quicker) = kept.quicker.take() {
                    kept.secrets.insert(name.clone(), quicker);
                }
                if kept.secrets.contains_key(&name) {
                    return failure(409);
                }
                sent["metadata"]["uid"] = json!("u-1");
                sent["metadata"]["generation"] = json!(1);
                sent["metadata"]["resourceVersion"] = json!("1");
                sent["metadata"]["creationTimestamp"] = json!("2026-11-24T10:00:00Z");
                kept.secrets.insert(name, sent.clone());
                (201, sent)
            }
            (&Method::GET, name) => match kept.secrets.get(name) {
                Some(secret) => (200, secret.clone()),
                None => failure(404),
            },
            (&Method::DELETE, name) => {
                kept.writes.push(format!("DELETE {name}"));
                match kept.secrets.remove(name) {
                    Some(secret) => (200, secret),
                    None => failure(404),
                }
            }
            _ => failure(405),
        }
    }
}

fn failure(code: u16) -> (u16, Value) {
    let details = json!({ "kind": "klivsecrets" });
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "reason": if code == 404 { "NotFound" } else { "" }, "details": details, "message": "",
    });
    (code, status)
}

fn server(kept: &Kept, web: Option<&str>) -> Agent {
    agent_before(kept.client(), false, web)
}

async fn agent(kept: &Kept, revision: Revision) -> AgentClient {
    AgentClient::of(server(kept, Some(WEB)), revision).await
}

/// One that shows its person links.
async fn showing(kept: &Kept, revision: Revision) -> AgentClient {
    AgentClient::that_asks(server(kept, Some(WEB)), revision).await
}

fn ask() -> Value {
    json!({
        "name": "SENDGRID_API_KEY", "purpose": "to send receipts by mail",
        "obtain_from": "Settings, API Keys",
    })
}

fn waiting(name: &str) -> Value {
    let variable = name.to_uppercase().replace('-', "_");
    json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": { "name": name, "uid": format!("u-{name}"), "resourceVersion": "1" },
        "spec": { "envVar": variable, "request": { "purpose": "to send receipts by mail" } },
    })
}

fn valued(name: &str) -> Value {
    let mut secret = waiting(name);
    secret["metadata"]["generation"] = json!(2);
    secret["spec"]["sealed"] = json!(CANARIES[1]);
    let entry = |version: i64, sealed: &str| {
        json!({
            "version": version, "generation": version, "time": "2026-11-24T10:00:00Z",
            "maskedValue": CANARIES[0], "sealed": sealed,
        })
    };
    secret["status"] = json!({
        "observedGeneration": 2, "version": 2, "maskedValue": CANARIES[0],
        "history": [entry(2, CANARIES[1]), entry(1, CANARIES[2])],
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Published", "message": "",
            "lastTransitionTime": "2026-11-24T10:00:00Z",
        }],
    });
    secret
}

#[tokio::test]
async fn since_2026_07_28_a_person_is_shown_the_link_and_the_same_call_says_what_he_did() {
    let kept = Kept::default();
    let mut agent = showing(&kept, Revision::Of2026).await;
    let asked = agent.call("request_secret", ask()).await.asks();
    let question = &asked["inputRequests"]["person"];
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"]["mode"], "url");
    assert_eq!(question["params"]["url"], LINK);
    let message = question["params"]["message"].as_str().expect("a message");
    assert!(message.contains("sendgrid-api-key") && !message.contains("receipts"), "{message}");
    for (did, word) in [("accept", "opened"), ("decline", "declined"), ("cancel", "dismissed")] {
        let answer = agent.again("request_secret", ask(), &asked, did).await.answer();
        assert_eq!(answer["status"], "pending");
        assert_eq!(answer["person"], word);
        assert_eq!(answer["is_new"], false);
    }
    // He has answered before the call came back.
    kept.change("sendgrid-api-key", json!({ "spec": { "sealed": CANARIES[1] } }));
    let answer = agent.again("request_secret", ask(), &asked, "accept").await.answer();
    assert_eq!(answer["status"], "has_value");
    assert_eq!(kept.writes(), ["POST sendgrid-api-key"]);
}

#[tokio::test]
async fn a_state_of_another_call_is_refused_with_what_to_do() {
    let kept = Kept::default();
    let mut agent = showing(&kept, Revision::Of2026).await;
    let asked = agent.call("request_secret", ask()).await.asks();
    let mut other = ask();
    other["environment"] = json!("production");
    let Called::Error(error) = agent.again("request_secret", other, &asked, "accept").await else {
        panic!("it is refused");
    };
    assert_eq!(error["code"], -32602);
    assert!(error["message"].as_str().is_some_and(|words| words.contains("call again without")));
    assert_eq!(kept.writes(), ["POST sendgrid-api-key"], "nothing else was asked");
}

#[tokio::test]
async fn before_2026_07_28_only_the_call_that_asked_ends_in_the_error_with_the_link() {
    let kept = Kept::default();
    let mut agent = showing(&kept, Revision::Of2025).await;
    let Called::Error(error) = agent.call("request_secret", ask()).await else {
        panic!("the person is shown the link");
    };
    assert_eq!(error["code"], -32042);
    let elicitation = &error["data"]["elicitations"][0];
    assert_eq!(elicitation["mode"], "url");
    assert_eq!(elicitation["url"], LINK);
    assert_eq!(elicitation["elicitationId"], "u-1");
    let answer = agent.call("request_secret", ask()).await.answer();
    assert_eq!(answer["status"], "pending");
    assert_eq!(kept.writes(), ["POST sendgrid-api-key"]);
}

/// What the trail says just now.
fn event(sequence: u64, action: &str, who: &str, via: &str, detail: Option<&str>) -> Value {
    json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivAuditEvent",
        "metadata": { "name": format!("e-{sequence}"), "uid": format!("e-{sequence}") },
        "spec": {
            "sequence": sequence, "time": clock::now().to_string(), "action": action,
            "secret": "sendgrid-api-key", "actor": who, "via": via, "detail": detail,
        },
    })
}

#[tokio::test]
async fn what_a_person_has_just_refused_is_not_asked_anew_by_the_same_call() {
    let kept = Kept::default();
    let mut older = showing(&kept, Revision::Of2025).await;
    let asked = older.call("request_secret", ask()).await;
    assert!(matches!(asked, Called::Error(_)), "{asked:?}");
    {
        let mut kept = kept.0.lock().expect("no panic");
        kept.secrets.clear();
        kept.events = vec![
            event(1, "Requested", "anna", "agent", None),
            event(2, "Deleted", "bo", "web", None),
        ];
    }
    let told = older.call("request_secret", ask()).await.answer();
    assert_eq!((&told["status"], &told["is_new"]), (&json!("refused"), &json!(false)));
    assert!(told["next"].as_str().is_some_and(|next| next.contains("`again`")), "{told}");
    assert_eq!(kept.writes(), ["POST sendgrid-api-key"]);
    let mut anew = ask();
    anew["again"] = json!(true);
    older.call("request_secret", anew).await;
    assert_eq!(kept.writes().len(), 2, "somebody said so");

    // Where the call itself says that it comes back.
    let kept = Kept::default();
    let mut modern = showing(&kept, Revision::Of2026).await;
    let asked = modern.call("request_secret", ask()).await.asks();
    kept.0.lock().expect("no panic").secrets.clear();
    let told = modern.again("request_secret", ask(), &asked, "accept").await.answer();
    assert_eq!((&told["status"], &told["person"]), (&json!("refused"), &json!("opened")));
    assert_eq!(kept.writes(), ["POST sendgrid-api-key"]);
}

#[tokio::test]
async fn before_2026_07_28_the_trail_says_what_a_person_decided_of_a_deletion() {
    const GOES: Option<&str> = Some("it is proposed to delete it; the value stays as it was");
    const GONE: Option<&str> =
        Some("a question about it was taken away; the value stays as it was");
    let proposed = event(1, "Requested", "anna", "agent", GOES);
    let away = json!({ "name": "SENDGRID_API_KEY", "reason": "nothing reads it" });
    let kept = Kept::with([valued("sendgrid-api-key")]);
    kept.change("sendgrid-api-key", json!({ "spec": { "request": null } }));
    kept.0.lock().expect("no panic").events =
        vec![proposed.clone(), event(2, "Updated", "bo", "web", GONE)];
    let mut agent = showing(&kept, Revision::Of2025).await;
    let told = agent.call("delete_secret", away.clone()).await.answer();
    assert_eq!(told["outcome"], "kept");

    let kept = Kept::default();
    kept.0.lock().expect("no panic").events =
        vec![proposed, event(2, "Deleted", "bo", "web", None)];
    let mut agent = showing(&kept, Revision::Of2025).await;
    let told = agent.call("delete_secret", away.clone()).await.answer();
    assert_eq!(told["outcome"], "deleted");
    // Somebody who was shown nothing is told as it is.
    let mut other = self::agent(&kept, Revision::Of2025).await;
    let refused = other.call("delete_secret", away).await.refused();
    assert!(refused.contains("not found"), "{refused}");
    assert!(kept.writes().is_empty());
}

#[tokio::test]
async fn a_client_that_shows_no_links_gets_the_link_and_the_command_in_the_ordinary_result() {
    for revision in BOTH {
        let kept = Kept::default();
        let mut agent = agent(&kept, revision).await;
        let answer = agent.call("request_secret", ask()).await.answer();
        assert_eq!(answer["status"], "pending");
        assert_eq!(answer["is_new"], true);
        assert_eq!(answer["variable"], "SENDGRID_API_KEY");
        assert_eq!(answer["link"], LINK);
        assert_eq!(answer["command"], "kubectl kliv answer sendgrid-api-key -n acme");
        assert_eq!(answer["provider"]["name"], "SendGrid");
        let from = json!({ "untrusted_text": "Settings, API Keys" });
        assert_eq!(answer["obtain_from"], from);
        let question = &kept.secret("sendgrid-api-key")["spec"]["request"];
        assert_eq!(question["requestedBy"], "test-agent");
        assert_eq!(question["purpose"], "to send receipts by mail");
    }
}

#[tokio::test]
async fn without_a_web_page_there_is_the_command_and_nobody_is_shown_anything() {
    for revision in BOTH {
        let kept = Kept::default();
        let mut agent = AgentClient::that_asks(server(&kept, None), revision).await;
        let answer = agent.call("request_secret", ask()).await.answer();
        assert_eq!(answer["link"], Value::Null);
        assert_eq!(answer["command"], "kubectl kliv answer sendgrid-api-key -n acme");
    }
}

#[tokio::test]
async fn asking_again_writes_nothing_and_says_where_the_words_differ() {
    let kept = Kept::default();
    let mut agent = agent(&kept, Revision::Of2026).await;
    let first = agent.call("request_secret", ask()).await.answer();
    let again = agent.call("request_secret", ask()).await.answer();
    assert_eq!(first["is_new"], true);
    assert_eq!(again["is_new"], false);
    assert_eq!(again["differs"], false);
    let mut other = ask();
    other["purpose"] = json!("to send newsletters");
    let other = agent.call("request_secret", other).await.answer();
    assert_eq!(other["differs"], true);
    assert_eq!(other["purpose"], json!({ "untrusted_text": "to send receipts by mail" }));
    assert_eq!(kept.writes(), ["POST sendgrid-api-key"]);
}

#[tokio::test]
async fn somebody_who_asks_at_the_same_moment_has_asked() {
    let kept = Kept::default();
    kept.0.lock().expect("no panic").quicker = Some(waiting("sendgrid-api-key"));
    let mut agent = agent(&kept, Revision::Of2026).await;
    let answer = agent.call("request_secret", ask()).await.answer();
    assert_eq!(answer["status"], "pending");
    assert_eq!(answer["is_new"], false);
}

#[tokio::test]
async fn what_has_its_value_is_not_asked_for_and_another_variables_place_is_not_taken() {
    let kept = Kept::with([valued("sendgrid-api-key")]);
    let mut agent = showing(&kept, Revision::Of2026).await;
    let answer = agent.call("request_secret", ask()).await.answer();
    assert_eq!(answer["status"], "has_value");
    assert!(answer["next"].as_str().is_some_and(|next| next.contains("update_secret")));
    let mut other = ask();
    other["name"] = json!("sendgrid_API_KEY");
    let words = agent.call("request_secret", other).await.refused();
    assert!(words.contains("SENDGRID_API_KEY"), "{words}");
    assert!(kept.writes().is_empty());
}

#[tokio::test]
async fn a_name_that_says_nothing_and_a_purpose_that_does_not_are_refused() {
    let kept = Kept::default();
    let mut agent = agent(&kept, Revision::Of2026).await;
    for (field, value) in [
        ("name", "API_KEY"),
        ("name", "SECRET_2"),
        ("name", "PATH"),
        ("name", "A=b"),
        ("purpose", "  "),
        ("purpose", "?"),
        ("environment", "Prod!"),
    ] {
        let mut arguments = ask();
        arguments[field] = json!(value);
        agent.call("request_secret", arguments).await.refused();
    }
    assert!(kept.writes().is_empty());
}

#[tokio::test]
async fn twenty_questions_of_agents_wait_at_most_whatever_people_ask() {
    let asked = |name: String, via: &str| {
        let mut secret = waiting(&name);
        let stamp = format!("1 2026-11-24T10:00:00Z spec {via} anna");
        secret["metadata"]["annotations"] = json!({ (ANNOTATION_STAMPS): stamp });
        secret
    };
    let of_people = (0..40).map(|n| asked(format!("person-{n}-key"), "kubectl"));
    let kept =
        Kept::with((0..20).map(|n| asked(format!("service-{n}-key"), "agent")).chain(of_people));
    let mut agent = agent(&kept, Revision::Of2026).await;
    let words = agent.call("request_secret", ask()).await.refused();
    assert!(words.contains("cancel_request") && words.contains("service-7-key"), "{words}");
    assert!(!words.contains("person-"), "others' are not for it to take back: {words}");
    // What waits already is no question more.
    let mut again = ask();
    again["name"] = json!("SERVICE_7_KEY");
    agent.call("request_secret", again).await.answer();
    let cancelled = agent.call("cancel_request", json!({ "name": "SERVICE_7_KEY" })).await.answer();
    assert_eq!(cancelled["cancelled"], true);
    agent.call("request_secret", ask()).await.answer();
    assert_eq!(kept.writes(), ["DELETE service-7-key", "POST sendgrid-api-key"]);
}

#[tokio::test]
async fn what_was_answered_is_not_taken_back() {
    let kept = Kept::with([valued("sendgrid-api-key")]);
    let mut agent = agent(&kept, Revision::Of2026).await;
    let name = json!({ "name": "SENDGRID_API_KEY" });
    let answer = agent.call("cancel_request", name).await.answer();
    assert_eq!(answer["cancelled"], false);
    assert_eq!(answer["has_value"], true);
    let answer = agent.call("cancel_request", json!({ "name": "OTHER_KEY" })).await.answer();
    assert_eq!(answer["cancelled"], false);
    assert!(kept.writes().is_empty());
}

#[tokio::test]
async fn waiting_returns_when_the_time_is_over_and_tells_meanwhile_that_it_waits() {
    let kept = Kept::with([waiting("sendgrid-api-key")]);
    for revision in BOTH {
        let mut agent = agent(&kept, revision).await;
        let arguments = json!({ "name": "SENDGRID_API_KEY", "timeout_seconds": 1 });
        let call = json!({
            "name": "wait_for_secret", "arguments": arguments, "_meta": { "progressToken": "p1" },
        });
        let id = agent.begin("tools/call", call).await;
        let told = agent.hear(|said| said["method"] == "notifications/progress").await;
        assert_eq!(told["params"]["progressToken"], "p1");
        assert_eq!(told["params"]["total"], 1.0);
        let said = agent.hear(|said| said["id"] == id).await;
        let answer = &said["result"]["structuredContent"];
        assert_eq!(answer["timed_out"], true);
        assert_eq!(answer["request"]["status"], "pending");
        assert_eq!(answer["request"]["link"], LINK);
    }
}

#[tokio::test]
async fn a_wait_that_the_client_gives_up_ends_and_the_next_call_is_answered() {
    let kept = Kept::with([waiting("sendgrid-api-key")]);
    let server = server(&kept, Some(WEB));
    let mut agent = AgentClient::of(server, Revision::Of2026).await;
    let arguments = json!({ "name": "SENDGRID_API_KEY", "timeout_seconds": 300 });
    let call = json!({
        "name": "wait_for_secret", "arguments": arguments, "_meta": { "progressToken": 1 },
    });
    let id = agent.begin("tools/call", call).await;
    agent.hear(|said| said["method"] == "notifications/progress").await;
    kept.has_watches(1).await;
    agent.give_up(id).await;
    kept.has_watches(0).await;
    let answer = agent.call("get_request", json!({ "name": "SENDGRID_API_KEY" })).await.answer();
    assert_eq!(answer["status"], "pending");
    assert!(!agent.heard().contains(&format!("\"id\":{id},\"result\"")), "nobody waits for it");
}

#[tokio::test]
async fn a_wait_that_makes_no_sense_is_refused_and_where_nobody_waits_it_returns_at_once() {
    let kept = Kept::with([valued("sendgrid-api-key")]);
    let mut agent = agent(&kept, Revision::Of2026).await;
    for seconds in [json!(0), json!(301), json!(-1), json!("60")] {
        let arguments = json!({ "name": "SENDGRID_API_KEY", "timeout_seconds": seconds });
        agent.call("wait_for_secret", arguments).await.refused();
    }
    let name = json!({ "name": "SENDGRID_API_KEY" });
    let answer = agent.call("wait_for_secret", name).await.answer();
    assert_eq!(answer["timed_out"], false);
    assert_eq!(answer["request"]["status"], "answered");
    let gone = agent.call("wait_for_secret", json!({ "name": "OTHER_KEY" })).await.answer();
    assert_eq!(gone["request"]["status"], "gone");
}

#[tokio::test]
async fn nothing_that_is_said_of_a_question_holds_a_mask_or_a_ciphertext() {
    let mut rotates = valued("rotates-key");
    rotates["spec"]["request"]["replaces"] = json!(2);
    let mut goes = valued("goes-key");
    goes["spec"]["request"]["deletion"] = json!(true);
    let mut held = valued("held-key");
    held["status"]["conditions"][0]["reason"] = json!("DecryptionFailed");
    held["status"]["conditions"][0]["status"] = json!("False");
    let kept = Kept::with([valued("sendgrid-api-key"), rotates, goes, held]);
    for revision in BOTH {
        let mut agent = showing(&kept, revision).await;
        for name in ["SENDGRID_API_KEY", "ROTATES_KEY", "GOES_KEY", "HELD_KEY", "NO_SUCH_KEY"] {
            for tool in ["get_request", "wait_for_secret"] {
                let mut arguments = json!({ "name": name });
                if tool == "wait_for_secret" {
                    arguments["timeout_seconds"] = json!(1);
                }
                agent.call(tool, arguments).await.answer();
            }
            let mut arguments = ask();
            arguments["name"] = json!(name);
            if name != "NO_SUCH_KEY" {
                agent.call("request_secret", arguments).await.answer();
            }
        }
        for canary in CANARIES {
            assert!(!agent.heard().contains(canary), "{canary}");
        }
    }
}
