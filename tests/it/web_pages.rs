//! The pages that show what there is: accounts, secrets, environments.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::web_support::{Cluster, Web};

const PAGES: [&str; 3] = ["/", "/accounts/acme", "/accounts/acme/environments"];

fn secret(variable: &str, environment: Option<&str>, status: Value) -> Value {
    let name = variable.to_lowercase().replace('_', "-");
    let name = environment.map_or(name.clone(), |environment| format!("{name}.{environment}"));
    json!({
        "metadata": { "name": name, "namespace": "acme", "generation": 1 },
        "spec": { "envVar": variable, "environment": environment, "sealed": "kliv1.x" },
        "status": status,
    })
}

fn published() -> Value {
    json!({
        "observedGeneration": 1, "version": 1, "maskedValue": "sk-p****z789",
        "createdTime": "2026-11-20T10:00:00Z", "updatedTime": "2026-11-21T10:00:00Z",
        "updatedBy": "bot", "onBehalfOf": "anna", "via": "agent",
        "conditions": [ready("Published")],
    })
}

fn ready(reason: &str) -> Value {
    json!({
        "type": "Ready", "status": "True", "reason": reason, "message": "",
        "lastTransitionTime": "2026-11-21T10:00:00Z",
    })
}

/// Text that would be markup, and tells where it came from.
fn hostile(place: &str) -> String {
    format!("\"'><b id={place} onclick=alert(1)>&\u{202e}")
}

/// Everything that somebody could have written, hostile; also what the API server refuses.
fn hostile_cluster() -> Cluster {
    let warning = |reason: &str| json!({ "reason": reason, "message": hostile("message") });
    let status = json!({
        "observedGeneration": 1, "version": 1, "maskedValue": hostile("mask"),
        "createdTime": "2026-11-20T10:00:00Z", "updatedTime": "2026-11-21T10:00:00Z",
        "updatedBy": hostile("by"), "onBehalfOf": hostile("human"), "via": "<b id=via>",
        "warnings": [warning(&hostile("reason")), warning("SameValueInEnvironments")],
        "conditions": [ready(&hostile("ready"))],
    });
    // In attributes, where nobody reads it, direction may turn.
    let turned = |place: &str| hostile(place).replace('\u{202e}', "");
    let secret = json!({
        "metadata": { "name": turned("object"), "namespace": "acme", "generation": 1 },
        "spec": {
            "envVar": hostile("variable"), "environment": turned("environment"),
            "description": hostile("description"), "sealed": "kliv1.x",
        },
        "status": status,
    });
    let waits = json!({
        "metadata": { "name": "a", "namespace": "acme" },
        "spec": { "envVar": "A", "request": { "purpose": hostile("purpose") } },
    });
    let not_updated = json!([
        { "name": hostile("function"), "reason": hostile("why"), "message": hostile("how") },
    ]);
    let mut cluster = Cluster { secrets: vec![secret, waits], ..Cluster::default() };
    cluster.account["status"] = json!({
        "functions": { "total": 2, "updated": 1, "notUpdated": not_updated },
    });
    cluster.deployments = vec![json!({
        "metadata": { "name": "f", "labels": {
            "app.kubernetes.io/component": "edge-function",
            "secrets.kliv.dev/environment": hostile("label"),
        } },
        "spec": { "selector": {}, "template": { "spec": { "containers": [] } } },
    })];
    cluster
}

#[tokio::test]
async fn what_somebody_wrote_is_never_markup() {
    let web = Web::before(hostile_cluster()).await;
    let shown: [&[&str]; 3] = [
        &[],
        &[
            "mask",
            "by",
            "human",
            "via",
            "reason",
            "message",
            "object",
            "variable",
            "environment",
            "description",
            "function",
            "why",
            "how",
        ],
        &["mask", "variable", "environment", "message", "label"],
    ];
    for (path, places) in PAGES.into_iter().zip(shown) {
        for language in ["en", "sv"] {
            let page = web.page(path, language).await;
            assert!(!page.contains("<b id="), "{path}: {page}");
            assert!(!page.contains('\u{202e}'), "{path}");
            for place in places {
                let escaped = format!("&#60;b id={place}");
                assert!(page.contains(&escaped), "{path} shows {place}: {page}");
            }
        }
    }
}

