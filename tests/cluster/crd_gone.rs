//! The CRD is deleted, by accident or with an uninstall, and comes back.

use crate::account::{Account, function, secret};
use crate::harness::{Options, eventually};
use crate::operator::Operator;

#[tokio::test]
async fn functions_keep_their_env_while_the_crd_is_gone_and_when_it_is_back() {
    let operator = Operator::start(Options::default(), &["--keep-superseded=3s"]).await;
    let account = Account::new(&operator, "crd-gone").await;
    account.put(&secret("A_KEY", "before")).await;
    account.create(&function("worker")).await;
    account.gets("worker", &[("A_KEY", "before")]).await;

    operator.cluster.kubectl(&["delete", "crd", "klivsecrets.secrets.kliv.dev"]).success();
    passed_over(&operator, &account).await;
    account.gets("worker", &[("A_KEY", "before")]).await;

    let crd = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/klivsecrets.yaml");
    operator.cluster.kubectl(&["apply", "--server-side", "-f", crd]).success();
    let established = ["wait", "crd", "--all", "--for=condition=Established"];
    operator.cluster.kubectl(&established).success();
    // The first may have begun before.
    passed_over(&operator, &account).await;
    passed_over(&operator, &account).await;
    account.gets("worker", &[("A_KEY", "before")]).await;

    // From here on it is as ever.
    let apply = ["apply", "-n", &account.namespace, "-f", "-"];
    let again = secret("A_KEY", "after").to_string();
    eventually("the API server takes KlivSecrets again", async || {
        operator.cluster.kubectl_reading(&again, &apply).ok.then_some(())
    })
    .await;
    account.gets("worker", &[("A_KEY", "after")]).await;
    account.delete("ksec/a-key");
    account.gets("worker", &[]).await;
}

/// Waits until the controller has looked at the account and left it alone, from now on.
async fn passed_over(operator: &Operator, account: &Account<'_>) {
    let count = || {
        let line =
            |line: &&str| line.contains("with their CRD") && line.contains(&account.namespace);
        operator.logs().lines().filter(line).count()
    };
    let before = count();
    eventually("the account is passed over", async || (count() > before).then_some(())).await;
}
