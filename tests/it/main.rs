//! Tests that need only cargo. One file a subject, one claim a test.

mod generated;
mod runtime_logs;
mod seal_properties;
mod seal_support;
#[path = "../inject-cases/mod.rs"]
mod cases;
mod inject;
