//! The only home of a value.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A value in the clear. It has no `Debug`, `Display`, `Clone` or `Serialize`, and its
/// memory is wiped when it is dropped.
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    /// Takes the bytes over without copying them.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Takes over a buffer that is wiped already.
    pub(super) fn wrap(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The window onto the value. Every use says why it looks.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The size, bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both hold the same bytes; takes the same time wherever they differ.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};

    use static_assertions::assert_not_impl_any;

    use super::super::{Keyring, Opened, WrappingKey};
    use super::*;

    // Refused by the compiler, so they hold before any test runs.
    assert_not_impl_any!(Plaintext: Debug, Display, Clone, serde::Serialize, AsRef<[u8]>);
    assert_not_impl_any!(Plaintext: std::ops::Deref, Into<Vec<u8>>, PartialEq, std::hash::Hash);
    assert_not_impl_any!(Opened: Debug, Display, Clone, serde::Serialize);
    assert_not_impl_any!(Keyring: Debug, Display, Clone, serde::Serialize);
    assert_not_impl_any!(WrappingKey: Debug, Display, Clone, serde::Serialize);

    fn plain(text: &str) -> Plaintext {
        Plaintext::new(text.into())
    }

    #[test]
    fn is_the_same_only_as_equal_bytes() {
        assert!(plain("abc").same_as(&plain("abc")));
        assert!(plain("").same_as(&plain("")));
        for other in ["abd", "ab", "abcd", ""] {
            assert!(!plain("abc").same_as(&plain(other)), "{other}");
        }
    }

    #[test]
    fn keeps_the_allocation_it_is_given() {
        let bytes = b"value".to_vec();
        let address = bytes.as_ptr();
        assert_eq!(Plaintext::new(bytes).0.as_ptr(), address);
    }
}
