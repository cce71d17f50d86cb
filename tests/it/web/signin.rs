//! Signing in with a token or a link, and out again.

use axum::http::{Method, StatusCode, header};

use super::{FORM, Log, MANY_GROUPS, POWERFUL, POWERFUL_OWN, Server, TOKEN};

#[tokio::test]
async fn whoever_the_cluster_knows_by_a_token_is_signed_in() {
    let server = Server::cluster();
    let first = server.get("/").await;
    assert_eq!((first.status, first.location()), (StatusCode::SEE_OTHER, "/sign-in"));
    assert!(server.get("/sign-in").await.text.contains("name=\"token\""));
    let answer = server.post("/sign-in/token", &format!("token={TOKEN}")).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"));
    let cookie = answer.headers[header::SET_COOKIE].to_str().expect("text");
    assert!(cookie.starts_with("__Host-kliv-session=1."), "{cookie}");
    assert!(cookie.ends_with("HttpOnly; SameSite=Strict; Secure"), "{cookie}");
    let page = server.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("<b>anna</b>"), "{}", page.text);
    assert_eq!(server.get("/sign-in").await.location(), "/");
    assert_eq!(server.counted("web_sign_ins_total{way=\"token\",result=\"ok\"}"), 1);
}

#[tokio::test]
async fn who_has_to_sign_in_first_goes_on_to_the_page_that_was_asked_for() {
    let server = Server::cluster();
    let wanted = "/accounts/acme/requests/a-key?language=no";
    let first = server.goes(wanted).await;
    assert_eq!((first.status, first.location()), (StatusCode::SEE_OTHER, "/sign-in"));
    let cookie = first.headers[header::SET_COOKIE].to_str().expect("text");
    assert!(cookie.starts_with("__Host-kliv-onward=1.") && !cookie.contains("acme"), "{cookie}");
    assert!(cookie.ends_with("; Max-Age=600; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    // What a page asks for by itself is no wish of anybody's, nor is the first page.
    for path in ["/accounts/acme", "/accounts/acme/events", "/accounts/acme/audit/export"] {
        assert!(!server.get(path).await.headers.contains_key(header::SET_COOKIE), "{path}");
    }
    assert!(!server.goes("/").await.headers.contains_key(header::SET_COOKIE));
    // Who is refused has not been there yet.
    let refused = server.post("/sign-in/token", &format!("token={POWERFUL}")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);

    let answer = server.post("/sign-in/token", &format!("token={TOKEN}")).await;

    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, wanted));
    let left = server.forget_cookies();
    assert!(left.len() == 1 && left[0].0 == "__Host-kliv-session", "{left:?}");
    // Only what was sealed here says where.
    for forged in [wanted, "//evil.example", "1.AAAA", &left[0].1] {
        server.remember_cookies(vec![("__Host-kliv-onward".into(), forged.into())]);
        let answer = server.post("/sign-in/token", &format!("token={TOKEN}")).await;
        assert_eq!(answer.location(), "/", "{forged}");
    }
}

#[tokio::test]
async fn whom_the_cluster_does_not_know_is_told_so_in_his_language_and_nothing_is_repeated() {
    let server = Server::cluster();
    for (language, words) in [("en", "does not know you"), ("sv", "känner inte igen dig")] {
        let form = "token=eyJ.somebody-elses-t0ken.x";
        let headers = [("sec-fetch-site", "same-origin"), FORM, ("accept-language", language)];
        let request = server.request(Method::POST, "/sign-in/token", &headers, form);
        let answer = server.send(request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text.contains(words), "{}", answer.text);
        assert!(!answer.text.contains("t0ken.x"), "{}", answer.text);
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
    }
    for nonsense in ["", "token=", "token=a b", "token=%00", "tok"] {
        let answer = server.post("/sign-in/token", nonsense).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{nonsense}");
    }
}

