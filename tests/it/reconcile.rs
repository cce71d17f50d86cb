//! The engine's decisions, plans and words, case by case.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kliv_secrets::api::condition::Reason;
use kliv_secrets::api::names::{ANNOTATION_STAMPS, FUNCTION_LABEL, MAX_SECRETS};
use kliv_secrets::api::{KlivSecretStatus, object_name};
use kliv_secrets::inject::Function;
use kliv_secrets::reconcile::{
    Account, AccountObject, Action, Candidate, Change, Kind, Member, Memory, Plan, Record,
    SecretObject, Timings, Why, World, content_id, decide, inspect, plan,
};
use kliv_secrets::runtime::entropy;
use kliv_secrets::seal::Keyring;
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
    Candidate::New { mask: "sk-p****z789".into(), sealed_at: now() }
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
        report_every: Duration::from_secs(60),
        republish_interval: Duration::from_secs(300),
        started: now(),
    }
}

fn plan_of(account: &Account, memory: &Memory) -> Plan {
    plan(account, memory, &timings(), now())
}

fn words(plan: &Plan) -> Vec<String> {
    plan.actions.iter().map(ToString::to_string).collect()
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
    for action in plan_of(account, &Memory::default()).actions {
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
    assert_eq!(words(&plan_of(account, &Memory::default())), Vec::<String>::new());
}

mod decisions {
    use super::*;

    fn member(uid: &str, generation: i64, sealed: &str) -> Member {
        Member {
            secret: "api-key".into(),
            uid: uid.into(),
            generation,
            env_var: "API_KEY".into(),
            environment: None,
            sealed: sealed.into(),
        }
    }

    #[test]
    fn a_sets_name_follows_from_secrets_and_versions_and_never_from_values() {
        let id = |uid, generation, sealed| content_id(&[member(uid, generation, sealed)]);
        assert_eq!(id("u", 1, "one ciphertext"), id("u", 1, "another"));
        assert_ne!(id("u", 1, ""), id("u", 2, ""));
        assert_ne!(id("u", 1, ""), id("v", 1, ""));
    }

    #[test]
    fn a_sets_name_does_not_depend_on_the_order_of_objects() {
        // By object name `b-x` stands before `b.prod`; by variable it is the other way.
        let one = account([new_secret("B", Some("prod")), new_secret("B_X", None)]);
        let other = account([new_secret("B_X", None), new_secret("B", Some("prod"))]);
        assert_eq!(decide(&one).1, decide(&other).1);
        let vars = |set: usize| -> Vec<String> {
            decide(&one).1[set].members.iter().map(|m| m.env_var.clone()).collect()
        };
        assert_eq!(vars(0), ["B_X"]);
        assert_eq!(vars(1), ["B", "B_X"]);
    }

    #[test]
    fn a_value_of_an_environment_wins_over_one_without() {
        let account = account([
            new_secret("API_KEY", None),
            new_secret("API_KEY", Some("prod")),
            new_secret("DB_URL", None),
            new_secret("MAIL", Some("test")),
        ]);
        let (_, sets) = decide(&account);
        let sets: Vec<(&str, Vec<&str>)> = sets
            .iter()
            .map(|set| {
                let members = set.members.iter().map(|member| member.secret.as_str());
                (set.environment.as_str(), members.collect())
            })
            .collect();
        let expected = [
            ("", vec!["api-key", "db-url"]),
            ("prod", vec!["api-key.prod", "db-url"]),
            ("test", vec!["api-key", "db-url", "mail.test"]),
        ];
        assert_eq!(sets, expected);
    }

    #[test]
    fn a_value_that_does_not_open_leaves_the_last_good_one() {
        for why in [Why::Malformed, Why::UnknownKey, Why::Refused] {
            let spec = json!({ "sealed": sealed(256, 'b') });
            let mut bad = secret("API_KEY", None, spec, Some((2, sealed(256, 'a'))));
            bad.candidate = Candidate::Unreadable(why);
            let (decisions, sets) = decide(&account([bad]));
            assert_eq!(decisions["api-key"].reason, Reason::DecryptionFailed);
            assert_eq!(sets[0].members[0].sealed, sealed(256, 'a'));
            assert_eq!(sets[0].members[0].generation, 2);
            assert_eq!(sets[0].name, only_set(&account([settled_secret("API_KEY", None)])));
        }
    }

    #[test]
    fn the_same_value_sealed_anew_keeps_the_sets_name() {
        let spec = json!({ "sealed": sealed(256, 'b') });
        let mut again = secret("API_KEY", None, spec, Some((2, sealed(256, 'a'))));
        again.candidate = Candidate::SameValue;
        let before = only_set(&account([settled_secret("API_KEY", None)]));
        assert_eq!(only_set(&account([again])), before);
    }

    #[test]
    fn a_question_takes_the_value_away_and_an_emptied_spec_does_not() {
        let in_use = Some((2, sealed(256, 'a')));
        let question = json!({ "request": { "purpose": "mail" } });
        for (spec, reason, published) in [
            (question, Reason::AwaitingValue, false),
            (json!({}), Reason::Published, true),
            (json!({ "generate": {} }), Reason::Published, true),
        ] {
            let (decisions, sets) =
                decide(&account([secret("API_KEY", None, spec, in_use.clone())]));
            assert_eq!(decisions["api-key"].reason, reason);
            assert_eq!(!sets.is_empty(), published);
        }
        let (decisions, _) = decide(&account([secret("API_KEY", None, json!({}), None)]));
        assert_eq!(decisions["api-key"].reason, Reason::AwaitingValue);
    }

    #[test]
    fn the_257th_secret_is_one_too_many_and_those_in_use_come_first() {
        let mut secrets: Vec<SecretObject> =
            (0..MAX_SECRETS).map(|i| settled_secret(&format!("KEY_{i}"), None)).collect();
        // Its name comes first, and so does its object.
        let mut one_more = new_secret("AAA", None);
        one_more.created = ago(9999);
        secrets.push(one_more);
        let (decisions, sets) = decide(&account(secrets));
        let refused: Vec<&String> = decisions
            .iter()
            .filter(|(_, decision)| decision.reason == Reason::LimitExceeded)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(refused, ["aaa"]);
        assert_eq!(sets[0].members.len(), MAX_SECRETS);
    }

    const LARGE: usize = 59 * 1024;

    #[test]
    fn what_an_account_has_too_many_of_is_not_even_opened() {
        let keyring = Keyring::generate(now(), &mut entropy::system());
        let mut account = account((0..300).map(|i| {
            let mut secret = new_secret(&format!("V{i}"), None);
            secret.created = now() + SignedDuration::from_secs(i);
            secret
        }));
        inspect(&mut account, &keyring);
        let too_many = |secret: &&SecretObject| secret.candidate == Candidate::TooMany;
        assert_eq!(account.secrets.values().filter(too_many).count(), 300 - MAX_SECRETS);
        let (decisions, _) = decide(&account);
        for secret in account.secrets.values().filter(too_many) {
            assert_eq!(decisions[&secret.name].reason, Reason::LimitExceeded);
        }
    }

    #[test]
    fn the_33rd_environment_is_one_too_many_and_the_record_of_a_full_account_fits_into_etcd() {
        let name = |i: usize| format!("V{i:0>127}");
        let mut account = account((0..256).map(|i| match i {
            0..224 => settled_secret(&name(i), None),
            _ => settled_secret(&name(i), Some(&format!("{i:0>63}"))),
        }));
        let one_more = format!("{:0>63}", 256);
        let mut new = new_secret("NEW", Some(&one_more));
        new.created = ago(-60);
        account.secrets.remove(&object_name(&name(0), None));
        account.secrets.insert(new.name.clone(), new);
        let (decisions, sets) = decide(&account);
        let refused: Vec<_> =
            decisions.values().filter(|d| d.reason == Reason::LimitExceeded).collect();
        assert_eq!((refused.len(), sets.len()), (1, 33));
        let keys = sets.iter().flat_map(|set| &set.members).map(|m| m.env_var.len() + 3);
        assert!(keys.sum::<usize>() < 1_200_000);
    }

    fn large(i: usize, size: usize) -> SecretObject {
        let text = sealed(size, 'a');
        let spec = json!({ "sealed": text });
        let mut secret = secret(&format!("KEY_{i}"), None, spec, Some((2, text)));
        secret.candidate = Candidate::Current;
        secret
    }

    #[test]
    fn a_value_that_makes_the_set_too_large_is_refused_and_the_one_before_it_stays() {
        // 15 * 59 KiB = 885 KiB are in use.
        let mut secrets: Vec<SecretObject> = (0..15).map(|i| large(i, LARGE)).collect();
        let spec = json!({ "sealed": sealed(LARGE, 'b') });
        let mut grown = secret("KEY_15", None, spec, Some((2, sealed(256, 'a'))));
        grown.candidate = new_value();
        secrets.push(grown);
        let mut late = new_secret("NEW", None);
        late.created = ago(-60);
        secrets.push(late);
        let (decisions, sets) = decide(&account(secrets));
        assert_eq!(decisions["key-15"].reason, Reason::LimitExceeded);
        assert_eq!(decisions["key-15"].member.as_ref().map(|m| m.generation), Some(2));
        assert_eq!(decisions["new"].reason, Reason::Published, "it still fits");
        assert_eq!(sets[0].members.len(), 17);
    }

    #[test]
    fn a_value_that_was_taken_back_takes_no_room() {
        let mut secrets: Vec<SecretObject> = (0..15).map(|i| large(i, LARGE)).collect();
        let question = json!({ "request": { "purpose": "mail" } });
        secrets[0] = secret("KEY_0", None, question, Some((2, sealed(LARGE, 'a'))));
        let spec = json!({ "sealed": sealed(LARGE, 'b') });
        let mut new = secret("NEW", None, spec, None);
        new.candidate = new_value();
        secrets.push(new);
        assert_eq!(decide(&account(secrets)).0["new"].reason, Reason::Published);
    }

    #[test]
    fn in_a_set_that_is_too_large_already_a_smaller_value_is_accepted() {
        let mut secrets: Vec<SecretObject> = (0..16).map(|i| large(i, LARGE)).collect();
        let spec = json!({ "sealed": sealed(256, 'b') });
        let mut smaller = secret("KEY_0", None, spec, Some((2, sealed(LARGE, 'a'))));
        smaller.candidate = new_value();
        secrets[0] = smaller;
        assert_eq!(decide(&account(secrets)).0["key-0"].reason, Reason::Published);
    }

    #[test]
    fn a_retired_name_is_not_used_again_and_any_other_name_of_the_content_is_kept() {
        let mut account = account([settled_secret("API_KEY", None)]);
        let content = only_set(&account);
        let second = format!("{content}-2");
        let superseded =
            |name: &str, retired| json!({ "name": name, "since": NOW, "retired": retired });
        let set = |name: &str| json!({ "environment": "", "name": name, "uid": "u", "keys": [], "revision": 1 });
        for (status, expected) in [
            (json!({ "superseded": [superseded(&content, false)] }), &content),
            (json!({ "superseded": [superseded(&content, true)] }), &second),
            (json!({ "sets": [set(&second)] }), &second),
            (json!({ "pending": [second] }), &second),
            (json!({ "superseded": [superseded(&second, true)] }), &content),
        ] {
            account.object = account_object(status.clone());
            assert_eq!(only_set(&account), *expected, "{status}");
        }
    }

    #[test]
    fn without_a_klivaccount_the_name_that_functions_know_is_kept() {
        let mut account = account([settled_secret("API_KEY", None)]);
        let second = format!("{}-2", only_set(&account));
        account.functions.insert("f".into(), function("f", Some(("API_KEY", &second))));
        assert_eq!(only_set(&account), second);
    }
}

mod plans {
    use super::*;

    #[test]
    fn an_account_without_secrets_and_without_a_record_is_left_alone() {
        let mut account = account([]);
        account.functions.insert("f".into(), function("f", Some(("API_KEY", "kliv-env-x"))));
        // The set is there: the KlivAccount went with its CRD.
        let found = BTreeSet::from(["kliv-env-x".to_owned()]);
        let memory = Memory { found, ..Memory::default() };
        assert!(plan_of(&account, &memory) == Plan::default());
    }

    #[test]
    fn entries_of_sets_that_do_not_exist_go_also_where_nothing_was_ever_published() {
        let mut account = account([]);
        account.functions.insert("f".into(), function("f", Some(("A", "kliv-env-elsewhere"))));
        assert_eq!(words(&plan_of(&account, &Memory::default())), ["probe 1 sets"]);
        let name = BTreeSet::from(["kliv-env-elsewhere".to_owned()]);
        let memory = Memory { missing: name, ..Memory::default() };
        assert_eq!(words(&plan_of(&account, &memory)), ["inject into f"]);
    }

    #[test]
    fn in_a_terminating_namespace_nothing_is_planned() {
        let mut account = settled();
        account.secrets.insert("new".into(), new_secret("NEW", None));
        account.terminating = true;
        assert!(plan_of(&account, &Memory::default()) == Plan::default());
    }

    #[test]
    fn at_rest_nothing_is_planned_whatever_is_remembered() {
        let account = settled();
        let mut memory = Memory { reported: Some(ago(5)), ..Memory::default() };
        assert_eq!(words(&plan_of(&account, &memory)), Vec::<String>::new());
        memory.next_probe = Some(ago(-60));
        let plan = plan_of(&account, &memory);
        assert_eq!(plan.look_again, Some(Duration::from_secs(60)));
        memory.next_probe = Some(now());
        assert_eq!(words(&plan_of(&account, &memory)), ["probe 1 sets"]);
    }

    #[test]
    fn a_set_is_recorded_then_made_then_current_and_only_then_functions_get_it() {
        let mut account = settled();
        account.secrets.insert("new".into(), new_secret("NEW", None));
        let mut memory = Memory::default();

        let first = plan_of(&account, &memory);
        let [Action::WriteAccount(Record::Pending, status)] = &first.actions[..] else {
            panic!("{:?}", words(&first));
        };
        assert_eq!(status.pending.len(), 1);
        assert_eq!(status.sets, account.object.as_ref().expect("there").status.sets);
        account.object.as_mut().expect("there").status = *status.clone();

        let second = plan_of(&account, &memory);
        let [Action::Publish { name, members, .. }] = &second.actions[..] else {
            panic!("{:?}", words(&second));
        };
        assert_eq!(*name, status.pending[0]);
        assert_eq!(members.len(), 2);
        memory.created.insert(name.clone(), Some("new-uid".into()));

        let third = plan_of(&account, &memory);
        let [Action::WriteAccount(Record::Switch, status)] = &third.actions[..] else {
            panic!("{:?}", words(&third));
        };
        assert_eq!((status.revision, status.sets[0].revision), (5, 5));
        assert_eq!((&status.sets[0].name, status.sets[0].uid.as_str()), (name, "new-uid"));
        assert_eq!(status.sets[0].keys, ["API_KEY", "NEW"]);
        assert_eq!(status.superseded[0].uid.as_deref(), Some("u"));
        assert!(status.pending.is_empty());
        account.object.as_mut().expect("there").status = *status.clone();
        memory.reported = Some(now());

        assert_eq!(
            words(&plan_of(&account, &memory)),
            ["inject into f", "write the status of new"]
        );
    }

    #[test]
    fn many_changes_are_one_new_set() {
        let mut account = settled();
        for i in 0..20 {
            let secret = new_secret(&format!("NEW_{i}"), None);
            account.secrets.insert(secret.name.clone(), secret);
        }
        let plan = plan_of(&account, &Memory::default());
        let [Action::WriteAccount(Record::Pending, status)] = &plan.actions[..] else {
            panic!("{:?}", words(&plan));
        };
        assert_eq!(status.pending.len(), 1);
    }

    #[test]
    fn where_publishing_is_blocked_the_secret_says_why_and_all_else_goes_on() {
        let mut account = settled();
        account.secrets.insert("new".into(), new_secret("NEW", None));
        account.functions.insert("g".into(), function("g", None));
        let blocked = Some((Reason::QuotaExceeded, "raise it".to_owned()));
        let memory = Memory { blocked, ..Memory::default() };
        let plan = plan_of(&account, &memory);
        assert_eq!(
            words(&plan),
            ["inject into g", "write the status of new", "write the KlivAccount: Progress"]
        );
        for action in &plan.actions {
            let conditions = match action {
                Action::WriteSecret { status, .. } => {
                    assert!(status.version.is_none() && status.history.is_empty());
                    &status.conditions
                }
                Action::WriteAccount(_, status) => &status.conditions,
                _ => continue,
            };
            let ready = &conditions[0];
            assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "QuotaExceeded"));
            assert_eq!(ready.message, "raise it");
        }
    }

    /// The KlivAccount was deleted and made anew, and a quota is full or a value does not open.
    #[test]
    fn functions_keep_what_they_have_until_the_account_has_published() {
        let mut account = settled();
        account.object = account_object(json!({}));
        let blocked = Some((Reason::QuotaExceeded, "raise it".to_owned()));
        let memory = Memory { blocked, ..Memory::default() };
        assert_eq!(words(&plan_of(&account, &memory)), ["write the KlivAccount: Progress"]);
    }

    #[test]
    fn secrets_that_went_with_their_crd_are_told_from_deleted_ones() {
        let mut account = settled();
        let crd = time("2026-11-24T12:30:00Z");
        let mut memory = Memory::default();
        memory.see(&account);
        assert!(!account.went_with_crd(&memory, crd), "there are secrets");
        account.secrets.clear();
        assert!(account.went_with_crd(&memory, crd), "a CRD that is newer than all of them");
        assert!(account.went_with_crd(&Memory::default(), crd), "also after a restart");
        assert!(!account.went_with_crd(&memory, time("2026-11-24T11:00:00Z")), "the CRD stayed");
        memory.see(&settled_later());
        account.secrets.clear();
        assert!(!account.went_with_crd(&memory, crd), "one was made since, and deleted");
        account.object = account_object(json!({ "revision": 5 }));
        assert!(!account.went_with_crd(&Memory::default(), crd), "nothing is published");
    }

    fn settled_later() -> Account {
        let mut account = settled();
        for secret in account.secrets.values_mut() {
            secret.created = time("2026-11-24T12:31:00Z");
        }
        account
    }

    #[test]
    fn a_value_is_not_called_published_while_its_set_waits_for_room() {
        let mut account = settled();
        account.secrets.insert("new".into(), new_secret("NEW", None));
        let superseded: Vec<Value> =
            (0..512).map(|i| json!({ "name": format!("kliv-env-x{i}"), "since": NOW })).collect();
        account.object.as_mut().expect("there").status.superseded =
            serde_json::from_value(superseded.into()).expect("sets");
        let plan = plan_of(&account, &Memory::default());
        let status = plan.actions.iter().find_map(|action| match action {
            Action::WriteSecret { name, status, .. } if name == "new" => Some(status),
            _ => None,
        });
        let status = status.expect("a status");
        assert!(status.version.is_none() && status.history.is_empty());
        assert_eq!(status.conditions[0].reason, "PublishFailed");
    }

    #[test]
    fn what_was_about_to_be_made_and_is_not_wanted_any_more_is_retired() {
        let mut account = settled();
        account.object.as_mut().expect("there").status.pending = vec!["kliv-env-x".into()];
        let plan = plan_of(&account, &Memory::default());
        let [Action::WriteAccount(Record::Switch, status)] = &plan.actions[..] else {
            panic!("{:?}", words(&plan));
        };
        assert!(status.pending.is_empty());
        assert_eq!(status.superseded[0].name, "kliv-env-x");
        assert_eq!((status.revision, status.functions.updated), (4, 1), "all else stays");
    }

    #[test]
    fn a_set_that_only_functions_know_is_superseded() {
        let mut account = settled();
        let stranger = function("g", Some(("API_KEY", "kliv-env-lost")));
        account.functions.insert("g".into(), stranger);
        let plan = plan_of(&account, &Memory::default());
        let [Action::WriteAccount(Record::Switch, status)] = &plan.actions[..] else {
            panic!("{:?}", words(&plan));
        };
        assert_eq!(status.superseded[0].name, "kliv-env-lost");
    }

    #[test]
    fn the_record_of_superseded_sets_never_outgrows_its_limit() {
        let superseded = |count: usize| -> Vec<Value> {
            let name = |i| format!("kliv-env-x{i}");
            (0..count).map(|i| json!({ "name": name(i), "since": NOW, "retired": true })).collect()
        };
        for (before, expected) in [(511, 1), (512, 0)] {
            let mut account = settled();
            account.secrets.insert("new".into(), new_secret("NEW", None));
            account.object.as_mut().expect("there").status.superseded =
                serde_json::from_value(superseded(before).into()).expect("sets");
            let plan = plan_of(&account, &Memory::default());
            let publishes = plan
                .actions
                .iter()
                .filter(|action| matches!(action, Action::WriteAccount(Record::Pending, _)));
            assert_eq!(publishes.count(), expected, "{before}");
        }
        // Nor do Deployments that name hundreds of sets fill it.
        let mut account = settled();
        for i in 0..600 {
            let set = format!("kliv-env-y{i}");
            let function = function(&format!("g{i}"), Some(("API_KEY", &set)));
            account.functions.insert(function.name.clone(), function);
        }
        let plan = plan_of(&account, &Memory::default());
        let [Action::WriteAccount(Record::Switch, status)] = &plan.actions[..] else {
            panic!("{:?}", words(&plan));
        };
        assert_eq!(status.superseded.len(), 256);
    }

    #[test]
    fn a_current_set_that_is_missing_is_made_again() {
        let account = settled();
        let missing = BTreeSet::from([only_set(&account)]);
        let memory = Memory { missing, ..Memory::default() };
        assert_eq!(
            words(&plan_of(&account, &memory)),
            [format!("publish {} with 1 variables", only_set(&account))]
        );
    }

    /// A settled account with one superseded set.
    fn with_superseded(since: i64, retired: bool) -> Account {
        let mut account = settled();
        let superseded = json!([{ "name": "kliv-env-x", "uid": "x", "since": ago(since).to_string(),
            "retired": retired }]);
        account.object.as_mut().expect("there").status.superseded =
            serde_json::from_value(superseded).expect("superseded sets");
        account
    }

    #[test]
    fn a_superseded_set_is_first_retired_by_record_and_then_deleted() {
        let retire = "write the KlivAccount: Progress";
        let delete = "retire 1 superseded sets";
        let look = |seconds| Some(Duration::from_secs(seconds));
        for (since, retired, expected, look_again) in [
            (100, false, vec![], look(20)),
            (120, false, vec![retire], None),
            (100, true, vec![], look(20)),
            (120, true, vec![delete], None),
        ] {
            let plan = plan_of(&with_superseded(since, retired), &Memory::default());
            assert_eq!(words(&plan), expected, "{since} {retired}");
            assert_eq!(plan.look_again, look_again, "{since} {retired}");
        }
    }

    #[test]
    fn a_set_that_a_function_holds_is_neither_retired_nor_deleted() {
        for retired in [true, false] {
            let mut account = with_superseded(9999, retired);
            // Not at its own variable: it is the user's, and is left alone.
            let env = json!([{ "name": "OWN", "valueFrom":
                { "secretKeyRef": { "name": "kliv-env-x", "key": "API_KEY" } } }]);
            let deployment = json!({
                "metadata": { "name": "g", "uid": "uid-g", "annotations":
                    { "secrets.kliv.dev/inject": "none" } },
                "spec": { "selector": {}, "template": { "spec":
                    { "containers": [{ "name": "main", "env": env }] } } },
            });
            let function = Function::of(&serde_json::from_value(deployment).expect("one"));
            account.functions.insert("g".into(), function);
            assert_eq!(words(&plan_of(&account, &Memory::default())), Vec::<String>::new());
        }
    }

    #[test]
    fn a_deleted_set_is_forgotten_after_a_second_delete_has_found_nothing() {
        let account = with_superseded(500, true);
        let name = || "kliv-env-x".to_owned();
        let mut memory = Memory { retired: Some(ago(10)), ..Memory::default() };
        memory.deleted.insert(name(), ago(10));
        let plan = plan_of(&account, &memory);
        assert_eq!(words(&plan), Vec::<String>::new());
        assert_eq!(plan.look_again, Some(Duration::from_secs(20)));

        memory.retired = Some(ago(30));
        memory.deleted.insert(name(), ago(30));
        assert_eq!(words(&plan_of(&account, &memory)), ["retire 1 superseded sets"]);

        memory.gone.insert(name());
        let plan = plan_of(&account, &memory);
        let [Action::WriteAccount(Record::Progress, status)] = &plan.actions[..] else {
            panic!("{:?}", words(&plan));
        };
        assert!(status.superseded.is_empty());
    }

    #[test]
    fn a_set_with_another_uid_than_recorded_is_deleted_by_its_name() {
        let account = with_superseded(500, true);
        let mut memory = Memory::default();
        for (reborn, uid) in [(false, Some("x".to_owned())), (true, None)] {
            if reborn {
                memory.reborn.insert("kliv-env-x".into());
            }
            let plan = plan_of(&account, &memory);
            assert!(plan.actions == [Action::Retire(vec![("kliv-env-x".into(), uid)])]);
        }
    }

    #[test]
    fn a_function_whose_write_was_refused_is_reported_and_not_tried_in_the_same_run() {
        let mut account = settled();
        account.functions.insert("g".into(), function("g", None));
        let refused = BTreeSet::from([("uid-g".to_owned(), "5".to_owned())]);
        let memory = Memory { refused, ..Memory::default() };
        let plan = plan_of(&account, &memory);
        let [Action::WriteAccount(Record::Progress, status)] = &plan.actions[..] else {
            panic!("{:?}", words(&plan));
        };
        assert_eq!(status.functions.not_updated[0].reason, "WriteRefused");
        assert_eq!((status.functions.total, status.functions.updated), (2, 1));
    }

    #[test]
    fn an_action_in_print_holds_no_ciphertext() {
        let mut account = settled();
        account.secrets.insert("new".into(), new_secret("NEW", None));
        account.object.as_mut().expect("there").status.pending =
            decide(&account).1.into_iter().map(|set| set.name).collect();
        let printed = words(&plan_of(&account, &Memory::default()));
        assert!(printed[0].starts_with("publish kliv-env-"), "{printed:?}");
        assert!(!printed.concat().contains("kliv1."));
    }
}

