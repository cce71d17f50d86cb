//! A tenant with the built-in roles `edit` or `admin` in its namespace, who means harm: what
//! it can't do there, what it can't do elsewhere, and that others are served meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kliv_secrets::api::condition::Reason;
use kliv_secrets::api::{KlivAccount, KlivSecret};
use kube::Client;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::account::{Account, env_of, function, function_in, function_with, secret, secret_with};
use crate::chart::NAMESPACE;
use crate::harness::{Options, eventually};
use crate::operator::{CONTROLLER, Operator};
use crate::place::{parse, refuses};

#[tokio::test]
async fn a_tenant_can_not_touch_what_is_the_controllers_nor_say_who_changed_what() {
    for role in ["edit", "admin"] {
        let (account, tenant) = tenant(Operator::shared().await, role).await;
        let (post, patch) = (PostParams::default(), PatchParams::default());
        account.put(&secret("API_TOKEN", "some value")).await;
        let set = account.set("").await.expect("a set");

        let secrets: Api<Secret> = Api::namespaced(tenant.clone(), &account.namespace);
        for (what, object) in [
            ("a set", json!({ "metadata": { "name": "kliv-env-x" } })),
            ("a set by prefix", json!({ "metadata": { "generateName": "kliv-env-" } })),
            (
                "one of the type",
                json!({ "metadata": { "name": "x" }, "type": "secrets.kliv.dev/env" }),
            ),
        ] {
            let made = secrets.create(&post, &parse(object)).await;
            refuses(what, made, "made by kliv-secrets alone");
        }
        let change = Patch::Merge(json!({ "stringData": { "API_TOKEN": "mine" } }));
        refuses("a change", secrets.patch(&set, &patch, &change).await, "immutable");
        let label = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
        refuses("a label", secrets.patch(&set, &patch, &label).await, "never changed");
        let applied = Patch::Apply(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": set, "labels": { "a": "b" } },
        }));
        let params = PatchParams::apply("tenant").force();
        refuses("an apply", secrets.patch(&set, &params, &applied).await, "never changed");
        let delete = DeleteParams::default();
        refuses("a delete", secrets.delete(&set, &delete).await, "delete its KlivSecret");
        let all = secrets.delete_collection(&delete, &ListParams::default()).await;
        refuses("a delete of all", all, "delete its KlivSecret");
        assert_eq!(account.sets_there().await, [set]);

        let accounts: Api<KlivAccount> = Api::namespaced(tenant.clone(), &account.namespace);
        let klivsecrets: Api<KlivSecret> = Api::namespaced(tenant.clone(), &account.namespace);
        let right = "cannot";
        let made = parse(json!({ "metadata": { "name": "default" }, "spec": {} }));
        refuses("a KlivAccount", accounts.create(&post, &made).await, right);
        let status = Patch::Merge(json!({ "status": { "revision": 9 } }));
        refuses("its status", accounts.patch_status("default", &patch, &status).await, right);
        refuses("its labels", accounts.patch("default", &patch, &label).await, right);
        refuses("its end", accounts.delete("default", &delete).await, right);
        let status = Patch::Merge(json!({ "status": { "updatedBy": "boss" } }));
        refuses("status", klivsecrets.patch_status("api-token", &patch, &status).await, right);

        // What a write says of who makes it counts for nothing.
        let forged = "9 2099-01-01T00:00:00Z value web boss";
        let stamps = json!({ "annotations": { "secrets.kliv.dev/stamps": forged } });
        let mut object = secret("FORGED", "some value");
        object["metadata"]["annotations"] = stamps["annotations"].clone();
        create_untyped(&tenant, &account, object).await;
        let made = account.published("forged").await;
        assert_eq!(made.status.expect("a status").updated_by.as_deref(), Some("tenant"));
        for change in [
            json!({ "metadata": stamps }),
            json!({ "metadata": stamps, "spec": { "description": "boss's" } }),
        ] {
            let changed = klivsecrets.patch("forged", &patch, &Patch::Merge(change)).await;
            let annotations = changed.expect("is changed").metadata.annotations.expect("stamps");
            let stamps = &annotations["secrets.kliv.dev/stamps"];
            assert!(stamps.lines().all(|line| line.ends_with(" tenant")), "{stamps}");
        }

        becomes_no_controller(&account, &tenant).await;
    }
}

/// The type has no place for a value.
async fn create_untyped(client: &Client, account: &Account<'_>, object: Value) {
    let resource = ApiResource::erase::<KlivSecret>(&());
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), &account.namespace, &resource);
    api.create(&PostParams::default(), &parse(object)).await.expect("is made");
}

