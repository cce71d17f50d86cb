//! The fields that forms about a secret share: as they were sent, what they mean, and what is
//! wrong with each. Pure.

use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::form::Fields;
use super::super::frame::Problem;
use super::super::rules::{MAX_DAYS, MAX_DESCRIPTION, NameSays};
use super::super::shown::line;
use crate::account::{Details, Error, NotTaken, SealedAt, Target};
use crate::api::{Alphabet, Generate, KlivSecret, check_environment};

/// A field of a form, by what it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Field {
    Name,
    Environment,
    Description,
    Value,
    Length,
    RotateAfter,
    Expires,
}

impl Field {
    /// The id of its input.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Environment => "environment",
            Self::Description => "description",
            Self::Value => "typed",
            Self::Length => "length",
            Self::RotateAfter => "rotate-after",
            Self::Expires => "expires",
        }
    }
}

/// What is wrong with a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wrong {
    /// A name that can't be one.
    Name(NameSays),
    /// There is a secret of this name and environment.
    Taken,
    /// No environment can be called so.
    Environment,
    /// More than 1,024 characters.
    TooLong,
    /// There is no value: nothing was sealed.
    NoValue,
    /// What came is not sealed as it should be.
    Unsealed(NotTaken),
    /// No number of characters from 16 to 512.
    Length,
    /// No number of days from 1 to 3650.
    Days,
    /// No day.
    Date,
}

/// What is wrong with a form, field by field.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Errors(Vec<(Field, Wrong)>);

impl Errors {
    pub(crate) fn add(&mut self, field: Field, wrong: Wrong) {
        self.0.push((field, wrong));
    }

    /// What is wrong with a field.
    pub(crate) fn at(&self, field: Field) -> Option<Wrong> {
        self.0.iter().find(|(at, _)| *at == field).map(|(_, wrong)| *wrong)
    }

    pub(crate) fn has(&self, wrong: Wrong) -> bool {
        self.0.iter().any(|(_, is)| *is == wrong)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn all(&self) -> &[(Field, Wrong)] {
        &self.0
    }
}

/// The place that a new secret is for, as it was typed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct PlaceSent {
    pub(crate) name: String,
    pub(crate) environment: String,
}

impl PlaceSent {
    pub(crate) const FIELDS: [&str; 2] = ["name", "environment"];

    pub(crate) fn of(fields: &Fields) -> Self {
        Self::typed(fields.text("name"), fields.text("environment"))
    }

    /// What is a value most likely is not shown again.
    pub(crate) fn typed(name: &str, environment: &str) -> Self {
        let shown = |text: &str| match NameSays::of(text) {
            Some(NameSays::LooksLikeValue) => String::new(),
            _ => text.chars().take(256).collect(),
        };
        Self { name: shown(name), environment: shown(environment) }
    }

    /// The secret that is meant. The name is as it was sent: [`name`](Self::name) may be less.
    pub(crate) fn read(&self, fields: &Fields, errors: &mut Errors) -> Target {
        let (name, environment) = (fields.text("name"), fields.text("environment"));
        if let Some(says) = NameSays::of(name).filter(|says| says.refuses()) {
            errors.add(Field::Name, Wrong::Name(says));
        }
        let environment = Some(environment).filter(|text| !text.is_empty());
        if environment.is_some_and(|text| check_environment(text).is_err()) {
            errors.add(Field::Environment, Wrong::Environment);
        }
        Target::new(name.to_owned(), environment.map(str::to_owned))
    }
}

/// What is said of a secret beside its value, as it was typed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct DetailsSent {
    pub(crate) description: String,
    pub(crate) rotate_after: String,
    pub(crate) expires: String,
}

impl DetailsSent {
    pub(crate) const FIELDS: [&str; 3] = ["description", "rotateAfter", "expires"];

    pub(crate) fn of(fields: &Fields) -> Self {
        Self {
            description: fields.lines("description"),
            rotate_after: fields.text("rotateAfter").to_owned(),
            expires: fields.text("expires").to_owned(),
        }
    }

    /// As a secret has them now.
    pub(crate) fn now(secret: &KlivSecret) -> Self {
        let spec = &secret.spec;
        let expires = spec.expiration_time.as_ref();
        Self {
            description: spec.description.clone().unwrap_or_default(),
            rotate_after: spec.rotate_after_days.map(|days| days.to_string()).unwrap_or_default(),
            expires: expires.map(|time| date_of(time.0).to_string()).unwrap_or_default(),
        }
    }

    pub(crate) fn read(&self, errors: &mut Errors) -> Details {
        if self.description.chars().count() > MAX_DESCRIPTION {
            errors.add(Field::Description, Wrong::TooLong);
        }
        let days = self.rotate_after.parse().ok().filter(|days| (1..=MAX_DAYS).contains(days));
        if days.is_none() && !self.rotate_after.is_empty() {
            errors.add(Field::RotateAfter, Wrong::Days);
        }
        let expires = self.expires.parse().ok().and_then(begin_of);
        if expires.is_none() && !self.expires.is_empty() {
            errors.add(Field::Expires, Wrong::Date);
        }
        Details {
            description: Some(self.description.clone()).filter(|text| !text.is_empty()),
            rotate_after_days: days,
            expiration_time: expires.map(Time),
        }
    }