mod statuses {
    use super::*;

    /// The status that is written for a KlivSecret.
    fn written(secret: SecretObject) -> Option<KlivSecretStatus> {
        let mut account = account([secret]);
        let set = decide(&account).1.pop().map(|set| {
            json!({ "environment": set.environment, "name": set.name, "uid": "u",
                "keys": ["API_KEY"], "revision": 1 })
        });
        account.object = account_object(json!({ "sets": set.into_iter().collect::<Vec<_>>() }));
        plan_of(&account, &Memory::default()).actions.into_iter().find_map(|action| match action {
            Action::WriteSecret { status, .. } => Some(*status),
            _ => None,
        })
    }

    fn stamped(mut secret: SecretObject, stamps: &str) -> SecretObject {
        secret.stamps = kliv_secrets::api::Stamps::parse(stamps);
        secret
    }

    #[test]
    fn a_new_value_is_told_with_mask_version_time_and_who_did_it() {
        let stamps = "4 2026-11-24T11:00:00Z value web Anna Andersson\n\
                      5 2026-11-24T11:30:00Z spec kubectl bob";
        let spec = json!({ "sealed": sealed(256, 'b') });
        let mut secret = secret("API_KEY", None, spec, Some((2, sealed(256, 'a'))));
        secret.candidate = new_value();
        secret.status.version = Some(1);
        secret.status.created_time =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(ago(9999)));
        let status = written(stamped(secret, stamps)).expect("written");
        assert_eq!(status.masked_value.as_deref(), Some("sk-p****z789"));
        assert_eq!(status.version, Some(2));
        assert_eq!(status.updated_by.as_deref(), Some("Anna Andersson"));
        assert_eq!(status.via.as_deref(), Some("web"));
        assert_eq!(status.updated_time.map(|t| t.0), Some(time("2026-11-24T11:00:00Z")));
        assert_eq!(status.created_time.map(|t| t.0), Some(ago(9999)));
        assert_eq!(status.recorded_stamp, Some(5));
        assert_eq!(status.observed_generation, Some(3));
        assert_eq!(status.conditions[0].reason, "Published");
        let history: Vec<(i64, i64)> =
            status.history.iter().map(|entry| (entry.version, entry.generation)).collect();
        assert_eq!(history, [(2, 3), (1, 2)]);
        assert_eq!(status.history[0].sealed, sealed(256, 'b'));
    }

    #[test]
    fn the_same_value_again_is_no_new_version_and_its_newer_ciphertext_is_kept() {
        let spec = json!({ "sealed": sealed(256, 'b') });
        let mut again = secret("API_KEY", None, spec, Some((2, sealed(256, 'a'))));
        again.candidate = Candidate::SameValue;
        again.status.version = Some(1);
        again.status.updated_by = Some("anna".into());
        let before = again.status.clone();
        let again = stamped(again, "6 2026-11-24T11:00:00Z value api bob");
        let mut status = written(again).expect("written");
        assert_eq!(status.history[0].sealed, sealed(256, 'b'));
        assert_eq!(status.recorded_stamp, Some(6));
        status.history.clone_from(&before.history);
        (status.recorded_stamp, status.observed_generation) = (None, None);
        status.conditions.clear();
        assert!(status == before, "all else stays");
    }

    #[test]
    fn the_history_ends_after_five_values_or_128_kib_and_the_one_in_use_always_stays() {
        for (size, kept) in [(256, 5), (30 * 1024, 3), (60 * 1024, 1)] {
            let spec = json!({ "sealed": sealed(size, 'b') });
            let mut secret = secret("API_KEY", None, spec, Some((2, sealed(size, 'a'))));
            secret.candidate = new_value();
            let entry = secret.status.history[0].clone();
            secret.status.history = vec![entry; 5];
            let status = written(secret).expect("written");
            assert_eq!(status.history.len(), kept, "{size}");
            assert_eq!(status.history[0].sealed, sealed(size, 'b'));
        }
    }

    #[test]
    fn a_value_that_waits_keeps_the_stamp_that_brought_it() {
        let stamps = "4 2026-11-24T11:00:00Z spec web a\n5 2026-11-24T11:00:01Z value web b\n\
                      6 2026-11-24T11:00:02Z spec web c";
        let waiting = |candidate| {
            let mut secret = new_secret("API_KEY", None);
            secret.candidate = candidate;
            secret.status.recorded_stamp = Some(3);
            stamped(secret, stamps)
        };
        let unreadable = Candidate::Unreadable(Why::UnknownKey);
        assert_eq!(written(waiting(unreadable)).expect("written").recorded_stamp, Some(4));
        let status = written(waiting(new_value())).expect("written");
        assert_eq!((status.recorded_stamp, status.updated_by.as_deref()), (Some(6), Some("b")));
    }

    #[test]
    fn a_forged_number_stops_nothing() {
        let stamps = format!("{} 2026-11-24T11:00:00Z value web eve", i64::MAX);
        let status = written(stamped(new_secret("API_KEY", None), &stamps)).expect("written");
        assert_eq!(status.recorded_stamp, Some(i64::MAX));
        let mut secret = new_secret("API_KEY", None);
        secret.status = status;
        let status = written(stamped(secret, &stamps)).expect("written");
        assert_eq!((status.version, status.updated_by), (Some(2), None));
    }

    #[test]
    fn a_value_in_use_that_does_not_open_any_more_is_told_on_its_own_secret_only() {
        let mut account = settled();
        account.secrets.insert("new".into(), new_secret("NEW", None));
        let old = &account.secrets["api-key"];
        let memory = Memory {
            blocked: Some((Reason::PublishFailed, "restore the keyring".into())),
            unopenable: BTreeSet::from([(old.uid.clone(), 2)]),
            ..Memory::default()
        };
        let reasons: BTreeMap<String, String> = plan_of(&account, &memory)
            .actions
            .into_iter()
            .filter_map(|action| match action {
                Action::WriteSecret { name, status, .. } => {
                    Some((name, status.conditions[0].reason.clone()))
                }
                _ => None,
            })
            .collect();
        let expected = [("api-key", "DecryptionFailed"), ("new", "PublishFailed")];
        assert_eq!(reasons, expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    }

    #[test]
    fn one_object_that_can_not_be_read_harms_no_other() {
        let broken = SecretObject::of(&object(json!({
            "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
            "metadata": { "name": "broken", "annotations": { ANNOTATION_STAMPS: "nonsense" } },
            "spec": { "envVar": 7 }, "status": "none",
        })));
        let (decisions, sets) = decide(&account([broken, new_secret("API_KEY", None)]));
        assert_eq!(decisions["broken"].reason, Reason::InvalidSpec);
        assert_eq!(decisions["api-key"].reason, Reason::Published);
        assert_eq!(sets[0].members.len(), 1);
    }
}

