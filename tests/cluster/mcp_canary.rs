//! No tool says a value that it was given, wherever in the arguments that was, and whichever way
//! the call ends; nor one that the account holds, its mask or its ciphertext.
//!
//! ```text
//!  every tool (as listed) × every text that it takes ─┐
//!  every way of ending ───────────────────────────────┴─► messages, logs, objects ─► Search
//! ```

use serde_json::{Value, json};

use crate::account::Account;
use crate::canary::{Search, canary, furnish, key, refuse_all};
use crate::harness::{Can, LATEST, Record, Sdk, SdkClient};
use crate::mcp_journey::{Values, holds_none_of};
use crate::mcp_stdio::door;
use crate::operator::Operator;

/// Calls that each tool takes, for what the account holds.
fn fit(tool: &str) -> Value {
    match tool {
        "list_secrets" | "recent_changes" => json!({}),
        "check_requirements" => json!({ "names": ["A_TOKEN", "NO_TOKEN"], "function": "slow" }),
        "request_secret" => json!({ "name": "ASKED_TOKEN", "purpose": "to see what comes" }),
        "get_request" | "cancel_request" => json!({ "name": "WAITS_TOKEN" }),
        "wait_for_secret" => json!({ "name": "A_TOKEN", "timeout_seconds": 1 }),
        "generate_secret" => json!({ "name": "MADE_SIGNING_SECRET", "purpose": "to sign" }),
        "update_secret" => json!({ "name": "B_TOKEN", "description": "said of it" }),
        "delete_secret" => json!({ "name": "C_TOKEN", "reason": "to see what comes" }),
        "store_secret" => json!({ "name": "STORED_TOKEN", "value": "", "sure": true }),
        other => panic!("{other} has no call here: add one"),
    }
}

/// The same with a value in each text that it takes, one at a time, and in one that it does not.
fn spoilt(tool: &Value, given: &str) -> Vec<Value> {
    let name = tool["name"].as_str().expect("a name");
    let properties = tool["inputSchema"]["properties"].as_object().expect("properties");
    let mut all = vec![with(name, "unknown", given.into()), with(name, "name", json!([given]))];
    for property in properties.keys() {
        // What it is for.
        if (name, property.as_str()) == ("store_secret", "value") {
            continue;
        }
        all.push(with(name, property, given.into()));
        all.push(with(name, property, json!({ "value": given })));
        all.push(with(name, property, json!([given])));
        all.push(with(name, property, format!("please use {given} for it").into()));
    }
    all
}

fn with(tool: &str, property: &str, value: Value) -> Value {
    let mut call = fit(tool);
    call[property] = value;
    call
}

#[tokio::test]
async fn no_tool_says_a_value_wherever_it_was_given_and_whichever_way_the_call_ends() {
    let operator = Operator::shared().await;
    let [one, two, given] = ["mcp one", "mcp two", "mcp given"].map(canary);
    let letters = |value: &String| value.chars().filter(char::is_ascii_alphanumeric).collect();
    let given: String = letters(&given);
    let account = Account::new(operator, "mcp-canary").await;
    let refusing = Account::new(operator, "mcp-canary-refusing").await;
    let bad_key = Account::new(operator, "mcp-canary-key").await;
    for account in [&account, &refusing] {
        furnish(account, &one, &two).await;
    }
    refuse_all(&refusing).await;
    key(&bad_key, &format!("kliv-sealing-key 1 {one}"));
    let record = Record::new();
    let (mut calls, mut refused) = (0, 0);
    for (place, flags) in [
        (&account, &[][..]),
        (&account, &["--as", "nobody"]),
        (&account, &["--operator-namespace", &bad_key.namespace]),
        (&account, &["--operator-namespace", "default"]),
        (&refusing, &[]),
    ] {
        let door = door(place, flags);
        let sdk = Sdk::TypeScript2(LATEST);
        let mut agent = SdkClient::start(sdk, &door, Can::Nothing, &record).await;
        let listed = agent.does(json!({ "do": "tools" })).await.expect("tools");
        for tool in listed["tools"].as_array().expect("a list") {
            let name = tool["name"].as_str().expect("a name");
            let fit = match name {
                "store_secret" => with(name, "value", json!(given)),
                _ => fit(name),
            };
            for call in spoilt(tool, &given).into_iter().chain([fit]) {
                let answer = agent.call(name, call).await;
                calls += 1;
                refused += usize::from(answer.map_or(true, |result| result["isError"] == true));
            }
        }
        for what in [
            json!({ "do": "read", "uri": format!("kliv-secrets://{given}") }),
            json!({ "do": "prompt", "name": given, "arguments": {} }),
            json!({ "do": "prompt", "name": "add_integration", "arguments": { "service": given } }),
            json!({ "do": "read", "uri": "kliv-secrets://overview" }),
        ] {
            let _ = agent.does(what).await;
        }
    }

    assert!(calls > 800 && refused > 500 && refused < calls, "{refused} of {calls}");
    let values = Values { given: vec![one.clone(), two.clone()], handed: vec![given.clone()] };
    holds_none_of(&record, &account, &values).await;
    holds_none_of(&record, &refusing, &values).await;
    // Nor is it in anything that was written, though agents may write what people read.
    let kinds = "klivsecrets,klivaccounts,klivauditevents,events,deployments";
    let get = ["get", kinds, "-n", &account.namespace, "-o", "json", "--show-managed-fields"];
    let objects = account.cluster.kubectl(&get).success();
    assert!(objects.len() > 10_000);
    assert_eq!(Search::of(&[given]).find(objects.as_bytes()), None, "an object holds it");
    assert_eq!(Search::of(&[two]).find(objects.as_bytes()), None, "an object holds it");
}

#[tokio::test]
async fn the_search_of_what_was_said_finds_values_masks_and_ciphertexts() {
    let value = canary("mcp search");
    let json = json!({ "text": json!({ "value": value }).to_string() }).to_string();
    let mask = format!("{}****{}", &value[..4], &value[value.len() - 4..]);
    let sealed = "kliv1.0123456789abcdef.c2VhbGVkIGFuZCBzZWFsZWQgYWdhaW4".to_owned();
    let naked = sealed.rsplit('.').next().expect("its end").to_owned();
    let search = async |name: &str, text: &str, handed: bool| {
        let record = Record::new();
        let folder = record.folder().join("one");
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join(name), format!("before {text} after")).expect("a file");
        let values = std::slice::from_ref(&value);
        let (given, handed) = if handed { (&[][..], values) } else { (values, &[][..]) };
        let searched = record.search(given, handed, std::slice::from_ref(&sealed)).await;
        assert!(searched.found.iter().all(|found| !found.contains(&value[..8])));
        !searched.found.is_empty()
    };
    for text in [&value, &json, &mask, &sealed, &naked, &"k123****4567".to_owned()] {
        assert!(search("to-client", text, false).await, "{text}");
        assert!(search("said", text, true).await, "{text}");
    }
    assert!(search("to-server", &value, false).await);
    assert!(search("client-1", &json, false).await);
    assert!(!search("to-server", &value, true).await, "an agent may hand it in");
    assert!(!search("to-client", "nothing of that", false).await);
}
