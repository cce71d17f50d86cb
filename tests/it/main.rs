//! Tests that need only cargo. One file a subject, one claim a test.

mod account_away;
mod account_bundle;
mod account_rights;
mod account_send;
mod account_unsealed;
mod admission_calls;
mod admission_examples;
mod admission_leaks;
mod admission_record;
mod admission_server;
mod admission_support;
mod admission_writes;
#[path = "../harness/agent.rs"]
#[expect(unreachable_pub, reason = "shared with tests on a cluster, which use the rest")]
mod agent;
mod audit_chain;
mod audit_facts;
#[path = "../inject-cases/mod.rs"]
mod cases;
mod chart;
mod cli;
mod cli_support;
mod cli_way;
mod generated;
mod inject;
mod mcp_asks;
mod mcp_changes;
mod mcp_docs;
#[path = "../harness/mcp_door.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with tests on a cluster, which use the rest")]
mod mcp_door;
mod mcp_http;
mod mcp_large;
mod mcp_schema;
mod mcp_support;
mod mcp_unread;
mod reconcile;
mod reconcile_cluster;
mod reconcile_model;
mod runtime_logs;
mod seal_corpus;
mod seal_made;
mod seal_made_keys;
mod seal_made_open;
mod seal_made_raw;
mod seal_properties;
mod seal_support;
mod seal_vectors;
mod web;
mod web_forms;
#[path = "../harness/web_page.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with tests on a cluster, which use the rest")]
mod web_page;
mod web_pages;
mod web_support;
