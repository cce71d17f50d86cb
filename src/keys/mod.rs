//! Where the keyring lives: a Secret in the operator's own namespace, plain or wrapped
//! under a key from a file. It survives the operator; losing it loses every sealed value.
//!
//! ```text
//!  Secret kliv-secrets-keyring ──► Keyring (controller only)
//!    absent, nothing sealed: made        │ public half
//!    absent, values sealed: refused      ▼
//!    key before the cutoff: rotated      │
//!                              ConfigMap kliv-secrets-sealing-key ──► webhook, CLI, browser
//! ```
//!
//! Rotating makes a new key for what is sealed from then on. Nothing is re-sealed and no
//! key is removed: manifests in git may name any of them, for ever.
//!
//! Nothing is logged but names and key ids.

mod cluster;
mod error;
mod file;
mod keeper;
mod objects;
mod source;
mod tell;

pub use cluster::{Published, load_or_create, publish_sealing_key};
pub use error::KeysError;
pub use file::read_wrapping_key;
pub use keeper::{Found, Keeper};
pub use source::{Cutoff, KeySource};
