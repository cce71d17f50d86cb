//! The verbs: what people and their tools do with an account's secrets, as the caller and
//! without a word printed. Command line, web page and agents' server are thin over it.
//!
//! ```text
//!  .env, JSON, YAML ─► bundle: entries with their lines, and what is invalid (no content)
//! ```

pub mod bundle;
mod dotenv;
mod json;
mod yaml;
