//! Whether something in a call looks like a credential: then it is refused before anything is
//! read or sent.
//!
//! ```text
//!  text ─┬─ a PEM block, a password in a URL
//!        ├─ how credentials of known providers begin (`api::recognise`), anywhere in it
//!        ├─ `password=`, `token:`, `Bearer ` and what follows
//!        └─ a long token that looks drawn: by its kinds of characters, how often they change,
//!           and Shannon's entropy
//! ```
//!
//! Which way to err: a refusal costs an agent one more try, a credential that gets through
//! stands in a spec for good. So hexadecimal of 32 digits and more is refused, also the name of
//! a Git commit: its first 8 are enough. Passed are names of variables and objects, uids in
//! their usual form, dates, versions, links to providers' pages, prose. What nobody can tell
//! from words passes, too: `correct-horse-battery-staple`.
//!
//! How long it takes grows with the texts only: how much there is of them is bounded before
//! (`bounds`), and each look after what may be a beginning goes only so far.

use rmcp::model::JsonObject;
use serde_json::Value;
use zeroize::Zeroizing;

use super::drawn::{entropy, is_drawn, is_mixed, is_uid, tokens};
use crate::api::text::is_harmless;
use crate::api::{CREDENTIALS, Rest};

/// Something in a call looks like a credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Suspicious<'a> {
    /// In this argument, one of the tool's own; none where that can't be said without repeating
    /// what the call says.
    pub(super) argument: Option<&'a str>,
}

/// Looks through the arguments of a tool with this input schema. The value that it may take is
/// not among them any more.
pub(super) fn find<'a>(arguments: &JsonObject, schema: &'a JsonObject) -> Option<Suspicious<'a>> {
    let own = schema.get("properties").and_then(Value::as_object);
    for (name, argument) in arguments {
        let known = own.and_then(|own| own.get_key_value(name)).map(|(name, _)| name.as_str());
        if known.is_none() && is_suspicious(name) {
            return Some(Suspicious { argument: None });
        }
        if is_anywhere_in(argument) {
            return Some(Suspicious { argument: known });
        }
    }
    None
}

fn is_anywhere_in(value: &Value) -> bool {
    match value {
        Value::String(text) => is_suspicious(text),
        Value::Array(items) => items.iter().any(is_anywhere_in),
        Value::Object(fields) => {
            fields.iter().any(|(name, field)| is_suspicious(name) || is_anywhere_in(field))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a text holds what looks like a credential.
pub(super) fn is_suspicious(text: &str) -> bool {
    // What can't be seen could part it.
    let seen = |c: &char| is_harmless(*c) || c.is_whitespace();
    let text = Zeroizing::new(text.chars().filter(seen).collect::<String>());
    let text = text.as_str();
    text.contains("-----BEGIN ")
        || has_password_in_url(text)
        || begins_like_one(text)
        || is_assigned(text)
        || tokens(text).any(|token| is_drawn(&token))
}

/// `scheme://user:password@host`.
fn has_password_in_url(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let run = until(after(text, at + 3), |c| c.is_whitespace() || "\"'`".contains(c));
        // A path may hold an @; a password of a database's URL may hold a slash.
        let is_web = text[..at].ends_with("http") || text[..at].ends_with("https");
        let run = if is_web { until(run, |c| "/?#".contains(c)) } else { run };
        let password = run.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
        password.is_some_and(|(_, password)| !is_placeholder(password))
    })
}

/// Begins anywhere in it as credentials of a known kind do, and goes on as if it were drawn.
fn begins_like_one(text: &str) -> bool {
    let mut before = ' ';
    text.char_indices().any(|(at, character)| {
        let is_start = !std::mem::replace(&mut before, character).is_ascii_alphanumeric();
        is_start && CREDENTIALS.iter().any(|row| goes_on(row, after(text, at)))
    })
}

fn goes_on(row: &crate::api::CredentialRow, text: &str) -> bool {
    let (begins, rest, provider, kind, _) = row;
    let Some(after) = text.strip_prefix(begins) else { return false };
    let after = until(after, |c| c.is_whitespace() || "\"'`,;()[]{}<>|\\".contains(c));
    let after = after.trim_end_matches(['.', ':', '!', '?']);
    let is_place = begins.contains("://");
    match rest {
        Rest::Hex(_) | Rest::Capitals(_) => rest.fits(until(after, |c| !c.is_ascii_alphanumeric())),
        Rest::Words(_) => *begins == "eyJ" && rest.fits(after),
        // Without its password it is no secret.
        Rest::Any | Rest::Long(_) if is_place && !kind.contains("webhook") => false,
        Rest::Any | Rest::Long(_) => {
            let is_general = provider.is_empty() && *kind == "key";
            let least = match rest {
                _ if is_place || is_general => 16,
                // Nothing else begins so.
                Rest::Any => 6,
                _ => 8,
            };
            let is_one = |run: &str| {
                run.len() >= least && is_mixed(run)
                    || run.len() >= 20 && entropy(run) >= 2.5 && !is_general && !is_place
            };
            rest.fits(after) && after.split(|c: char| !c.is_ascii_alphanumeric()).any(is_one)
        }
    }
}

/// What a password or a token is called, where it is given.
const CALLED: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "accountkey",
    "private_key",
    "credential",
];

