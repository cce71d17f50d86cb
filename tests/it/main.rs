//! Tests that need only cargo. One file a subject, one claim a test.

mod admission_examples;
mod admission_leaks;
mod admission_server;
mod admission_support;
mod admission_writes;
mod seal_properties;
mod seal_support;
