//! The rights of our ServiceAccounts: on Secrets those of the design, and none without use.

use std::collections::BTreeSet;

use k8s_openapi::api::authorization::v1::{ResourceRule, SelfSubjectRulesReview};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::account::{Account, function, secret};
use crate::chart::NAMESPACE;
use crate::harness::{Cluster, Options, eventually, eventually_or_why};
use crate::operator::{CONTROLLER, Operator};

#[tokio::test]
async fn on_secrets_nobody_has_a_right_beyond_those_of_the_design() {
    let operator = Operator::shared().await;
    let cluster = &operator.cluster;
    let account = Account::new(operator, "rights").await.namespace;
    for role in ["viewer", "editor"] {
        let (role_flag, user) =
            (format!("--clusterrole=kliv-secrets-{role}"), format!("--user={role}"));
        let binding = ["create", "rolebinding", role, "-n", &account, &role_flag, &user];
        cluster.kubectl(&binding).success();
    }
    let controller = cluster.as_service_account(NAMESPACE, "kliv-secrets-controller").await;
    let webhook = cluster.as_service_account(NAMESPACE, "kliv-secrets-webhook").await;
    let everywhere = set(&["create *", "delete *"]);
    let its_own = ["kliv-secrets-keyring", "kliv-secrets-webhook-tls"]
        .map(|name| [format!("get {name}"), format!("update {name}")])
        .concat();
    let at_home = everywhere.iter().cloned().chain(its_own).collect();

    assert_eq!(on_secrets(&controller, &account).await, everywhere);
    assert_eq!(on_secrets(&controller, NAMESPACE).await, at_home);
    for namespace in [account.as_str(), NAMESPACE] {
        assert_eq!(on_secrets(&webhook, namespace).await, set(&[]));
        for person in ["viewer", "editor"] {
            let client = cluster.as_user(person, &[]);
            assert_eq!(on_secrets(&client, namespace).await, set(&[]), "{person}");
        }
    }
}

#[tokio::test]
async fn every_right_of_the_controller_is_used() {
    let mut operator = Operator::start(Options::default(), &["--keep-superseded=1s"]).await;
    a_value_comes_changes_and_goes(&Account::new(&operator, "use").await).await;
    the_certificate_is_damaged(&operator).await;
    the_keyring_gets_a_wrapping_key(&mut operator).await;
    operator.stop();

    let rights = rights(&operator.cluster).await;
    assert!(rights.len() > 20, "the chart's roles were read");
    // Watches are in the log a moment after they have ended.
    eventually_or_why("every right is used", async || {
        let used = used(&operator.cluster).await;
        let unused: Vec<_> = rights.difference(&used).cloned().collect();
        if unused.is_empty() { Ok(()) } else { Err(unused.join(", ")) }
    })
    .await;
}

async fn a_value_comes_changes_and_goes(account: &Account<'_>) {
    account.create(&function("api")).await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.put(&secret("API_TOKEN", "two")).await;
    account.gets("api", &[("API_TOKEN", "two")]).await;
    account.delete("ksec/api-token");
    account.gets("api", &[]).await;
    eventually("no published set is left", async || {
        account.sets_there().await.is_empty().then_some(())
    })
    .await;
}

/// The controller makes a new one in its place.
async fn the_certificate_is_damaged(operator: &Operator) {
    let secrets: Api<Secret> = Api::namespaced(operator.cluster.client(), NAMESPACE);
    let certificate = async || {
        let secret = secrets.get("kliv-secrets-webhook-tls").await.expect("the certificate");
        secret.data.expect("a certificate")["tls.crt"].0.clone()
    };
    let damaged = json!({ "stringData": { "tls.crt": "damaged" } });
    let (params, damaged) = (PatchParams::default(), Patch::Merge(damaged));
    secrets.patch("kliv-secrets-webhook-tls", &params, &damaged).await.expect("is damaged");
    assert_eq!(certificate().await, b"damaged");
}

