//! The vault: how a value is sealed so that only the controller opens it.
//!
//! Pure, and without a word of Kubernetes: time and randomness are arguments. The
//! format is written down in `docs/format.md`, with vectors in `tests/vectors/`.
//!
//! ```text
//!  sealer (webhook, CLI, browser)                         controller
//!  SealingKey ─┐                                            Keyring ─┐
//!  Binding ────┼─► seal ─► Sealed  kliv1.<key id>.<body> ─► open ────┼─► Opened
//!  Plaintext ──┘           (text in spec.sealed, in git)    Binding ─┘   │
//!                                                                        ├─ value: Plaintext ─► mask
//!                                                                        └─ sealed_at
//! ```
//!
//! - A [`Plaintext`] can't be printed, copied or serialised, and is wiped when dropped.
//! - A [`Sealed`] opens only under the [`Binding`] it was made for: installation,
//!   account, variable and environment are authenticated.
//! - The key picks the [suite](Suite), the ciphertext never does; the key id picks the
//!   key, nothing is tried.
//!
//! To add a suite: a case in `suite.rs` with its text and identifier, its lines in
//! `docs/format.md`, vectors.

mod binding;
mod envelope;
mod key;
mod keyring;
mod mask;
mod padding;
mod plaintext;
mod sealing;
mod suite;
mod text;
mod wrapping;

pub use binding::Binding;
pub use envelope::{Malformed, Sealed};
/// What [`seal`] draws its randomness from.
pub use hpke::rand_core::CryptoRng;
pub use key::{InstallationId, KeyId, MalformedKey, SealingKey};
pub use keyring::{KeyInfo, Keyring, KeyringError};
pub use mask::{HIDDEN, mask};
pub use plaintext::Plaintext;
pub use sealing::{OpenError, Opened, TooLarge, seal};
pub use suite::Suite;
pub use wrapping::{WrappingKey, is_wrapped};

/// The greatest size of a value, bytes.
pub const MAX_VALUE: usize = 64 * 1024;
