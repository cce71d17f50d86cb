//! What people and agents do with an account's secrets, with the rights of whoever asks.
//!
//! ```text
//!  cli, web, mcp ──► Caller ──► put, list, find, delete … ──► API server
//!                      │
//!                      ├─► live: waits until the operator has taken a change and
//!                      │   the functions run with it
//!                      └─► watch: what changes or goes from now on
//! ```
//!
//! Nothing here prints. A [`Value`] comes in, in the clear or sealed already, and is sealed
//! before anything is sent: what leaves this process is ciphertext. Errors are one small enum
//! whose words name what is missing; a door adds what its people can do.
//!
//! Files for import are read by [`bundle`]: entries with their lines, and what is invalid.
//!
//! To add a verb: a file with an `impl Caller`, and its file in [`cli`](crate::cli).

mod address;
pub mod bundle;
mod caller;
mod count;
mod delete;
mod details;
mod dotenv;
mod error;
mod functions;
mod history;
mod import;
mod install;
mod invalid;
mod json;
mod live;
mod manifest;
mod matrix;
mod naming;
mod newest;
mod not_live;
mod overview;
mod pages;
mod providers;
mod put;
mod question;
mod reach;
mod refused_call;
mod right;
mod rights;
mod rotate;
mod set;
mod share;
mod standing;
mod state;
mod trail;
mod tree;
mod unfit;
pub mod unsealed;
mod value;
mod watch;
mod yaml;

pub use address::Namespace;
pub use caller::{Caller, DryRun};
pub use count::{Counted, Live};
pub use error::{Error, Kind, Missing, Thing, What};
pub use functions::{User, Using};
pub use history::restorable;
pub use import::{Change, Imported, Plan, Planned, Row};
pub use install::{FunctionLabels, Install};
pub use invalid::Invalid;
pub use live::{Deleted, Stage, Waited, stage};
pub use manifest::manifest;
pub use matrix::{Cell, Matrix, Variable, falls_back};
pub use naming::{Target, Unnamed};
pub use newest::Newest;
pub use not_live::{Held, NotLive};
pub use overview::{Attention, Need, Overview};
pub use providers::{Provider, provider_of};
pub use question::{Asker, Wanted, changes, waiting};
pub use reach::{Reached, Would, awaited, reach, receivers, would_get};
pub use right::{Asked, Right};
pub use rights::Rights;
pub use rotate::{due, replaceable};
pub use set::{Details, How, Told, Written};
pub use share::{MOST_READ, Reads, Share, TooMuch};
pub use standing::{
    FunctionState, Rollout, Standing, is_function, is_through, next_set, standings,
};
pub use state::{State, Update, rotation_due};
pub use trail::{BadAnchor, Filter, Subject, Trail, anchor};
pub use unfit::Unfit;
pub use value::{NotTaken, SealedAt, Value, sealed_at_least};
pub use watch::Seen;
