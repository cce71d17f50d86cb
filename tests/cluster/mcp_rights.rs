//! What the agents' server's account can do, with the chart's own role on a real API server: act
//! as whoever a token was issued to, for what the tools do, and nothing else.

use futures::{StreamExt as _, TryStreamExt as _};
use http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenReview};
use k8s_openapi::api::core::v1::ConfigMap;
use kliv_secrets::account::{Caller, DryRun, Target};
use kliv_secrets::api::names::{ACCOUNT_NAME, AGENT_FIELD_MANAGER};
use kliv_secrets::api::{KlivAccount, KlivAuditEvent, KlivSecret, Question};
use kliv_secrets::server::{Person, Unfit, speaking_as};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchParams};
use serde_json::json;

use crate::account::{Account, function, secret, secret_with};
use crate::acting::{forbidden, parse, reaches_nothing_else, whoami};
use crate::chart::NAMESPACE;
use crate::web::{AGENTS, agent_of, agents, operator, person};

#[tokio::test]
async fn each_verb_that_the_tools_need_works_as_an_editor_of_one_account() {
    let operator = operator().await;
    let cluster = &operator.cluster;
    let account = Account::new(operator, "mcp-editor").await;
    account.create(&function("api")).await;
    let bot = person("oidc:bot", &["oidc:agents"]);
    cluster.grant("kliv-secrets-editor", "--group=oidc:agents", &account.namespace).await;
    cluster.grant("view", "--group=oidc:agents", &account.namespace).await;
    let client = agent_of(cluster, &bot).await;
    let secrets: Api<KlivSecret> = Api::namespaced(client.clone(), &account.namespace);

    let stored = parse(secret_with(account.sealed("API_TOKEN", "some value")));
    secrets.create(&PostParams::default(), &stored).await.expect("creates");
    let seen = secrets.watch(&WatchParams::default(), "0").await.expect("watches").boxed();
    let described = Patch::Merge(json!({ "spec": { "description": "for orders" } }));
    secrets.patch("api-token", &PatchParams::default(), &described).await.expect("patches");
    assert_eq!(secrets.list(&ListParams::default()).await.expect("lists").items.len(), 1);
    seen.take(2).try_collect::<Vec<_>>().await.expect("what changes is seen");
    account.published("api-token").await;
    secrets.get("api-token").await.expect("gets");

    let accounts: Api<KlivAccount> = Api::namespaced(client.clone(), &account.namespace);
    accounts.get(ACCOUNT_NAME).await.expect("the account");
    let seen = accounts.watch(&WatchParams::default(), "0").await.expect("watches").boxed();
    seen.take(1).try_collect::<Vec<_>>().await.expect("what changes is seen");
    let events = Api::<KlivAuditEvent>::namespaced(client.clone(), &account.namespace);
    events.list(&ListParams::default()).await.expect("the trail");
    // Where it is not told yet there is none, and that is an answer.
    events.get_opt(&kliv_secrets::audit::name(1)).await.expect("one event");
    let functions = Api::<Deployment>::namespaced(client.clone(), &account.namespace);
    assert_eq!(functions.list(&ListParams::default()).await.expect("functions").items.len(), 1);
    functions.get("api").await.expect("a function");
    let maps = Api::<ConfigMap>::namespaced(client.clone(), NAMESPACE);
    for name in ["kliv-secrets-sealing-key", "kliv-secrets-install"] {
        maps.get(name).await.expect("what is public");
    }
    let itself: Api<SelfSubjectReview> = Api::all(client.clone());
    let seen = itself.create(&PostParams::default(), &SelfSubjectReview::default()).await;
    let seen = seen.expect("who it is").status.and_then(|status| status.user_info);
    assert_eq!(seen.expect("somebody").username, Some(bot.name));
    secrets.delete("api-token", &DeleteParams::default()).await.expect("deletes");
}

