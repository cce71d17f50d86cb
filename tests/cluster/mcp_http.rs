//! `kliv-secrets mcp` as clients meet it: the program, with TLS, before a real API server.

use std::path::PathBuf;
use std::process::Command;

use axum::body::{Body, to_bytes};
use http::{Request, StatusCode, header};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::account::{Account, secret};
use crate::harness::mcp_door::{Answer, endpoint};
use crate::harness::{Address, Process, Tls, eventually, free_address, https};
use crate::mcp_identity::{list_secrets, refusal, token};
use crate::web::{AGENTS, operator};

/// The program; it ends with the value.
pub(crate) struct Server {
    /// Where clients reach it.
    pub(crate) origin: String,
    health: String,
    pub(crate) tls: Tls,
    log: PathBuf,
    _process: Process,
}

impl Server {
    pub(crate) async fn start(name: &str, more: &[&str]) -> Self {
        Self::start_saying("trace", name, more).await
    }

    /// One that logs so much.
    pub(crate) async fn start_saying(level: &str, name: &str, more: &[&str]) -> Self {
        let operator = operator().await;
        let (address, http, tls) = (Address::new(), free_address(), Tls::new());
        let folder = operator.cluster.kubeconfig().with_file_name(name);
        std::fs::create_dir(&folder).expect("a folder");
        for (file, text) in [("tls.crt", &tls.certificate), ("tls.key", &tls.key)] {
            std::fs::write(folder.join(file), text).expect("a file");
        }
        let port = address.origin.rsplit(':').next().expect("a port").to_owned();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kliv-secrets"));
        command.args(["mcp", "--log-level", level, "--http-bind", &http.to_string()]);
        command.args(["--bind", &format!("127.0.0.1:{port}"), "--public-url", &address.origin]);
        command.arg("--tls-dir").arg(&folder).args(more);
        command.env("KUBECONFIG", operator.kubeconfig_of(AGENTS));
        let log = folder.join("log");
        let process = Process::start(command, &log);
        let server =
            Self { origin: address.origin, health: http.to_string(), tls, log, _process: process };
        eventually("the agents' server listens", async || {
            std::net::TcpStream::connect(format!("127.0.0.1:{port}")).ok()
        })
        .await;
        server
    }

    pub(crate) async fn says(&self, token: &str, account: &str, message: &Value) -> Answer {
        self.says_with(token, account, &[], message).await
    }

    async fn says_with(
        &self,
        token: &str,
        account: &str,
        more: &[(&str, &str)],
        message: &Value,
    ) -> Answer {
        self.send(self.request(token, account, more, message)).await
    }

    /// A message as a client sends it.
    pub(crate) fn request(
        &self,
        token: &str,
        account: &str,
        more: &[(&str, &str)],
        message: &Value,
    ) -> Request<Body> {
        let mut request = Request::post(format!("{}{}", self.origin, endpoint(account)))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        request.body(Body::from(message.to_string())).expect("a request")
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.tls.certificate, request).await
    }

    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a log")
    }
}

/// Asks whoever has this certificate.
pub(crate) async fn send(certificate: &str, request: Request<Body>) -> Answer {
    ask(&https(certificate), request).await
}

/// Asks through a client.
pub(crate) async fn ask(
    client: &Client<HttpsConnector<HttpConnector>, Body>,
    request: Request<Body>,
) -> Answer {
    let (head, body) = client.request(request).await.expect("an answer").into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.expect("a body");
    let body = String::from_utf8(body.to_vec()).expect("text");
    Answer { status: head.status, headers: head.headers, body }
}

#[tokio::test]
async fn somebody_lists_his_accounts_secrets_and_nobody_elses_and_no_log_knows_how() {
    let operator = operator().await;
    let account = Account::new(operator, "mcp-mine").await;
    let other = Account::new(operator, "mcp-theirs").await;
    account.put(&secret("MAILER_TOKEN", "some value 4711")).await;
    other.put(&secret("OTHERS_TOKEN", "another value")).await;
    let server = Server::start("mcp-http", &[]).await;
    let robot = format!("--serviceaccount={}:default", account.namespace);
    operator.cluster.grant("kliv-secrets-viewer", &robot, &account.namespace).await;
    let token = token(&account, "default", &["kliv-secrets-mcp"]).await;

    let answer = server.says(&token, &account.namespace, &list_secrets()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.body.contains("MAILER_TOKEN"), "{}", answer.body);
    assert!(!answer.body.contains("4711"), "{}", answer.body);

    let answer = server.says(&token, &other.namespace, &list_secrets()).await;
    assert_eq!(answer.status, StatusCode::OK, "a token for the server may ask: {}", answer.body);
    let words = refusal(&answer);
    assert!(words.contains("the right to list klivsecrets"), "{words}");
    assert!(!answer.body.contains("OTHERS_TOKEN"), "{}", answer.body);

    let log = server.said();
    let line = log.lines().find(|line| line.contains("a tool was called")).expect("a line");
    assert!(line.contains("list_secrets") && line.contains(&account.namespace), "{line}");
    for part in token.split('.') {
        assert!(!log.contains(part), "the token is in the log");
    }
    assert!(!log.contains("MAILER_TOKEN") && !log.contains("4711"), "{log}");
}

#[tokio::test]
async fn a_session_of_one_is_not_taken_from_another_by_another_replica() {
    let operator = operator().await;
    let account = Account::new(operator, "mcp-session").await;
    let key = operator.cluster.kubeconfig().with_file_name("mcp-state-key");
    std::fs::write(&key, [9; 48]).expect("a key");
    let flag = format!("--state-key-file={}", key.display());
    let one = Server::start("mcp-one", &[&flag]).await;
    let two = Server::start("mcp-two", &[&flag]).await;
    account.kubectl(&["create", "serviceaccount", "other"], &json!(null)).success();
    let mine = token(&account, "default", &["kliv-secrets-mcp"]).await;
    let others = token(&account, "other", &["kliv-secrets-mcp"]).await;
    let begins = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": { "elicitation": { "url": {} } },
            "clientInfo": { "name": "tests", "version": "1" },
        },
    });
    let begun = one.says(&mine, &account.namespace, &begins).await;
    let id = begun.header("mcp-session-id").expect("a session").to_owned();
    let goes_on = async |server: &Server, token: &str| {
        let more = [("mcp-session-id", id.as_str())];
        server.says_with(token, &account.namespace, &more, &list_secrets()).await.status
    };
    assert_eq!(goes_on(&one, &mine).await, StatusCode::OK);
    assert_eq!(goes_on(&two, &mine).await, StatusCode::OK);
    assert_eq!(goes_on(&one, &others).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_name_that_leads_here_is_not_served_and_health_is_told_elsewhere() {
    let server = Server::start("mcp-host", &[]).await;
    let request = Request::get(format!("{}/accounts/a/mcp", server.origin));
    let request = request.header(header::HOST, "evil.example").body(Body::empty());
    let answer = server.send(request.expect("a request")).await;
    assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
    for path in ["/metrics", "/livez", "/readyz"] {
        let request = Request::get(format!("{}{path}", server.origin)).body(Body::empty());
        let answer = server.send(request.expect("a request")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let plain: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let ready = format!("http://{}/readyz", server.health).parse().expect("an address");
    let ready = plain.get(ready).await.expect("an answer");
    assert_eq!(ready.status(), StatusCode::OK);
}
