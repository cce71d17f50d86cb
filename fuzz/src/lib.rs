//! The vault alone, without Kubernetes, and what must hold for every input.

#[path = "../../src/seal/mod.rs"]
pub mod seal;

pub mod checks;