/// It is wrapped at the next start; what was published of it and changed meanwhile is put
/// right.
async fn the_keyring_gets_a_wrapping_key(operator: &mut Operator) {
    let maps: Api<ConfigMap> = Api::namespaced(operator.cluster.client(), NAMESPACE);
    let (params, wrong) = (PatchParams::default(), json!({ "data": { "sealing-key": "wrong" } }));
    maps.patch("kliv-secrets-sealing-key", &params, &Patch::Merge(wrong)).await.expect("changes");
    let key = operator.file("wrapping-key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let file = format!("--keyring-wrapping-key-file={}", key.display());
    operator.restart(&[&file, "--keyring-wrap-existing"]).await;
}

/// What the roles allow, as `where: verb resource name`.
async fn rights(cluster: &Cluster) -> BTreeSet<String> {
    let role: Api<ClusterRole> = Api::all(cluster.client());
    let role = role.get("kliv-secrets-controller").await.expect("the ClusterRole");
    let at_home: Api<Role> = Api::namespaced(cluster.client(), NAMESPACE);
    let at_home = at_home.get("kliv-secrets-controller").await.expect("the Role");
    let of = |place: &'static str, rules: Vec<PolicyRule>| {
        rules.into_iter().flat_map(move |rule| {
            let names = rule.resource_names.unwrap_or_else(|| vec!["*".to_owned()]);
            let resources = rule.resources.unwrap_or_default();
            let mut rights = Vec::new();
            for verb in &rule.verbs {
                for resource in &resources {
                    rights.extend(names.iter().map(|n| format!("{place}: {verb} {resource} {n}")));
                }
            }
            rights
        })
    };
    let everywhere = of("everywhere", role.rules.unwrap_or_default());
    everywhere.chain(of("at home", at_home.rules.unwrap_or_default())).collect()
}

/// What the controller asked for and got an answer to, in the same words, and broader.
async fn used(cluster: &Cluster) -> BTreeSet<String> {
    let requests = cluster.audit().await.into_iter();
    let ours = requests.filter(|request| request.user == CONTROLLER && request.code != 403);
    ours.flat_map(|request| {
        let place = if request.namespace == NAMESPACE { "at home" } else { "everywhere" };
        let (verb, resource) = (request.verb, request.resource);
        [request.name, "*".to_owned()].map(|name| format!("{place}: {verb} {resource} {name}"))
    })
    .collect()
}

/// What a client may do with Secrets of a namespace, as `verb name`.
async fn on_secrets(client: &Client, namespace: &str) -> BTreeSet<String> {
    let reviews: Api<SelfSubjectRulesReview> = Api::all(client.clone());
    let review = json!({ "spec": { "namespace": namespace } });
    let review = serde_json::from_value(review).expect("a review");
    let answer = reviews.create(&PostParams::default(), &review).await.expect("an answer");
    let status = answer.status.expect("an answer");
    assert!(!status.incomplete);
    let is_about_secrets = |rule: &&ResourceRule| {
        let holds = |list: &Option<Vec<String>>, what: &str| {
            list.iter().flatten().any(|entry| entry == what || entry == "*")
        };
        holds(&rule.api_groups, "") && holds(&rule.resources, "secrets")
    };
    let rules = status.resource_rules.iter().filter(is_about_secrets);
    rules
        .flat_map(|rule| {
            let names = rule.resource_names.clone().filter(|names| !names.is_empty());
            let names = names.unwrap_or_else(|| vec!["*".to_owned()]);
            let pair = |verb: &String| -> Vec<String> {
                names.iter().map(|n| format!("{verb} {n}")).collect()
            };
            rule.verbs.iter().flat_map(pair).collect::<Vec<String>>()
        })
        .collect()
}

fn set(rights: &[&str]) -> BTreeSet<String> {
    rights.iter().map(|&right| right.to_owned()).collect()
}
