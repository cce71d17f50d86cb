//! The engine: one account (namespace) at a time, from what is there to what should be.
//!
//! ```text
//!  watch ─► World ─► Gather ─► snapshot of one account
//!                               │  inspect: opens what is new, keeps only the facts
//!                               ▼
//!                      plan(&Account, &Memory, &Settings, now) ─► Plan   (pure, no plaintext)
//!                               ▲                                   │
//!                               └── answers of the API server ◄── apply (the one place that writes)
//! ```
//!
//! **Correctness, in one sentence:** when the specs stop changing, repeating *plan,
//! apply* reaches a state in which the plan is empty and stays there, from any crash
//! point, and at no point on the way does a function refer to a set that does not
//! exist. `tests/it/reconcile_model.rs` states it as a property.
//!
//! Every action carries its precondition (uid, resourceVersion, or absence), so a
//! paused old leader that wakes up can do no harm. There are no finalizers.
//!
//! The audit trail: `trail.rs` decides (what it remembers is in `trail_memory.rs`, which events
//! go in `retention.rs`, what the webhook saw of deletes in `notices.rs`), `trail_io.rs` does.
//!
//! **To add an action:** a variant in `action.rs`, a small named step in `plan.rs` (or, for
//! sets that come and go, in `publish.rs` and `retire.rs`) that returns it, one arm in
//! `apply.rs`, what is remembered of it in `effect.rs`, and the same in the model's cluster,
//! `tests/it/reconcile_cluster.rs`.

mod action;
mod apply;
mod controller;
mod decide;
mod deployments;
mod effect;
mod events;
mod former;
mod gather;
mod inspect;
mod learned;
mod notices;
mod observe;
mod observed;
mod plan;
mod publish;
mod refused;
mod report;
mod retention;
mod retire;
mod run;
mod sets;
mod status;
mod tally;
mod trail;
mod trail_io;
mod trail_memory;
mod undone;
mod warnings;
mod world;

pub use action::{Action, Plan, Record};
pub use controller::{Settings, run};
pub use decide::{Decision, Member, decide};
pub use effect::Effect;
pub use events::Note;
pub use former::Former;
pub use gather::Gather;
pub use inspect::{Candidate, Why, inspect};
pub use learned::{Learned, learn};
pub use notices::Notices;
pub use observed::{Account, AccountObject, Memory, SecretObject};
pub use plan::{Timings, plan};
pub use refused::{Refusal, Refused, write_of_function, write_of_status};
pub use retention::{Kept, Old, old};
pub use sets::{DesiredSet, content_id};
pub use trail_memory::{TrailEnd, TrailMemory, Trailed};
pub use undone::Given;
pub use world::{Change, Kind, World};
