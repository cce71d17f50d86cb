//! `store_secret`: the only tool that takes a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::in_place::{is_test, stands_in_for_none};
use crate::account::{
    Caller, Details, DryRun, How, Invalid, Target, Told, Value, provider_of, replaceable,
};
use crate::admission::held_in;
use crate::api::names::CHAT_FIELD_MANAGER;
use crate::api::{KlivSecret, fits};
use crate::mcp::arguments::Taken;
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::named::Named;
use crate::mcp::tool::{Effect, Outcome, Tool};
use crate::seal::{MAX_VALUE, Plaintext};

pub(super) struct StoreSecret;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The environment variable, named after the service, e.g. `SENDGRID_API_KEY`.
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// The environment, e.g. `test`; without one, functions of every environment get it.
    #[schemars(length(min = 1, max = 63))]
    environment: Option<String>,
    /// What the person pasted, word for word. It is encrypted before anything is sent, and never
    /// comes back.
    #[serde(rename = "value")]
    _value: Taken,
    /// What it is for, where it comes from, whom to ask.
    #[schemars(length(max = 1024))]
    description: Option<String>,
    /// Remind people after so many days to replace it.
    #[schemars(range(min = 1, max = 3650))]
    rotate_after_days: Option<i32>,
    /// The secret has a value, and this one is to take its place in all functions. Only where
    /// the person has said so, and only in an environment that is plainly for trying things out.
    #[serde(default)]
    replace: bool,
    /// It was refused as odd, and the person says that it is right all the same.
    #[serde(default)]
    sure: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    named: Named,
    /// Whether the secret is new; otherwise it was there.
    created: bool,
    /// What was stored, where it can be told by its form, e.g. `Stripe test secret key`.
    recognised: Option<String>,
    /// It went through this conversation and its model: the audit trail says so.
    passed_through_model: bool,
    /// What to tell the person.
    tell: &'static str,
    /// What to do next.
    next: &'static str,
}

const TELL: &str = "What was pasted is stored encrypted, but it has also passed through this \
                    conversation and the model behind it, and may stay in their logs; the audit \
                    trail marks it so. It is best replaced: make a new one at its provider, \
                    and hand it in on the web page or with kubectl kliv, never in a chat.";

const NEXT: &str = "Do not repeat it, write it into files or use it anywhere: code reads the \
                    variable. Offer to replace it: update_secret with ask_for_new_value asks a \
                    person for a new one, which you don't see. wait_for_secret says when functions \
                    have it.";

impl Tool for StoreSecret {
    const NAME: &'static str = "store_secret";
    const TITLE: &'static str = "Store a value from the chat";
    const DESCRIPTION: &'static str = "Stores a credential that the person has already pasted into \
        this conversation: it is encrypted at once and never comes back. Never ask anybody to \
        paste one: request_secret lets a person supply it without you seeing it, and is always \
        better. A value that is there is replaced only with \"replace\": true, and only in a plainly \
        test environment. Elsewhere a person replaces it (update_secret), answers what waits, and \
        gives an environment one of its own where its functions have one. The audit trail marks \
        that a model has seen it, so offer to replace it afterwards.";
    const EFFECT: Effect = Effect::Destroys;
    const VALUE: Option<&'static str> = Some("value");
    type Input = Input;
    type Output = Output;

    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Output>, Failure> {
        let target = Target::parse(&input.name, input.environment.as_deref())?;
        let Some(value @ Value::Plain(plain)) = &call.value else {
            return Err(Failure::new(
                "There is no value in the arguments, so nothing was stored. If the person has not \
                 pasted one, ask for it with request_secret.",
            ));
        };
        usable(plain)?;
        let described = input.description.as_deref();
        nowhere_else(plain, &target, None, described)?;
        let caller = Caller { field_manager: CHAT_FIELD_MANAGER, ..call.caller.clone() };
        let before = caller.find_object(&target.object()).await?;
        let target = target.resolved(before.as_ref());
        replaced(before.as_ref(), input.replace)?;
        stands_in_for_none(&caller, &target).await?;
        nowhere_else(plain, &target, before.as_ref(), described)?;
        let told = Told::of(&target, before.is_none(), plain);
        if !input.sure {
            looked_at(&target, &told)?;
        }
        let key = caller.sealing_key().await?;
        let details = Details {
            description: input.description,
            rotate_after_days: input.rotate_after_days,
            expiration_time: None,
        };
        let how = How { key: &key, now: call.now, dry_run: DryRun::None };
        let written = caller.set(&target, before.as_ref(), value, details, &how).await?;
        Ok(Outcome::Done(Output {
            named: target.into(),
            created: written.is_new,
            recognised: told.recognised.map(|what| what.to_string()),
            passed_through_model: true,
            tell: TELL,
            next: NEXT,
        }))
    }
}

