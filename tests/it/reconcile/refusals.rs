//! Writes that the API server refuses: told, tried again by themselves, in nobody's way.

use super::*;

fn later(account: &Account, memory: &Memory, seconds: i64) -> Plan {
    plan(account, memory, &timings(), now() + SignedDuration::from_secs(seconds))
}

fn progress(plan: &Plan) -> Option<&kliv_secrets::api::KlivAccountStatus> {
    plan.actions.iter().find_map(|action| match action {
        Action::WriteAccount(Record::Progress, status) => Some(&**status),
        _ => None,
    })
}

#[test]
fn each_reason_for_being_behind_has_its_word_and_a_way_out() {
    for (by, word, way_out) in [
        (Refusal::Altered, "WriteAltered", "confinement.toleratedMutations"),
        (Refusal::Forbidden, "WriteRefused", "exempt the ServiceAccount"),
    ] {
        let mut account = settled();
        account.functions.insert("g".into(), function("g", None));
        let plan = plan_of(&account, &refused(&account, "g", by));
        let [behind] = &progress(&plan).expect("told").functions.not_updated[..] else {
            panic!("not one");
        };
        assert_eq!((behind.name.as_str(), behind.reason.as_str()), ("g", word));
        let message = behind.message.as_deref().expect("a message");
        assert!(message.contains(way_out) && message.len() <= 512, "{message}");
    }
}

#[test]
fn a_refused_write_waits_longer_each_time_and_is_no_news_when_tried_again() {
    let mut account = settled();
    account.functions.insert("g".into(), function("g", None));
    let mut memory = refused(&account, "g", Refusal::Altered);
    let plan = plan_of(&account, &memory);
    account.object.as_mut().expect("there").status = progress(&plan).expect("told").clone();
    memory.said.extend(plan.notes.into_iter().map(|note| (note.uid, note.text)));
    memory.reported = Some(ago(9999));
    let mut at = 0;
    for wait in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
        memory.try_again();
        let before = later(&account, &memory, at + wait - 1);
        assert_eq!(words(&before), Vec::<String>::new(), "{wait}");
        assert_eq!(before.look_again, Some(Duration::from_secs(1)));
        at += wait;
        let again = later(&account, &memory, at);
        let [Action::Inject { function, patch }] = &again.actions[..] else {
            panic!("{:?}", words(&again));
        };
        assert!(again.notes.iter().all(|note| !note.news || note.uid != "uid-g"));
        let write = write_of_function(&account.functions[function], patch);
        let uid = account.functions[function].uid.clone();
        let time = now() + SignedDuration::from_secs(at);
        memory.fold(&Effect::Refused(uid, write, Refusal::Altered), time);
    }
    memory.fold(
        &Effect::Change(Change::Function("shop".into(), Box::new(function("g", None)))),
        now(),
    );
    assert!(memory.refused.is_empty(), "a write that was done");
}

#[test]
fn a_refused_write_does_not_wait_for_a_clock_that_was_turned_back() {
    let mut account = settled();
    account.functions.insert("g".into(), function("g", None));
    let memory = refused(&account, "g", Refusal::Altered);
    for (seconds, tried) in [(4, false), (5, true), (-86_400, true)] {
        let words = words(&later(&account, &memory, seconds));
        assert_eq!(words.contains(&"inject into g".to_owned()), tried, "{seconds}");
    }
}

#[test]
fn a_step_of_a_rollout_is_no_reason_to_try_again_and_a_change_of_the_spec_is() {
    let mut account = settled();
    account.functions.insert("g".into(), function("g", None));
    let memory = refused(&account, "g", Refusal::Altered);
    let tried =
        |account: &Account| words(&plan_of(account, &memory)).contains(&"inject into g".to_owned());
    let mut other = account.functions["g"].clone();
    other.resource_version = "6".into();
    other.rollout.complete = false;
    account.functions.insert("g".into(), other.clone());
    assert!(!tried(&account));
    other.generation += 1;
    account.functions.insert("g".into(), other);
    assert!(tried(&account));
}

