//! What agents can write: values made in the cluster, what is said of secrets, values from a
//! chat, and deletions that people decide.

use std::io;
use std::sync::{Arc, Mutex};

use kliv_secrets::account::Caller;
use kliv_secrets::api::KlivSecret;
use kliv_secrets::api::names::AGENT_FIELD_MANAGER;
use kliv_secrets::mcp::{Agent, Says, Settings, StateKey, Visit};
use kliv_secrets::runtime::args::LogFormat;
use kliv_secrets::runtime::{entropy, logs};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::account::{Account, function, function_in, secret, secret_in, secret_with};
use crate::harness::{AgentClient, Called, Revision, eventually};
use crate::operator::Operator;

const WEB: &str = "https://secrets.example.org";
/// What is pasted into chats. Nothing may ever say it.
const CANARY: &str = "sk_test_c4n4ry-from-a-chat-a1b2c3";
const SECOND: &str = "sk_test_c4n4ry-from-a-chat-d4e5f6";

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}

fn door(caller: Caller, chat_values: bool) -> Agent {
    let caller = Caller { field_manager: AGENT_FIELD_MANAGER, ..caller };
    let state = StateKey::generate(&mut entropy::system());
    let settings = Settings { chat_values, web: Some(WEB.into()), state };
    Agent::of(Visit { caller, who: "somebody".into(), says: Says::default() }, settings)
}

/// A client that asks its person, and shows him links.
async fn asking(account: &Account<'_>, revision: Revision) -> AgentClient {
    AgentClient::that_asks(door(account.caller(), true), revision).await
}

/// One that can't.
async fn agent(account: &Account<'_>, revision: Revision) -> AgentClient {
    AgentClient::of(door(account.caller(), true), revision).await
}

async fn there(account: &Account<'_>, name: &str) -> Option<KlivSecret> {
    account.api::<KlivSecret>().get_opt(name).await.expect("an answer")
}

/// What an audit trail says of a secret, as `action via`.
async fn trail(account: &Account<'_>, name: &str, wanted: &str) {
    let args = ["get", "klivauditevents", "-n", &account.namespace, "-o", "json"];
    eventually(&format!("the trail says of {name}: {wanted}"), async || {
        let events = account.cluster.kubectl(&args).success();
        let events: Value = serde_json::from_str(&events).expect("JSON");
        let told = |event: &Value| {
            let spec = &event["spec"];
            let via = spec["via"].as_str().unwrap_or_default();
            spec["secret"] == name
                && format!("{} {via}", spec["action"].as_str().unwrap_or_default()) == wanted
        };
        events["items"].as_array().expect("events").iter().any(told).then_some(())
    })
    .await;
}

/// Where log lines go that a test looks at.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
    }
}

