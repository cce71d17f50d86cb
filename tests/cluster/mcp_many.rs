//! Many agents at once: no question is lost, and each gets its own answer.
#![expect(clippy::print_stdout, reason = "figures, for whoever asks by --nocapture")]

use std::collections::BTreeMap;

use futures::future::join_all;
use kliv_secrets::account::{DryRun, How, Wanted};
use kliv_secrets::api::KlivSecret;
use kliv_secrets::runtime::clock;
use kliv_secrets::seal::Plaintext;
use kube::api::ListParams;
use serde_json::json;

use crate::account::{Account, function};
use crate::harness::{Door, Record, eventually};
use crate::mcp_agents::door;
use crate::mcp_http::Server;
use crate::web::operator;

const ACCOUNTS: usize = 10;
const EACH: usize = 10;

/// What one agent asks for, and what people give it.
fn wanted(account: usize, agent: usize) -> (String, String) {
    (format!("AGENT_{agent}_API_KEY"), format!("the value of {agent} in {account}, and no other"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_agents_ask_and_wait_at_once_and_each_gets_its_own_answer() {
    let operator = operator().await;
    // What records them stands for all.
    let server = Server::start("mcp-many", &["--proxy-from=127.0.0.1"]).await;
    let record = Record::new();
    let accounts = (0..ACCOUNTS).map(async |_| Account::new(operator, "mcp-many").await);
    let accounts = join_all(accounts).await;
    let mut agents = Vec::new();
    let mut proxies = Vec::new();
    for (at, account) in accounts.iter().enumerate() {
        account.create(&function("shop")).await;
        let (proxy, door) = door(account, &server, &record).await;
        let Door::Http { url, token } = door else { panic!("not HTTP") };
        proxies.push(proxy);
        agents.extend(
            (0..EACH)
                .map(|agent| json!({ "url": url, "token": token, "name": wanted(at, agent).0 })),
        );
    }

    let people = join_all(accounts.iter().enumerate().map(|(at, account)| answer(account, at)));
    let (ended, _) = tokio::join!(record.many(&agents), people);

    let ended = ended.as_array().expect("a list").clone();
    assert_eq!(ended.len(), ACCOUNTS * EACH);
    for (agent, end) in agents.iter().zip(&ended) {
        assert_eq!(end["status"], "answered", "{}: {end}", agent["name"]);
        assert_eq!((&end["variable"], &end["isNew"]), (&agent["name"], &json!(true)), "{end}");
    }
    for (at, account) in accounts.iter().enumerate() {
        let all: Vec<_> = (0..EACH).map(|agent| wanted(at, agent)).collect();
        let all: Vec<_> = all.iter().map(|(name, value)| (&**name, &**value)).collect();
        account.gets("shop", &all).await;
    }
    let mut rounds = BTreeMap::new();
    for end in &ended {
        *rounds.entry(end["rounds"].as_u64()).or_insert(0) += 1;
    }
    println!("a hundred agents: waits that each took, and how many took so many: {rounds:?}");
}

/// A person who answers whatever an account's agents ask, as it comes, until all is answered.
async fn answer(account: &Account<'_>, at: usize) {
    let caller = account.caller();
    let key = caller.sealing_key().await.expect("a key");
    let mut answered = 0;
    while answered < EACH {
        answered += eventually("more of what the agents ask is answered", async || {
            let mut more = 0;
            let secrets = account.api::<KlivSecret>().list(&ListParams::default()).await;
            for secret in secrets.expect("a list").items {
                if Wanted::of(&secret) != Some(Wanted::Value) {
                    continue;
                }
                let agent = secret.spec.env_var.split('_').nth(1).and_then(|n| n.parse().ok());
                let (_, value) = wanted(at, agent.expect("a number"));
                let how = How { key: &key, now: clock::now(), dry_run: DryRun::None };
                let value = Plaintext::new(value.into_bytes()).into();
                // Another has been here where it was changed meanwhile: then the next look sees it.
                if caller.answer(&secret, &value, &how).await.is_ok() {
                    more += 1;
                }
            }
            (more > 0).then_some(more)
        })
        .await;
    }
}
