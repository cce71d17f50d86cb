//! How sets change: recorded, made, made current. The steps of a plan that keep law 2.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::action::{Action, Plan, Record};
use super::observed::{Account, AccountObject, Memory};
use super::plan::{describe, targets};
use super::retire::held;
use super::sets::DesiredSet;
use crate::api::{FunctionReport, KlivAccountStatus, PublishedSet, SupersededSet};

/// What the CRD takes of superseded sets.
const MAX_SUPERSEDED: usize = 512;

/// Whether other sets should be current than those that are.
pub(super) fn differs(status: &KlivAccountStatus, sets: &[DesiredSet]) -> bool {
    status.sets.len() != sets.len()
        || sets.iter().any(|set| status.sets.iter().all(|current| current.name != set.name))
}

/// Whether the record takes another change of sets; if not, superseded ones go first.
pub(super) fn has_room(status: &KlivAccountStatus) -> bool {
    let after = status.superseded.len() + status.sets.len() + status.pending.len();
    status.superseded.is_empty() || after <= MAX_SUPERSEDED
}

/// Brings the desired sets into being; true while that goes on.
pub(super) fn publish(
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
    let lost = lost_sets(account, status, &changed);

    let make = |set: &DesiredSet| Action::Publish {
        name: set.name.clone(),
        environment: set.environment.clone(),
        members: set.members.clone(),
    };
    plan.actions.extend(again.map(make));
    // What was about to be made and is not wanted any more may exist: it is retired.
    let given_up = status.pending.iter().any(|name| !sets.iter().any(|set| set.name == *name));
    if differs(status, sets) || given_up || !lost.is_empty() {
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
