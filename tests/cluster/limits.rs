//! Where an account's limits are, and what happens there: the running set stays.

use futures::stream::{self, StreamExt};
use k8s_openapi::api::core::v1::ResourceQuota;
use kliv_secrets::api::KlivSecret;
use kliv_secrets::api::condition::{READY, Reason};
use kliv_secrets::api::names::{MAX_SECRETS, MAX_SET_BYTES, MAX_VALUE_BYTES};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::account::{Account, function, function_in, secret, secret_in, secret_with};
use crate::harness::eventually;
use crate::operator::Operator;

#[tokio::test]
async fn a_value_of_64_kib_arrives_and_one_of_a_byte_more_is_refused() {
    let account = account("value-size").await;
    let largest = "x".repeat(MAX_VALUE_BYTES);
    account.put(&secret("LARGE_VALUE", &largest)).await;
    account.put(&secret("SMALL_VALUE", "x")).await;
    account.create(&function("api")).await;
    account.gets("api", &[("LARGE_VALUE", &largest), ("SMALL_VALUE", "x")]).await;

    let in_bytes = format!("{}é", "x".repeat(MAX_VALUE_BYTES - 1));
    for too_large in [format!("{largest}x"), in_bytes] {
        let said = account.apply_refused(&secret("LARGE_VALUE", &too_large));
        assert!(!said.contains("xxxxxxxxxx"), "it shows the value");
        assert!(said.contains("64 KiB") || said.contains("may not be more than"), "{said}");
    }
    account.caught_up().await;
    account.gets("api", &[("LARGE_VALUE", &largest), ("SMALL_VALUE", "x")]).await;
}

#[tokio::test]
async fn an_empty_value_is_refused_in_plain_words_and_the_one_before_stays() {
    let account = account("empty").await;
    let said = account.apply_refused(&secret("API_TOKEN", ""));
    assert!(said.contains("spec.value: is empty. Give a value"), "{said}");
    account.put(&secret("API_TOKEN", "one")).await;
    account.create(&function("api")).await;
    account.apply_refused(&secret("API_TOKEN", ""));
    account.caught_up().await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
}

