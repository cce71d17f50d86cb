//! Sign-in on a person's own machine: a link that works once.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::seal::CryptoRng;

/// A link that works once.
pub struct Link {
    kept: Mutex<Option<Zeroizing<String>>>,
    used: CancellationToken,
}

/// The secret of a link. It is told to one browser and nobody else.
pub struct LinkToken(Zeroizing<String>);

impl Link {
    /// A new one, and its secret.
    pub fn new(rng: &mut impl CryptoRng) -> (Self, LinkToken) {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
        let kept = Mutex::new(Some(token.clone()));
        (Self { kept, used: CancellationToken::new() }, LinkToken(token))
    }

    /// Is cancelled when it was used.
    #[must_use]
    pub fn used(&self) -> CancellationToken {
        self.used.clone()
    }

    /// Whether this is its secret, for the first time. A wrong one uses nothing up: else
    /// whoever guesses could lock the person out.
    pub(super) fn take(&self, token: &str) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let same = kept.as_ref().is_some_and(|kept| kept.as_bytes().ct_eq(token.as_bytes()).into());
        if same {
            *kept = None;
            self.used.cancel();
        }
        same
    }
}

impl LinkToken {
    /// The link, for a page at this origin.
    #[must_use]
    pub fn address(&self, origin: &str) -> Zeroizing<String> {
        Zeroizing::new(format!("{origin}/sign-in/link?token={}", *self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::entropy;

    #[test]
    fn a_link_works_once_and_only_itself() {
        let (link, token) = Link::new(&mut entropy::system());
        let (_, other) = Link::new(&mut entropy::system());
        assert_eq!(token.0.len(), 43);
        for wrong in ["", "x", &other.0, &token.0[..42], &format!("{}A", *token.0)] {
            assert!(!link.take(wrong), "{wrong}");
        }
        assert!(!link.used().is_cancelled());
        assert!(link.take(&token.0) && link.used().is_cancelled());
        assert!(!link.take(&token.0) && !link.take(""));
        let address = token.address("http://127.0.0.1:1");
        assert_eq!(*address, format!("http://127.0.0.1:1/sign-in/link?token={}", *token.0));
    }
}
