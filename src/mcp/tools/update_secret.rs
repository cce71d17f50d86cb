//! `update_secret`.
