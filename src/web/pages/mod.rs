//! One file a page: what it asks of the account, and the view that its template shows.

pub(super) mod accounts;
mod attention;
mod behind;
pub(super) mod environments;
mod matrix;
mod reach;
pub(super) mod secrets;
mod secrets_rows;
