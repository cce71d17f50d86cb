//! What every request passes, and what every answer carries.

use std::time::Duration;

use axum::http::{Method, StatusCode, header};

use super::{FORM, Server, TOKEN};

/// Every route, and what is none.
const PATHS: [&str; 17] = [
    "/",
    "/sign-in",
    "/sign-in/oidc",
    "/sign-in/callback?code=x&state=y",
    "/sign-in/link?token=x",
    "/sign-in/done",
    "/sign-in/token",
    "/sign-out",
    "/language",
    "/health",
    "/accounts/acme",
    "/accounts/acme/new",
    "/accounts/acme/import",
    "/accounts/NOT A NAME",
    "/accounts/acme/secrets/a-token",
    "/assets/0/style.css",
    "/no/such/page",
];

async fn signed_in() -> Server {
    let server = Server::cluster();
    let answer = server.post("/sign-in/token", &format!("token={TOKEN}")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    server
}

#[tokio::test]
async fn every_answer_carries_the_headers_whatever_it_is() {
    let (anybody, somebody) = (Server::cluster(), signed_in().await);
    let mut seen = std::collections::BTreeSet::new();
    for server in [&anybody, &somebody] {
        for path in PATHS {
            let path = path.replace(' ', "%20");
            for (method, site) in [
                (Method::GET, "none"),
                (Method::HEAD, "none"),
                (Method::GET, "cross-site"),
                (Method::POST, "cross-site"),
                (Method::PUT, "same-origin"),
            ] {
                let headers = [("sec-fetch-site", site), FORM];
                let request = server.request(method.clone(), &path, &headers, "");
                let answer = server.send(request).await;
                seen.insert(answer.status.as_u16());
                let told = format!("{method} {path} {site} {}", answer.status);
                let header = |name: &str| {
                    let mut all = answer.headers.get_all(name).iter();
                    let (one, more) = (all.next(), all.next());
                    assert!(more.is_none(), "{told}: {name} twice");
                    one.unwrap_or_else(|| panic!("{told}: no {name}")).to_str().expect("text")
                };
                let policy = header("content-security-policy");
                for part in [
                    "default-src 'none'",
                    "script-src 'self'",
                    "style-src 'self'",
                    "base-uri 'none'",
                    "form-action 'self'",
                    "frame-ancestors 'none'",
                    "require-trusted-types-for 'script'",
                    "trusted-types 'none'",
                ] {
                    assert!(policy.split("; ").any(|one| one == part), "{told}: {policy}");
                }
                assert_eq!(header("cache-control"), "no-store", "{told}");
                assert_eq!(header("referrer-policy"), "no-referrer", "{told}");
                assert_eq!(header("x-content-type-options"), "nosniff", "{told}");
                assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{told}");
                assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{told}");
                assert_eq!(header("strict-transport-security"), "max-age=31536000", "{told}");
                assert!(header("permissions-policy").contains("camera=()"), "{told}");
                if answer.status.is_client_error() && method != Method::HEAD {
                    assert!(
                        answer.text.trim_start().starts_with("<!doctype html>"),
                        "{told}: {}",
                        answer.text
                    );
                }
            }
        }
    }
    for status in [200, 303, 403, 404, 405] {
        assert!(seen.contains(&status), "{status} was not seen: {seen:?}");
    }
}

#[tokio::test]
async fn a_request_for_another_host_reaches_no_page_and_is_counted() {
    let server = signed_in().await;
    for host in ["evil.example", "127.0.0.1", "kliv.example.org:8443"] {
        let headers = [("host", host), ("sec-fetch-site", "none")];
        let answer = server.send(server.request(Method::GET, "/", &headers, "")).await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        assert!(!answer.text.contains("anna"), "{}", answer.text);
    }
    assert_eq!(server.counted("web_refused_total{why=\"host\"}"), 3);
}

#[tokio::test]
async fn another_site_can_have_nothing_done_and_nothing_shown() {
    let server = signed_in().await;
    let foreign = [
        vec![("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), FORM],
        vec![("sec-fetch-site", "same-site"), FORM],
        vec![("origin", "https://evil.example"), FORM],
        vec![("origin", "null"), FORM],
        vec![FORM],
        vec![("sec-fetch-site", "same-origin"), ("content-type", "text/plain")],
    ];
    for headers in &foreign {
        let answer = server.send(server.request(Method::POST, "/sign-out", headers, "")).await;
        assert!(answer.status.is_client_error(), "{headers:?}: {}", answer.status);
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
    }
    assert_eq!(server.get("/").await.status, StatusCode::OK, "still signed in");
    assert_eq!(server.counted("web_refused_total{why=\"site\"}"), 5);
    assert_eq!(server.counted("web_refused_total{why=\"content_type\"}"), 1);
}

#[tokio::test]
async fn whoever_follows_a_link_from_another_site_is_asked_first() {
    let server = signed_in().await;
    let headers = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let path = "/accounts/acme?q=%22%3E%3Cscript%3E";
    let answer = server.send(server.request(Method::GET, path, &headers, "")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.contains(&format!("href=\"{path}\"")), "{}", answer.text);
    assert!(!answer.text.contains("http-equiv") && !answer.text.contains("anna"));
    let answer = server.send(server.request(Method::GET, "//evil.example/", &headers, "")).await;
    assert!(!answer.text.contains("evil"), "{}", answer.text);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_announced_or_not() {
    let server = signed_in().await;
    let large = "x".repeat(17 * 1024);
    let announced = server.post("/sign-in/token", &large).await;
    assert_eq!(announced.status, StatusCode::PAYLOAD_TOO_LARGE);
    let headers = [("sec-fetch-site", "same-origin"), FORM];
    let mut request = server.request(Method::POST, "/sign-in/token", &headers, &large);
    request.headers_mut().remove(header::CONTENT_LENGTH);
    let silent = server.send(request).await;
    assert_eq!(silent.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(server.counted("web_refused_total{why=\"size\"}"), 2);
    // A value of 64 KiB is 88 KiB, sealed.
    let sealed = "x".repeat(100 * 1024);
    let answer = server.post("/accounts/acme/new", &sealed).await;
    assert_ne!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn few_sign_ins_are_tried_and_whoever_is_in_is_not_kept_out() {
    let server = signed_in().await;
    let cookies = server.forget_cookies();
    let mut refused = None;
    for _ in 0..20 {
        let answer = server.post("/sign-in/token", "token=eyJ.wrong.x").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let refused = refused.expect("at last it is too often");
    let wait: u64 = refused.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(server.counted("web_refused_total{why=\"rate\"}"), 1);
    server.remember_cookies(cookies);
    assert_eq!(server.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn streams_of_a_session_are_few_and_one_that_is_closed_makes_room() {
    let server = signed_in().await;
    let events = || {
        let headers = [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")];
        server.request(Method::GET, "/accounts/acme/events", &headers, "")
    };
    let mut open = Vec::new();
    let refused = loop {
        let response = server.open(events()).await;
        if response.status() != StatusCode::OK {
            break response;
        }
        open.push(response);
        assert!(open.len() < 100, "there is no end");
    };
    assert_eq!((refused.status(), open.len()), (StatusCode::TOO_MANY_REQUESTS, 12));
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    // A tab that is closed makes room.
    open.pop();
    assert_eq!(server.open(events()).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_is_not_kept_open() {
    let server = signed_in().await;
    let headers = [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")];
    let events = || server.request(Method::GET, "/accounts/acme/events", &headers, "");
    let mut open = Vec::new();
    loop {
        let response = server.open(events()).await;
        if response.status() != StatusCode::OK {
            break;
        }
        open.push(response);
        assert!(open.len() < 100, "there is no end");
    }
    // As many as a session may have; what is said that the line stays open is not taken.
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(server.open(events()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn no_answer_is_in_a_library_s_words() {
    let server = signed_in().await;
    for path in ["/language", "/accounts/acme/new", "/accounts/acme/import", "/sign-in/done"] {
        for body in ["", "\u{0}=%ff", "a=b&a=b", "{\"s3cr3t\":"] {
            for kind in ["application/json", "application/x-www-form-urlencoded"] {
                let headers = [("sec-fetch-site", "same-origin"), ("content-type", kind)];
                let request = server.request(Method::POST, path, &headers, body);
                let answer = server.send(request).await;
                for words in ["s3cr3t", "deserialize", "expected", "missing field", "invalid type"]
                {
                    assert!(!answer.text.contains(words), "{path} {body}: {}", answer.text);
                }
            }
        }
    }
}
