//! The agents' door: a server of the Model Context Protocol (MCP) whose tools return no value,
//! no mask and no ciphertext.
//!
//! ```text
//!  agent's client ──stdio──► kubectl kliv mcp          the kubeconfig's user, one account
//!  agent's client ──HTTP───► http: guard ► who asks ►  the token's owner, the path's account
//!                               │
//!                               └─► Agent ► suspicious ► shape ► tool ► account (as the caller) ► API server
//!                                     │                   │
//!                                     │                   └─► Outcome: an answer, or a person to ask
//!                                     └─► ask: in the wire form of the client's revision
//! ```
//!
//! An agent works in one account, which its own settings name and no argument can change. Who
//! calls is settled before a tool runs: over stdio it is the kubeconfig's user, over HTTP the
//! owner of a token that was issued for this server, as whom it acts by impersonation. RBAC
//! decides everything. No call is remembered from one request to the next: what is to come
//! back is signed and comes back with the client.
//!
//! One field of one tool takes a value: `value` of `store_secret`. It is sealed before
//! anything is sent, and is there only where chat values are on. Whatever else looks like a
//! credential is refused before anything is read or sent, and the account's audit trail tells of
//! it (`refused`); what is too much to be looked through is refused first (`bounds`). All text of objects goes out as `Untrusted` data.
//!
//! To add a tool: a file in `tools` with an `impl Tool`, and its line in [`tools`].

mod agent;
mod arguments;
mod ask;
mod asked;
mod bounds;
mod call;
mod drawn;
mod failure;
pub mod http;
mod lately;
mod limit;
mod line;
mod named;
mod people;
mod prompts;
mod refused;
mod resources;
mod schema;
mod shape;
mod suspicious;
mod text;
mod tool;
mod tools;
mod way_out;
mod words;

pub use agent::{Agent, Settings, Visit};
pub use ask::{BadStateKey, StateKey};
pub use call::Says;
pub use tools::all as tools;
