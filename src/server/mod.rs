//! What the servers for people and for agents stand on: who asks, and how connections are kept
//! small.
//!
//! ```text
//!  token ─┬─► review: the API server knows ──┬─► Person ──► speaking_as: a client that asks as him
//!         └─► issuer: signed, and for us ────┘
//!  connection ──► listen: TLS, little memory ──► connections: not too many, not for long
//!                  └─► proxies: whence a request came ──► pace: how often
//!  answer ──► hand_on: a client that does not read it holds nothing for long
//! ```

mod claims;
mod connections;
pub(crate) mod hand_on;
pub(crate) mod host;
mod idle;
mod impersonate;
mod issuer;
mod listen;
pub(crate) mod pace;
pub(crate) mod person;
pub(crate) mod provider;
mod proxies;
pub(crate) mod review;

pub use claims::ClaimNames;
pub use host::BadPublicUrl;
pub use impersonate::speaking_as;
pub use issuer::{BadIssuer, Issuer, IssuerSettings};
pub use listen::{Reached, ServeError, Tls, serve};
pub use person::{Person, Unfit};
pub use provider::BadAuthorities;
pub use proxies::{NoPeers, Proxies};
pub use review::{Known, Unknown, whose, whose_for};
