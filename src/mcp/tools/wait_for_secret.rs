//! `wait_for_secret`.
