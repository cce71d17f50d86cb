//! Stories that the model plays step by step.

use kliv_secrets::api::AuditAction;
use kliv_secrets::api::condition::AUDITED;

use super::*;

fn put(place: usize, value: usize) -> Step {
    Step::Put { place, value, user: 0, old_key: false }
}

fn deploy_function() -> Step {
    Step::Deploy { function: 0, environment: 0, own: false, foreign: false }
}

/// Does the steps one by one, and comes to rest.
fn story(steps: &[Step]) {
    let mut model = Model::new(0, LONG);
    for step in steps {
        model.step(step);
    }
    model.come_to_rest();
    model.check_rest();
}

#[test]
fn an_event_is_never_there_without_the_one_before_it_also_where_the_record_is_lost_between_them() {
    let mut model = Model::new(4_515_329_958_116_868_395, LONG);
    let garbage = Step::Garbage { place: 0 };
    for step in [garbage, put(1, 0), Step::Pause { after: 5 }, Step::Wake, Step::DeleteAccount] {
        model.step(&step);
    }
    model.come_to_rest();
    model.check_rest();
}

/// An account at rest with three functions, nothing of it counted as written yet.
fn at_rest() -> Model {
    let mut model = Model::new(0, LONG);
    for step in [put(0, 0), put(2, 1), put(4, 2)] {
        model.step(&step);
    }
    for function in 0..FUNCTIONS.len() {
        model.step(&Step::Deploy { function, environment: function, own: false, foreign: false });
    }
    model.come_to_rest();
    model
}

impl Model {
    /// Lets some minutes go by, in steps of this length, and gives the writes.
    fn writes(&mut self, seconds: i64) -> Vec<String> {
        for _ in 0..600 / seconds {
            self.step(&Step::Run);
            self.step(&Step::Pass { seconds });
        }
        self.check_rest();
        std::mem::take(&mut self.cluster.writes)
    }

    fn generations(&self) -> Vec<i64> {
        let deployed = self.cluster.deployments.values();
        deployed.map(|d| d.object["metadata"]["generation"].as_i64().expect("a number")).collect()
    }
}

/// One change that leaves the set as it is: recorded, written, told, and the record of what
/// waits emptied. In whatever order.
fn told(action: &str) -> Vec<String> {
    let record = "write the KlivAccount: Progress";
    sorted([&format!("tell {action}"), record, record, "write api-key"].map(str::to_owned).into())
}

fn sorted(mut writes: Vec<String>) -> Vec<String> {
    writes.sort();
    writes
}

#[test]
fn a_delete_is_told_with_who_did_it_where_somebody_saw_it() {
    for (noted, actor) in [(Noted::AtOnce, "anna"), (Noted::Late, "anna"), (Noted::Never, "")] {
        let mut model = at_rest();
        model.step(&Step::DeleteSecret { place: 2, noted });
        model.writes(1);
        let events: Vec<_> = model.cluster.events.values().collect();
        let deleted = events.iter().rev().find(|e| e.action == AuditAction::Deleted);
        let deleted = deleted.expect("it is told");
        assert_eq!((deleted.secret.as_deref(), deleted.actor.as_str()), (Some("db-url"), actor));
        assert_eq!(deleted.detail.is_some(), noted == Noted::Never);
        assert!(model.cluster.notices.is_empty());
    }
}

#[test]
fn a_notice_that_was_found_is_not_dropped_untold_when_the_run_is_overtaken() {
    story(&[
        put(0, 1),
        Step::Run,
        Step::Lag { kind: 0, behind: true },
        put(1, 0),
        put(0, 0),
        Step::DeleteSecret { place: 1, noted: Noted::AtOnce },
        Step::Pass { seconds: 35 },
        Step::Run,
    ]);
}

#[test]
fn a_secret_that_came_and_went_while_nobody_looked_is_told_by_who_deleted_it() {
    let mut model = Model::new(0, LONG);
    model.step(&put(0, 0));
    model.step(&Step::DeleteSecret { place: 0, noted: Noted::AtOnce });
    model.come_to_rest();
    model.check_rest();
    let events: Vec<_> = model.cluster.events.values().collect();
    let [deleted] = events[..] else { panic!("{} events", events.len()) };
    assert_eq!(deleted.action, AuditAction::Deleted);
    assert_eq!((deleted.secret.as_deref(), deleted.actor.as_str()), (Some("api-key"), "anna"));
}

#[test]
fn a_value_in_use_that_no_longer_opens_is_told_once() {
    let mut model = Model::new(0, LONG);
    let put_with_old_key = Step::Put { place: 0, value: 0, user: 0, old_key: true };
    let lost = Step::KeyLost { lost: true };
    let [empty, run] = [Step::Empty { place: 0 }, Step::Run];
    for step in [&put_with_old_key, &run, &empty, &run, &lost, &put(2, 1), &run, &run] {
        model.step(step);
    }
    let failed = |model: &Model| {
        let events = model.cluster.events.values();
        events.filter(|event| event.action == AuditAction::OpeningFailed).count()
    };
    assert_eq!(failed(&model), 1);
    model.come_to_rest();
    model.check_rest();
    assert_eq!(failed(&model), 1);
}

