//! Injection: the shared table, the laws as properties, and what the user is told.

use k8s_openapi::api::apps::v1::Deployment;
use kliv_secrets::api::PublishedSet;
use kliv_secrets::inject::{Function, Injection, admit, inject, withdraw};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cases;

#[test]
fn every_case_of_the_table_holds() {
    let mut failures = Vec::new();
    for case in cases::all() {
        let written = case.write.deployment();
        let function = function(&written);
        let before = case.before.as_ref().map(|before| self::function(&before.deployment()));
        let injection = if case.write.function {
            admit(before.as_ref(), &function, &case.sets())
        } else {
            withdraw(&function)
        };
        let stored = applied(&written, &injection);
        failures
            .extend(case.differences(&stored).into_iter().map(|d| format!("{}: {d}", case.name)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

proptest! {
    /// Applied once, there is nothing left to do, and the user's entries are the same.
    #[test]
    fn a_patch_is_the_last_one_and_touches_no_entry_of_the_users(
        (deployment, sets) in (deployments(), sets())
    ) {
        let after = applied(&deployment, &inject(&function(&deployment), &sets));
        prop_assert_eq!(inject(&function(&after), &sets).patch, None);
        prop_assert_eq!(users(&deployment), users(&after));

        let bare = applied(&deployment, &withdraw(&function(&deployment)));
        prop_assert_eq!(users(&deployment), users(&bare));
        prop_assert!(ours(&bare).iter().all(Vec::is_empty));
    }

    /// Of each name there is at most one entry of ours, and none where the user has one.
    #[test]
    fn no_name_is_given_twice((deployment, sets) in (deployments(), sets())) {
        let after = applied(&deployment, &inject(&function(&deployment), &sets));
        for (ours, users) in ours(&after).into_iter().zip(users(&after)) {
            let mut names: Vec<_> = ours.iter().map(|entry| entry["name"].clone()).collect();
            let all = names.len();
            names.dedup();
            prop_assert_eq!(names.len(), all);
            prop_assert!(users.iter().all(|entry| !names.contains(&entry["name"])));
        }
    }

    /// Nothing but `env` of containers changes.
    #[test]
    fn nothing_but_env_changes((deployment, sets) in (deployments(), sets())) {
        let after = applied(&deployment, &inject(&function(&deployment), &sets));
        prop_assert_eq!(without_env(deployment), without_env(after));
    }
}

#[test]
fn a_patch_names_the_state_that_it_was_made_for() {
    let patch = inject(&function(&plain()), &[set(&["A"])]).patch.expect("entries to add");
    let patch = json!(patch);
    assert_eq!(patch[0], json!({"op": "test", "path": "/metadata/uid", "value": "u-1"}));
    assert_eq!(patch[1], json!({"op": "test", "path": "/metadata/resourceVersion", "value": "7"}));
}

#[test]
fn the_user_learns_what_was_injected_and_what_not() {
    let mut deployment = plain();
    deployment["metadata"]["annotations"] = json!({
        "secrets.kliv.dev/inject": "OPENAI_API_KEY,MINE,STRIPE_KEI,OTHER",
        "secrets.kliv.dev/requires": "DATABASE_URL,MINE",
        "secrets.kliv.dev/containers": "main,gone",
    });
    let main = &mut deployment["spec"]["template"]["spec"]["containers"][0];
    main["env"] = json!([{"name": "MINE", "value": "x"}]);
    main["envFrom"] = json!([{"configMapRef": {"name": "c"}}]);

    let told = inject(&function(&deployment), &[set(&["MINE", "OPENAI_API_KEY", "STRIPE_KEY"])]);

    assert_eq!(told.set.as_deref(), Some("kliv-env-1"));
    assert_eq!(told.injected, ["OPENAI_API_KEY"]);
    assert_eq!(told.overridden, ["MINE"]);
    assert_eq!(told.unknown_containers, ["gone"]);
    assert!(told.hides_env_from);
    let missing: Vec<_> = told
        .missing
        .iter()
        .map(|m| (m.name.as_str(), m.did_you_mean.as_deref(), m.required))
        .collect();
    assert_eq!(
        missing,
        [
            ("DATABASE_URL", None, true),
            ("OTHER", None, false),
            ("STRIPE_KEI", Some("STRIPE_KEY"), false),
        ]
    );
}

#[test]
fn more_changes_than_the_api_server_takes_are_made_in_steps() {
    let garbage = |i: usize| {
        let name = format!("G{i}");
        let from = json!({ "secretKeyRef": { "name": "kliv-env-x", "key": name } });
        json!({ "name": name, "valueFrom": from })
    };
    let mut deployment = plain();
    deployment["spec"]["template"]["spec"]["containers"][0]["env"] =
        (0..12_000).map(garbage).collect();
    let mut steps = 0;
    loop {
        let injection = inject(&function(&deployment), &[set(&["A"])]);
        let Some(patch) = &injection.patch else { break };
        assert!(patch.0.len() <= 10_000);
        deployment = applied(&deployment, &injection);
        steps += 1;
    }
    assert_eq!((steps, ours(&deployment)[0].len()), (2, 1));
}

#[test]
fn only_names_that_a_secret_can_have_are_sets_that_a_pod_mentions() {
    let mut deployment = plain();
    let names = ["kliv-env-1", "kliv-env-1?dryRun=All", "kliv-env-1/../x", "kliv-env-\u{1b}[31m"];
    let long = format!("kliv-env-{}", "x".repeat(245));
    deployment["spec"]["template"]["spec"]["volumes"] = names
        .iter()
        .copied()
        .chain([long.as_str(), "kliv-env-", "kliv-env-A"])
        .enumerate()
        .map(|(i, name)| json!({ "name": format!("v{i}"), "secret": { "secretName": name } }))
        .collect();
    let held: Vec<_> = function(&deployment).sets_held().into_iter().map(str::to_owned).collect();
    assert_eq!(held, ["kliv-env-1"]);
}

#[test]
fn hostile_lists_are_told_in_few_plain_words() {
    let endless: Vec<String> = (0..20_000).map(|i| format!("N{i}")).collect();
    let mut deployment = plain();
    deployment["metadata"]["annotations"] = json!({
        "secrets.kliv.dev/inject": format!("A,{}", endless.join(",")),
        "secrets.kliv.dev/requires": format!(
            "\u{1b}[2J\u{202e}evil\nline,{}", "X".repeat(200_000)
        ),
        "secrets.kliv.dev/containers": format!("main,\u{1b}[31mred,{}", endless.join(",")),
    });
    let told = inject(&function(&deployment), &[set(&["A"])]);
    assert_eq!(told.injected, ["A"]);
    assert!(told.missing.len() <= 10 && told.unknown_containers.len() <= 10);
    let names = told.missing.iter().map(|m| &m.name).chain(&told.unknown_containers);
    for name in names {
        assert!(name.chars().count() <= 129 && !name.contains(char::is_control), "{name:?}");
        assert!(name.chars().all(|c| c.is_ascii_graphic() || c == '…'), "{name:?}");
    }
}

#[test]
fn a_manual_function_waits_only_while_its_set_is_an_older_one() {
    let mut deployment = plain();
    deployment["metadata"]["annotations"] = json!({"secrets.kliv.dev/rollout": "manual"});
    let first = inject(&function(&deployment), &[set(&["A"])]);
    assert!(!first.manual_waits && first.patch.is_some());
    deployment = applied(&deployment, &first);

    let newer = PublishedSet { name: "kliv-env-2".into(), revision: 2, ..set(&["A"]) };
    let waits = inject(&function(&deployment), std::slice::from_ref(&newer));
    assert!(waits.manual_waits && waits.patch.is_none());
    assert_eq!(waits.set.as_deref(), Some("kliv-env-1"));

    deployment["metadata"]["annotations"]["secrets.kliv.dev/revision"] = json!("2");
    let told = inject(&function(&deployment), &[newer]);
    assert!(!told.manual_waits && told.patch.is_some());
    assert_eq!(told.set.as_deref(), Some("kliv-env-2"));
}

#[test]
fn a_rollout_is_safe_with_rolling_update_and_a_readiness_probe() {
    let mut deployment = plain();
    let unsafe_ =
        |deployment: &Value| inject(&function(deployment), &[set(&["A"])]).no_safe_rollout;
    assert!(unsafe_(&deployment), "no readiness probe");
    deployment["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = json!({});
    assert!(!unsafe_(&deployment));
    deployment["spec"]["strategy"] = json!({"type": "Recreate"});
    assert!(unsafe_(&deployment), "all pods at once");
}

#[test]
fn every_mention_of_a_published_set_counts_as_held() {
    let mut deployment = plain();
    let env =
        |set| json!([{"name": "X", "valueFrom": {"secretKeyRef": {"name": set, "key": "A"}}}]);
    deployment["spec"]["template"]["spec"] = json!({
        "containers": [{"name": "main", "env": env("kliv-env-1"),
                        "envFrom": [{"secretRef": {"name": "kliv-env-2"}}]}],
        "initContainers": [{"name": "init", "env": env("kliv-env-3")}],
        "volumes": [{"name": "v", "secret": {"secretName": "kliv-env-4"}},
                    {"name": "p", "projected": {"sources": [{"secret": {"name": "kliv-env-5"}}]}},
                    {"name": "o", "secret": {"secretName": "own"}}],
    });
    let held = function(&deployment);
    let held: Vec<_> = held.sets_held().into_iter().collect();
    assert_eq!(held, ["kliv-env-1", "kliv-env-2", "kliv-env-3", "kliv-env-4", "kliv-env-5"]);
}

#[test]
fn a_rollout_is_complete_when_only_new_and_available_pods_are_left() {
    let rollout = |status: Value| {
        let mut deployment = plain();
        deployment["metadata"]["generation"] = json!(3);
        deployment["spec"]["replicas"] = json!(2);
        deployment["status"] = status;
        let rollout = function(&deployment).rollout;
        (rollout.complete, rollout.failed)
    };
    let done = json!({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2,
                      "availableReplicas": 2});
    assert_eq!(rollout(done.clone()), (true, false));
    for (field, value) in [
        ("observedGeneration", 2),
        ("replicas", 3),
        ("updatedReplicas", 1),
        ("availableReplicas", 1),
    ] {
        let mut status = done.clone();
        status[field] = json!(value);
        assert_eq!(rollout(status), (false, false), "{field} {value}");
    }
    let mut given_up = done;
    given_up["conditions"] = json!([{"type": "Progressing", "status": "False",
                                     "reason": "ProgressDeadlineExceeded"}]);
    assert_eq!(rollout(given_up), (false, true));
}

fn plain() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "f", "uid": "u-1", "resourceVersion": "7"},
        "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "main"}]}}},
    })
}

fn set(keys: &[&str]) -> PublishedSet {
    PublishedSet {
        environment: String::new(),
        name: "kliv-env-1".into(),
        uid: "s-1".into(),
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
        revision: 1,
    }
}

fn function(deployment: &Value) -> Function {
    let typed: Deployment = serde_json::from_value(deployment.clone()).expect("a Deployment");
    Function::of(&typed)
}

/// The Deployment with the patch, applied to it as the API server has it: with what
/// the patch tests.
fn applied(deployment: &Value, injection: &Injection) -> Value {
    let mut stored = deployment.clone();
    let Some(patch) = &injection.patch else { return stored };
    let typed = function(deployment);
    stored["metadata"]["uid"] = json!(typed.uid);
    stored["metadata"]["resourceVersion"] = json!(typed.resource_version);
    json_patch::patch(&mut stored, patch).expect("the patch applies");
    stored
}

fn containers(deployment: &Value) -> Vec<Value> {
    deployment["spec"]["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default()
}

fn is_ours(entry: &&Value) -> bool {
    let reference = &entry["valueFrom"]["secretKeyRef"];
    entry.get("value").is_none()
        && reference["key"] == entry["name"]
        && reference["name"].as_str().is_some_and(|name| name.starts_with("kliv-env-"))
}

fn entries(deployment: &Value, which: impl Fn(&&Value) -> bool) -> Vec<Vec<Value>> {
    containers(deployment)
        .iter()
        .map(|c| c["env"].as_array().into_iter().flatten().filter(&which).cloned().collect())
        .collect()
}

fn ours(deployment: &Value) -> Vec<Vec<Value>> {
    entries(deployment, is_ours)
}

fn users(deployment: &Value) -> Vec<Vec<Value>> {
    entries(deployment, |entry| !is_ours(entry))
}

fn without_env(mut deployment: Value) -> Value {
    for container in
        deployment["spec"]["template"]["spec"]["containers"].as_array_mut().into_iter().flatten()
    {
        container.as_object_mut().expect("an object").remove("env");
    }
    deployment["metadata"] = json!({});
    deployment
}

fn names() -> impl Strategy<Value = String> {
    "[A-E]".prop_map(String::from)
}

fn entry() -> impl Strategy<Value = Value> {
    let ours = (names(), "kliv-env-[12]").prop_map(|(name, set)| {
        json!({"name": name, "valueFrom": {"secretKeyRef": {"name": set, "key": name}}})
    });
    let alias = (names(), names()).prop_filter("an alias", |(a, b)| a != b).prop_map(|(name, key)| {
        json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "kliv-env-1", "key": key}}})
    });
    let users = (names(), ".{0,8}").prop_map(|(name, value)| json!({"name": name, "value": value}));
    prop_oneof![3 => ours, 3 => users, 1 => alias]
}

