//! Does the install work? `helm test` asks here, and so may people.
//!
//! ```text
//!  look (I/O) ─► Install: what is there ─► findings (pure): what is wrong, and the way out
//! ```
//!
//! It reads no native Secret. What counts most is tried: a KlivSecret with a made-up value
//! is written as a dry run, and must come back sealed. That takes the webhook, its
//! certificate, the `caBundle` and the sealing key all being right.
//!
//! **To add a check:** a field of [`Install`], how to learn it in `look.rs`, a small named
//! step in `findings.rs`, and its right in the chart's `templates/tests/`.

mod findings;
mod look;

pub use findings::{Finding, Found, Install, Part, Written, findings};
pub use look::{Ask, look};
