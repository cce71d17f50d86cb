//! The engine's decisions, plans and words, case by case.

mod candidates;
mod decisions;
mod events;
mod history;
mod plans;
mod refusals;
mod statuses;
mod strays;
mod trail;
mod warnings;
mod worlds;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kliv_secrets::api::condition::Reason;
use kliv_secrets::api::names::{ANNOTATION_STAMPS, FUNCTION_LABEL, MAX_SECRETS};
use kliv_secrets::api::{AuditRecord, KlivSecretStatus, KnownSecret, object_name};
use kliv_secrets::inject::Function;
use kliv_secrets::reconcile::{
    Account, AccountObject, Action, Candidate, Change, Effect, Given, Kind, Learned, Member,
    Memory, Plan, Record, Refusal, SecretObject, Timings, Why, World, content_id, decide,
    write_of_function, write_of_status,
};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::seal_support::time;

const NOW: &str = "2026-11-24T12:00:00Z";

fn now() -> Timestamp {
    time(NOW)
}

fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).expect("an object")
}

/// Text that passes for a sealed value of up to `size` bytes.
fn sealed(size: usize, mark: char) -> String {
    // Encapsulated key, tag and heading, then the value.
    let text = "A".repeat((32 + 16 + 12 + size) / 3 * 4);
    format!("kliv1.{}.{text}", mark.to_string().repeat(32))
}

/// A KlivSecret with the value `spec`, and the one in use where there is one.
fn secret(
    var: &str,
    env: Option<&str>,
    spec: Value,
    in_use: Option<(i64, String)>,
) -> SecretObject {
    let name = object_name(var, env);
    let mut spec = spec;
    spec["envVar"] = var.into();
    if let Some(env) = env {
        spec["environment"] = env.into();
    }
    let history: Vec<Value> = in_use
        .into_iter()
        .map(|(generation, sealed)| {
            json!({ "version": 1, "generation": generation, "time": NOW, "by": "anna",
                "via": "kubectl", "maskedValue": "****", "sealed": sealed })
        })
        .collect();
    SecretObject::of(&object(json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": { "name": name, "uid": format!("uid-{name}"), "resourceVersion": "7",
            "generation": 3, "creationTimestamp": NOW },
        "spec": spec,
        "status": { "history": history },
    })))
}

fn new_value() -> Candidate {
    Candidate::New { mask: "sk-p****z789".into(), restores: None }
}

/// One that was never published.
fn new_secret(var: &str, env: Option<&str>) -> SecretObject {
    let mut secret = secret(var, env, json!({ "sealed": sealed(256, 'a') }), None);
    secret.candidate = new_value();
    secret
}

/// One whose value is in use and unchanged.
fn settled_secret(var: &str, env: Option<&str>) -> SecretObject {
    let text = sealed(256, 'a');
    let mut secret = secret(var, env, json!({ "sealed": text }), Some((2, text)));
    secret.candidate = Candidate::Current;
    secret
}

fn account(secrets: impl IntoIterator<Item = SecretObject>) -> Account {
    Account {
        namespace: "shop".into(),
        secrets: secrets.into_iter().map(|secret| (secret.name.clone(), secret)).collect(),
        ..Account::default()
    }
}

fn account_object(status: Value) -> Option<AccountObject> {
    Some(AccountObject::of(&object(json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivAccount",
        "metadata": { "name": "default", "uid": "uid-account", "resourceVersion": "9" },
        "status": status,
    }))))
}

fn function(name: &str, set: Option<(&str, &str)>) -> Function {
    let env: Vec<Value> = set
        .into_iter()
        .map(|(var, set)| {
            json!({ "name": var, "valueFrom": { "secretKeyRef": { "name": set, "key": var } } })
        })
        .collect();
    let deployment = json!({
        "metadata": { "name": name, "uid": format!("uid-{name}"), "resourceVersion": "5",
            "labels": { FUNCTION_LABEL.0: FUNCTION_LABEL.1 }, "generation": 1,
            "creationTimestamp": "2026-11-24T11:00:00Z" },
        "spec": { "selector": {}, "template": { "spec": { "containers": [
            { "name": "main", "env": env, "readinessProbe": {} }] } } },
        "status": { "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1,
            "availableReplicas": 1 },
    });
    Function::of(&serde_json::from_value(deployment).expect("a Deployment"))
}

