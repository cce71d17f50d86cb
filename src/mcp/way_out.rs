//! What a model can do next, by why its call failed.

use super::text::quoted;
use crate::account::{Held, Invalid, Missing, NotLive, NotTaken, Thing, TooMuch, Unfit};
use crate::api::text::harmless;

/// What is not there.
pub(super) fn not_found(thing: &Thing, missing: &Missing) -> String {
    let next = match missing {
        Missing::Secret(_, environments) => {
            let named = |name: &String| match name.as_str() {
                "" => "every environment (give none)".to_owned(),
                name => harmless(name, 63).into_owned(),
            };
            let named: Vec<String> = environments.iter().take(32).map(named).collect();
            match named.as_slice() {
                [] => "list_secrets says what there is; request_secret asks a person for one that \
                       is needed"
                    .to_owned(),
                some => format!("The variable is there for: {}", some.join(", ")),
            }
        }
        Missing::Function => "Look at the function's name: it is its Deployment's".to_owned(),
        Missing::SealingKey => "Nothing can be encrypted without it: tell the person that \
                                kliv-secrets' controller has to run, or that this server needs \
                                --operator-namespace"
            .to_owned(),
        Missing::Operator => "Tell the person: kliv-secrets runs in another namespace than this \
                              server was told (--operator-namespace), or not at all"
            .to_owned(),
        Missing::Install => {
            "Tell the person: it is not installed, or this is another cluster than he thinks"
                .to_owned()
        }
        Missing::Other => "Tell the person".to_owned(),
    };
    format!("{thing} not found. {next}.")
}

/// After what the secret is not fit for.
pub(super) fn unfit(unfit: &Unfit) -> String {
    match unfit {
        Unfit::NoValue(_) => "It waits for its first one: get_request says who is asked, and \
                              cancel_request takes the question away."
            .to_owned(),
        Unfit::HasValue(_) => "Nothing needs to be asked for. If it has to be replaced, call \
                               update_secret with ask_for_new_value."
            .to_owned(),
        Unfit::NotAsked(_) | Unfit::DeletionProposed(_) => "get_request says how it is.".to_owned(),
        Unfit::Exists(_) => "Use it as it is, or change it with update_secret.".to_owned(),
        Unfit::NoHistory(_)
        | Unfit::InUse { .. }
        | Unfit::NoVersion { .. }
        | Unfit::Purged { .. }
        | Unfit::NotKept { .. } => "Former values are brought back by people, with kubectl kliv \
                                    rollback or on the web page."
            .to_owned(),
        Unfit::NoFunction { .. } => {
            "Functions are Deployments with that label: give it to the Deployment.".to_owned()
        }
        Unfit::NotManual(_) => "There is nothing to do.".to_owned(),
        Unfit::Clashes(_) => "Name them as those that are there.".to_owned(),
        Unfit::TooMany { .. } => {
            "Propose to delete what no function uses, with delete_secret, and tell the person."
                .to_owned()
        }
        Unfit::NothingPublished(_) => {
            "list_secrets says which secrets still wait for a value.".to_owned()
        }
    }
}

/// After a value that was not taken.
pub(super) fn not_taken(why: NotTaken) -> &'static str {
    match why {
        NotTaken::AnotherKey | NotTaken::TooEarly => "Call again.",
        NotTaken::TooLate => "Tell the person that this machine's clock is wrong.",
        NotTaken::Malformed(_) | NotTaken::Time => "Tell the person: this should not happen.",
    }
}

/// After what can't be right.
pub(super) fn invalid(why: &Invalid) -> &'static str {
    match why {
        Invalid::Namespace | Invalid::Name(_) => "Correct it and call again.",
        Invalid::OtherVariable { .. } => {
            "Two variables can't share one secret's name: use the one that is there, or another \
             name."
        }
        Invalid::TooLarge => "No environment variable should be so large: tell the person.",
        Invalid::Published => "There is nothing to do.",
        Invalid::SealingKey { .. } | Invalid::NoVersion => {
            "The install is broken: tell the person to run kubectl kliv doctor."
        }
        Invalid::Unreadable(_) => "Tell the person to look at it with kubectl kliv describe.",
    }
}

/// What was stored and did not reach functions.
pub(super) fn not_live(why: &NotLive) -> String {
    let held = |name: &str, why: &Held| match why {
        Held::Deleted => format!("{}: somebody deleted it since", harmless(name, 253)),
        Held::Because { message, .. } => {
            format!("{}: {}", harmless(name, 253), quoted("the operator's words", message))
        }
    };
    match why {
        NotLive::Held { name, why } => format!(
            "It was stored, but is not handed to functions. {}. Only a person can change that: tell \
             him.",
            held(name, why)
        ),
        NotLive::Retried { name, why, .. } => format!(
            "It was stored, but could not be handed to functions yet, and is tried again by \
             itself. {}. Call wait_for_secret later.",
            held(name, why)
        ),
        NotLive::RolloutFailed(name) => format!(
            "A function's new pods do not become ready, so its old ones go on with the former \
             values: {}. Look at its code and logs.",
            harmless(name, 253)
        ),
        NotLive::Untaken(_) => format!(
            "{why}. Call wait_for_secret later; if it stays so, tell the person to run kubectl \
             kliv doctor."
        ),
        NotLive::Unseen { .. } | NotLive::RollingOut { .. } | NotLive::NotThrough(_) => {
            format!("{why}. Call wait_for_secret later.")
        }
        NotLive::TrailGrows(_) => format!("{why}."),
    }
}

/// More than is read at a time.
pub(super) fn too_much(why: TooMuch) -> &'static str {
    match why {
        TooMuch::Many(_) | TooMuch::Large(_) => {
            "Nothing was done. Ask for one secret by its name, with get_request, and tell the \
             person: kubectl kliv list shows all, and what no function uses should be deleted."
        }
        TooMuch::Busy => "Nothing was done. Call again in some seconds.",
    }
}
