//! Tests that need only cargo. One file a subject, one claim a test.

mod seal_corpus;
mod seal_properties;
mod seal_support;
mod seal_vectors;
mod seal_vectors_made;
#[path = "../inject-cases/mod.rs"]
mod cases;
mod generated;
mod inject;
mod runtime_logs;
mod seal_properties;
mod seal_support;
