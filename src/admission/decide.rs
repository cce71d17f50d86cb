//! What becomes of a write: review in, answer out.

use k8s_openapi::jiff::Timestamp;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Cause, Verdict};
use super::edit::Edit;
use super::refused_call;
use super::review::{Object, Operation, Review};
use super::scrub::scrub;
use super::seal_write::{self, Outcome};
use super::search::Needles;
use super::stamp::{Writer, stamped, via, writer};
use super::warn::warnings;
use crate::api::names::{ANNOTATION_REFUSED_CALL, ANNOTATION_STAMPS, EXTRA_ON_BEHALF_OF};
use crate::api::{Intent, KlivSecretSpec, Source, What};
use crate::seal::{CryptoRng, Plaintext, SealingKey};

/// Answers a review, given as the bytes of its JSON.
///
/// The answer depends on the review alone (and on key, time and chance), so nobody
/// learns about other objects by asking, and a dry run is answered like a real one.
#[must_use]
pub fn answer(review: &[u8], key: &SealingKey, now: Timestamp, rng: &mut impl CryptoRng) -> Answer {
    let Ok(mut review) = Review::parse(review) else {
        let cause = Cause::fixed("request", "is not an admission review; nothing was stored");
        let verdict = Verdict::Refused(cause);
        return Answer { uid: String::new(), namespace: None, name: None, verdict, call: None };
    };
    let uid = review.uid().to_owned();
    let namespace = review.namespace().filter(|text| is_printable_name(text)).map(str::to_owned);
    let Some(operation) = review.operation() else {
        return Answer { uid, namespace, name: None, verdict: Verdict::untouched(), call: None };
    };
    let object = review.take_object();
    if operation == Operation::Create
        && let Some(call) = object.annotation(ANNOTATION_REFUSED_CALL)
    {
        let (cause, call) = refused_call::told(&review, call, now);
        return Answer { uid, namespace, name: None, verdict: Verdict::Refused(cause), call };
    }
    let mut write = Write {
        operation,
        stored: review.take_old_object(),
        edit: Edit::new(object),
        review: &review,
    };
    let value = match write.edit.object.spec_mut() {
        Some(spec) => seal_write::take_value(spec),
        None => Err(Cause::fixed("spec", "is missing: give at least spec.envVar and spec.value")),
    };
    let name = write.printable_name(value.as_ref().ok().and_then(Option::as_ref));
    let verdict =
        value.and_then(|value| write.decide(value, key, now, rng)).unwrap_or_else(Verdict::Refused);
    Answer { uid, namespace, name, verdict, call: None }
}

/// One write of a KlivSecret.
struct Write<'a> {
    operation: Operation,
    stored: Object,
    edit: Edit,
    review: &'a Review,
}

impl<'a> Write<'a> {
    fn decide(
        mut self,
        value: Option<Plaintext>,
        key: &SealingKey,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Verdict, Cause> {
        if !self.edit.object.0.get("metadata").is_some_and(Value::is_object) {
            return Err(Cause::fixed("metadata", "is missing"));
        }
        let mut told = Vec::new();
        if value.is_some() {
            self.edit.taken(&["spec", "value"]);
        }
        if scrub(&mut self.edit) {
            told.push(
                "an annotation with compressed data was taken away: it could hold the value in the \
                 clear"
                    .into(),
            );
        }
        if value.is_none() && self.leaves_spec_alone() {
            self.put_stamps_back();
            return Ok(Verdict::Allowed { patch: self.edit.into_patch(), warnings: told });
        }

        let account = self
            .review
            .namespace()
            .ok_or(Cause::fixed("metadata.namespace", "is missing: a KlivSecret has an account"))?;
        let writer = self.writer()?;
        if value.is_some() {
            // The value wins, whatever stood there.
            self.edit.remove(&["spec", "sealed"]);
        }
        let spec = understand(self.edit.object.spec())?;
        self.check_immutable(&spec)?;
        let intent = Intent::of(self.edit.object.name(), &spec)?;
        if let Some(field) =
            value.as_ref().and_then(Needles::of).and_then(|n| n.find_in(&self.edit.object))
        {
            return Err(Cause {
                field: field.into(),
                message: "holds the value of spec.value, where it would be stored in the clear. \
                          Nothing was stored; take it out there and try again"
                    .into(),
            });
        }
        let stored = self.stored.sealed();
        let outcome = seal_write::outcome(value.as_ref(), &intent, stored, account, key, now, rng)?;
        if let Outcome::Becomes(sealed) = outcome {
            self.edit.set(&["spec", "sealed"], sealed.into());
        }
        if self.edit.object.spec() == self.stored.spec() {
            // What was missing has been put back, so nothing changed after all.
            self.put_stamps_back();
        } else {
            self.stamp(writer, now);
        }
        told.extend(warnings(&intent, self.operation == Operation::Create, value.as_ref()));
        Ok(Verdict::Allowed { patch: self.edit.into_patch(), warnings: told })
    }

    /// Whether only metadata changes. Such a write is never refused: an object that was
    /// stored once can always be labelled and deleted.
    fn leaves_spec_alone(&self) -> bool {
        self.operation == Operation::Update
            && self.edit.object.spec() == self.stored.spec()
            && !self.heals()
    }

    /// Whether a value that was asked for by `generate` is still to be made: the object
    /// was stored while no webhook ran.
    fn heals(&self) -> bool {
        let object = &self.edit.object;
        !object.is_being_deleted()
            && self.writer().is_ok()
            && understand(object.spec())
                .ok()
                .and_then(|spec| Intent::of(object.name(), &spec).ok())
                .is_some_and(|intent| matches!(intent.source, Source::Generate(_)))
    }

    /// The CRD says the same; here it comes before anything is carried over.
    fn check_immutable(&self, spec: &KlivSecretSpec) -> Result<(), Cause> {
        if self.operation == Operation::Create {
            return Ok(());
        }
        if self.stored.text("/spec/envVar") != Some(&spec.env_var) {
            return Err(Cause::fixed(
                "spec.envVar",
                "can't be changed: create a new KlivSecret and delete this one",
            ));
        }
        if self.stored.text("/spec/environment") != spec.environment.as_deref() {
            return Err(Cause::fixed(
                "spec.environment",
                "can't be changed: create a new KlivSecret and delete this one",
            ));
        }
        Ok(())
    }

    fn writer(&self) -> Result<Writer<'a>, Cause> {
        writer(self.review.user(), self.review.extra(EXTRA_ON_BEHALF_OF))
    }

