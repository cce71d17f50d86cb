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
use super::decide::{Decision, NO_KEYRING, decide};
use super::events::{self, Note};
use super::former;
use super::observed::{Account, AccountObject, Memory};
use super::publish::{differs, has_room, publish};
use super::refused::{Refusal, write_of_function, write_of_status};
use super::report::{self, Progress};
use super::retire::{held, retire, retire_by_record};
use super::trail::{Trail, look_without_account};
use super::warnings::{Use, is_over, warnings};
use crate::api::condition::{self, Behind, Reason};
use crate::api::{AuditRecord, KlivAccountStatus, KlivSecretStatus, PublishedSet, SupersededSet};
use crate::inject::{Function, Injection, Known, inject, withdraw};

/// Why publishing waits.
const NO_ROOM: &str = "waits until superseded sets are deleted, of which there are too many";
const NO_RECORD: &str = "the API server refuses the KlivAccount's status: see whether the CRDs and \
     policies are those of this version's chart; the last published set stays";

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
    /// How long audit events are kept at most.
    pub audit_keep: Duration,
    /// How many of an account are kept at most.
    pub audit_keep_events: usize,
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
        if account.secrets.is_empty() && !memory.trail.knows_who_deletes() {
            strangers(account, memory, timings, now, &mut plan);
            look_without_account(&memory.trail, now, &mut plan);
        } else {
            plan.actions.push(Action::CreateAccount);
        }
        return plan;
    };
    let (decisions, sets) = decide(account);
    let write = write_of_status(&object.resource_version);
    let is_held = is_held_back(&object.uid, || write, memory, now, &mut plan);
    let why = memory.refused.get(&object.uid).and_then(|refused| refused.of(write));
    let takes_record = !is_held || why == Some(Refusal::Dropped);
    let has_room = has_room(&object.status);
    // Without a keyring a secret that was made anew looks like one without a value: no set
    // changes then, or the only copy of that value would go.
    let waits = if account.is_blind() {
        Some(NO_KEYRING)
    } else if !takes_record {
        Some(NO_RECORD)
    } else {
        (!has_room).then_some(NO_ROOM)
    };
    let is_free = memory.blocked.is_none() && waits.is_none();
    if is_free && publish(account, object, &sets, memory, now, &mut plan) {
        let trail = Trail { account, object, memory, now };
        for action in &mut plan.actions {
            if let Action::WriteAccount(Record::Switch, next) = action {
                let nexts = trail.nexts(&decisions, None);
                former::remember(next, &nexts);
                trail.advance(next, &nexts, None);
            }
        }
        trail.look(timings, &mut plan);
        return plan;
    }
    let waits = waits.filter(|_| memory.blocked.is_none() && differs(&object.status, &sets));
    let memory = &match waits {
        Some(text) => Cow::Owned(memory.waiting(text)),
        None => Cow::Borrowed(memory),
    };

    let known = Known::new(&object.status.sets, &memory.missing);
    let injections: Vec<(&Function, Injection)> =
        account.functions.values().map(|function| (function, known.inject(function))).collect();
    // A record that was just made anew knows of no set yet: functions keep what they have.
    if object.status.revision > 0 {
        functions(&injections, object, memory, timings, now, &mut plan);
        strays(memory, now, &mut plan);
    }
    retire(account, object, memory, timings, now, &mut plan);
    probe(&injections, object, memory, now, &mut plan);
    let trail = Trail { account, object, memory, now };
    trail.look(timings, &mut plan);
    let nexts = trail.nexts(&decisions, memory.blocked.as_ref());
    let next = (!is_held).then(|| progress(&trail, &nexts, &injections, timings, &mut plan));
    let coming = next.as_ref().and_then(|next| next.audit.as_ref());
    let uses = (!differs(&object.status, &sets)).then(|| Use::of(&sets, &injections));
    secrets(&trail, &decisions, nexts, uses.as_ref(), (coming, is_held), &mut plan);
    if let Some(next) = next.filter(|next| *next != object.status) {
        plan.actions.push(Action::WriteAccount(Record::Progress, Box::new(next)));
    }
    plan
}

/// Whether this write of an object was refused, and it is not time to try again.
fn is_held_back(
    uid: &str,
    write: impl FnOnce() -> u64,
    memory: &Memory,
    now: Timestamp,
    plan: &mut Plan,
) -> bool {
    let Some(refused) = memory.refused.get(uid) else { return false };
    let wait = refused.of(write()).and_then(|_| refused.wait(now));
    wait.map(|wait| plan.look_again_in(wait)).is_some()
}