mod events {
    use super::*;

    fn said(account: &Account, memory: &Memory) -> Vec<String> {
        let said = plan_of(account, memory).notes.into_iter().filter(|note| note.news);
        said.map(|note| {
            let kind = if note.warning { "Warning" } else { "Normal" };
            format!("{kind} {} {}: {}", note.name, note.reason, note.text)
        })
        .collect()
    }

    #[test]
    fn a_secret_says_what_became_of_it_once() {
        let mut account = settled();
        let set = |account: &mut Account| {
            let sets = decide(account).1;
            let status = &mut account.object.as_mut().expect("there").status;
            status.sets[0].name.clone_from(&sets[0].name);
        };
        let change = |account: &mut Account, candidate| {
            let spec = json!({ "sealed": sealed(256, 'b') });
            let mut changed = secret("API_KEY", None, spec, Some((2, sealed(256, 'a'))));
            changed.status = account.secrets["api-key"].status.clone();
            changed.candidate = candidate;
            account.secrets.insert("api-key".into(), changed);
        };
        account.functions.clear();
        assert_eq!(said(&account, &Memory::default()), Vec::<String>::new());
        change(&mut account, Candidate::SameValue);
        assert_eq!(said(&account, &Memory::default()), Vec::<String>::new());
        change(&mut account, new_value());
        set(&mut account);
        assert_eq!(
            said(&account, &Memory::default()),
            ["Normal api-key Published: version 1: all functions of the account get this value"]
        );
        change(&mut account, Candidate::Unreadable(Why::Refused));
        set(&mut account);
        assert_eq!(
            said(&account, &Memory::default()),
            ["Warning api-key NotPublished: DecryptionFailed: spec.sealed was altered, or sealed \
              for another account, name or environment: set the value again here"]
        );
    }