    fn stamp(&mut self, writer: Writer<'_>, now: Timestamp) {
        let changed = self.edit.object.sealed() != self.stored.sealed();
        let what = if changed { What::Value } else { What::Spec };
        let before = self.stored.annotation(ANNOTATION_STAMPS);
        let via = via(self.review.field_manager());
        let text = stamped(before, self.stored.recorded_stamp(), writer, via, what, now);
        self.edit.set_annotation(ANNOTATION_STAMPS, text);
    }

    fn put_stamps_back(&mut self) {
        let before = self.stored.annotation(ANNOTATION_STAMPS);
        match (before, self.edit.object.annotation(ANNOTATION_STAMPS)) {
            (Some(before), now) if now != Some(before) => {
                self.edit.set_annotation(ANNOTATION_STAMPS, before.to_owned());
            }
            (None, Some(_)) => self.edit.remove_annotation(ANNOTATION_STAMPS),
            _ => {}
        }
    }

    /// The object's name, unless it is malformed or holds the value.
    #[expect(clippy::disallowed_methods, reason = "a name that holds the value is not printed")]
    fn printable_name(&self, value: Option<&Plaintext>) -> Option<String> {
        let name = self.edit.object.name();
        let holds_value = value.is_some_and(|value| {
            let text = String::from_utf8_lossy(value.expose()).to_ascii_lowercase();
            let text = zeroize::Zeroizing::new(text);
            let text = text.trim();
            text.len() >= 4 && name.contains(text)
        });
        (is_printable_name(name) && !holds_value).then(|| name.to_owned())
    }
}

/// Every field of a spec but the value, and what it is called in a refusal.
const FIELDS: [(&str, &str); 9] = [
    ("envVar", "spec.envVar"),
    ("environment", "spec.environment"),
    ("description", "spec.description"),
    ("sealed", "spec.sealed"),
    ("generate", "spec.generate"),
    ("rotateAfterDays", "spec.rotateAfterDays"),
    ("expirationTime", "spec.expirationTime"),
    ("refuseSealedBefore", "spec.refuseSealedBefore"),
    ("request", "spec.request"),
];

/// Reads a spec field by field, so that the one that can't be read is named; the
/// reader's own error would quote it.
fn understand(spec: Option<&Map<String, Value>>) -> Result<KlivSecretSpec, Cause> {
    let Some(spec) = spec else { return Err(Cause::fixed("spec", "is missing")) };
    if let Ok(spec) = KlivSecretSpec::deserialize(spec) {
        return Ok(spec);
    }
    if !spec.contains_key("envVar") {
        return Err(Cause::fixed(
            "spec.envVar",
            "is missing: give the environment variable's name, e.g. OPENAI_API_KEY",
        ));
    }
    let wrong = FIELDS.iter().find(|(key, _)| {
        spec.get(*key).is_some_and(|field| {
            let mut alone = json!({ "envVar": "A" });
            alone[*key] = field.clone();
            let alone = Object(alone);
            KlivSecretSpec::deserialize(&alone.0).is_err()
        })
    });
    let field = wrong.map_or("spec", |(_, field)| field);
    Err(Cause::fixed(
        field,
        "can't be read: see `kubectl explain klivsecret.spec --recursive` for what goes there",
    ))
}

/// Small letters, digits, dashes and dots: such a text can be printed anywhere. It need be no
/// name that an object can have, as a prefix of `generateName` is none.
pub(super) fn is_printable_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    (1..=253).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt as _;

    use super::*;
    use crate::api::KlivSecret;

    #[test]
    fn every_field_of_the_schema_can_be_named() {
        let crd = serde_json::to_value(KlivSecret::crd()).expect("JSON");
        let fields = crd
            .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties")
            .and_then(Value::as_object)
            .expect("a schema");
        let mut named: Vec<&str> = FIELDS.iter().map(|(key, _)| *key).chain(["value"]).collect();
        named.sort_unstable();
        assert_eq!(fields.keys().collect::<Vec<_>>(), named);
        for (key, field) in FIELDS {
            assert_eq!(field, format!("spec.{key}"));
        }
    }
}