#[tokio::test]
async fn every_link_and_form_leads_to_a_path_of_ours() {
    let web = Web::before(hostile_cluster()).await;
    for path in PAGES {
        let page = web.page(path, "en").await;
        for attribute in [" href=\"", " action=\"", " src=\""] {
            for target in page.split(attribute).skip(1) {
                let is_ours = target.starts_with("/") && !target.starts_with("//");
                assert!(is_ours || target.starts_with('#'), "{path}: {target:.80}");
            }
        }
    }
}

#[tokio::test]
async fn a_secret_s_row_tells_all_that_is_known_in_the_reader_s_language() {
    let mut late = published();
    late["warnings"] = json!([{
        "reason": "RotationDue",
        "message": "a new value was due on 2026-11-20, as spec.rotateAfterDays says: make one at \
                    the provider and set it",
    }]);
    let secrets = vec![secret("OPENAI_KEY", Some("production"), late)];
    let web = Web::before(Cluster { secrets, ..Cluster::default() }).await;
    let english = web.page("/accounts/acme", "en").await;
    let common = ["OPENAI_KEY", "production", "sk-p****z789", "2026-11-21 10:00:00 UTC"];
    for told in ["live", "new value due", "bot on behalf of anna", "an AI agent", "1 secret"] {
        assert!(english.contains(told), "{told}: {english}");
    }
    let swedish = web.page("/accounts/acme", "sv").await;
    for told in ["i bruk", "dags för nytt värde", "bot för anna", "en AI-agent", "1 hemlighet"] {
        assert!(swedish.contains(told), "{told}: {swedish}");
    }
    for page in [&english, &swedish] {
        assert!(common.iter().all(|told| page.contains(told)), "{page}");
        assert!(page.contains("href=\"/accounts/acme/secrets/openai-key.production\""));
    }
    for foreign in ["Secrets", "Updated", "Created", "due", "spec.", "kubectl"] {
        let body = swedish.split("<main").nth(1).expect("a page").replace("?state=due", "");
        let body = body.replace("value=\"due\"", "");
        assert!(!body.contains(foreign), "{foreign}: {body}");
    }
}

#[tokio::test]
async fn a_list_is_narrowed_without_a_script() {
    let secrets = vec![
        secret("OPENAI_KEY", Some("test"), published()),
        secret("STRIPE_KEY", None, published()),
    ];
    let web = Web::before(Cluster { secrets, ..Cluster::default() }).await;
    for (query, openai, stripe) in [
        ("", true, true),
        ("?q=stripe", false, true),
        ("?environment=test&state=live&sort=updated", true, false),
        ("?environment=-", false, true),
        ("?state=due", false, false),
        ("?q=a&q=b&sort=%00", true, true),
    ] {
        let page = web.page(&format!("/accounts/acme{query}"), "en").await;
        let has = |name| page.contains(&format!("id=\"secret-{name}\""));
        assert_eq!((has("openai-key.test"), has("stripe-key")), (openai, stripe), "{query}");
    }
    let page = web.page("/accounts/acme?q=%22%3E%3Cb%20id=q%3E", "en").await;
    assert!(page.contains("value=\"&#34;&#62;&#60;b id=q&#62;\""), "{page}");
}

#[tokio::test]
async fn an_account_without_secrets_teaches_how_to_begin() {
    let web = Web::before(Cluster::default()).await;
    for (language, first) in [("en", "Add the first secret"), ("sv", "första hemligheten")] {
        let page = web.page("/accounts/acme", language).await;
        assert!(page.contains(first) && page.contains("href=\"/accounts/acme/new\""), "{page}");
        for code in ["Deno.env.get(", "process.env.", "os.environ["] {
            assert!(page.contains(code), "{code}");
        }
    }
}

#[tokio::test]
async fn who_may_only_read_is_told_so_and_offered_nothing_to_change() {
    let verbs = vec!["get", "list", "watch"];
    let secrets = vec![secret("A_KEY", None, published())];
    for secrets in [secrets, Vec::new()] {
        let cluster = Cluster { secrets, verbs: verbs.clone(), ..Cluster::default() };
        let web = Web::before(cluster).await;
        let page = web.page("/accounts/acme", "en").await;
        assert!(page.contains("kliv-secrets-editor"), "{page}");
        assert!(!page.contains("/accounts/acme/new"), "{page}");
        let page = web.page("/accounts/acme/environments", "en").await;
        assert!(!page.contains("/accounts/acme/new"), "{page}");
    }
}

