//! Which audit events are not kept any more.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::{AuditRecord, ChainLink};

/// Events that are deleted in one go.
const AT_ONCE: usize = 250;

/// What is not kept any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Old {
    /// The checkpoint that lets it go: the newest of it.
    pub until: ChainLink,
    /// The numbers of all, oldest first.
    pub numbers: Vec<i64>,
    /// The number of the newest event that is there.
    pub newest: i64,
    /// Whether that is all; if not, it is looked again when this is gone.
    pub is_all: bool,
}

/// Events that are not yet so old are kept also beyond their number …
const FRESH: SignedDuration = SignedDuration::from_hours(7 * 24);
/// … up to so many times that number. Otherwise whoever may change secrets could push out in a
/// minute what there is to be seen of the day.
const FRESH_TIMES: usize = 10;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Nothing from before this time.
    pub since: Timestamp,
    /// Events from this time on are fresh.
    pub fresh_since: Timestamp,
    /// So many are kept where the oldest is not fresh, and ten times as many where it is.
    pub most: usize,
}

impl Kept {
    /// For so long, and so many.
    #[must_use]
    pub fn of(longest: Duration, most: usize, now: Timestamp) -> Self {
        let since = now.checked_sub(longest).unwrap_or(Timestamp::MIN);
        let fresh_since = now.saturating_sub(FRESH).unwrap_or(Timestamp::MIN).max(since);
        Self { since, fresh_since, most }
    }
}

/// What of an account's events (time and hash by number) is not kept. Always from the oldest
/// on, so that no gap comes before the checkpoint, and never the newest, which the numbers go
/// on from.
#[must_use]
pub fn old(
    record: &AuditRecord,
    mut events: BTreeMap<i64, (Timestamp, String)>,
    kept: Kept,
) -> Old {
    // What the record does not know of is none of ours.
    events.retain(|sequence, _| *sequence <= record.head.sequence);
    let newest = events.keys().next_back().copied().unwrap_or_default();
    let mut until = record.checkpoint.clone().unwrap_or_default();
    let passed = until.sequence;
    let mut numbers = Vec::new();
    let mut left = events.len();
    let mut is_all = true;
    for (sequence, (time, hash)) in events {
        let is_old = sequence <= passed
            || time < kept.since
            || left > kept.most && time < kept.fresh_since
            || left > kept.most.saturating_mul(FRESH_TIMES);
        if left <= 1 || !is_old {
            break;
        }
        if numbers.len() == AT_ONCE {
            is_all = false;
            break;
        }
        if sequence > passed {
            until = ChainLink { sequence, hash };
        }
        numbers.push(sequence);
        left -= 1;
    }
    Old { until, numbers, newest, is_all }
}
