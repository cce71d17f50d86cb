//! The agents' server over HTTP: who may come in, and what is said to whom may not.

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::mcp_door::{Answer, PUBLIC, message_to};
use super::mcp_support::{Cluster, ENDPOINT, call, list};

/// A token for the server, of somebody.
const ANNA: &str = "anna@kliv-secrets-mcp";
/// What nobody is to read anywhere.
const CANARY: &str = "sk-canary-8f3a91c2d7";

fn initialize(elicitation: &Value) -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": { "elicitation": elicitation },
            "clientInfo": { "name": "tests", "version": "1" },
        },
    })
}

#[tokio::test]
async fn a_request_for_another_host_is_refused_before_anybody_is_asked_about_it() {
    let cluster = Cluster::default();
    let door = cluster.door();
    for host in
        ["evil.example", "mcp.example.org:8443", "127.0.0.1", "mcp.example.org.evil.example"]
    {
        let mut request = message_to(ENDPOINT).body(Body::from(list().to_string())).expect("one");
        request.headers_mut().insert(header::HOST, host.parse().expect("a host"));
        let token = format!("Bearer {ANNA}").parse().expect("a token");
        request.headers_mut().insert(header::AUTHORIZATION, token);
        let answer = door.send(request).await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        assert!(!answer.body.contains(host), "{}", answer.body);
    }
    assert!(cluster.asked().is_empty());
    assert!(door.metrics.text().expect("text").contains("mcp_refused_total{why=\"host\"} 4"));
}