#[test]
fn values_reach_functions_while_events_can_not_be_made_and_all_is_told_afterwards() {
    let mut model = at_rest();
    let before = model.cluster.events.len();
    model.step(&Step::NoEvents { on: true });
    for round in 0..40 {
        model.step(&put(0, round % 2));
        model.step(&put(2, round % 3));
        model.step(&Step::Run);
        model.step(&Step::Pass { seconds: 35 });
    }
    let status = model.cluster.read_account().expect("there").status;
    let audited = status.conditions.iter().find(|c| c.type_ == AUDITED).expect("it is said");
    assert_eq!((audited.status.as_str(), audited.reason.as_str()), ("False", "EventsRefused"));
    let secrets = model.cluster.read_secrets();
    assert_eq!(secrets["api-key"].status.conditions[0].reason, "Published");
    assert!(secrets["api-key"].status.version > Some(30));
    assert_eq!(model.cluster.events.len(), before);
    model.come_to_rest();
    model.check_rest();
    assert!(model.cluster.events.len() > before);
}

#[test]
fn a_changed_value_costs_n_plus_9_writes_and_one_rollout_a_function() {
    for seconds in [5, 20, 40, 90] {
        let mut model = Model::new(0, LONG);
        model.step(&put(0, 0));
        for function in 0..FUNCTIONS.len() {
            model.step(&Step::Deploy { function, environment: 0, own: false, foreign: false });
        }
        model.come_to_rest();
        let before = model.generations();
        model.step(&put(0, 1));
        let writes = model.writes(seconds);
        assert!(writes.len() <= FUNCTIONS.len() + 9, "{seconds}: {writes:?}");
        let after: Vec<i64> = before.iter().map(|generation| generation + 1).collect();
        assert_eq!(model.generations(), after);
    }
}

#[test]
fn many_changes_at_once_are_one_new_set_each_and_one_rollout_a_function() {
    let mut model = at_rest();
    let before = model.generations();
    for (place, value) in [(0, 1), (1, 1), (2, 2), (3, 0), (4, 1)] {
        model.step(&put(place, value));
    }
    let writes = model.writes(20);
    // The default set, that of prod and that of test.
    assert_eq!(writes.iter().filter(|write| write.starts_with("create kliv-env")).count(), 3);
    let after: Vec<i64> = before.iter().map(|generation| generation + 1).collect();
    assert_eq!(model.generations(), after);
}

#[test]
fn the_same_value_again_is_told_and_no_new_version() {
    let mut model = at_rest();
    let before = model.cluster.read_secrets()["api-key"].status.version;
    model.step(&Step::Put { place: 0, value: 0, user: 1, old_key: true });
    assert_eq!(sorted(model.writes(20)), told("Updated"));
    let after = &model.cluster.read_secrets()["api-key"].status;
    assert_eq!((after.version, after.updated_by.as_deref()), (before, Some(USERS[0])));
    assert!(model.said.is_empty(), "{:?}", model.said);
}

#[test]
fn a_changed_description_is_told_and_its_status_written() {
    let mut model = at_rest();
    model.step(&Step::Describe { place: 0 });
    assert_eq!(sorted(model.writes(20)), told("Updated"));
}

#[test]
fn a_ciphertext_from_elsewhere_is_told_and_the_running_set_is_untouched() {
    let mut model = at_rest();
    model.step(&Step::Misplace { place: 0, from: 2 });
    assert_eq!(sorted(model.writes(20)), told("OpeningFailed"));
}

#[test]
fn a_published_set_deleted_by_hand_comes_back_and_nothing_else_moves() {
    let mut model = at_rest();
    let before = model.generations();
    model.step(&Step::DeletePublished { which: 0 });
    let writes = model.writes(20);
    assert_eq!(writes.iter().filter(|write| write.starts_with("create kliv-env")).count(), 1);
    assert_eq!(writes.len(), 2, "and its new uid is recorded: {writes:?}");
    assert_eq!(model.generations(), before);
}

#[test]
fn a_klivaccount_deleted_by_hand_comes_back_and_no_function_moves() {
    let mut model = at_rest();
    let before = model.generations();
    model.step(&Step::DeleteAccount);
    let writes = model.writes(20);
    assert_eq!(model.generations(), before);
    assert!(!writes.iter().any(|write| write.contains("kliv-env")), "{writes:?}");
}

#[test]
fn a_value_that_waited_for_the_quota_is_told_with_who_handed_it_in() {
    let mut model = at_rest();
    model.step(&Step::Quota { full: true });
    model.step(&Step::Put { place: 0, value: 1, user: 1, old_key: false });
    model.step(&Step::Run);
    model.step(&Step::Describe { place: 0 });
    model.step(&Step::Run);
    model.step(&Step::Quota { full: false });
    model.writes(20);
    let status = &model.cluster.read_secrets()["api-key"].status;
    assert_eq!((status.version, status.updated_by.as_deref()), (Some(2), Some(USERS[1])));
}

#[test]
fn a_leader_that_is_paused_before_a_delete_does_no_harm_to_a_set_that_came_back() {
    let pass = |seconds| Step::Pass { seconds };
    story(&[
        put(0, 0),
        deploy_function(),
        Step::Run,
        put(2, 1),
        Step::Run,
        pass(65),
        pass(65),
        Step::PauseAtRetire,
        Step::DeleteSecret { place: 2, noted: Noted::AtOnce },
        Step::Run,
        Step::Wake,
        Step::Wake,
        pass(1),
    ]);
}
