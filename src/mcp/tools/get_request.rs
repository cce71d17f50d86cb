//! `get_request`.
