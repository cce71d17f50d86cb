//! `delete_secret`.
