//! Whose token it is, as the web server learns it, and what its owner could do beyond our
//! kinds.

use std::collections::BTreeSet;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kliv_secrets::server::{Person, Unfit, Unknown, whose};
use kliv_secrets::web::{Power, powers};
use kube::Client;
use kube::api::{Api, PostParams};
use serde_json::json;
use zeroize::Zeroizing;

use crate::account::{Account, secret};
use crate::chart::{self, NAMESPACE};
use crate::harness::{AUDIENCE, Cluster, Issuer, Options, PREFIX, eventually};
use crate::web::{ON, operator, person, server};

#[tokio::test]
async fn a_service_accounts_token_says_whose_it_is_and_whether_it_is_for_the_web_alone() {
    let operator = operator().await;
    let account = Account::new(operator, "web-token").await;
    let client = server(account.cluster).await;
    let name = format!("system:serviceaccount:{}:default", account.namespace);
    for (audience, own) in [(Some(AUDIENCE), true), (None, false)] {
        let known = ask(&client, &token(&account, audience).await).await.expect("somebody");
        assert_eq!((known.person.name.as_str(), known.own_audience), (name.as_str(), own));
        assert!(known.person.extra.is_empty(), "{:?}", known.person.extra);
    }
    let elsewhere = token(&account, Some("https://elsewhere.example.org")).await;
    for unknown in [elsewhere.as_str(), "", "made-up", "two words", "a.b.c", &"a".repeat(20_000)] {
        assert_eq!(ask(&client, unknown).await, Err(Unknown::Token), "{}", unknown.len());
    }
}

#[tokio::test]
async fn an_id_token_names_the_person_as_the_cluster_does() {
    let cluster = cluster_with_account();
    let client = server(&cluster).await;
    let issuer = Issuer::start();
    let token = issuer.id_token("alice", &["shop", "dev"], &json!({}));
    eventually("who is not trusted is nobody", async || {
        // That the server may ask is known a moment later.
        (ask(&client, &token).await == Err(Unknown::Token)).then_some(())
    })
    .await;

    cluster.trusts(&issuer.url, &issuer.certificate).await;

    let known = ask(&client, &token).await.expect("somebody");
    let groups = ["oidc:shop", "oidc:dev", "system:authenticated"];
    assert_eq!(known.person, person(&format!("{PREFIX}alice"), &groups));
    assert!(!known.own_audience, "the API server takes it, too");
    for (what, claims) in [
        ("another audience", json!({ "aud": "another" })),
        ("one that is over", json!({ "exp": 1_700_000_000 })),
        ("another issuer", json!({ "iss": "https://localhost:1" })),
    ] {
        let token = issuer.id_token("alice", &[], &claims);
        assert_eq!(ask(&client, &token).await, Err(Unknown::Token), "{what}");
    }
    let other = Issuer::start();
    let forged = other.id_token("alice", &[], &json!({ "iss": issuer.url }));
    assert_eq!(ask(&client, &forged).await, Err(Unknown::Token));
    let spaced = issuer.id_token("alice ", &[], &json!({}));
    assert_eq!(ask(&client, &spaced).await, Err(Unknown::Person(Unfit::Unspeakable)));
}

#[tokio::test]
async fn what_somebody_could_do_beyond_our_kinds_is_found_wherever_he_may() {
    use Power::{ActAsOthers, EnterPods, GiveRights, ReadSecrets, RunPods};
    let operator = operator().await;
    let account = Account::new(operator, "web-powers").await;
    account.put(&secret("API_TOKEN", "some value")).await;
    let (cluster, namespace) = (account.cluster, account.namespace.as_str());
    let client = server(cluster).await;
    let of = async |person: &Person| powers(&client, person, NAMESPACE).await.expect("an answer");
    // What was just granted is known a moment later.
    let becomes = async |person: Person, wanted: BTreeSet<Power>| {
        eventually(&format!("{} could do {wanted:?}", person.name), async || {
            (of(&person).await == wanted).then_some(())
        })
        .await;
    };

    for role in ["kliv-secrets-editor", "kliv-secrets-viewer"] {
        cluster.grant(role, "--user=power:editor", namespace).await;
    }
    assert_eq!(of(&person("power:editor", &[])).await, BTreeSet::new());
    assert_eq!(of(&person("power:nobody", &[])).await, BTreeSet::new());
    cluster.grant("edit", "--user=power:developer", namespace).await;
    let developers = BTreeSet::from([ReadSecrets, RunPods, EnterPods, ActAsOthers]);
    becomes(person("power:developer", &[]), developers).await;
    cluster.grant("cluster-admin", "--group=power:admins", "").await;
    let all = BTreeSet::from([ReadSecrets, RunPods, EnterPods, ActAsOthers, GiveRights]);
    becomes(person("power:root", &["power:admins"]), all).await;
    // One Secret is enough.
    let role = ["create", "role", "one", "-n", namespace, "--verb=get", "--resource=secrets"];
    cluster.kubectl(&[&role[..], &["--resource-name=its-own"]].concat()).success();
    let binding = ["create", "rolebinding", "one", "-n", namespace, "--role=one"];
    cluster.kubectl(&[&binding[..], &["--user=power:owner"]].concat()).success();
    becomes(person("power:owner", &[]), BTreeSet::from([ReadSecrets])).await;
    // The keyring is there.
    let role = ["create", "role", "keys", "-n", NAMESPACE, "--verb=get", "--resource=secrets"];
    cluster.kubectl(&role).success();
    let binding = ["create", "rolebinding", "keys", "-n", NAMESPACE, "--role=keys"];
    cluster.kubectl(&[&binding[..], &["--user=power:keeper"]].concat()).success();
    becomes(person("power:keeper", &[]), BTreeSet::from([ReadSecrets])).await;
}

/// A control plane with the web server's account and role alone.
fn cluster_with_account() -> Cluster {
    let cluster = Cluster::start(Options::default());
    cluster.kubectl(&["create", "namespace", NAMESPACE]).success();
    let mut objects = chart::render_with(&cluster, &[chart::NEWER, &[ON]].concat());
    objects.retain(|object| {
        let kind = object["kind"].as_str().expect("a kind");
        kind == "ServiceAccount" || kind.contains("Role")
    });
    chart::apply(&cluster, &objects);
    cluster
}

async fn ask(client: &Client, token: &str) -> Result<kliv_secrets::server::Known, Unknown> {
    whose(client, Zeroizing::new(token.to_owned())).await
}

async fn token(account: &Account<'_>, audience: Option<&str>) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(account.client.clone(), &account.namespace);
    let audiences = audience.map(|audience| vec![audience.to_owned()]);
    let spec = TokenRequestSpec { audiences, ..TokenRequestSpec::default() };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let answer = accounts.create_token_request("default", &PostParams::default(), &request).await;
    answer.expect("an answer").status.and_then(|status| status.token).expect("a token")
}
