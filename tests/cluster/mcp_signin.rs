//! Agents' clients that find by themselves where tokens come from, and have somebody sign in
//! there: those of the official SDKs, before the program and a real OpenID provider.

use std::path::PathBuf;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::account::{Account, secret};
use crate::harness::mcp_door::endpoint;
use crate::harness::{Answer, Door, LATEST, Person, Provider, Record, Sdk, SdkClient, eventually};
use crate::mcp_http::Server;
use crate::mcp_identity::{encoded, issued, list_secrets};
use crate::web::operator;

/// Where clients have people sent back to: nobody listens there, the test is the browser.
const REDIRECT: &str = "http://localhost:33418/callback";
/// The client that a provider knows.
const CLIENT: &str = "agents";
const PASSWORD: &str = "her-passw0rd";

/// A company's provider, and a server that takes its tokens.
struct Company {
    provider: Provider,
    server: Server,
    ca: PathBuf,
}

impl Company {
    async fn start(name: &str, registers: bool) -> Self {
        let operator = operator().await;
        let people = ["anna", "bo"]
            .map(|name| json!({ "name": name, "password": PASSWORD, "groups": ["people"] }));
        let provider = Provider::of_agents((CLIENT, REDIRECT), registers, &json!(people)).await;
        let file = |file: &str, text: &str| {
            let path = operator.cluster.kubeconfig().with_file_name(format!("{name}-{file}"));
            std::fs::write(&path, text).expect("a file");
            path
        };
        let certificate = &provider.tls.certificate;
        let trusted = format!("--oidc-ca-file={}", file("provider.crt", certificate).display());
        let issuer = format!("--oidc-issuer={}", provider.issuer);
        let names = "--oidc-username-prefix=idp:";
        let flags = [&issuer, &trusted, names, "--oidc-scopes=openid,use"];
        let server = Server::start(name, &flags).await;
        let ca = file("both.crt", &format!("{certificate}{}", server.tls.certificate));
        Self { provider, server, ca }
    }

    /// One whose provider registers whoever comes; tests share it.
    async fn shared() -> &'static Self {
        static SHARED: OnceCell<Company> = OnceCell::const_new();
        SHARED.get_or_init(async || Self::start("mcp-signin", true).await).await
    }

    /// An account's endpoint, as tokens name it.
    fn resource(&self, account: &str) -> String {
        format!("{}{}", self.server.origin, endpoint(account))
    }

    /// An agent of somebody, before an account; `known` where the provider knows the client.
    async fn agent(
        &self,
        sdk: Sdk,
        who: &str,
        account: &Account<'_>,
        known: Option<&str>,
        record: &Record,
    ) -> Result<SdkClient, Value> {
        let door = Door::SignIn {
            url: self.resource(&account.namespace),
            ca: self.ca.clone(),
            redirect: REDIRECT.to_owned(),
            client: known.map(str::to_owned),
        };
        let person = Person::of(&self.provider, who, PASSWORD);
        SdkClient::signing_in(sdk, &door, person, record).await
    }

    /// What the server answers to a token that it does not take: where to get another, and why.
    async fn refuses(&self, token: &str, account: &Account<'_>, why: &str) {
        let answer = self.server.says(token, &account.namespace, &list_secrets()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.body);
        let challenge = answer.header("www-authenticate").expect("a challenge");
        let place = format!(
            "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource{}\", \
             scope=\"openid use\", error=\"invalid_token\"",
            self.server.origin,
            endpoint(&account.namespace),
        );
        assert!(challenge.starts_with(&place) && challenge.contains(why), "{challenge}");
    }
}

/// How often somebody was sent to the provider's pages.
fn opened(agent: &SdkClient) -> &[String] {
    &agent.person.as_ref().expect("somebody").opened
}

async fn holds(agent: &mut SdkClient, tokens: Value) {
    let held: Answer = agent.does(json!({ "do": "hold", "tokens": tokens })).await;
    held.expect("an agent that holds tokens");
}

/// An account in which anna may do what people do, and bo nothing.
async fn account() -> Account<'static> {
    let account = Account::new(operator().await, "mcp-signin").await;
    account.put(&secret("SHOWN_TOKEN", "some value")).await;
    account.cluster.grant("kliv-secrets-editor", "--user=idp:anna", &account.namespace).await;
    let can = ["auth", "can-i", "create", "klivsecrets", "--as=idp:anna"];
    eventually("what was granted is known", async || {
        account.kubectl(&can, &json!(null)).ok.then_some(())
    })
    .await;
    account
}

