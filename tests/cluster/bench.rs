//! `make bench`: ratios, taken in one run, so that the machine counts for little. Built in
//! release, and run by nothing else.
#![expect(clippy::disallowed_methods, reason = "times are what is asked for")]
#![expect(clippy::print_stdout, reason = "the ratios are the answer")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use kliv_secrets::api::KlivSecret;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use crate::account::{Account, kubectl_kliv, secret};
use crate::harness::{eventually, https, run};
use crate::mcp_http::{Server, ask};
use crate::mcp_identity::token;
use crate::operator::Operator;

const TIMES: usize = 5;
const KEYS: usize = 200;
const IN_FLIGHT: usize = 32;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make bench"]
async fn ratios() {
    let operator = Operator::shared().await;
    // First, while there are no others.
    list(operator).await;
    import(operator).await;
    agents().await;
}

/// Import of 200 keys, until the last status says so, against as many raw writes.
async fn import(operator: &Operator) {
    let (mut ours, mut stored, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..TIMES {
        let account = Account::new(operator, "bench-raw").await;
        let begun = Instant::now();
        stream::iter(0..KEYS)
            .map(async |i| {
                let name = format!("raw-{i}");
                let value = format!("value-{i}-0123456789abcdef");
                let object = json!({
                    "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name },
                    "stringData": { "KEY": value },
                });
                let params = PatchParams::apply("bench");
                let secrets = account.api::<Secret>();
                secrets.patch(&name, &params, &Patch::Apply(&object)).await.expect("is written");
            })
            .buffer_unordered(IN_FLIGHT)
            .for_each(async |()| ())
            .await;
        raw.push(begun.elapsed());

        let mut text = String::new();
        for i in 0..KEYS {
            writeln!(text, "KEY_{i}=value-{i}-0123456789abcdef").expect("text");
        }
        for (flag, times) in [("--no-wait", &mut stored), ("--timeout=1m", &mut ours)] {
            let account = Account::new(operator, "bench-import").await;
            let args = ["import", "-", "--yes", flag, "-n", &account.namespace];
            let begun = Instant::now();
            let said = run(kubectl_kliv(account.cluster, &args), &text).success();
            times.push(begun.elapsed());
            assert!(said.contains(&format!("imported: {KEYS} new")), "round {round}");
            all_published(&account).await;
        }
    }
    say("import of 200 keys, not waiting", stored, "200 raw writes, 32 in flight", raw.clone());
    say("import of 200 keys to the last status", ours, "200 raw writes, 32 in flight", raw);
}

/// `list` of 1,000 secrets, the process's start included, against the raw LIST.
async fn list(operator: &Operator) {
    let accounts = [(); 4].map(async |()| Account::new(operator, "bench-list").await);
    let accounts = futures::future::join_all(accounts).await;
    stream::iter((0..1000).map(|i| (&accounts[i % 4], i)))
        .map(async |(account, i)| {
            let object = secret(&format!("LISTED_{i}"), &format!("value-{i}-0123456789abcdef"));
            write(account, &object, i).await;
        })
        .buffer_unordered(IN_FLIGHT)
        .for_each(async |()| ())
        .await;
    for account in &accounts {
        all_published(account).await;
    }
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let request = http::Request::get("/apis/secrets.kliv.dev/v1alpha1/klivsecrets");
        let begun = Instant::now();
        let text = accounts[0].client.request_text(request.body(Vec::new()).expect("a request"));
        assert!(text.await.expect("a list").len() > 100_000);
        raw.push(begun.elapsed());

        let begun = Instant::now();
        let said = run(kubectl_kliv(accounts[0].cluster, &["list", "-A"]), "").success();
        ours.push(begun.elapsed());
        assert!(said.lines().count() > 1000, "{said}");
    }
    say("list of 1,000 secrets", ours, "the raw LIST", raw);
}

