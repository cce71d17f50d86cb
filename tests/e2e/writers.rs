//! People who write secrets while something happens to the operator, and what became of
//! each write.

use std::cell::Cell;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Secret;
use kliv_secrets::api::KlivSecret;
use kube::Error;
use kube::api::{Api, Patch, PatchParams};

use crate::account::{Account, secret};
use crate::harness::eventually;

/// How many write at the same time.
const WRITERS: usize = 4;
/// The words in which a write is refused that nobody sealed.
const NOT_SEALED: &str = "spec.value was not sealed, so nothing was stored: the kliv-secrets \
                          webhook did not answer";

/// What became of the writes.
pub(crate) struct Written {
    /// The last value that was taken, by variable.
    last: Vec<(String, Option<String>)>,
    /// How many were taken.
    pub(crate) taken: usize,
    /// How many were refused because the webhook did not answer, in our words.
    pub(crate) refused: usize,
}

/// Lets people write in an account, each a variable of their own, until `happening` is
/// over and each has been taken once more. Any answer but "taken" and the refusal in our
/// words fails.
pub(crate) async fn write_during(
    account: &Account<'_>,
    happening: impl Future<Output = ()>,
) -> Written {
    let over = Cell::new(false);
    let happening = async {
        happening.await;
        over.set(true);
    };
    let writing = async |index: usize| {
        let secrets: Api<KlivSecret> = account.api();
        let (env_var, name) = (format!("TOKEN_{index}"), format!("token-{index}"));
        let (mut last, mut taken, mut refused, mut end) = (None, 0, 0, 0);
        for count in 0.. {
            let after = over.get();
            let value = format!("value {count}");
            let object = secret(&env_var, &value);
            let params = PatchParams::apply("test").force();
            match secrets.patch(&name, &params, &Patch::Apply(&object)).await {
                Ok(stored) => {
                    assert!(stored.spec.value.is_none(), "{name} was stored unsealed");
                    (last, taken) = (Some(value), taken + 1);
                    if after {
                        break;
                    }
                }
                Err(Error::Api(status))
                    if status.code == 422 && status.message.contains(NOT_SEALED) =>
                {
                    refused += 1;
                    end += usize::from(after);
                    assert!(end < 1000, "{name} is refused long after all is over");
                }
                Err(error) => panic!("write {count} of {name}: {error}"),
            }
        }
        (env_var, last, taken, refused)
    };
    let ((), writers) = tokio::join!(happening, join_all((0..WRITERS).map(writing)));
    Written {
        taken: writers.iter().map(|writer| writer.2).sum(),
        refused: writers.iter().map(|writer| writer.3).sum(),
        last: writers.into_iter().map(|(env_var, last, ..)| (env_var, last)).collect(),
    }
}

impl Written {
    /// Waits until the published set holds, of each variable, the last value that was taken:
    /// none was lost, and none that was refused came through.
    pub(crate) async fn arrives(&self, account: &Account<'_>) {
        let secrets: Api<Secret> = account.api();
        eventually("the last value that was taken of each variable is published", async || {
            let sets = account.status().await.sets;
            let set = sets.into_iter().find(|set| set.environment.is_empty())?;
            let data = secrets.get_opt(&set.name).await.expect("an answer")?.data?;
            let published = |(env_var, last): &(String, Option<String>)| {
                data.get(env_var).map(|value| value.0.as_slice())
                    == last.as_ref().map(String::as_bytes)
            };
            self.last.iter().all(published).then_some(())
        })
        .await;
    }
}