#[test]
fn those_that_need_somebody_are_named_first_and_never_more_than_twenty() {
    let mut account = settled();
    let set = only_set(&account);
    let long = |i: usize| format!("{i:0>253}");
    for i in 0..500 {
        let mut function = function(&long(i), Some(("API_KEY", &set)));
        function.rollout.complete = false;
        function.rollout.failed = i >= 490;
        account.functions.insert(function.name.clone(), function);
    }
    let plan = plan_of(&account, &looked());
    let report = &progress(&plan).expect("told").functions;
    assert_eq!((report.total, report.updated, report.not_updated.len()), (501, 1, 20));
    let reasons = report.not_updated.iter().map(|f| f.reason.as_str());
    let expected = [["RolloutFailed"; 10], ["RollingOut"; 10]].concat();
    assert_eq!(reasons.collect::<Vec<_>>(), expected);
    assert!(serde_json::to_string(report).expect("JSON").len() < 20_000);
}

#[test]
fn a_status_that_is_refused_is_not_written_again_at_once_and_no_other_waits_for_it() {
    let mut account = settled();
    account.secrets.get_mut("api-key").expect("there").generation += 1;
    let secret = &account.secrets["api-key"];
    let mut memory = looked();
    assert_eq!(words(&plan_of(&account, &memory)), ["write the status of api-key"]);
    let write = write_of_status(&secret.resource_version);
    memory.fold(&Effect::Refused(secret.uid.clone(), write, Refusal::Invalid), now());
    memory.try_again();
    let plan = plan_of(&account, &memory);
    assert_eq!(words(&plan), Vec::<String>::new());
    assert_eq!(plan.look_again, Some(Duration::from_secs(5)));
    account.functions.insert("g".into(), function("g", None));
    assert_eq!(words(&plan_of(&account, &memory))[0], "inject into g");
    assert_eq!(
        words(&later(&account, &memory, 5))[..2],
        ["inject into g", "write the status of api-key"]
    );
}

/// An older CRD drops what it does not know, e.g. why a function is behind.
#[test]
fn a_record_of_which_nothing_is_kept_is_not_written_at_once_again_and_sets_go_on() {
    let mut account = settled();
    account.functions.insert("g".into(), function("g", None));
    let mut memory = refused(&account, "g", Refusal::Forbidden);
    let mut status = progress(&plan_of(&account, &memory)).expect("told").clone();
    status.functions.not_updated[0].message = None;
    account.object.as_mut().expect("there").status = status;
    assert!(progress(&plan_of(&account, &memory)).is_some(), "once more");
    let object = account.object.as_ref().expect("there");
    let write = write_of_status(&object.resource_version);
    memory.fold(&Effect::Refused(object.uid.clone(), write, Refusal::Dropped), now());
    let plan = plan_of(&account, &memory);
    assert_eq!(words(&plan), Vec::<String>::new());
    assert_eq!(plan.look_again, Some(Duration::from_secs(5)));
    account.secrets.insert("new".into(), new_secret("NEW", None));
    assert_eq!(words(&plan_of(&account, &memory)), ["write the KlivAccount: Pending"]);
}

#[test]
fn where_the_record_is_refused_nothing_is_called_published_and_functions_still_get_the_last_set() {
    let mut account = settled();
    account.secrets.insert("new".into(), new_secret("NEW", None));
    account.functions.insert("g".into(), function("g", None));
    let object = account.object.as_ref().expect("there");
    let write = write_of_status(&object.resource_version);
    let mut memory = looked();
    memory.fold(&Effect::Refused(object.uid.clone(), write, Refusal::Invalid), now());
    let plan = plan_of(&account, &memory);
    assert_eq!(words(&plan), ["inject into g", "write the status of new"]);
    let Action::WriteSecret { status, .. } = &plan.actions[1] else { panic!("another") };
    assert!(status.history.is_empty());
    assert_eq!(status.conditions[0].reason, "PublishFailed");
    assert_eq!(plan.look_again, Some(Duration::from_secs(5)));
    let again = later(&account, &memory, 5);
    assert_eq!(words(&again), ["write the KlivAccount: Pending"]);
}
