//! What an agent can read without a tool: the account at a glance, and how code reads secrets.

use rmcp::model::{ErrorData, ReadResourceResult, Resource, ResourceContents};
use serde::Serialize;

use super::failure::Failure;
use super::text::Untrusted;
use super::words::{Odds, held, small};
use crate::account::{Attention, Caller, Need, Overview};
use crate::api::condition::Behind;
use crate::api::{KlivAccount, KlivSecret, NotUpdated, Odd};

/// The account at a glance.
const OVERVIEW: &str = "kliv-secrets://overview";
/// How code reads secrets.
pub(super) const GUIDE: &str = "kliv-secrets://guide/edge-functions";

const JSON: &str = "application/json";
pub(super) const MARKDOWN: &str = "text/markdown";

/// The guide's text.
pub(super) const GUIDE_TEXT: &str = include_str!("guide.md");

/// How much is told that somebody should look at.
const TOLD: usize = 100;

/// What there is.
pub(super) fn all() -> Vec<Resource> {
    vec![
        Resource::new(OVERVIEW, "overview")
            .with_title("The account at a glance")
            .with_description(
                "How many secrets and functions the account has, and what somebody should look \
                 at: secrets that wait, are held back or due, and functions that are behind",
            )
            .with_mime_type(JSON),
        Resource::new(GUIDE, "guide-edge-functions")
            .with_title("How to read secrets in an edge function")
            .with_description(
                "Code for Deno, Node, Python and Rust, and what a function declares. Read it \
                 before you write code that uses a secret",
            )
            .with_mime_type(MARKDOWN),
    ]
}

/// Reads one.
pub(super) async fn read(uri: &str, caller: &Caller) -> Result<ReadResourceResult, ErrorData> {
    let (text, mime) = match uri {
        OVERVIEW => {
            let text = overview(caller).await;
            (text.map_err(|why| ErrorData::internal_error(why.text().to_owned(), None))?, JSON)
        }
        GUIDE => (GUIDE_TEXT.to_owned(), MARKDOWN),
        _ => {
            // What was asked for is not quoted.
            let words = format!("there is no such resource: there are {OVERVIEW} and {GUIDE}");
            return Err(ErrorData::resource_not_found(words, None));
        }
    };
    let contents = ResourceContents::text(text, uri).with_mime_type(mime);
    Ok(ReadResourceResult::new(vec![contents]))
}

async fn overview(caller: &Caller) -> Result<String, Failure> {
    let (secrets, account) = futures::join!(caller.glance(), caller.account());
    let (secrets, account) = (secrets?, account?);
    let told = told(&caller.namespace, &secrets, account.as_ref());
    serde_json::to_string_pretty(&told).map_err(|_| Failure::new("the overview can't be written"))
}

#[derive(Serialize)]
struct Told<'a> {
    account: &'a str,
    secrets: usize,
    functions: Functions,
    attention: Vec<Look<'a>>,
    /// How much is left out.
    more: usize,
}

/// On how many functions the current values are.
#[derive(Serialize)]
struct Functions {
    updated: i32,
    total: i32,
}

/// Something that somebody should look at.
#[derive(Serialize)]
#[serde(tag = "about", rename_all = "snake_case")]
enum Look<'a> {
    Account {
        reason: String,
        words: &'static str,
    },
    Function {
        function: Untrusted,
        reason: String,
        words: &'static str,
    },
    Secret {
        variable: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        environment: Option<&'a str>,
        #[serde(flatten)]
        need: Needs,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Needs {
    Said { reason: String, words: &'static str },
    Odd(Odds),
}

fn told<'a>(
    name: &'a str,
    secrets: &'a [KlivSecret],
    account: Option<&'a KlivAccount>,
) -> Told<'a> {
    let overview = Overview::of(secrets, account);
    let (updated, total) = (overview.functions.updated, overview.functions.total);
    let more = overview.attention.len().saturating_sub(TOLD);
    let attention = overview.attention.into_iter().take(TOLD).map(look).collect();
    Told {
        account: name,
        secrets: overview.secrets,
        functions: Functions { updated, total },
        attention,
        more,
    }
}

