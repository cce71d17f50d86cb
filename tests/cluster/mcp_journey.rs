//! What an agent does, from looking round to taking away: written once for clients of every
//! SDK, both revisions, and both ways to the server.
//!
//! ```text
//!  look ─► check_requirements ─► request_secret ─► a person answers ─► wait_for_secret
//!   ─► the function has it ─► update, generate, store ─► recent_changes ─► delete
//! ```

use kliv_secrets::api::KlivSecret;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::account::{Account, function, function_in, kubectl_kliv};
use crate::harness::{
    BEFORE, Can, Door, Record, Sdk, SdkClient, Searched, eventually, run, structured,
};

/// The page that links lead to. Nobody is there: people answer in a terminal.
pub(crate) const WEB: &str = "https://secrets.example.org";

/// Which values a journey brought.
pub(crate) struct Values {
    /// Those that people gave.
    pub(crate) given: Vec<String>,
    /// Those that the agent handed in.
    pub(crate) handed: Vec<String>,
}

/// One agent in one account.
struct Journey<'a> {
    account: &'a Account<'a>,
    agent: SdkClient,
    /// Who is before the screen.
    can: Can,
    revision: &'static str,
}

/// Does it all. `chat` says whether the server takes values from chats.
pub(crate) async fn does_all(
    account: &Account<'_>,
    (sdk, can): (Sdk, Can),
    door: &Door,
    chat: bool,
    record: &Record,
) -> Values {
    let agent = SdkClient::start(sdk, door, can, record).await;
    let mut journey = Journey { account, agent, can, revision: sdk.revision() };
    let [one, two] = ["first", "second"].map(|of| crate::canary::canary(&format!("{sdk:?} {of}")));
    // None of the signs that all canaries share: it goes to the server, and they must not.
    let pasted = crate::canary::canary(&format!("{sdk:?} pasted"));
    let pasted: String = pasted.chars().filter(char::is_ascii_alphanumeric).collect();
    account.create(&function("shop")).await;
    account.create(&function_in("test", "shop-test")).await;

    journey.looks_round(chat).await;
    journey.asks_and_waits(&one).await;
    journey.has_it_replaced(&two).await;
    journey.has_one_made().await;
    if chat {
        journey.stores(&pasted).await;
    }
    journey.sees_what_happened(chat).await;
    journey.takes_away().await;
    account.closes_functions().await;
    Values { given: vec![one, two], handed: if chat { vec![pasted] } else { Vec::new() } }
}

