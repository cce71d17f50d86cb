//! Signing in, in a real browser at a real API server.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

use crate::account::{Account, secret};
use crate::harness::{AUDIENCE, journey};
use crate::web::operator;
use crate::web_ground::Ground;

#[tokio::test]
async fn people_sign_in_by_their_provider_or_by_a_token_and_out_again() {
    let ground = Ground::shared().await;
    let account = Account::new(ground.operator, "web-signin").await;
    account.put(&secret("SHOWN_TOKEN", "some value")).await;
    let (cluster, server) = (account.cluster, &ground.apart);
    let namespace = account.namespace.as_str();
    let member = format!("--serviceaccount={namespace}:default");
    for whom in ["--group=oidc:annas", &member] {
        cluster.grant("kliv-secrets-viewer", whom, namespace).await;
    }
    let own = token(&account, "default", &[AUDIENCE]).await;
    // The same page, opened with a token that could do everything.
    cluster.kubectl(&["create", "serviceaccount", "root", "-n", namespace]).success();
    let root = format!("--serviceaccount={namespace}:root");
    cluster.grant("cluster-admin", &root, "").await;
    let powerful = token(&account, "root", &[]).await;

    let input = json!({
        "servers": ground.servers(), "origin": server.origin, "issuer": ground.provider.issuer,
        "user": "anna", "password": ground.person("anna")["password"], "person": "oidc:anna",
        "account": namespace, "token": own, "powerful": powerful,
        "owner": format!("system:serviceaccount:{namespace}:default"),
    });
    let told = journey("ways-in", &input).await;
    assert!(told.requests > 20, "{}", told.requests);

    let log = server.said();
    assert!(log.contains("somebody signed in") && log.contains("powerful"), "{log}");
    let mut secrets: Vec<String> = [&own, &powerful].map(|token| token.to_owned()).into();
    let cookies = told.result["secrets"].as_array().expect("secrets").clone();
    secrets.extend(cookies.iter().filter_map(Value::as_str).map(str::to_owned));
    assert!(secrets.len() > 5, "{secrets:?}");
    for secret in secrets.iter().map(String::as_str).chain(["code=", "state=", "oidc:anna"]) {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}

#[tokio::test]
async fn the_page_on_a_person_s_own_machine_opens_once_and_acts_as_him() {
    let operator = operator().await;
    let account = Account::new(operator, "web-local").await;
    account.put(&secret("SHOWN_TOKEN", "some value")).await;
    let namespace = account.namespace.as_str();
    account.cluster.grant("kliv-secrets-viewer", "--user=local:bo", namespace).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-kliv"));
    command.args(["ui", "--no-browser", "--idle=60s", "-v", "-n", namespace, "--as=local:bo"]);
    command.env("KUBECONFIG", account.cluster.kubeconfig());
    let log = operator.file("kliv-ui.log", "");
    let errors = fs::File::create(&log).expect("a file");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
    let mut page = command.spawn().expect("starts");
    let mut link = String::new();
    let stdout = page.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut link).expect("a line");
    let link = link.trim_end();
    let (origin, rest) = link.split_once("/sign-in/").expect("a link");
    assert!(origin.starts_with("http://127.0.0.1:"), "{link}");
    let token = rest.strip_prefix("link?token=").expect("a token");
    // Nobody on the machine sees it in the list of processes.
    let seen = fs::read(format!("/proc/{}/cmdline", page.id())).expect("what it was called with");
    assert!(!String::from_utf8_lossy(&seen).contains(token));

    let input = json!({
        "servers": [{ "origin": origin }], "origin": origin, "link": link,
        "person": "local:bo", "account": namespace,
    });
    journey("sign-in-local", &input).await;

    // Nobody asks any more: it ends by itself.
    let ended = page.wait().expect("ends");
    let told = fs::read_to_string(&log).expect("a log");
    assert!(ended.success(), "{told}");
    assert!(told.contains("the page ends") && told.contains("klivsecrets"), "{told}");
    assert!(!told.contains(token) && !told.contains("token="), "{told}");
}

async fn token(account: &Account<'_>, name: &str, audiences: &[&str]) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(account.client.clone(), &account.namespace);
    let audiences = (!audiences.is_empty())
        .then(|| audiences.iter().map(|&audience| audience.to_owned()).collect());
    let spec = TokenRequestSpec { audiences, ..TokenRequestSpec::default() };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let answer = accounts.create_token_request(name, &PostParams::default(), &request).await;
    answer.expect("an answer").status.and_then(|status| status.token).expect("a token")
}