    #[test]
    fn a_function_is_told_what_it_gets_when_that_is_news() {
        let mut account = settled();
        let set = only_set(&account);
        let text = format!("API_KEY from {set} (revision 4)");
        let memory = Memory::default();
        assert_eq!(said(&account, &memory), Vec::<String>::new(), "as before the start");
        // A function without env gets one.
        account.functions.insert("g".into(), function("g", None));
        let [told] = &said(&account, &memory)[..] else { panic!("not one") };
        assert_eq!(*told, format!("Normal g SecretsInjected: {text}. NoSafeRollout")[..told.len()]);
        let known = plan_of(&account, &memory).notes;
        let memory = Memory {
            said: known.into_iter().map(|note| (note.uid, note.text)).collect(),
            ..Memory::default()
        };
        assert_eq!(said(&account, &memory), Vec::<String>::new(), "known");
    }

    #[test]
    fn a_function_whose_write_was_refused_is_not_told_that_it_was_done() {
        let mut account = settled();
        account.functions.insert("g".into(), function("g", None));
        let refused = BTreeSet::from([("uid-g".to_owned(), "5".to_owned())]);
        let memory = Memory { refused, ..Memory::default() };
        let [told] = &said(&account, &memory)[..] else { panic!("not one") };
        assert!(told.starts_with("Warning g SecretsInjected: keeps the env that it has"), "{told}");
    }

