//! One file a page: what it asks of the account, and the view that its template shows.

pub(super) mod accounts;
mod attention;
pub(super) mod audit;
mod behind;
pub(super) mod delete;
pub(super) mod environments;
pub(super) mod health;
mod matrix;
mod reach;
pub(super) mod secret;
pub(super) mod secrets;
mod secrets_rows;
