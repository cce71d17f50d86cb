#![expect(clippy::disallowed_types, reason = "reads a native Secret, as the caller")]
//! Many values in one batch: looked at first, then written together, so that the operator
//! gathers them into one published set and one rollout a function.

use futures::StreamExt as _;
use futures::stream;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::bundle::{Bundle, Entry};
use super::{Caller, Details, Error, How, Target, Told};
use crate::api::KlivSecret;
use crate::api::names::{MAX_SECRETS, SECRET_TYPE};
use crate::seal::Plaintext;

/// Writes at once: far quicker than the operator gathers, and no flood.
const IN_FLIGHT: usize = 32;

/// An entry, and what would become of it.
pub struct Planned {
    /// The entry.
    pub entry: Entry,
    /// The secret that it is for.
    pub target: Target,
    /// What is there now.
    pub before: Option<KlivSecret>,
    /// What would become of it.
    pub change: Change,
    /// What there is to say of its value.
    pub told: Told,
}

/// What became of an entry.
pub struct Imported {
    /// The secret that it was for.
    pub target: Target,
    /// As it is now, or why it was not written.
    pub written: Result<KlivSecret, Error>,
}

/// What becomes of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// There is no such secret yet.
    New,
    /// There is one, which waits for its value.
    Answers,
    /// The value there is replaced.
    Replaces,
    /// There is one, and it stays: nobody asked to overwrite.
    Stays,
    /// There is one for a variable that differs in capitals.
    Clashes,
}

impl Change {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Answers => "answers",
            Self::Replaces => "replaces",
            Self::Stays => "stays",
            Self::Clashes => "clashes",
        }
    }

    /// Whether something is written.
    #[must_use]
    pub fn is_written(self) -> bool {
        matches!(self, Self::New | Self::Answers | Self::Replaces)
    }
}

impl Caller {
    /// Looks what would become of entries; nothing is written.
    ///
    /// # Errors
    /// The caller may not list the account's secrets, or it would have too many.
    pub async fn plan_import(
        &self,
        entries: Vec<Entry>,
        environment: Option<&str>,
        overwrite: bool,
    ) -> Result<Vec<Planned>, Error> {
        let there = self.list(false).await?;
        let count = there.len();
        let planned = plan(entries, environment, overwrite, there);
        let new = planned.iter().filter(|planned| planned.change == Change::New).count();
        if count + new > MAX_SECRETS {
            return Err(Error::Invalid(format!(
                "the account has {count} secrets, and with {new} more it would have over \
                 {MAX_SECRETS}, which is the limit: delete what is not used, or take another account"
            )));
        }
        Ok(planned)
    }

    /// Writes those entries that are to be, each secret as it was when that was planned. The
    /// first alone: where that is refused, e.g. for want of a right, nothing is written.
    ///
    /// # Errors
    /// The first was not written.
    pub async fn import(
        &self,
        planned: Vec<Planned>,
        how: &How<'_>,
    ) -> Result<Vec<Imported>, Error> {
        let mut planned = planned.into_iter().filter(|planned| planned.change.is_written());
        let Some(first) = planned.next() else { return Ok(Vec::new()) };
        let first = self.import_one(first, how).await;
        let mut imported = match first.written {
            Err(error) => return Err(error),
            Ok(_) => vec![first],
        };
        let rest = planned.map(|planned| self.import_one(planned, how));
        imported.extend(stream::iter(rest).buffered(IN_FLIGHT).collect::<Vec<_>>().await);
        Ok(imported)
    }

    async fn import_one(&self, planned: Planned, how: &How<'_>) -> Imported {
        let Planned { entry, target, before, .. } = planned;
        let written = self.set(&target, before.as_ref(), &entry.value, Details::default(), how);
        let written = written.await.map(|written| written.secret);
        Imported { target, written }
    }

    /// The keys of a native Secret of the account and their values.
    ///
    /// # Errors
    /// The caller may not read it, it isn't there, or it is one that the operator published.
    pub async fn keys_of(&self, secret: &str) -> Result<Bundle, Error> {
        let api: Api<Secret> = self.api();
        let kind = self.kind("native Secret", secret);
        let found = api.get(kind.address()?).await.map_err(|error| kind.failed(&error))?;
        if found.type_.as_deref() == Some(SECRET_TYPE) {
            return Err(Error::Invalid(
                "that Secret was published by kliv-secrets itself: its values are in KlivSecrets \
                 already"
                    .to_owned(),
            ));
        }
        let data = found.data.unwrap_or_default().into_iter();
        Ok(Bundle::of_keys(data.map(|(key, value)| (key, Plaintext::new(value.0)))))
    }
}

fn plan(
    entries: Vec<Entry>,
    environment: Option<&str>,
    overwrite: bool,
    mut there: Vec<KlivSecret>,
) -> Vec<Planned> {
    let planned = entries.into_iter().map(|entry| {
        let target = Target::new(entry.name.clone(), environment.map(str::to_owned));
        let name = target.object();
        let at = there.iter().position(|secret| secret.metadata.name.as_deref() == Some(&name));
        let before = at.map(|at| there.swap_remove(at));
        let change = match &before {
            None => Change::New,
            Some(before) if before.spec.env_var != entry.name => Change::Clashes,
            Some(before) if before.spec.sealed.is_none() => Change::Answers,
            Some(_) if overwrite => Change::Replaces,
            Some(_) => Change::Stays,
        };
        let told = Told::of(&target, before.is_none(), &entry.value);
        Planned { entry, target, before, change, told }
    });
    planned.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bundle::Format;
    use super::*;

    fn there(name: &str, variable: &str, sealed: Option<&str>) -> KlivSecret {
        let spec = json!({ "envVar": variable, "sealed": sealed });
        serde_json::from_value(json!({ "metadata": { "name": name }, "spec": spec })).unwrap()
    }

    #[test]
    fn what_is_there_is_replaced_only_when_asked_and_a_question_is_answered() {
        let planned = |environment, overwrite| {
            let entries = Bundle::read(Format::Dotenv, b"A1=x\nB1=x\nC1=x\nd1=x\n").entries;
            let there = vec![
                there("b1", "B1", Some("kliv1.x")),
                there("c1", "C1", None),
                there("d1", "D1", Some("kliv1.x")),
                there("b1.test", "B1", Some("kliv1.x")),
            ];
            let planned = plan(entries, environment, overwrite, there);
            planned.iter().map(|planned| planned.change).collect::<Vec<_>>()
        };
        use Change::{Answers, Clashes, New, Replaces, Stays};
        assert_eq!(planned(None, false), [New, Stays, Answers, Clashes]);
        assert_eq!(planned(None, true), [New, Replaces, Answers, Clashes]);
        assert_eq!(planned(Some("test"), false), [New, Stays, New, New]);
    }
}