fn deployments() -> impl Strategy<Value = Value> {
    let env = prop::option::of(prop::collection::vec(entry(), 0..6));
    let containers = prop::collection::vec(env, 1..4);
    let annotation =
        |values: &'static [&'static str]| prop::option::of(prop::sample::select(values));
    (
        containers,
        annotation(&["none", "A,B", "C", " "]),
        annotation(&["c0", "c1,c2", "c0,c1"]),
        annotation(&["manual", "automatic"]),
        annotation(&["1", "2"]),
        annotation(&["test", "production"]),
    )
        .prop_map(|(envs, inject, containers, rollout, revision, environment)| {
            let mut deployment = plain();
            let annotations = [
                ("inject", inject),
                ("containers", containers),
                ("rollout", rollout),
                ("revision", revision),
            ];
            for (key, value) in annotations {
                if let Some(value) = value {
                    let key = format!("secrets.kliv.dev/{key}");
                    deployment["metadata"]["annotations"][key] = json!(value);
                }
            }
            if let Some(environment) = environment {
                deployment["metadata"]["labels"] =
                    json!({"secrets.kliv.dev/environment": environment});
            }
            let containers = envs.into_iter().enumerate().map(|(i, env)| match env {
                Some(env) => json!({"name": format!("c{i}"), "env": env}),
                None => json!({"name": format!("c{i}")}),
            });
            deployment["spec"]["template"]["spec"]["containers"] = containers.collect();
            deployment
        })
}

fn sets() -> impl Strategy<Value = Vec<PublishedSet>> {
    let one = |environment: &'static str, name: &'static str| {
        (prop::collection::btree_set(names(), 0..5), 1..3i64).prop_map(move |(keys, revision)| {
            PublishedSet {
                environment: environment.into(),
                name: name.into(),
                uid: "s".into(),
                keys: keys.into_iter().collect(),
                revision,
            }
        })
    };
    (prop::option::of(one("", "kliv-env-2")), prop::option::of(one("test", "kliv-env-test-2")))
        .prop_map(|(default, test)| default.into_iter().chain(test).collect())
}
