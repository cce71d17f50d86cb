//! Tests that need only cargo. One file a subject, one claim a test.

#[path = "../inject-cases/mod.rs"]
mod cases;
mod inject;
mod reconcile;
mod reconcile_cluster;
mod reconcile_model;
mod seal_properties;
mod seal_support;