/// That a variable can hold it, and that it is whole.
#[expect(clippy::disallowed_methods, reason = "what no variable can hold is refused")]
fn usable(value: &Plaintext) -> Result<(), Failure> {
    let bytes = value.expose();
    let has = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
    if bytes.is_empty() {
        return Err(Failure::new("The value is empty, so nothing was stored."));
    }
    if bytes.len() > MAX_VALUE {
        return Err(crate::account::Error::from(Invalid::TooLarge).into());
    }
    if bytes.contains(&0) {
        return Err(Failure::new(
            "The value holds a zero character, which no environment variable can hold. Nothing was \
             stored.",
        ));
    }
    if bytes.starts_with(b"-----BEGIN ") && !has(b"-----END ") {
        return Err(Failure::new(
            "That is the beginning of a key only, without its end. Nothing was stored. Give all of \
             it.",
        ));
    }
    Ok(())
}

/// That the value stands nowhere beside itself in what is to be stored. The front door looks for
/// that, but gets it sealed.
fn nowhere_else(
    value: &Plaintext,
    target: &Target,
    before: Option<&KlivSecret>,
    description: Option<&str>,
) -> Result<(), Failure> {
    let mut stored = before.map_or(Json::Null, |before| json!(before));
    let mut given = json!({
        "metadata": { "name": target.object() },
        "spec": { "envVar": target.variable, "environment": target.environment },
    });
    if let Some(description) = description {
        given["spec"]["description"] = description.into();
    }
    json_patch::merge(&mut stored, &given);
    let place = match held_in(value, stored).as_deref() {
        None => return Ok(()),
        Some("metadata.name" | "spec.envVar") => "the argument `name`",
        Some("spec.environment") => "the argument `environment`",
        Some("spec.description") if description.is_some() => "the argument `description`",
        Some("spec.description") => "the description that the secret has",
        Some(_) => "what is stored of the secret already",
    };
    Err(Failure::new(format!(
        "refused: {place} holds the value, too, and there it would stand in the clear. Nothing was \
         stored. Call again without it there; what is stored already a person has to change first"
    )))
}

/// That nothing is replaced unasked, and where people pay nothing without a person.
fn replaced(before: Option<&KlivSecret>, replace: bool) -> Result<(), Failure> {
    match before.filter(|before| replaceable(before).is_ok()) {
        Some(before) if !is_test(before.spec.environment.as_deref()) => Err(Failure::new(
            "The secret has a value, and its environment is not plainly for trying things out, so \
             nothing was changed: a person replaces it. Call update_secret with \
             ask_for_new_value, and he hands in the new one himself, never in the chat.",
        )),
        Some(_) if !replace => Err(Failure::new(
            "The secret has a value, and nothing was changed. If the person wants what he pasted \
             in its place, in all functions that have it, call again with \"replace\": true; \
             otherwise take a name or an environment of its own.",
        )),
        _ => Ok(()),
    }
}

