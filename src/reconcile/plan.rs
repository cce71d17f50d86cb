//! What to do next for one account: a pure function. It reads like a list of small
//! checks; each is a step that adds what it finds missing.
//!
//! The order keeps law 2: a set is recorded, made, made current, and only then do
//! functions refer to it; a superseded one goes last. Steps up to "made current" end the
//! plan, so that what follows sees their answers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::action::{Action, Plan, Record};
use super::decide::{Decision, DesiredSet, decide};
use super::events::{self, Note};
use super::observed::{Account, AccountObject, Memory};
use super::status;
use crate::api::condition::{self, Reason};
use crate::api::{FunctionReport, KlivAccountStatus, NotUpdated, PublishedSet, SupersededSet};
use crate::inject::{Function, Injection, inject, withdraw};

/// What the CRD takes of superseded sets.
const MAX_SUPERSEDED: usize = 512;

/// How many sets are looked for in an account that has published nothing.
const MAX_STRANGERS: usize = 64;

/// How long things wait.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// How long a superseded set stays at least: the admission policy may still hand it
    /// out, since its parameter lags.
    pub keep_superseded: Duration,
    /// How long to wait between two looks at whether superseded sets are in use.
    pub retire_every: Duration,
    /// How often the progress of a rollout is written at most.
    pub report_every: Duration,
    /// How often a current set is probed.
    pub republish_interval: Duration,
    /// When the engine started: older functions are no news.
    pub started: Timestamp,
}

/// Plans the next writes for an account whose candidates are
/// [inspected](super::inspect()).
#[must_use]
pub fn plan(account: &Account, memory: &Memory, timings: &Timings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    if account.terminating {
        return plan;
    }
    let Some(object) = &account.object else {
        // Without secrets there is nothing to say; and where the KlivAccount went with its
        // CRD, running functions keep what they have.
        if account.secrets.is_empty() {
            strangers(account, memory, &mut plan);
        } else {
            plan.actions.push(Action::CreateAccount);
        }
        return plan;
    };
    let (decisions, sets) = decide(account);
    let waiting =
        memory.blocked.is_none() && !has_room(&object.status) && differs(&object.status, &sets);
    let memory = &if waiting { Cow::Owned(memory.waiting()) } else { Cow::Borrowed(memory) };
    let may_publish = memory.blocked.is_none() && has_room(&object.status);
    if may_publish && publish(account, object, &sets, memory, now, &mut plan) {
        return plan;
    }

    let injections: Vec<(&Function, Injection)> = account
        .functions
        .values()
        .map(|function| (function, inject(function, &object.status.sets)))
        .collect();
    // A record that was just made anew knows of no set yet: functions keep what they have.
    if object.status.revision > 0 {
        functions(&injections, object, memory, timings, &mut plan);
    }
    secrets(account, &decisions, memory, now, &mut plan);
    retire(account, object, memory, timings, now, &mut plan);
    probe(object, memory, now, &mut plan);
    progress(account, object, &injections, memory, timings, now, &mut plan);
    plan
}

/// Where nothing was ever published, a function that was copied from another account may
/// refer to sets that don't exist: it would not start.
fn strangers(account: &Account, memory: &Memory, plan: &mut Plan) {
    let given: BTreeSet<&str> = account.functions.values().flat_map(Function::sets_given).collect();
    let known = |name: &str| memory.found.contains(name) || memory.missing.contains(name);
    let room = MAX_STRANGERS.saturating_sub(memory.found.len());
    let unknown: Vec<String> =
        given.into_iter().filter(|name| !known(name)).take(room).map(str::to_owned).collect();
    if !unknown.is_empty() {
        plan.actions.push(Action::Probe(unknown));
        return;
    }
    for function in account.functions.values().filter(|function| !is_refused(function, memory)) {
        if function.sets_given().into_iter().any(|name| memory.missing.contains(name))
            && let Some(patch) = withdraw(function).patch
        {
            plan.actions.push(Action::Inject { function: function.name.clone(), patch });
        }
    }
}

/// Whether the last write of a function was refused.
fn is_refused(function: &Function, memory: &Memory) -> bool {
    memory.refused.contains(&(function.uid.clone(), function.resource_version.clone()))
}

/// Whether other sets should be current than those that are.
fn differs(status: &KlivAccountStatus, sets: &[DesiredSet]) -> bool {
    status.sets.len() != sets.len()
        || sets.iter().any(|set| status.sets.iter().all(|current| current.name != set.name))
}

