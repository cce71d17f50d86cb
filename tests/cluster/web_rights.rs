//! What the web server's account can do, with the chart's own role on a real API server: act
//! as people for our kinds as far as they may themselves, and nothing else, whoever it
//! claims to speak as.

use futures::{StreamExt as _, TryStreamExt as _};
use http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SelfSubjectRulesReview};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kliv_secrets::account::Caller;
use kliv_secrets::api::names::{self, WEB_FIELD_MANAGER};
use kliv_secrets::api::{KlivAccount, KlivAuditEvent, KlivSecret};
use kliv_secrets::server::{Person, Unfit, speaking_as};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchParams};
use serde_json::json;

use crate::account::{Account, function, secret, secret_with};
use crate::acting::{forbidden, parse, reaches_nothing_else, whoami};
use crate::chart::NAMESPACE;
use crate::harness::eventually;
use crate::web::{WEB, as_person, operator, person, server};

/// What a person's rights in one account come to through the web.
#[tokio::test]
async fn each_verb_of_the_pages_works_as_an_editor_of_one_account() {
    let operator = operator().await;
    let cluster = &operator.cluster;
    let account = Account::new(operator, "web-editor").await;
    account.create(&function("api")).await;
    let alice = Person { uid: Some("a-1".into()), ..person("oidc:alice", &["oidc:shop"]) };
    cluster.grant("kliv-secrets-editor", "--group=oidc:shop", &account.namespace).await;
    cluster.grant("view", "--group=oidc:shop", &account.namespace).await;
    let client = as_person(cluster, &alice).await;
    let secrets: Api<KlivSecret> = Api::namespaced(client.clone(), &account.namespace);
    let (create, patch) = (PostParams::default(), PatchParams::default());

    let dry_run = PostParams { dry_run: true, ..create.clone() };
    let mut stored = parse(secret_with(account.sealed("API_TOKEN", "some value")));
    secrets.create(&dry_run, &stored).await.expect("a trial");
    stored = secrets.create(&create, &stored).await.expect("creates");
    let seen = secrets.watch(&WatchParams::default(), "0").await.expect("watches").boxed();
    let described = json!({ "spec": { "description": "for orders" } });
    secrets.patch("api-token", &patch, &Patch::Merge(&described)).await.expect("patches");
    assert_eq!(secrets.list(&ListParams::default()).await.expect("lists").items.len(), 1);
    seen.take(2).try_collect::<Vec<_>>().await.expect("what changes is seen");
    account.published("api-token").await;
    secrets.get(stored.metadata.name.as_deref().expect("a name")).await.expect("gets");

    let all = ListParams::default();
    Api::<KlivAccount>::namespaced(client.clone(), &account.namespace).list(&all).await.expect("a");
    let events = Api::<KlivAuditEvent>::namespaced(client.clone(), &account.namespace);
    events.list(&all).await.expect("the trail");
    let functions = Api::<Deployment>::namespaced(client.clone(), &account.namespace);
    assert_eq!(functions.list(&all).await.expect("functions").items.len(), 1);
    let maps = Api::<ConfigMap>::namespaced(client.clone(), NAMESPACE);
    for name in ["kliv-secrets-sealing-key", "kliv-secrets-install"] {
        maps.get(name).await.expect("what is public");
    }
    assert!(allowed(&client, "create", "klivsecrets", &account.namespace).await);
    assert!(!allowed(&client, "create", "klivsecrets", "default").await);
    let rules: Api<SelfSubjectRulesReview> = Api::all(client.clone());
    let review = parse(json!({ "spec": { "namespace": account.namespace } }));
    rules.create(&create, &review).await.expect("the rules");
    let itself: Api<SelfSubjectReview> = Api::all(client.clone());
    let seen = itself.create(&create, &SelfSubjectReview::default()).await.expect("who he is");
    let seen = seen.status.and_then(|status| status.user_info).expect("somebody");
    assert_eq!((seen.username, seen.uid), (Some(alice.name), alice.uid));
    assert_eq!(seen.groups, Some(vec!["oidc:shop".into(), "system:authenticated".into()]));

    secrets.delete("api-token", &DeleteParams::default()).await.expect("deletes");
}

