//! Import in the browser: looked at, sealed there, and with the functions.

use std::fmt::Write as _;

use kliv_secrets::api::condition::Reason;
use serde_json::{Value, json};

use crate::account::{Account, function, function_in, secret, secret_with};
use crate::harness::{Web, eventually, journey};
use crate::operator::Operator;

const MAIL: &str = "the-answer-0a1b2c3d4e5f60718293";
const NEW: &str = "sk_test_NeverToBeSeen0123456789abcdef";
const REPLACED: &str = "replaced 'and quoted' 99f0e1d2c3b4a596";
const TEST: &str = "for-the-test-alone-5566778899aabbcc";

#[tokio::test]
async fn an_env_file_is_looked_at_and_sealed_in_the_browser_and_reaches_functions_in_one_rollout() {
    let account = Account::new(Operator::gathering().await, "web-import").await;
    account.put(&secret("OLD_TOKEN", "the-first-value-of-all")).await;
    account.put(&secret("KEPT_TOKEN", "the-value-that-stays")).await;
    account.put(&secret("OLD_THING", "in-capitals")).await;
    let question = json!({ "envVar": "MAIL_KEY", "request": { "purpose": "sends receipts" } });
    account.apply(&secret_with(question));
    account.becomes("mail-key", Reason::AwaitingValue).await;
    account.create(&function("api")).await;
    account.create(&function_in("test", "trial")).await;
    has(&account, "api", &[("OLD_TOKEN", "the-first-value-of-all")]).await;
    account.caught_up().await;
    let before = account.replica_sets("api").await.len();
    let mut pasted = format!(
        "# of the old host\nSTRIPE_API_KEY={NEW}\nexport MAIL_KEY='{MAIL}'\n\
         OLD_TOKEN=\"{REPLACED}\"\nKEPT_TOKEN=another\nold_thing=small\n\
         ANALYTICS_TOKEN=sk_live_is-anothers\nPATH=/bin\nNOTHING\nTAIL=a#b\n"
    );
    for i in 0..40 {
        writeln!(pasted, "SERVICE_{i:02}_KEY=value {i}").expect("text");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = account.cluster.kubeconfig();
    let (ui, link) = Web::local(kubeconfig, &["-n", &account.namespace], folder.path()).await;

    let input = json!({
        "servers": [ui.server()], "link": link, "account": account.namespace, "pasted": pasted,
        "chosen": format!("\u{feff}STRIPE_API_KEY={TEST}\r\n"), "replaced": ["OLD_TOKEN"],
        "canaries": [MAIL, NEW, REPLACED, TEST],
    });
    let told = journey("import", &input).await;

    let said = ui.said();
    ui.stop();
    for value in [MAIL, NEW, REPLACED, TEST] {
        assert!(!said.contains(value), "in the page's own log");
    }
    let rows = told.result["rows"].as_array().expect("rows").clone();
    let of = |line: u64| rows.iter().find(|row| row["line"] == line).expect("a row");
    let is = |line: u64, name: &str, change: &str, taken: Value| {
        let row = of(line);
        let told = json!([row["name"], row["change"], row["taken"]]);
        assert_eq!(told, json!([name, change, taken]), "{row}");
    };
    is(2, "STRIPE_API_KEY", "new", json!(true));
    is(3, "MAIL_KEY", "answers a request", json!(true));
    is(4, "OLD_TOKEN", "replaces", json!(false));
    is(5, "KEPT_TOKEN", "replaces", json!(false));
    is(6, "old_thing", "clashes", json!(false));
    is(7, "ANALYTICS_TOKEN", "new", json!(false));
    is(8, "PATH", "can't be imported", Value::Null);
    is(9, "", "can't be imported", Value::Null);
    is(10, "TAIL", "can't be imported", Value::Null);
    assert_eq!(rows.len(), 49);
    assert!(of(7)["note"].as_str().expect("text").contains("does not fit this name"));
    assert_eq!(told.result["swedish"][0]["change"], "ny");

    let wanted = [
        ("STRIPE_API_KEY", NEW),
        ("MAIL_KEY", MAIL),
        ("OLD_TOKEN", REPLACED),
        ("KEPT_TOKEN", "the-value-that-stays"),
        ("SERVICE_39_KEY", "value 39"),
    ];
    has(&account, "api", &wanted).await;
    has(&account, "trial", &[("STRIPE_API_KEY", TEST)]).await;
    account.caught_up().await;
    assert_eq!(account.replica_sets("api").await.len(), before + 1, "one rollout");
    let environment = account.environment("api").await;
    assert!(!environment.contains_key("ANALYTICS_TOKEN") && !environment.contains_key("TAIL"));
    assert_eq!(
        account.published("stripe-api-key").await.status.expect("one").via.as_deref(),
        Some("web")
    );
}

/// Waits until a function's pods would start with all of these.
async fn has(account: &Account<'_>, function: &str, wanted: &[(&str, &str)]) {
    eventually(&format!("{function} has what was imported"), async || {
        let environment = account.environment(function).await;
        let is_there =
            |(name, value): &(&str, &str)| environment.get(*name).is_some_and(|v| v == value);
        wanted.iter().all(is_there).then_some(())
    })
    .await;
}
