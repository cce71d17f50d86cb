//! Names × environments: where a name has a value, and what functions get where it has none.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt as _;

use super::super::words::state::State;
use super::super::words::warning::told;
use super::super::words::{Language, Words};
use super::secrets_rows::one_line;
use crate::api::KlivSecret;

/// The matrix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Matrix {
    /// The environments after the column of secrets without one, sorted.
    pub(super) environments: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) variable: String,
    /// As it is, for addresses.
    pub(super) name: String,
    /// First without environment, then one for each.
    pub(super) cells: Vec<Cell>,
}

/// A name in an environment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Cell {
    /// "" is none.
    pub(super) environment: String,
    /// What adding a secret here is called.
    pub(super) add: String,
    pub(super) content: Content,
}

impl Cell {
    /// Whether a secret can be added here.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.content, Content::Secret { .. })
    }
}

/// What is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Content {
    /// A secret.
    Secret {
        object: String,
        state: &'static str,
        tone: &'static str,
        mask: String,
        /// The operator's warning that the value stands elsewhere, too; else empty.
        same: String,
    },
    /// None: functions of the environment get the value without environment.
    FallsBack,
    /// None: functions get nothing.
    Missing,
}

impl Matrix {
    /// Of these secrets; `more` environments are those that functions name.
    pub(super) fn of(secrets: &[KlivSecret], more: &[String], words: &Words) -> Self {
        let named = secrets.iter().filter_map(|secret| secret.spec.environment.as_ref());
        let environments: BTreeSet<&str> =
            named.chain(more).map(String::as_str).filter(|name| !name.is_empty()).collect();
        let mut by_name: BTreeMap<&str, BTreeMap<&str, &KlivSecret>> = BTreeMap::new();
        for secret in secrets {
            let environment = secret.spec.environment.as_deref().unwrap_or_default();
            by_name.entry(&secret.spec.env_var).or_default().insert(environment, secret);
        }
        let columns: Vec<&str> = std::iter::once("").chain(environments.iter().copied()).collect();
        let row = |(name, there): (&str, BTreeMap<&str, &KlivSecret>)| {
            let variable = one_line(name, 128);
            let cells =
                columns.iter().map(|column| cell(&variable, column, &there, words)).collect();
            Row { variable, name: name.to_owned(), cells }
        };
        let rows = by_name.into_iter().map(row).collect();
        Self { environments: environments.into_iter().map(str::to_owned).collect(), rows }
    }
}

fn cell(variable: &str, column: &str, there: &BTreeMap<&str, &KlivSecret>, words: &Words) -> Cell {
    let content = match there.get(column) {
        Some(secret) => set(secret, words.language),
        None if there.contains_key("") => Content::FallsBack,
        None => Content::Missing,
    };
    let add = (words.environments.add)(variable, column);
    Cell { environment: column.to_owned(), add, content }
}

fn set(secret: &KlivSecret, language: Language) -> Content {
    let state = State::of(secret);
    let status = secret.status.clone().unwrap_or_default();
    let same = status.warnings.iter().find(|odd| odd.reason == "SameValueInEnvironments");
    Content::Secret {
        object: secret.name_any(),
        state: state.words(language),
        tone: state.tone().class(),
        mask: one_line(status.masked_value.as_deref().unwrap_or_default(), 64),
        same: same.map(|odd| one_line(&told(odd, language).text, 512)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::Warning;
    use crate::api::warning::Oddity;

    fn secret(variable: &str, environment: Option<&str>) -> KlivSecret {
        let name = crate::api::object_name(variable, environment);
        let spec = json!({ "envVar": variable, "environment": environment });
        serde_json::from_value(json!({ "metadata": { "name": name }, "spec": spec })).unwrap()
    }

    fn words(content: &Content) -> &str {
        match content {
            Content::Secret { object, .. } => object,
            Content::FallsBack => "falls back",
            Content::Missing => "missing",
        }
    }

    #[test]
    fn each_name_says_of_each_environment_what_functions_get() {
        let secrets =
            [secret("A", None), secret("A", Some("test")), secret("B", Some("production"))];
        let matrix =
            Matrix::of(&secrets, &["staging".into(), "".into()], Language::English.words());
        assert_eq!(matrix.environments, ["production", "staging", "test"]);
        let told: Vec<Vec<&str>> = matrix
            .rows
            .iter()
            .map(|row| row.cells.iter().map(|cell| words(&cell.content)).collect())
            .collect();
        assert_eq!(
            told,
            [
                ["a", "falls back", "falls back", "a.test"],
                ["missing", "b.production", "missing", "missing"],
            ]
        );
        assert_eq!(matrix.rows[0].cells[3].environment, "test");
    }

    #[test]
    fn the_same_value_in_two_environments_is_told_where_the_operator_says_so() {
        let mut one = secret("A", Some("test"));
        let odd = Oddity::SameValueInEnvironments(vec!["production".into()]);
        one.status = Some(crate::api::KlivSecretStatus {
            warnings: vec![Warning::from(&odd)],
            ..Default::default()
        });
        let matrix = Matrix::of(&[one, secret("A", None)], &[], Language::Swedish.words());
        let same = |i: usize| match &matrix.rows[0].cells[i].content {
            Content::Secret { same, .. } => same.clone(),
            _ => panic!("no secret"),
        };
        assert!(same(1).contains("production"), "{}", same(1));
        assert_eq!(same(0), "");
    }
}
