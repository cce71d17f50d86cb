//! `docs/agents.md` is as the code is.

use std::collections::BTreeMap;
use std::path::Path;

use kliv_secrets::mcp::tools;
use serde_json::Value;

fn manual() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/agents.md");
    std::fs::read_to_string(file).expect("the manual")
}

#[test]
fn the_table_of_tools_names_each_and_what_it_does_to_the_account() {
    let manual = manual();
    let (_, part) = manual.split_once("\n## The tools\n").expect("the part on tools");
    let part = part.split("\n## ").next().unwrap_or_default();
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let (effect, _) = rest.split_once(" | ")?;
        Some((name.to_owned(), effect.to_owned()))
    };
    let told: BTreeMap<_, _> = part.lines().filter_map(row).collect();
    let there: BTreeMap<_, _> = tools(true)
        .into_iter()
        .map(|entry| {
            let hints = entry.described.annotations.expect("hints");
            let effect = match (hints.read_only_hint, hints.destructive_hint) {
                (Some(true), _) => "reads",
                (_, Some(true)) => "destroys",
                _ => "writes",
            };
            (entry.described.name.into_owned(), effect.to_owned())
        })
        .collect();
    assert_eq!(
        told, there,
        "the table in docs/agents.md, `The tools`: a row for each tool, with its name and \
         `reads`, `writes` or `destroys`"
    );
}

/// People paste them.
#[test]
fn the_files_for_clients_can_be_read_and_start_what_there_is() {
    let manual = manual();
    let files: Vec<Value> = manual
        .split("```json\n")
        .skip(1)
        .map(|rest| {
            let (file, _) = rest.split_once("```").expect("the end");
            serde_json::from_str(file).unwrap_or_else(|error| panic!("{error}: {file}"))
        })
        .collect();
    let servers = files.iter().flat_map(|file| {
        let servers = file.get("mcpServers").or(file.get("servers")).expect("servers");
        servers.as_object().expect("servers").values()
    });
    let (local, remote): (Vec<&Value>, Vec<&Value>) =
        servers.partition(|server| server["command"].is_string());
    assert!(local.len() >= 2 && remote.len() >= 3, "{files:?}");
    for server in local {
        assert_eq!(server["command"], "kubectl");
        assert_eq!(server["args"], serde_json::json!(["kliv", "mcp", "-n", "acme"]));
    }
    for server in remote {
        assert_eq!(server["url"], "https://agents.example.org/accounts/acme/mcp");
        let token = server["headers"]["Authorization"].as_str().expect("a token");
        // From elsewhere, never in the file.
        assert!(token.starts_with("Bearer ${"), "{token}");
    }
}