#[tokio::test]
async fn a_value_made_in_the_cluster_reaches_functions_and_asking_again_makes_no_other() {
    let account = account("agent-generate").await;
    account.create(&function("api")).await;
    account.put(&secret("MAIL_PASSWORD", "not-made-here-0123456789")).await;
    let mut agent = agent(&account, Revision::Of2026).await;
    let arguments = json!({
        "name": "INTERNAL_WEBHOOK_SECRET", "purpose": "to sign our own webhooks", "length": 40,
        "alphabet": "hex", "rotate_after_days": 90,
    });

    let answer = agent.call("generate_secret", arguments.clone()).await.answer();

    assert_eq!(answer["created"], true);
    assert_eq!(answer["variable"], "INTERNAL_WEBHOOK_SECRET");
    let made = account.published("internal-webhook-secret").await;
    assert_eq!(made.spec.description.as_deref(), Some("to sign our own webhooks"));
    assert_eq!(made.spec.rotate_after_days, Some(90));
    assert_eq!(made.status.expect("a status").via.as_deref(), Some("agent"));
    let value = eventually("the function has it", async || {
        account.environment("api").await.remove("INTERNAL_WEBHOOK_SECRET")
    })
    .await;
    assert!(value.len() == 40 && value.bytes().all(|b| b.is_ascii_hexdigit()));

    let again = agent.call("generate_secret", arguments).await.answer();
    assert_eq!(again["created"], false);
    let now = there(&account, "internal-webhook-secret").await.expect("the secret");
    assert_eq!(now.metadata.generation, made.metadata.generation);

    let of_other = json!({ "name": "MAIL_PASSWORD", "purpose": "to send mail" });
    let refused = agent.call("generate_secret", of_other).await.refused();
    assert!(refused.contains("update_secret"), "{refused}");
    let of_provider = json!({ "name": "OPENAI_API_KEY", "purpose": "to answer questions" });
    let refused = agent.call("generate_secret", of_provider).await.refused();
    assert!(refused.contains("request_secret") && refused.contains("sure"), "{refused}");
    let too_short = json!({ "name": "SESSION_KEY", "purpose": "sessions", "length": 4 });
    let refused = agent.call("generate_secret", too_short).await.refused();
    assert!(refused.contains("`length` has to be from 16 to 512"), "{refused}");
    assert_eq!(there(&account, "session-key").await, None);
    assert!(!agent.heard().contains(&value));
}