/// Neither by rights, nor by a ServiceAccount of the controller's name.
async fn becomes_no_controller(account: &Account<'_>, tenant: &Client) {
    let post = PostParams::default();
    let bind = |role: &str, name: &str| {
        parse::<RoleBinding>(json!({
            "metadata": { "name": name },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
            "subjects": [{ "kind": "ServiceAccount", "name": "kliv-secrets-controller" }],
        }))
    };
    let bindings: Api<RoleBinding> = Api::namespaced(tenant.clone(), &account.namespace);
    let bound = bindings.create(&post, &bind("kliv-secrets-controller", "mine")).await;
    refuses("the controller's rights", bound, "forbidden");
    let roles: Api<Role> = Api::namespaced(tenant.clone(), &account.namespace);
    let role = parse(json!({ "metadata": { "name": "mine" }, "rules": [
        { "apiGroups": ["secrets.kliv.dev"], "resources": ["*"], "verbs": ["*"] }] }));
    refuses("a role", roles.create(&post, &role).await, "forbidden");
    let accounts: Api<ServiceAccount> = account.api();
    let named = parse(json!({ "metadata": { "name": "kliv-secrets-controller" } }));
    accounts.create(&post, &named).await.expect("a ServiceAccount of that name");
    let bindings: Api<RoleBinding> = account.api();
    bindings.create(&post, &bind("edit", "its-rights")).await.expect("rights of an editor");
    let twin =
        account.cluster.as_service_account(&account.namespace, "kliv-secrets-controller").await;
    let secrets: Api<Secret> = Api::namespaced(twin, &account.namespace);
    let set = parse(json!({ "metadata": { "name": "kliv-env-x" } }));
    eventually("its rights are known", async || {
        let answer = secrets.create(&post, &set).await;
        let refused = answer.expect_err("is refused").to_string();
        refused.contains("made by kliv-secrets alone").then_some(())
    })
    .await;
}

