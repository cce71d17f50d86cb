//! `kubectl kliv`: what people do with secrets in a terminal.
//!
//! ```text
//!  argv ─► args (clap) ─► one file a verb ─► account: the verb, as the caller
//!             │ wrong        │      ▲
//!             ▼              │      └─ prompt, hidden: a value from people, files, pipes; questions
//!           usage            ▼
//!                     table, output ─► standard output (what was asked for)
//!                                      standard error (progress, warnings, errors)
//! ```
//!
//! - A value never comes from an argument and never goes into an output. What clap would
//!   quote of a wrong argument, `usage` leaves out: it may be a value.
//! - What is given on standard input is read before the client is made: the kubeconfig's login
//!   program has the same standard input.
//! - A reader of standard output that goes away ends what only shows; what writes or checks
//!   goes on: `output::done`.
//! - Text of the cluster is made harmless where it becomes part of a line: `table`, `output`.
//! - Questions are asked on a terminal only; elsewhere `--yes` answers them.
//! - Every error is one line, `error: …`, and ends with 1, as kubectl does; Ctrl-C with 130.
//!   `audit verify` ends with 2 where not all can be seen: `failure`.
//!
//! To add a verb: a file with `Args` and `run`, and its case in `args.rs` and `run.rs`; a
//! transcript of its help and errors in `tests/cmd/`; its verb in [`account`](crate::account).

mod answer;
mod args;
mod audit;
mod completion;
mod delete;
mod describe;
mod doctor;
mod failure;
mod hidden;
mod hint;
mod history;
mod import;
mod kubeconfig;
mod list;
mod mcp;
mod named;
mod output;
mod prompt;
mod request;
mod requests;
mod rollback;
mod rollout;
mod rotate;
mod run;
mod seal;
mod session;
mod set;
mod status;
mod table;
mod ui;
mod usage;
mod version;
mod words;
mod writing;

pub use run::main;
