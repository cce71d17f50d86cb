//! Tests on the machine's whole cluster, where pods run. Skipped without root, unless
//! `KLIV_REQUIRE_E2E` is set: then they fail. One file a subject, one claim a test.
#![expect(clippy::disallowed_types, reason = "tests talk to a cluster")]

mod account;
mod away;
mod broken;
mod cli;
mod disruption;
mod ground;
mod hardening;
#[path = "../harness/mod.rs"]
pub mod harness;
mod helm_test;
mod mcp;
mod operator;
mod steady;
mod values;
mod way;
mod web;
mod writers;
