//! Whose token it is, as the agents' server learns it: of the cluster, by its own review; of an
//! issuer that the cluster does not know, by its keys.

use axum::body::Body;
use base64::Engine as _;
use http::{Request, StatusCode, header};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kliv_secrets::server::{ClaimNames, Issuer as Trusted, IssuerSettings, Unknown, whose_for};
use kube::api::{Api, PostParams};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::account::Account;
use crate::harness::mcp_door::{Answer, Door, PUBLIC, endpoint};
use crate::harness::{Issuer, Provider, eventually};
use crate::mcp_http::send;
use crate::web::{agents, operator};

/// The audience of tokens for the server, whatever the account.
const OURS: &str = "kliv-secrets-mcp";

pub(crate) fn list_tools() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })
}

pub(crate) fn list_secrets() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "list_secrets", "arguments": {} },
    })
}

/// A token of the account's ServiceAccount.
pub(crate) async fn token(account: &Account<'_>, name: &str, audiences: &[&str]) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(account.client.clone(), &account.namespace);
    let audiences = audiences.iter().map(|&audience| audience.to_owned()).collect::<Vec<_>>();
    let audiences = (!audiences.is_empty()).then_some(audiences);
    let spec = TokenRequestSpec { audiences, ..TokenRequestSpec::default() };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let answer = accounts.create_token_request(name, &PostParams::default(), &request).await;
    answer.expect("an answer").status.and_then(|status| status.token).expect("a token")
}

/// Those of an issuer, as the API server would name them by flags.
fn trusting(issuer: &str, certificate: &str) -> Trusted {
    let claims = ClaimNames {
        username: "sub".into(),
        username_prefix: Some("idp:".into()),
        groups: Some("groups".into()),
        groups_prefix: Some("idp:".into()),
    };
    let authorities = Some(certificate.as_bytes().to_vec());
    let settings = IssuerSettings { url: issuer.into(), authorities, claims };
    Trusted::new(settings).expect("an issuer")
}

async fn tools(door: &Door, token: &str, account: &Account<'_>) -> Answer {
    door.says(token, &endpoint(&account.namespace), &[], &list_tools()).await
}

