//! Which audit events are not kept any more.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

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

/// What of an account's events (time and hash by number) is not kept: what is from before this
/// time, and more than so many. Always from the oldest on, so that no gap comes before the
/// checkpoint, and never the newest, which the numbers go on from.
#[must_use]
pub fn old(
    record: &AuditRecord,
    mut events: BTreeMap<i64, (Timestamp, String)>,
    before: Timestamp,
    keep: usize,
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
        let is_old = sequence <= passed || time < before || left > keep;
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