#[tokio::test]
async fn who_may_only_look_only_looks_and_who_may_nothing_sees_nothing() {
    let operator = operator().await;
    let cluster = &operator.cluster;
    let account = Account::new(operator, "web-viewer").await;
    account.put(&secret("API_TOKEN", "some value")).await;
    let other = Account::new(operator, "web-other").await;
    cluster.grant("kliv-secrets-viewer", "--user=oidc:viewer", &account.namespace).await;
    let client = as_person(cluster, &person("oidc:viewer", &[])).await;

    let secrets: Api<KlivSecret> = Api::namespaced(client.clone(), &account.namespace);
    secrets.get("api-token").await.expect("looks");
    let said = forbidden(secrets.delete("api-token", &DeleteParams::default()).await);
    assert!(said.contains("User \"oidc:viewer\" cannot delete"), "{said}");
    forbidden(secrets.create(&PostParams::default(), &parse(secret("OTHER", "x"))).await);
    let described = Patch::Merge(json!({ "spec": { "description": "x" } }));
    forbidden(secrets.patch("api-token", &PatchParams::default(), &described).await);
    let elsewhere: Api<KlivSecret> = Api::namespaced(client.clone(), &other.namespace);
    forbidden(elsewhere.list(&ListParams::default()).await);
    let everywhere: Api<KlivSecret> = Api::all(client.clone());
    forbidden(everywhere.list(&ListParams::default()).await);
    forbidden(
        Api::<Deployment>::namespaced(client, &account.namespace)
            .list(&ListParams::default())
            .await,
    );

    cluster.grant("kliv-secrets-viewer", "--user=oidc:auditor", "").await;
    let auditor = as_person(cluster, &person("oidc:auditor", &[])).await;
    let everywhere: Api<KlivSecret> = Api::all(auditor.clone());
    assert!(!everywhere.list(&ListParams::default()).await.expect("lists").items.is_empty());
    let watch = everywhere.watch(&WatchParams::default(), "0").await.expect("watches");
    watch.boxed().next().await.expect("an event").expect("a secret");
}

/// As somebody who may do everything: what remains is what our role names.
#[tokio::test]
async fn not_even_as_a_cluster_admin_does_it_reach_anything_else() {
    let operator = operator().await;
    let cluster = &operator.cluster;
    let account = Account::new(operator, "web-admin").await;
    account.put(&secret("API_TOKEN", "some value")).await;
    cluster.grant("cluster-admin", "--group=oidc:admins", "").await;
    cluster.grant("cluster-admin", "--serviceaccount=default:default", "").await;
    let root = person("oidc:root", &["oidc:admins"]);
    let robot = person("system:serviceaccount:default:default", &[]);
    for person in [root, robot] {
        let client = as_person(cluster, &person).await;
        let secrets: Api<KlivSecret> = Api::all(client.clone());
        assert!(!secrets.list(&ListParams::default()).await.expect("our kinds").items.is_empty());
        reaches_nothing_else(&client, &account.namespace, &person.name, WEB).await;
    }
    // By itself, too.
    reaches_nothing_else(&server(cluster).await, &account.namespace, "itself", WEB).await;
}

