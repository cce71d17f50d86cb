//! The agents' server over HTTP: what answers hold that nobody reads, and calls for whose answer
//! nobody waits any more.
//!
//! A client that opens no window is one that does not ask for the next piece of a body. Time is
//! the runtime's own here: it goes on when there is nothing else to do.

use std::time::Duration;

use axum::body::Body;
use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::mcp_door::{Door, message_to};
use super::mcp_support::{Cluster, ENDPOINT, call, list};

const ANNA: &str = "anna@kliv-secrets-mcp";
const BO: &str = "bo@kliv-secrets-mcp";

/// Longer than an answer waits for its reader, and a call for its end.
const A_WHILE: Duration = Duration::from_secs(120);

/// An answer of which nothing has been read.
async fn begin(door: &Door, token: &str, message: &Value) -> Response<Body> {
    let request = message_to(ENDPOINT)
        .header("mcp-protocol-version", "2025-11-25")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    door.begin(request.body(Body::from(message.to_string())).expect("a request")).await
}

/// As many as are taken.
async fn begin_all(door: &Door, token: &str, message: &Value) -> Vec<Response<Body>> {
    let mut begun = Vec::new();
    loop {
        let response = begin(door, token, message).await;
        if response.status() != StatusCode::OK {
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert!(begun.len() < 350, "it is not his pace that keeps him");
            return begun;
        }
        begun.push(response);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_reads_holds_none_of_what_others_need() {
    let door = Cluster::default().door();
    let mut unread = begin_all(&door, ANNA, &list()).await;
    let at_first = unread.len();
    tokio::time::sleep(A_WHILE).await;
    unread.extend(begin_all(&door, ANNA, &list()).await);
    assert!(unread.len() > at_first, "there is room again");
    // Many people do it, more than have room at a time.
    for n in 0..20 {
        unread.extend(begin_all(&door, &format!("{n}@kliv-secrets-mcp"), &list()).await);
        tokio::time::sleep(A_WHILE).await;
    }
    assert_eq!(begin(&door, BO, &list()).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn so_many_answers_of_one_person_are_in_memory_and_no_more() {
    let door = Cluster::default().door();
    let mut unread = Vec::new();
    loop {
        let begun = begin_all(&door, ANNA, &list()).await;
        if begun.is_empty() {
            break;
        }
        unread.extend(begun);
        assert!(unread.len() <= 256);
        tokio::time::sleep(A_WHILE).await;
    }
    assert_eq!(begin(&door, BO, &list()).await.status(), StatusCode::OK);
    unread.pop();
    assert_eq!(begin(&door, ANNA, &list()).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_messages_memory_is_free_when_it_is_answered_and_not_when_that_is_read() {
    let door = Cluster::default().door();
    let large = call("list_secrets", &json!({ "x": "y".repeat(200_000) }));
    let mut unread = Vec::new();
    for n in 0..12 {
        let response = begin(&door, ANNA, &large).await;
        assert_eq!(response.status(), StatusCode::OK, "{n}");
        unread.push(response);
        tokio::time::sleep(A_WHILE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_given_up_goes_on_and_is_counted_until_it_ends() {
    let door = Cluster { hangs: true, ..Cluster::default() }.door();
    let delete = call("delete_secret", &json!({ "name": "A_KEY", "reason": "unused" }));
    let begun = begin_all(&door, ANNA, &delete).await;
    assert!(!begun.is_empty());
    drop(begun);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(begin(&door, ANNA, &delete).await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(begin(&door, BO, &delete).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_read_ends_when_nobody_waits_for_it_any_more() {
    let door = Cluster { hangs: true, ..Cluster::default() }.door();
    let overview = json!({
        "jsonrpc": "2.0", "id": 1, "method": "resources/read",
        "params": { "uri": "kliv-secrets://overview" },
    });
    for read in [call("list_secrets", &json!({})), overview] {
        let begun = begin_all(&door, ANNA, &read).await;
        assert!(!begun.is_empty());
        drop(begun);
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(begin(&door, ANNA, &read).await.status(), StatusCode::OK, "{read}");
        tokio::time::sleep(A_WHILE).await;
    }
}