    #[test]
    fn an_event_is_said_when_the_write_that_it_speaks_of_was_done() {
        let mut account = settled();
        account.functions.insert("g".into(), function("g", None));
        let plan = plan_of(&account, &Memory::default());
        let note = |name: &str| plan.notes.iter().find(|n| n.name == name).expect("a note");
        assert!(plan.holds(note("f"), &BTreeSet::new()), "nothing is written to f");
        assert!(!plan.holds(note("g"), &BTreeSet::new()));
        assert!(plan.holds(note("g"), &BTreeSet::from(["uid-g".to_owned()])));
    }
}

mod worlds {
    use super::*;

    fn version(mut secret: SecretObject, uid: &str, version: &str) -> Box<SecretObject> {
        (secret.uid, secret.resource_version) = (uid.into(), version.into());
        Box::new(secret)
    }

    fn seen(uid: &str, at: &str) -> Change {
        Change::Secret("shop".into(), version(new_secret("API_KEY", None), uid, at))
    }

    fn held(world: &World) -> Option<String> {
        let account = world.account("shop");
        account.secrets.get("api-key").map(|secret| secret.resource_version.clone())
    }

    #[test]
    fn an_older_state_never_replaces_a_newer_one() {
        let mut world = World::default();
        assert!(world.apply(seen("u", "10")));
        assert!(!world.apply(seen("u", "9")));
        assert!(!world.apply(seen("u", "10")));
        assert_eq!(held(&world).as_deref(), Some("10"));
        assert!(world.apply(seen("u", "100")), "versions are numbers, not text");
        assert!(world.apply(seen("another object of the name", "50")));
        assert_eq!(held(&world).as_deref(), Some("50"));
    }