/// The page on health shows an administrator what was installed.
#[tokio::test]
async fn as_an_administrator_it_sees_what_was_installed() {
    let cluster = &operator().await.cluster;
    cluster.grant("cluster-admin", "--group=oidc:doctors", "").await;
    let client = as_person(cluster, &person("oidc:doctor", &["oidc:doctors"])).await;
    let admission = "/apis/admissionregistration.k8s.io/v1";
    let crds = names::CRDS
        .map(|name| format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"));
    let guards = names::GUARDS.into_iter().flat_map(|name| {
        ["validatingadmissionpolicies", "validatingadmissionpolicybindings"]
            .map(|kind| format!("{admission}/{kind}/{name}"))
    });
    let injection = ["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"]
        .map(|kind| format!("{admission}/{kind}/{}", names::INJECTION_POLICY));
    let webhook = names::WEBHOOK_CONFIGURATION;
    let rest = [
        format!("{admission}/mutatingwebhookconfigurations/{webhook}"),
        format!("/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{}", names::LEASE),
        format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments"),
        "/version".to_owned(),
    ];
    for path in crds.into_iter().chain(guards).chain(injection).chain(rest) {
        let request = Request::get(&path).body(Vec::new()).expect("a request");
        client.request_text(request).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

/// `system:masters` and nodes are beyond constrained impersonation, and parts of Kubernetes
/// beyond what the web server tries.
#[tokio::test]
async fn nobody_of_kubernetes_itself_is_spoken_as() {
    let cluster = &operator().await.cluster;
    let client = server(cluster).await;
    let refused = |person: &Person| match speaking_as(&client, person) {
        Err(why) => why,
        Ok(_) => panic!("speaks as {}", person.name),
    };
    assert_eq!(refused(&person("oidc:a", &["system:masters"])), Unfit::SystemGroup);
    assert_eq!(refused(&person("system:node:a", &[])), Unfit::System);
    // Were it to try all the same: the API server itself refuses.
    for headers in [
        &[("Impersonate-User", "oidc:a"), ("Impersonate-Group", "system:masters")][..],
        &[("Impersonate-User", "system:node:a")],
        &[("Impersonate-User", "system:node:a"), ("Impersonate-Group", "system:nodes")],
        &[
            ("Impersonate-User", "system:serviceaccount:default:default"),
            ("Impersonate-Group", "a"),
        ],
        &[("Impersonate-User", "system:serviceaccount:default:default"), ("Impersonate-Uid", "a")],
        &[("Impersonate-User", "oidc:a"), ("Impersonate-Extra-Example.org%2fscope", "all")],
        &[("Impersonate-User", "oidc:a"), ("Impersonate-Extra-Scopes", "all")],
    ] {
        let said = forbidden(whoami(&client, headers).await);
        assert!(said.contains("cannot impersonate"), "{headers:?}: {said}");
    }
    // With what passes, each of these would have gone well.
    whoami(&client, &[("Impersonate-User", "oidc:a"), ("Impersonate-Group", "oidc:b")])
        .await
        .expect("a person");
}

#[tokio::test]
async fn of_a_service_account_the_api_server_knows_the_groups_itself() {
    let operator = operator().await;
    let account = Account::new(operator, "web-robot").await;
    let namespace = &account.namespace;
    let group = format!("--group=system:serviceaccounts:{namespace}");
    account.cluster.grant("kliv-secrets-viewer", &group, namespace).await;
    let robot = person(&format!("system:serviceaccount:{namespace}:default"), &[]);
    let client = as_person(account.cluster, &robot).await;
    let secrets: Api<KlivSecret> = Api::namespaced(client.clone(), namespace);
    secrets.list(&ListParams::default()).await.expect("lists");
    forbidden(Api::<Secret>::namespaced(client, namespace).list(&ListParams::default()).await);
}

/// The audit trail, the stamps and the API server's own log name the person; that it came
/// through the web is told by the field manager.
#[tokio::test]
async fn what_somebody_changes_is_recorded_as_his_through_the_web() {
    let operator = operator().await;
    let cluster = &operator.cluster;
    let account = Account::new(operator, "web-stamps").await;
    cluster.grant("kliv-secrets-editor", "--user=oidc:alice@example.org", &account.namespace).await;
    let mut alice = person("oidc:alice@example.org", &[]);
    let on_behalf_of = "secrets.kliv.dev/on-behalf-of".to_owned();
    alice.extra.insert(on_behalf_of, vec!["Åsa Öberg".into()]);
    let caller = Caller {
        client: as_person(cluster, &alice).await,
        namespace: account.namespace.as_str().try_into().expect("a namespace"),
        operator_namespace: NAMESPACE.try_into().expect("a namespace"),
        field_manager: WEB_FIELD_MANAGER,
        share: None,
    };
    let mark = cluster.audit_mark().await;
    let params = PostParams { field_manager: Some(WEB_FIELD_MANAGER.into()), dry_run: false };
    let sealed = account.sealed("API_TOKEN", "some value");
    let stored = parse(secret_with(sealed));
    caller.api::<KlivSecret>().create(&params, &stored).await.expect("creates");

    let recorded = account.published("api-token").await.status.expect("a status");
    assert_eq!(recorded.updated_by.as_deref(), Some("oidc:alice@example.org"));
    assert_eq!(recorded.via.as_deref(), Some("web"));
    let events = eventually("the trail has it", async || {
        let events = account.api::<KlivAuditEvent>().list(&ListParams::default()).await;
        Some(events.expect("the trail").items).filter(|events| !events.is_empty())
    })
    .await;
    let event = &events[0].spec;
    assert_eq!((event.actor.as_str(), event.via.as_str()), ("oidc:alice@example.org", "web"));
    assert_eq!(event.on_behalf_of.as_deref(), Some("Åsa Öberg"));
    let asked = cluster.audit_since(mark).await;
    let hers = |verb: &str| {
        let hers = asked.iter().filter(|request| request.user == "oidc:alice@example.org");
        hers.filter(|request| request.verb == verb && request.resource == "klivsecrets").count()
    };
    assert_eq!(hers("create"), 1);

    let target = caller.find_object("api-token").await.expect("an answer");
    assert!(target.is_some());
    caller
        .api::<KlivSecret>()
        .delete("api-token", &DeleteParams::default())
        .await
        .expect("deletes");
    let last = eventually("the trail has its end", async || {
        let events = account.api::<KlivAuditEvent>().list(&ListParams::default()).await;
        let mut events = events.expect("the trail").items.into_iter().map(|event| event.spec);
        events.find(|event| event.action == kliv_secrets::api::AuditAction::Deleted)
    })
    .await;
    assert_eq!(last.actor, "oidc:alice@example.org");
}

async fn allowed(client: &Client, verb: &str, resource: &str, namespace: &str) -> bool {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let review = parse(json!({ "spec": { "resourceAttributes": {
        "group": "secrets.kliv.dev", "verb": verb, "resource": resource, "namespace": namespace,
    } } }));
    let answer = reviews.create(&PostParams::default(), &review).await.expect("an answer");
    answer.status.expect("an answer").allowed
}