#[tokio::test]
async fn a_token_that_could_do_more_than_the_page_is_refused_unless_that_is_allowed() {
    let server = Server::cluster();
    let answer = server.post("/sign-in/token", &format!("token={POWERFUL}")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("could do more"), "{}", answer.text);
    assert_eq!(server.counted("result=\"powerful\""), 1);
    // The same person, with a token that is good for nothing else.
    let answer = server.post("/sign-in/token", &format!("token={POWERFUL_OWN}")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let lenient = Server::with(None, true);
    let answer = lenient.post("/sign-in/token", &format!("token={POWERFUL}")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn somebody_in_more_groups_than_fit_is_told_and_not_signed_in_with_fewer() {
    let server = Server::cluster();
    let answer = server.post("/sign-in/token", &format!("token={MANY_GROUPS}")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("more groups than"), "{}", answer.text);
    assert!(server.forget_cookies().is_empty());
}

#[tokio::test]
async fn whoever_signs_out_is_out_also_with_a_copy_of_the_cookie() {
    let server = Server::cluster();
    server.post("/sign-in/token", &format!("token={TOKEN}")).await;
    let copy = server.forget_cookies();
    assert_eq!(copy.len(), 1);
    server.remember_cookies(copy.clone());
    assert_eq!(server.get("/").await.status, StatusCode::OK);
    let answer = server.post("/sign-out", "").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/sign-in"));
    assert!(server.forget_cookies().is_empty());
    server.remember_cookies(copy);
    assert_eq!(server.get("/").await.location(), "/sign-in");
}

#[tokio::test]
async fn a_link_signs_one_browser_in_once_and_leaves_the_address_at_once() {
    let (server, token) = Server::local();
    let link = token.address("");
    for wrong in ["/sign-in/link", "/sign-in/link?token=", "/sign-in/link?token=x&token=y"] {
        assert_eq!(server.get(wrong).await.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    assert_eq!(server.get("/").await.location(), "/sign-in");
    // From a file in another browser window: so the browser does not send the cookie at once.
    let headers = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let answer = server.send(server.request(Method::GET, &link, &headers, "")).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/sign-in/done"));
    assert!(answer.text.is_empty());
    let cookie = answer.headers[header::SET_COOKIE].to_str().expect("text");
    assert!(cookie.starts_with("kliv-session-40123=1.") && cookie.contains("SameSite=Strict"));
    let cookies = server.forget_cookies();
    let between = server.send(server.request(Method::GET, "/sign-in/done", &headers, "")).await;
    assert_eq!(between.status, StatusCode::OK);
    assert!(between.text.contains("content=\"0; url=/\""), "{}", between.text);
    server.remember_cookies(cookies);
    assert_eq!(server.get("/").await.status, StatusCode::OK);
    // Somebody else finds it later.
    server.forget_cookies();
    let again = server.get(&link).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(again.text.contains("used already"), "{}", again.text);
    assert_eq!(server.post("/sign-in/token", "token=a").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_log_line_of_a_sign_in_has_its_secret_at_any_level() {
    let log = Log::start();
    let server = Server::cluster();
    for token in [TOKEN, POWERFUL, "eyJ.an-unkn0wn-one.x"] {
        server.post("/sign-in/token", &format!("token={token}")).await;
    }
    let cookies = server.forget_cookies();
    let (local, token) = Server::local();
    let link = token.address("");
    for _ in 0..2 {
        local.get(&link).await;
    }
    let text = log.end();
    assert!(text.contains("somebody signed in") && text.contains("was refused"), "{text}");
    let secret = link.split_once("token=").expect("a link").1;
    let mut secrets = vec!["a-token-of", "unkn0wn", secret, "token=", "anna", "boss"];
    secrets.extend(cookies.iter().map(|(_, value)| value.as_str()));
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
    // It was asked, so it was there to be told.
    let asked = server.asked.lock().expect("no test failed meanwhile").join("\n");
    assert!(asked.contains(TOKEN));
}
