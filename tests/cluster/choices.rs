//! What a function chooses: its environment, and by annotations what it takes, into which
//! containers, and when.

use serde_json::json;

use crate::account::{
    Account, env_in, env_of, function, function_in, function_with, secret, secret_in,
};
use crate::harness::eventually;
use crate::operator::Operator;

#[tokio::test]
async fn a_value_of_the_functions_environment_wins_and_the_others_are_fallen_back_to() {
    let account = account("environments").await;
    account.put(&secret("API_TOKEN", "for-all")).await;
    account.put(&secret("DB_PASSWORD", "for-all")).await;
    account.put(&secret_in("production", "API_TOKEN", "for-production")).await;
    account.put(&secret_in("staging", "ONLY_STAGING", "for-staging")).await;

    account.create(&function_in("production", "production")).await;
    account.create(&function_in("nobodys", "elsewhere")).await;
    account.create(&function("anywhere")).await;

    let general = [("API_TOKEN", "for-all"), ("DB_PASSWORD", "for-all")];
    let production = [("API_TOKEN", "for-production"), ("DB_PASSWORD", "for-all")];
    account.gets("production", &production).await;
    account.gets("elsewhere", &general).await;
    account.gets("anywhere", &general).await;
    // No function is in it: its set is there all the same.
    let staging = account.set("staging").await.expect("a set");
    assert!(account.sets_there().await.contains(&staging));

    account.create(&function_in("staging", "staging")).await;
    account.gets("staging", &[&general[..], &[("ONLY_STAGING", "for-staging")]].concat()).await;
}

#[tokio::test]
async fn a_value_of_one_environment_rolls_no_function_of_another() {
    let account = account("other-environment").await;
    account.put(&secret("API_TOKEN", "for-all")).await;
    account.put(&secret_in("production", "API_TOKEN", "one")).await;
    account.create(&function_in("production", "production")).await;
    account.create(&function("anywhere")).await;
    account.gets("production", &[("API_TOKEN", "one")]).await;
    account.gets("anywhere", &[("API_TOKEN", "for-all")]).await;
    account.caught_up().await;
    let before = account.function("anywhere").await.metadata.generation;

    account.put(&secret_in("production", "API_TOKEN", "two")).await;

    account.gets("production", &[("API_TOKEN", "two")]).await;
    account.caught_up().await;
    assert_eq!(account.function("anywhere").await.metadata.generation, before);
}

#[tokio::test]
async fn the_functions_own_entry_wins_and_an_event_says_so() {
    let account = account("own-entry").await;
    account.put(&secret("API_TOKEN", "ours")).await;
    account.put(&secret("DB_PASSWORD", "ours")).await;
    let mut with_own = function("api");
    with_own["spec"]["template"]["spec"]["containers"][0]["env"] = json!([
        { "name": "URL", "value": "postgres://app:$(DB_PASSWORD)@db" },
        { "name": "API_TOKEN", "value": "the function's own" },
    ]);
    account.create(&with_own).await;

    account.is_told("api", "its own env entry wins for API_TOKEN").await;

    let function = account.function("api").await;
    let names: Vec<_> = env_of(&function).into_iter().map(|(name, _)| name).collect();
    // Ours first: $(DB_PASSWORD) expands only from what stands before it.
    assert_eq!(names, ["DB_PASSWORD", "URL", "API_TOKEN"]);
    assert_eq!(account.environment("api").await["API_TOKEN"], "the function's own");
}

#[tokio::test]
async fn a_function_takes_nothing_or_only_what_it_lists() {
    let account = account("lists").await;
    for name in ["API_TOKEN", "DB_PASSWORD", "MAIL_KEY"] {
        account.put(&secret(name, "some value")).await;
    }
    account.create(&function_with("none", &[("inject", "none")])).await;
    account.create(&function_with("some", &[("inject", "MAIL_KEY, API_TOKEN")])).await;

    account.gets("some", &[("API_TOKEN", "some value"), ("MAIL_KEY", "some value")]).await;
    account.caught_up().await;
    assert!(account.environment("none").await.is_empty());

    let nothing = json!({ "metadata": { "annotations": { "secrets.kliv.dev/inject": "none" } } });
    account.change("some", nothing).await;
    account.gets("some", &[]).await;
}

