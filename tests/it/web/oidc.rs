//! Signing in by OpenID Connect, and what goes wrong with it on purpose.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::provider::{Memory, Provider};
use super::{Answer, Log, Server};

type Back = BTreeMap<String, String>;

/// From the sign-in page to the provider: its address.
async fn begin(server: &Server) -> String {
    let page = server.get("/sign-in").await;
    assert!(page.text.contains("href=\"/sign-in/oidc\""), "{}", page.text);
    let answer = server.get("/sign-in/oidc").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let cookie = answer.headers[header::SET_COOKIE].to_str().expect("text");
    assert!(cookie.starts_with("__Host-kliv-sign-in=1."), "{cookie}");
    assert!(cookie.ends_with("Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    answer.location().to_owned()
}

/// The provider's page sends the browser back.
async fn come_back(server: &Server, back: &Back) -> Answer {
    let query: Vec<_> = back.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let path = format!("/sign-in/callback?{}", query.join("&"));
    let headers = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    server.send(server.request(Method::GET, &path, &headers, "")).await
}

/// Whether somebody comes in when the provider lies like that.
async fn lied_to(server: &Server, provider: &Provider, claims: Value) -> bool {
    let claims = claims.as_object().expect("claims").clone();
    provider.memory().claims = claims.into_iter().collect();
    let address = begin(server).await;
    let answer = come_back(server, &provider.log_in(&address)).await;
    is_in(server, &answer).await
}

/// Whether that answer signs in; forgets it.
async fn is_in(server: &Server, answer: &Answer) -> bool {
    let signed_in = server.get("/").await.status == StatusCode::OK;
    assert_eq!(answer.status == StatusCode::SEE_OTHER, signed_in, "{}", answer.text);
    assert!(!answer.text.contains("s3cr3t"), "{}", answer.text);
    let left = server.forget_cookies();
    // What was kept for the way is gone, however it ended.
    assert!(left.iter().all(|(name, _)| name == "__Host-kliv-session"), "{left:?}");
    signed_in
}

#[tokio::test]
async fn whoever_the_provider_and_the_cluster_know_is_signed_in() {
    let provider = Provider::start();
    let server = Server::with(Some(provider.oidc()), false);
    let address = begin(&server).await;
    let answer = come_back(&server, &provider.log_in(&address)).await;
    // The code leaves the address, and the next page is asked for by one of ours.
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/sign-in/done"));
    assert!(server.get("/sign-in/done").await.text.contains("content=\"0; url=/\""));
    assert!(server.get("/").await.text.contains("<b>anna</b>"));
    assert_eq!(server.counted("web_sign_ins_total{way=\"oidc\",result=\"ok\"}"), 1);
    assert!(is_in(&server, &answer).await);
}

#[tokio::test]
async fn who_follows_a_link_and_signs_in_at_the_provider_goes_on_to_where_it_leads() {
    let provider = Provider::start();
    let server = Server::with(Some(provider.oidc()), false);
    server.goes("/accounts/acme/requests/a-key").await;
    let address = begin(&server).await;
    assert!(!address.contains("acme"), "the provider is told nothing of it: {address}");
    let answer = come_back(&server, &provider.log_in(&address)).await;
    assert_eq!(answer.location(), "/sign-in/done");
    let between = server.get("/sign-in/done").await;
    let there = "content=\"0; url=/accounts/acme/requests/a-key\"";
    assert!(between.text.contains(there), "{}", between.text);
    // Once.
    assert!(server.get("/sign-in/done").await.text.contains("content=\"0; url=/\""));
    assert!(is_in(&server, &answer).await);
}

#[tokio::test]
async fn an_id_token_that_is_not_as_it_should_be_signs_nobody_in() {
    let provider = Provider::start();
    let server = Server::with(Some(provider.oidc()), false);
    assert!(lied_to(&server, &provider, json!({})).await);
    for lie in [
        json!({ "nonce": "another" }),
        json!({ "nonce": null }),
        json!({ "aud": "somebody-else" }),
        json!({ "aud": ["kliv-web", "somebody-else"] }),
        json!({ "iss": "https://evil.example" }),
        json!({ "exp": 1_700_000_000 }),
        json!({ "sub": "mallory" }),
    ] {
        // Each is a few of the ten that one address may try.
        let server = Server::with(Some(provider.oidc()), false);
        assert!(!lied_to(&server, &provider, lie.clone()).await, "{lie}");
    }
    provider.memory().claims.clear();
    provider.memory().forges = true;
    assert!(!lied_to(&server, &provider, json!({})).await);
    provider.memory().forges = false;
    provider.memory().unsigned = true;
    assert!(!lied_to(&server, &provider, json!({})).await);
}

#[tokio::test]
async fn a_provider_that_has_new_keys_is_asked_for_them() {
    let provider = Provider::start();
    let server = Server::with(Some(provider.oidc()), false);
    assert!(lied_to(&server, &provider, json!({})).await);
    let address = begin(&server).await;
    provider.rotate();
    let answer = come_back(&server, &provider.log_in(&address)).await;
    assert!(is_in(&server, &answer).await);
}

#[tokio::test]
async fn a_way_back_is_good_once_and_in_the_browser_that_set_out() {
    let provider = Provider::start();
    let server = Server::with(Some(provider.oidc()), false);
    let back = provider.log_in(&begin(&server).await);
    let underway = server.forget_cookies();

    // Somebody is sent another's way back, to be signed in as him.
    let answer = come_back(&server, &back).await;
    assert!(!is_in(&server, &answer).await);
    server.get("/sign-in/oidc").await;
    let answer = come_back(&server, &back).await;
    assert!(!is_in(&server, &answer).await);

    // The state alone is not enough, nor is another.
    for state in ["", "x", "null"] {
        server.remember_cookies(underway.clone());
        let mut other = back.clone();
        other.insert("state".into(), state.into());
        let answer = come_back(&server, &other).await;
        assert!(!is_in(&server, &answer).await, "{state}");
    }
    server.remember_cookies(underway.clone());
    assert!(is_in(&server, &come_back(&server, &back).await).await);

    // Replayed, with the browser's cookie of then: not even with a new code.
    server.remember_cookies(underway.clone());
    assert!(!is_in(&server, &come_back(&server, &back).await).await);
}

#[tokio::test]
async fn a_code_that_the_provider_takes_back_signs_nobody_in() {
    let provider = Provider::start();
    let server = Server::with(Some(provider.oidc()), false);
    let mut back = provider.log_in(&begin(&server).await);
    back.insert("code".into(), "an-old-one".into());
    let answer = come_back(&server, &back).await;
    assert!(answer.text.contains("did not sign you in"), "{}", answer.text);
    assert!(!is_in(&server, &answer).await);
    let mut back = provider.log_in(&begin(&server).await);
    back.remove("code");
    back.insert("error".into(), "access_denied".into());
    back.insert("error_description".into(), "s3cr3t".into());
    let answer = come_back(&server, &back).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!is_in(&server, &answer).await);
}

#[tokio::test]
async fn the_answer_of_another_provider_is_not_taken_for_this_one_s() {
    let provider = Provider::start();
    provider.memory().names_issuer = true;
    let server = Server::with(Some(provider.oidc()), false);
    let back = provider.log_in(&begin(&server).await);
    let underway = server.forget_cookies();
    assert_eq!(back["iss"], provider.issuer);
    // One that says nothing of it, where the provider does.
    for issuer in [None, Some("https://evil.example")] {
        let server = Server::with(Some(provider.oidc()), false);
        let mut mixed = provider.log_in(&begin(&server).await);
        mixed.remove("iss");
        mixed.extend(issuer.map(|issuer| ("iss".to_owned(), issuer.to_owned())));
        let answer = come_back(&server, &mixed).await;
        assert!(!is_in(&server, &answer).await, "{issuer:?}");
        assert!(provider.memory().seen.is_empty(), "the code went nowhere");
    }
    server.remember_cookies(underway);
    assert!(is_in(&server, &come_back(&server, &back).await).await);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_as_it_should_is_told_of_and_not_followed() {
    let lies: [fn(&mut Memory); 2] = [|m| m.redirects = true, |m| m.endless = true];
    for lie in lies {
        let provider = Provider::start();
        lie(&mut provider.memory());
        let server = Server::with(Some(provider.oidc()), false);
        let answer = server.get("/sign-in/oidc").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.text.contains("does not answer as it should"), "{}", answer.text);
        assert!(server.forget_cookies().is_empty());
    }
}

#[tokio::test]
async fn another_certificate_s_provider_is_not_spoken_to() {
    let (one, two) = (Provider::start(), Provider::start());
    let mut settings = one;
    settings.issuer.clone_from(&two.issuer);
    let server = Server::with(Some(settings.oidc()), false);
    let answer = server.get("/sign-in/oidc").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn no_log_line_of_it_has_a_code_a_state_or_a_token() {
    let log = Log::start();
    let provider = Provider::start();
    let server = Server::with(Some(provider.oidc()), false);
    let mut secrets = Vec::new();
    for forges in [false, true] {
        provider.memory().forges = forges;
        let address = begin(&server).await;
        let back = provider.log_in(&address);
        come_back(&server, &back).await;
        secrets.extend(back.into_values());
        secrets.extend(server.forget_cookies().into_iter().map(|(_, value)| value));
    }
    let text = log.end();
    assert!(text.contains("somebody signed in") && text.contains("forged"), "{text}");
    secrets.extend(["t0ken", "s3cr", "eyJ", "anna", "callback"].map(str::to_owned));
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} in\n{text}");
    }
}
