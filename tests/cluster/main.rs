//! Tests on a real API server: one control plane, started for this binary. One file a
//! subject, one claim a test.
#![expect(clippy::disallowed_types, reason = "tests talk to a cluster")]

mod account;
mod away;
#[path = "../inject-cases/mod.rs"]
mod cases;
mod chart;
mod choices;
mod confinement;
mod crd;
mod crd_gone;
mod deploy;
mod doctor;
mod drift;
mod guards;

#[path = "../harness/mod.rs"]
#[expect(dead_code, reason = "shared with tests of other kinds, which use the rest")]
pub mod harness;
mod injection_policy;
mod install;
mod keys;
mod launcher;
mod leaks;
mod limits;
mod monitoring;
mod mutators;
mod network_policy;
mod operator;
mod outage;
mod place;
mod poison;
mod quiet;
mod rights;
mod stamps;
mod tenant;
mod upgrade;
mod way;
