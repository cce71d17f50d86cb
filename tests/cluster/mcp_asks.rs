//! Agents ask people, on a real API server with the operator at work: from the question to the
//! function that has the value, which no agent sees.

use kliv_secrets::account::{Caller, DryRun, How};
use kliv_secrets::api::names::AGENT_FIELD_MANAGER;
use kliv_secrets::api::{AuditAction, KlivSecret, Question};
use kliv_secrets::mcp::{Agent, Says, Settings, StateKey, Visit};
use kliv_secrets::runtime::{clock, entropy};
use kliv_secrets::seal::Plaintext;
use kube::Client;
use serde_json::{Value, json};

use crate::account::{Account, function, function_in, secret, secret_in};
use crate::harness::{AgentClient, Revision, eventually};
use crate::operator::Operator;

/// What people give. No agent may ever hear it, nor a part that a mask shows.
const VALUE: &str = "c4n4ry-given-by-a-person-a1b2c3";
const BOTH: [Revision; 2] = [Revision::Of2025, Revision::Of2026];

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}

/// An agent's client of the admin, or of somebody else, that shows nobody links.
async fn agent(account: &Account<'_>, client: Option<Client>, revision: Revision) -> AgentClient {
    let caller = Caller { field_manager: AGENT_FIELD_MANAGER, ..account.caller() };
    let caller = Caller { client: client.unwrap_or(caller.client), ..caller };
    let state = StateKey::generate(&mut entropy::system());
    let web = Some("https://secrets.example.org".to_owned());
    let settings = Settings { chat_values: true, web, state };
    let visit = Visit { caller, who: "somebody".into(), says: Says::default() };
    AgentClient::of(Agent::of(visit, settings), revision).await
}

fn ask(name: &str) -> Value {
    json!({ "name": name, "purpose": "to send receipts by mail" })
}

fn named(name: &str) -> Value {
    json!({ "name": name })
}

async fn find(account: &Account<'_>, name: &str) -> Option<KlivSecret> {
    account.caller().find_object(name).await.expect("an answer")
}

/// A person gives the value.
async fn give(account: &Account<'_>, name: &str) {
    let person = account.caller();
    let secret = find(account, name).await.expect("the secret");
    let key = person.sealing_key().await.expect("a key");
    let how = How { key: &key, now: clock::now(), dry_run: DryRun::None };
    let value = Plaintext::new(VALUE.into()).into();
    person.answer(&secret, &value, &how).await.expect("is answered");
}

/// A wait that has begun, as far as that can be told.
async fn wait(agent: &mut AgentClient, mut arguments: Value) -> u64 {
    arguments["timeout_seconds"] = json!(120);
    let call = json!({
        "name": "wait_for_secret", "arguments": arguments, "_meta": { "progressToken": "p" },
    });
    let id = agent.begin("tools/call", call).await;
    agent.hear(|said| said["method"] == "notifications/progress").await;
    id
}

async fn waited(agent: &mut AgentClient, id: u64) -> Value {
    let mut said = agent.hear(|said| said["id"] == id).await;
    let answer = said["result"]["structuredContent"].take();
    assert_eq!(answer["timed_out"], false, "{answer}");
    answer["request"].clone()
}

fn is_silent(agent: &AgentClient) {
    let heard = agent.heard();
    for part in [VALUE, "****", "kliv1.", &VALUE[..4], &VALUE[VALUE.len() - 4..]] {
        assert!(!heard.contains(part), "{part}: {heard}");
    }
}

