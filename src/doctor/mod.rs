//! Does the install work? `helm test` asks here, and so do people (`kubectl kliv doctor`).
//!
//! ```text
//!  look (I/O) ────────► Install: what is there ─► findings (pure): what is wrong, and the way out
//!  look_around (I/O) ─► Surroundings ───────────► findings_around (pure): people ask this as well
//! ```
//!
//! What the caller may not see is [`Level::NotSeen`]: for `helm test`, which has all rights
//! that it needs, a failure; for people no error. It reads no native Secret, only names of
//! published sets. What counts most is tried: a KlivSecret with a made-up value
//! is written as a dry run, and must come back sealed. That takes the webhook, its
//! certificate, the `caBundle` and the sealing key all being right.
//!
//! **To add a check:** a field of [`Install`], how to learn it in `look.rs`, a small named
//! step in `findings.rs`, its [`Trouble`] with its words there and in the web page's
//! `words/doctor.rs`, and its right in the chart's `templates/tests/`.

mod certificate;
mod findings;
mod look;
mod look_around;
mod surroundings;
mod trouble;

pub use certificate::Good;
pub use findings::{Finding, Found, Install, Level, Part, Written, findings};
pub use look::{Ask, look};
pub use look_around::look_around;
pub use surroundings::{Leader, RIGHTS, Right, Server, Surroundings, facts, findings_around};
pub use trouble::{Object, Place, Policy, Trouble};
