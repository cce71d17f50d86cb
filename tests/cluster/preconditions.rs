//! What a write of `kubectl kliv` depends on: that the secret is as the person saw it, and on
//! nothing that the operator does meanwhile.

use kliv_secrets::account::{DryRun, Error};
use kliv_secrets::api::{KlivSecret, KlivSecretSpec};

use crate::account::{Account, secret};
use crate::operator::Operator;

/// An account with API_TOKEN, as it is now.
async fn account(name: &str) -> (Account<'static>, KlivSecret) {
    let account = Account::new(Operator::shared().await, name).await;
    let before = account.put(&secret("API_TOKEN", "one")).await;
    (account, before)
}

impl Account<'_> {
    /// What a status of the operator does: another resource version, the same spec.
    fn moves(&self, name: &str) {
        let what = format!("klivsecret/{name}");
        self.cluster.kubectl(&["label", &what, "moved=yes", "-n", &self.namespace]).success();
    }
}

#[tokio::test]
async fn a_value_is_put_though_the_operator_has_written_meanwhile() {
    let (account, before) = account("as-it-was-put").await;
    account.moves("api-token");
    let spec = KlivSecretSpec { description: Some("mine".into()), ..before.spec.clone() };

    let put = account.caller().put(&spec, Some(&before), DryRun::None).await.expect("is put");

    assert_eq!(put.spec.description.as_deref(), Some("mine"));
}

#[tokio::test]
async fn a_secret_is_deleted_though_the_operator_has_written_meanwhile() {
    let (account, before) = account("as-it-was-gone").await;
    account.moves("api-token");

    account.caller().delete(&before, DryRun::None).await.expect("is deleted");

    assert!(account.api::<KlivSecret>().get_opt("api-token").await.expect("an answer").is_none());
}

#[tokio::test]
async fn a_secret_with_a_new_value_is_not_deleted_in_the_place_of_the_old_one() {
    let (account, before) = account("as-it-was-new").await;
    account.put(&secret("API_TOKEN", "somebody else's")).await;

    let refused = account.caller().delete(&before, DryRun::None).await;

    assert!(matches!(refused, Err(Error::Changed(_))));
    account.published("api-token").await;
}
