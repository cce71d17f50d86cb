//! `generate_secret`.
