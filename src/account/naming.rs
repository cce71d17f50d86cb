//! How people name a secret: by its variable (`STRIPE_API_KEY`) or its object
//! (`stripe-api-key.production`). Pure.

use crate::api::names::GROUP;
use crate::api::{
    Intent, KlivSecret, Refusal, Source, check_env_var, check_environment, is_well_formed,
    object_name, recognise,
};
use crate::seal::Plaintext;

/// A secret as somebody named it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The variable. From an object's name it is a guess, which holds only for a secret
    /// that is new.
    pub variable: String,
    /// Whether the variable was given as such.
    pub is_variable: bool,
    /// The environment, where there is one.
    pub environment: Option<String>,
}

/// A name that can't be one. Never quotes it: it may be a value typed in the wrong place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unnamed {
    /// `NAME=value`, or a value alone.
    #[error(
        "give the name alone: a value is never an argument, because arguments are seen by others \
         on this machine and kept in the shell's history. Nothing was written. If what you typed \
         was a real value, take it out of the history and replace it at its provider"
    )]
    WithValue,
    /// Neither a variable nor an object's name.
    #[error(
        "that is no secret's name: give the variable, e.g. STRIPE_API_KEY, or the object's name, \
         e.g. stripe-api-key or stripe-api-key.production"
    )]
    Malformed,
    /// Two environments.
    #[error("the name ends with another environment than -e gives")]
    TwoEnvironments,
    /// A variable that is refused, in the words of the one gate.
    #[error("NAME {}", .0.message)]
    Variable(Refusal),
    /// An environment that is refused, in the same.
    #[error("environment: {}", .0.message)]
    Environment(Refusal),
}

impl Target {
    /// The place of a variable.
    #[must_use]
    pub fn new(variable: String, environment: Option<String>) -> Self {
        Self { variable, is_variable: true, environment }
    }

    /// The place of a secret that is there.
    #[must_use]
    pub fn of(secret: &KlivSecret) -> Self {
        Self::new(secret.spec.env_var.clone(), secret.spec.environment.clone())
    }

    /// The same for the one gate; where its value comes from, it does not say.
    #[must_use]
    pub fn intent(&self) -> Intent {
        let (env_var, environment) = (self.variable.clone(), self.environment.clone());
        Intent { env_var, environment, source: Source::Nothing }
    }

    /// Understands a name, and the environment given beside it.
    ///
    /// # Errors
    /// [`Unnamed`], which does not quote what was given.
    pub fn parse(name: &str, environment: Option<&str>) -> Result<Self, Unnamed> {
        let name = after_kind(name);
        if name.contains('=') {
            return Err(Unnamed::WithValue);
        }
        if recognise(&Plaintext::new(name.into())).is_some() {
            return Err(Unnamed::WithValue);
        }
        let (stem, in_name) = match name.split_once('.') {
            Some((stem, environment)) => (stem, Some(environment)),
            None => (name, None),
        };
        let environment = match (in_name, environment) {
            (Some(a), Some(b)) if a != b => return Err(Unnamed::TwoEnvironments),
            (a, b) => a.or(b),
        };
        if let Some(environment) = environment {
            check_environment(environment).map_err(Unnamed::Environment)?;
        }
        let is_variable = in_name.is_none() && is_well_formed(name);
        let variable = match is_variable {
            true => name.to_owned(),
            false => from_object(stem).ok_or(Unnamed::Malformed)?,
        };
        check_env_var(&variable).map_err(Unnamed::Variable)?;
        Ok(Self { variable, is_variable, environment: environment.map(str::to_owned) })
    }

    /// The name of the KlivSecret.
    #[must_use]
    pub fn object(&self) -> String {
        object_name(&self.variable, self.environment.as_deref())
    }
}

/// The name after `klivsecret.secrets.kliv.dev/`, as `-o name` writes it, or another word for
/// the kind that kubectl knows.
fn after_kind(name: &str) -> &str {
    let Some((kind, rest)) = name.split_once('/') else { return name };
    let kind = match kind.split_once('.') {
        Some((kind, group)) if group.eq_ignore_ascii_case(GROUP) => kind,
        Some(_) => return name,
        None => kind,
    };
    let is_ours =
        ["klivsecret", "klivsecrets", "ksec"].iter().any(|k| k.eq_ignore_ascii_case(kind));
    if is_ours { rest } else { name }
}

/// `stripe-api-key` is most likely STRIPE_API_KEY's.
fn from_object(stem: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let variable = stem.to_ascii_uppercase().replace('-', "_");
    (stem.bytes().all(plain) && is_well_formed(&variable)).then_some(variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(name: &str, environment: Option<&str>) -> (String, String) {
        let target = Target::parse(name, environment).unwrap();
        (target.variable.clone(), target.object())
    }

    #[test]
    fn a_variable_and_its_objects_name_mean_the_same_secret() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let table = [
            ("STRIPE_API_KEY", None, pair("STRIPE_API_KEY", "stripe-api-key")),
            ("stripe-api-key", None, pair("STRIPE_API_KEY", "stripe-api-key")),
            ("stripe_key", None, pair("stripe_key", "stripe-key")),
            ("stripe-key.live", None, pair("STRIPE_KEY", "stripe-key.live")),
            ("stripe-key.live", Some("live"), pair("STRIPE_KEY", "stripe-key.live")),
            ("STRIPE_KEY", Some("live"), pair("STRIPE_KEY", "stripe-key.live")),
            ("klivsecret.secrets.kliv.dev/a-key.b", None, pair("A_KEY", "a-key.b")),
            ("klivsecrets/a-key", None, pair("A_KEY", "a-key")),
            ("ksec/a-key", None, pair("A_KEY", "a-key")),
        ];
        for (name, environment, wanted) in table {
            assert_eq!(parsed(name, environment), wanted, "{name}");
        }
    }

    #[test]
    fn a_name_with_a_value_is_refused_and_never_quoted() {
        for name in ["A=s3cr3t", "STRIPE_API_KEY=s3cr3t", "=s3cr3t", "s3cr3t=", "s3cr3t/+x", ""] {
            let error = Target::parse(name, None).unwrap_err();
            assert!(!error.to_string().contains("s3cr3t"), "{name}");
            assert_eq!(error == Unnamed::WithValue, name.contains('='), "{name}");
        }
    }

    #[test]
    fn a_credential_is_no_name() {
        assert_eq!(Target::parse("sk_live_s3cr3t", None), Err(Unnamed::WithValue));
        assert!(Target::parse("SK_LIVE_KEY", None).is_ok());
    }

    #[test]
    fn what_can_be_no_secret_is_refused() {
        for (name, environment) in [
            ("PATH", None),
            ("a b", None),
            ("A", Some("Prod")),
            ("a.b", Some("c")),
            ("a.", None),
            ("secret/a", None),
            ("ksec.example.org/a", None),
            ("ksec/", None),
            ("ksec/ksec/a", None),
        ] {
            assert!(Target::parse(name, environment).is_err(), "{name}");
        }
    }
}
