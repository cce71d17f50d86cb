//! Where the keyring lives: a Secret in the operator's own namespace, plain or wrapped
//! under a key from a file. It survives the operator; losing it loses every sealed value.
//!
//! ```text
//!  Secret kliv-secrets-keyring ──► Keyring (controller only)
//!    absent, nothing sealed: made        │ public half
//!    absent, values sealed: refused      ▼
//!                              ConfigMap kliv-secrets-sealing-key ──► webhook, CLI, browser
//! ```
//!
//! Nothing is logged but names and key ids.

mod cluster;
mod error;
mod file;
mod objects;

pub use cluster::{KeySource, load_or_create, publish_sealing_key};
pub use error::KeysError;
pub use file::read_wrapping_key;
