//! `request_secret`.