#[tokio::test]
async fn a_required_variable_that_is_missing_is_reported_with_what_was_meant() {
    let account = account("requires").await;
    account.put(&secret("OPENAI_API_KEY", "some value")).await;
    let function = function_with("api", &[("requires", "OPENAI_API_KEY,OPENAI_APIKEY")]);
    account.create(&function).await;
    let missing = "OPENAI_APIKEY is required and not there; did you mean OPENAI_API_KEY?";
    account.is_told("api", missing).await;

    account.put(&secret("OPENAI_APIKEY", "some value")).await;
    eventually("a later Event says that nothing is missing", async || {
        let events = account.events("Deployment", "api").await;
        let complete = |note: &String| {
            note.contains("OPENAI_APIKEY, OPENAI_API_KEY from") && !note.contains("missing")
        };
        events.iter().any(complete).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_required_variable_is_missed_also_in_an_account_without_any_secret() {
    let account = account("requires-at-first").await;
    account.create(&function_with("api", &[("requires", "OPENAI_API_KEY")])).await;
    account.is_told("api", "OPENAI_API_KEY is required and not there").await;
}

#[tokio::test]
async fn a_manual_function_takes_a_new_set_only_when_told() {
    let account = account("manual").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.create(&function_with("api", &[("rollout", "manual")])).await;
    account.gets("api", &[("API_TOKEN", "one")]).await;

    account.put(&secret("API_TOKEN", "two")).await;
    account.is_told("api", "keeps its set, as secrets.kliv.dev/rollout: manual says").await;
    account.caught_up().await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    let status = account.status().await;
    let waiting = status.functions.not_updated.iter().map(|f| (f.name.as_str(), f.reason.as_str()));
    assert_eq!(waiting.collect::<Vec<_>>(), [("api", "Manual")]);

    let revision = status.revision.to_string();
    let told = json!({ "metadata": { "annotations": { "secrets.kliv.dev/revision": revision } } });
    account.change("api", told).await;
    account.gets("api", &[("API_TOKEN", "two")]).await;
}

#[tokio::test]
async fn only_the_containers_that_are_named_get_entries() {
    let account = account("containers").await;
    account.put(&secret("API_TOKEN", "some value")).await;
    let three = json!(
        ["first", "second", "third"]
            .map(|name| { json!({ "name": name, "image": "example.org/none" }) })
    );
    let with_three = |name: &str, annotations: &[(&str, &str)]| {
        let mut function = function_with(name, annotations);
        function["spec"]["template"]["spec"]["containers"] = three.clone();
        function
    };
    account.create(&with_three("usual", &[])).await;
    account.create(&with_three("named", &[("containers", "second,third,fourth")])).await;
    let mut by_default = with_three("by-default", &[]);
    by_default["spec"]["template"]["metadata"]["annotations"] =
        json!({ "kubectl.kubernetes.io/default-container": "third" });
    account.create(&by_default).await;

    for (name, wanted) in [("usual", [1, 0, 0]), ("named", [0, 1, 1]), ("by-default", [0, 0, 1])] {
        eventually(&format!("{name} has entries where they belong"), async || {
            let function = account.function(name).await;
            ([0, 1, 2].map(|index| env_in(&function, index).len()) == wanted).then_some(())
        })
        .await;
    }
    account.is_told("named", "has no container fourth").await;
}

#[tokio::test]
async fn what_is_no_function_is_left_alone_and_what_stops_being_one_is_stripped() {
    let account = account("no-function").await;
    account.put(&secret("API_TOKEN", "some value")).await;
    let mut other = function("other");
    other["metadata"]["labels"] = json!({});
    account.create(&other).await;
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "some value")]).await;

    let unlabelled = json!({ "metadata": { "labels": { "app.kubernetes.io/component": null } } });
    let changed = account.change("api", unlabelled).await;

    assert!(env_of(&changed).is_empty(), "in that same write");
    account.caught_up().await;
    assert!(account.environment("other").await.is_empty());
}

#[tokio::test]
async fn a_function_copied_to_an_account_without_secrets_starts_all_the_same() {
    let first = account("copied-from").await;
    first.put(&secret("API_TOKEN", "some value")).await;
    first.create(&function("api")).await;
    first.gets("api", &[("API_TOKEN", "some value")]).await;
    let mut copy = function("api");
    copy["spec"]["template"] = json!(first.function("api").await.spec.template);

    let second = account("copied-to").await;
    let made = second.create(&copy).await;

    assert_eq!(env_of(&made).len(), 1, "nobody knows of the account yet");
    eventually("the dead entry is taken away", async || {
        env_of(&second.function("api").await).is_empty().then_some(())
    })
    .await;
    // Where the sets are there, they stay, whatever became of the record.
    assert_eq!(env_of(&first.function("api").await).len(), 1);
}

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}
