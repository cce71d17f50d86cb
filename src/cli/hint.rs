//! What can be done in a terminal about an error of a verb.

use crate::account::{Error, Missing, NotLive, Unfit};
use crate::api::text::harmless;

/// Comes after the error's words; begins with a separator, or is empty.
pub(crate) fn hint(error: &Error) -> String {
    match error {
        Error::NotFound { missing, .. } => not_found(missing),
        Error::Unfit(unfit) => not_fit(unfit),
        Error::NotTheOperators(_) => not_found(&Missing::Operator),
        Error::NotLive(why) => not_live(why).to_owned(),
        _ => String::new(),
    }
}

fn not_live(why: &NotLive) -> &'static str {
    match why {
        NotLive::Unseen { .. } => ". See kubectl kliv describe later",
        NotLive::RollingOut { .. } => ": see kubectl kliv describe",
        NotLive::Untaken(_) => ": see kubectl kliv doctor",
        NotLive::NotThrough(_) => ": see kubectl kliv status",
        NotLive::Held { .. }
        | NotLive::Retried { .. }
        | NotLive::RolloutFailed(_)
        | NotLive::TrailGrows(_) => "",
    }
}

fn not_found(missing: &Missing) -> String {
    match missing {
        Missing::Secret(account, environments) => match environments.as_slice() {
            [] => format!(": see kubectl kliv list -n {account}"),
            [every] if every.is_empty() => {
                ": there is one for every environment, without -e".to_owned()
            }
            some => {
                let named: Vec<&str> = some.iter().map(String::as_str).collect();
                let named: Vec<&str> = named.into_iter().filter(|e| !e.is_empty()).collect();
                format!(": there is one for {}, see -e", harmless(&named.join(", "), 512))
            }
        },
        Missing::Function => ": see kubectl kliv status".to_owned(),
        Missing::SealingKey => ": if kliv-secrets runs in another namespace, name it with \
                                --operator-namespace; if it was just installed, wait for its \
                                controller"
            .to_owned(),
        Missing::Operator => {
            ": if kliv-secrets runs in another namespace, name it with --operator-namespace"
                .to_owned()
        }
        Missing::Install => ": is it installed, and is this the right --context?".to_owned(),
        Missing::Other => String::new(),
    }
}

fn not_fit(unfit: &Unfit) -> String {
    match unfit {
        Unfit::NoValue(_) => ": kubectl kliv answer gives it one".to_owned(),
        Unfit::HasValue(name) => format!(": to replace it, kubectl kliv rotate {name}"),
        Unfit::NotAsked(name) => format!(": to hand in its value, kubectl kliv set {name}"),
        Unfit::DeletionProposed(name) => format!(
            ": kubectl kliv delete {name} deletes it, kubectl kliv answer {name} --refuse keeps it"
        ),
        Unfit::Exists(name) => format!(
            ": see kubectl kliv describe {name}; to ask for another value, give --new-value"
        ),
        Unfit::NoHistory(_) | Unfit::NoFunction { .. } => String::new(),
        Unfit::InUse { name, .. } => format!(": see kubectl kliv history {name}"),
        Unfit::NoVersion { name, .. } => format!(", see kubectl kliv history {name}"),
        Unfit::Purged { name, .. } => format!(". A new one: kubectl kliv rotate {name}"),
        Unfit::NotKept { name, .. } => {
            format!(". Hand the value in once more: kubectl kliv rotate {name}")
        }
        Unfit::NotManual(_) => ". How far it is: kubectl kliv status".to_owned(),
        Unfit::Clashes(_) => {
            "; write them so, delete those secrets first, or give --skip-invalid".to_owned()
        }
        Unfit::TooMany { .. } => ": delete what is not used, or take another account".to_owned(),
        Unfit::NothingPublished(_) => ": see kubectl kliv list".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_secret_is_told_with_the_environments_that_have_it() {
        let told = |environments: &[&str]| {
            let environments = environments.iter().map(|e| (*e).to_owned()).collect();
            not_found(&Missing::Secret("acme".into(), environments))
        };
        assert_eq!(told(&[]), ": see kubectl kliv list -n acme");
        assert_eq!(told(&[""]), ": there is one for every environment, without -e");
        assert_eq!(told(&["", "live", "test"]), ": there is one for live, test, see -e");
    }
}