#[tokio::test]
async fn a_web_page_of_another_site_is_refused_and_is_told_nothing_by_a_browser() {
    let cluster = Cluster::default();
    let door = cluster.door();
    for origin in
        ["https://evil.example", "null", "http://mcp.example.org", "https://x.mcp.example.org"]
    {
        let answer = door.says(ANNA, ENDPOINT, &[("origin", origin)], &list()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
    }
    assert!(cluster.asked().is_empty());
    let ours = door.says(ANNA, ENDPOINT, &[("origin", PUBLIC)], &list()).await;
    assert_eq!(ours.status, StatusCode::OK);
    assert!(ours.header("access-control-allow-origin").is_none());
    let twice = [("origin", PUBLIC), ("origin", PUBLIC)];
    assert_eq!(door.says(ANNA, ENDPOINT, &twice, &list()).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn one_method_is_served_at_an_endpoint_and_nothing_elsewhere() {
    let door = Cluster::default().door();
    let send = async |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::HOST, "mcp.example.org").body(Body::empty());
        door.send(request.expect("a request")).await
    };
    for method in ["GET", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"] {
        let answer = send(method, ENDPOINT).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
        assert!(answer.header("access-control-allow-methods").is_none());
    }
    for path in [
        "/",
        "/mcp",
        "/sse",
        "/accounts",
        "/accounts/shop",
        "/accounts/shop/mcp/",
        "/accounts/shop/mcp/x",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
    ] {
        let answer = send("GET", path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.contains("/accounts/ACCOUNT/mcp"), "{path}: {}", answer.body);
    }
    // No namespace has such a name.
    for account in ["Shop", "a.b", "-", "..%2f..%2fsystem", "a%3fdryRun=All", "%ff"] {
        let answer = door.says(ANNA, &format!("/accounts/{account}/mcp"), &[], &list()).await;
        assert!(answer.status.is_client_error() && answer.status != 401, "{account}");
        assert!(!answer.body.contains("dryRun"), "{}", answer.body);
    }
}

#[tokio::test]
async fn where_tokens_come_from_is_told_to_anybody_and_for_a_name_that_can_be_one() {
    let door = Cluster::default().door();
    let at = async |account: &str| {
        let path = format!("/.well-known/oauth-protected-resource/accounts/{account}/mcp");
        let request = Request::get(path).header(header::HOST, "mcp.example.org");
        door.send(request.body(Body::empty()).expect("a request")).await
    };
    let answer = at("shop").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let resource = format!("{PUBLIC}{ENDPOINT}");
    assert_eq!(
        answer.message(),
        json!({
            "resource": resource, "bearer_methods_supported": ["header"],
            "resource_name": "kliv-secrets, account shop",
        })
    );
    assert_eq!(at("Shop").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_token_is_taken_when_it_was_issued_for_this_account_and_for_nothing_else() {
    let door = Cluster::default().door();
    let status = async |token: &str| door.says(token, ENDPOINT, &[], &list()).await;
    let resource = format!("anna@{PUBLIC}{ENDPOINT}");
    for good in [ANNA, &format!("anna@{PUBLIC}"), &resource, &format!("{resource},https://else")] {
        assert_eq!(status(good).await.status, StatusCode::OK, "{good}");
    }
    let place = "Bearer resource_metadata=\"https://mcp.example.org/.well-known/\
                 oauth-protected-resource/accounts/shop/mcp\"";
    let none = status("").await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    assert_eq!(none.header("www-authenticate"), Some(place));
    for (bad, words) in [
        ("made-up", "Nobody is known by this token"),
        ("anna@https://mcp.example.org/accounts/other/mcp", "Nobody is known by this token"),
        ("anna@kliv-secrets-web", "Nobody is known by this token"),
        ("anna@https://kubernetes.default.svc", "one of the API server is never taken"),
        ("anna@kliv-secrets-mcp,https://kubernetes.default.svc", "good for the API server, too"),
    ] {
        let answer = status(bad).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{bad}");
        assert!(answer.body.contains(words) && !answer.body.contains(bad), "{}", answer.body);
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert!(challenge.starts_with(&format!("{place}, error=\"invalid_token\"")), "{challenge}");
        assert!(!challenge.contains(bad), "{challenge}");
    }
    for nobody in ["system:admin@kliv-secrets-mcp", "@kliv-secrets-mcp"] {
        let answer = status(nobody).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{nobody}: {}", answer.body);
        assert!(answer.header("www-authenticate").is_none());
    }
}

#[tokio::test]
async fn a_token_in_an_address_is_refused_and_not_looked_at() {
    let cluster = Cluster::default();
    let door = cluster.door();
    for query in [format!("access_token={ANNA}"), "a=b".to_owned(), String::new()] {
        let answer = door.says("", &format!("{ENDPOINT}?{query}"), &[], &list()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains("Authorization header") && !answer.body.contains(ANNA));
    }
    assert!(cluster.asked().is_empty());
}

#[tokio::test]
async fn the_callers_token_goes_nowhere_but_into_its_review() {
    let cluster = Cluster::default();
    let door = cluster.door();
    let answer = door.says(ANNA, ENDPOINT, &[], &call("list_secrets", &json!({}))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.message()["error"].is_null(), "{}", answer.body);
    let asked = cluster.asked();
    let mut as_him = 0;
    for asked in &asked {
        for (name, value) in &asked.headers {
            assert_ne!(name, header::AUTHORIZATION, "{}", asked.path);
            let value = String::from_utf8_lossy(value.as_bytes());
            assert!(!value.contains(ANNA), "{}: {name}", asked.path);
        }
        let reviewed = asked.path.ends_with("/tokenreviews");
        assert_eq!(asked.body.contains(ANNA), reviewed, "{}", asked.path);
        // As itself it asks whose a token is; all else as him.
        let user = asked.headers.get("impersonate-user").map(|user| user.as_bytes());
        assert_eq!(user, (!reviewed).then_some(b"anna".as_slice()), "{}", asked.path);
        as_him += usize::from(asked.path.contains("/namespaces/shop/"));
    }
    assert!(as_him > 0, "it asked for the account's objects");
    let numbers = door.metrics.text().expect("text");
    let counted = "mcp_calls_total{tool=\"list_secrets\",result=\"done\"} 1";
    assert!(numbers.contains(counted), "{numbers}");
}

#[tokio::test]
async fn whose_a_token_is_is_asked_once_in_a_while_and_for_each_account() {
    let cluster = Cluster::default();
    let door = cluster.door();
    let reviews = |cluster: &Cluster| {
        cluster.asked().iter().filter(|asked| asked.path.ends_with("/tokenreviews")).count()
    };
    for _ in 0..5 {
        assert_eq!(door.says(ANNA, ENDPOINT, &[], &list()).await.status, StatusCode::OK);
    }
    // For this server, and for the API server.
    assert_eq!(reviews(&cluster), 2);
    let mine = format!("anna@{PUBLIC}{ENDPOINT}");
    assert_eq!(door.says(&mine, ENDPOINT, &[], &list()).await.status, StatusCode::OK);
    let other = "/accounts/other/mcp";
    assert_eq!(door.says(&mine, other, &[], &list()).await.status, StatusCode::UNAUTHORIZED);
    // What is not good for this account is not asked about again.
    assert_eq!(reviews(&cluster), 5);
}

#[tokio::test]
async fn who_can_not_be_looked_up_or_spoken_for_is_told_so_without_a_name() {
    let down = Cluster { is_down: true, ..Cluster::default() }.door();
    let answer = down.says(ANNA, ENDPOINT, &[], &list()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("10"));
    let forbids = Cluster { forbids: true, ..Cluster::default() }.door();
    let answer = forbids.says(ANNA, ENDPOINT, &[], &list()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("lacks the right") && !answer.body.contains("anna"));
}

#[tokio::test]
async fn a_session_is_its_persons_in_its_account_and_nobody_elses() {
    let door = Cluster::default().door();
    let begun = door.says(ANNA, ENDPOINT, &[], &initialize(&json!({ "url": {} }))).await;
    assert_eq!(begun.message()["result"]["protocolVersion"], "2025-11-25");
    let id = begun.header("mcp-session-id").expect("a session").to_owned();
    let goes_on = async |token: &str, endpoint: &str, id: &str| {
        door.says(token, endpoint, &[("mcp-session-id", id)], &list()).await.status
    };
    assert_eq!(goes_on(ANNA, ENDPOINT, &id).await, StatusCode::OK);
    let edited = format!("{}{}", if id.starts_with('r') { "s" } else { "r" }, &id[1..]);
    for (token, endpoint, id) in [
        ("bo@kliv-secrets-mcp", ENDPOINT, id.as_str()),
        (ANNA, "/accounts/other/mcp", &id),
        (ANNA, ENDPOINT, &edited),
        (ANNA, ENDPOINT, "made-up"),
        (ANNA, ENDPOINT, ""),
    ] {
        assert_eq!(goes_on(token, endpoint, id).await, StatusCode::NOT_FOUND, "{token} {id}");
    }
    // Nothing was declared then.
    assert_eq!(door.says(ANNA, ENDPOINT, &[], &list()).await.status, StatusCode::OK);
    // Another replica with the same key.
    let other = Cluster::default().door();
    let answer = other.says(ANNA, ENDPOINT, &[("mcp-session-id", &id)], &list()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let twice = [("mcp-session-id", id.as_str()), ("mcp-session-id", id.as_str())];
    let answer = door.says(ANNA, ENDPOINT, &twice, &list()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_client_of_2026_07_28_needs_no_session() {
    let door = Cluster::default().door();
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "tests", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    for method in ["server/discover", "tools/list"] {
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": method, "params": { "_meta": meta },
        });
        let request = message_to(ENDPOINT)
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
            .header(header::AUTHORIZATION, format!("Bearer {ANNA}"))
            .body(Body::from(message.to_string()));
        let answer = door.send(request.expect("a request")).await;
        assert_eq!(answer.status, StatusCode::OK, "{method}: {}", answer.body);
        assert!(answer.message()["result"].is_object(), "{method}: {}", answer.body);
        assert!(answer.header("mcp-session-id").is_none());
    }
}

#[tokio::test]
async fn what_can_not_be_read_is_refused_in_words_that_quote_nothing() {
    let cluster = Cluster::default();
    let door = cluster.door();
    let send = async |more: &[(&str, &str)], body: String| {
        let request = message_to(ENDPOINT).header(header::AUTHORIZATION, format!("Bearer {ANNA}"));
        let mut request = request.body(Body::from(body)).expect("a request");
        for (name, value) in more {
            let name: http::HeaderName = name.parse().expect("a name");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        door.send(request).await
    };
    let value = |value: Value| call("list_secrets", &json!({ "environment": value })).to_string();
    let large = format!("{{\"a\":\"{}\"}}", CANARY.repeat(300 * 1024 / CANARY.len()));
    let json = "application/json";
    for (what, more, body, status) in [
        ("no JSON", vec![], format!("{{\"{CANARY}"), 400),
        ("no message", vec![], format!("{{\"method\":\"{CANARY}\"}}"), 415),
        ("a batch", vec![], format!("[{}]", value(json!(CANARY))), 400),
        ("a method that is none", vec![], format!("{{\"method\":7,\"x\":\"{CANARY}\"}}"), 400),
        (
            "arguments that are a text",
            vec![],
            call("list_secrets", &json!(CANARY)).to_string(),
            200,
        ),
        ("too large", vec![], large, 413),
        ("another type", vec![("content-type", "text/plain")], value(json!(CANARY)), 415),
        ("no stream accepted", vec![("accept", json)], value(json!(CANARY)), 406),
        ("a revision of nobody", vec![("mcp-protocol-version", CANARY)], list().to_string(), 400),
        ("a wrong type in an argument", vec![], value(json!({ CANARY: CANARY })), 200),
        (
            "an argument too many",
            vec![],
            call("list_secrets", &json!({ CANARY: 1 })).to_string(),
            200,
        ),
        ("no such tool", vec![], call(CANARY, &json!({})).to_string(), 200),
        (
            "no such method",
            vec![],
            json!({ "jsonrpc": "2.0", "id": 1, "method": CANARY }).to_string(),
            200,
        ),
    ] {
        let answer = send(&more, body).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        assert!(!answer.body.contains(CANARY), "{what}: {}", answer.body);
        assert!(!answer.body.is_empty(), "{what}");
    }
}

#[tokio::test]
async fn an_error_of_the_protocol_keeps_its_code_and_quotes_no_header_or_name() {
    let door = Cluster::default().door();
    let meta = |revision: &str| {
        json!({
            "io.modelcontextprotocol/protocolVersion": revision,
            "io.modelcontextprotocol/clientInfo": { "name": "tests", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        })
    };
    let new = "2026-07-28";
    for (what, revision, method, name, message_method, code) in [
        ("another name", new, "tools/call", CANARY, "tools/call", -32020),
        ("another method", new, CANARY, "list_secrets", "tools/call", -32020),
        ("another revision", "2025-11-25", "tools/call", "list_secrets", "tools/call", -32020),
        ("no such method", new, CANARY, "", CANARY, -32601),
    ] {
        let params = json!({ "name": "list_secrets", "arguments": {}, "_meta": meta(new) });
        let message = json!({
            "jsonrpc": "2.0", "id": 7, "method": message_method, "params": params,
        });
        let request = message_to(ENDPOINT)
            .header("mcp-protocol-version", revision)
            .header("mcp-method", method)
            .header("mcp-name", name)
            .header(header::AUTHORIZATION, format!("Bearer {ANNA}"))
            .body(Body::from(message.to_string()));
        let answer = door.send(request.expect("a request")).await;
        assert!(answer.status.is_client_error(), "{what}: {} {}", answer.status, answer.body);
        let said = answer.message();
        assert_eq!((&said["id"], &said["error"]["code"]), (&json!(7), &json!(code)), "{what}");
        for quoted in [CANARY, "list_secrets", "tools/call"] {
            assert!(!answer.body.contains(quoted), "{what}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn every_answer_may_be_kept_by_nobody_and_shown_by_no_browser() {
    let door = Cluster::default().door();
    let good = door.says(ANNA, ENDPOINT, &[], &list()).await;
    let stranger = door.says("", ENDPOINT, &[], &list()).await;
    let lost = door.says(ANNA, "/x", &[], &list()).await;
    let elsewhere = door.says(ANNA, ENDPOINT, &[("origin", "null")], &list()).await;
    for Answer { headers, status, .. } in [good, stranger, lost, elsewhere] {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            let all: Vec<_> = headers.get_all(name).iter().collect();
            assert_eq!(all, [value], "{status}: {name}");
        }
        assert!(!headers.contains_key("server") && !headers.contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_again() {
    let door = Cluster::default().door();
    let mut refused = None;
    for _ in 0..2000 {
        let answer = door.says(ANNA, ENDPOINT, &[], &json!(null)).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a limit");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let other = door.says("bo@kliv-secrets-mcp", ENDPOINT, &[], &list()).await;
    assert_eq!(other.status, StatusCode::OK, "others go on");
}