fn timings() -> Timings {
    Timings {
        keep_superseded: Duration::from_secs(120),
        retire_every: Duration::from_secs(30),
        report_every: Duration::from_secs(150),
        republish_interval: Duration::from_secs(300),
        started: now(),
        audit_keep: Duration::from_secs(365 * 24 * 3600),
        audit_keep_events: 1000,
    }
}

/// The plan of an account of which the audit trail has told everything: what that does is
/// `reconcile_model.rs`'s to say, and `reconcile/trail.rs`'s.
fn plan(account: &Account, memory: &Memory, timings: &Timings, now: Timestamp) -> Plan {
    let mut account = account.clone();
    let (decisions, _) = decide(&account);
    let refused = [
        Reason::DecryptionFailed,
        Reason::InvalidSpec,
        Reason::LimitExceeded,
        Reason::SealedTooEarly,
    ];
    let is_refused = |name: &String| refused.contains(&decisions[name].reason);
    let known = |secret: &SecretObject| KnownSecret {
        name: secret.name.clone(),
        uid: secret.uid.clone(),
        stamp: 99_999_999_999_999,
        version: secret.status.version.unwrap_or(0) + 1,
        refused: is_refused(&secret.name).then_some(0),
        refused_before: Some(Time(Timestamp::MAX)),
        ..KnownSecret::default()
    };
    let secrets = account.secrets.values().map(known).collect();
    if let Some(object) = &mut account.object {
        let record = AuditRecord { secrets, revision: i64::MAX, ..AuditRecord::default() };
        object.status.audit = Some(record);
    }
    let mut plan = kliv_secrets::reconcile::plan(&account, memory, timings, now);
    for action in &mut plan.actions {
        if let Action::WriteAccount(_, status) = action {
            status.audit = None;
        }
    }
    plan
}

fn plan_of(account: &Account, memory: &Memory) -> Plan {
    plan(account, memory, &timings(), now())
}

fn words(plan: &Plan) -> Vec<String> {
    plan.actions.iter().map(ToString::to_string).collect()
}

/// One that has just looked for functions that lost their label.
fn looked() -> Memory {
    Memory { strays: Some(Vec::new()), ..Memory::default() }
}

/// What is remembered when the write of a function was refused a moment ago.
fn refused(account: &Account, name: &str, by: Refusal) -> Memory {
    let mut memory = looked();
    let patch = plan_of(account, &memory).actions.into_iter().find_map(|action| match action {
        Action::Inject { function, patch } if function == name => Some(patch),
        _ => None,
    });
    let function = &account.functions[name];
    let write = write_of_function(function, &patch.expect("a write"));
    memory.fold(&Effect::Refused(function.uid.clone(), write, by), now());
    memory
}

/// The one set of an account, by name.
fn only_set(account: &Account) -> String {
    let (_, sets) = decide(account);
    assert_eq!(sets.len(), 1);
    sets[0].name.clone()
}

/// An account that is as it should be, with one function.
fn settled() -> Account {
    let mut account = account([settled_secret("API_KEY", None)]);
    let set = only_set(&account);
    account.functions.insert("f".into(), function("f", Some(("API_KEY", &set))));
    account.object = account_object(json!({
        "secrets": 1, "revision": 4,
        "sets": [{ "environment": "", "name": set, "uid": "u", "keys": ["API_KEY"], "revision": 4 }],
        "functions": { "total": 1, "updated": 1 },
    }));
    come_to_rest(&mut account);
    account
}

/// Takes in what status writes would leave.
fn come_to_rest(account: &mut Account) {
    for action in plan_of(account, &looked()).actions {
        match action {
            Action::WriteSecret { name, status, .. } => {
                if let Some(secret) = account.secrets.get_mut(&name) {
                    secret.status = *status;
                }
            }
            Action::WriteAccount(_, status) => {
                if let Some(object) = &mut account.object {
                    object.status = *status;
                }
            }
            other => panic!("not at rest: {other}"),
        }
    }
    assert_eq!(words(&plan_of(account, &looked())), Vec::<String>::new());
}
