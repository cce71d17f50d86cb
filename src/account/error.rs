//! Why something was not done, in plain words, and as data for doors with words of their own.

use std::fmt;

use super::{Invalid, NotLive, NotTaken, Right, TooMuch, Unfit};
use crate::api::text::harmless;
use crate::runtime::client::{self, Away};

/// Why something was not done. The text is for the caller; what he can do about it differs
/// from door to door, so each adds that.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller has no right to it; the API server's words name the right.
    #[error(
        "forbidden: {0}. The ClusterRole kliv-secrets-viewer, bound in the namespace, lets people \
         read, kliv-secrets-editor write"
    )]
    Forbidden(Right),
    /// It isn't there.
    #[error("{thing} not found")]
    NotFound {
        /// What.
        thing: Thing,
        /// What more there is to know of that.
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
    NotTheOperators(Right),
    /// Somebody else changed it since it was read.
    #[error("{0} was changed by somebody else at the same moment: look at it and try again")]
    Changed(Thing),
    /// The API server, or a policy or webhook of the cluster, refuses what was written, in
    /// its own words.
    #[error("the API server refused it: {0}")]
    Refused(String),
    /// What was asked for makes no sense; nothing was sent.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// The API server does not know who asks, e.g. because the login has run out. Only a
    /// person can change that, so nobody waits for it.
    #[error("you are not logged in at the API server")]
    NotLoggedIn,
    /// The cluster does not answer, or not with something that can be understood.
    #[error("{0}")]
    Unreachable(Away),
    /// The operator has not done its part in time, or can't.
    #[error("{0}")]
    NotLive(#[from] NotLive),
    /// More than a server for many reads at a time.
    #[error("{0}")]
    TooMuch(#[from] TooMuch),
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

/// What a request can be about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// A KlivSecret.
    Secret,
    /// An account's KlivSecrets.
    Secrets,
    /// What an account has published.
    Account,
    /// The same of all accounts.
    Accounts,
    /// A Deployment.
    Function,
    /// An account's Deployments.
    Functions,
    /// An account's audit trail.
    AuditEvents,
    /// A Secret of Kubernetes.
    NativeSecret,
    /// The operator's public key.
    SealingKey,
    /// What the operator tells of itself.
    Install,
    /// What the caller may do.
    Rights,
    /// A namespace.
    Namespace,
    /// Our kinds.
    Kinds,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret => "secret",
            Self::Secrets => "secrets",
            Self::Account => "account",
            Self::Accounts => "accounts",
            Self::Function => "function",
            Self::Functions => "functions",
            Self::AuditEvents => "audit events",
            Self::NativeSecret => "native Secret",
            Self::SealingKey => "public key",
            Self::Install => "install",
            Self::Rights => "rights",
            Self::Namespace => "namespace",
            Self::Kinds => "kliv-secrets",
        })
    }
}

/// What a request was about. Its names can be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Thing {
    /// Which kind of thing.
    pub what: What,
    /// Its name; empty for many.
    pub name: String,
    /// Where.
    pub namespace: String,
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, name, namespace } = self;
        match what {
            What::Namespace => write!(f, "{what} {namespace}"),
            What::Kinds => write!(f, "{what} in this cluster"),
            _ if name.is_empty() => write!(f, "{what} in namespace {namespace}"),
            _ => write!(f, "{what} {name} in namespace {namespace}"),
        }
    }
}

/// What a request is about.
#[derive(Clone, Copy, Debug)]
pub struct Kind<'a> {
    /// Which kind of thing.
    pub what: What,
    /// Its name.
    pub name: &'a str,
    /// Where.
    pub namespace: &'a str,
}

impl Kind<'_> {
    fn thing(&self, what: What) -> Thing {
        Thing {
            what,
            name: harmless(self.name, 253).into_owned(),
            namespace: harmless(self.namespace, 63).into_owned(),
        }
    }

    /// That it isn't there.
    #[must_use]
    pub fn not_found(&self, missing: Missing) -> Error {
        Error::NotFound { thing: self.thing(self.what), missing }
    }

    /// What an answer of the API server means. Its own words are passed on only for rights
    /// and refusals: nothing in the clear is ever sent, so they can't quote a value.
    #[must_use]
    pub fn failed(&self, error: &kube::Error) -> Error {
        let kube::Error::Api(status) = error else {
            return Error::Unreachable(Away::of(error));
        };
        let message = || harmless(&status.message, 2000).into_owned();
        match status.code {
            401 => Error::NotLoggedIn,
            403 => match client::missing_right(&status.message) {
                Some(right) => Error::Forbidden(Right::of(&right)),
                None => Error::Refused(message()),
            },
            404 => match status.details.as_ref().map(|details| details.kind.as_str()) {
                Some("namespaces") => {
                    Error::NotFound { thing: self.thing(What::Namespace), missing: Missing::Other }
                }
                Some(kind) if !kind.is_empty() => self.not_found(Missing::Other),
                _ => Error::NotFound { thing: self.thing(What::Kinds), missing: Missing::Install },
            },
            409 => Error::Changed(self.thing(self.what)),
            400 | 422 => Error::Refused(message()),
            _ => Error::Unreachable(Away::of(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_login_that_has_run_out_does_not_pass_by_itself_as_an_absence_does() {
        let kind = Kind { what: What::Secret, name: "a-key", namespace: "acme" };
        let failed = |code| {
            let status = Status { code, ..Status::default() };
            kind.failed(&kube::Error::Api(status.boxed()))
        };
        assert!(matches!(failed(401), Error::NotLoggedIn));
        assert!(matches!(failed(503), Error::Unreachable(_)));
    }
}