/// Whether the record takes another change of sets; if not, superseded ones go first.
fn has_room(status: &KlivAccountStatus) -> bool {
    let after = status.superseded.len() + status.sets.len() + status.pending.len();
    status.superseded.is_empty() || after <= MAX_SUPERSEDED
}

/// Brings the desired sets into being; true while that goes on.
fn publish(
    account: &Account,
    object: &AccountObject,
    sets: &[DesiredSet],
    memory: &Memory,
    now: Timestamp,
    plan: &mut Plan,
) -> bool {
    let status = &object.status;
    let current: BTreeSet<&str> = status.sets.iter().map(|set| set.name.as_str()).collect();
    let changed: Vec<&DesiredSet> =
        sets.iter().filter(|set| !current.contains(set.name.as_str())).collect();
    let again = sets.iter().filter(|set| memory.missing.contains(&set.name));
    let dropped = status.sets.iter().any(|set| !sets.iter().any(|s| s.name == set.name));
    let lost = lost_sets(account, status, &changed);

    let make = |set: &DesiredSet| Action::Publish {
        name: set.name.clone(),
        environment: set.environment.clone(),
        members: set.members.clone(),
    };
    plan.actions.extend(again.map(make));
    // What was about to be made and is not wanted any more may exist: it is retired.
    let given_up = status.pending.iter().any(|name| !sets.iter().any(|set| set.name == *name));
    if !changed.is_empty() || dropped || given_up || !lost.is_empty() {
        let pending: Vec<String> = changed.iter().map(|set| set.name.clone()).collect();
        if !pending.iter().all(|name| status.pending.contains(name)) {
            let mut next = status.clone();
            let before = std::mem::replace(&mut next.pending, pending);
            supersede(&mut next, made(before, memory), now);
            plan.actions.push(Action::WriteAccount(Record::Pending, Box::new(next)));
            return true;
        }
        let unmade = changed.iter().filter(|set| !memory.created.contains_key(&set.name));
        plan.actions.extend(unmade.map(|set| make(set)));
        if plan.actions.is_empty() {
            let mut next = switched(status, sets, memory, now);
            supersede(&mut next, lost.into_iter().map(|name| (name, None)), now);
            if next.sets != status.sets {
                let total = i32::try_from(targets(account, &next.sets)).unwrap_or(i32::MAX);
                next.functions = FunctionReport { total, ..FunctionReport::default() };
            }
            describe(account, &mut next, None, now);
            plan.actions.push(Action::WriteAccount(Record::Switch, Box::new(next)));
        }
    }
    !plan.actions.is_empty()
}

/// Sets that functions refer to and no record names: the KlivAccount was deleted. They
/// are superseded like any other.
fn lost_sets(
    account: &Account,
    status: &KlivAccountStatus,
    changed: &[&DesiredSet],
) -> BTreeSet<String> {
    let known = |name: &str| {
        status.sets.iter().any(|set| set.name == name)
            || status.superseded.iter().any(|set| set.name == name)
            || status.pending.iter().any(|pending| pending == name)
            || changed.iter().any(|set| set.name == name)
    };
    // Whoever writes Deployments can name as many as he likes: half of the record is for them.
    let room = (MAX_SUPERSEDED / 2).saturating_sub(status.superseded.len());
    held(account).into_iter().filter(|name| !known(name)).take(room).map(str::to_owned).collect()
}

/// The status in which the desired sets are the current ones.
fn switched(
    status: &KlivAccountStatus,
    sets: &[DesiredSet],
    memory: &Memory,
    now: Timestamp,
) -> KlivAccountStatus {
    let mut next = status.clone();
    let same = status.revision > 0 && !differs(status, sets);
    let revision = if same { status.revision } else { status.revision.saturating_add(1) };
    next.revision = revision;
    next.sets = sets
        .iter()
        .map(|set| match status.sets.iter().find(|current| current.name == set.name) {
            Some(current) => current.clone(),
            None => PublishedSet {
                environment: set.environment.clone(),
                name: set.name.clone(),
                uid: memory.created.get(&set.name).cloned().flatten().unwrap_or_default(),
                keys: set.members.iter().map(|member| member.env_var.clone()).collect(),
                revision,
            },
        })
        .collect();
    let stale = made(std::mem::take(&mut next.pending), memory);
    let former = status
        .sets
        .iter()
        .map(|set| (set.name.clone(), Some(set.uid.clone()).filter(|uid| !uid.is_empty())));
    supersede(&mut next, stale.into_iter().chain(former), now);
    next
}

