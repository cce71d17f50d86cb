//! Functions that are none any more, that refer to what is not there, or that ask for what
//! nobody has.

use super::*;

fn notes(account: &Account, memory: &Memory) -> Vec<String> {
    let notes = plan_of(account, memory).notes.into_iter();
    notes.filter(|note| note.news).map(|note| format!("{}: {}", note.name, note.text)).collect()
}

#[test]
fn after_a_start_functions_that_lost_their_label_are_looked_for_and_stripped() {
    let account = settled();
    assert_eq!(
        words(&plan_of(&account, &Memory::default())),
        ["look for functions that lost their label"]
    );
    let mut memory = looked();
    let stray = function("stray", Some(("API_KEY", &only_set(&account))));
    memory.fold(&Effect::Strays(vec![stray]), now());
    assert_eq!(words(&plan_of(&account, &memory)), ["withdraw from stray"]);
    memory.fold(&Effect::Withdrawn(Box::new(function("stray", None))), now());
    assert_eq!(words(&plan_of(&account, &memory)), Vec::<String>::new());
    memory.fold(&Effect::LostSight, now());
    assert_eq!(words(&plan_of(&account, &memory)), ["look for functions that lost their label"]);
}

#[test]
fn one_that_something_gives_its_entries_back_is_stripped_again_later_each_time() {
    let account = settled();
    let mut memory = looked();
    let stray = || function("stray", Some(("API_KEY", &only_set(&account))));
    memory.fold(&Effect::Strays(vec![stray()]), now());
    for _ in 0..5 {
        assert_eq!(words(&plan_of(&account, &memory)), ["withdraw from stray"]);
        memory.fold(&Effect::Withdrawn(Box::new(stray())), now());
        memory.forget_what_is_over(&account);
    }
    let plan = plan_of(&account, &memory);
    assert_eq!(words(&plan), Vec::<String>::new());
    assert_eq!(plan.look_again, Some(Duration::from_secs(5)));
}

#[test]
fn a_record_that_was_made_anew_strips_nothing() {
    let mut account = settled();
    account.object = account_object(json!({}));
    let blocked = Some((Reason::QuotaExceeded, "raise it".to_owned()));
    let stray = function("stray", Some(("API_KEY", "kliv-env-x")));
    let memory = Memory { blocked, strays: Some(vec![stray]), ..Memory::default() };
    assert_eq!(words(&plan_of(&account, &memory)), ["write the KlivAccount: Progress"]);
}

#[test]
fn a_variable_that_is_required_is_missed_also_where_there_is_no_secret_at_all() {
    let mut account = account([]);
    let mut requiring = |name: &str, created: &str, set: Option<&str>| {
        let mut deployment = json!({
            "metadata": { "name": name, "uid": format!("uid-{name}"), "creationTimestamp": created,
                "annotations": { "secrets.kliv.dev/requires": "API_KEY" } },
            "spec": { "selector": {}, "template": { "spec":
                { "containers": [{ "name": "main" }] } } },
        });
        if let Some(set) = set {
            let reference = json!({ "secretKeyRef": { "name": set, "key": "API_KEY" } });
            deployment["spec"]["template"]["spec"]["containers"][0]["env"] =
                json!([{ "name": "API_KEY", "valueFrom": reference }]);
        }
        let function = Function::of(&serde_json::from_value(deployment).expect("one"));
        account.functions.insert(name.into(), function);
    };
    requiring("new", NOW, None);
    requiring("old", "2026-11-24T11:00:00Z", None);
    // The KlivSecrets went with their CRD.
    requiring("has-it", NOW, Some("kliv-env-x"));
    let found = BTreeSet::from(["kliv-env-x".to_owned()]);
    let mut memory = Memory { found, ..Memory::default() };
    assert_eq!(notes(&account, &memory), ["new: API_KEY is required and not there"]);
    let plan = plan_of(&account, &memory);
    assert!(plan.actions.is_empty() && plan.notes.iter().all(|note| note.warning));
    memory.said.extend(plan.notes.into_iter().map(|note| (note.uid, note.text)));
    assert_eq!(notes(&account, &memory), Vec::<String>::new(), "once");
}

