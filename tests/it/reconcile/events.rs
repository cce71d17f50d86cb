//! What people are told in Events.

use kliv_secrets::reconcile::Trailed;

use super::*;

fn said(account: &Account, memory: &Memory) -> Vec<String> {
    notes(plan_of(account, memory))
}

fn notes(plan: Plan) -> Vec<String> {
    let said = plan.notes.into_iter().filter(|note| note.news);
    said.map(|note| {
        let kind = if note.warning { "Warning" } else { "Normal" };
        format!("{kind} {} {}: {}", note.name, note.reason, note.text)
    })
    .collect()
}

#[test]
fn a_secret_says_what_became_of_it_once_where_the_audit_trail_does_not() {
    let mut account = settled();
    let mut untold = Memory::default();
    untold.fold(&Effect::Trail(Trailed::Untold("a quota".into())), now());
    let said_alone = |account: &Account| {
        notes(kliv_secrets::reconcile::plan(account, &untold, &timings(), now()))
    };
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
    change(&mut account, Candidate::SameValue { is_newer: true });
    assert_eq!(said(&account, &Memory::default()), Vec::<String>::new());
    change(&mut account, new_value());
    set(&mut account);
    assert_eq!(said(&account, &Memory::default()), Vec::<String>::new(), "Created says it");
    assert_eq!(
        said_alone(&account),
        ["Normal api-key Published: version 1: all functions of the account get this value"]
    );
    change(&mut account, Candidate::Unreadable(Why::Refused));
    set(&mut account);
    assert_eq!(
        said(&account, &Memory::default()),
        ["Warning api-key NotPublished: DecryptionFailed: spec.sealed was altered, or sealed \
              for another account, name or environment: set the value again here"]
    );
    // It is told with this plan.
    account.object.as_mut().expect("there").status.audit = Some(AuditRecord::default());
    let plan = kliv_secrets::reconcile::plan(&account, &Memory::default(), &timings(), now());
    assert!(plan.actions.iter().any(|action| matches!(action, Action::WriteSecret { .. })));
    assert_eq!(notes(plan), Vec::<String>::new(), "OpeningFailed says it");
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
    for (by, words) in [
        (Refusal::Forbidden, "Warning g NotInjected: WriteRefused: keeps the env that it has: an"),
        (Refusal::Altered, "Warning g NotInjected: WriteAltered: keeps the env that it has: ano"),
    ] {
        let memory = refused(&account, "g", by);
        let [told] = &said(&account, &memory)[..] else { panic!("not one") };
        assert!(told.starts_with(words), "{told}");
        assert!(told.len() <= 1024);
    }
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
