//! Functions from which somebody takes again and again what they are given: another
//! controller, a job, a tenant. Then what is done comes later each time, so that neither
//! the API server nor the function's rollouts pay for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::plan::{after, doubled, wait};
use crate::inject::{Function, Injection};

/// The same content is given so often without waiting: people try things.
const FREE: u32 = 5;
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
/// After so long without a write all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// What functions were given lately: how often and when last, by the function's uid and
/// the set, "" for none. A new set is new content, which never waits for its own sake.
#[derive(Clone, Default)]
pub struct Given(BTreeMap<(String, String), (u32, Timestamp)>);

impl Given {
    /// A function was written, and is now like this.
    pub(super) fn note(&mut self, function: &Function, now: Timestamp) {
        self.0.retain(|_, (_, last)| wait(now, after(*last, FORGOTTEN)).is_some());
        for set in has(function) {
            let key = (function.uid.clone(), set.to_owned());
            let (times, last) = self.0.entry(key).or_insert((0, now));
            (*times, *last) = (times.saturating_add(1), now);
        }
    }

    /// How long to wait before a function is given this once more.
    pub(super) fn waits(
        &self,
        function: &Function,
        injection: &Injection,
        now: Timestamp,
    ) -> Option<Duration> {
        let wanted = injection.set.as_deref().filter(|_| !injection.injected.is_empty());
        let mut sets = has(function);
        sets.insert(wanted.unwrap_or_default());
        let until = |set: &str| {
            let (times, last) = self.0.get(&(function.uid.clone(), set.to_owned()))?;
            let again = times.checked_sub(FREE)?;
            Some(after(*last, doubled(FIRST, again, LONGEST)))
        };
        let wait = sets.into_iter().filter_map(until).max().and_then(|until| wait(now, until));
        // It is never longer, unless the clock was turned back.
        wait.filter(|wait| *wait <= LONGEST)
    }

    pub(super) fn retain(&mut self, known: impl Fn(&String) -> bool) {
        self.0.retain(|(uid, _), _| known(uid));
    }
}

/// The sets that a function has entries of, "" for none: also a write that something alters
/// on its way, so that nothing of it is left, was done.
fn has(function: &Function) -> BTreeSet<&str> {
    let mut sets = function.sets_given();
    if sets.is_empty() {
        sets.insert("");
    }
    sets
}