/// What a ciphertext holds that is for another account can't be found out by trying.
#[tokio::test]
async fn a_ciphertext_of_another_account_is_answered_as_one_that_was_altered() {
    let operator = Operator::shared().await;
    let victim = Account::new(operator, "oracle-victim").await;
    let sealed = victim.put(&secret("API_TOKEN", "a value of twenty and more")).await;
    let sealed = sealed.spec.sealed.expect("a sealed value");
    let (account, _) = tenant(operator, "edit").await;
    account.put(&secret("OWN_TOKEN", "some value")).await;
    let published = account.sets_there().await;
    let (head, last) = sealed.split_at(sealed.len() - 1);
    let altered = format!("{head}{}", if last == "A" { "Q" } else { "A" });

    let mut answers = Vec::new();
    for (name, sealed) in [("API_TOKEN", &sealed), ("OTHER_TOKEN", &sealed), ("LAST", &altered)] {
        let object = secret_with(json!({ "envVar": name, "sealed": sealed }));
        let said = account.kubectl(&["apply", "-f", "-"], &object);
        assert!(said.ok, "{}", said.stderr);
        let name = object["metadata"]["name"].as_str().expect("a name");
        let status = account.becomes(name, Reason::DecryptionFailed).await.status.expect("one");
        let said = (status.masked_value, status.version, status.history.len());
        assert_eq!(said, (None, None, 0), "nothing of the value is told");
        let condition = &status.conditions[0];
        account.caught_up().await;
        let warnings = said_events(&account, name).await;
        answers.push((condition.reason.clone(), condition.message.clone(), warnings));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    account.caught_up().await;
    assert_eq!(account.sets_there().await, published, "and nothing of it is published");
}

async fn said_events(account: &Account<'_>, name: &str) -> Vec<String> {
    eventually("an Event says so", async || {
        let events = account.events("KlivSecret", name).await;
        (!events.is_empty()).then_some(events)
    })
    .await
}

/// The audit log is the witness: after what the tenant does, the controller asks for
/// nothing in any other account.
#[tokio::test]
async fn nothing_that_a_tenant_writes_makes_the_controller_look_into_another_account() {
    // Its own: what other tests' accounts have left to do may come at any time.
    let operator = Operator::start(Options::default(), &FLAGS).await;
    let victim = Account::new(&operator, "victim").await;
    let sealed = victim.put(&secret("API_TOKEN", "some value")).await.spec.sealed;
    victim.create(&function("api")).await;
    victim.gets("api", &[("API_TOKEN", "some value")]).await;
    victim.caught_up().await;
    let set = victim.set("").await.expect("a set");
    let (account, tenant) = tenant(&operator, "admin").await;
    let mark = operator.cluster.audit_mark().await;

    let elsewhere = format!("../{}/secrets/{set}", victim.namespace);
    let other = victim.namespace.as_str();
    let long = format!("{elsewhere},").repeat(200_000 / elsewhere.len());
    let by_name = format!("{set},{other}/{set},{elsewhere},%2e%2e%2f{other}");
    let mut functions = vec![
        function_with(
            "names",
            &[("inject", &by_name), ("requires", &by_name), ("containers", &by_name)],
        ),
        function_with("revision", &[("rollout", "manual"), ("revision", &elsewhere)]),
        function_with("long", &[("inject", &long)]),
        function_with("long-too", &[("requires", &long)]),
        function_in(other, "environment"),
        function(other),
    ];
    // In an account that has published nothing yet, and later in one that has.
    for (name, reference) in [("of-another", set.as_str()), ("invented", "kliv-env-invented")] {
        let mut function = function(name);
        function["spec"]["template"]["spec"] = json!({
            "containers": [{
                "name": "main", "image": "example.org/none",
                "env": [{ "name": "API_TOKEN", "valueFrom": {
                    "secretKeyRef": { "name": reference, "key": "API_TOKEN" } } }],
                "envFrom": [{ "secretRef": { "name": reference } }],
            }],
            "volumes": [
                { "name": "a", "secret": { "secretName": reference } },
                { "name": "b", "secret": { "secretName": format!("kliv-env-/../../../{other}/secrets/{set}") } },
                { "name": "c", "projected": { "sources": [{ "secret": { "name": reference } }] } },
            ],
        });
        functions.push(function);
    }
    let api: Api<Deployment> = Api::namespaced(tenant.clone(), &account.namespace);
    for function in &functions {
        api.create(&PostParams::default(), &parse(function.clone())).await.expect("is made");
    }
    eventually("entries of sets that this account does not have are taken away", async || {
        let names = ["of-another", "invented"];
        let functions = names.map(|name| account.function(name));
        let functions = futures::future::join_all(functions).await;
        functions.iter().all(|function| env_of(function).is_empty()).then_some(())
    })
    .await;
    account.apply(&secret_with(json!({ "envVar": "API_TOKEN", "sealed": sealed })));
    for (name, description) in [("A_KEY", &elsewhere), ("B_KEY", &by_name)] {
        let mut object = secret(name, "some value");
        object["spec"]["description"] = json!(description);
        object["spec"]["environment"] = json!(other);
        object["metadata"]["name"] = json!(kliv_secrets::api::object_name(name, Some(other)));
        object["metadata"]["annotations"] = json!({ "secrets.kliv.dev/inject": elsewhere });
        object["metadata"]["labels"] = json!({ "secrets.kliv.dev/environment": other });
        account.put(&object).await;
    }
    // Within the account any function may say that it is of any environment.
    account.gets("environment", &[("A_KEY", "some value"), ("B_KEY", "some value")]).await;
    for function in &functions {
        let name = function["metadata"]["name"].as_str().expect("a name");
        let change = json!({ "metadata": { "annotations": { "secrets.kliv.dev/inject": set } } });
        api.patch(name, &PatchParams::default(), &Patch::Merge(change)).await.expect("changes");
        account.caught_up().await;
        api.delete(name, &DeleteParams::default()).await.expect("is deleted");
    }
    account.delete(&format!("ksec/a-key.{other}"));
    account.caught_up().await;
    eventually("superseded sets are gone", async || {
        (account.status().await.superseded.is_empty()).then_some(())
    })
    .await;

    let requests = operator.cluster.audit_since(mark).await;
    let ours = requests.iter().filter(|request| request.user.contains("kliv-secrets-system"));
    let mut here = 0;
    for request in ours {
        match request.namespace.as_str() {
            namespace if namespace == account.namespace => here += 1,
            "" => assert!(["list", "watch", "get"].contains(&&*request.verb), "{request:?}"),
            NAMESPACE => assert!(
                ["leases", "secrets", "configmaps"].contains(&&*request.resource)
                    && request.name.starts_with("kliv-secrets-"),
                "{request:?}"
            ),
            _ => panic!("in another account: {request:?}"),
        }
    }
    assert!(here > 10, "the controller was at work");
    assert_eq!(victim.sets_there().await, [set]);
    victim.gets("api", &[("API_TOKEN", "some value")]).await;
}

#[tokio::test]
async fn while_tenants_write_without_a_pause_another_account_is_served() {
    let operator = operator().await;
    let calm = Account::new(&operator, "calm").await;
    calm.put(&secret("API_TOKEN", "one")).await;
    calm.create(&function("api")).await;
    let mut noisy = Vec::new();
    // More than are worked on at a time.
    for _ in 0..10 {
        let account = Account::new(&operator, "noisy").await;
        for name in ["A_KEY", "B_KEY", "C_KEY"] {
            account.apply(&secret(name, "some value"));
        }
        for name in ["a", "b", "c"] {
            account.create(&function(name)).await;
        }
        noisy.push(account);
    }

    let written = AtomicUsize::new(0);
    let served = async {
        for value in ["two", "three", "four"] {
            let before = written.load(Relaxed);
            calm.put(&secret("API_TOKEN", value)).await;
            calm.gets("api", &[("API_TOKEN", value)]).await;
            assert!(written.load(Relaxed) > before, "meanwhile the others write");
        }
    };
    let write = async {
        let each = noisy.iter().map(|account| writes_without_a_pause(account, &written));
        futures::future::join_all(each).await;
    };
    tokio::select! {
        () = served => {}
        () = write => unreachable!("they never end"),
    }
    for account in noisy {
        account.gets("a", &["A_KEY", "B_KEY", "C_KEY"].map(|name| (name, "some value"))).await;
    }
}

/// Changes of specs, and of functions, as fast as the API server takes them.
async fn writes_without_a_pause(account: &Account<'_>, written: &AtomicUsize) {
    let (secrets, functions): (Api<KlivSecret>, Api<Deployment>) = (account.api(), account.api());
    let params = PatchParams::default();
    for number in 0.. {
        let change = json!({ "spec": { "description": format!("{number}") } });
        for name in ["a-key", "b-key", "c-key"] {
            secrets.patch(name, &params, &Patch::Merge(&change)).await.expect("is changed");
            written.fetch_add(1, Relaxed);
        }
        let missing = format!("MISSING_{number}");
        let change =
            json!({ "metadata": { "annotations": { "secrets.kliv.dev/requires": missing } } });
        for name in ["a", "b", "c"] {
            functions.patch(name, &params, &Patch::Merge(&change)).await.expect("is changed");
            written.fetch_add(1, Relaxed);
        }
    }
}

/// A function of a size that the admission policy leaves to the controller, from which its
/// owner takes our entries each time.
#[tokio::test]
async fn who_keeps_undoing_what_the_controller_does_is_answered_more_seldom_and_told_so() {
    let operator = operator().await;
    let account = Account::new(&operator, "undone").await;
    account.put(&secret("API_TOKEN", "some value")).await;
    let own: Vec<Value> =
        (0..2001).map(|i| json!({ "name": format!("OWN_{i}"), "value": "x" })).collect();
    let mut large = function("large");
    large["spec"]["template"]["spec"]["containers"][0]["env"] = json!(own);
    let mark = operator.cluster.audit_mark().await;
    account.create(&large).await;

    let robs = async {
        let functions: Api<Deployment> = account.api();
        let tests_nothing = json!([
            { "op": "replace", "path": "/spec/template/spec/containers/0/env", "value": own },
        ]);
        let patch = Patch::Json::<()>(serde_json::from_value(tests_nothing).expect("a patch"));
        loop {
            if env_of(&functions.get("large").await.expect("is there")).len() > own.len() {
                functions.patch("large", &PatchParams::default(), &patch).await.expect("robs");
            }
        }
    };
    let bounded = async {
        account.is_told("large", "somebody keeps undoing its env entries").await;
        let requests = operator.cluster.audit_since(mark).await;
        let writes = requests.iter().filter(|request| {
            request.user == CONTROLLER && request.is_write() && request.name == "large"
        });
        let writes = writes.count();
        assert!((5..=6).contains(&writes), "{writes} writes");
        let status = account.status().await;
        let told = status.functions.not_updated.iter().find(|function| function.name == "large");
        assert_eq!(told.map(|function| function.reason.as_str()), Some("Undone"));
        account.create(&function("other")).await;
        account.gets("other", &[("API_TOKEN", "some value")]).await;
    };
    tokio::select! {
        () = bounded => {}
        () = robs => unreachable!("it never ends"),
    }
    eventually("it gets its entries when nobody takes them any more", async || {
        (env_of(&account.function("large").await).len() > own.len()).then_some(())
    })
    .await;
}

/// An account, and a client of somebody with this role in it.
async fn tenant<'a>(operator: &'a Operator, role: &str) -> (Account<'a>, Client) {
    let account = Account::new(operator, &format!("tenant-{role}")).await;
    account.grant(role, "tenant").await;
    let client = account.cluster.as_user("tenant", &[]);
    (account, client)
}

/// With these the controller does nothing in an account where nothing happens.
const FLAGS: [&str; 2] = ["--keep-superseded=1s", "--republish-interval=1h"];

async fn operator() -> MutexGuard<'static, Operator> {
    static OPERATOR: OnceCell<Mutex<Operator>> = OnceCell::const_new();
    let start = async || Mutex::new(Operator::start(Options::default(), &FLAGS).await);
    OPERATOR.get_or_init(start).await.lock().await
}
