#![expect(clippy::disallowed_types, reason = "reads a native Secret, as the caller")]
//! Many values in one batch: looked at first, then written together, so that the operator
//! gathers them into one published set and one rollout a function.
//!
//! ```text
//!  rows ──► plan_import: what would become of each ──► Plan::check ──► import
//! ```

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use futures::stream;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::bundle::{Bundle, Entry};
use super::{Caller, Details, Error, How, Invalid, Target, Unfit, Value, What};
use crate::api::KlivSecret;
use crate::api::names::{MAX_SECRETS, SECRET_TYPE};
use crate::seal::Plaintext;

/// Writes at once: far quicker than the operator gathers, and no flood.
const IN_FLIGHT: usize = 32;

/// A value for import.
pub struct Row {
    /// The secret that it is for.
    pub target: Target,
    /// The value.
    pub value: Value,
    /// Whether it may replace one that is there.
    pub overwrite: bool,
}

/// A row, and what would become of it.
pub struct Planned {
    /// The secret that it is for.
    pub target: Target,
    /// The value.
    pub value: Value,
    /// What is there now.
    pub before: Option<KlivSecret>,
    /// What would become of it.
    pub change: Change,
}

/// What would become of all rows, in their order.
pub struct Plan(pub Vec<Planned>);

/// What became of a row.
pub struct Imported {
    /// The secret that it was for.
    pub target: Target,
    /// As it is now, or why it was not written.
    pub written: Result<KlivSecret, Error>,
}

/// What becomes of a row.
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
    /// A row before is for the same secret, or for one that differs in capitals.
    Twice,
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
            Self::Twice => "twice",
        }
    }

    /// What becomes of a value for a variable, whose secret may be there `before`.
    #[must_use]
    pub fn of(variable: &str, before: Option<&KlivSecret>, overwrite: bool) -> Self {
        match before {
            None => Self::New,
            Some(before) if before.spec.env_var != variable => Self::Clashes,
            Some(before) if before.spec.sealed.is_none() => Self::Answers,
            Some(_) if overwrite => Self::Replaces,
            Some(_) => Self::Stays,
        }
    }

    /// Whether something is written.
    #[must_use]
    pub fn is_written(self) -> bool {
        matches!(self, Self::New | Self::Answers | Self::Replaces)
    }

    /// Whether the row can't be written, whatever is asked for.
    #[must_use]
    pub fn is_clash(self) -> bool {
        matches!(self, Self::Clashes | Self::Twice)
    }
}

impl Row {
    /// The rows of a file for one environment, or for none.
    #[must_use]
    pub fn of(entries: Vec<Entry>, environment: Option<&str>, overwrite: bool) -> Vec<Self> {
        let row = |entry: Entry| Self {
            target: Target::new(entry.name, environment.map(str::to_owned)),
            value: entry.value.into(),
            overwrite,
        };
        entries.into_iter().map(row).collect()
    }
}

impl Plan {
    /// What would become of rows, given the secrets that are there.
    #[must_use]
    pub fn of(rows: Vec<Row>, there: Vec<KlivSecret>) -> Self {
        let named = |secret: KlivSecret| Some((secret.metadata.name.clone()?, secret));
        let mut there: BTreeMap<String, KlivSecret> = there.into_iter().filter_map(named).collect();
        let mut seen = BTreeSet::new();
        let planned = rows.into_iter().map(|Row { target, value, overwrite }| {
            let name = target.object();
            let before = there.remove(&name);
            let change = match seen.insert(name) {
                true => Change::of(&target.variable, before.as_ref(), overwrite),
                false => Change::Twice,
            };
            Planned { target, value, before, change }
        });
        Self(planned.collect())
    }

    /// How many rows would become this.
    #[must_use]
    pub fn count(&self, change: Change) -> usize {
        self.0.iter().filter(|planned| planned.change == change).count()
    }

    /// How many are written.
    #[must_use]
    pub fn written(&self) -> usize {
        self.0.iter().filter(|planned| planned.change.is_written()).count()
    }

