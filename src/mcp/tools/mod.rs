//! The tools, one a file.

mod cancel_request;
mod check_requirements;
mod delete_secret;
mod generate_secret;
mod get_request;
mod in_place;
mod list_secrets;
mod recent_changes;
mod request_secret;
mod store_secret;
mod update_secret;
mod wait_for_secret;

use super::tool::{Entry, entry};

/// All tools, in the order in which clients list them; with the one that takes a value where
/// chat values are on.
#[must_use]
pub fn all(chat_values: bool) -> Vec<Entry> {
    let mut all = vec![
        entry::<list_secrets::ListSecrets>(),
        entry::<request_secret::RequestSecret>(),
        entry::<get_request::GetRequest>(),
        entry::<cancel_request::CancelRequest>(),
        entry::<wait_for_secret::WaitForSecret>(),
        entry::<generate_secret::GenerateSecret>(),
        entry::<update_secret::UpdateSecret>(),
        entry::<delete_secret::DeleteSecret>(),
        entry::<check_requirements::CheckRequirements>(),
        entry::<recent_changes::RecentChanges>(),
    ];
    if chat_values {
        all.push(entry::<store_secret::StoreSecret>());
    }
    all
}
