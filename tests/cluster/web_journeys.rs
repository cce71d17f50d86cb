//! What people do on the pages, from signing in to the audit: it arrives in what functions
//! get, and no value in any request, answer, page or log. With running functions: `e2e`.
#![expect(clippy::print_stdout, reason = "figures, for whoever asks by --nocapture")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::account::{Account, function, secret_with};
use crate::harness::{eventually, journey_asking};
use crate::web_ground::Ground;

#[tokio::test]
async fn what_people_do_on_pages_reaches_functions_and_no_value_leaves_the_browser() {
    does_all("en", 1280).await;
}

#[tokio::test]
async fn the_same_in_swedish_on_a_phone() {
    does_all("sv", 390).await;
}

async fn does_all(language: &str, width: u32) {
    let ground = Ground::shared().await;
    let account = Account::new(ground.operator, &format!("web-{language}")).await;
    ground.may("anna", "edit", &account).await;
    account.create(&function("shop")).await;
    let input = json!({
        "servers": ground.servers(), "origin": ground.web.origin, "signIn": ground.person("anna"),
        "account": account.namespace, "language": language, "width": width,
        "left": ground.folder, "logged": "somebody signed in",
    });
    let mut values = BTreeMap::new();

    let answers = async |what| answer(&account, &mut values, what).await;
    let told = journey_asking("whole", &input, answers).await;

    println!("web, {language} at {width}: {} requests, {}", told.requests, told.result);
    assert!(told.requests > 60 && values.len() > 50, "{} {}", told.requests, values.len());
    let middle = |value: &String| value.chars().skip(4).take(20).collect::<String>();
    let mut middles: Vec<_> = values.values().map(middle).collect();
    // Last, what it does have: else nobody has looked.
    middles.push(account.namespace.clone());
    assert_eq!(ground.web.remembers(&middles), [values.len()], "its memory has a value");
}

/// What a journey asks for on its way.
async fn answer(account: &Account<'_>, seen: &mut BTreeMap<String, String>, what: Value) -> Value {
    if let Some(wanted) = what["runs"].as_object() {
        let names: Vec<_> = wanted.keys().collect();
        eventually(&format!("shop gets {names:?}"), async || {
            let has = account.environment("shop").await;
            let right = |(name, value): (&String, &Value)| match value.as_str() {
                Some(value) => has.get(name).is_some_and(|is| is == value),
                None => !has.contains_key(name),
            };
            wanted.iter().all(right).then_some(())
        })
        .await;
        let given = wanted.iter().filter_map(|(n, v)| Some((n.clone(), v.as_str()?.to_owned())));
        seen.extend(given);
        return json!(true);
    }
    let name = what["request"].as_str().expect("a request");
    let question = json!({ "envVar": name, "request": { "purpose": "To count visits" } });
    account.apply(&secret_with(question));
    json!(true)
}
