//! The agents' server, as clients of the official SDKs meet it in both revisions of the protocol:
//! each on one's own machine over standard input and output, and in the cluster over HTTP.
#![expect(clippy::print_stdout, reason = "figures, for whoever asks by --nocapture")]

use serde_json::json;
use tokio::sync::OnceCell;

use crate::account::Account;
use crate::harness::mcp_door::endpoint;
use crate::harness::{BEFORE, Can, Door, LATEST, Proxied, Record, SDKS, Sdk, SdkClient};
use crate::mcp_http::Server;
use crate::mcp_identity::token;
use crate::mcp_journey::{WEB, does_all, holds_none_of};
use crate::mcp_stdio::{self, Inspector};
use crate::web::operator;

/// The one that tests share; it takes values from chats.
async fn server() -> &'static Server {
    static SHARED: OnceCell<Server> = OnceCell::const_new();
    SHARED
        .get_or_init(async || {
            Server::start("mcp-agents", &["--web-url", WEB, "--chat-values"]).await
        })
        .await
}

/// An account's robot before a server, with a record between them.
pub(crate) async fn door(
    account: &Account<'_>,
    server: &Server,
    record: &Record,
) -> (Proxied, Door) {
    let robot = format!("--serviceaccount={}:default", account.namespace);
    account.cluster.grant("edit", &robot, &account.namespace).await;
    let token = token(account, "default", &["kliv-secrets-mcp"]).await;
    let proxied = record.proxy(&server.origin, Some(&server.tls.certificate)).await;
    let url = format!("{}{}", proxied.url, endpoint(&account.namespace));
    (proxied, Door::Http { url, token: Some(token) })
}

async fn over_http(sdk: Sdk, can: Can) {
    let (operator, server) = (operator().await, server().await);
    let account = Account::new(operator, "mcp-over-http").await;
    let record = Record::new();
    let (_proxied, door) = door(&account, server, &record).await;

    let values = does_all(&account, (sdk, can), &door, true, &record).await;

    std::fs::create_dir(record.folder().join("server")).expect("a folder");
    std::fs::write(record.folder().join("server/said"), server.said()).expect("a file");
    let searched = holds_none_of(&record, &account, &values).await;
    println!("mcp over HTTP, {sdk:?}, {can:?}: {searched:?}");
}

async fn both_ways(sdk: Sdk, can: Can) {
    mcp_stdio::journey(sdk, can).await;
    over_http(sdk, can).await;
}

#[tokio::test]
async fn an_agent_of_the_first_typescript_sdk_gets_a_function_its_value_and_sees_none() {
    both_ways(Sdk::TypeScript1, Can::LinksAndQuestions).await;
}

#[tokio::test]
async fn an_agent_of_the_second_typescript_sdk_gets_a_function_its_value_and_sees_none() {
    both_ways(Sdk::TypeScript2(LATEST), Can::LinksAndQuestions).await;
}

#[tokio::test]
async fn an_agent_of_the_python_sdk_gets_a_function_its_value_and_sees_none() {
    both_ways(Sdk::Python(LATEST), Can::LinksAndQuestions).await;
}

#[tokio::test]
async fn the_python_sdk_does_the_same_in_the_former_revision() {
    both_ways(Sdk::Python(BEFORE), Can::LinksAndQuestions).await;
}

#[tokio::test]
async fn a_client_that_shows_nothing_to_people_gets_the_link_and_the_command_instead() {
    both_ways(Sdk::TypeScript2(LATEST), Can::Nothing).await;
    both_ways(Sdk::TypeScript2(BEFORE), Can::Nothing).await;
}

#[tokio::test]
async fn the_inspectors_command_line_lists_tools_and_calls_one_over_http() {
    let (operator, server) = (operator().await, server().await);
    let account = Account::new(operator, "mcp-inspector-http").await;
    let record = Record::new();
    let (_proxied, door) = door(&account, server, &record).await;
    let inspector = Inspector::of(&record, &door);

    let listed = inspector.asks(&["--method", "tools/list", "--strict"]);

    assert_eq!(listed["tools"].as_array().expect("a list").len(), 11, "{listed}");
    let called = inspector.asks(&["--method", "tools/call", "--tool-name", "list_secrets"]);
    assert_eq!(called["structuredContent"]["account"], account.namespace, "{called}");
}

#[tokio::test]
async fn no_client_connects_without_a_token_or_to_an_account_that_is_not_its_own() {
    let (operator, server) = (operator().await, server().await);
    let account = Account::new(operator, "mcp-own").await;
    let other = Account::new(operator, "mcp-foreign").await;
    let record = Record::new();
    let (proxied, door) = door(&account, server, &record).await;
    let Door::Http { url, token } = door else { panic!("not HTTP") };
    for sdk in SDKS {
        let nobody = Door::Http { url: url.clone(), token: None };
        let refused = SdkClient::try_start(sdk, &nobody, Can::Nothing, &record).await;
        assert!(refused.is_err(), "{sdk:?} connects without a token");
        let foreign = format!("{}{}", proxied.url, endpoint(&other.namespace));
        let foreign = Door::Http { url: foreign, token: token.clone() };
        // Whose account it is, is decided with each call: by RBAC.
        if let Ok(mut agent) = SdkClient::try_start(sdk, &foreign, Can::Nothing, &record).await {
            let refused = agent.call("list_secrets", json!({})).await;
            let is_refused = refused.as_ref().map_or(true, |result| result["isError"] == true);
            assert!(is_refused, "{sdk:?} reads a foreign account: {refused:?}");
        }
    }
}