/// Sets by name, with the uid where the answer to their creation told it.
fn made(names: Vec<String>, memory: &Memory) -> Vec<(String, Option<String>)> {
    let uid = |name: &String| memory.created.get(name).cloned().flatten();
    names.into_iter().map(|name| (name.clone(), uid(&name))).collect()
}

/// Adds sets to the superseded ones, unless they are current or about to be.
fn supersede(
    status: &mut KlivAccountStatus,
    sets: impl IntoIterator<Item = (String, Option<String>)>,
    now: Timestamp,
) {
    for (name, uid) in sets {
        if !status.superseded.iter().any(|set| set.name == name) {
            status.superseded.push(SupersededSet { name, uid, since: Time(now), retired: false });
        }
    }
    let wanted: BTreeSet<&String> =
        status.sets.iter().map(|set| &set.name).chain(&status.pending).collect();
    status.superseded.retain(|set| !wanted.contains(&set.name));
}

/// Functions get the current sets, those that exist.
fn functions(
    injections: &[(&Function, Injection)],
    object: &AccountObject,
    memory: &Memory,
    timings: &Timings,
    plan: &mut Plan,
) {
    for (function, injection) in injections {
        let refused = is_refused(function, memory);
        if let Some(patch) = injection.patch.as_ref().filter(|_| !refused) {
            plan.actions
                .push(Action::Inject { function: function.name.clone(), patch: patch.clone() });
        }
        let refused = refused && injection.patch.is_some();
        let text = match refused {
            true => events::REFUSED.to_owned(),
            false => events::injection_text(injection, &object.status.sets),
        };
        let before = memory.said.get(&function.uid);
        let news = match before {
            Some(before) => *before != text,
            None => injection.patch.is_some() || function.created >= timings.started,
        };
        if (news && !text.is_empty()) || before.is_none() {
            let mut note = Note::function(function, injection, text, news);
            note.warning |= refused;
            plan.notes.push(note);
        }
    }
}

/// Every KlivSecret says what became of it.
fn secrets(
    account: &Account,
    decisions: &BTreeMap<String, Decision>,
    memory: &Memory,
    now: Timestamp,
    plan: &mut Plan,
) {
    for (name, secret) in &account.secrets {
        let Some(decision) = decisions.get(name) else { continue };
        let dead = decision
            .member
            .as_ref()
            .filter(|member| memory.unopenable.contains(&(member.uid.clone(), member.generation)));
        let next = match dead {
            Some(_) => status::secret(secret, &unopenable(), None, now),
            None => status::secret(secret, decision, memory.blocked.as_ref(), now),
        };
        if next == secret.status {
            continue;
        }
        plan.notes.extend(Note::secret(secret, &next));
        plan.actions.push(Action::WriteSecret {
            name: name.clone(),
            uid: secret.uid.clone(),
            resource_version: secret.resource_version.clone(),
            status: Box::new(next),
        });
    }
}

/// The value in use is there, and can't be opened any more to be published again.
fn unopenable() -> Decision {
    Decision {
        member: None,
        is_new: false,
        reason: Reason::DecryptionFailed,
        message: "the value in use can't be opened with this cluster's keyring: restore it from \
                  its backup, or set the value again; functions keep what they have"
            .to_owned(),
    }
}

/// Retired sets go as soon as nothing uses them.
fn retire(
    account: &Account,
    object: &AccountObject,
    memory: &Memory,
    timings: &Timings,
    now: Timestamp,
    plan: &mut Plan,
) {
    let held = held(account);
    let mut due = Vec::new();
    for set in object.status.superseded.iter().filter(|set| set.retired) {
        if memory.gone.contains(&set.name) || held.contains(set.name.as_str()) {
            continue;
        }
        let kept = after(set.since.0, timings.keep_superseded);
        let last = memory.deleted.get(&set.name).copied().max(memory.retired);
        let from = last.map_or(kept, |last| kept.max(after(last, timings.retire_every)));
        match wait(now, from) {
            None => {
                let uid = set.uid.clone().filter(|_| !memory.reborn.contains(&set.name));
                due.push((set.name.clone(), uid));
            }
            Some(wait) => plan.look_again_in(wait),
        }
    }
    if !due.is_empty() {
        plan.actions.push(Action::Retire(due));
    }
}

