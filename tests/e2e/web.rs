//! The web page, from a person before a browser to the running function.
#![expect(clippy::print_stdout, reason = "figures, for whoever asks by --nocapture")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::account::Account;
use crate::harness::{Web, journey_asking};
use crate::operator::Operator;

#[tokio::test]
async fn what_people_do_on_a_page_reaches_functions_and_no_request_carries_a_value() {
    journeys("en", 1280).await;
}

#[tokio::test]
async fn the_same_on_a_phone_in_swedish() {
    journeys("sv", 390).await;
}

async fn journeys(language: &str, width: u32) {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, &format!("web-{language}")).await;
    account.apply(&account.function("shop"));
    account.runs_with("shop", &[]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = operator.cluster.kubeconfig();
    let (web, link) = Web::local(kubeconfig, &["-n", &account.namespace], folder.path()).await;
    let input = json!({
        "servers": [web.server()], "origin": web.origin, "signIn": { "link": link },
        "account": account.namespace, "language": language, "width": width,
        "left": folder.path(), "logged": "/sign-in/link?",
    });
    let mut values = BTreeMap::new();

    let answers = async |what| answer(&account, &mut values, what).await;
    let told = journey_asking("whole", &input, answers).await;

    println!("web e2e, {language} at {width}: {} requests, {}", told.requests, told.result);
    assert!(told.requests > 60, "{}", told.requests);
    assert!(!values.is_empty());
}

/// What a journey asks for on its way.
async fn answer(account: &Account<'_>, seen: &mut BTreeMap<String, String>, what: Value) -> Value {
    if let Some(wanted) = what["runs"].as_object() {
        let with: Vec<_> =
            wanted.iter().filter_map(|(name, v)| Some((&**name, v.as_str()?))).collect();
        let without: Vec<_> = wanted.iter().filter(|(_, v)| v.is_null()).map(|(n, _)| n).collect();
        loop {
            let environment = account.runs_with("shop", &with).await;
            if without.iter().all(|name| !environment.contains_key(*name)) {
                break;
            }
        }
        seen.extend(with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        return json!(true);
    }
    let name = what["request"].as_str().expect("a request");
    let object = json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": { "name": name.to_ascii_lowercase().replace('_', "-") },
        "spec": { "envVar": name, "request": { "purpose": "To count visits" } },
    });
    account.apply(&object);
    json!(true)
}