async fn all_of_it(sdk: Sdk, renews: bool) {
    let (company, account, record) = (Company::shared().await, account().await, Record::new());
    let mark = account.cluster.audit_mark().await;
    let agent = company.agent(sdk, "anna", &account, None, &record).await;
    let mut agent = agent.unwrap_or_else(|why| panic!("{sdk:?} does not sign in: {why}"));

    let [page] = opened(&agent) else { panic!("{:?}", opened(&agent)) };
    let resource = company.resource(&account.namespace);
    let wanted = format!("resource={}", encoded(&resource));
    for part in [wanted.as_str(), "code_challenge_method=S256", "scope=openid+use"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let listed = agent.gives("list_secrets", json!({})).await;
    assert_eq!(listed["secrets"][0]["variable"], "SHOWN_TOKEN", "{listed}");
    let generated = json!({ "name": "HOOK_SIGNING_SECRET", "purpose": "to sign our own webhooks" });
    agent.gives("generate_secret", generated).await;
    let asked = account.cluster.audit_since(mark).await.into_iter().filter(|request| {
        request.resource == "klivsecrets" && request.namespace == account.namespace
    });
    let mut as_her: Vec<_> =
        asked.filter(|one| one.user == "idp:anna").map(|one| one.verb).collect();
    as_her.sort();
    as_her.dedup();
    assert!(as_her.iter().any(|verb| verb == "list"), "{as_her:?}");
    assert!(as_her.iter().any(|verb| verb == "create" || verb == "patch"), "{as_her:?}");

    // Another account's: she has to sign in again.
    let other = company.resource("other");
    let elsewhere = issued(&company.provider, &other, "").await;
    company.refuses(&elsewhere, &account, "issued for somebody else").await;
    holds(&mut agent, json!({ "access_token": elsewhere, "refresh_token": null })).await;
    agent.gives("list_secrets", json!({})).await;
    assert_eq!(opened(&agent).len(), 2);

    // One that is over: it is renewed, and nobody is asked.
    if renews {
        let over = issued(&company.provider, &resource, "&over=yes").await;
        company.refuses(&over, &account, "is over").await;
        holds(&mut agent, json!({ "access_token": over })).await;
        agent.gives("list_secrets", json!({})).await;
        assert_eq!(opened(&agent).len(), 2);
    }
}

#[tokio::test]
async fn the_first_typescript_sdk_signs_somebody_in_by_discovery_and_renews_what_is_over() {
    all_of_it(Sdk::TypeScript1, true).await;
}

#[tokio::test]
async fn the_second_typescript_sdk_signs_somebody_in_by_discovery_and_renews_what_is_over() {
    all_of_it(Sdk::TypeScript2(LATEST), true).await;
}

/// It renews tokens by its own clock alone.
#[tokio::test]
async fn the_python_sdk_signs_somebody_in_by_discovery() {
    all_of_it(Sdk::Python(LATEST), false).await;
}

#[tokio::test]
async fn whoever_signs_in_without_rights_is_told_which_he_lacks() {
    let (company, account, record) = (Company::shared().await, account().await, Record::new());
    let agent = company.agent(Sdk::TypeScript2(LATEST), "bo", &account, None, &record).await;
    let refused = agent.expect("somebody").refused("list_secrets", json!({})).await;
    assert!(refused.contains("the right to list klivsecrets"), "{refused}");
    assert!(!refused.contains("SHOWN_TOKEN"), "{refused}");
}

#[tokio::test]
async fn where_no_client_may_register_one_that_the_provider_knows_signs_somebody_in() {
    let company = Company::start("mcp-signin-known", false).await;
    let (account, record) = (account().await, Record::new());
    for sdk in [Sdk::TypeScript1, Sdk::TypeScript2(LATEST), Sdk::Python(LATEST)] {
        let unknown = company.agent(sdk, "anna", &account, None, &record).await;
        assert!(unknown.is_err(), "{sdk:?}");
        let agent = company.agent(sdk, "anna", &account, Some(CLIENT), &record).await;
        let mut agent = agent.unwrap_or_else(|why| panic!("{sdk:?} does not sign in: {why}"));
        agent.gives("list_secrets", json!({})).await;
        assert_eq!(opened(&agent).len(), 1);
    }
}