/// Superseded sets that no function holds are retired: when the KlivAccount is written
/// anyway, and when their time is over.
fn retired(
    account: &Account,
    status: &KlivAccountStatus,
    written_anyway: bool,
    timings: &Timings,
    now: Timestamp,
    plan: &mut Plan,
) -> Vec<SupersededSet> {
    let held = held(account);
    let mut due = written_anyway;
    let mut next = status.superseded.clone();
    for set in next.iter_mut().filter(|set| !set.retired && !held.contains(set.name.as_str())) {
        set.retired = true;
        match wait(now, after(set.since.0, timings.keep_superseded)) {
            None => due = true,
            Some(wait) => plan.look_again_in(wait),
        }
    }
    if due { next } else { status.superseded.clone() }
}

/// The names of all sets that functions refer to.
fn held(account: &Account) -> BTreeSet<&str> {
    account.functions.values().flat_map(Function::sets_held).collect()
}

/// A current set that somebody deleted by hand comes back.
fn probe(object: &AccountObject, memory: &Memory, now: Timestamp, plan: &mut Plan) {
    let Some(due) = memory.next_probe else { return };
    match wait(now, due) {
        Some(wait) => plan.look_again_in(wait),
        None if object.status.sets.is_empty() => {}
        None => plan
            .actions
            .push(Action::Probe(object.status.sets.iter().map(|set| set.name.clone()).collect())),
    }
}

/// The KlivAccount tells how far its functions are, and forgets what is gone.
fn progress(
    account: &Account,
    object: &AccountObject,
    injections: &[(&Function, Injection)],
    memory: &Memory,
    timings: &Timings,
    now: Timestamp,
    plan: &mut Plan,
) {
    let mut next = object.status.clone();
    next.superseded.retain(|set| !memory.gone.contains(&set.name));
    for set in &mut next.sets {
        if let Some(Some(uid)) = memory.created.get(&set.name) {
            set.uid.clone_from(uid);
        }
    }
    describe(account, &mut next, memory.blocked.as_ref(), now);
    let report = report(injections, memory);
    let moving = report.not_updated.iter().any(|f| f.reason == ROLLING_OUT);
    let deleting = plan.actions.iter().any(|action| matches!(action, Action::Retire(_)))
        || next.superseded.iter().any(|set| memory.deleted.contains_key(&set.name));
    // While functions move, each step is not worth a write; and after a delete another write
    // follows soon, when the set is forgotten.
    let hold = timings.report_every * if deleting { 4 } else { u32::from(moving) };
    let due = memory.reported.map(|last| after(last, hold));
    match due.and_then(|due| wait(now, due)) {
        Some(wait) if next == object.status => {
            if next.functions != report {
                plan.look_again_in(wait);
            }
        }
        _ => next.functions = report,
    }
    let written_anyway = next != object.status;
    next.superseded = retired(account, &next, written_anyway, timings, now, plan);
    if next != object.status {
        plan.actions.push(Action::WriteAccount(Record::Progress, Box::new(next)));
    }
}

const ROLLING_OUT: &str = "RollingOut";

fn report(injections: &[(&Function, Injection)], memory: &Memory) -> FunctionReport {
    let mut report = FunctionReport::default();
    for (function, injection) in injections {
        if injection.injected.is_empty() {
            continue;
        }
        report.total += 1;
        let refused = is_refused(function, memory);
        let reason = if injection.patch.is_some() && refused {
            "WriteRefused"
        } else if injection.manual_waits {
            "Manual"
        } else if function.rollout.failed {
            "RolloutFailed"
        } else if injection.patch.is_some() || !function.rollout.complete {
            ROLLING_OUT
        } else {
            report.updated += 1;
            continue;
        };
        if report.not_updated.len() < 20 {
            report
                .not_updated
                .push(NotUpdated { name: function.name.clone(), reason: reason.to_owned() });
        }
    }
    report
}

fn targets(account: &Account, sets: &[PublishedSet]) -> usize {
    account.functions.values().filter(|f| !inject(f, sets).injected.is_empty()).count()
}

fn describe(
    account: &Account,
    status: &mut KlivAccountStatus,
    blocked: Option<&(Reason, String)>,
    now: Timestamp,
) {
    status.secrets = i32::try_from(account.secrets.len()).unwrap_or(i32::MAX);
    let (reason, message) = match blocked {
        Some((reason, message)) => (*reason, message.clone()),
        None => (Reason::Published, "the current sets are published".to_owned()),
    };
    status.conditions = vec![condition::ready(&status.conditions, reason, message, None, now)];
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// How long until `then`; none when it is over.
fn wait(now: Timestamp, then: Timestamp) -> Option<Duration> {
    Duration::try_from(then.duration_since(now)).ok().filter(|wait| !wait.is_zero())
}
