//! Handing a value in: what is said of it, and writing it. Every door says the same.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::value::SealedAt;
use super::{Caller, DryRun, Error, Target, Value};
use crate::admission::warnings;
use crate::api::{KlivSecret, KlivSecretSpec, Recognised, recognise};
use crate::seal::{Plaintext, SealingKey};

/// What is said of a value that is handed in. Holds nothing of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// What it plainly is.
    pub recognised: Option<Recognised>,
    /// What is odd about it or its place, with the way out.
    pub warnings: Vec<String>,
}

impl Told {
    /// Looks at a value for this place.
    #[must_use]
    pub fn of(target: &Target, is_new: bool, value: &Plaintext) -> Self {
        let warnings = warnings(&target.intent(), is_new, Some(value));
        Self { recognised: recognise(value), warnings }
    }
}

/// What people say of a secret beside its value; what they don't say stays as it is.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Details {
    /// What it is for.
    pub description: Option<String>,
    /// A reminder, in days.
    pub rotate_after_days: Option<i32>,
    /// When it stops working at its provider.
    pub expiration_time: Option<Time>,
}

impl Details {
    /// A secret's spec without a value.
    pub(super) fn spec(self, target: &Target) -> KlivSecretSpec {
        KlivSecretSpec {
            env_var: target.variable.clone(),
            environment: target.environment.clone(),
            description: self.description,
            rotate_after_days: self.rotate_after_days,
            expiration_time: self.expiration_time,
            ..KlivSecretSpec::default()
        }
    }
}

/// How values are handed in.
#[derive(Clone, Copy, Debug)]
pub struct How<'a> {
    /// What they are sealed with. A door looks for it before anybody types a value.
    pub key: &'a SealingKey,
    /// The time.
    pub now: Timestamp,
    /// Whether that is only tried.
    pub dry_run: DryRun,
}

/// A value was written.
#[derive(Clone, PartialEq, Debug)]
pub struct Written {
    /// As it is now.
    pub secret: KlivSecret,
    /// Whether it was created.
    pub is_new: bool,
}

impl Caller {
    /// Gives a secret its value: creates it, or replaces what the one there is `before` has.
    ///
    /// # Errors
    /// Somebody else has just changed it; the caller may not.
    pub async fn set(
        &self,
        target: &Target,
        before: Option<&KlivSecret>,
        value: &Value,
        details: Details,
        how: &How<'_>,
    ) -> Result<Written, Error> {
        self.hand_in(details.spec(target), before, value, how).await
    }

    /// Seals a value for the place that a spec names, unless it is sealed, and writes both.
    pub(super) async fn hand_in(
        &self,
        spec: KlivSecretSpec,
        before: Option<&KlivSecret>,
        value: &Value,
        how: &How<'_>,
    ) -> Result<Written, Error> {
        let target = Target::new(spec.env_var.clone(), spec.environment.clone());
        let sealed = value.sealed(&self.namespace, &target, before, how)?;
        self.write(spec, before, &sealed, how).await
    }

    /// Writes a sealed value with the rest of a spec.
    pub(super) async fn write(
        &self,
        mut spec: KlivSecretSpec,
        before: Option<&KlivSecret>,
        value: &SealedAt,
        how: &How<'_>,
    ) -> Result<Written, Error> {
        spec.sealed = Some(value.sealed.to_string());
        let secret = self.put(&spec, before, how.dry_run).await?;
        Ok(Written { secret, is_new: before.is_none() })
    }
}
