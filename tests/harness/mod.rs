//! What tests on a real cluster share.
//!
//! ```text
//!  control_plane()  one a test binary, no node    ┐
//!  Cluster::start() one of your own, with Options ├─ tests/devcluster/run.sh
//!  whole_cluster()  the machine's, pods run       ┘
//!  cluster_with_operator()  what `make up` gives
//!
//!  cluster.client() .as_user() .as_service_account() .kubectl() .helm()
//!          .namespace()      a fresh one
//!          .etcd_history()   every key at every revision
//!          .audit()          what was asked of the API server
//!          .trusts()         an OpenID provider, from now on
//!          .grant()          a role for somebody, from now on
//!          .proxy()          a way to it that can be cut at any call
//!  Terminal::start()         a program with a person before it
//!  Web::in_cluster(), Web::local()  the web server
//!  journey("name", input)    a person before a browser
//!  AgentClient::of()         an agent's client before the agents' server
//!  mcp_door::Door, web_page::Page   both servers in the process, without a listener
//!  SdkClient::start(Sdk, …)  one of an official SDK; Record: all that it says and is told
//!  SdkClient::signing_in(…)  one whose Person signs in at a Provider
//!  eventually("claim", async || …)
//! ```

mod agent;
mod audit;
mod browser;
mod clients;
mod cluster;
mod command;
mod etcd;
mod issuer;
pub mod mcp_door;
mod person;
mod process;
mod proxy;
mod rights;
mod script;
mod sdk;
mod terminal;
mod wait;
mod web;
pub mod web_page;

pub use agent::{AgentClient, Called, Revision};
pub use audit::{AuditMark, Request};
pub use browser::{Provider, Tls, Told, journey, journey_asking};
pub use cluster::{Cluster, Options, cluster_with_operator, control_plane, whole_cluster};
pub use command::{Outcome, go_module, launcher, run, test_program};
pub use etcd::Stored;
pub use issuer::{AUDIENCE, Issuer, PREFIX};
pub use person::{Person, https};
pub use process::{Process, free_address};
pub use proxy::{Cut, Proxy};
pub use sdk::{
    Answer, BEFORE, Can, Door, LATEST, Proxied, Record, SDKS, Sdk, SdkClient, Searched, structured,
};
pub use terminal::{Left, Terminal};
pub use wait::{eventually, eventually_or_why};
pub use web::{Address, Web};