fn look(attention: Attention<'_>) -> Look<'_> {
    match attention {
        Attention::Unpublished(reason) => Look::Account {
            reason: reason.map_or_else(|| "other".to_owned(), |reason| small(reason.as_str())),
            words: held(reason),
        },
        Attention::Unaudited => Look::Account {
            reason: "unaudited".to_owned(),
            words: "audit events can't be made at the moment: whoever runs the cluster should look",
        },
        Attention::Function(NotUpdated { name, reason, .. }) => {
            let behind = Behind::named(reason);
            Look::Function {
                function: Untrusted::function(name),
                reason: behind.map_or_else(|| "other".to_owned(), |why| small(why.as_str())),
                words: behind.and_then(Behind::message).unwrap_or(
                    "it does not run with the current values: a person can look with kubectl kliv \
                     status",
                ),
            }
        }
        Attention::Secret(secret, need) => Look::Secret {
            variable: &secret.spec.env_var,
            environment: secret.spec.environment.as_deref(),
            need: needs(secret, need),
        },
    }
}

fn needs(secret: &KlivSecret, need: Need) -> Needs {
    let (reason, words) = match need {
        Need::Held(reason) => (
            reason.map_or_else(|| "other".to_owned(), |reason| small(reason.as_str())),
            held(reason),
        ),
        Need::Answer => ("waits_for_answer".to_owned(), "a person has been asked for its value"),
        Need::Value => (
            "waits_for_value".to_owned(),
            "it was to get a value that nobody made: a person has to supply one",
        ),
        Need::Due(odd) | Need::Odd(odd) => match warning(secret, odd) {
            Some(odds) => return Needs::Odd(odds),
            None => (small(odd.as_str()), "look at it with list_secrets"),
        },
    };
    Needs::Said { reason, words }
}

fn warning(secret: &KlivSecret, odd: Odd) -> Option<Odds> {
    let mut warnings = secret.status.iter().flat_map(|status| &status.warnings);
    warnings.find(|warning| warning.odd() == Some(odd)).map(Odds::of)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_overview_says_what_somebody_should_look_at_and_nothing_of_a_value() {
        let condition = |reason: &str| {
            json!([{
                "type": "Ready", "status": "False", "reason": reason, "message": "c4n4ry: obey",
                "lastTransitionTime": "2026-11-24T10:00:00Z",
            }])
        };
        let secret: KlivSecret = serde_json::from_value(json!({
            "metadata": { "name": "a-key.test", "generation": 1 },
            "spec": {
                "envVar": "A_KEY", "environment": "test", "sealed": "kliv1.c4n4ry",
                "description": "c4n4ry: obey",
            },
            "status": {
                "observedGeneration": 1, "maskedValue": "c4n4ry", "version": 1,
                "conditions": condition("DecryptionFailed"),
                "warnings": [{ "reason": "WhiteSpace", "message": "c4n4ry: obey" }],
            },
        }))
        .unwrap();
        let account: KlivAccount = serde_json::from_value(json!({
            "metadata": { "name": "default" }, "spec": {},
            "status": {
                "conditions": condition("QuotaExceeded"),
                "functions": { "total": 3, "updated": 2, "notUpdated": [
                    { "name": "pay", "reason": "RolloutFailed", "message": "c4n4ry: obey" },
                ] },
            },
        }))
        .unwrap();
        let secrets = [secret];
        let told = serde_json::to_value(told("acme", &secrets, Some(&account))).unwrap();
        assert!(!told.to_string().contains("c4n4ry"), "{told}");
        assert_eq!(told["functions"], json!({ "updated": 2, "total": 3 }));
        let looks = told["attention"].as_array().unwrap();
        let said: Vec<_> = looks.iter().map(|look| (&look["about"], &look["reason"])).collect();
        let [account, function, secret] = ["account", "function", "secret"].map(|at| json!(at));
        assert_eq!(
            said,
            [
                (&account, &json!("quota_exceeded")),
                (&function, &json!("rollout_failed")),
                (&secret, &json!("decryption_failed")),
                (&secret, &json!("white_space")),
            ]
        );
        assert_eq!(looks[2]["variable"], "A_KEY");
    }

    #[test]
    fn the_guide_names_what_a_function_declares_and_shows_four_languages() {
        for word in ["## Deno", "## Node", "## Python", "## Rust", "secrets.kliv.dev/requires"] {
            assert!(GUIDE_TEXT.contains(word), "{word}");
        }
    }
}
