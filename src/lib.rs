//! # kliv-secrets
//!
//! Keeps an account's third-party credentials encrypted and gives them to the
//! account's edge functions as environment variables. An **account** is a
//! namespace; an **edge function** is a Deployment in it with the function label.
//!
//! ```text
//!  people: cli, web ┐
//!  agents: mcp ─────┴─► account ── ciphertext ─┐
//!                                              ▼
//!  kubectl apply ── plaintext ──► admission: seal, scrub, stamp ──► API server: schema "no value"
//!                                                                          │ etcd: ciphertext only
//!                                                                          ▼ watch
//!          reconcile: observe ──► plan (pure) ──► apply
//!              │ opens at the last moment
//!              ├─► immutable Secret `kliv-env-…`      ├─► KlivSecret status: mask, version, times
//!              ├─► KlivAccount status (contract) ──► inject: env[].valueFrom.secretKeyRef ──► rollout
//!              └─► KlivAuditEvent: who did what, chained
//! ```
//!
//! ## The rooms
//!
//! Each may use those above it, none below. `main.rs` and `bin/kubectl-kliv.rs` put them
//! together.
//!
//! | room | what it does | I/O |
//! |---|---|---|
//! | [`seal`] | the vault: plaintext, envelope, keyring, mask; knows no Kubernetes | none |
//! | [`api`] | the words: kinds, names, conditions, stamps, and the one gate for a spec | none |
//! | [`runtime`] | what processes stand on: arguments, clock, logs, lease, TLS, metrics | most |
//! | [`inject`] | account contract + Deployment → env entries; twin of the admission policy | none |
//! | [`admission`] | the front door: seals what is written, stamps who and when, notes who deletes and refused calls | `server`, `files`, `record` |
//! | [`keys`] | where the keyring lives | `cluster`, `file`, `keeper`, `tell` |
//! | [`audit`] | the audit trail: what happened, as a chain of events | none |
//! | [`reconcile`] | the engine: observe → plan → apply, one account at a time | `observe`, `apply`, `deployments`, `trail_io`, `run`, `controller` |
//! | [`doctor`] | does the install work: what is wrong, and the way out | `look`, `look_around` |
//! | [`account`] | what people and agents do with secrets, as the caller; prints nothing | all but errors, names, files for import, and what is read off objects: `state`, `overview`, `matrix`, `reach`, `count`, `providers` |
//! | [`cli`] | `kubectl kliv`: arguments, prompts, tables; thin over [`account`] | most |
//! | [`server`] | what servers for people and agents stand on: who asks, connections, paces | most |
//! | [`web`] | the admin web page, in the cluster and on a person's own machine; thin over [`account`] | most |
//! | [`mcp`] | the agents' door, over stdio and in the cluster; its tools return no value; thin over [`account`] | most |
//!
//! ## The laws
//!
//! 1. At rest, plaintext is in the published Secret and nowhere else: no custom
//!    resource, annotation, status, Event, log line, metric or error text.
//! 2. A function never refers to a published set that does not exist; a superseded
//!    set does not outlive its use.
//! 3. When the specs stop changing, the cluster reaches the desired state and stays
//!    there without a further write, from any crash point.
//! 4. Nothing in an account makes the operator read or write in another.
//! 5. An operator that is down or uninstalled breaks nothing that runs.
//! 6. Of a Deployment the operator changes only its own `env` entries.
//! 7. Text that came from a user is hostile in every output.
//! 8. Rights follow use: the front door can only seal, the engine alone can open.

pub mod account;
pub mod admission;
pub mod api;
pub mod audit;
pub mod cli;
pub mod doctor;
pub mod inject;
pub mod keys;
pub mod mcp;
pub mod reconcile;
pub mod runtime;
pub mod seal;
pub mod server;
pub mod web;