#[tokio::test]
async fn text_of_every_kind_arrives_as_it_was_given() {
    let account = account("kinds").await;
    let values = [
        ("LINES", "-----BEGIN KEY-----\r\nline\n\n\tindented\n-----END KEY-----\n"),
        ("UNICODE", "åäö – 漢字 🔑 e\u{301} \u{202e}"),
        ("DOLLARS", "$(LINES) $$(X) ${HOME} `id`"),
        ("QUOTES", r#"{"a":"b\"c\\"}'"#),
        ("BINARY", "\u{1}\u{7f}\u{80}\u{ffff}"),
        ("BLANK", " "),
        ("NUMBER", "0123"),
    ];
    for (name, value) in values {
        account.put(&secret(name, value)).await;
    }
    account.create(&function("api")).await;
    account.gets("api", &values).await;
}

#[tokio::test]
async fn a_set_of_more_than_900_kib_is_refused_and_what_fits_is_published() {
    let account = account("set-size").await;
    let value = "x".repeat(MAX_VALUE_BYTES);
    let fit = MAX_SET_BYTES / MAX_VALUE_BYTES;
    create_all(&account, fit + 1, &value).await;

    let refused = eventually("one secret is over the limit", async || {
        let secrets = reasons(&account).await;
        let count = |reason: Reason| secrets.iter().filter(|r| *r == reason.as_str()).count();
        let (published, refused) = (count(Reason::Published), count(Reason::LimitExceeded));
        (published > 0 && published + refused == fit + 1).then_some(refused)
    })
    .await;
    // A value's size is known from above only: its ciphertext is padded.
    assert!((1..=2).contains(&refused), "{refused} are refused");

    account.create(&function("api")).await;
    eventually("the function gets those that fit", async || {
        (account.environment("api").await.len() == fit + 1 - refused).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_257th_secret_is_refused_until_another_is_deleted() {
    let account = account("count").await;
    create_all(&account, MAX_SECRETS, "some value").await;
    account.published(&format!("variable-{}", MAX_SECRETS - 1)).await;
    account.apply(&secret("ONE_TOO_MANY", "some value"));
    account.becomes("one-too-many", Reason::LimitExceeded).await;
    assert_eq!(account.status().await.sets[0].keys.len(), MAX_SECRETS);

    account.delete("ksec/variable-7");

    account.published("one-too-many").await;
    assert_eq!(account.status().await.sets[0].keys.len(), MAX_SECRETS);
}

#[tokio::test]
async fn a_full_quota_is_told_the_last_set_stays_and_a_raised_one_is_used() {
    let account = account("quota").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    let quotas: Api<ResourceQuota> = account.api();
    let quota = json!({ "metadata": { "name": "it" }, "spec": { "hard": { "secrets": "1" } } });
    let quota: ResourceQuota = serde_json::from_value(quota).expect("a quota");
    quotas.create(&PostParams::default(), &quota).await.expect("a quota");
    eventually("the quota is in force", async || {
        quotas.get("it").await.expect("a quota").status?.used?.get("secrets").map(|_| ())
    })
    .await;

    account.apply(&secret("API_TOKEN", "two"));
    let refused = account.becomes("api-token", Reason::QuotaExceeded).await;

    let status = refused.status.expect("a status");
    assert_eq!(status.version, Some(1), "the value in use is the first");
    account.gets("api", &[("API_TOKEN", "one")]).await;
    let ready = account.status().await.conditions.into_iter().next().expect("a condition");
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "QuotaExceeded"));

    let raised = Patch::Merge(json!({ "spec": { "hard": { "secrets": "10" } } }));
    quotas.patch("it", &PatchParams::default(), &raised).await.expect("is raised");
    account.published("api-token").await;
    account.gets("api", &[("API_TOKEN", "two")]).await;
}

#[tokio::test]
async fn a_ciphertext_from_elsewhere_does_not_open_and_the_running_set_is_untouched() {
    let (here, elsewhere) = (account("copied-to").await, account("copied-from").await);
    elsewhere.put(&secret("API_TOKEN", "another account's")).await;
    here.put(&secret("API_TOKEN", "token")).await;
    here.put(&secret("ANOTHER_KEY", "key")).await;
    here.put(&secret_in("test", "API_TOKEN", "token of test")).await;
    let foreign = sealed_of(&elsewhere, "api-token").await;
    let token = sealed_of(&here, "api-token").await;
    here.create(&function("api")).await;
    here.create(&function_in("test", "api-test")).await;
    let runs = async || {
        here.gets("api", &[("ANOTHER_KEY", "key"), ("API_TOKEN", "token")]).await;
        here.gets("api-test", &[("ANOTHER_KEY", "key"), ("API_TOKEN", "token of test")]).await;
    };
    runs().await;
    let sets = here.status().await.sets;

    for copy in [
        json!({ "envVar": "API_TOKEN", "sealed": foreign }),
        json!({ "envVar": "ANOTHER_KEY", "sealed": token }),
        json!({ "envVar": "API_TOKEN", "environment": "test", "sealed": token }),
        json!({ "envVar": "API_TOKEN", "environment": "new", "sealed": token }),
    ] {
        let copy = secret_with(copy);
        here.apply(&copy);
        let name = copy["metadata"]["name"].as_str().expect("a name");
        let refused = here.becomes(name, Reason::DecryptionFailed).await;
        let message = &refused.status.expect("a status").conditions[0].message;
        let words = "altered, or sealed for another account, name or environment";
        assert!(message.contains(words), "{name}: {message}");
    }

    here.caught_up().await;
    assert_eq!(here.status().await.sets, sets);
    runs().await;
}

async fn account(name: &str) -> Account<'static> {
    Account::new(Operator::shared().await, name).await
}

/// `VARIABLE_0` and so on, all at once.
async fn create_all(account: &Account<'_>, count: usize, value: &str) {
    let secrets: Api<KlivSecret> = account.api();
    stream::iter(0..count)
        .for_each_concurrent(8, async |index| {
            let object = secret(&format!("VARIABLE_{index}"), value);
            let name = format!("variable-{index}");
            let params = PatchParams::apply("test");
            secrets.patch(&name, &params, &Patch::Apply(&object)).await.expect("is applied");
        })
        .await;
}

/// The reason of each secret whose present spec the controller has seen.
async fn reasons(account: &Account<'_>) -> Vec<String> {
    let secrets: Api<KlivSecret> = account.api();
    let secrets = secrets.list(&ListParams::default()).await.expect("KlivSecrets");
    let ready = |secret: KlivSecret| {
        let conditions = secret.status?.conditions;
        conditions.into_iter().find(|c| c.type_ == READY).map(|c| c.reason)
    };
    secrets.items.into_iter().filter_map(ready).collect()
}

async fn sealed_of(account: &Account<'_>, name: &str) -> String {
    let secret = account.api::<KlivSecret>().get(name).await.expect("the secret");
    secret.spec.sealed.expect("a sealed value")
}
