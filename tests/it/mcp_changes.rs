#![expect(clippy::disallowed_types, reason = "a client of an API server that is made up")]
//! What `recent_changes` reads of a long audit trail, before an API server that keeps nothing
//! else, and lists no events.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body;
use http::{Request, Response, header};
use kliv_secrets::api::{AuditAction, AuditRecord, ChainLink, KlivAuditEventSpec};
use kliv_secrets::audit;
use kube::Client;
use serde_json::{Value, json};

use super::agent::{AgentClient, Revision};
use super::mcp_support::agent_before;

#[derive(Clone)]
struct Kept(Arc<Mutex<Trail>>);

struct Trail {
    events: Vec<KlivAuditEventSpec>,
    record: AuditRecord,
    /// How many events were asked for.
    read: usize,
    /// What the record is after it was first read.
    later: Option<AuditRecord>,
}

impl Kept {
    /// So many events, and the link of each.
    fn of(events: i64) -> (Self, Vec<ChainLink>) {
        let mut head = ChainLink::default();
        let (mut all, mut links) = (Vec::new(), Vec::new());
        for n in 1..=events {
            let time = jiff::Timestamp::from_second(n).expect("a time");
            let event = KlivAuditEventSpec::new(AuditAction::Updated, time);
            all.push(audit::append("acme", &mut head, event));
            links.push(head.clone());
        }
        let record = AuditRecord { head, ..AuditRecord::default() };
        let trail = Trail { events: all, record, read: 0, later: None };
        (Self(Arc::new(Mutex::new(trail))), links)
    }

    fn trail(&self) -> MutexGuard<'_, Trail> {
        self.0.lock().expect("no panic")
    }

    fn answer(&self, path: &str) -> (u16, Value) {
        let mut trail = self.trail();
        if path.ends_with("/namespaces/acme/klivaccounts/default") {
            let status = json!({ "audit": trail.record });
            if let Some(later) = trail.later.take() {
                trail.record = later;
            }
            return (
                200,
                json!({ "metadata": { "name": "default" }, "spec": {}, "status": status }),
            );
        }
        let name = path.rsplit_once("/klivauditevents/").map(|(_, name)| name);
        trail.read += usize::from(name.is_some());
        let number = |event: &KlivAuditEventSpec| event.sequence.map(audit::name);
        match trail.events.iter().find(|event| name.is_some() && number(event).as_deref() == name) {
            Some(event) => (200, json!({ "metadata": { "name": name }, "spec": event })),
            None => {
                let status = json!({
                    "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                    "reason": "NotFound", "message": "", "details": { "kind": "klivauditevents" },
                });
                (404, status)
            }
        }
    }

    async fn agent(&self) -> AgentClient {
        let kept = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (status, answer) = kept.answer(request.uri().path());
            let response = Response::builder().status(status);
            let response = response.header(header::CONTENT_TYPE, "application/json");
            let body = serde_json::to_vec(&answer).expect("JSON");
            let response = response.body(Body::from(body)).expect("an answer");
            std::future::ready(Ok::<_, Infallible>(response))
        });
        let agent = agent_before(Client::new(service, "acme"), false, None);
        AgentClient::of(agent, Revision::Of2026).await
    }
}

fn told(answer: &Value) -> usize {
    answer["changes"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn what_happened_just_now_costs_the_same_however_long_the_trail_is() {
    for events in [100, 2000] {
        let (kept, _) = Kept::of(events);
        let answer = kept.agent().await.call("recent_changes", json!({})).await.answer();
        assert_eq!((told(&answer), &answer["trail"]), (20, &json!("part_whole")), "{answer}");
        assert_eq!(answer["before"], events - 19, "{answer}");
        assert_eq!(kept.trail().read, 32);
    }
}

#[tokio::test]
async fn a_long_trail_is_told_to_its_beginning_a_bounded_call_at_a_time() {
    let (kept, _) = Kept::of(700);
    let mut agent = kept.agent().await;
    let (mut asked, mut all) = (json!({ "limit": 100 }), 0);
    loop {
        let before = kept.trail().read;
        let answer = agent.call("recent_changes", asked.clone()).await.answer();
        all += told(&answer);
        assert!(kept.trail().read - before <= 320);
        assert_eq!(answer["trail"], "part_whole");
        if answer["more"] == false {
            break;
        }
        asked["before"] = answer["before"].clone();
    }
    assert_eq!(all, 700);
    // Where nothing fits, a call ends all the same, and says where it did.
    let nothing = json!({ "name": "A_KEY" });
    let answer = agent.call("recent_changes", nothing).await.answer();
    assert_eq!((told(&answer), &answer["looked_at"]), (0, &json!(320)));
    assert_eq!((&answer["more"], &answer["before"]), (&json!(true), &json!(381)));
}

#[tokio::test]
async fn what_grows_too_old_while_it_is_read_was_removed_by_nobody() {
    let (kept, links) = Kept::of(100);
    let pruned = AuditRecord { checkpoint: Some(links[84].clone()), ..kept.trail().record.clone() };
    kept.trail().events.drain(..85);
    kept.trail().later = Some(pruned);
    let answer = kept.agent().await.call("recent_changes", json!({})).await.answer();
    assert_eq!((told(&answer), &answer["trail"]), (15, &json!("whole")), "{answer}");

    // The record knows nothing of it.
    let (kept, _) = Kept::of(100);
    kept.trail().events.remove(90);
    let answer = kept.agent().await.call("recent_changes", json!({})).await.answer();
    assert_eq!(answer["trail"], "broken");
    assert_eq!(answer["findings"], json!(["event 91 was removed"]));
}
