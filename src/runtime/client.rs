//! The way to the API server, and what may be said of its errors.
#![expect(clippy::disallowed_types, reason = "makes the client")]

use std::borrow::Cow;
use std::time::Duration;

use kube::{Client, Config, Error};

use crate::api::text::harmless;

/// Longer than the API server takes for any answer (60 s), and than the pause between
/// two bookmarks of a watch (about 60 s): silence for so long is a dead connection.
const SILENCE: Duration = Duration::from_secs(120);

/// A client as the pod's ServiceAccount, or as `KUBECONFIG` says outside of a cluster.
///
/// # Errors
/// There is neither, or it can't be read.
pub async fn connect() -> Result<Client, NoCluster> {
    // The errors are not passed on: they may quote the kubeconfig.
    let mut config = Config::infer().await.map_err(|_| NoCluster)?;
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    Client::try_from(config).map_err(|_| NoCluster)
}

/// No cluster to talk to.
#[derive(thiserror::Error, Debug)]
#[error(
    "no cluster to talk to: run as a pod with a ServiceAccount, or set KUBECONFIG to a file that kubectl can use"
)]
pub struct NoCluster;

/// An error of the API server or of the way to it in words that quote no object: of the
/// server's own message only what it says of rights. Any other part of a message may come
/// from a policy or webhook of the cluster, and quote what was written.
pub fn plain(error: &Error) -> String {
    Away::of(error).to_string()
}

/// What [`plain`] tells apart.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Away {
    /// A right is missing, in the API server's words.
    #[error("{0} (403)")]
    Forbidden(String),
    /// An answer of this code that says no more.
    #[error("the API server answered {0}")]
    Answered(u16),
    /// An answer of this code, for a reason of one word.
    #[error("the API server answered {0} {1}")]
    AnsweredFor(u16, String),
    /// There is no way to it.
    #[error("can't reach the API server")]
    Unreached,
    /// Its answer is not what it should be.
    #[error("the API server's answer can't be understood")]
    NotUnderstood,
    /// There is no login, or it failed.
    #[error("can't log in at the API server")]
    NoLogin,
    /// A watch that can't go on.
    #[error("changes can't be seen any more")]
    Unwatched,
    /// Anything else.
    #[error("the request to the API server failed")]
    Failed,
}

impl Away {
    /// Which of them an error is.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Api(status) => match (status.code, missing_right(&status.message)) {
                (403, Some(right)) => Self::Forbidden(right.into_owned()),
                (code, _) => match reason(status.reason.as_str()) {
                    "" => Self::Answered(code),
                    reason => Self::AnsweredFor(code, reason.to_owned()),
                },
            },
            Error::HyperError(_) | Error::Service(_) | Error::ReadEvents(_) => Self::Unreached,
            Error::SerdeError(_) | Error::FromUtf8(_) => Self::NotUnderstood,
            Error::Auth(_) => Self::NoLogin,
            _ => Self::Failed,
        }
    }
}

/// `User "…" cannot get resource "…" in API group "…" in the namespace "…"`, as RBAC says
/// it: of it and of nobody else's words the rest.
pub(crate) fn missing_right(message: &str) -> Option<Cow<'_, str>> {
    let (_, right) = message.split_once(" is forbidden: ")?;
    let user = right.strip_prefix("User \"")?.find("\" cannot ")?;
    // What a further authorizer has to say stands after a colon; those of verbs
    // (`impersonate-on:user-info:get`) have no space behind them.
    let after_user = user + "User \"".len();
    let others = [": ", "\n"].into_iter().filter_map(|words| right[after_user..].find(words)).min();
    let end = others.map_or(right.len(), |at| after_user + at);
    Some(harmless(&right[..end], 300))
}

/// A reason is one word.
fn reason(text: &str) -> &str {
    let is_word = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_word { text } else { "" }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn api(code: u16, reason: &str) -> Error {
        Error::Api(Status::failure("a message with s3cr3t", reason).with_code(code).boxed())
    }

    #[test]
    fn quotes_nothing_that_may_hold_a_value() {
        let serde = serde_json::from_str::<u8>("\"s3cr3t\"").unwrap_err();
        let codes = [400, 401, 403, 404, 409, 410, 422, 500].map(|code| api(code, "Invalid"));
        for error in codes.into_iter().chain([api(500, "a s3cr3t"), Error::SerdeError(serde)]) {
            assert!(!plain(&error).contains("s3cr3t"), "{}", plain(&error));
        }
        assert_eq!(plain(&api(409, "Conflict")), "the API server answered 409 Conflict");
    }

    #[test]
    fn says_what_right_is_missing_and_nothing_that_others_say() {
        let right = "User \"system:serviceaccount:a:b\" cannot get resource \"secrets\" in API group \
                     \"\" in the namespace \"a\"";
        let says = |words: &str| {
            let message = format!("secrets \"x\" is forbidden: {words}");
            let status = Status::failure(&message, "Forbidden").with_code(403);
            plain(&Error::Api(status.boxed()))
        };
        assert_eq!(says(right), format!("{right} (403)"));
        assert_eq!(says(&format!("{right}: a webhook saw s3cr3t\nin")), format!("{right} (403)"));
        let hostile = right.replace("secrets", "\u{1b}[2J");
        assert!(!says(&hostile).contains('\u{1b}'));
        let as_somebody = right.replace("cannot get", "cannot impersonate-on:user-info:get");
        assert_eq!(says(&format!("{as_somebody}: s3cr3t")), format!("{as_somebody} (403)"));
        let policy = "ValidatingAdmissionPolicy 'x' denied request: s3cr3t";
        assert_eq!(says(policy), "the API server answered 403 Forbidden");
    }
}
