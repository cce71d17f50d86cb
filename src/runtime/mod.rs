//! What both processes stand on: arguments, logs, leadership, certificates, metrics.
//!
//! ```text
//!  main ─► args ─► hardening ─► logs ─► shutdown ─► http: /metrics /livez /readyz
//!                                          │
//!        controller: client ─► lease::lead(while it leads: keyring, tls, reconcile)
//!        webhook:                admission::serve
//! ```
//!
//! Pure: [`args`], [`candidate`] (who may lead), [`certificate`] (what to do with the
//! webhook's certificate). Everything else here touches the world, each file one side
//! of it: [`clock`] alone reads time, [`entropy`] alone makes randomness.

pub mod args;
pub mod candidate;
pub mod certificate;
pub mod client;
pub mod clock;
pub mod crd_files;
pub mod entropy;
pub mod hardening;
pub mod http;
pub mod lease;
pub mod logs;
mod metrics;
pub(crate) mod pace;
pub(crate) mod room;
pub(crate) mod share;
pub mod shutdown;
pub mod tls;

pub use http::{Check, Readiness};
pub use metrics::{Metrics, Tally};
