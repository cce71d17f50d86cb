//! What is to be done next.

use super::*;

#[test]
fn an_account_without_secrets_and_without_a_record_is_left_alone() {
    let mut account = account([]);
    account.functions.insert("f".into(), function("f", Some(("API_KEY", "kliv-env-x"))));
    // The set is there: the KlivAccount went with its CRD.
    let found = BTreeSet::from(["kliv-env-x".to_owned()]);
    let memory = Memory { found, ..looked() };
    assert!(plan_of(&account, &memory) == Plan::default());
}

#[test]
fn entries_of_sets_that_do_not_exist_go_also_where_nothing_was_ever_published() {
    let mut account = account([]);
    account.functions.insert("f".into(), function("f", Some(("A", "kliv-env-elsewhere"))));
    assert_eq!(words(&plan_of(&account, &looked())), ["probe 1 sets"]);
    let missing = BTreeSet::from(["kliv-env-elsewhere".to_owned()]);
    let memory = Memory { missing, ..looked() };
    assert_eq!(words(&plan_of(&account, &memory)), ["inject into f"]);
}

#[test]
fn in_a_terminating_namespace_nothing_is_planned() {
    let mut account = settled();
    account.secrets.insert("new".into(), new_secret("NEW", None));
    account.terminating = true;
    assert!(plan_of(&account, &looked()) == Plan::default());
}

#[test]
fn at_rest_nothing_is_planned_whatever_is_remembered() {
    let account = settled();
    let mut memory = Memory { reported: Some(ago(5)), ..looked() };
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
    let mut memory = looked();

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

    assert_eq!(words(&plan_of(&account, &memory)), ["inject into f", "write the status of new"]);
}

#[test]
fn many_changes_are_one_new_set() {
    let mut account = settled();
    for i in 0..20 {
        let secret = new_secret(&format!("NEW_{i}"), None);
        account.secrets.insert(secret.name.clone(), secret);
    }
    let plan = plan_of(&account, &looked());
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
    let memory = Memory { blocked, ..looked() };
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
    let memory = Memory { blocked, ..looked() };
    assert_eq!(words(&plan_of(&account, &memory)), ["write the KlivAccount: Progress"]);
}

#[test]
fn secrets_that_went_with_their_crd_are_told_from_deleted_ones() {
    let mut account = settled();
    let crd = time("2026-11-24T12:30:00Z");
    let mut memory = looked();
    memory.see(&account);
    assert!(!account.went_with_crd(&memory, crd), "there are secrets");
    account.secrets.clear();
    assert!(account.went_with_crd(&memory, crd), "a CRD that is newer than all of them");
    assert!(account.went_with_crd(&Memory::default(), crd), "also after a restart");
    let same = account
        .object
        .as_ref()
        .expect("an account")
        .created
        .max(memory.newest_secret.expect("one"));
    assert!(account.went_with_crd(&memory, same), "in the same second: nothing is taken");
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
    let plan = plan_of(&account, &looked());
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
    let plan = plan_of(&account, &looked());
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
    let plan = plan_of(&account, &looked());
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
        let plan = plan_of(&account, &looked());
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
    let plan = plan_of(&account, &looked());
    let [Action::WriteAccount(Record::Switch, status)] = &plan.actions[..] else {
        panic!("{:?}", words(&plan));
    };
    assert_eq!(status.superseded.len(), 256);
}

#[test]
fn a_current_set_that_is_missing_is_made_again() {
    let account = settled();
    let missing = BTreeSet::from([only_set(&account)]);
    let memory = Memory { missing, ..looked() };
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
        let plan = plan_of(&with_superseded(since, retired), &looked());
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
        assert_eq!(words(&plan_of(&account, &looked())), Vec::<String>::new());
    }
}

#[test]
fn a_deleted_set_is_forgotten_after_a_second_delete_has_found_nothing() {
    let account = with_superseded(500, true);
    let name = || "kliv-env-x".to_owned();
    let mut memory = Memory { retired: Some(ago(100)), ..looked() };
    memory.fold(&Effect::Deleted(name()), ago(100));
    let plan = plan_of(&account, &memory);
    assert_eq!(words(&plan), Vec::<String>::new());
    assert_eq!(plan.look_again, Some(Duration::from_secs(20)));

    let mut memory = Memory { retired: Some(ago(120)), ..looked() };
    memory.fold(&Effect::Gone(name()), ago(120));
    assert_eq!(words(&plan_of(&account, &memory)), ["retire 1 superseded sets"]);

    memory.fold(&Effect::Gone(name()), now());
    let plan = plan_of(&account, &memory);
    let [Action::WriteAccount(Record::Progress, status)] = &plan.actions[..] else {
        panic!("{:?}", words(&plan));
    };
    assert!(status.superseded.is_empty());
}

#[test]
fn a_set_with_another_uid_than_recorded_is_deleted_by_its_name() {
    let account = with_superseded(500, true);
    let mut memory = looked();
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
    let memory = refused(&account, "g", Refusal::Forbidden);
    let plan = plan_of(&account, &memory);
    let [Action::WriteAccount(Record::Progress, status)] = &plan.actions[..] else {
        panic!("{:?}", words(&plan));
    };
    assert_eq!(status.functions.not_updated[0].reason, "WriteRefused");
    assert_eq!((status.functions.total, status.functions.updated), (2, 1));
}

