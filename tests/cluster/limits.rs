//! Where an account's limits are, and what happens there: the running set stays.

use futures::stream::{self, StreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ResourceQuota};
use kliv_secrets::api::KlivSecret;
use kliv_secrets::api::condition::{READY, Reason};
use kliv_secrets::api::names::{MAX_ENVIRONMENTS, MAX_SECRETS, MAX_SET_BYTES, MAX_VALUE_BYTES};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::account::{Account, env_of, function, function_in, secret, secret_in, secret_with};
use crate::harness::eventually;
use crate::operator::{CONTROLLER, Operator};

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
async fn a_set_of_900_kib_is_published_whole_and_one_of_a_byte_more_without_what_is_too_much() {
    // Sizes that padding leaves as they are, and 1,048 bytes for sixteen names.
    let sizes = [&[MAX_VALUE_BYTES; 14][..], &[2_048 - 12, 1_024 - 12]].concat();
    let values: usize = sizes.iter().sum();
    for (bytes, refused) in [(MAX_SET_BYTES, 0), (MAX_SET_BYTES + 1, 1)] {
        let account = account("to-the-byte").await;
        account.create(&function("api")).await;
        let secrets: Api<KlivSecret> = account.api();
        let last = bytes - values - 15 * 65;
        let all = sizes.iter().enumerate().map(|(i, size)| {
            let width = if i == 15 { last - 1 } else { 64 };
            secret(&format!("V{i:0>width$}"), &"x".repeat(*size))
        });
        apply_all(&account, all).await;
        eventually("all are decided", async || {
            let reasons = reasons(&account).await;
            let count = |reason: Reason| reasons.iter().filter(|r| *r == reason.as_str()).count();
            let decided = (count(Reason::Published), count(Reason::LimitExceeded));
            (decided == (sizes.len() - refused, refused)).then_some(())
        })
        .await;
        eventually("the function has all that are published", async || {
            (account.environment("api").await.len() == sizes.len() - refused).then_some(())
        })
        .await;
        let all = secrets.list(&ListParams::default()).await.expect("KlivSecrets").items;
        let messages = all.into_iter().filter_map(|secret| {
            let ready = secret.status?.conditions.into_iter().next()?;
            (ready.reason == Reason::LimitExceeded.as_str()).then_some(ready.message)
        });
        assert!(messages.into_iter().all(|message| message.contains("larger than 900 KiB")));
    }
}

#[tokio::test]
async fn the_33rd_environment_is_refused_until_another_is_given_up() {
    let account = account("environments").await;
    let all = (0..MAX_ENVIRONMENTS)
        .map(|i| secret_in(&format!("env-{i}"), "API_TOKEN", &format!("value {i}")));
    apply_all(&account, all).await;
    account.published("api-token.env-31").await;
    account.create(&function_in("env-31", "api")).await;
    account.gets("api", &[("API_TOKEN", "value 31")]).await;
    account.create(&function_in("env-32", "late")).await;

    account.apply(&secret_in("env-32", "API_TOKEN", "value 32"));
    let refused = account.becomes("api-token.env-32", Reason::LimitExceeded).await;

    let message = &refused.status.expect("a status").conditions[0].message;
    assert!(message.contains("more than 32 environments"), "{message}");
    assert_eq!(account.status().await.sets.len(), MAX_ENVIRONMENTS);
    account.delete("ksec/api-token.env-7");
    account.published("api-token.env-32").await;
    account.gets("late", &[("API_TOKEN", "value 32")]).await;
    account.gets("api", &[("API_TOKEN", "value 31")]).await;
}

#[tokio::test]
async fn five_hundred_functions_are_all_injected_in_no_more_writes_than_them_and_nine() {
    const FUNCTIONS: usize = 500;
    let account = account("five-hundred").await;
    account.put(&secret("API_TOKEN", "one")).await;
    stream::iter(0..FUNCTIONS)
        .for_each_concurrent(16, async |i| {
            account.create(&function(&format!("function-{i:0>54}"))).await;
        })
        .await;
    all_are_rolled_out(&account, FUNCTIONS).await;
    let settled = async || {
        let status = account.status().await;
        let done = usize::try_from(status.functions.updated).expect("a number");
        let over = status.superseded.is_empty() && status.pending.is_empty();
        let told = status.audit.is_some_and(|audit| audit.revision == status.revision);
        (done == FUNCTIONS && over && told).then_some(())
    };
    eventually("the account says so", settled).await;
    let mark = account.cluster.audit_mark().await;

    account.put(&secret("API_TOKEN", "two")).await;

    all_are_rolled_out(&account, FUNCTIONS).await;
    eventually("the account says so", settled).await;
    let mut writes = account.cluster.audit_since(mark).await;
    writes.retain(|request| {
        request.is_write()
            && request.user == CONTROLLER
            && request.namespace == account.namespace
            && request.resource != "events"
    });
    let others: Vec<_> = writes.iter().filter(|w| w.resource != "deployments").collect();
    assert!(writes.len() <= FUNCTIONS + 9, "{} writes, with {others:?}", writes.len());
}