impl Journey<'_> {
    async fn looks_round(&mut self, chat: bool) {
        assert_eq!(self.agent.server["server"]["name"], "kliv-secrets", "{}", self.agent.server);
        let words = self.agent.server["instructions"].as_str().expect("instructions");
        assert!(words.contains("You never see a value"), "{words}");
        let listed = self.agent.does(json!({ "do": "tools" })).await.expect("tools");
        let tools = listed["tools"].as_array().expect("a list");
        let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().expect("text")).collect();
        assert_eq!(names.len(), if chat { 11 } else { 10 }, "{names:?}");
        assert_eq!(names.contains(&"store_secret"), chat, "{names:?}");
        for tool in tools {
            assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
            assert_eq!(tool["outputSchema"]["type"], "object", "{tool}");
            for hint in ["readOnlyHint", "destructiveHint", "idempotentHint"] {
                assert!(tool["annotations"][hint].is_boolean(), "{tool}");
            }
        }
        // From here on the client checks each answer against the schema that it has read.
        let resources = self.agent.does(json!({ "do": "resources" })).await.expect("resources");
        for resource in resources["resources"].as_array().expect("a list") {
            let read = self.agent.does(json!({ "do": "read", "uri": resource["uri"] })).await;
            let read = read.expect("a resource");
            assert!(read["contents"][0]["text"].as_str().is_some_and(|t| !t.is_empty()), "{read}");
        }
        let prompts = self.agent.does(json!({ "do": "prompts" })).await.expect("prompts");
        assert_eq!(prompts["prompts"][0]["name"], "add_integration", "{prompts}");
        let prompt = json!({
            "do": "prompt", "name": "add_integration", "arguments": { "service": "Stripe" },
        });
        let prompt = self.agent.does(prompt).await.expect("a prompt");
        let text = prompt["messages"][0]["content"]["text"].as_str().expect("text");
        assert!(text.contains("request_secret"), "{text}");
        let empty = self.agent.gives("list_secrets", json!({})).await;
        assert_eq!(empty["total"], 0, "{empty}");
    }

    async fn asks_and_waits(&mut self, value: &str) {
        let wanted = json!({ "names": ["SENDGRID_API_KEY"], "function": "shop" });
        let checked = self.agent.gives("check_requirements", wanted.clone()).await;
        assert_eq!(checked["ready"], false, "{checked}");
        assert_eq!(checked["variables"][0]["status"], "missing", "{checked}");

        let question = json!({
            "name": "SENDGRID_API_KEY", "purpose": "To send receipts from the shop",
            "obtain_from": "app.sendgrid.com, under API Keys", "description": "Order mails",
        });
        let asked = self.asks_people("request_secret", &question, "sendgrid-api-key", None).await;
        assert_eq!(asked["status"], "pending", "{asked}");
        let link = format!("{WEB}/accounts/{}/requests/sendgrid-api-key", self.account.namespace);
        assert_eq!(asked["link"], link, "{asked}");
        let command = asked["command"].as_str().expect("a command");
        assert!(command.starts_with("kubectl kliv answer sendgrid-api-key"), "{command}");
        let again = self.agent.call_asking("request_secret", question, async |_| "accept").await;
        let again = structured("asked again", again);
        assert_eq!((&again["is_new"], &again["status"]), (&json!(false), &json!("pending")));

        let waits = json!({ "name": "SENDGRID_API_KEY", "until": "live", "timeout_seconds": 55 });
        let (account, agent) = (self.account, &mut self.agent);
        let answers = async {
            // He does not read it before the agent waits; if he does, it changes nothing.
            answer(account, "sendgrid-api-key", value);
        };
        let (waited, ()) = tokio::join!(agent.gives("wait_for_secret", waits.clone()), answers);
        let mut waited = waited;
        while waited["timed_out"] == true {
            waited = self.agent.gives("wait_for_secret", waits.clone()).await;
        }
        assert_eq!(waited["request"]["status"], "answered", "{waited}");
        self.account.gets("shop", &[("SENDGRID_API_KEY", value)]).await;
        let checked = self.agent.gives("check_requirements", wanted).await;
        assert_eq!(checked["ready"], true, "{checked}");
        let became = self.agent.gives("get_request", json!({ "name": "SENDGRID_API_KEY" })).await;
        assert_eq!(became["status"], "answered", "{became}");
        let listed = self.agent.gives("list_secrets", json!({ "name_prefix": "SEND" })).await;
        let row = &listed["secrets"][0];
        assert_eq!((&row["variable"], &row["via"]), (&json!("SENDGRID_API_KEY"), &json!("cli")));
        assert_eq!(row["description"]["untrusted_text"], "Order mails", "{row}");
    }

    async fn has_it_replaced(&mut self, value: &str) {
        let question = json!({
            "name": "SENDGRID_API_KEY", "description": "Receipts", "rotate_after_days": 90,
            "ask_for_new_value": { "reason": "It has been in a log" },
        });
        let object = "sendgrid-api-key";
        let asked = self.asks_people("update_secret", &question, object, Some(value)).await;
        if self.was_stopped() {
            // He has answered before the call came back.
            assert_eq!(asked["asked"], false, "{asked}");
        } else {
            assert_eq!(asked["asked"], true, "{asked}");
            answer(self.account, object, value);
        }
        let waits = json!({ "name": "SENDGRID_API_KEY", "until": "live" });
        let waited = self.agent.gives("wait_for_secret", waits).await;
        assert_eq!(waited["request"]["status"], "answered", "{waited}");
        self.account.gets("shop", &[("SENDGRID_API_KEY", value)]).await;
    }

    async fn has_one_made(&mut self) {
        let wanted = json!({
            "name": "INTERNAL_WEBHOOK_SECRET", "purpose": "Between shop and mail", "length": 40,
        });
        let made = self.agent.gives("generate_secret", wanted).await;
        assert_eq!(made["created"], true, "{made}");
        let waits = json!({ "name": "INTERNAL_WEBHOOK_SECRET", "until": "live" });
        self.agent.gives("wait_for_secret", waits).await;
        self.account.published("internal-webhook-secret").await;
    }

    async fn stores(&mut self, value: &str) {
        let stored = json!({
            "name": "TWILIO_AUTH_TOKEN", "environment": "test", "value": value, "sure": true,
        });
        let stored = self.agent.gives("store_secret", stored).await;
        assert_eq!(stored["passed_through_model"], true, "{stored}");
        self.account.published("twilio-auth-token.test").await;
        eventually("the function in test has it", async || {
            let has = self.account.environment("shop-test").await;
            (has.get("TWILIO_AUTH_TOKEN").map(String::as_str) == Some(value)).then_some(())
        })
        .await;
    }

    async fn sees_what_happened(&mut self, chat: bool) {
        let told = eventually("the trail tells it", async || {
            let told = self.agent.gives("recent_changes", json!({ "limit": 100 })).await;
            let rows = told["changes"].as_array().expect("rows");
            let has = |via: &str| rows.iter().any(|row| row["via"] == via);
            (has("agent") && has("cli") && has("chat") == chat).then(|| told.clone())
        })
        .await;
        assert_eq!(told["trail"], "whole", "{told}");
    }

    async fn takes_away(&mut self) {
        // Everywhere: a person decides on his own page or terminal.
        let proposal = json!({ "name": "SENDGRID_API_KEY", "reason": "Mail is sent otherwise" });
        let proposed = self.asks_people("delete_secret", &proposal, "sendgrid-api-key", None).await;
        assert_eq!(proposed["outcome"], "proposed", "{proposed}");
        let waits = self.agent.gives("get_request", json!({ "name": "SENDGRID_API_KEY" })).await;
        assert_eq!(waits["wanted"], "deletion", "{waits}");
        let cancelled = self.agent.gives("cancel_request", json!({ "name": "SENDGRID_API_KEY" }));
        let cancelled = cancelled.await;
        assert_eq!(cancelled["cancelled"], true, "{cancelled}");
        assert_eq!(cancelled["has_value"], true, "{cancelled}");

        // Plainly for trying things out: in the agent's client, where that can ask.
        answer_new(self.account, "STRIPE_API_KEY", "test");
        let away = json!({ "name": "STRIPE_API_KEY", "environment": "test", "reason": "Tried" });
        if self.can == Can::Nothing || self.revision == BEFORE {
            let proposed = self.asks_people("delete_secret", &away, "stripe-api-key.test", None);
            assert_eq!(proposed.await["outcome"], "proposed");
            return;
        }
        for (action, outcome) in [("decline", "kept"), ("cancel", "kept"), ("accept", "deleted")] {
            let mut asked = None;
            let person = async |what: &Value| {
                asked = Some(what.clone());
                action
            };
            let ended = self.agent.call_asking("delete_secret", away.clone(), person).await;
            assert_eq!(structured(action, ended)["outcome"], outcome);
            let asked = asked.expect("a person was asked");
            let message = asked["message"].as_str().expect("words");
            assert!(message.starts_with("Delete the secret stripe-api-key.test"), "{asked}");
        }
        let gone = json!({ "name": "STRIPE_API_KEY", "environment": "test" });
        assert_eq!(self.agent.gives("get_request", gone).await["status"], "gone");
    }

    /// Whether a call is stopped until a person has been to a link.
    fn was_stopped(&self) -> bool {
        self.can == Can::LinksAndQuestions
    }

    /// A call that wants a person, and what it gives in the end. Where the client shows links, he
    /// is shown where to go, in the wire form of the revision; and answers there, where a value is
    /// given.
    async fn asks_people(
        &mut self,
        tool: &str,
        arguments: &Value,
        object: &str,
        value: Option<&str>,
    ) -> Value {
        let link = format!("{WEB}/accounts/{}/requests/{object}", self.account.namespace);
        let account = self.account;
        let mut shown = Vec::new();
        let person = async |asked: &Value| {
            assert_eq!(asked["mode"], "url", "{asked}");
            shown.push(asked["url"].clone());
            if let Some(value) = value {
                answer(account, object, value);
            }
            "accept"
        };
        let mut told = self.agent.call_asking(tool, arguments.clone(), person).await;
        if self.was_stopped() && self.revision == BEFORE {
            let error = told.expect_err("it is stopped for a link");
            assert_eq!(error["code"], json!(-32042), "{error}");
            let asked = &error["data"]["elicitations"][0];
            assert_eq!(asked["mode"], "url", "{error}");
            assert!(asked["elicitationId"].is_string(), "{error}");
            shown.push(asked["url"].clone());
            if let Some(value) = value {
                answer(account, object, value);
            }
            // The same call again, and it goes on.
            told = self.agent.call(tool, arguments.clone()).await;
        }
        assert_eq!(shown.is_empty(), !self.was_stopped(), "{told:?}");
        assert!(shown.iter().all(|url| *url == link), "{shown:?}");
        structured(tool, told)
    }
}