    /// The same; a day that was not touched keeps its hour.
    pub(crate) fn read_for(&self, secret: &KlivSecret, errors: &mut Errors) -> Details {
        let mut details = self.read(errors);
        let before = &secret.spec.expiration_time;
        if self.expires == Self::now(secret).expires && !self.expires.is_empty() {
            details.expiration_time.clone_from(before);
        }
        details
    }
}

fn date_of(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

fn begin_of(date: Date) -> Option<Timestamp> {
    date.to_zoned(TimeZone::UTC).ok().map(|begin| begin.timestamp())
}

/// Where a new value comes from, as it was chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct SourceSent {
    /// The cluster is to make it.
    pub(crate) generate: bool,
    pub(crate) length: String,
    pub(crate) alphabet: String,
}

/// Where a new value comes from.
pub(crate) enum Source {
    Sealed(SealedAt),
    Generate(Generate),
}

impl SourceSent {
    pub(crate) const FIELDS: [&str; 5] = ["source", "length", "alphabet", "sealed", "sealedAt"];

    pub(crate) fn of(fields: &Fields) -> Result<Self, Problem> {
        let generate = match fields.text("source") {
            "typed" | "" => false,
            "generate" => true,
            _ => return Err(Problem::BadForm),
        };
        let (length, alphabet) = (fields.text("length"), fields.text("alphabet"));
        Ok(Self { generate, length: length.to_owned(), alphabet: alphabet.to_owned() })
    }

    /// None where something is wrong with it.
    pub(crate) fn read(
        &self,
        fields: &Fields,
        errors: &mut Errors,
    ) -> Result<Option<Source>, Problem> {
        if !self.generate {
            return Ok(sealed(fields, errors).map(Source::Sealed));
        }
        let alphabet = match self.alphabet.as_str() {
            "" => None,
            "alphanumeric" => Some(Alphabet::Alphanumeric),
            "hex" => Some(Alphabet::Hex),
            "base64url" => Some(Alphabet::Base64url),
            _ => return Err(Problem::BadForm),
        };
        let length = self.length.parse().ok().filter(|length| (16..=512).contains(length));
        if length.is_none() && !self.length.is_empty() {
            errors.add(Field::Length, Wrong::Length);
            return Ok(None);
        }
        Ok(Some(Source::Generate(Generate { length, alphabet })))
    }
}

/// Where a write failed and the form can be mended, it is shown again with why.
pub(crate) fn failed(
    error: Error,
    errors: &mut Errors,
    refused: &mut Option<String>,
) -> Result<StatusCode, Problem> {
    match error {
        Error::NotTaken(why) => errors.add(Field::Value, Wrong::Unsealed(why)),
        Error::Refused(why) => *refused = Some(line(&why)),
        error => return Err(error.into()),
    }
    Ok(StatusCode::UNPROCESSABLE_ENTITY)
}

