//! The front door: what happens to a KlivSecret on its way into the cluster.
//!
//! ```text
//!  API server ── AdmissionReview ──► server (TLS)                           ◄── files: certificate,
//!                                      │ bytes                                  sealing key
//!                                      ▼
//!   decide: review ─► seal_write: take the value out ─► scrub: copies of the manifest
//!                        │ seal, keep, generate, ask       search: the value elsewhere? refuse
//!                        ▼
//!                     stamp: who, when, through what ─► warn: plain words
//!                                      │
//!  API server ◄── JSON patch or 422 ── answer
//!
//!  API server ── a delete ──► gone: always allowed ─────────┬► record ── who did it ──► API server
//!  API server ── a create that names a refused call ──► 422, calls: not too often ─┘
//! ```
//!
//! The door holds a public key only: it can seal and never open. Its one right in the
//! cluster, and its one call, is to make the KlivAuditEvent that says who deletes a
//! secret, or whose agent made a call that was refused. Everything but `server`, `files` and `record` is pure: [`answer`] is the whole
//! of it for writes, [`seen`] for deletes; `runtime::room` bounds what the server holds in memory.
//!
//! Nothing here prints, logs or returns what was written: a review is held in a type
//! that can't be printed, texts of refusals and warnings are fixed, and names are
//! repeated only after their characters were checked. A value is held in
//! [`Plaintext`](crate::seal::Plaintext); the review's own text is wiped when it is
//! dropped. What can't be wiped: the buffers of the TLS and HTTP libraries, and of the
//! JSON reader while it undoes escapes.

mod answer;
mod calls;
mod decide;
mod edit;
mod files;
mod generate;
mod gone;
mod record;
mod refused_call;
mod review;
mod scrub;
mod seal_write;
mod search;
mod server;
mod stamp;
mod warn;

pub use answer::{Answer, Cause, Verdict};
pub use decide::answer;
pub(crate) use files::certificate;
pub use gone::{Lost, seen};
pub use record::{CALLS_WAITING, WAITING, record};
pub(crate) use search::held_in;
pub use server::{ServeError, WebhookConfig, serve};
pub use warn::warnings;
pub(crate) use warn::{ENCLOSED, PLACEHOLDER_PARTS, PLACEHOLDERS};
