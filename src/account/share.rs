//! How much of accounts a server for many reads at a time. An account is as large as whoever may
//! write there likes, and what is read of it goes through memory, so it is the reads under way
//! that have to be few, not the calls.
//!
//! ```text
//!  call ──► Share ──► turn: one a person and account, a few in all ──► pages, one by one
//!             └── reads of the same call have it together
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as TurnMutex, OwnedSemaphorePermit, Semaphore};

use super::What;

/// So many objects of a kind are read of an account at most. The operator takes 256 secrets.
pub const MOST_READ: usize = 1000;
/// So many turns are under way.
const AT_ONCE: usize = 3;
/// So long somebody waits for his: as long as the least patient clients do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why an account was not read whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TooMuch {
    /// It has more objects of a kind.
    #[error("the account has more than {MOST_READ} {0}, and no more are read at a time")]
    Many(What),
    /// They are too large together.
    #[error("the account's {0} are together larger than what is read at a time")]
    Large(What),
    /// Others are read.
    #[error("as many accounts are read already as can be at a time")]
    Busy,
}

/// The reads of all who call.
#[derive(Clone)]
pub struct Reads {
    all: Arc<Semaphore>,
    people: One,
    accounts: One,
}

impl Default for Reads {
    fn default() -> Self {
        let all = Arc::new(Semaphore::new(AT_ONCE));
        Self { all, people: One::default(), accounts: One::default() }
    }
}

impl Reads {
    /// The share of one call of somebody, in an account.
    #[must_use]
    pub fn of(&self, who: &str, account: &str) -> Share {
        // The narrow doors first: who waits there stands in nobody else's way.
        let doors = [self.people.of(who), self.accounts.of(account), Arc::clone(&self.all)];
        Share { doors, turn: Arc::default() }
    }
}

/// One at a time, of each of many. Of those who do not call nothing is kept.
#[derive(Clone, Default)]
struct One(Arc<Mutex<BTreeMap<String, Weak<Semaphore>>>>);

impl One {
    fn of(&self, name: &str) -> Arc<Semaphore> {
        let mut each = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        each.retain(|_, one| one.strong_count() > 0);
        let there = each.get(name).and_then(Weak::upgrade);
        let one = there.unwrap_or_else(|| Arc::new(Semaphore::new(1)));
        each.insert(name.to_owned(), Arc::downgrade(&one));
        one
    }
}

/// What one call may read, when it is its turn.
#[derive(Clone)]
pub struct Share {
    doors: [Arc<Semaphore>; 3],
    turn: Arc<TurnMutex<Weak<Turn>>>,
}

/// A call's turn, until it is dropped.
pub(super) struct Turn {
    /// Held while a page is read: reads of one call follow each other.
    pub(super) page: TurnMutex<()>,
    _permits: Vec<OwnedSemaphorePermit>,
}

impl Share {
    /// Waits for the call's turn; a second read meanwhile is part of it.
    pub(super) async fn turn(&self) -> Result<Arc<Turn>, TooMuch> {
        let mut current = self.turn.lock().await;
        if let Some(turn) = current.upgrade() {
            return Ok(turn);
        }
        let permits = async {
            let mut permits = Vec::new();
            for door in &self.doors {
                permits.extend(Arc::clone(door).acquire_owned().await);
            }
            permits
        };
        let permits = tokio::time::timeout(PATIENCE, permits).await;
        let turn =
            Turn { page: TurnMutex::default(), _permits: permits.map_err(|_| TooMuch::Busy)? };
        let turn = Arc::new(turn);
        *current = Arc::downgrade(&turn);
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// The call's turn, where it is that at once.
    fn now(share: &Share) -> Option<Arc<Turn>> {
        share.turn().now_or_never().map(|turn| turn.unwrap_or_else(|why| panic!("{why}")))
    }

    #[tokio::test]
    async fn one_call_of_each_person_and_in_each_account_reads_at_a_time_and_a_few_in_all() {
        let reads = Reads::default();
        let first = reads.of("anna", "acme");
        let turn = now(&first);
        assert!(turn.is_some());
        assert!(now(&first).is_some(), "the same call's reads have one turn");
        let [hers, its] = [reads.of("anna", "shop"), reads.of("bo", "acme")];
        assert!(now(&hers).is_none() && now(&its).is_none());
        let other = |n: usize| now(&reads.of(&format!("p-{n}"), &format!("a-{n}")));
        let others: Vec<_> = (1..AT_ONCE).map(other).collect();
        assert!(others.iter().all(Option::is_some));
        assert!(other(AT_ONCE).is_none());
        drop(turn);
        let again = now(&hers);
        assert!(again.is_some() && now(&first).is_none() && now(&its).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn whose_turn_does_not_come_is_told_so_and_stands_in_nobody_s_way() {
        let reads = Reads::default();
        let turn = now(&reads.of("anna", "acme"));
        let waits = reads.of("bo", "acme");
        assert_eq!(waits.turn().await.err(), Some(TooMuch::Busy));
        assert!(now(&reads.of("bo", "shop")).is_some());
        drop(turn);
        assert!(now(&reads.of("anna", "acme")).is_some());
    }

    #[test]
    fn of_those_who_do_not_call_nothing_is_kept() {
        let reads = Reads::default();
        let calls = reads.of("anna", "acme");
        for n in 0..100 {
            drop(reads.of(&format!("p-{n}"), &format!("a-{n}")));
        }
        for each in [&reads.people, &reads.accounts] {
            assert_eq!(each.0.lock().unwrap().len(), 2, "one that calls, and the last one");
        }
        drop(calls);
    }
}
