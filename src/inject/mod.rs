//! What an account has published + a Deployment → the env entries that it should have.
//!
//! ```text
//!  Deployment ──► Function::of ──┐                 which containers, which set, which
//!                                ├─► inject ─────► names, the user's own entries first
//!  KlivAccount.status.sets ──────┘      │
//!                                       └────────► Injection { patch, what to tell the user }
//! ```
//!
//! Two readers follow these rules: this room, for the controller, and the
//! `MutatingAdmissionPolicy` in the chart, inside the API server. They are twins: the
//! table in `tests/inject-cases/` runs against both. To change a rule: change it in
//! `decide.rs` and in the chart's policy, and add a case to the table.
//!
//! An entry of a container's `env` is **ours** if it has no `value` and a `valueFrom`
//! of nothing but a `secretKeyRef` whose name begins with `kliv-env-` and whose key is
//! the entry's own name. All others are the user's: never changed, moved among
//! themselves or removed, and their values are not even kept in memory here. In every
//! container that gets entries, ours stand first, sorted by name, so that `$(NAME)` in
//! the user's own entries expands. `initContainers` are left alone.

mod as_read;
mod decide;
mod function;
mod nearest;
mod patch;

pub use as_read::as_read;
pub use decide::{Injection, Known, Missing, admit, current, inject, withdraw};
pub use function::{Function, Rollout, is_set_name, sets_mentioned};
pub use nearest::nearby;
