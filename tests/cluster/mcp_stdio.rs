//! The agents' door over standard input and output, as clients of the official SDKs meet it
//! (`mcp_agents`) and as the inspector does.
#![expect(clippy::print_stdout, reason = "figures, for whoever asks by --nocapture")]

use serde_json::{Value, json};

use crate::account::Account;
use crate::harness::{Can, Door, Record, Sdk};
use crate::mcp_journey::{WEB, does_all, holds_none_of};
use crate::operator::Operator;

/// `kubectl kliv mcp` of the admin in an account, as talkative as it gets.
pub(crate) fn door(account: &Account<'_>, flags: &[&str]) -> Door {
    let words = [env!("CARGO_BIN_EXE_kubectl-kliv"), "mcp", "-vvv", "-n", &account.namespace];
    Door::Stdio {
        command: words.iter().chain(flags).map(|&word| word.to_owned()).collect(),
        kubeconfig: account.cluster.kubeconfig().to_owned(),
    }
}

/// One agent does it all.
pub(crate) async fn journey(sdk: Sdk, can: Can) {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "mcp-stdio").await;
    let record = Record::new();
    let door = door(&account, &["--web-url", WEB]);

    let values = does_all(&account, (sdk, can), &door, true, &record).await;

    let searched = holds_none_of(&record, &account, &values).await;
    println!("mcp over stdio, {sdk:?}, {can:?}: {searched:?}");
}

#[tokio::test]
async fn the_inspectors_command_line_lists_tools_and_calls_them_and_finds_no_fault() {
    let operator = Operator::shared().await;
    let account = Account::new(operator, "mcp-inspector").await;
    let record = Record::new();
    let inspector = Inspector::of(&record, &door(&account, &[]));

    let listed = inspector.asks(&["--method", "tools/list", "--strict"]);

    assert_eq!(listed["tools"].as_array().expect("a list").len(), 11, "{listed}");
    let called = inspector.asks(&["--method", "tools/call", "--tool-name", "list_secrets"]);
    assert_eq!(called["structuredContent"]["total"], 0, "{called}");
    let ask = [
        "--method=tools/call",
        "--tool-name=request_secret",
        "--tool-arg=name=SENDGRID_API_KEY",
        "--tool-arg=purpose=To send receipts",
    ];
    let asked = inspector.asks(&ask);
    assert_eq!(asked["structuredContent"]["status"], "pending", "{asked}");
    let resources = inspector.asks(&["--method", "resources/list"]);
    assert!(resources["resources"].is_array(), "{resources}");
    let prompts = inspector.asks(&["--method", "prompts/list"]);
    assert_eq!(prompts["prompts"][0]["name"], "add_integration", "{prompts}");
}

/// The inspector's command line before one server.
pub(crate) struct Inspector<'a> {
    record: &'a Record,
    config: String,
}

impl<'a> Inspector<'a> {
    pub(crate) fn of(record: &'a Record, door: &Door) -> Self {
        let mut server = record.keeping(door);
        if server["url"].is_string() {
            server["type"] = json!("streamable-http");
        }
        let config = record.folder().join("inspector.json");
        let content = json!({ "mcpServers": { "kliv-secrets": server } });
        std::fs::write(&config, content.to_string()).expect("a file");
        Self { record, config: config.to_str().expect("a path").to_owned() }
    }

    /// What it prints, where it ends well.
    #[track_caller]
    pub(crate) fn asks(&self, words: &[&str]) -> Value {
        const CLI: &str = "@modelcontextprotocol/inspector/clients/launcher/build/index.js";
        let start = [CLI, "--cli", "--config", &self.config, "--server", "kliv-secrets"];
        let outcome = self.record.node(&[&start[..], words].concat());
        let noted = outcome.stderr.clone();
        let said = outcome.success();
        assert!(!noted.contains("Warning: tool"), "{noted}");
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("no JSON: {said}"))
    }
}
