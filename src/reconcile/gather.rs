//! Gathers changes: an account is due after a time of quiet, at the latest some time
//! after the first change, and never twice at once. Pure: time is an argument.
//!
//! kube's own scheduler has a time of quiet without an upper bound, so that a steady
//! trickle of changes would starve an account; hence these few lines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Which accounts are to be looked at, and when.
pub struct Gather {
    quiet: Duration,
    longest: Duration,
    waiting: BTreeMap<String, Waiting>,
    by_time: BTreeSet<(Instant, String)>,
    running: BTreeSet<String>,
    touched: BTreeMap<String, Instant>,
}

struct Waiting {
    first: Instant,
    due: Instant,
}

impl Gather {
    /// Due after `quiet` without a change, at most `longest` after the first.
    #[must_use]
    pub fn new(quiet: Duration, longest: Duration) -> Self {
        Self {
            quiet,
            longest,
            waiting: BTreeMap::new(),
            by_time: BTreeSet::new(),
            running: BTreeSet::new(),
            touched: BTreeMap::new(),
        }
    }

    /// Something changed in an account.
    pub fn touch(&mut self, account: &str, now: Instant) {
        if self.running.contains(account) {
            self.touched.entry(account.to_owned()).or_insert(now);
            return;
        }
        // What waited for a later look only starts to gather now.
        let first = match self.waiting.get(account) {
            Some(waiting) if waiting.first <= now => waiting.first,
            _ => now,
        };
        self.put(account, first, (now + self.quiet).min(first + self.longest));
    }

    /// The account is to be looked at again at `at`, if nothing happens before.
    pub fn later(&mut self, account: &str, at: Instant) {
        if self.waiting.get(account).is_none_or(|waiting| waiting.due > at) {
            self.put(account, at, at);
        }
    }

    /// When the next account is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.by_time.first().map(|(due, _)| *due)
    }

    /// Takes an account that is due; it counts as running until [`done`](Self::done).
    pub fn take(&mut self, now: Instant) -> Option<String> {
        let (due, _) = self.by_time.first()?;
        if *due > now {
            return None;
        }
        let (_, account) = self.by_time.pop_first()?;
        self.waiting.remove(&account);
        self.running.insert(account.clone());
        Some(account)
    }

    /// The account is not running any more; changes since then count.
    pub fn done(&mut self, account: &str, now: Instant) {
        self.running.remove(account);
        if let Some(first) = self.touched.remove(account) {
            self.put(account, first, (now + self.quiet).min(first + self.longest).max(now));
        }
    }

    fn put(&mut self, account: &str, first: Instant, due: Instant) {
        let waiting = Waiting { first, due };
        if let Some(before) = self.waiting.insert(account.to_owned(), waiting) {
            self.by_time.remove(&(before.due, account.to_owned()));
        }
        self.by_time.insert((due, account.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    // An origin for a clock of our own; nothing is read from it but differences.
    #[expect(clippy::disallowed_methods, reason = "Instant has no other constructor")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn an_account_is_due_after_the_quiet_period() {
        let t = origin();
        let mut gather = Gather::new(500 * MS, 3000 * MS);
        gather.touch("a", t);
        gather.touch("a", t + 400 * MS);
        assert_eq!(gather.take(t + 899 * MS), None);
        assert_eq!(gather.take(t + 900 * MS).as_deref(), Some("a"));
    }

    #[test]
    fn a_steady_trickle_does_not_starve_it() {
        let t = origin();
        let mut gather = Gather::new(500 * MS, 3000 * MS);
        for i in 0..100 {
            gather.touch("a", t + i * 100 * MS);
            if let Some(account) = gather.take(t + i * 100 * MS) {
                assert_eq!(account, "a");
                assert_eq!(i, 30);
                return;
            }
        }
        panic!("never due");
    }

    #[test]
    fn an_account_never_runs_twice_at_once_and_no_change_is_lost() {
        let t = origin();
        let mut gather = Gather::new(500 * MS, 3000 * MS);
        gather.touch("a", t);
        assert!(gather.take(t + 500 * MS).is_some());
        gather.touch("a", t + 600 * MS);
        assert_eq!(gather.take(t + 5000 * MS), None);
        gather.done("a", t + 5000 * MS);
        assert_eq!(gather.take(t + 5000 * MS).as_deref(), Some("a"));
    }

    #[test]
    fn a_change_comes_before_a_later_look() {
        let t = origin();
        let mut gather = Gather::new(500 * MS, 3000 * MS);
        gather.later("a", t + 60_000 * MS);
        gather.touch("a", t + 10 * MS);
        assert_eq!(gather.take(t + 510 * MS).as_deref(), Some("a"));
    }
}
