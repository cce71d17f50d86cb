//! `store_secret`.