/// `password=…`, `"token": "…"`, `Bearer …`.
fn is_assigned(text: &str) -> bool {
    let small = Zeroizing::new(text.to_ascii_lowercase());
    let value = |rest: &str| {
        let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "\"'`".contains(c));
        until(rest, |c| c.is_whitespace() || "\"'`,;&()<>".contains(c)).to_owned()
    };
    let given = CALLED.iter().flat_map(|called| small.match_indices(called)).any(|(at, called)| {
        let rest = after(text, at + called.len()).trim_start_matches(['"', '\'', '`', ' ']);
        let rest = rest.strip_prefix(['=', ':']);
        rest.is_some_and(|rest| is_given(&value(rest), 8))
    });
    let schemes = ["bearer ", "basic "];
    given
        || schemes
            .iter()
            .flat_map(|scheme| small.match_indices(scheme))
            .any(|(at, scheme)| is_given(&value(after(text, at + scheme.len())), 16))
}

fn is_given(value: &str, least: usize) -> bool {
    value.len() >= least
        && is_mixed(value)
        && !is_placeholder(value)
        && !value.contains("://")
        && !is_uid(value)
        && !is_words(value)
}

/// Words, numbers and versions with separators, e.g. `openai-api-key.v2`, `OAUTH2_TOKEN`.
fn is_words(text: &str) -> bool {
    text.split(['-', '_', '.', '/']).all(|part| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = part.len() - letters.len();
        letters.chars().all(char::is_alphabetic) && (digits <= 3 || letters.len() <= 1)
    })
}

/// What stands where a password is meant.
fn is_placeholder(text: &str) -> bool {
    let small = text.to_ascii_lowercase();
    let letters: String = small.chars().filter(char::is_ascii_alphabetic).collect();
    let meant = ["password", "passwd", "pass", "secret", "pwd", "pw", "token", "key", "apikey"];
    let is_meant = meant.iter().any(|word| {
        letters.strip_suffix(word).is_some_and(|before| {
            ["", "your", "my", "the", "db", "app", "api", "user", "some"].contains(&before)
        })
    });
    text.is_empty()
        || text.starts_with(['$', '<', '{', '[', '*', '%'])
        || (is_meant || letters.contains("example") || letters.contains("changeme"))
            && text.chars().all(|c| c.is_ascii_alphabetic() || "-_.".contains(c))
        || small.chars().all(|c| "x*.-_•…".contains(c))
}

/// How much is looked at after each place where something may begin, bytes: a text of nothing but
/// beginnings would else be read over and over again.
const WINDOW: usize = 512;

/// What stands there, as far as it is looked at.
fn after(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    &rest[..rest.floor_char_boundary(WINDOW)]
}

