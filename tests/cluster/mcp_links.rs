//! The link that an agent's client shows a person, followed in a real browser out of the
//! session of a client: he signs in, answers there, and the agent's call goes on.
//!
//! ```text
//!  SDK ─► proxy ─► kliv-secrets mcp ── link ─► a person ─► Chromium ─► recorder ─► kliv-secrets web
//!   ▲                                                                                    │
//!   └── wait_for_secret ◄── the cluster ◄── sealed in the browser ───────────────────────┘
//! ```
#![expect(clippy::print_stdout, reason = "figures, for whoever asks by --nocapture")]

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::account::{Account, function, secret};
use crate::canary::canary;
use crate::harness::{BEFORE, Can, LATEST, Record, Sdk, SdkClient, journey_asking, structured};
use crate::mcp_agents::door;
use crate::mcp_http::Server;
use crate::mcp_journey::{Values, holds_none_of};
use crate::web_ground::Ground;

#[tokio::test]
async fn a_link_that_a_client_shows_leads_through_the_sign_in_to_the_question_and_the_agent_goes_on()
 {
    follows(Sdk::TypeScript2(LATEST), "en", 1280).await;
}

#[tokio::test]
async fn the_same_with_a_client_of_the_former_revision_on_a_phone() {
    follows(Sdk::TypeScript1, "sv", 390).await;
}

/// An agent, and the person who is shown its links.
struct Agent<'a> {
    account: &'a Account<'a>,
    client: SdkClient,
    sdk: Sdk,
    /// To the browser: the link, and what is to be given there.
    links: UnboundedSender<Value>,
}

async fn follows(sdk: Sdk, language: &str, width: u32) {
    let ground = Ground::shared().await;
    let web = &ground.apart.origin;
    let account = Account::new(ground.operator, "mcp-links").await;
    ground.may("anna", "edit", &account).await;
    let server = Server::start(&format!("mcp-links-{language}"), &["--web-url", web]).await;
    let record = Record::new();
    let (_proxied, door) = door(&account, &server, &record).await;
    account.create(&function("shop")).await;
    let given = ["first", "second", "old"].map(|of| canary(&format!("{sdk:?} linked {of}")));
    account.put(&secret("OLD_API_KEY", &given[2])).await;
    let client = SdkClient::start(sdk, &door, Can::LinksAndQuestions, &record).await;
    let (links, mut shown) = unbounded_channel();
    let mut agent = Agent { account: &account, client, sdk, links };
    let input = json!({
        "servers": ground.servers(), "origin": web, "issuer": ground.provider.issuer,
        "signIn": ground.person("anna"), "language": language, "width": width,
        "canaries": given, "left": ground.folder,
    });

    let browser = journey_asking("links", &input, async |_| shown.recv().await.expect("a link"));
    let (told, ()) = tokio::join!(browser, agent.asks(&given));

    drop(agent);
    std::fs::create_dir(record.folder().join("server")).expect("a folder");
    std::fs::write(record.folder().join("server/said"), server.said()).expect("a file");
    let values = Values { given: given.into(), handed: Vec::new() };
    let searched = holds_none_of(&record, &account, &values).await;
    println!("links, {sdk:?}: {} requests of the browser, {searched:?}", told.requests);
}

impl Agent<'_> {
    /// What it asks of people, one after the other.
    async fn asks(&mut self, [first, second, old]: &[String; 3]) {
        let purpose = "To send receipts from the shop";
        let question = json!({ "name": "SENDGRID_API_KEY", "purpose": purpose });
        let asked = self.shows("request_secret", question, first).await;
        assert_eq!(asked["status"], "pending", "{asked}");
        let waited = self.waits("SENDGRID_API_KEY").await;
        assert_eq!(waited["status"], "answered", "{waited}");
        assert_eq!(waited["has_value"], true, "{waited}");
        assert_eq!(waited["delivery"]["state"], "done", "{waited}");
        let gets = [("OLD_API_KEY", old.as_str()), ("SENDGRID_API_KEY", first.as_str())];
        self.account.gets("shop", &gets).await;

        let question = json!({
            "name": "SENDGRID_API_KEY", "ask_for_new_value": { "reason": "It has been in a log" },
        });
        let asked = self.shows("update_secret", question, second).await;
        assert_eq!(asked["asked"], true, "{asked}");
        let waited = self.waits("SENDGRID_API_KEY").await;
        assert_eq!(waited["status"], "answered", "{waited}");
        let gets = [("OLD_API_KEY", old.as_str()), ("SENDGRID_API_KEY", second.as_str())];
        self.account.gets("shop", &gets).await;
        let listed = self.client.gives("list_secrets", json!({ "name_prefix": "SEND" })).await;
        assert_eq!(listed["secrets"][0]["via"], "web", "{listed}");

        let proposal = json!({ "name": "OLD_API_KEY", "reason": "Nothing reads it any more" });
        let proposed = self.shows("delete_secret", proposal, "").await;
        assert_eq!(proposed["outcome"], "proposed", "{proposed}");
        let waited = self.waits("OLD_API_KEY").await;
        assert_eq!(waited["status"], "gone", "{waited}");
        assert_eq!(waited["has_value"], false, "{waited}");
        self.account.gets("shop", &[("SENDGRID_API_KEY", second)]).await;
        let listed = self.client.gives("list_secrets", json!({ "name_prefix": "OLD" })).await;
        assert_eq!(listed["total"], 0, "{listed}");
    }

    /// A call that has its client show a link, which the person opens when the agent goes on.
    async fn shows(&mut self, tool: &str, arguments: Value, value: &str) -> Value {
        let why = ["purpose", "reason"].iter().find_map(|field| arguments[*field].as_str());
        let why = why.or_else(|| arguments["ask_for_new_value"]["reason"].as_str());
        let mut link = json!({ "purpose": why, "variable": arguments["name"], "value": value });
        let person = async |asked: &Value| {
            assert_eq!(asked["mode"], "url", "{asked}");
            link["url"] = asked["url"].clone();
            "accept"
        };
        let mut told = self.client.call_asking(tool, arguments.clone(), person).await;
        if self.sdk.revision() == BEFORE {
            let error = told.expect_err("it is stopped for a link");
            link["url"] = error["data"]["elicitations"][0]["url"].clone();
            // The same call again, and it goes on.
            told = self.client.call(tool, arguments).await;
        }
        assert!(link["url"].is_string(), "no link was shown: {told:?}");
        self.links.send(link).expect("a browser");
        structured(tool, told)
    }

    /// Until a person has decided, and functions run with it.
    async fn waits(&mut self, name: &str) -> Value {
        loop {
            let wait = json!({ "name": name, "until": "live", "timeout_seconds": 50 });
            let mut waited = self.client.gives("wait_for_secret", wait).await;
            if waited["timed_out"] == false {
                return waited["request"].take();
            }
        }
    }
}