/// Why the change that a function needs is not made, where it was refused, or waits since
/// somebody undid it before.
pub(super) fn not_written(
    function: &Function,
    injection: &Injection,
    memory: &Memory,
    now: Timestamp,
) -> Option<Behind> {
    let patch = injection.patch.as_ref()?;
    let refused = memory.refused.get(&function.uid);
    match refused.and_then(|refused| refused.of(write_of_function(function, patch))) {
        Some(Refusal::Altered) => Some(Behind::WriteAltered),
        Some(_) => Some(Behind::WriteRefused),
        None => memory.given.waits(function, injection, now).map(|_| Behind::Undone),
    }
}

/// Gives a function what it is to have, unless that waits.
fn give(
    function: &Function,
    injection: &Injection,
    memory: &Memory,
    now: Timestamp,
    plan: &mut Plan,
) {
    let Some(patch) = &injection.patch else { return };
    if let Some(wait) = memory.given.waits(function, injection, now) {
        plan.look_again_in(wait);
    } else if !is_held_back(&function.uid, || write_of_function(function, patch), memory, now, plan)
    {
        let function = function.name.clone();
        plan.actions.push(Action::Inject { function, patch: patch.clone() });
    }
}

/// Where nothing was ever published, a function that was copied from another account may
/// refer to sets that don't exist: it would not start.
fn strangers(
    account: &Account,
    memory: &Memory,
    timings: &Timings,
    now: Timestamp,
    plan: &mut Plan,
) {
    let given: BTreeSet<&str> = account.functions.values().flat_map(Function::sets_given).collect();
    let unknown = unknown(given, memory);
    if !unknown.is_empty() {
        plan.actions.push(Action::Probe(unknown));
        return;
    }
    for function in account.functions.values() {
        let given = function.sets_given();
        if given.is_empty() && function.requires_any() {
            tell(function, &inject(function, &[]), &[], memory, timings, now, plan);
        }
        if given.into_iter().any(|name| memory.missing.contains(name)) {
            give(function, &withdraw(function), memory, now, plan);
        }
    }
}

/// Of these sets those of which it is not known whether they are there; not too many at once,
/// since whoever writes Deployments can name as many as he likes.
fn unknown<'a>(names: impl IntoIterator<Item = &'a str>, memory: &Memory) -> Vec<String> {
    let known = |name: &str| {
        [&memory.found, &memory.missing, &memory.unsure].iter().any(|names| names.contains(name))
    };
    let room = MAX_STRANGERS.saturating_sub(memory.found.len());
    names.into_iter().filter(|name| !known(name)).take(room).map(str::to_owned).collect()
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
        give(function, injection, memory, now, plan);
        tell(function, injection, &object.status.sets, memory, timings, now, plan);
    }
}

/// Tells a function's people what it gets and what not, where that is news.
fn tell(
    function: &Function,
    injection: &Injection,
    sets: &[PublishedSet],
    memory: &Memory,
    timings: &Timings,
    now: Timestamp,
    plan: &mut Plan,
) {
    let not_written = not_written(function, injection, memory, now);
    let text = match not_written {
        Some(why) => events::not_written_text(why),
        None => events::injection_text(injection, sets),
    };
    let before = memory.said.get(&function.uid);
    let news = match before {
        Some(before) => *before != text,
        None => injection.patch.is_some() || function.created >= timings.started,
    };
    if (news && !text.is_empty()) || before.is_none() {
        plan.notes.push(Note::function(function, injection, not_written.is_some(), text, news));
    }
}

/// What lost its label while nobody strips it in that same write, or while nobody looked.
fn strays(memory: &Memory, now: Timestamp, plan: &mut Plan) {
    let Some(strays) = &memory.strays else {
        plan.actions.push(Action::FindStrays);
        return;
    };
    for stray in strays {
        let nothing = withdraw(stray);
        let Some(patch) = nothing.patch.clone() else { continue };
        if let Some(wait) = memory.given.waits(stray, &nothing, now) {
            plan.look_again_in(wait);
        } else if !is_held_back(&stray.uid, || write_of_function(stray, &patch), memory, now, plan)
        {
            plan.notes.push(Note::stray(stray));
            plan.actions.push(Action::Withdraw { stray: Box::new(stray.clone()), patch });
        }
    }
}

