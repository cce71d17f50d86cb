//! The verbs with values that come sealed already, as a page hands them in; what a caller may
//! do; and a question that is refused.

use kliv_secrets::account::{
    Caller, Change, Details, DryRun, Error, How, NotTaken, Rights, Row, SealedAt, Target, Value,
    sealed_at_least,
};
use kliv_secrets::api::KlivSecret;
use kliv_secrets::runtime::{clock, entropy};
use kliv_secrets::seal::{Keyring, Plaintext, SealingKey};
use serde_json::json;

use crate::account::{Account, function, secret, secret_with};
use crate::operator::Operator;
use crate::verbs::kliv;

const FIRST: &str = "c4n4ry-sealed-first-a1b2c3";
const SECOND: &str = "c4n4ry-sealed-second-d4e5f6";

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}

/// As a browser seals: with what the page was given.
fn sealed(
    account: &Account<'_>,
    key: &SealingKey,
    (target, before): (&Target, Option<&KlivSecret>),
    value: &str,
) -> Value {
    let at = sealed_at_least(before, clock::now());
    let value = Plaintext::new(value.into());
    let sealed = target.seal(&account.namespace, key, &value, at, &mut entropy::system());
    SealedAt::read(&sealed.expect("fits").to_string(), &at.to_string()).expect("is read").into()
}

#[tokio::test]
async fn a_value_that_comes_sealed_reaches_functions_and_ends_what_was_compromised() {
    let account = account("sealed-way").await;
    account.create(&function("api")).await;
    let caller = account.caller();
    let key = caller.sealing_key().await.expect("the public key");
    let how = How { key: &key, now: clock::now(), dry_run: DryRun::None };
    let target = Target::new("API_TOKEN".into(), None);

    let value = sealed(&account, &key, (&target, None), FIRST);
    let made = caller.set(&target, None, &value, Details::default(), &how).await;
    assert!(made.expect("is set").is_new);
    account.published("api-token").await;
    account.gets("api", &[("API_TOKEN", FIRST)]).await;

    let before = caller.find(&target).await.expect("is there");
    let other = Keyring::generate(clock::now(), &mut entropy::system());
    let theirs = sealed(&account, other.sealing_key(), (&target, Some(&before)), SECOND);
    let refused = caller.rotate(&before, &theirs, true, &how).await;
    assert!(matches!(refused, Err(Error::NotTaken(NotTaken::AnotherKey))), "{refused:?}");

    let value = sealed(&account, &key, (&target, Some(&before)), SECOND);
    let how = How { now: clock::now(), ..how };
    let rotated = caller.rotate(&before, &value, true, &how).await.expect("rotated").secret;
    account.gets("api", &[("API_TOKEN", SECOND)]).await;
    let purged = caller.purged(&rotated, std::time::Duration::from_secs(240)).await;
    assert!(matches!(purged, Ok(true)), "{purged:?}");
}

#[tokio::test]
async fn rows_that_come_sealed_are_imported_each_as_it_says() {
    let account = account("sealed-import").await;
    account.put(&secret("OLD_TOKEN", FIRST)).await;
    account.put(&secret("KEPT_TOKEN", FIRST)).await;
    let caller = account.caller();
    let key = caller.sealing_key().await.expect("the public key");
    let there = caller.list(false).await.expect("a list");
    let row = |variable: &str, overwrite| {
        let target = Target::new(variable.into(), None);
        let before = there.iter().find(|secret| secret.spec.env_var == variable);
        let value = sealed(&account, &key, (&target, before), SECOND);
        Row { target, value, overwrite }
    };
    let rows = vec![row("NEW_TOKEN", false), row("OLD_TOKEN", true), row("KEPT_TOKEN", false)];

    let plan = caller.plan_import(rows).await.expect("a plan");
    let changes: Vec<Change> = plan.0.iter().map(|planned| planned.change).collect();
    assert_eq!(changes, [Change::New, Change::Replaces, Change::Stays]);
    let how = How { key: &key, now: clock::now(), dry_run: DryRun::None };
    let imported = caller.import(plan, &how).await.expect("is imported");

    assert!(imported.iter().all(|one| one.written.is_ok()));
    account.published("new-token").await;
    account.published("old-token").await;
    account.create(&function("api")).await;
    let gets = [("NEW_TOKEN", SECOND), ("OLD_TOKEN", SECOND), ("KEPT_TOKEN", FIRST)];
    account.gets("api", &gets).await;
}

#[tokio::test]
async fn a_question_that_is_refused_is_gone() {
    let account = account("sealed-refuse").await;
    let request = json!({ "envVar": "API_TOKEN", "request": { "purpose": "to send mail" } });
    account.apply(&secret_with(request));
    kliv(&account, &["answer", "API_TOKEN", "--refuse", "--yes"]).success();
    let found = account.caller().find_object("api-token").await.expect("an answer");
    assert!(found.is_none());
}

#[tokio::test]
async fn everybody_learns_what_he_may_do_and_no_more() {
    let account = account("sealed-rights").await;
    let everything = Rights { read: true, create: true, change: true, delete: true };
    assert_eq!(account.caller().may().await.expect("is answered"), everything);
    let nobody = account.cluster.as_user("eva", &[]);
    let caller = Caller { client: nobody, ..account.caller() };
    assert_eq!(caller.may().await.expect("is answered"), Rights::default());
}
