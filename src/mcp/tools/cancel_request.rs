//! `cancel_request`.
