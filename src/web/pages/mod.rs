//! One file a page: what it asks of the account, and the view that its template shows.

pub(super) mod accounts;
pub(super) mod secrets;