#[tokio::test]
async fn a_free_place_in_the_matrix_leads_to_the_form_for_it() {
    let secrets =
        vec![secret("A_KEY", None, published()), secret("B_KEY", Some("test"), published())];
    let web = Web::before(Cluster { secrets, ..Cluster::default() }).await;
    let page = web.page("/accounts/acme/environments", "en").await;
    for told in [
        "href=\"/accounts/acme/new?name=A_KEY&amp;environment=test\" aria-label=\"Add A_KEY for test\"",
        "href=\"/accounts/acme/new?name=B_KEY&amp;environment=\" aria-label=\"Add B_KEY without environment\"",
        "as without environment",
        "missing",
        "href=\"/accounts/acme/secrets/b-key.test\"",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
}

#[tokio::test]
async fn an_account_is_opened_by_its_name() {
    let web = Web::before(Cluster::default()).await;
    let answer = web.get("/accounts?name=%20acme%20", "en").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location, "/accounts/acme");
    for name in ["", "..%2Fx", "sk_live_c4n4ry", "a%0d%0ab", "ACME"] {
        let answer = web.get(&format!("/accounts?name={name}"), "sv").await;
        let (status, page) = (answer.status, answer.body);
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("Inget konto kan heta så"), "{page}");
        assert!(!page.contains("c4n4ry"), "what was typed is not repeated");
    }
}

#[tokio::test]
async fn who_may_not_list_accounts_has_his_own_and_is_told_so() {
    for (everywhere, told) in [(true, false), (false, true)] {
        let web = Web::before(Cluster { everywhere, ..Cluster::default() }).await;
        let page = web.page("/", "en").await;
        assert!(page.contains("href=\"/accounts/acme\""), "{page}");
        assert_eq!(page.contains("You may not list all accounts"), told, "{page}");
    }
}

#[tokio::test]
async fn an_account_says_what_needs_somebody() {
    let mut closed = published();
    closed["conditions"] = json!([ready("DecryptionFailed")]);
    let mut cluster = Cluster {
        secrets: vec![secret("A_KEY", None, closed), secret("B_KEY", None, published())],
        ..Cluster::default()
    };
    cluster.account["status"] = json!({ "functions": { "total": 3, "updated": 2, "notUpdated": [
        { "name": "mail", "reason": "RolloutFailed" },
    ] } });
    let web = Web::before(cluster).await;
    let page = web.page("/", "en").await;
    for told in ["2 of 3", "1 value doesn&#39;t open", "1 function behind"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let page = web.page("/accounts/acme", "en").await;
    for told in ["live on 2 of 3 functions", "mail", "rollout failed", "former value live"] {
        assert!(page.contains(told), "{told}: {page}");
    }
}

#[tokio::test]
async fn where_nobody_tells_what_he_may_do_all_of_it_is_offered() {
    let secrets = vec![secret("A_KEY", Some("test"), published())];
    let web = Web::before(Cluster { secrets, reviews: false, ..Cluster::default() }).await;
    for (path, offer) in [
        ("/accounts/acme", "href=\"/accounts/acme/new\""),
        ("/accounts/acme/environments", "/accounts/acme/new?name=A_KEY"),
        ("/accounts/acme/new", "name=\"sealed\""),
    ] {
        let page = web.page(path, "en").await;
        assert!(page.contains(offer), "{path}: {page}");
    }
}

#[tokio::test]
async fn without_the_cluster_s_key_each_form_is_there_and_says_so() {
    let secrets = vec![secret("A_KEY", None, published())];
    let web = Web::before(Cluster { secrets, ..Cluster::default() }).await;
    for path in ["/accounts/acme/new", "/accounts/acme/import"] {
        let page = web.page(path, "en").await;
        assert!(page.contains("<form") && page.contains("note warn"), "{path}: {page}");
        assert!(!page.contains("data-sealing-key"), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_there_keeps_its_account_and_the_way_to_the_other_language() {
    let web = Web::before(Cluster::default()).await;
    let path = "/accounts/acme/secrets/absent-key";
    let answer = web.get(path, "sv").await;
    let (status, page) = (answer.status, answer.body);
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(page.contains("href=\"/accounts/acme/audit\""), "{page}");
    assert!(page.contains(&format!("name=\"to\" value=\"{path}\"")), "{page}");
    assert!(!page.contains("aria-current"), "{page}");
    let page = web.get("/accounts/No%20Name", "sv").await.body;
    assert!(!page.contains("/audit\""), "{page}");
}
