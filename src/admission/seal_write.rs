//! Where the value of a write comes from: given, sealed already, kept, made or asked for.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value};

use super::answer::Cause;
use super::generate::generate;
use super::review::wipe;
use crate::api::names::MAX_VALUE_BYTES;
use crate::api::{Intent, Source};
use crate::seal::{Binding, CryptoRng, Malformed, Plaintext, Sealed, SealingKey, seal};

const VALUE: &str = "spec.value";
const SEALED: &str = "spec.sealed";

/// Takes `value` out of a spec, so that nothing after this sees it there.
pub(super) fn take_value(spec: &mut Map<String, Value>) -> Result<Option<Plaintext>, Cause> {
    let text = match spec.remove("value") {
        None => return Ok(None),
        Some(Value::String(text)) => text,
        Some(Value::Null) => return Err(EMPTY),
        Some(mut other) => {
            let scalar = other.is_number() || other.is_boolean();
            wipe(&mut other);
            return Err(if scalar { UNQUOTED } else { NOT_TEXT });
        }
    };
    let is_sealed = Sealed::parse(text.trim()).is_ok();
    let value = Plaintext::new(text.into_bytes());
    if value.is_empty() {
        return Err(EMPTY);
    }
    if value.len() > MAX_VALUE_BYTES {
        return Err(TOO_LARGE);
    }
    if holds_nul(&value) {
        return Err(NUL);
    }
    if is_sealed {
        return Err(Cause::fixed(
            VALUE,
            "holds a value that is sealed already: put it into spec.sealed",
        ));
    }
    Ok(Some(value))
}

/// What `spec.sealed` becomes.
pub(super) enum Outcome {
    /// It stays as it was sent (or absent, for a question).
    AsSent,
    /// It becomes this text.
    Becomes(String),
}

/// Decides where the value comes from, and seals it if it has to be.
///
/// `value` wins over everything; then a `sealed` that was sent; then the one that is
/// stored already, so that a manifest without a value, a `generate` that is applied
/// again and an answered question keep what they have; then `generate`.
pub(super) fn outcome(
    value: Option<&Plaintext>,
    intent: &Intent,
    stored: Option<&str>,
    account: &str,
    key: &SealingKey,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<Outcome, Cause> {
    let binding =
        Binding { account, variable: &intent.env_var, environment: intent.environment.as_deref() };
    let sealed = |value: &Plaintext, rng: &mut _| {
        let sealed = seal(key, &binding, value, now, rng).map_err(|_| TOO_LARGE)?;
        Ok(Outcome::Becomes(sealed.to_string()))
    };
    match (value, &intent.source, stored) {
        (Some(value), _, _) => sealed(value, rng),
        (None, Source::Sealed(sent), Some(stored)) if sent == stored => Ok(Outcome::AsSent),
        (None, Source::Sealed(sent), _) => {
            Sealed::parse(sent).map_err(malformed).map(|_| Outcome::AsSent)
        }
        (None, _, Some(stored)) => Ok(Outcome::Becomes(stored.to_owned())),
        (None, Source::Generate(wish), None) => sealed(&generate(wish, rng)?, rng),
        (None, Source::Question(_), None) => Ok(Outcome::AsSent),
        (None, Source::Nothing, None) => Err(NOTHING),
    }
}

#[expect(clippy::disallowed_methods, reason = "an environment variable can't hold a NUL byte")]
fn holds_nul(value: &Plaintext) -> bool {
    value.expose().contains(&0)
}

fn malformed(why: Malformed) -> Cause {
    Cause::fixed(
        SEALED,
        match why {
            Malformed::NotSealed => {
                "is not a sealed value: it is kliv1.<key id>.<base64url>. A plain value goes into \
                 spec.value"
            }
            Malformed::Version => "is sealed in a newer format: upgrade kliv-secrets first",
            Malformed::KeyId => {
                "is damaged: its key id is not 32 small hexadecimal digits. Seal the value again"
            }
            Malformed::Encoding => {
                "is damaged: it is not base64url without padding, on one line. Seal the value again"
            }
            Malformed::Length => "is damaged: it was cut or lengthened. Seal the value again",
        },
    )
}

const EMPTY: Cause = Cause::fixed(
    VALUE,
    "is empty. Give a value, or leave the field out: then the value that is stored stays. To take \
     the variable away, delete the KlivSecret",
);
const UNQUOTED: Cause = Cause::fixed(
    VALUE,
    "must be text: put it in quotes, so that YAML does not take it for a number or a truth value",
);
const NOT_TEXT: Cause = Cause::fixed(
    VALUE,
    "must be text. Put a value of several lines after 'value: |-', and JSON in quotes",
);
const TOO_LARGE: Cause =
    Cause::fixed(VALUE, "is larger than 64 KiB, counted in bytes. Keep files elsewhere");
const NUL: Cause = Cause::fixed(
    VALUE,
    "holds a NUL byte, which no environment variable can. Give binary data in base64",
);
const NOTHING: Cause = Cause::fixed(
    VALUE,
    "is missing. Give one of spec.value (it is sealed on its way in), spec.sealed (a sealed \
     value), spec.generate (a random one is made) or spec.request (a question for people)",
);
