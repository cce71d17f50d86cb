//! How much one may take of what all have, so that nobody takes all of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So much for each.
pub(crate) struct Shares {
    each: usize,
    taken: Taken,
}

type Taken = Arc<Mutex<HashMap<String, usize>>>;

/// What one has taken; when it is dropped he may take it again.
#[derive(Debug)]
pub(crate) struct Share {
    who: String,
    amount: usize,
    taken: Taken,
    each: usize,
}

/// It would be more than one may take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMuch;

impl Shares {
    pub(crate) fn new(each: usize) -> Self {
        Self { each, taken: Arc::default() }
    }

    /// A share of somebody, with nothing in it yet.
    pub(crate) fn of(&self, who: &str) -> Share {
        let taken = Arc::clone(&self.taken);
        Share { who: who.to_owned(), amount: 0, taken, each: self.each }
    }

    /// One of what is counted, for somebody.
    pub(crate) fn one(&self, who: &str) -> Result<Share, TooMuch> {
        let mut share = self.of(who);
        share.take(1)?;
        Ok(share)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        counts(&self.taken).is_empty()
    }
}

impl Share {
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

impl Drop for Share {
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

fn counts(taken: &Taken) -> MutexGuard<'_, HashMap<String, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_takes_no_more_than_his_share_and_leaves_nothing_behind() {
        let shares = Shares::new(10);
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