    #[test]
    fn the_answer_to_a_write_does_not_bring_back_what_was_deleted() {
        let mut world = World::default();
        world.apply(seen("u", "10"));
        world.refresh(seen("u", "11"));
        assert_eq!(held(&world).as_deref(), Some("11"));
        world.apply(Change::SecretGone("shop".into(), "api-key".into()));
        world.refresh(seen("u", "12"));
        assert_eq!(held(&world), None);
        world.apply(seen("v", "20"));
        world.refresh(seen("u", "30"));
        assert_eq!(held(&world).as_deref(), Some("20"));
    }

    #[test]
    fn a_new_list_takes_away_what_it_does_not_hold_and_names_the_accounts() {
        let mut world = World::default();
        for account in ["a", "b"] {
            let secret = version(new_secret("API_KEY", None), "u", "1");
            world.apply(Change::Secret(account.into(), secret));
            world.apply(Change::Function(account.into(), Box::new(function("f", None))));
        }
        let listed = BTreeSet::from([("a".to_owned(), "api-key".to_owned())]);
        assert_eq!(world.retain(Kind::Secrets, &listed), BTreeSet::from(["b".to_owned()]));
        assert_eq!(world.account("a").secrets.len(), 1);
        assert_eq!(world.account("b").secrets.len(), 0);
        assert_eq!(world.account("b").functions.len(), 1, "another kind");
        world.retain(Kind::Functions, &BTreeSet::new());
        assert_eq!(world.names().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_terminating_namespace_is_known_also_without_anything_in_it() {
        let mut world = World::default();
        assert!(world.apply(Change::Namespace("shop".into(), true)));
        assert!(world.account("shop").terminating);
        assert!(world.apply(seen("u", "1")));
        assert!(world.account("shop").terminating);
        world.apply(Change::NamespaceGone("shop".into()));
        assert!(!world.account("shop").terminating);
    }
}
