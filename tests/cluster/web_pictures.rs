//! Pictures of the web pages for the docs: `make screenshots`.
#![expect(clippy::print_stdout, reason = "figures, for whoever asks by --nocapture")]

use kliv_secrets::account::Wanted;
use serde_json::json;

use crate::account::Account;
use crate::harness::journey;
use crate::web_ground::{Ground, REQUEST, SECRET, asks_about, furnish};

#[tokio::test]
#[ignore = "writes files: make screenshots"]
async fn pictures_of_every_page() {
    let ground = Ground::shared().await;
    let namespace = "acme-shop";
    ground.operator.cluster.kubectl(&["create", "namespace", namespace]).success();
    let account = Account::at(ground.operator, namespace.to_owned());
    furnish(&account).await;
    let (rotation, deletion) = ("stripe-api-key.production", "key1");
    let why = "The key has been in a log of the checkout since Monday's release";
    asks_about(&account, rotation, Wanted::NewValue, why).await;
    let why = "No function of the account reads it, and nobody knows what it is for";
    asks_about(&account, deletion, Wanted::Deletion, why).await;
    ground.may("anna", "edit", &account).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/screenshots");
    std::fs::create_dir_all(folder).expect("a folder");
    let paste = "# from the old host\nSENDGRID_API_KEY=a-newer-key-0123456789\n\
                 MAILGUN_API_KEY=\"key-3ax6xnjp29jd6fds4gc373sgvjxteol0\"\n\
                 export ANALYTICS_TOKEN=token-of-analytics\nPATH=/usr/bin\n1ST=no name\n";
    let input = json!({
        "servers": ground.servers(), "origin": ground.web.origin, "signIn": ground.person("anna"),
        "account": namespace, "secret": SECRET, "request": REQUEST,
        "rotation": rotation, "deletion": deletion, "folder": folder, "paste": paste,
    });
    let told = journey("screenshots", &input).await;
    println!("{} pictures in docs/screenshots", told.result.as_array().expect("a list").len());
}
