//! Why something was not done, in plain words.

use super::{NotTaken, Unfit};
use crate::api::text::harmless;
use crate::runtime::client;

/// Why something was not done. The text is for the caller; what he can do about it differs
/// from door to door, so each adds that.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller has no right to it; the API server's words name the right.
    #[error(
        "forbidden: {0}. The ClusterRole kliv-secrets-viewer, bound in the namespace, lets people \
         read, kliv-secrets-editor write"
    )]
    Forbidden(String),
    /// It isn't there.
    #[error("{what} not found")]
    NotFound {
        /// What, e.g. `secret stripe-api-key in namespace acme`.
        what: String,
        /// Which kind of thing that is.
        missing: Missing,
    },
    /// It is there, but not as the verb needs it.
    #[error("{0}")]
    Unfit(#[from] Unfit),
    /// A value that came sealed, and is not taken so; nothing was sent.
    #[error("{0}")]
    NotTaken(#[from] NotTaken),
    /// The caller may not read what the operator tells, e.g. its public key, where that was
    /// looked for; everybody may where the operator runs.
    #[error("forbidden: {0}")]
    NotTheOperators(String),
    /// Somebody else changed it since it was read.
    #[error("{0} was changed by somebody else at the same moment: look at it and try again")]
    Changed(String),
    /// The API server, or a policy or webhook of the cluster, refuses what was written.
    #[error("the API server refused it: {0}")]
    Refused(String),
    /// What was asked for makes no sense; nothing was sent.
    #[error("{0}")]
    Invalid(String),
    /// The API server does not know who asks, e.g. because the login has run out. Only a
    /// person can change that, so nobody waits for it.
    #[error("you are not logged in at the API server")]
    NotLoggedIn,
    /// The cluster does not answer, or not with something that can be understood.
    #[error("{0}")]
    Unreachable(String),
    /// The operator has not done its part in time, or can't.
    #[error("{0}")]
    NotLive(String),
}

/// What isn't there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Missing {
    /// A secret of this account. Its variable has values for these environments; "" is for
    /// every one.
    Secret(String, Vec<String>),
    /// A function.
    Function,
    /// The public key.
    SealingKey,
    /// What the operator tells of itself where it runs.
    Operator,
    /// Our kinds: it is not installed, or that is another cluster.
    Install,
    /// Anything else.
    Other,
}

/// What a request was about.
#[derive(Clone, Copy, Debug)]
pub struct Kind<'a> {
    /// In words, e.g. `secret`.
    pub what: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Where.
    pub namespace: &'a str,
}

impl Kind<'_> {
    fn words(&self) -> String {
        format!(
            "{} {} in namespace {}",
            self.what,
            harmless(self.name, 253),
            harmless(self.namespace, 63)
        )
    }

    /// That it isn't there.
    #[must_use]
    pub fn not_found(&self, missing: Missing) -> Error {
        Error::NotFound { what: self.words(), missing }
    }

    /// What an answer of the API server means. Its own words are passed on only for rights
    /// and refusals: nothing in the clear is ever sent, so they can't quote a value.
    #[must_use]
    pub fn failed(&self, error: &kube::Error) -> Error {
        let kube::Error::Api(status) = error else {
            return Error::Unreachable(client::plain(error));
        };
        let message = || harmless(&status.message, 2000).into_owned();
        match status.code {
            401 => Error::NotLoggedIn,
            403 => match client::missing_right(&status.message) {
                Some(right) => Error::Forbidden(right.into_owned()),
                None => Error::Refused(message()),
            },
            404 => match status.details.as_ref().map(|details| details.kind.as_str()) {
                Some("namespaces") => Error::NotFound {
                    what: format!("namespace {}", harmless(self.namespace, 63)),
                    missing: Missing::Other,
                },
                Some(kind) if !kind.is_empty() => self.not_found(Missing::Other),
                _ => Error::NotFound {
                    what: "kliv-secrets in this cluster".into(),
                    missing: Missing::Install,
                },
            },
            409 => Error::Changed(self.words()),
            400 | 422 => Error::Refused(message()),
            _ => Error::Unreachable(client::plain(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_login_that_has_run_out_does_not_pass_by_itself_as_an_absence_does() {
        let kind = Kind { what: "secret", name: "a-key", namespace: "acme" };
        let failed = |code| {
            let status = Status { code, ..Status::default() };
            kind.failed(&kube::Error::Api(status.boxed()))
        };
        assert!(matches!(failed(401), Error::NotLoggedIn));
        assert!(matches!(failed(503), Error::Unreachable(_)));
    }
}
