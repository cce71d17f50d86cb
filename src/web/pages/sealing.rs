//! What the browser needs to seal a value.

use jiff::Timestamp;

use crate::account::{Caller, sealed_at_least};
use crate::api::KlivSecret;

/// What the browser seals with.
pub(crate) struct Sealing {
    /// The public key's text.
    pub(crate) key: String,
    /// The time to seal with, in seconds.
    pub(crate) at: i64,
}

impl Sealing {
    /// For a secret that may be there before. None where the key can't be read.
    pub(crate) async fn of(
        caller: &Caller,
        before: Option<&KlivSecret>,
        now: Timestamp,
    ) -> Option<Self> {
        let key = caller.sealing_key().await.ok()?;
        let at = sealed_at_least(before, now);
        Some(Self { key: key.to_string(), at: at.as_second() })
    }
}