/// The text for the model, of a call that was refused.
#[track_caller]
pub(crate) fn refusal(answer: &Answer) -> String {
    let result = &answer.message()["result"];
    assert_eq!(result["isError"], true, "{}", answer.body);
    result["content"][0]["text"].as_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_service_accounts_token_is_good_where_it_was_issued_for_this_server_alone() {
    let account = Account::new(operator().await, "mcp-token").await;
    let client = agents(account.cluster).await;
    let resource = format!("{PUBLIC}/accounts/{}/mcp", account.namespace);
    let ours = [resource.clone(), PUBLIC.to_owned(), OURS.to_owned()];
    let ask = async |audiences: &[&str]| {
        let token = token(&account, "default", audiences).await;
        whose_for(&client, Zeroizing::new(token), &ours).await
    };
    let name = format!("system:serviceaccount:{}:default", account.namespace);
    for audience in &ours {
        let person = ask(&[audience]).await.expect("somebody");
        assert_eq!((person.name.as_str(), person.extra.len()), (name.as_str(), 0), "{audience}");
    }
    assert_eq!(ask(&[]).await, Err(Unknown::Token));
    let api_server = "https://kubernetes.default.svc";
    assert_eq!(ask(&[OURS, api_server]).await, Err(Unknown::Powerful));
    for other in ["kliv-secrets-web", &format!("{PUBLIC}/accounts/other/mcp"), "https://a.example"]
    {
        assert_eq!(ask(&[other]).await, Err(Unknown::Token), "{other}");
    }
}

#[tokio::test]
async fn a_token_of_somebody_who_is_gone_is_good_no_more() {
    let account = Account::new(operator().await, "mcp-gone").await;
    let door = Door::new(agents(account.cluster).await, None);
    account.kubectl(&["create", "serviceaccount", "robot"], &json!(null)).success();
    let token = token(&account, "robot", &[OURS]).await;
    assert_eq!(tools(&door, &token, &account).await.status, StatusCode::OK);
    account.kubectl(&["delete", "serviceaccount", "robot"], &json!(null)).success();
    eventually("the token is refused", async || {
        let answer = tools(&door, &token, &account).await;
        (answer.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_issuers_access_token_is_good_here_and_nowhere_else() {
    let account = Account::new(operator().await, "mcp-issuer").await;
    let cluster = account.cluster;
    let issuer = Issuer::start();
    let door = Door::new(agents(cluster).await, Some(trusting(&issuer.url, &issuer.certificate)));
    cluster.grant("kliv-secrets-viewer", "--group=idp:shop", &account.namespace).await;
    let resource = format!("{PUBLIC}/accounts/{}/mcp", account.namespace);
    let groups = json!({ "groups": ["shop"] });
    let at = endpoint(&account.namespace);
    for audience in [&resource, PUBLIC] {
        let token = issuer.access_token("alice", audience, &groups);
        let answer = door.says(&token, &at, &[], &list_secrets()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert!(answer.message()["result"]["structuredContent"]["secrets"].is_array());
        // The cluster knows nobody by it.
        let ours = [audience.to_owned()];
        let known = whose_for(&cluster.client(), Zeroizing::new(token), &ours).await;
        assert_eq!(known, Err(Unknown::Token));
    }
    let several = issuer.access_token("alice", "", &json!({ "aud": ["account", resource] }));
    assert_eq!(tools(&door, &several, &account).await.status, StatusCode::OK);
    // Who is in no group that has rights is somebody, and may do nothing.
    let nobody = issuer.access_token("bo", &resource, &json!({}));
    let answer = door.says(&nobody, &at, &[], &list_secrets()).await;
    let words = refusal(&answer);
    assert!(words.contains("the right to list klivsecrets"), "{words}");
}

#[tokio::test]
async fn a_token_that_is_not_what_it_should_be_is_refused_and_never_quoted() {
    let account = Account::new(operator().await, "mcp-forged").await;
    let issuer = Issuer::start();
    let door =
        Door::new(agents(account.cluster).await, Some(trusting(&issuer.url, &issuer.certificate)));
    let resource = format!("{PUBLIC}/accounts/{}/mcp", account.namespace);
    let with = |claims: Value| issuer.access_token("alice", &resource, &claims);
    let good = with(json!({}));
    assert_eq!(tools(&door, &good, &account).await.status, StatusCode::OK);

    let claims: Value = {
        let part = good.split('.').nth(1).expect("claims");
        let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64");
        serde_json::from_slice(&bytes).expect("claims")
    };
    let headed = |header: Value| issuer.signed(&header, &claims);
    let unsigned = headed(json!({ "alg": "none", "typ": "at+jwt" }));
    let (body, _) = unsigned.rsplit_once('.').expect("a signature");
    let (message, signature) = good.rsplit_once('.').expect("a signature");
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let later = kliv_secrets::runtime::clock::now().as_second() + 3600;
    let over = "is over, or not good yet";
    let nobodys = "Nobody is known by this token";
    let elsewhere = "issued for somebody else";
    let forged = Issuer::start();
    for (what, token, words) in [
        ("over", with(json!({ "exp": 1_700_000_000 })), over),
        ("not yet", with(json!({ "nbf": later })), over),
        ("no end", with(json!({ "exp": null })), nobodys),
        (
            "another account's",
            with(json!({ "aud": format!("{PUBLIC}/accounts/o/mcp") })),
            elsewhere,
        ),
        ("the web server's", with(json!({ "aud": "kliv-secrets-web" })), elsewhere),
        ("of no audience", with(json!({ "aud": null })), nobodys),
        ("the name of service accounts", with(json!({ "aud": OURS })), elsewhere),
        ("another issuer", with(json!({ "iss": "https://localhost:1" })), nobodys),
        (
            "another's key",
            forged.access_token("alice", &resource, &json!({ "iss": issuer.url })),
            nobodys,
        ),
        ("another signature", format!("{message}.{flipped}{}", &signature[1..]), nobodys),
        ("no signature", format!("{body}."), nobodys),
        ("a signature of none", unsigned.clone(), nobodys),
        ("a secret of both", headed(json!({ "alg": "HS256", "typ": "at+jwt" })), nobodys),
        (
            "a key that is unknown",
            headed(json!({ "alg": "ES256", "kid": "new", "typ": "at+jwt" })),
            nobodys,
        ),
        (
            "no access token",
            headed(json!({ "alg": "ES256", "kid": "tests", "typ": "logout+jwt" })),
            nobodys,
        ),
        (
            "critical and unknown",
            headed(json!({ "alg": "ES256", "kid": "tests", "crit": ["x"], "x": 1 })),
            nobodys,
        ),
    ] {
        let answer = tools(&door, &token, &account).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}: {}", answer.body);
        assert!(answer.body.contains(words), "{what}: {}", answer.body);
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert!(challenge.contains("error=\"invalid_token\""), "{what}: {challenge}");
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!answer.body.contains(part) && !challenge.contains(part), "{what}");
        }
    }
    for (what, claims) in [
        ("a group that commands a terminal", json!({ "groups": ["\u{1b}[2J"] })),
        ("a name that is trimmed", json!({ "sub": "alice " })),
        ("no name", json!({ "sub": "" })),
    ] {
        let answer = tools(&door, &with(claims), &account).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}: {}", answer.body);
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_no_ones_fault_and_not_asked_each_time() {
    let account = Account::new(operator().await, "mcp-away").await;
    let issuer = Issuer::start();
    let resource = format!("{PUBLIC}/accounts/{}/mcp", account.namespace);
    let token = issuer.access_token("alice", &resource, &json!({}));
    // By another's certificate it can't be reached.
    let other = Issuer::start();
    let trusted = trusting(&issuer.url, &other.certificate);
    let door = Door::new(agents(account.cluster).await, Some(trusted));
    for _ in 0..2 {
        let answer = tools(&door, &token, &account).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
        assert!(answer.header("retry-after").is_some());
    }
}

#[tokio::test]
async fn a_real_providers_token_for_this_resource_is_taken_and_one_for_another_is_not() {
    let account = Account::new(operator().await, "mcp-provider").await;
    let provider = Provider::of_robot("robot", "its secret").await;
    let trusted = trusting(&provider.issuer, &provider.tls.certificate);
    let door = Door::new(agents(account.cluster).await, Some(trusted));
    let resource = format!("{PUBLIC}/accounts/{}/mcp", account.namespace);
    account.cluster.grant("kliv-secrets-viewer", "--user=idp:robot", &account.namespace).await;
    let at = endpoint(&account.namespace);
    let token = issued(&provider, &resource, "").await;
    let answer = door.says(&token, &at, &[], &list_secrets()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.message()["result"]["structuredContent"].is_object(), "{}", answer.body);
    let other = issued(&provider, &format!("{PUBLIC}/accounts/other/mcp"), "").await;
    let answer = door.says(&other, &at, &[], &list_secrets()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.contains("issued for somebody else"), "{}", answer.body);
}

/// A token of the robot itself for a resource (RFC 8707), with more in the form.
pub(crate) async fn issued(provider: &Provider, resource: &str, more: &str) -> String {
    let resource = encoded(resource);
    let form = format!("grant_type=client_credentials&resource={resource}{more}");
    let basic = base64::prelude::BASE64_STANDARD.encode("robot:its+secret");
    let request = Request::post(format!("{}/token", provider.issuer))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::AUTHORIZATION, format!("Basic {basic}"))
        .body(Body::from(form));
    let answer = send(&provider.tls.certificate, request.expect("a request")).await;
    let token = answer.message()["access_token"].as_str().map(str::to_owned);
    token.unwrap_or_else(|| panic!("no token: {}", answer.body))
}

/// An address as it stands in a form.
pub(crate) fn encoded(address: &str) -> String {
    address.replace(':', "%3A").replace('/', "%2F")
}

/// Of one person nothing is mixed up with another, however many call at once.
#[tokio::test]
async fn whoever_calls_at_the_same_time_is_himself() {
    let account = Account::new(operator().await, "mcp-two").await;
    let issuer = Issuer::start();
    let door =
        Door::new(agents(account.cluster).await, Some(trusting(&issuer.url, &issuer.certificate)));
    let resource = format!("{PUBLIC}/accounts/{}/mcp", account.namespace);
    let at = endpoint(&account.namespace);
    let names: Vec<String> = (10..40).map(|n| format!("caller-{n}")).collect();
    let mark = account.cluster.audit_mark().await;
    let calls = names.iter().map(async |name| {
        let token = issuer.access_token(name, &resource, &json!({}));
        let answer = door.says(&token, &at, &[], &list_secrets()).await;
        assert!(refusal(&answer).contains("the right to list klivsecrets"), "{}", answer.body);
    });
    futures::future::join_all(calls).await;
    // The API server's own log tells as whom it was asked: each once, and nobody else.
    let requests = account.cluster.audit_since(mark).await;
    let lists = requests
        .into_iter()
        .filter(|one| one.resource == "klivsecrets" && one.namespace == account.namespace);
    let mut asked: Vec<String> = lists.map(|one| one.user).collect();
    asked.sort_unstable();
    assert_eq!(asked, names.iter().map(|name| format!("idp:{name}")).collect::<Vec<_>>());
}