#[tokio::test]
async fn a_value_from_a_chat_reaches_functions_is_marked_so_and_never_heard_of_again() {
    let lines = Lines::default();
    let writer = lines.clone();
    let logs = logs::subscriber(LogFormat::Text, "trace", move || writer.clone());
    // All tasks of the test run on its thread.
    let _logs = tracing::subscriber::set_default(logs.expect("a filter"));
    let account = account("agent-store").await;
    account.create(&function_in("test", "shop")).await;
    let name = "STRIPE_API_KEY";
    let with = |more: Value| {
        let mut all = json!({ "name": name, "environment": "test", "value": CANARY });
        for (key, value) in more.as_object().expect("an object") {
            all[key] = value.clone();
        }
        all
    };
    for revision in [Revision::Of2025, Revision::Of2026] {
        let mut agent = asking(&account, revision).await;
        let mut refuses = async |what: &str, arguments: Value, why: &str| {
            let refused = agent.call("store_secret", arguments).await.refused();
            assert!(refused.contains(why), "{what}: {refused}");
        };
        refuses("a test key", with(json!({ "environment": "production" })), "the live one").await;
        refuses("Stripe's", with(json!({ "name": "OPENAI_API_KEY" })), "Stripe test secret").await;
        refuses("no variable", with(json!({ "name": CANARY })), "looks like a credential").await;
        refuses("more", with(json!({ "values": CANARY })), "looks like a credential").await;
        refuses("a list", with(json!({ "value": [CANARY] })), "`value` has to be a text").await;
        refuses("nothing", with(json!({ "value": null })), "no value in the arguments").await;
        refuses("empty", with(json!({ "value": "" })), "empty").await;
        let large = CANARY.repeat(70_000 / CANARY.len());
        refuses("too large", with(json!({ "value": large })), "64 KiB").await;
        let much = with(json!({ "description": CANARY.repeat(200) }));
        refuses("unread", much, "longer than 4 KiB").await;
        let words = "c4n4ry-i-uppsala";
        let beside = json!({
            "name": "MAIL_PASSWORD", "value": words, "description": format!("it is {words}"),
        });
        refuses("beside", with(beside), "`description` holds the value").await;
        let place = with(json!({ "environment": CANARY }));
        refuses("no environment", place, "`environment` holds what looks like").await;
        let elsewhere = agent.call("list_secrets", with(json!({}))).await.refused();
        assert!(!elsewhere.contains("c4n4ry"), "{elsewhere}");
        let nowhere = agent.call("no_such_tool", with(json!({}))).await;
        assert!(matches!(nowhere, Called::Error(_)), "{nowhere:?}");
        assert!(!agent.heard().contains("c4n4ry"), "{revision:?}");
    }
    assert_eq!(there(&account, "stripe-api-key.test").await, None);
    let mut agent = asking(&account, Revision::Of2026).await;

    let said = with(json!({ "description": "the shop's" }));
    let answer = agent.call("store_secret", said.clone()).await.answer();

    assert_eq!(answer["created"], true);
    assert_eq!(answer["passed_through_model"], true);
    assert_eq!(answer["recognised"], "Stripe test secret key");
    let next = answer["next"].as_str().expect("words");
    assert!(next.contains("update_secret with ask_for_new_value"), "{next}");
    account.gets("shop", &[(name, CANARY)]).await;
    let stored = account.published("stripe-api-key.test").await;
    let status = stored.status.expect("a status");
    assert_eq!(status.via.as_deref(), Some("chat"));
    trail(&account, "stripe-api-key.test", "Created chat").await;

    let refused = agent.call("store_secret", said).await.refused();
    assert!(refused.contains("\"replace\": true"), "{refused}");
    let other = with(json!({ "value": SECOND, "replace": true }));
    let answer = agent.call("store_secret", other).await.answer();
    assert_eq!(answer["created"], false);
    account.gets("shop", &[(name, SECOND)]).await;
    let replaced = account.published("stripe-api-key.test").await;
    assert_eq!(replaced.spec.description.as_deref(), Some("the shop's"), "it stays");

    // Where people pay a person replaces it.
    account.put(&secret_in("production", "SHOP_TOKEN", "not-from-a-chat-0123456789")).await;
    let live = json!({
        "name": "SHOP_TOKEN", "environment": "production", "value": "c4n4ry-from-a-chat",
        "replace": true, "sure": true,
    });
    let refused = agent.call("store_secret", live).await.refused();
    assert!(refused.contains("a person replaces it"), "{refused}");

    // It answers a question that waits, but not where people pay.
    for environment in [json!("test"), json!(null)] {
        account.apply(&secret_with(json!({
            "envVar": "SHOP_KEY", "environment": environment,
            "request": { "purpose": "to sell" },
        })));
    }
    let answers = json!({ "name": "SHOP_KEY", "value": SECOND, "sure": true });
    let refused = agent.call("store_secret", answers.clone()).await.refused();
    assert!(refused.contains("waits for its value for every environment"), "{refused}");
    let mut of_test = answers;
    of_test["environment"] = json!("test");
    agent.call("store_secret", of_test).await.answer();
    account.published("shop-key.test").await;

    assert!(!agent.heard().contains("c4n4ry"));
    let logged = lines.text();
    assert!(logged.contains("a tool was called") && !logged.contains("c4n4ry"));
}

#[tokio::test]
async fn where_chat_values_are_off_no_tool_takes_one_and_what_is_sent_is_not_echoed() {
    let account = account("agent-no-chat").await;
    let mut agent = AgentClient::of(door(account.caller(), false), Revision::Of2026).await;
    let tools = agent.request("tools/list", json!({})).await.expect("tools").to_string();
    assert!(tools.contains("generate_secret") && !tools.contains("store_secret"));

    let arguments = json!({ "name": "STRIPE_API_KEY", "value": CANARY });
    let called = agent.call("store_secret", arguments).await;

    let Called::Error(error) = called else { panic!("{called:?}") };
    assert_eq!(error["code"], -32602);
    assert!(!agent.heard().contains("c4n4ry"));
    assert_eq!(there(&account, "stripe-api-key").await, None);
}