/// `list_secrets` by 100 agents over HTTP at once, against the raw LIST by the same people, as
/// many at once. Each agent has a connection of its own, and waits for an answer before it asks
/// again.
async fn agents() {
    const ACCOUNTS: usize = 10;
    const AGENTS: usize = 100;
    const CALLS: usize = 8;
    let operator = crate::web::operator().await;
    let server = Server::start_saying("info", "mcp-bench", &[]).await;
    let mut accounts = Vec::new();
    for _ in 0..ACCOUNTS {
        let account = Account::new(operator, "bench-agents").await;
        for i in 0..20 {
            let object = secret(&format!("LISTED_{i}"), &format!("value-{i}-0123456789abcdef"));
            write(&account, &object, i).await;
        }
        all_published(&account).await;
        let robot = format!("--serviceaccount={}:default", account.namespace);
        account.cluster.grant("edit", &robot, &account.namespace).await;
        let token = token(&account, "default", &["kliv-secrets-mcp"]).await;
        let raw = account.cluster.as_service_account(&account.namespace, "default").await;
        accounts.push((account, token, raw));
    }
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "list_secrets", "arguments": {} },
    });
    let ours = join_all((0..AGENTS).map(async |agent| {
        let (account, token, _) = &accounts[agent % ACCOUNTS];
        let client = https(&server.tls.certificate);
        let mut times = Vec::new();
        // The first is for the connection.
        for call in 0..=CALLS {
            let request = server.request(token, &account.namespace, &[], &message);
            let begun = Instant::now();
            let answer = ask(&client, request).await;
            let took = begun.elapsed();
            assert!(answer.status == 200 && answer.body.contains("LISTED_19"), "{}", answer.body);
            times.extend((call > 0).then_some(took));
        }
        times
    }))
    .await
    .concat();
    let raw = join_all((0..AGENTS).map(async |agent| {
        let (account, _, raw) = &accounts[agent % ACCOUNTS];
        let path = "/apis/secrets.kliv.dev/v1alpha1/namespaces";
        let path = format!("{path}/{}/klivsecrets", account.namespace);
        let mut times = Vec::new();
        for call in 0..=CALLS {
            let request = http::Request::get(&path).body(Vec::new()).expect("a request");
            let begun = Instant::now();
            let text = raw.request_text(request).await.expect("a list");
            let took = begun.elapsed();
            assert!(text.contains("LISTED_19"));
            times.extend((call > 0).then_some(took));
        }
        times
    }))
    .await
    .concat();
    for (name, of) in [("p50", 50), ("p99", 99)] {
        let nth = |times: &[Duration]| {
            let mut times = times.to_vec();
            times.sort();
            times[times.len() * of / 100]
        };
        let (ours, raw) = (nth(&ours), nth(&raw));
        let ratio = ours.as_secs_f64() / raw.as_secs_f64();
        println!(
            "list_secrets of 20 secrets by {AGENTS} agents over HTTP, {name}: {ours:.0?}; the raw \
             LIST, as many at once: {raw:.0?}; ratio {ratio:.1}"
        );
    }
}

async fn all_published(account: &Account<'_>) {
    eventually("all are published", async || {
        let listed = account.api::<KlivSecret>().list(&ListParams::default()).await;
        let all = listed.expect("a list").items;
        let is_masked =
            |s: &KlivSecret| s.status.as_ref().is_some_and(|status| status.masked_value.is_some());
        all.iter().all(is_masked).then_some(())
    })
    .await;
}

async fn write(account: &Account<'_>, object: &serde_json::Value, i: usize) {
    let name = object["metadata"]["name"].as_str().expect("a name");
    let params = PatchParams::apply("bench");
    let written = account.api::<KlivSecret>().patch(name, &params, &Patch::Apply(object)).await;
    assert!(written.is_ok(), "secret {i} is written");
}

fn say(what: &str, ours: Vec<Duration>, against: &str, raw: Vec<Duration>) {
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (ours, raw) = (median(ours), median(raw));
    let ratio = ours.as_secs_f64() / raw.as_secs_f64();
    println!("{what}: {ours:.0?}; {against}: {raw:.0?}; ratio {ratio:.1} (medians of {TIMES})");
}
