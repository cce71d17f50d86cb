#![expect(clippy::disallowed_types, reason = "a client of a cluster that never answers")]
//! What no form may carry, refused before anything is asked of a cluster.

use axum::http::StatusCode;
use kube::{Client, Config};

use crate::web_page::{FORM, Page};

const PLAIN: &str = "sk_live_c4n4ryc4n4ryc4n4ryXYZ";

/// The page before a cluster that never answers.
async fn page() -> Page {
    let config = Config::new("http://127.0.0.1:1".parse().expect("an address"));
    let client = Client::try_from(config).expect("a client");
    Page::open(client, "anna", "acme", "kliv-secrets-system").await
}

async fn post(
    page: &Page,
    path: &str,
    kind: &str,
    body: &str,
    language: &str,
) -> (StatusCode, String) {
    let answer = page.send(path, kind, language, body.to_owned()).await;
    assert!(!answer.body.contains("c4n4ry"), "{path}: {}", answer.body);
    (answer.status, answer.body)
}

/// Whatever takes a form. Two more are posted to: the sign-in takes a token, and the sign-out
/// reads nothing.
const FORMS: [&str; 7] = [
    "/accounts/acme/new",
    "/accounts/acme/import",
    "/accounts/acme/requests/a-key",
    "/accounts/acme/secrets/a-key/update",
    "/accounts/acme/secrets/a-key/rollback",
    "/accounts/acme/secrets/a-key/delete",
    "/language",
];

#[tokio::test]
async fn no_form_takes_a_value_in_the_clear() {
    let page = page().await;
    for path in FORMS {
        for field in ["value", "password", "secret", "plaintext"] {
            let body = format!("name=A_KEY&act=value&{field}={PLAIN}");
            let (status, text) = post(&page, path, FORM, &body, "en").await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {field}");
            assert!(text.contains("takes no value in the clear"), "{text}");
            let (_, text) = post(&page, path, FORM, &body, "sv").await;
            assert!(text.contains("tar inte emot värden i klartext"), "{text}");
        }
    }
}

#[tokio::test]
async fn what_no_page_of_ours_sends_is_refused() {
    let page = page().await;
    let large = format!("name=A_KEY&sealed=kliv1.{}", "A".repeat(3 * 1024 * 1024));
    let other_kind = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    for path in FORMS {
        for (kind, body, status) in [
            (FORM, format!("name=A_KEY&{PLAIN}=1"), StatusCode::BAD_REQUEST),
            (FORM, format!("act=value&act={PLAIN}"), StatusCode::BAD_REQUEST),
            (FORM, format!("act={PLAIN}&source={PLAIN}"), StatusCode::BAD_REQUEST),
            (FORM, large.clone(), StatusCode::PAYLOAD_TOO_LARGE),
            ("application/json", format!(r#"{{"sealed":"{PLAIN}"}}"#), other_kind),
            ("text/plain", format!("name={PLAIN}"), other_kind),
        ] {
            let (answer, text) = post(&page, path, kind, &body, "en").await;
            assert_eq!(answer, status, "{path}: {text}");
            assert!(text.contains("<h1>"), "a page, with words");
        }
    }
}
