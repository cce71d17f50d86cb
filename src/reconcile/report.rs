//! How far the functions of an account are.

use k8s_openapi::jiff::Timestamp;

use super::observed::Memory;
use super::plan::not_written;
use crate::api::condition::Behind;
use crate::api::{FunctionReport, NotUpdated};
use crate::inject::{Function, Injection};

/// What the record names of functions that are behind.
const NAMED: usize = 20;

/// What is to be told of the functions.
pub(super) struct Progress {
    pub(super) report: FunctionReport,
    /// Whether the rollout of one goes on.
    pub(super) moving: bool,
}

pub(super) fn of(
    injections: &[(&Function, Injection)],
    memory: &Memory,
    now: Timestamp,
) -> Progress {
    let mut report = FunctionReport::default();
    let mut behind: Vec<(Behind, &str)> = Vec::new();
    for (function, injection) in injections {
        let not_written = not_written(function, injection, memory, now);
        // One that is to lose its entries, and can't, is worth a word as well.
        if injection.injected.is_empty() && not_written.is_none() {
            continue;
        }
        report.total += 1;
        match why(function, injection, not_written) {
            Some(why) => behind.push((why, &function.name)),
            None => report.updated += 1,
        }
    }
    let moving = behind.iter().any(|(why, _)| *why == Behind::RollingOut);
    behind.sort();
    report.not_updated = behind.into_iter().take(NAMED).map(not_updated).collect();
    Progress { report, moving }
}

fn why(function: &Function, injection: &Injection, not_written: Option<Behind>) -> Option<Behind> {
    match not_written {
        Some(why) => Some(why),
        None if injection.manual_waits => Some(Behind::Manual),
        None if function.rollout.failed => Some(Behind::RolloutFailed),
        None if injection.patch.is_some() || !function.rollout.complete => Some(Behind::RollingOut),
        None => None,
    }
}

fn not_updated((why, name): (Behind, &str)) -> NotUpdated {
    NotUpdated {
        name: name.to_owned(),
        reason: why.as_str().to_owned(),
        message: why.message().map(str::to_owned),
    }
}
