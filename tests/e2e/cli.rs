//! From `kubectl kliv` to the running function.

use crate::account::Account;
use crate::harness::{Outcome, run};
use crate::operator::Operator;

impl Account<'_> {
    /// `kubectl kliv` as people call it: by kubectl, which finds it on the PATH.
    pub(crate) fn kliv(&self, args: &[&str], stdin: &str) -> Outcome {
        let cluster = &self.operator.cluster;
        let mut command = cluster.command("kubectl");
        let path = std::env::var("PATH").expect("a PATH");
        command.env("PATH", format!("{}:{path}", cluster.bin().display()));
        command.arg("kliv").args(args).args(["-n", &self.namespace]);
        run(command, stdin)
    }
}

#[tokio::test]
async fn a_value_that_is_set_is_served_when_the_verb_ends_and_is_gone_when_it_is_deleted() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "cli").await;
    account.apply(&account.function("shop"));
    account.runs_with("shop", &[]).await;

    let said =
        account.kliv(&["set", "STRIPE_API_KEY", "--from-stdin"], "sk_live_0123456789abcdef\n");

    assert!(said.success().ends_with("live on 1 of 1 function\n"));
    account.runs_with("shop", &[("STRIPE_API_KEY", "sk_live_0123456789abcdef")]).await;
    let told = account.kliv(&["describe", "STRIPE_API_KEY"], "").success();
    assert!(told.contains("sk_l****cdef") && told.contains("runs with the current set"), "{told}");

    let deleted = account.kliv(&["delete", "stripe-api-key", "--yes"], "");
    assert!(deleted.stderr.contains("rolled out without it: shop"), "{}", deleted.stderr);
    deleted.success();
    let environment = account.runs_with("shop", &[]).await;
    assert!(!environment.contains_key("STRIPE_API_KEY"));
}

#[tokio::test]
async fn what_is_imported_and_what_is_rolled_back_is_served_when_the_verb_ends() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "cli-import").await;
    account.apply(&account.function("shop"));
    account.runs_with("shop", &[]).await;
    let import = |values: &str| {
        account.kliv(&["import", "-", "--overwrite", "--yes"], values).success();
    };

    import("MAIL_KEY=first-value\nSHOP_TOKEN='of the shop'\n");
    account.runs_with("shop", &[("MAIL_KEY", "first-value"), ("SHOP_TOKEN", "of the shop")]).await;
    import("MAIL_KEY=second-value\n");
    account.runs_with("shop", &[("MAIL_KEY", "second-value")]).await;

    let said = account.kliv(&["rollback", "MAIL_KEY", "--to", "1", "--yes"], "").success();

    assert!(said.ends_with("live on 1 of 1 function\n"), "{said}");
    account.runs_with("shop", &[("MAIL_KEY", "first-value"), ("SHOP_TOKEN", "of the shop")]).await;
}

#[tokio::test]
async fn doctor_sees_for_how_long_the_certificate_is_good_that_the_webhook_serves() {
    let Some(operator) = Operator::shared().await else { return };
    let account = Account::new(&operator, "cli-doctor").await;
    let said = account.kliv(&["doctor"], "").stdout;
    let (_, days) = said
        .split_once("the webhook serves a certificate that is good for ")
        .unwrap_or_else(|| panic!("not seen: {said}"));
    let days: i64 = days.split(' ').next().and_then(|days| days.parse().ok()).expect("days");
    assert!((29..=90).contains(&days), "{said}");
}
