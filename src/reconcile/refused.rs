//! Writes that were refused: each object waits for itself, longer each time, and keeps no
//! other waiting.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use json_patch::Patch;
use k8s_openapi::jiff::Timestamp;

use super::plan::{after, doubled, wait};
use crate::inject::Function;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(600);

/// Why a write was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Another mutator changed more of the object in the same write, and our own confinement
    /// policy refused the whole.
    Altered,
    /// A policy or webhook of somebody's said no.
    Forbidden,
    /// The object would not fit its schema.
    Invalid,
    /// It was taken, and changed nothing: an older CRD drops the fields that it does not know.
    Dropped,
}

/// A write that was refused, and when it is tried again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    write: u64,
    by: Refusal,
    tries: u32,
    next: Timestamp,
}

impl Refused {
    pub(super) fn again(before: Option<&Self>, write: u64, by: Refusal, now: Timestamp) -> Self {
        let tries = before.filter(|before| before.write == write).map_or(0, |b| b.tries + 1);
        Self { write, by, tries, next: after(now, doubled(FIRST, tries, LONGEST)) }
    }

    /// Why, if it was this write.
    pub(super) fn of(&self, write: u64) -> Option<Refusal> {
        (self.write == write).then_some(self.by)
    }

    /// How long until it is tried again; none when it is time, or when the clock was turned
    /// back so far that it would be longer than it ever is.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Duration> {
        wait(now, self.next).filter(|wait| *wait <= LONGEST)
    }
}

/// Tells whether two writes of a function are the same: the same change of the same spec. The
/// resourceVersion does not count, which grows with each step of a rollout.
#[must_use]
pub fn write_of_function(function: &Function, patch: &Patch) -> u64 {
    let mut hash = DefaultHasher::new();
    function.generation.hash(&mut hash);
    for operation in patch.iter().skip(2) {
        operation.to_string().hash(&mut hash);
    }
    hash.finish()
}

/// Tells whether two writes of a status are the same: of the same object in the same state.
#[must_use]
pub fn write_of_status(resource_version: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    resource_version.hash(&mut hash);
    hash.finish()
}