/// As far as no character ends it.
fn until(text: &str, ends: impl Fn(char) -> bool) -> &str {
    text.find(ends).map_or(text, |end| &text[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;
    use serde_json::json;

    use super::*;

    const ALNUM: &str = "[0-9A-Za-z]";

    /// One of each kind that `api::recognise` knows, as its provider draws it.
    fn made() -> impl Strategy<Value = String> {
        let rows = CREDENTIALS.iter().filter(|row| {
            // What is a place or a document is tried by hand.
            !row.0.starts_with(['{', '-']) && (!row.0.contains("://") || row.3.contains("webhook"))
        });
        let kinds = rows.map(|(begins, rest, ..)| {
            let drawn = match rest {
                Rest::Hex(n) => format!("[0-9a-f]{{{n}}}"),
                Rest::Capitals(n) => format!("[2-7A-Z]{{{n}}}"),
                Rest::Words(_) => format!("{ALNUM}{{17}}\\.eyJ{ALNUM}{{40}}\\.{ALNUM}{{43}}"),
                Rest::Any => format!("{ALNUM}{{24,48}}"),
                Rest::Long(n) => format!("{ALNUM}{{{},48}}", n.max(&24)),
            };
            drawn.prop_map_into(begins)
        });
        proptest::strategy::Union::new(kinds)
    }

    trait AsBegun {
        fn prop_map_into(self, begins: &'static str) -> BoxedStrategy<String>;
    }

    impl AsBegun for String {
        fn prop_map_into(self, begins: &'static str) -> BoxedStrategy<String> {
            let drawn = proptest::string::string_regex(&self).expect("a pattern");
            // As good as never drawn so: without a digit, or of one kind.
            let drawn = drawn.prop_filter("mixed", |text| is_mixed(text) || text.len() < 20);
            drawn.prop_map(move |drawn| format!("{begins}{drawn}")).boxed()
        }
    }

    /// What stands around it.
    fn clothed(credential: &str) -> [String; 9] {
        [
            credential.to_owned(),
            format!("The key is {credential}."),
            format!("STRIPE_API_KEY={credential}"),
            format!("{{\"key\":\"{credential}\"}}"),
            format!("Authorization: Bearer {credential}"),
            format!("export KEY='{credential}'; run"),
            format!("nyckeln är “{credential}”, tack"),
            format!("`{credential}`\n"),
            format!("https://example.org/?key={credential}&x=1"),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..Default::default() })]

        #[test]
        fn a_made_credential_of_every_known_kind_is_seen_in_any_clothing(credential in made()) {
            for text in clothed(&credential) {
                prop_assert!(is_suspicious(&text), "{text}");
            }
        }

        #[test]
        fn a_credential_is_seen_also_with_what_is_invisible_in_it(credential in made()) {
            let (start, end) = credential.split_at(credential.len() / 2);
            let parted = format!("{start}\u{200b}{end}\u{feff}");
            prop_assert!(is_suspicious(&parted));
        }

        #[test]
        fn a_password_in_a_url_is_seen(
            scheme in "https|postgres|mysql|mongodb\\+srv|redis|amqp|smtp",
            user in "[a-z]{0,8}",
            password in "[a-zA-Z]{3}[0-9]{2}[a-zA-Z0-9!_.~-]{3,20}",
        ) {
            let url = format!("{scheme}://{user}:{password}@db.example.org:5432/app?ssl=true");
            for text in [url.clone(), format!("use \"{url}\" for it")] {
                prop_assert!(is_suspicious(&text), "{text}");
            }
        }
    }

    /// How many of a thousand are seen, each character drawn from these with a fixed seed.
    fn seen_of_a_thousand(length: usize, alphabet: &str) -> usize {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let one = proptest::sample::select(alphabet.chars().collect::<Vec<_>>());
        let all = proptest::collection::vec(one, length);
        let draws = (0..1000).map(|_| all.new_tree(&mut runner).expect("drawn").current());
        let draws = draws.map(String::from_iter);
        draws.filter(|text| clothed(text).iter().all(|text| is_suspicious(text))).count()
    }

    #[test]
    fn random_tokens_are_seen_but_for_the_few_that_chance_makes_plain() {
        const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";
        const DIGITS: &str = "0123456789";
        let capitals = SMALL.to_ascii_uppercase();
        let base62 = format!("{SMALL}{capitals}{DIGITS}");
        let base64 = format!("{base62}+/");
        let base64url = format!("{base62}-_");
        let hex = format!("{DIGITS}abcdef");
        for (what, length, alphabet, least) in [
            ("base62", 24, &base62, 930),
            ("base62", 32, &base62, 980),
            ("base62", 40, &base62, 990),
            ("base64", 32, &base64, 930),
            ("base64", 44, &base64, 960),
            ("base64url", 43, &base64url, 960),
            ("hex", 32, &hex, 1000),
            ("hex", 64, &hex, 1000),
            ("capital hex", 32, &hex.to_ascii_uppercase(), 1000),
            ("small letters and digits", 32, &format!("{SMALL}{DIGITS}"), 930),
            ("base32", 32, &format!("{capitals}234567"), 960),
        ] {
            let seen = seen_of_a_thousand(length, alphabet);
            assert!(seen >= least, "{what} of {length}: {seen}");
        }
    }

    #[test]
    fn what_is_no_token_and_a_credential_all_the_same_is_seen() {
        for text in [
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
            "postgres://app:hunter2@db/app",
            "redis://:hunter2@cache:6379",
            "https://anna:s3cr3t99@example.org/",
            "https://hooks.slack.com/services/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",
            "password=hunter2hunter2",
            "it is password: correct8horse!",
            "\"client_secret\": \"a1b2c3d4e5\"",
            "Endpoint=sb://x;SharedAccessKey=9hJ2/kLm+4nP7qRs1tUv3wXy5zA8bC0dEfGhIjKlMnO=",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
            "sk-proj-abc123xyz789",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "kliv1.7f3a9c1b2d4e5f60718293a4b5c6d7e8.AbCdEf0123456789abcdefGHIJ",
        ] {
            assert!(is_suspicious(text), "{text}");
        }
    }

    #[test]
    fn each_look_after_a_beginning_goes_only_so_far() {
        let at = |far: usize| {
            let (run, space) = ("a".repeat(far), " ".repeat(far));
            [
                has_password_in_url(&format!("amqp://app:{run}9@mq")),
                begins_like_one(&format!("eyJ{run}.eyJ{run}")),
                is_assigned(&format!("password={space}hunter2hunter2")),
                is_assigned(&format!("bearer {space}hunter2hunter2hunter2")),
            ]
        };
        assert_eq!(at(100), [true; 4]);
        assert_eq!(at(WINDOW), [false; 4]);
        assert_eq!(after(&"ä".repeat(WINDOW), 2).len(), WINDOW);
        assert_eq!(after("xä", 1), "ä");
        assert_eq!(after(&format!("a{}", "ä".repeat(WINDOW)), 0).len(), WINDOW - 1);
    }

    #[test]
    fn what_people_and_agents_write_passes() {
        for text in [
            "",
            "To send order confirmations through SendGrid.",
            "För att skicka kvitton till kunderna; nyckeln behövs bara i produktion.",
            "Charges cards when somebody checks out. Needs the secret key, not the publishable one.",
            "The key begins with sk_live_ in production and with sk_test_ in test.",
            "Looks like sk-proj-… or sk-ant-…, some 50 characters.",
            "sk_live_xxxxxxxxxxxxxxxxxxxxxxxx",
            "postgres://user:password@host:5432/db",
            "postgres://app:$DB_PASSWORD@db/app",
            "postgres://<user>:<password>@<host>/<database>",
            "postgres://db.example.org/app",
            "https://dashboard.stripe.com/apikeys",
            "https://platform.openai.com/settings/organization/api-keys",
            "https://console.cloud.google.com/apis/credentials?project=my-project-123456",
            "https://github.com/settings/personal-access-tokens/new",
            "https://hooks.slack.com/",
            "https://medium.com/@anna/how-to-rotate-keys-2026",
            "http://localhost:8080/@scope/pkg",
            "https://app.example.org/accounts/acme/requests/stripe-api-key.production",
            "OPENAI_API_KEY",
            "STRIPE_WEBHOOK_SIGNING_SECRET_2",
            "AWS_S3_BUCKET_EU_WEST_1",
            "openai-api-key.production",
            "kliv-secrets-editor",
            "order-worker-7d9c5b8f6d-x2x9k",
            "system:serviceaccount:acme:edge-functions",
            "arn:aws:iam::123456789012:role/OrderWorkerRole",
            "6c41d3f0-8c41-4a3a-9d8c-1f1b7c8f7f60",
            "uid 6C41D3F0-8C41-4A3A-9D8C-1F1B7C8F7F60 of the account",
            "2026-11-24T10:00:00.123456789Z",
            "2026-11-24T10:00:00+01:00",
            "v1.32.4-rc.1+build.20261124",
            "commit b1656f7 (b1656f7a9c)",
            "anna.andersson@example.org",
            "+46 70 123 45 67, org.nr 556677-8899",
            "live_mode, test_mode, sandbox_account_2 and production_like_environment",
            "re_engagement_campaign_2026 and npm_config_registry",
            "password: at least 12 characters",
            "token: see the provider's page",
            "secret: STRIPE_API_KEY_V2",
            "password=<your password>, secret=${SECRET_1}",
            "Bearer tokens are read from OPENAI_API_KEY",
            "basic authentication against api2.example.org",
            "createServerSideStripeClientForCheckout",
            "getUser2FactorAuthenticationTokenFromRequest",
            "src/functions/orderConfirmation/sendReceiptMail2.ts",
            "apps/v1/namespaces/acme/Deployments/OrderWorker",
            "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
            "realisationsvinstbeskattningsreglerna",
            "claude-code/2.1.34 (Linux; x86_64)",
            "gpt-5.2-turbo-2026-10-01",
            "4,99 € / 1000 SMS",
        ] {
            assert!(!is_suspicious(text), "{text}");
        }
    }

    #[test]
    fn it_is_found_at_any_depth_and_named_by_the_tools_own_arguments_alone() {
        const KEY: &str = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
        let schema = json!({ "properties": { "purpose": {}, "names": {}, "value": {} } });
        let schema = schema.as_object().unwrap();
        let found = |arguments: Value| {
            find(arguments.as_object().unwrap(), schema).map(|found| found.argument)
        };
        assert_eq!(found(json!({ "purpose": KEY })), Some(Some("purpose")));
        assert_eq!(found(json!({ "names": [1, { "a": [KEY] }] })), Some(Some("names")));
        assert_eq!(found(json!({ "names": { KEY: 1 } })), Some(Some("names")));
        assert_eq!(found(json!({ KEY: 1 })), Some(None));
        assert_eq!(found(json!({ "prupose": KEY })), Some(None));
        assert_eq!(found(json!({ "value": null, "purpose": KEY })), Some(Some("purpose")));
        assert_eq!(found(json!({ "names": { "value": KEY } })), Some(Some("names")));
        assert_eq!(found(json!({ "value": null, "purpose": "to pay", "names": [] })), None);
    }
}