#[tokio::test]
async fn what_an_agent_asks_for_is_given_by_a_person_and_reaches_the_function() {
    for (revision, name) in BOTH.into_iter().zip(["MAILER_API_KEY", "SENDER_API_KEY"]) {
        let account = account("agent-asks").await;
        account.create(&function("api")).await;
        let mut agent = agent(&account, None, revision).await;
        let asked = agent.call("request_secret", ask(name)).await.answer();
        assert_eq!(asked["status"], "pending");
        assert_eq!(asked["is_new"], true);
        let object = asked["secret"].as_str().expect("a name").to_owned();
        let pending = agent.call("get_request", named(name)).await.answer();
        assert_eq!(pending["status"], "pending");
        assert_eq!(pending["wanted"], "value");
        assert_eq!(pending["has_value"], false);
        assert_eq!(pending["asked_by"]["via"], "agent");
        assert_eq!(pending["asked_by"]["calls_itself"]["untrusted_text"], "test-agent");
        assert!(pending["asked_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{pending}");

        let until_live = json!({ "name": name, "until": "live" });
        let id = wait(&mut agent, until_live).await;
        give(&account, &object).await;

        let answered = waited(&mut agent, id).await;
        assert_eq!(answered["status"], "answered");
        assert_eq!(answered["has_value"], true);
        assert_eq!(answered["delivery"]["state"], "done");
        assert_eq!(answered["delivery"]["words"], "live on 1 of 1 function");
        assert_eq!(account.environment("api").await[name], VALUE);
        let now = agent.call("get_request", named(name)).await.answer();
        assert_eq!(now["status"], "answered");
        assert_eq!(now["delivery"]["updated"], 1);
        assert_eq!(now["delivery"]["functions"], 1);
        let again = agent.call("request_secret", ask(name)).await.answer();
        assert_eq!(again["status"], "has_value");
        is_silent(&agent);
    }
}

#[tokio::test]
async fn a_value_of_an_environment_counts_that_environments_functions_alone() {
    let account = account("agent-counts").await;
    account.create(&function_in("test", "try")).await;
    account.create(&function_in("production", "shop")).await;
    account.put(&secret("OTHER_API_KEY", VALUE)).await;
    account.put(&secret_in("test", "MAILER_API_KEY", VALUE)).await;
    account.published("mailer-api-key.test").await;
    account.published("other-api-key").await;
    let name = json!({ "name": "MAILER_API_KEY", "environment": "test", "until": "live" });
    let mut agent = agent(&account, None, Revision::Of2026).await;
    let told = agent.call("wait_for_secret", name).await.answer();
    let delivery = &told["request"]["delivery"];
    assert_eq!(delivery["words"], "live on 1 of 1 function", "{told}");
    assert_eq!((&delivery["functions"], &delivery["counted"]), (&json!(1), &json!("of_secret")));
    let rows = agent.call("list_secrets", json!({ "name_prefix": "MAILER" })).await.answer();
    assert_eq!(rows["secrets"][0]["functions"], json!({ "on": 1, "of": 1 }), "{rows}");
    is_silent(&agent);
}

#[tokio::test]
async fn a_person_who_refuses_is_heard_at_once_and_later() {
    let account = account("agent-refused").await;
    let mut agent = agent(&account, None, Revision::Of2026).await;
    agent.call("request_secret", ask("MAILER_API_KEY")).await.answer();
    let id = wait(&mut agent, named("MAILER_API_KEY")).await;
    eventually("the trail says who asks", async || {
        let events = account.caller().audit_events(false).await.expect("events");
        events.iter().any(|event| event.spec.action == AuditAction::Requested).then_some(())
    })
    .await;

    let waiting = find(&account, "mailer-api-key").await.expect("it waits");
    account.caller().refuse(&waiting, DryRun::None).await.expect("is refused");

    assert_eq!(waited(&mut agent, id).await["status"], "refused");
    let later = eventually("the trail says who refused", async || {
        let told = agent_of(&account, named("MAILER_API_KEY")).await;
        (told["status"] == "refused").then_some(told)
    })
    .await;
    assert!(later["ended"]["by"]["untrusted_text"].is_string(), "{later}");
}

/// What another agent is told of a question.
async fn agent_of(account: &Account<'_>, arguments: Value) -> Value {
    let mut agent = agent(account, None, Revision::Of2026).await;
    agent.call("get_request", arguments).await.answer()
}

#[tokio::test]
async fn many_agents_that_ask_the_same_have_asked_once() {
    let account = account("agent-many-ask").await;
    let asks = (0..8).map(|_| async {
        let mut agent = agent(&account, None, Revision::Of2026).await;
        agent.call("request_secret", ask("MAILER_API_KEY")).await.answer()
    });
    let answers = futures::future::join_all(asks).await;
    assert!(answers.iter().all(|answer| answer["status"] == "pending"));
    assert_eq!(answers.iter().filter(|answer| answer["is_new"] == true).count(), 1);
    let asked = find(&account, "mailer-api-key").await.expect("it waits");
    assert_eq!(asked.metadata.generation, Some(1), "nothing was written twice");
    assert_eq!(account.caller().list(false).await.expect("a list").len(), 1);
}

#[tokio::test]
async fn twenty_questions_of_agents_wait_at_most_whatever_others_ask() {
    let account = account("agent-limit").await;
    let person = account.caller();
    for n in 0..20 {
        let question = Question { purpose: "to try".into(), ..Question::default() };
        let target = format!("SERVICE_{n}_KEY");
        let target = kliv_secrets::account::Target::new(target, None);
        person.request(&target, question, DryRun::None).await.expect("is asked");
    }
    let mut agent = agent(&account, None, Revision::Of2026).await;
    for n in 0..20 {
        agent.call("request_secret", ask(&format!("PROVIDER_{n}_KEY"))).await.answer();
    }
    let words = agent.call("request_secret", ask("MAILER_API_KEY")).await.refused();
    assert!(words.contains("20 is the limit"), "{words}");
    assert!(words.contains("provider-3-key") && !words.contains("service-"), "{words}");
    let back = agent.call("cancel_request", named("PROVIDER_3_KEY")).await.answer();
    assert_eq!(back["cancelled"], true);
    assert!(find(&account, "provider-3-key").await.is_none());
    agent.call("request_secret", ask("MAILER_API_KEY")).await.answer();
}

#[tokio::test]
async fn what_was_answered_stays_whoever_takes_the_question_back() {
    let account = account("agent-cancel").await;
    let mut agent = agent(&account, None, Revision::Of2026).await;
    agent.call("request_secret", ask("MAILER_API_KEY")).await.answer();
    give(&account, "mailer-api-key").await;
    let back = agent.call("cancel_request", named("MAILER_API_KEY")).await.answer();
    assert_eq!(back["cancelled"], false);
    assert_eq!(back["has_value"], true);
    account.published("mailer-api-key").await;
    is_silent(&agent);
}

#[tokio::test]
async fn a_question_for_a_new_value_is_taken_back_and_the_value_in_use_stays() {
    let account = account("agent-cancel-new").await;
    let there = account.put(&secret("MAILER_API_KEY", VALUE)).await;
    let question = Question { purpose: "it leaked".into(), ..Question::default() };
    account.caller().ask_anew(&there, question, DryRun::None).await.expect("is asked");
    let mut agent = agent(&account, None, Revision::Of2026).await;
    let pending = agent.call("get_request", named("MAILER_API_KEY")).await.answer();
    assert_eq!(pending["status"], "pending");
    assert_eq!(pending["wanted"], "new_value");
    assert_eq!(pending["has_value"], true);
    let id = wait(&mut agent, named("MAILER_API_KEY")).await;

    let mut other = self::agent(&account, None, Revision::Of2026).await;
    let back = other.call("cancel_request", named("MAILER_API_KEY")).await.answer();

    assert_eq!(back["cancelled"], true);
    assert_eq!(back["wanted"], "new_value");
    assert_eq!(waited(&mut agent, id).await["status"], "refused");
    let now = account.published("mailer-api-key").await;
    assert_eq!(now.status.expect("a status").version, Some(1));
    assert_eq!(now.spec.request, None);
    is_silent(&agent);
    is_silent(&other);
}

#[tokio::test]
async fn who_may_only_look_can_wait_and_look_but_neither_ask_nor_take_back() {
    let account = account("agent-viewer").await;
    account.grant("kliv-secrets-viewer", "viewer").await;
    let viewer = account.cluster.as_user("viewer", &[]);
    let mut agent = agent(&account, Some(viewer), Revision::Of2026).await;
    agent.call("request_secret", ask("MAILER_API_KEY")).await.refused();
    assert!(find(&account, "mailer-api-key").await.is_none());
    let question = Question { purpose: "to try".into(), ..Question::default() };
    let target = kliv_secrets::account::Target::new("MAILER_API_KEY".into(), None);
    account.caller().request(&target, question, DryRun::None).await.expect("is asked");
    let pending = agent.call("get_request", named("MAILER_API_KEY")).await.answer();
    assert_eq!(pending["status"], "pending");
    agent.call("cancel_request", named("MAILER_API_KEY")).await.refused();
    let id = wait(&mut agent, named("MAILER_API_KEY")).await;
    give(&account, "mailer-api-key").await;
    assert_eq!(waited(&mut agent, id).await["status"], "answered");
    is_silent(&agent);
}