/// Every KlivSecret says what became of it, once the audit trail has told it; `coming` is
/// what it will have told with this plan, `nexts` what each is about to say.
fn secrets(
    trail: &Trail<'_>,
    decisions: &BTreeMap<String, Decision>,
    mut nexts: BTreeMap<&str, KlivSecretStatus>,
    uses: Option<&Use<'_>>,
    (coming, is_held): (Option<&AuditRecord>, bool),
    plan: &mut Plan,
) {
    let Trail { account, memory, now, .. } = *trail;
    for (name, secret) in &account.secrets {
        let Some((decision, mut next)) = decisions.get(name).zip(nexts.remove(name.as_str()))
        else {
            continue;
        };
        next.warnings = warnings(secret, decision, &next, &memory.learned, uses, now, plan);
        if let Some(time) = secret.refuse_sealed_before {
            // One that is still to come counts from then on.
            is_over(time, now, plan);
        }
        if !trail.lets(secret, &mut next, coming, is_held) {
            continue;
        }
        let write = || write_of_status(&secret.resource_version);
        if next == secret.status || is_held_back(&secret.uid, write, memory, now, plan) {
            continue;
        }
        let records = [trail.object.status.audit.as_ref(), coming];
        plan.notes.extend(Note::secret(secret, &next, records));
        plan.actions.push(Action::WriteSecret {
            name: name.clone(),
            uid: secret.uid.clone(),
            resource_version: secret.resource_version.clone(),
            status: Box::new(next),
        });
    }
}

/// A current set that somebody deleted by hand comes back; a former one can't, and functions
/// that hold on to it must not.
fn probe(
    injections: &[(&Function, Injection)],
    object: &AccountObject,
    memory: &Memory,
    now: Timestamp,
    plan: &mut Plan,
) {
    let current = object.status.sets.iter().map(|set| set.name.as_str());
    let current: BTreeSet<&str> = current.collect();
    let holding = injections.iter().filter(|(_, injection)| injection.manual_waits);
    let former: BTreeSet<&str> = holding
        .flat_map(|(function, _)| function.sets_given())
        .filter(|name| !current.contains(name))
        .collect();
    let due = memory.next_probe.map(|due| wait(now, due));
    let all = || current.iter().chain(former.iter().take(MAX_STRANGERS));
    let names = match due {
        Some(None) => all().map(|name| (*name).to_owned()).collect(),
        _ => unknown(former.iter().copied(), memory),
    };
    if let Some(Some(wait)) = due {
        plan.look_again_in(wait);
    }
    if !names.is_empty() {
        plan.actions.push(Action::Probe(names));
    }
}

/// The KlivAccount tells how far its functions are, and what happened, and forgets what is
/// gone.
fn progress(
    trail: &Trail<'_>,
    nexts: &BTreeMap<&str, KlivSecretStatus>,
    injections: &[(&Function, Injection)],
    timings: &Timings,
    plan: &mut Plan,
) -> KlivAccountStatus {
    let Trail { account, object, memory, now } = *trail;
    let mut next = object.status.clone();
    next.superseded.retain(|set| !memory.gone.contains(&set.name));
    for set in &mut next.sets {
        if let Some(Some(uid)) = memory.created.get(&set.name) {
            set.uid.clone_from(uid);
        }
    }
    describe(account, &mut next, memory.blocked.as_ref(), now);
    let Progress { report, moving } = report::of(injections, memory, now);
    let has_arrived = !moving && next.revision > 0;
    let arrived = has_arrived.then_some((next.revision, report.updated, report.total));
    former::remember(&mut next, nexts);
    trail.advance(&mut next, nexts, arrived);
    // A rollout that goes on, and a set that is about to be deleted, end with a write.
    let held = held(account);
    let goes = |set: &SupersededSet| set.retired && !held.contains(set.name.as_str());
    let goes_on = moving || object.status.superseded.iter().any(goes);
    if goes_on && trail.only_drops(&next) {
        next.audit.clone_from(&object.status.audit);
    }
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
    next
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
    status.conditions = condition::conditions(&status.conditions, reason, &message, None, now);
}

pub(super) fn after(time: Timestamp, wait: Duration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// How long to wait after so many tries in vain.
pub(super) fn doubled(first: Duration, tries: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(tries)).min(longest)
}

/// How long until `then`; none when it is over.
pub(super) fn wait(now: Timestamp, then: Timestamp) -> Option<Duration> {
    Duration::try_from(then.duration_since(now)).ok().filter(|wait| !wait.is_zero())
}