#[tokio::test]
async fn what_is_said_of_a_secret_changes_and_a_new_value_is_asked_for_once() {
    let account = account("agent-update").await;
    account.create(&function("api")).await;
    let spec = json!({
        "envVar": "MAIL_PASSWORD", "value": "first-value-0123456789", "description": "old",
        "expirationTime": "2036-01-01T00:00:00Z",
    });
    account.put(&secret_with(spec)).await;
    let mut agent = agent(&account, Revision::Of2025).await;
    let mut update = async |more: Value| {
        let mut arguments = json!({ "name": "MAIL_PASSWORD" });
        for (key, value) in more.as_object().expect("an object") {
            arguments[key] = value.clone();
        }
        agent.call("update_secret", arguments).await
    };
    let now = async || there(&account, "mail-password").await.expect("the secret").spec;

    let answer = update(json!({ "description": "new", "rotate_after_days": 30 })).await.answer();
    assert_eq!(answer["changed"], json!(["description", "rotate_after_days"]));
    assert_eq!((&answer["asked"], &answer["link"]), (&json!(false), &json!(null)));
    assert_eq!(now().await.description.as_deref(), Some("new"));
    update(json!({ "description": "", "rotate_after_days": null })).await.answer();
    let spec = now().await;
    assert_eq!((spec.description, spec.rotate_after_days), (None, Some(30)));
    assert!(spec.expiration_time.is_some(), "it stays");
    let refused = update(json!({})).await.refused();
    assert!(refused.contains("Nothing was given"), "{refused}");

    let reason = json!({ "ask_for_new_value": { "reason": "the old one was pasted into a chat" } });
    let answer = update(reason.clone()).await.answer();

    assert_eq!((&answer["changed"], &answer["asked"]), (&json!(["question"]), &json!(true)));
    let link = format!("{WEB}/accounts/{}/requests/mail-password", account.namespace);
    assert_eq!(answer["link"], link);
    let command = format!("kubectl kliv answer mail-password -n {}", account.namespace);
    assert_eq!(answer["command"], command);
    let spec = now().await;
    let question = spec.request.expect("a question");
    assert_eq!(question.replaces, Some(1));
    assert_eq!(question.requested_by.as_deref(), Some("test-agent"));
    assert!(spec.sealed.is_some(), "functions keep the one in use");
    let again = update(reason).await.answer();
    assert_eq!((&again["changed"], &again["asked"]), (&json!([]), &json!(true)));

    account.put(&secret("MAIL_PASSWORD", "second-value-0123456789")).await;
    account.gets("api", &[("MAIL_PASSWORD", "second-value-0123456789")]).await;
    let answer = update(json!({ "description": "newest" })).await.answer();
    assert_eq!((&answer["asked"], &answer["command"]), (&json!(false), &json!(null)));
    let refused = agent.call("update_secret", json!({ "name": "NO_SUCH_KEY" })).await.refused();
    assert!(refused.contains("not found") && refused.contains("request_secret"), "{refused}");
    assert!(!agent.heard().contains("-value-0123456789"));
}

