//! The agents' door in the cluster: Streamable HTTP, one endpoint an account.
//!
//! ```text
//!  POST /accounts/{account}/mcp
//!    ─► Host, Origin ─► who: a token issued for here ─► limits ─► session: what was declared
//!    ─► Agent, as him (impersonation: the server's own credential, never his token)
//!  GET  /.well-known/oauth-protected-resource/accounts/{account}/mcp   where tokens come from
//! ```
//!
//! Nothing is remembered of a client: each message is served by whichever replica gets it.
//! What the server may at the API server is what its role lets it do as somebody, and he has
//! to have the right himself: see [`crate::server`].

mod headers;
mod late;
mod limits;
mod message;
mod metadata;
mod refused;
mod said_anew;
mod serve;
mod session;
mod who;

pub use serve::{Entrance, router};
