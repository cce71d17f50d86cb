//! One file a page: what it asks of the account, and the view that its template shows.

pub(super) mod accounts;
pub(super) mod add;
mod attention;
pub(super) mod audit;
mod behind;
pub(super) mod delete;
pub(super) mod environments;
pub(super) mod fields;
pub(super) mod health;
pub(super) mod import;
pub(super) mod language;
mod matrix;
mod reach;
pub(super) mod request;
pub(super) mod requests;
mod sealing;
pub(super) mod secret;
pub(super) mod secrets;
mod secrets_rows;
pub(super) mod update;