#[tokio::test]
async fn a_client_that_shows_links_shows_the_one_to_a_new_question_once() {
    let account = account("agent-update-link").await;
    account.put(&secret("MAIL_PASSWORD", "first-value-0123456789")).await;
    let why = json!({ "reason": "it leaked" });
    let arguments = json!({ "name": "MAIL_PASSWORD", "ask_for_new_value": why });
    let link = format!("{WEB}/accounts/{}/requests/mail-password", account.namespace);

    let mut modern = asking(&account, Revision::Of2026).await;
    let asks = modern.call("update_secret", arguments.clone()).await.asks();
    let shown = &asks["inputRequests"]["person"]["params"];
    assert_eq!((&shown["mode"], &shown["url"]), (&json!("url"), &json!(link)));
    assert!(!shown["message"].as_str().expect("words").contains("leaked"), "{shown}");
    // He answers while the agent's client waits for him.
    account.put(&secret("MAIL_PASSWORD", "second-value-0123456789")).await;
    let back = modern.again("update_secret", arguments.clone(), &asks, "accept").await.answer();
    assert_eq!((&back["asked"], &back["changed"]), (&json!(false), &json!([])));
    assert_eq!(back["person"], "opened");

    let why = json!({ "reason": "it leaked once more" });
    let arguments = json!({ "name": "MAIL_PASSWORD", "ask_for_new_value": why });
    let mut older = asking(&account, Revision::Of2025).await;
    let Called::Error(error) = older.call("update_secret", arguments.clone()).await else {
        panic!("no error")
    };
    assert_eq!(error["code"], -32042);
    assert_eq!(error["data"]["elicitations"][0]["url"], link);
    let again = older.call("update_secret", arguments.clone()).await.answer();
    assert_eq!((&again["asked"], &again["link"]), (&json!(true), &json!(link)));
    let waits = modern.call("update_secret", arguments.clone()).await.asks();
    let declined = modern.again("update_secret", arguments.clone(), &waits, "decline").await;
    let declined = declined.answer();
    assert_eq!((&declined["asked"], &declined["person"]), (&json!(true), &json!("declined")));
    assert!(declined["next"].as_str().expect("words").contains("declined"), "{declined}");

    // Once he has answered, the same call asks nobody; unless somebody says so.
    account.put(&secret("MAIL_PASSWORD", "third-value-0123456789")).await;
    let answered = older.call("update_secret", arguments.clone()).await.answer();
    assert_eq!((&answered["asked"], &answered["changed"]), (&json!(false), &json!([])));
    assert!(answered["next"].as_str().expect("words").contains("has answered"), "{answered}");
    let mut anew = arguments;
    anew["ask_for_new_value"]["again"] = json!(true);
    assert!(matches!(older.call("update_secret", anew).await, Called::Error(_)));
}

