//! What the controller is told about its keyring. Pure.

use jiff::Timestamp;

use super::KeysError;
use crate::seal::WrappingKey;

/// Where the keyring is, how it is kept, and how old its sealing key may be.
#[derive(Clone, Copy)]
pub struct KeySource<'a> {
    /// The operator's own namespace.
    pub namespace: &'a str,
    /// The key that wraps the keyring; none keeps it in the clear (and under etcd's
    /// encryption at rest, where that is on).
    pub wrapping: Option<&'a WrappingKey>,
    /// The key that wrapped it before: a keyring still under it is wrapped anew.
    pub former_wrapping: Option<&'a WrappingKey>,
    /// Whether a keyring found in the clear is taken as ours and wrapped.
    pub wrap_existing: bool,
    /// A sealing key that was made before this is replaced by a new one.
    pub cutoff: Option<Cutoff>,
}

/// Since when the sealing key must have been made; never in the future, so that the key
/// that is made now satisfies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutoff(Timestamp);

impl<'a> KeySource<'a> {
    /// A keyring in this namespace, not wrapped, with whatever key it has.
    #[must_use]
    pub fn plain(namespace: &'a str) -> Self {
        Self {
            namespace,
            wrapping: None,
            former_wrapping: None,
            wrap_existing: false,
            cutoff: None,
        }
    }
}

impl Cutoff {
    /// Takes a time that is over.
    ///
    /// # Errors
    /// [`KeysError::Cutoff`]: it is still to come.
    pub fn new(time: Timestamp, now: Timestamp) -> Result<Self, KeysError> {
        if time > now { Err(KeysError::Cutoff { time, now }) } else { Ok(Self(time)) }
    }

    /// Whether a key made then is to be replaced.
    pub(super) fn is_after(self, created: Timestamp) -> bool {
        created < self.0
    }

    /// When a key is said to be made that is made now: not before this, also where the clock
    /// was turned back since, or each look would make another.
    pub(super) fn or_later(self, now: Timestamp) -> Timestamp {
        self.0.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_not_be_asked_to_be_younger_than_it_could_be() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let (noon, later) = (time("2026-11-24T12:00:00Z"), time("2026-11-24T12:00:01Z"));
        let said = Cutoff::new(later, noon).unwrap_err().to_string();
        assert!(said.contains("2026-11-24T12:00:01Z: that is still to come"), "{said}");

        let cutoff = Cutoff::new(noon, noon).unwrap();
        assert!(!cutoff.is_after(noon), "the key that is made now stays");
        assert!(cutoff.is_after(time("2026-11-24T11:59:59.999Z")));
        for clock in ["2026-11-24T11:00:00Z", "2026-11-24T13:00:00Z"] {
            assert!(!cutoff.is_after(cutoff.or_later(time(clock))), "one rotation is enough");
        }
    }
}