#[test]
fn a_function_from_which_somebody_takes_what_it_was_given_gets_it_again_later_each_time() {
    let mut account = settled();
    let robbed = Box::new(function("f", None));
    let set = only_set(&account);
    let given = Box::new(function("f", Some(("API_KEY", &set))));
    account.apply(Change::FunctionGone("shop".into(), "f".into()));
    account.apply(Change::Function("shop".into(), robbed));
    let mut memory = Memory::default();
    let injects = |memory: &Memory, later: i64| {
        let now = now() + SignedDuration::from_secs(later);
        let plan = plan(&account, memory, &timings(), now);
        let told = plan.notes.iter().any(|note| note.text.contains("keeps undoing"));
        let injects = words(&plan).contains(&"inject into f".to_owned());
        assert!(injects != told && (injects || plan.look_again.is_some()));
        injects
    };
    let mut pauses = Vec::new();
    let mut at = 0;
    for _ in 0..12 {
        let pause = (0..).find(|pause| injects(&memory, at + pause)).expect("once more");
        at += pause;
        pauses.push(pause);
        let written = Effect::Change(Change::Function("shop".into(), given.clone()));
        memory.fold(&written, now() + SignedDuration::from_secs(at));
    }
    assert_eq!(pauses, [0, 0, 0, 0, 0, 5, 10, 20, 40, 60, 60, 60]);
    let now_at = now() + SignedDuration::from_secs(at);
    let actions = plan(&account, &memory, &timings(), now_at).actions;
    let status = actions.into_iter().find_map(|action| match action {
        Action::WriteAccount(_, status) => Some(status),
        _ => None,
    });
    let status = status.expect("it is reported");
    assert_eq!(status.functions.not_updated[0].reason, "Undone");

    let other = Effect::Change(Change::Function("shop".into(), Box::new(function("g", None))));
    memory.fold(&other, now() + SignedDuration::from_secs(at + 601));
    assert!(injects(&memory, at + 601), "after ten minutes it is forgotten");
    memory.given = Given::default();
    for _ in 0..9 {
        let earlier = function("f", Some(("API_KEY", "kliv-env-earlier")));
        memory.fold(&Effect::Change(Change::Function("shop".into(), Box::new(earlier))), now());
    }
    assert!(injects(&memory, 0), "new content does not wait");
}

#[test]
fn a_write_of_which_nothing_is_left_when_it_is_done_comes_later_each_time_too() {
    let mut account = settled();
    account.functions.insert("f".into(), function("f", None));
    let mut memory = looked();
    let injects = |memory: &Memory, later: i64| {
        let now = now() + SignedDuration::from_secs(later);
        words(&plan(&account, memory, &timings(), now)).contains(&"inject into f".to_owned())
    };
    for _ in 0..5 {
        assert!(injects(&memory, 0));
        let stripped = Change::Function("shop".into(), Box::new(function("f", None)));
        memory.fold(&Effect::Change(stripped), now());
    }
    assert!(!injects(&memory, 4));
    assert!(injects(&memory, 5));
    assert!(injects(&memory, -86_400), "the clock was turned back by a day");
}

#[test]
fn a_record_can_not_make_it_delete_what_is_no_set() {
    let mut account = settled();
    let since = "2026-11-24T10:00:00Z";
    let names = ["database", "", "?a=b", "kliv-env-a/../b", "../../other/secrets/kliv-env-a"];
    let superseded = names.map(|name| json!({ "name": name, "since": since, "retired": true }));
    let mut status = serde_json::to_value(&account.object.as_ref().expect("there").status).unwrap();
    status["superseded"] = json!(superseded);
    account.object = account_object(status);
    assert_eq!(words(&plan_of(&account, &looked())), Vec::<String>::new());
}

/// E.g. by `kubectl replace --force`, or a tool that does the same.
#[test]
fn what_is_made_anew_while_the_keyring_is_lost_stays_published() {
    let mut account = settled();
    let text = sealed(256, 'a');
    let mut again = secret("API_KEY", None, json!({ "sealed": text }), None);
    again.uid = "another".into();
    again.candidate = Candidate::Unreadable(Why::NoKeyring);
    account.secrets.insert("api-key".into(), again);
    let plan = plan_of(&account, &looked());
    assert_eq!(words(&plan), ["write the status of api-key", "write the KlivAccount: Progress"]);
    let Action::WriteAccount(_, status) = &plan.actions[1] else { panic!("another") };
    assert_eq!(status.sets.len(), 1);
    assert_eq!(status.conditions[0].reason, "PublishFailed");
    account.secrets.clear();
    let gone = plan_of(&account, &looked());
    assert_eq!(words(&gone), ["write the KlivAccount: Switch"], "a delete is meant");
}

#[test]
fn an_action_in_print_holds_no_ciphertext() {
    let mut account = settled();
    account.secrets.insert("new".into(), new_secret("NEW", None));
    account.object.as_mut().expect("there").status.pending =
        decide(&account).1.into_iter().map(|set| set.name).collect();
    let printed = words(&plan_of(&account, &looked()));
    assert!(printed[0].starts_with("publish kliv-env-"), "{printed:?}");
    assert!(!printed.concat().contains("kliv1."));
}