/// That nothing about it is odd.
fn looked_at(target: &Target, told: &Told) -> Result<(), Failure> {
    let mut odd: Vec<String> = told.warnings.clone();
    if let Some(what) = told.recognised {
        let provider = provider_of(&target.variable).map(|provider| provider.name);
        let is_anothers =
            !what.provider.is_empty() && provider.is_some_and(|name| name != what.provider);
        if is_anothers || !fits(&target.variable, what) {
            odd.push(format!(
                "the value is plainly a {what}, which does not belong under this name"
            ));
        }
    }
    if odd.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "Nothing was stored, because something is odd: {}. Tell the person. If it is right all the \
         same, call again with \"sure\": true.",
        odd.join("; ")
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(text: &str) -> Plaintext {
        Plaintext::new(text.into())
    }

    fn odd(variable: &str, environment: Option<&str>, value: &str) -> Option<String> {
        let target = Target::new(variable.into(), environment.map(str::to_owned));
        let told = Told::of(&target, true, &plain(value));
        looked_at(&target, &told).err().map(|failure| failure.text().to_owned())
    }

    #[test]
    fn what_is_odd_is_refused_in_words_that_quote_nothing_of_it() {
        for (variable, environment, value, why) in [
            ("OPENAI_API_KEY", None, "sk_live_c4n4ry", "a Stripe live secret key, which does not"),
            ("ANALYTICS_TOKEN", None, "sk_test_c4n4ry", "does not belong under this name"),
            ("STRIPE_API_KEY", Some("production"), "sk_test_c4n4ry", "give the live one"),
            ("STRIPE_API_KEY", Some("test"), "sk_live_c4n4ry", "give a test key"),
            ("API_KEY", None, "c4n4ry", "says nothing about what it opens"),
            ("MAIL_PASSWORD", None, "c4n4ry ", "white space"),
            ("MAIL_PASSWORD", None, "changeme", "nothing was stored"),
        ] {
            let told = odd(variable, environment, value).unwrap_or_default();
            let small = told.to_lowercase();
            assert!(small.contains(&why.to_lowercase()), "{variable} {value}: {told}");
            assert!(told.contains("\"sure\": true") && !told.contains("c4n4ry"), "{told}");
        }
        for (variable, environment, value) in [
            ("STRIPE_API_KEY", Some("test"), "sk_test_1a2b"),
            ("STRIPE_WEBHOOK_SECRET", None, "whsec_1a2b"),
            ("MAIL_PASSWORD", None, "correct horse"),
        ] {
            assert_eq!(odd(variable, environment, value), None, "{variable}");
        }
    }

    #[test]
    fn what_no_variable_can_hold_is_refused() {
        for value in ["", "a\0b", "-----BEGIN PRIVATE KEY-----\nabc"] {
            assert!(usable(&plain(value)).is_err(), "{value:?}");
        }
        let pem = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n";
        for value in ["a", pem, &"a".repeat(MAX_VALUE)] {
            assert!(usable(&plain(value)).is_ok());
        }
        assert!(usable(&plain(&"ä".repeat(MAX_VALUE / 2 + 1))).is_err(), "bytes count");
    }

    #[test]
    fn a_value_that_stands_beside_itself_too_is_refused_by_the_place_alone() {
        const VALUE: &str = "sommar-i-uppsala";
        let told = |name: &str, environment: Option<&str>, before, description: Option<&str>| {
            let target = Target::new(name.into(), environment.map(str::to_owned));
            let told = nowhere_else(&plain(VALUE), &target, before, description);
            let told = told.err().map(|failure| failure.text().to_owned())?;
            assert!(!told.contains("uppsala"), "{told}");
            told.split_once(" holds the value").map(|(place, _)| place.to_owned())
        };
        let secret = |spec, annotations| -> KlivSecret {
            let metadata = json!({ "name": "a-key", "annotations": annotations });
            serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap()
        };
        let argument = |name: &str| Some(format!("refused: the argument `{name}`"));
        for form in [
            "SMTP password sommar-i-uppsala",
            "{\"password\":\"sommar-i-uppsala\"}",
            "in base64: c29tbWFyLWktdXBwc2FsYQ==",
            "736f6d6d61722d692d75707073616c61",
            "smtp://mail:sommar%2Di%2Duppsala@mail",
        ] {
            assert_eq!(told("A_KEY", None, None, Some(form)), argument("description"), "{form}");
        }
        assert_eq!(told("A_KEY", None, None, Some("the password of mail in Uppsala")), None);
        assert_eq!(told("A_KEY", None, None, None), None);
        let described = secret(json!({ "envVar": "A_KEY", "description": VALUE }), json!({}));
        let it_has = Some("refused: the description that the secret has".to_owned());
        assert_eq!(told("A_KEY", None, Some(&described), None), it_has);
        assert_eq!(told("A_KEY", None, Some(&described), Some("to send mail")), None);
        let noted = secret(json!({ "envVar": "A_KEY" }), json!({ "note": VALUE }));
        let already = Some("refused: what is stored of the secret already".to_owned());
        assert_eq!(told("A_KEY", None, Some(&noted), Some("to send mail")), already);
        let digits = plain("2026112900");
        let target = Target::new("KEY_2026112900".into(), None);
        assert!(nowhere_else(&digits, &target, None, None).is_err(), "a name is stored as well");
    }

    #[test]
    fn a_value_that_is_there_is_replaced_only_when_told_and_where_people_pay_by_none_but_a_person()
    {
        let secret = |spec| {
            let object = json!({ "metadata": { "name": "a-key" }, "spec": spec });
            serde_json::from_value::<KlivSecret>(object).unwrap()
        };
        let stored = secret(json!({
            "envVar": "A_KEY", "environment": "test", "sealed": "kliv1.x",
        }));
        let asked = secret(json!({ "envVar": "A_KEY", "request": { "purpose": "p" } }));
        assert!(replaced(Some(&stored), false).is_err());
        assert!(replaced(Some(&stored), true).is_ok());
        assert!(replaced(Some(&asked), false).is_ok(), "it answers the question");
        assert!(replaced(None, false).is_ok());
        for environment in [Some("production"), Some("eu"), None] {
            let stored = secret(json!({
                "envVar": "A_KEY", "environment": environment, "sealed": "kliv1.x",
                "request": { "purpose": "p", "replaces": 1 },
            }));
            let refused = replaced(Some(&stored), true).expect_err("a refusal");
            assert!(refused.text().contains("update_secret with ask_for_new_value"));
        }
    }
}