#[tokio::test]
async fn in_a_namespace_that_is_being_deleted_nothing_is_written_and_it_goes() {
    let account = account("terminating").await;
    account.put(&secret("API_TOKEN", "one")).await;
    account.create(&function("api")).await;
    account.gets("api", &[("API_TOKEN", "one")]).await;
    account.settled_trail().await;
    account.caught_up().await;
    // Something holds it up, as a cloud's load balancer would.
    let maps: Api<ConfigMap> = account.api();
    let held = json!({ "metadata": { "name": "held", "finalizers": ["example.org/hold"] } });
    let held: ConfigMap = serde_json::from_value(held).expect("a ConfigMap");
    maps.create(&PostParams::default(), &held).await.expect("is made");
    let mark = account.cluster.audit_mark().await;

    let delete = ["delete", "namespace", &account.namespace, "--wait=false"];
    account.cluster.kubectl(&delete).success();

    eventually("all but what holds it up is gone", async || {
        let secrets = account.api::<KlivSecret>().list(&ListParams::default()).await;
        let functions = account.api::<Deployment>().list(&ListParams::default()).await;
        let left = secrets.expect("a list").items.len() + functions.expect("a list").items.len();
        (left == 0 && account.sets_there().await.is_empty()).then_some(())
    })
    .await;
    let said = account.apply_refused(&secret("LATE_KEY", "a late value"));
    assert!(said.contains("being terminated") && !said.contains("a late value"), "{said}");
    self::account("another").await.caught_up().await;
    let mut tried = account.cluster.audit_since(mark).await;
    let reads = ["get", "list", "watch"];
    tried.retain(|request| {
        request.user == CONTROLLER
            && request.namespace == account.namespace
            && !reads.contains(&request.verb.as_str())
            && !request.dry_run
    });
    assert_eq!(tried, []);
    let free = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    maps.patch("held", &PatchParams::default(), &free).await.expect("is freed");
    let namespaces: Api<Namespace> = Api::all(account.client.clone());
    eventually("the namespace is gone", async || {
        namespaces.get_opt(&account.namespace).await.expect("an answer").is_none().then_some(())
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
    let message = &status.conditions[0].message;
    assert!(message.contains("allows no more Secrets than 1: raise it"), "{message}");
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

/// Waits until so many functions run with the current set; each step of it counts.
async fn all_are_rolled_out(account: &Account<'_>, all: usize) {
    let functions: Api<Deployment> = account.api();
    let set = account.set("").await;
    let entry = [("API_TOKEN".to_owned(), set)];
    let mut done = 0;
    while done < all {
        done =
            eventually(&format!("more than {done} of {all} functions are updated"), async || {
                let functions =
                    functions.list(&ListParams::default()).await.expect("functions").items;
                let is_done = |function: &&Deployment| {
                    let seen =
                        function.status.as_ref().and_then(|status| status.observed_generation);
                    env_of(function) == entry && seen == function.metadata.generation
                };
                let now = functions.iter().filter(is_done).count();
                (now > done).then_some(now)
            })
            .await;
    }
}

/// `VARIABLE_0` and so on.
async fn create_all(account: &Account<'_>, count: usize, value: &str) {
    let all = (0..count).map(|index| secret(&format!("VARIABLE_{index}"), value));
    apply_all(account, all).await;
}

/// Several at once. Where the machine is too busy for the webhook to answer in time, the write
/// is refused, and tried again, as that says.
async fn apply_all(account: &Account<'_>, objects: impl Iterator<Item = Value>) {
    let secrets: Api<KlivSecret> = account.api();
    stream::iter(objects)
        .for_each_concurrent(4, async |object| {
            let name = object["metadata"]["name"].as_str().expect("a name");
            let params = PatchParams::apply("test");
            eventually(&format!("{name} is applied"), async || {
                match secrets.patch(name, &params, &Patch::Apply(&object)).await {
                    Ok(_) => Some(()),
                    Err(error) if error.to_string().contains("did not answer") => None,
                    Err(error) => panic!("{name}: {error}"),
                }
            })
            .await;
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
