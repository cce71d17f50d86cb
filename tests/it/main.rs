//! Tests that need only cargo. One file a subject, one claim a test.

#[path = "../inject-cases/mod.rs"]
mod cases;
mod chart;
mod generated;
mod inject;
mod runtime_logs;
mod seal_properties;
mod seal_support;
