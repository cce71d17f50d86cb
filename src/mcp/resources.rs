//! What an agent can read without a tool.
