//! How much one may take of what all have, so that nobody takes all of it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So much for each.
pub(crate) struct Shares<K: Eq + Hash = String> {
    each: usize,
    taken: Taken<K>,
}

type Taken<K> = Arc<Mutex<HashMap<K, usize>>>;

/// What one has taken; when it is dropped he may take it again.
#[derive(Debug)]
pub(crate) struct Share<K: Eq + Hash = String> {
    who: K,
    amount: usize,
    taken: Taken<K>,
    each: usize,
}

/// It would be more than one may take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMuch;

impl<K: Eq + Hash + Clone> Shares<K> {
    pub(crate) fn new(each: usize) -> Self {
        Self { each, taken: Arc::default() }
    }

    /// A share of somebody, with nothing in it yet.
    pub(crate) fn of(&self, who: impl Into<K>) -> Share<K> {
        let taken = Arc::clone(&self.taken);
        Share { who: who.into(), amount: 0, taken, each: self.each }
    }

    /// One of what is counted, for somebody.
    pub(crate) fn one(&self, who: impl Into<K>) -> Result<Share<K>, TooMuch> {
        let mut share = self.of(who);
        share.take(1)?;
        Ok(share)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        counts(&self.taken).is_empty()
    }
}

impl<K: Eq + Hash + Clone> Share<K> {
    /// So much more.
    pub(crate) fn take(&mut self, amount: usize) -> Result<(), TooMuch> {
        let mut taken = counts(&self.taken);
        let before = taken.get(&self.who).copied().unwrap_or_default();
        let after = before.saturating_add(amount);
        if after > self.each {
            return Err(TooMuch);
        }
        if amount > 0 {
            taken.insert(self.who.clone(), after);
            self.amount += amount;
        }
        Ok(())
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = counts(&self.taken);
        if let Some(left) = taken.get_mut(&self.who) {
            *left -= self.amount;
            if *left == 0 {
                taken.remove(&self.who);
            }
        }
    }
}

fn counts<K>(taken: &Taken<K>) -> MutexGuard<'_, HashMap<K, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_takes_no_more_than_his_share_and_leaves_nothing_behind() {
        let shares = Shares::<String>::new(10);
        let (mut first, mut second) = (shares.of("anna"), shares.of("anna"));
        assert_eq!((first.take(6), second.take(4)), (Ok(()), Ok(())));
        assert_eq!(second.take(1), Err(TooMuch));
        assert_eq!(shares.of("bo").take(10), Ok(()), "others have theirs");
        drop(first);
        assert_eq!(second.take(6), Ok(()));
        drop(second);
        assert!(shares.is_empty());
    }
}
