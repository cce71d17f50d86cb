//! The audit trail: what happened in an account, event by event, each chained to the one
//! before it by its hash.
//!
//! ```text
//!   KlivAccount.status.audit ─┐ head, and what was told of each secret
//!   secrets, their next statuses ─┼─► facts (pure) ─► events ─► chain: sequence, previous, hash
//!   functions' progress ──────┘
//! ```
//!
//! The engine writes the record (`status.audit`) first and the events after it, so that a
//! crash in between makes neither a gap nor a double: `reconcile/trail.rs`. Whoever holds the
//! events and the record can [`verify`] them, without any key.

mod chain;
mod detail;
mod facts;
mod secret;

pub use chain::{Finding, Verdict, Wrong, append, hash, name, verify};
pub use detail::Detail;
pub use facts::{
    Facts, MAX_CALLS, MAX_PENDING, covers, has_no_room_for, has_notice, known, noticed_in, resume,
    start, tell,
};
pub use secret::{Seen, refused_as};
