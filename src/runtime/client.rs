//! The way to the API server, and what may be said of its errors.
#![expect(clippy::disallowed_types, reason = "makes the client")]

use std::time::Duration;

use kube::{Client, Config, Error};

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

/// An error of the API server or of the way to it in words that quote no object: the
/// server's own message only where it speaks of rights, existence or versions.
pub fn plain(error: &Error) -> String {
    match error {
        Error::Api(status) => match status.code {
            401 | 403 | 404 | 409 | 410 => format!("{} ({})", status.message, status.code),
            code if status.reason.is_empty() => format!("the API server answered {code}"),
            code => format!("the API server answered {code} {}", status.reason),
        },
        Error::HyperError(_) | Error::Service(_) | Error::ReadEvents(_) => {
            "can't reach the API server".into()
        }
        Error::SerdeError(_) | Error::FromUtf8(_) => {
            "the API server's answer can't be understood".into()
        }
        Error::Auth(_) => "can't log in at the API server".into(),
        _ => "the request to the API server failed".into(),
    }
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
        for error in
            [api(422, "Invalid"), api(400, "BadRequest"), api(500, ""), Error::SerdeError(serde)]
        {
            assert!(!plain(&error).contains("s3cr3t"), "{}", plain(&error));
        }
    }

    #[test]
    fn says_what_right_is_missing() {
        assert_eq!(plain(&api(403, "Forbidden")), "a message with s3cr3t (403)");
    }
}