/// What `account` does for a tool needs no right that the role leaves out.
#[tokio::test]
async fn a_question_is_asked_and_taken_back_as_an_editor() {
    let operator = operator().await;
    let cluster = &operator.cluster;
    let account = Account::new(operator, "mcp-asks").await;
    cluster.grant("kliv-secrets-editor", "--user=oidc:asks", &account.namespace).await;
    let caller = Caller {
        client: agent_of(cluster, &person("oidc:asks", &[])).await,
        namespace: account.namespace.as_str().try_into().expect("a namespace"),
        operator_namespace: NAMESPACE.try_into().expect("a namespace"),
        field_manager: AGENT_FIELD_MANAGER,
        share: None,
    };
    let target = Target::new("MAIL_API_KEY".into(), None);
    let question = Question { purpose: "to send receipts".into(), ..Question::default() };
    let asked = caller.request(&target, question, DryRun::None).await.expect("asks");
    let install = caller.install().await;
    assert_eq!(install.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    // Links lead there.
    assert_eq!(install.web_url.as_deref(), Some("https://localhost:8443"));
    caller.refuse(&asked, DryRun::None).await.expect("takes it back");
}

#[tokio::test]
async fn as_a_reader_it_only_reads_and_as_nobody_it_sees_nothing() {
    let operator = operator().await;
    let cluster = &operator.cluster;
    let account = Account::new(operator, "mcp-reader").await;
    account.put(&secret("API_TOKEN", "some value")).await;
    cluster.grant("kliv-secrets-viewer", "--user=oidc:reader", &account.namespace).await;
    let client = agent_of(cluster, &person("oidc:reader", &[])).await;

    let secrets: Api<KlivSecret> = Api::namespaced(client.clone(), &account.namespace);
    secrets.get("api-token").await.expect("looks");
    forbidden(secrets.delete("api-token", &DeleteParams::default()).await);
    forbidden(secrets.create(&PostParams::default(), &parse(secret("OTHER", "x"))).await);
    let described = Patch::Merge(json!({ "spec": { "description": "x" } }));
    let said = forbidden(secrets.patch("api-token", &PatchParams::default(), &described).await);
    assert!(said.contains("User \"oidc:reader\" cannot patch"), "{said}");

    let nobody = agent_of(cluster, &person("oidc:nobody", &[])).await;
    let secrets: Api<KlivSecret> = Api::namespaced(nobody, &account.namespace);
    let said = forbidden(secrets.list(&ListParams::default()).await);
    assert!(said.contains("User \"oidc:nobody\" cannot list"), "{said}");
}

/// As somebody who may do everything: what remains is what our role names.
#[tokio::test]
async fn not_even_as_a_cluster_admin_does_it_reach_a_secret_a_pod_or_another_kind() {
    let operator = operator().await;
    let cluster = &operator.cluster;
    let account = Account::new(operator, "mcp-admin").await;
    account.put(&secret("API_TOKEN", "some value")).await;
    cluster.grant("cluster-admin", "--group=oidc:mcp-admins", "").await;
    cluster.grant("cluster-admin", "--serviceaccount=default:default", "").await;
    let root = person("oidc:root", &["oidc:mcp-admins"]);
    let robot = person("system:serviceaccount:default:default", &[]);
    for person in [root, robot] {
        let client = agent_of(cluster, &person).await;
        let secrets: Api<KlivSecret> = Api::namespaced(client.clone(), &account.namespace);
        assert!(!secrets.list(&ListParams::default()).await.expect("our kinds").items.is_empty());
        reaches_nothing_else(&client, &account.namespace, &person.name, AGENTS).await;
        is_no_web_server(&client, &person.name).await;
    }
    // By itself, too.
    let server = agents(cluster).await;
    reaches_nothing_else(&server, &account.namespace, "itself", AGENTS).await;
    is_no_web_server(&server, "itself").await;
    let ours = format!("/apis/secrets.kliv.dev/v1alpha1/namespaces/{}", account.namespace);
    for kind in ["klivsecrets", "klivaccounts", "klivauditevents"] {
        get_forbidden(&server, &format!("{ours}/{kind}"), "itself").await;
    }
}

/// What the web server may do as somebody and no tool needs.
async fn is_no_web_server(client: &Client, who: &str) {
    let admission = "/apis/admissionregistration.k8s.io/v1";
    for path in [
        "/version".to_owned(),
        format!("{admission}/mutatingwebhookconfigurations/kliv-secrets"),
        format!("{admission}/validatingadmissionpolicies/kliv-secrets-stamps"),
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/klivsecrets.secrets.kliv.dev"
            .to_owned(),
        format!(
            "/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/kliv-secrets-controller"
        ),
    ] {
        // Whoever is authenticated may ask for the version, as itself.
        if who != "itself" || path != "/version" {
            get_forbidden(client, &path, who).await;
        }
    }
}

async fn get_forbidden(client: &Client, path: &str, who: &str) {
    let request = Request::get(path).body(Vec::new()).expect("a request");
    let said = forbidden(client.request_text(request).await);
    let by = format!(":{AGENTS}\" cannot ");
    assert!(said.contains(&by), "{who}: {path}: {said}");
}

/// By itself it asks whose a token is; of Kubernetes' own it speaks as nobody.
#[tokio::test]
async fn it_asks_whose_a_token_is_and_speaks_as_nobody_of_kubernetes_itself() {
    let cluster = &operator().await.cluster;
    let client = agents(cluster).await;
    let reviews: Api<TokenReview> = Api::all(client.clone());
    let review = parse(json!({ "spec": { "token": "none", "audiences": ["kliv-secrets-mcp"] } }));
    let answer = reviews.create(&PostParams::default(), &review).await.expect("an answer");
    assert_ne!(answer.status.and_then(|status| status.authenticated), Some(true));

    let unfit = |person: &Person| speaking_as(&client, person).err();
    let master = person("oidc:a", &["system:masters"]);
    assert_eq!(unfit(&master), Some(Unfit::SystemGroup));
    assert_eq!(unfit(&person("system:node:a", &[])), Some(Unfit::System));
    // Were it to try all the same: the API server itself refuses.
    for headers in [
        &[("Impersonate-User", "oidc:a"), ("Impersonate-Group", "system:masters")][..],
        &[("Impersonate-User", "system:node:a")],
        &[("Impersonate-User", "oidc:a"), ("Impersonate-Extra-Example.org%2fscope", "all")],
    ] {
        let said = forbidden(whoami(&client, headers).await);
        assert!(said.contains("cannot impersonate"), "{headers:?}: {said}");
    }
    whoami(&client, &[("Impersonate-User", "oidc:a")]).await.expect("a person");
}
