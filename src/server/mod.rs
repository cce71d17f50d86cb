//! What the servers for people and for agents stand on: who asks, and how connections are kept
//! small.
//!
//! ```text
//!  token ──► review: whose is it ──► Person ──► speaking_as: a client that asks as him
//!  connection ──► listen: TLS, little memory, not for long ──► pace: how often
//! ```

mod impersonate;
mod listen;
pub(crate) mod pace;
mod person;
pub(crate) mod provider;
mod review;

pub use impersonate::speaking_as;
pub use listen::{ServeError, Tls, serve};
pub use person::{Person, Unfit};
pub use provider::BadAuthorities;
pub use review::{Known, Unknown, whose};
