//! What the servers for people and for agents stand on: who asks, and how connections are kept
//! small.
//!
//! ```text
//!  token ─┬─► review: the API server knows ──┬─► Person ──► speaking_as: a client that asks as him
//!         └─► issuer: signed, and for us ────┘
//!  connection ──► listen: TLS, little memory, not for long ──► pace: how often
//! ```

mod claims;
pub(crate) mod host;
mod impersonate;
mod issuer;
mod listen;
pub(crate) mod pace;
mod person;
pub(crate) mod provider;
pub(crate) mod review;

pub use claims::ClaimNames;
pub use host::BadPublicUrl;
pub use impersonate::speaking_as;
pub use issuer::{BadIssuer, Issuer, IssuerSettings};
pub use listen::{ServeError, Tls, serve};
pub use person::{Person, Unfit};
pub use provider::BadAuthorities;
pub use review::{Known, Unknown, whose, whose_for};