/// One with `rollout: manual` that has an entry of this set.
fn manual(set: &str) -> Function {
    let reference = json!({ "secretKeyRef": { "name": set, "key": "API_KEY" } });
    let deployment = json!({
        "metadata": { "name": "m", "uid": "uid-m", "resourceVersion": "5",
            "annotations": { "secrets.kliv.dev/rollout": "manual" } },
        "spec": { "selector": {}, "template": { "spec": { "containers": [
            { "name": "main", "env": [{ "name": "API_KEY", "valueFrom": reference }] }] } } },
    });
    Function::of(&serde_json::from_value(deployment).expect("a Deployment"))
}

#[test]
fn a_manual_function_holds_on_to_a_former_set_that_is_there_and_to_no_other() {
    let mut account = settled();
    account.functions.insert("m".into(), manual("kliv-env-former"));
    let former = json!([{ "name": "kliv-env-former", "since": NOW }]);
    account.object.as_mut().expect("there").status.superseded =
        serde_json::from_value(former).expect("sets");
    let name = || "kliv-env-former".to_owned();
    let first = |memory: &Memory| words(&plan_of(&account, memory)).remove(0);
    let mut memory = looked();
    assert_eq!(first(&memory), "probe 1 sets");
    memory.fold(&Effect::Unsure(name()), now());
    assert_eq!(first(&memory), "write the KlivAccount: Progress");
    memory.fold(&Effect::Found(name()), now());
    memory.fold(&Effect::Probed(BTreeSet::new()), now());
    memory.try_again();
    assert_eq!(first(&memory), "write the KlivAccount: Progress");
    // It is asked again with the current ones: somebody may have deleted it since.
    memory.next_probe = Some(now());
    assert_eq!(first(&memory), "probe 2 sets");
    memory.fold(&Effect::Probed(BTreeSet::from([name()])), now());
    memory.next_probe = None;
    assert_eq!(first(&memory), "inject into m");
}

#[test]
fn dead_entries_go_however_many_there_are() {
    let mut account = account([]);
    for i in 0..200 {
        let name = format!("f{i}");
        let set = format!("kliv-env-x{i}");
        account.functions.insert(name.clone(), function(&name, Some(("A", &set))));
    }
    let mut memory = Memory::default();
    for _ in 0..5 {
        let plan = plan_of(&account, &memory);
        let [Action::Probe(names)] = &plan.actions[..] else {
            assert_eq!(plan.actions.len(), 200);
            return;
        };
        memory.fold(&Effect::Probed(names.iter().cloned().collect()), now());
    }
    panic!("probes the same again and again");
}

/// The one that the table of cases does not know: a name that has become reserved.
#[test]
fn a_name_that_has_become_reserved_stays_with_those_that_have_it() {
    let mut account = settled();
    let set = only_set(&account);
    account.object.as_mut().expect("there").status.sets[0].keys =
        vec!["API_KEY".into(), "NODE_OPTIONS".into()];
    account.functions.insert("g".into(), function("g", Some(("NODE_OPTIONS", &set))));
    let plan = plan_of(&account, &looked());
    let adds = |name: &str| -> Vec<String> {
        let patch = plan.actions.iter().find_map(|action| match action {
            Action::Inject { function, patch } if function == name => Some(patch),
            _ => None,
        });
        let operations = patch.into_iter().flat_map(|patch| patch.iter());
        let added = |operation: &json_patch::PatchOperation| match operation {
            json_patch::PatchOperation::Add(add) => add.value["name"].as_str().map(str::to_owned),
            _ => None,
        };
        operations.filter_map(added).collect()
    };
    assert_eq!(adds("f"), Vec::<String>::new(), "it has what it may have");
    assert_eq!(adds("g"), ["API_KEY", "NODE_OPTIONS"]);
}
