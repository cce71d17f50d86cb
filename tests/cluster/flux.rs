//! Flux's own kustomize-controller on an account: sealed secrets and functions from git.

use std::collections::BTreeSet;

use kliv_secrets::api::KlivSecret;
use kliv_secrets::api::condition::Reason;
use serde_json::{Value, json};

use crate::account::{Account, function, secret, secret_with};
use crate::flux_place::Flux;
use crate::harness::eventually;
use crate::operator::Operator;
use crate::tools::{BOTH, OURS, Pair, changed, manifest, without_policy};

#[tokio::test]
async fn flux_brings_secrets_and_function_and_then_writes_nothing_more() {
    let place = [(Operator::shared().await, true), (without_policy().await, false)];
    for (operator, by_policy) in place {
        let pair = Pair { account: Account::new(operator, "flux").await, by_policy };
        let account = &pair.account;
        let mut git = vec![manifest("api"), manifest("twin")];
        for name in OURS {
            git.push(sealed(account, name, "first value"));
        }
        git.push(secret_with(json!({ "envVar": "GENERATED_KEY", "generate": {} })));
        let flux = Flux::start(account).await;

        flux.commit(&git).await;

        flux.is_ready().await;
        // It waited for what it brought.
        let secret: KlivSecret = account.api().get("generated-key").await.expect("the secret");
        assert!(secret.status.is_some_and(|status| status.version == Some(1)));
        pair.whole().await;
        let mark = account.cluster.audit_mark().await;
        let before = account.function("api").await.metadata;
        for _ in 0..3 {
            flux.reconciles().await;
        }
        let after = account.function("api").await.metadata;
        assert_eq!(after.resource_version, before.resource_version);
        assert_eq!(after.generation, before.generation);
        assert_eq!(flux.corrections(mark).await, Vec::<String>::new());

        // A new value, handed in by a person, is none of Flux's business.
        account.apply(&secret_with(json!({ "envVar": "GENERATED_KEY", "value": "by hand" })));
        account.published("generated-key").await;
        pair.whole().await;
        // It once takes over the managed fields of kubectl's, as of all that it manages.
        flux.reconciles().await;
        let mark = account.cluster.audit_mark().await;
        flux.reconciles().await;
        assert_eq!(flux.corrections(mark).await, Vec::<String>::new());
        assert_eq!(account.environment("api").await["GENERATED_KEY"], "by hand");

        // What is changed in git arrives.
        git[..2].clone_from_slice(&BOTH.map(changed));
        git[2] = sealed(account, OURS[0], "second value");
        flux.commit(&git).await;
        flux.is_ready().await;
        let written = flux.corrections(mark).await;
        let wanted =
            ["patch deployments api", "patch deployments twin", "patch klivsecrets api-token"];
        assert_eq!(BTreeSet::from_iter(written), wanted.map(str::to_owned).into());
        pair.whole().await;
        assert_eq!(account.environment("api").await["OWN"], "two");
        assert_eq!(account.environment("api").await[OURS[0]], "second value");

        // What is taken out of git goes, and nothing else.
        git.pop();
        flux.commit(&git).await;
        flux.is_ready().await;
        eventually("the function has it no more", async || {
            (!account.environment("api").await.contains_key("GENERATED_KEY")).then_some(())
        })
        .await;
        pair.whole().await;
    }
}

#[tokio::test]
async fn flux_puts_right_what_somebody_changed_of_a_function_and_leaves_ours() {
    let place = [(Operator::shared().await, true), (without_policy().await, false)];
    for (operator, by_policy) in place {
        let pair = Pair { account: Account::new(operator, "flux-drift").await, by_policy };
        let account = &pair.account;
        for name in OURS {
            account.put(&secret(name, "first value")).await;
        }
        let flux = Flux::start(account).await;
        flux.commit(&BOTH.map(manifest)).await;
        flux.is_ready().await;
        pair.whole().await;

        for who in BOTH {
            pair.kubectl(who, &["set", "env", "{}", "--containers=main", "OWN=drifted"]);
        }
        flux.reconciles().await;

        pair.whole().await;
        assert_eq!(account.environment("api").await["OWN"], "one");
    }
}

#[tokio::test]
async fn flux_says_at_once_what_is_wrong_with_a_secret() {
    let account = Account::new(Operator::shared().await, "flux-wrong").await;
    let other = Account::new(Operator::shared().await, "flux-other").await;
    let moved = sealed(&other, "API_TOKEN", "some value");
    let flux = Flux::start(&account).await;

    flux.commit(&[function("api"), moved]).await;

    let said = flux.is_not_ready().await;
    assert!(said.contains("KlivSecret"), "{said}");
    assert!(said.contains("Failed"), "{said}");
    account.becomes("api-token", Reason::DecryptionFailed).await;
}

/// A manifest as a person commits it.
fn sealed(account: &Account<'_>, env_var: &str, value: &str) -> Value {
    secret_with(account.sealed(env_var, value))
}