    /// One row that can't be written holds up all of them, unless such are left out.
    ///
    /// # Errors
    /// How many can't be.
    pub fn check(&self, leave_out: bool) -> Result<(), Unfit> {
        match self.0.iter().filter(|planned| planned.change.is_clash()).count() {
            clashes @ 1.. if !leave_out => Err(Unfit::Clashes(clashes)),
            _ => Ok(()),
        }
    }
}

impl Caller {
    /// Looks what would become of rows; nothing is written.
    ///
    /// # Errors
    /// The caller may not list the account's secrets, or it would have too many.
    pub async fn plan_import(&self, rows: Vec<Row>) -> Result<Plan, Error> {
        let secrets = self.list(false).await?;
        let there = secrets.len();
        let plan = Plan::of(rows, secrets);
        let new = plan.count(Change::New);
        if there + new > MAX_SECRETS {
            return Err(Unfit::TooMany { there, new }.into());
        }
        Ok(plan)
    }

    /// Writes those rows that are to be, each secret as it was when that was planned. The
    /// first alone: where that is refused, e.g. for want of a right, nothing is written.
    ///
    /// # Errors
    /// The first was not written.
    pub async fn import(&self, plan: Plan, how: &How<'_>) -> Result<Vec<Imported>, Error> {
        let mut planned = plan.0.into_iter().filter(|planned| planned.change.is_written());
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
        let Planned { target, value, before, .. } = planned;
        let written = self.set(&target, before.as_ref(), &value, Details::default(), how).await;
        Imported { target, written: written.map(|written| written.secret) }
    }

    /// The keys of a native Secret of the account and their values.
    ///
    /// # Errors
    /// The caller may not read it, it isn't there, or it is one that the operator published.
    pub async fn keys_of(&self, secret: &str) -> Result<Bundle, Error> {
        let api: Api<Secret> = self.api();
        let kind = self.kind(What::NativeSecret, secret);
        let found = api.get(kind.address()?).await.map_err(|error| kind.failed(&error))?;
        if found.type_.as_deref() == Some(SECRET_TYPE) {
            return Err(Invalid::Published.into());
        }
        let data = found.data.unwrap_or_default().into_iter();
        Ok(Bundle::of_keys(data.map(|(key, value)| (key, Plaintext::new(value.0)))))
    }
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
            let plan = Plan::of(Row::of(entries, environment, overwrite), there);
            plan.0.iter().map(|planned| planned.change).collect::<Vec<_>>()
        };
        use Change::{Answers, Clashes, New, Replaces, Stays};
        assert_eq!(planned(None, false), [New, Stays, Answers, Clashes]);
        assert_eq!(planned(None, true), [New, Replaces, Answers, Clashes]);
        assert_eq!(planned(Some("test"), false), [New, Stays, New, New]);
    }

    #[test]
    fn each_row_says_whether_it_replaces_and_of_two_for_one_secret_only_the_first_is_written() {
        let row = |variable: &str, environment: Option<&str>, overwrite| Row {
            target: Target::new(variable.into(), environment.map(str::to_owned)),
            value: Plaintext::new(b"v".to_vec()).into(),
            overwrite,
        };
        let rows = vec![
            row("A1", None, true),
            row("B1", None, false),
            row("a1", None, true),
            row("A1", Some("test"), false),
        ];
        let there = ["A1", "B1"].map(|v| there(&v.to_lowercase(), v, Some("kliv1.x"))).to_vec();
        let plan = Plan::of(rows, there);
        let changes: Vec<_> = plan.0.iter().map(|planned| planned.change).collect();
        assert_eq!(changes, [Change::Replaces, Change::Stays, Change::Twice, Change::New]);
        assert_eq!((plan.written(), plan.count(Change::New)), (2, 1));
        assert_eq!(plan.check(false), Err(Unfit::Clashes(1)));
        assert_eq!(plan.check(true), Ok(()));
    }
}