#[tokio::test]
async fn in_a_test_environment_a_person_is_asked_and_his_yes_deletes() {
    let account = account("agent-delete").await;
    account.create(&function_in("test", "trial")).await;
    account.put(&secret_in("test", "OLD_KEY", "first-value-0123456789")).await;
    account.put(&secret_in("test", "MAIL_PASSWORD", "other-value-0123456789")).await;
    let both = [("MAIL_PASSWORD", "other-value-0123456789"), ("OLD_KEY", "first-value-0123456789")];
    account.gets("trial", &both).await;
    let mut agent = asking(&account, Revision::Of2026).await;
    let arguments = json!({
        "name": "OLD_KEY", "environment": "test", "reason": "no \"code\" reads it\u{202e}",
    });

    let asks = agent.call("delete_secret", arguments.clone()).await.asks();

    let asked = &asks["inputRequests"]["person"]["params"];
    let message = asked["message"].as_str().expect("words");
    assert_eq!(asked["mode"], "form");
    assert!(message.starts_with("Delete the secret old-key.test (environment test)"), "{message}");
    assert!(message.contains("lose it: trial."), "{message}");
    assert!(message.ends_with("\"no 'code' reads it\\u{202e}\""), "{message}");
    for did in ["decline", "cancel"] {
        let kept = agent.again("delete_secret", arguments.clone(), &asks, did).await.answer();
        assert_eq!(kept["outcome"], "kept");
    }
    assert!(there(&account, "old-key.test").await.is_some());

    let gone = agent.again("delete_secret", arguments.clone(), &asks, "accept").await.answer();

    assert_eq!(gone["outcome"], "deleted");
    let losers = json!([{ "function": { "untrusted_text": "trial" }, "requires": false }]);
    assert_eq!(gone["functions"], losers);
    assert_eq!(there(&account, "old-key.test").await, None);
    account.gets("trial", &both[..1]).await;
    trail(&account, "old-key.test", "Deleted ").await;
    let events =
        account.cluster.kubectl(&["get", "kaudit", "-n", &account.namespace, "-o", "json"]);
    // Where the controller did not see the proposal in between, the delete tells of it.
    let events = events.success();
    assert!(events.contains("via agent") || events.contains(r#""via": "agent""#), "{events}");

    // The same yes is good for no other secret of that name.
    account.put(&secret_in("test", "OLD_KEY", "third-value-0123456789")).await;
    let replayed = agent.again("delete_secret", arguments.clone(), &asks, "accept").await.asks();
    assert!(there(&account, "old-key.test").await.is_some());
    // Nor for it once it is another.
    account.put(&secret_in("test", "OLD_KEY", "fourth-value-0123456789")).await;
    agent.again("delete_secret", arguments.clone(), &replayed, "accept").await.asks();
    assert!(there(&account, "old-key.test").await.is_some());
    assert!(!agent.heard().contains("-value-0123456789"));
}

#[tokio::test]
async fn where_the_delete_after_the_yes_fails_it_is_told_that_the_proposal_stays() {
    let account = account("agent-no-delete").await;
    account.put(&secret_in("test", "OLD_KEY", "first-value-0123456789")).await;
    let (cluster, namespace) = (&account.cluster, &account.namespace);
    let may = ["--verb=get,list,watch,patch", "--resource=klivsecrets.secrets.kliv.dev"];
    cluster
        .kubectl(&[&["create", "role", "patches", "-n", namespace][..], &may].concat())
        .success();
    let who = ["--role=patches", "--user=pat"];
    cluster
        .kubectl(&[&["create", "rolebinding", "pat", "-n", namespace][..], &who].concat())
        .success();
    cluster.allows("pat", "patch", "klivsecrets", namespace).await;
    let pat = Caller { client: cluster.as_user("pat", &[]), ..account.caller() };
    let mut agent = AgentClient::that_asks(door(pat, true), Revision::Of2026).await;
    let away = json!({ "name": "OLD_KEY", "environment": "test", "reason": "nothing reads it" });

    let asks = agent.call("delete_secret", away.clone()).await.asks();
    let refused = agent.again("delete_secret", away, &asks, "accept").await.refused();

    assert!(refused.starts_with("It was proposed to delete it"), "{refused}");
    assert!(refused.contains("the right to delete klivsecrets"), "{refused}");
    let spec = there(&account, "old-key.test").await.expect("the secret").spec;
    assert_eq!(spec.request.and_then(|question| question.deletion), Some(true));
}

#[tokio::test]
async fn elsewhere_and_where_nobody_can_be_asked_a_deletion_is_a_proposal_that_waits() {
    let account = account("agent-propose").await;
    account.create(&function_in("production", "shop")).await;
    account.put(&secret_in("production", "OLD_KEY", "first-value-0123456789")).await;
    account.put(&secret_in("test", "OLD_KEY", "other-value-0123456789")).await;
    account.gets("shop", &[("OLD_KEY", "first-value-0123456789")]).await;
    let arguments = |environment: &str| json!({ "name": "OLD_KEY", "environment": environment, "reason": "nothing reads it" });
    for (environment, mut agent) in [
        ("production", agent(&account, Revision::Of2026).await),
        ("test", agent(&account, Revision::Of2025).await),
    ] {
        let name = format!("old-key.{environment}");
        let answer = agent.call("delete_secret", arguments(environment)).await.answer();

        assert_eq!(answer["outcome"], "proposed");
        let (account_name, is_shop) = (&account.namespace, environment == "production");
        let losers = answer["functions"].as_array().expect("functions").len();
        assert_eq!(losers, usize::from(is_shop));
        assert_eq!(answer["link"], format!("{WEB}/accounts/{account_name}/requests/{name}"));
        let command = format!("kubectl kliv delete {name} -n {account_name}");
        assert_eq!(answer["command"], command);
        let spec = there(&account, &name).await.expect("it is still there").spec;
        let question = spec.request.expect("a question");
        assert_eq!(
            (question.deletion, question.purpose.as_str()),
            (Some(true), "nothing reads it")
        );
        let before = there(&account, &name).await.expect("the secret").metadata.generation;
        let again = agent.call("delete_secret", arguments(environment)).await.answer();
        assert_eq!(again["outcome"], "proposed");
        let after = there(&account, &name).await.expect("the secret").metadata.generation;
        assert_eq!(before, after, "one proposal is enough");
        let ask = json!({ "reason": "to rotate" });
        let ask = json!({
            "name": "OLD_KEY", "environment": environment, "ask_for_new_value": ask,
        });
        let refused = agent.call("update_secret", ask).await.refused();
        assert!(refused.contains("proposed to delete"), "{refused}");
    }
    account.gets("shop", &[("OLD_KEY", "first-value-0123456789")]).await;

    // A client that shows links shows where to decide; a person deletes meanwhile.
    let mut agent = asking(&account, Revision::Of2026).await;
    let asks = agent.call("delete_secret", arguments("production")).await.asks();
    assert_eq!(asks["inputRequests"]["person"]["params"]["mode"], "url");
    let api = account.api::<KlivSecret>();
    api.delete("old-key.production", &DeleteParams::default()).await.expect("is deleted");
    let back = agent.again("delete_secret", arguments("production"), &asks, "accept").await;
    assert_eq!(back.answer()["outcome"], "deleted");
    let refused = agent.call("delete_secret", arguments("production")).await.refused();
    assert!(refused.contains("not found") && refused.contains("there for: test"), "{refused}");
    // What only waits is cancelled.
    let question = json!({ "envVar": "NEW_KEY", "request": { "purpose": "to try" } });
    account.apply(&secret_with(question));
    let waits = json!({ "name": "NEW_KEY", "reason": "not needed" });
    let refused = agent.call("delete_secret", waits).await.refused();
    assert!(refused.contains("cancel_request"), "{refused}");
}

#[tokio::test]
async fn who_may_only_read_is_refused_in_words_and_told_whom_to_ask() {
    let account = account("agent-viewer").await;
    account.put(&secret_in("test", "OLD_KEY", "first-value-0123456789")).await;
    account.grant("kliv-secrets-viewer", "vera").await;
    let vera = Caller { client: account.cluster.as_user("vera", &[]), ..account.caller() };
    let mut agent = AgentClient::that_asks(door(vera, true), Revision::Of2026).await;
    let place = |more: Value| {
        let mut all = json!({ "name": "OLD_KEY", "environment": "test" });
        for (key, value) in more.as_object().expect("an object") {
            all[key] = value.clone();
        }
        all
    };
    let generated = json!({ "name": "SESSION_KEY", "purpose": "to sign sessions" });
    let stored = place(json!({ "value": CANARY, "replace": true, "sure": true }));
    let asked = place(json!({ "ask_for_new_value": { "reason": "it leaked" } }));
    for (tool, arguments, right) in [
        ("generate_secret", generated, "create klivsecrets"),
        ("store_secret", stored, "patch klivsecrets"),
        ("update_secret", place(json!({ "description": "mine" })), "patch klivsecrets"),
        ("update_secret", asked, "patch klivsecrets"),
    ] {
        let refused = agent.call(tool, arguments).await.refused();
        let place = format!("the right to {right} in the namespace {}", account.namespace);
        assert!(refused.contains(&place), "{tool}: {refused}");
        assert!(refused.contains("ask the person") && !refused.contains("vera"), "{refused}");
    }
    let deletes = place(json!({ "reason": "nothing reads it" }));
    let asks = agent.call("delete_secret", deletes.clone()).await.asks();
    let message = &asks["inputRequests"]["person"]["params"]["message"];
    assert!(message.as_str().expect("words").contains("can't be seen"), "{message}");
    let refused = agent.again("delete_secret", deletes, &asks, "accept").await.refused();
    assert!(refused.contains("the right to patch klivsecrets"), "{refused}");
    assert!(there(&account, "old-key.test").await.is_some());
    assert!(!agent.heard().contains("c4n4ry"));
}