/// A person gives a value, in a terminal.
pub(crate) fn answer(account: &Account<'_>, object: &str, value: &str) {
    let words = ["answer", object, "--from-stdin", "--yes", "--no-wait", "-n", &account.namespace];
    run(kubectl_kliv(account.cluster, &words), value).success();
}

/// A person sets one, in a terminal.
fn answer_new(account: &Account<'_>, name: &str, environment: &str) {
    let namespace = &account.namespace;
    let words = ["set", name, "-e", environment, "--from-stdin", "--yes", "-n", namespace];
    run(kubectl_kliv(account.cluster, &words), "what-is-tried-0123456789").success();
}

/// Nothing of any value is in what was kept: no value, mask or ciphertext.
pub(crate) async fn holds_none_of(
    record: &Record,
    account: &Account<'_>,
    values: &Values,
) -> Searched {
    let secrets = account.api::<KlivSecret>().list(&ListParams::default()).await.expect("a list");
    let mut sealed = Vec::new();
    for secret in secrets.items {
        sealed.extend(secret.spec.sealed);
        let history = secret.status.into_iter().flat_map(|status| status.history);
        sealed.extend(history.map(|former| former.sealed));
    }
    assert!(!sealed.is_empty(), "nothing was sealed");
    let searched = record.search(&values.given, &values.handed, &sealed).await;
    assert!(searched.found.is_empty(), "found:\n  {}", searched.found.join("\n  "));
    assert!(searched.bytes > 10_000, "nothing was kept: {searched:?}");
    searched
}

impl Account<'_> {
    /// Its functions are of no more use.
    async fn closes_functions(&self) {
        for name in ["shop", "shop-test"] {
            self.delete(&format!("deployment/{name}"));
        }
    }
}
