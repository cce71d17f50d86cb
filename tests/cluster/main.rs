//! Tests on a real API server: one control plane, started for this binary. One file a
//! subject, one claim a test.
#![expect(clippy::disallowed_types, reason = "tests talk to a cluster")]

mod account;
mod acting;
mod argo;
mod audit_cli;
mod audit_kept;
mod audit_killed;
mod audit_proof;
mod audit_told;
mod audit_trail;
mod away;
mod bench;
mod browser;
mod canary;
#[path = "../inject-cases/mod.rs"]
mod cases;
mod cert_manager;
mod certificates;
mod chart;
mod choices;
mod cli;
mod confinement;
mod crd;
mod crd_gone;
mod deploy;
mod doctor;
mod drift;
mod flux;
mod flux_place;
mod gitops;
mod gone;
mod guards;

#[path = "../harness/mod.rs"]
pub mod harness;
mod health;
mod history;
mod import;
mod injection_policy;
mod install;
mod keyring_lost;
mod keys;
mod launcher;
mod leaks;
mod limits;
mod mcp_agents;
mod mcp_asks;
mod mcp_canary;
mod mcp_chart;
#[path = "../mcp-door/mod.rs"]
#[expect(dead_code, reason = "shared with tests that need only cargo, which use the rest")]
mod mcp_door;
mod mcp_http;
mod mcp_identity;
mod mcp_journey;
mod mcp_many;
mod mcp_reads;
mod mcp_refusals;
mod mcp_rights;
mod mcp_signin;
mod mcp_stdio;
mod mcp_writes;
mod monitoring;
mod mutators;
mod network_policy;
mod operator;
mod outage;
mod place;
mod poison;
mod preconditions;
mod questions;
mod quiet;
mod removal;
mod rendered;
mod replicas;
mod rights;
mod sealing_key;
mod stamps;
mod tenant;
mod terminal;
mod tools;
mod tools_helm;
mod tools_kubectl;
mod upgrade;
mod verbs;
mod verbs_sealed;
mod warnings;
mod way;
mod web;
mod web_chart;
mod web_forms;
mod web_ground;
mod web_identity;
mod web_import;
mod web_journeys;
mod web_live;
mod web_one;
#[path = "../web-page/mod.rs"]
mod web_page;
mod web_pages;
mod web_pictures;
mod web_rights;
mod web_seal;
mod web_signin;
