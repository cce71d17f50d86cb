//! What to do next for one account: a pure function. It reads like a list of small
//! checks; each is a step that adds what it finds missing.
//!
//! The order keeps law 2: a set is recorded, made, made current, and only then do
//! functions refer to it; a superseded one goes last. Steps up to "made current" end the
//! plan, so that what follows sees their answers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::action::{Action, Plan, Record};
use super::decide::{Decision, decide};
use super::events::{self, Note};
use super::observed::{Account, AccountObject, Memory};
use super::publish::{differs, has_room, publish};
use super::retire::{retire, retire_by_record};
use super::status;
use crate::api::condition::{self, Reason};
use crate::api::{FunctionReport, KlivAccountStatus, NotUpdated, PublishedSet};
use crate::inject::{Function, Injection, inject, withdraw};

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
            strangers(account, memory, now, &mut plan);
        } else {
            plan.actions.push(Action::CreateAccount);
        }
        return plan;
    };
    let (decisions, sets) = decide(account);
    let (is_free, has_room) = (memory.blocked.is_none(), has_room(&object.status));
    if is_free && has_room && publish(account, object, &sets, memory, now, &mut plan) {
        return plan;
    }
    let waits = is_free && !has_room && differs(&object.status, &sets);
    let memory = &if waits { Cow::Owned(memory.waiting()) } else { Cow::Borrowed(memory) };

    let injections: Vec<(&Function, Injection)> = account
        .functions
        .values()
        .map(|function| (function, inject(function, &object.status.sets)))
        .collect();
    // A record that was just made anew knows of no set yet: functions keep what they have.
    if object.status.revision > 0 {
        functions(&injections, object, memory, timings, now, &mut plan);
    }
    secrets(account, &decisions, memory, now, &mut plan);
    retire(account, object, memory, timings, now, &mut plan);
    probe(object, memory, now, &mut plan);
    progress(account, object, &injections, memory, timings, now, &mut plan);
    plan
}

/// Where nothing was ever published, a function that was copied from another account may
/// refer to sets that don't exist: it would not start.
fn strangers(account: &Account, memory: &Memory, now: Timestamp, plan: &mut Plan) {
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
        let nothing = withdraw(function);
        if function.sets_given().into_iter().any(|name| memory.missing.contains(name))
            && let Some(patch) = nothing.patch.clone()
        {
            if let Some(wait) = undone(function, &nothing, memory, now) {
                plan.look_again_in(wait);
                continue;
            }
            plan.actions.push(Action::Inject { function: function.name.clone(), patch });
        }
    }
}

/// Whether the last write of a function was refused.
fn is_refused(function: &Function, memory: &Memory) -> bool {
    memory.refused.contains(&(function.uid.clone(), function.resource_version.clone()))
}

/// How long a function waits whose last writes were undone by somebody.
fn undone(
    function: &Function,
    injection: &Injection,
    memory: &Memory,
    now: Timestamp,
) -> Option<Duration> {
    injection.patch.as_ref()?;
    memory.given.waits(function, injection, now)
}

/// Functions get the current sets, those that exist.
fn functions(
    injections: &[(&Function, Injection)],
    object: &AccountObject,
    memory: &Memory,
    timings: &Timings,
    now: Timestamp,
    plan: &mut Plan,
) {
    for (function, injection) in injections {
        let refused = is_refused(function, memory);
        let undone = undone(function, injection, memory, now);
        if let Some(wait) = undone {
            plan.look_again_in(wait);
        }
        let may_write = !refused && undone.is_none();
        if let Some(patch) = injection.patch.as_ref().filter(|_| may_write) {
            plan.actions
                .push(Action::Inject { function: function.name.clone(), patch: patch.clone() });
        }
        let refused = refused && injection.patch.is_some();
        let text = match () {
            () if refused => events::REFUSED.to_owned(),
            () if undone.is_some() => events::UNDONE.to_owned(),
            () => events::injection_text(injection, &object.status.sets),
        };
        let before = memory.said.get(&function.uid);
        let news = match before {
            Some(before) => *before != text,
            None => injection.patch.is_some() || function.created >= timings.started,
        };
        if (news && !text.is_empty()) || before.is_none() {
            let mut note = Note::function(function, injection, text, news);
            note.warning |= refused || undone.is_some();
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
    let report = report(injections, memory, now);
    let moving = report.not_updated.iter().any(|f| f.reason == ROLLING_OUT);
    // While functions move, each step is not worth a write.
    let due = memory.reported.map(|last| after(last, timings.report_every));
    match due.and_then(|due| wait(now, due)) {
        Some(wait) if moving && next == object.status => {
            if next.functions != report {
                plan.look_again_in(wait);
            }
        }
        _ => next.functions = report.clone(),
    }
    let written_anyway = next != object.status;
    // A rollout that goes on ends with a write, which retires as well.
    let longest = if moving { timings.report_every } else { Duration::ZERO };
    let patience = timings.keep_superseded.max(longest);
    if retire_by_record(account, &mut next, written_anyway, patience, now, plan) {
        next.functions = report;
    }
    if next != object.status {
        plan.actions.push(Action::WriteAccount(Record::Progress, Box::new(next)));
    }
}

const ROLLING_OUT: &str = "RollingOut";

fn report(
    injections: &[(&Function, Injection)],
    memory: &Memory,
    now: Timestamp,
) -> FunctionReport {
    let mut report = FunctionReport::default();
    for (function, injection) in injections {
        if injection.injected.is_empty() {
            continue;
        }
        report.total += 1;
        let refused = is_refused(function, memory);
        let reason = if injection.patch.is_some() && refused {
            "WriteRefused"
        } else if undone(function, injection, memory, now).is_some() {
            "Undone"
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

pub(super) fn targets(account: &Account, sets: &[PublishedSet]) -> usize {
    account.functions.values().filter(|f| !inject(f, sets).injected.is_empty()).count()
}

pub(super) fn describe(
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

pub(super) fn after(time: Timestamp, wait: Duration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// How long until `then`; none when it is over.
pub(super) fn wait(now: Timestamp, then: Timestamp) -> Option<Duration> {
    Duration::try_from(then.duration_since(now)).ok().filter(|wait| !wait.is_zero())
}
