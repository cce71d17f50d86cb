//! Names × environments: where a name has a value, and what functions get where it has none.
//! Pure.

use kube::ResourceExt as _;

use super::super::shown::one_line;
use super::super::words::state::State;
use super::super::words::warning::told;
use super::super::words::{Language, Words};
use crate::account;
use crate::api::Odd;

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
    /// The head of its column.
    pub(super) column: String,
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
    pub(super) fn of(matrix: &account::Matrix<'_>, words: &Words) -> Self {
        let row = |variable: &account::Variable<'_>| {
            let shown = one_line(variable.name, 128);
            let cells =
                variable.cells.iter().zip(&matrix.environments).map(|(cell, column)| Cell {
                    environment: (*column).to_owned(),
                    column: match *column {
                        "" => words.environments.every.to_owned(),
                        named => one_line(named, 63),
                    },
                    add: (words.environments.add)(&shown, &one_line(column, 63)),
                    content: Content::of(cell, words.language),
                });
            Row { cells: cells.collect(), name: variable.name.to_owned(), variable: shown }
        };
        let named = matrix.environments.iter().filter(|name| !name.is_empty());
        Self {
            environments: named.map(|name| one_line(name, 63)).collect(),
            rows: matrix.variables.iter().map(row).collect(),
        }
    }
}

impl Content {
    fn of(cell: &account::Cell<'_>, language: Language) -> Self {
        let (secret, state) = match *cell {
            account::Cell::Missing => return Self::Missing,
            account::Cell::FallsBack(_) => return Self::FallsBack,
            account::Cell::Secret { secret, state } => (secret, State::from(state)),
        };
        let status = secret.status.clone().unwrap_or_default();
        let same = Odd::SameValueInEnvironments;
        let same = status.warnings.iter().find(|warning| warning.odd() == Some(same));
        Self::Secret {
            object: secret.name_any(),
            state: state.words(language),
            tone: state.tone().class(),
            mask: one_line(status.masked_value.as_deref().unwrap_or_default(), 64),
            same: same.map(|odd| one_line(&told(odd, language).text, 512)).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::KlivSecret;
    use crate::api::Warning;
    use crate::api::warning::Oddity;

    fn secret(variable: &str, environment: Option<&str>) -> KlivSecret {
        let name = crate::api::object_name(variable, environment);
        let spec = json!({ "envVar": variable, "environment": environment });
        let status = json!({ "version": 1 });
        let secret = json!({ "metadata": { "name": name }, "spec": spec, "status": status });
        serde_json::from_value(secret).unwrap()
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
        let secrets = [secret("A", None), secret("B", Some("production"))];
        let matrix = account::Matrix::of(&secrets, &[]);
        let matrix = Matrix::of(&matrix, Language::English.words());
        assert_eq!(matrix.environments, ["production"]);
        let told: Vec<Vec<&str>> = matrix
            .rows
            .iter()
            .map(|row| row.cells.iter().map(|cell| words(&cell.content)).collect())
            .collect();
        assert_eq!(told, [["a", "falls back"], ["missing", "b.production"]]);
        let cell = &matrix.rows[0].cells[1];
        assert_eq!((cell.environment.as_str(), cell.is_open()), ("production", true));
        assert_eq!(cell.add, "Add A for production");
    }

    #[test]
    fn the_same_value_in_two_environments_is_told_where_the_operator_says_so() {
        let mut one = secret("A", Some("test"));
        let odd = Oddity::SameValueInEnvironments(vec!["production".into()]);
        one.status = Some(crate::api::KlivSecretStatus {
            warnings: vec![Warning::from(&odd)],
            ..Default::default()
        });
        let secrets = [one, secret("A", None)];
        let matrix = account::Matrix::of(&secrets, &[]);
        let matrix = Matrix::of(&matrix, Language::Swedish.words());
        let same = |i: usize| match &matrix.rows[0].cells[i].content {
            Content::Secret { same, .. } => same.clone(),
            _ => panic!("no secret"),
        };
        assert!(same(1).contains("production"), "{}", same(1));
        assert_eq!(same(0), "");
    }
}
