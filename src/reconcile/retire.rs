//! How superseded sets go: retired by record first, then deleted when nothing uses them.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::action::{Action, Plan};
use super::observed::{Account, AccountObject, Memory};
use super::plan::{Timings, after, wait};
use crate::api::{KlivAccountStatus, SupersededSet};
use crate::inject::Function;

/// Retired sets go as soon as nothing uses them.
pub(super) fn retire(
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
        let deleted = memory.deleted.get(&set.name);
        let from = deleted.map_or(kept, |deleted| after(*deleted, timings.keep_superseded));
        let from = memory.retired.map_or(from, |last| from.max(after(last, timings.retire_every)));
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
/// anyway, and when their time is over. Whether that was done.
pub(super) fn retire_by_record(
    account: &Account,
    status: &mut KlivAccountStatus,
    written_anyway: bool,
    patience: Duration,
    now: Timestamp,
    plan: &mut Plan,
) -> bool {
    let held = held(account);
    let mut free: Vec<&mut SupersededSet> = status
        .superseded
        .iter_mut()
        .filter(|set| !set.retired && !held.contains(set.name.as_str()))
        .collect();
    let mut due = written_anyway;
    for set in &free {
        match wait(now, after(set.since.0, patience)) {
            None => due = true,
            Some(wait) => plan.look_again_in(wait),
        }
    }
    free.iter_mut().filter(|_| due).for_each(|set| set.retired = true);
    due && !free.is_empty()
}

/// The names of all sets that functions refer to.
pub(super) fn held(account: &Account) -> BTreeSet<&str> {
    account.functions.values().flat_map(Function::sets_held).collect()
}
