//! Why something was not done, in plain words.

use crate::api::text::harmless;
use crate::runtime::client;

/// Why something was not done. The text is for the caller and ends with the way out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller has no right to it; the API server's words name the right.
    #[error(
        "forbidden: {0}. The ClusterRole kliv-secrets-viewer, bound in the namespace, lets people \
         read, kliv-secrets-editor write"
    )]
    Forbidden(String),
    /// It isn't there.
    #[error("{what} not found{way_out}")]
    NotFound {
        /// What, e.g. `secret stripe-api-key in namespace acme`.
        what: String,
        /// Begins with a separator, or is empty.
        way_out: String,
    },
    /// Somebody else changed it since it was read.
    #[error("{0} was changed by somebody else at the same moment: look at it and try again")]
    Changed(String),
    /// The API server, or a policy or webhook of the cluster, refuses what was written.
    #[error("the API server refused it: {0}")]
    Refused(String),
    /// What was asked for makes no sense; nothing was sent.
    #[error("{0}")]
    Invalid(String),
    /// The cluster does not answer, or not with something that can be understood.
    #[error("{0}")]
    Unreachable(String),
    /// The operator has not done its part in time, or can't.
    #[error("{0}")]
    NotLive(String),
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
    pub fn not_found(&self, way_out: &str) -> Error {
        Error::NotFound { what: self.words(), way_out: way_out.to_owned() }
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
            401 => Error::Unreachable("you are not logged in at the API server".into()),
            403 => match client::missing_right(&status.message) {
                Some(right) => Error::Forbidden(right.into_owned()),
                None => Error::Refused(message()),
            },
            404 => match status.details.as_ref().map(|details| details.kind.as_str()) {
                Some("namespaces") => Error::NotFound {
                    what: format!("namespace {}", harmless(self.namespace, 63)),
                    way_out: String::new(),
                },
                Some(kind) if !kind.is_empty() => self.not_found(""),
                _ => Error::NotFound {
                    what: "kliv-secrets in this cluster".into(),
                    way_out: ": is it installed, and is this the right --context?".into(),
                },
            },
            409 => Error::Changed(self.words()),
            400 | 422 => Error::Refused(message()),
            _ => Error::Unreachable(client::plain(error)),
        }
    }
}
