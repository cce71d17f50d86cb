//! AI agents, from a client of an official SDK to the running function: neither sees a value.

use std::process::{Child, Command, Stdio};

use k8s_openapi::api::core::v1::Pod;
use kliv_secrets::api::{KlivSecret, KlivSecretStatus};
use kube::api::{Api, ListParams};
use serde_json::json;

use crate::account::Account;
use crate::harness::{BEFORE, Can, Door, LATEST, Record, Sdk, SdkClient, eventually, free_address};
use crate::operator::{NAMESPACE, Operator};

const VALUE: &str = "the-answer-that-only-a-person-has-4711";

#[tokio::test]
async fn an_agent_beside_a_person_gets_a_function_the_value_that_the_person_has() {
    let Some(operator) = Operator::shared().await else { return };
    for sdk in [Sdk::TypeScript1, Sdk::TypeScript2(LATEST), Sdk::Python(LATEST)] {
        let account = Account::new(&operator, "mcp-stdio").await;
        let words = [env!("CARGO_BIN_EXE_kubectl-kliv"), "mcp", "-vvv", "-n", &account.namespace];
        let door = Door::Stdio {
            command: words.map(str::to_owned).to_vec(),
            kubeconfig: operator.cluster.kubeconfig().to_owned(),
        };
        gets_it(&account, sdk, &door, &Record::new()).await;
    }
}

#[tokio::test]
async fn an_agent_over_http_gets_it_as_whom_its_token_was_issued_to() {
    let Some(operator) = Operator::alone().await else { return };
    let port = free_address().port();
    let public = format!("http://localhost:{port}");
    let url = format!("mcp.publicURL={public}");
    // The port that is forwarded stands for a proxy.
    let proxy = "mcp.proxies=1,mcp.proxyFrom={127.0.0.1/32}";
    let set = ["mcp.enabled=true", &url, "mcp.tls.atProxy=true", proxy];
    operator.upgrade(&set).await;
    let _forwarded = Forwarded::start(&operator, port).await;
    for sdk in [Sdk::TypeScript1, Sdk::TypeScript2(LATEST), Sdk::Python(BEFORE)] {
        let account = Account::new(&operator, "mcp-http").await;
        let robot = format!("--serviceaccount={}:default", account.namespace);
        operator.cluster.grant("edit", &robot, &account.namespace).await;
        let ask = ["create", "token", "default", "--audience=kliv-secrets-mcp"];
        let token = account.kubectl(&ask, "").success().trim().to_owned();
        let record = Record::new();
        let proxied = record.proxy(&public, None).await;
        let url = format!("{}/accounts/{}/mcp", proxied.url, account.namespace);
        let door = Door::Http { url, token: Some(token) };
        gets_it(&account, sdk, &door, &record).await;
        let asked = status(&account, "mailer-api-key").await;
        assert_eq!(asked.via.as_deref(), Some("cli"), "the person's");
        let made = status(&account, "internal-webhook-secret").await;
        let robot = format!("system:serviceaccount:{}:default", account.namespace);
        assert_eq!(made.updated_by.as_deref(), Some(&*robot));
        assert_eq!(made.via.as_deref(), Some("agent"));
    }
}

/// An agent asks, a person answers in a terminal, and the function that runs has the value.
async fn gets_it(account: &Account<'_>, sdk: Sdk, door: &Door, record: &Record) {
    account.apply(&account.function("shop"));
    account.runs_with("shop", &[]).await;
    let mut agent = SdkClient::start(sdk, door, Can::Nothing, record).await;
    let need = json!({ "names": ["MAILER_API_KEY"], "function": "shop" });
    let missing = agent.gives("check_requirements", need).await;
    assert_eq!(missing["variables"][0]["next_step"], "request_secret", "{missing}");

    let ask = json!({ "name": "MAILER_API_KEY", "purpose": "to send receipts" });
    let asked = agent.gives("request_secret", ask).await;

    let line = format!("kubectl kliv answer mailer-api-key -n {}", account.namespace);
    assert_eq!(asked["command"], line, "{asked}");
    let answer = ["answer", "mailer-api-key", "--from-stdin", "--no-wait"];
    account.kliv(&answer, VALUE).success();
    let wait = json!({ "name": "MAILER_API_KEY", "until": "live", "timeout_seconds": 120 });
    let waited = agent.gives("wait_for_secret", wait).await;
    assert_eq!(waited["request"]["status"], "answered", "{waited}");
    account.runs_with("shop", &[("MAILER_API_KEY", VALUE)]).await;

    let make = json!({ "name": "INTERNAL_WEBHOOK_SECRET", "purpose": "to sign our own calls" });
    agent.gives("generate_secret", make).await;
    let made = eventually("the function runs with what was made", async || {
        let mut environment = account.runs_with("shop", &[("MAILER_API_KEY", VALUE)]).await;
        environment.remove("INTERNAL_WEBHOOK_SECRET")
    })
    .await;
    let listed = agent.gives("list_secrets", json!({})).await;
    assert_eq!(listed["total"], 2, "{listed}");
    drop(agent);
    let searched = record.search(&[VALUE.to_owned(), made], &[], &[]).await;
    assert!(searched.bytes > 1000 && searched.found.is_empty(), "{:?}", searched.found);
}

async fn status(account: &Account<'_>, name: &str) -> KlivSecretStatus {
    account.published(name).await;
    let secret: KlivSecret = account.api().get(name).await.expect("the secret");
    secret.status.expect("a status")
}

/// `kubectl port-forward` to the agents' server.
struct Forwarded(Child);

impl Forwarded {
    async fn start(operator: &Operator, port: u16) -> Self {
        let pods: Api<Pod> = operator.api();
        let of_it = ListParams::default().labels("app.kubernetes.io/component=mcp");
        eventually("the agents' server is ready", async || {
            let pods = pods.list(&of_it).await.ok()?.items;
            let is_ready = |pod: &Pod| {
                let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
                conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
            };
            (!pods.is_empty() && pods.iter().all(is_ready)).then_some(())
        })
        .await;
        let mut command: Command = operator.cluster.command("kubectl");
        let ports = format!("{port}:80");
        command.args(["port-forward", "-n", NAMESPACE, "svc/kliv-secrets-mcp", &ports]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("starts");
        let forwarded = Self(child);
        eventually("the port is forwarded", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop)
        })
        .await;
        forwarded
    }
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
