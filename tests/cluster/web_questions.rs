//! The three things that can be asked of people, on the web pages, in a real browser: each of
//! those pages is for everybody, until all is decided.

use kliv_secrets::account::Wanted;
use kliv_secrets::api::condition::Reason;
use serde_json::json;

use crate::account::{Account, function, secret, secret_with};
use crate::harness::journey;
use crate::web_ground::{Ground, asks_about};

#[tokio::test]
async fn whatever_is_asked_every_page_until_it_is_decided_is_for_everybody() {
    decides("en").await;
}

#[tokio::test]
async fn the_same_in_swedish() {
    decides("sv").await;
}

async fn decides(language: &str) {
    let ground = Ground::shared().await;
    let account = Account::new(ground.operator, &format!("web-asked-{language}")).await;
    ground.may("anna", "edit", &account).await;
    account.create(&function("mail")).await;
    for name in ["FIRST_API_KEY", "REFUSED_API_KEY"] {
        account.apply(&secret_with(json!({ "envVar": name, "request": {
            "purpose": "Order confirmations\nand what else is sent", "requestedBy": "shop agent",
            "obtainFrom": "the mail service's console, under API keys",
        }})));
    }
    let about = [
        ("ANOTHER_API_KEY", "another-api-key", Wanted::NewValue),
        ("KEPT_API_KEY", "kept-api-key", Wanted::NewValue),
        ("DELETED_API_KEY", "deleted-api-key", Wanted::Deletion),
        ("KEEP_API_KEY", "keep-api-key", Wanted::Deletion),
    ];
    for (name, ..) in about {
        account.apply(&secret(name, "a value that is long enough"));
    }
    for (_, object, wants) in about {
        asks_about(&account, object, wants, "It has been in a log of the build").await;
    }
    for object in ["first-api-key", "refused-api-key"] {
        account.becomes(object, Reason::AwaitingValue).await;
    }
    let input = json!({
        "servers": ground.servers(), "origin": ground.apart.origin, "signIn": ground.person("anna"),
        "account": account.namespace, "language": language,
        "objects": {
            "first": "first-api-key", "refused": "refused-api-key", "another": "another-api-key",
            "kept": "kept-api-key", "deletion": "deleted-api-key", "keep": "keep-api-key",
        },
    });

    let told = journey("questions", &input).await;

    assert!(told.result.as_u64() > Some(20), "{}", told.result);
}