/// The sealed value of a form; none where it is not one, and then it is said why.
pub(crate) fn sealed(fields: &Fields, errors: &mut Errors) -> Option<SealedAt> {
    let text = fields.text("sealed");
    if text.is_empty() {
        errors.add(Field::Value, Wrong::NoValue);
        return None;
    }
    let read = SealedAt::read(text, fields.text("sealedAt"));
    read.map_err(|why| errors.add(Field::Value, Wrong::Unsealed(why))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::KlivSecretSpec;

    fn errors(errors: &Errors) -> Vec<(Field, Wrong)> {
        errors.all().to_vec()
    }

    #[test]
    fn what_is_wrong_with_a_place_is_said_at_its_field() {
        let long = "A".repeat(129);
        let label = "e".repeat(64);
        for (name, environment, wrong) in [
            ("STRIPE_API_KEY", "", vec![]),
            ("STRIPE_API_KEY", "production", vec![]),
            ("API_KEY", "", vec![]),
            ("", "", vec![(Field::Name, Wrong::Name(NameSays::Empty))]),
            ("PATH", "", vec![(Field::Name, Wrong::Name(NameSays::Reserved))]),
            ("a b", "", vec![(Field::Name, Wrong::Name(NameSays::NotAName))]),
            (&long, "", vec![(Field::Name, Wrong::Name(NameSays::TooLong))]),
            ("A=b", "", vec![(Field::Name, Wrong::Name(NameSays::LooksLikeValue))]),
            ("A_KEY", "Prod", vec![(Field::Environment, Wrong::Environment)]),
            ("A_KEY", "a.b", vec![(Field::Environment, Wrong::Environment)]),
            ("A_KEY", &label, vec![(Field::Environment, Wrong::Environment)]),
        ] {
            let fields = Fields::of(&[("name", name), ("environment", environment)]);
            let mut found = Errors::default();
            PlaceSent::of(&fields).read(&fields, &mut found);
            assert_eq!(errors(&found), wrong, "{name} {environment}");
        }
    }

    #[test]
    fn a_value_in_the_field_of_a_name_is_not_shown_again() {
        for (name, environment) in [("sk_live_c4n4ry", ""), ("A=c4n4ry", ""), ("A", "sk_live_1")] {
            let sent = PlaceSent::typed(name, environment);
            assert!(!format!("{sent:?}").contains("c4n4ry"), "{name}");
            assert!(!sent.environment.contains("sk_live"));
        }
        assert_eq!(PlaceSent::typed("PATH", "Prod").name, "PATH");
    }

    #[test]
    fn what_is_wrong_with_the_details_is_said_and_they_come_back() {
        let long = "å".repeat(1025);
        for (name, text, wrong) in [
            ("description", "å", None),
            ("description", &long, Some((Field::Description, Wrong::TooLong))),
            ("rotateAfter", "90", None),
            ("rotateAfter", "0", Some((Field::RotateAfter, Wrong::Days))),
            ("rotateAfter", "3651", Some((Field::RotateAfter, Wrong::Days))),
            ("rotateAfter", "soon", Some((Field::RotateAfter, Wrong::Days))),
            ("rotateAfter", "99999999999", Some((Field::RotateAfter, Wrong::Days))),
            ("expires", "2027-01-31", None),
            ("expires", "2027-02-30", Some((Field::Expires, Wrong::Date))),
            ("expires", "tomorrow", Some((Field::Expires, Wrong::Date))),
        ] {
            let sent = DetailsSent::of(&Fields::of(&[(name, text)]));
            let mut found = Errors::default();
            sent.read(&mut found);
            assert_eq!(errors(&found), Vec::from_iter(wrong), "{name} {text}");
            let back = [&sent.description, &sent.rotate_after, &sent.expires];
            assert!(back.into_iter().any(|back| back == text));
        }
    }

    #[test]
    fn a_day_that_was_not_touched_keeps_its_hour() {
        let at: Timestamp = "2027-01-31T13:37:00Z".parse().unwrap();
        let spec = KlivSecretSpec { expiration_time: Some(Time(at)), ..Default::default() };
        let secret = KlivSecret::new("a-key", spec);
        let expires = |day: &str| {
            let sent = DetailsSent { expires: day.to_owned(), ..DetailsSent::now(&secret) };
            let time = sent.read_for(&secret, &mut Errors::default()).expiration_time;
            time.map(|time| time.0.to_string())
        };
        assert_eq!(expires("2027-01-31").as_deref(), Some("2027-01-31T13:37:00Z"));
        assert_eq!(expires("2027-02-01").as_deref(), Some("2027-02-01T00:00:00Z"));
        assert_eq!(expires(""), None);
    }

    #[test]
    fn a_value_is_sealed_or_made_by_the_cluster_and_nothing_else() {
        let sealed = format!("kliv1.{}.{}", "0".repeat(32), "A".repeat(160));
        let read = |fields: &[(&str, &str)]| {
            let fields = Fields::of(fields);
            let mut found = Errors::default();
            let source = SourceSent::of(&fields)?.read(&fields, &mut found)?;
            Ok::<_, Problem>((source, errors(&found)))
        };
        let time = ("sealedAt", "2026-11-24T10:00:00Z");
        let is_sealed = read(&[("source", "typed"), ("sealed", &sealed), time]).ok().unwrap();
        assert!(matches!(is_sealed, (Some(Source::Sealed(_)), wrong) if wrong.is_empty()));
        for (fields, wrong) in [
            (&[("source", "typed")][..], Wrong::NoValue),
            (&[], Wrong::NoValue),
            (&[("sealed", &sealed)], Wrong::Unsealed(NotTaken::Time)),
            (&[("source", "generate"), ("length", "15")], Wrong::Length),
            (&[("source", "generate"), ("length", "513")], Wrong::Length),
            (&[("source", "generate"), ("length", "x")], Wrong::Length),
        ] {
            let (source, found) = read(fields).ok().unwrap();
            assert!(source.is_none());
            assert_eq!(found.first().map(|(_, found)| *found), Some(wrong), "{fields:?}");
        }
        let (plain, found) = read(&[("sealed", "c4n4ry"), time]).ok().unwrap();
        assert!(plain.is_none() && matches!(found[..], [(Field::Value, Wrong::Unsealed(_))]));
        let made = read(&[("source", "generate"), ("alphabet", "hex")]).ok().unwrap().0;
        let wanted = Generate { length: None, alphabet: Some(Alphabet::Hex) };
        assert!(matches!(made, Some(Source::Generate(made)) if made == wanted));
        for fields in [&[("source", "x")][..], &[("source", "generate"), ("alphabet", "x")]] {
            assert!(matches!(read(fields), Err(Problem::BadForm)), "{fields:?}");
        }
    }
}
