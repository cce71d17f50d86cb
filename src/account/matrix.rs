//! Which variable has a value in which environment. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::State;
use crate::api::KlivSecret;

/// An account's variables by its environments.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Matrix<'a> {
    /// The columns: "" is for functions of every environment, and comes first.
    pub environments: Vec<&'a str>,
    /// The rows, by name.
    pub variables: Vec<Variable<'a>>,
}

/// One variable.
#[derive(Clone, PartialEq, Debug)]
pub struct Variable<'a> {
    /// Its name.
    pub name: &'a str,
    /// One cell for each column.
    pub cells: Vec<Cell<'a>>,
}

/// One variable in one environment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cell<'a> {
    /// There is nothing, and nothing to fall back to.
    Missing,
    /// Functions of this environment get the value that is for every one.
    FallsBack(&'a KlivSecret),
    /// There is a secret.
    Secret {
        /// The secret.
        secret: &'a KlivSecret,
        /// What functions have of it.
        state: State,
    },
}

/// Whether functions of an environment that has no secret of its own get this one's value,
/// which is for every environment: it has one by now.
#[must_use]
pub fn falls_back(every: &KlivSecret) -> bool {
    every.spec.environment.is_none() && every.has_value()
}

impl<'a> Matrix<'a> {
    /// Of an account's secrets, and of environments that there are besides, e.g. those of its
    /// functions.
    #[must_use]
    pub fn of(secrets: &'a [KlivSecret], besides: &'a [String]) -> Self {
        let environment = |secret: &'a KlivSecret| secret.spec.environment.as_deref();
        let mut environments: BTreeSet<&str> = secrets.iter().filter_map(environment).collect();
        environments.extend(besides.iter().map(String::as_str).chain([""]));
        let mut variables: BTreeMap<&str, BTreeMap<&str, &KlivSecret>> = BTreeMap::new();
        for secret in secrets {
            let of_variable = variables.entry(&secret.spec.env_var).or_default();
            of_variable.insert(environment(secret).unwrap_or_default(), secret);
        }
        let cell = |secrets: &BTreeMap<&str, &'a KlivSecret>, environment: &str| match (
            secrets.get(environment),
            secrets.get(""),
        ) {
            (Some(secret), _) => Cell::Secret { secret, state: State::of(secret) },
            (None, Some(every)) if falls_back(every) => Cell::FallsBack(every),
            (None, _) => Cell::Missing,
        };
        let variables = variables.into_iter().map(|(name, secrets)| {
            let cells = environments.iter().map(|environment| cell(&secrets, environment));
            Variable { name, cells: cells.collect() }
        });
        let variables = variables.collect();
        Self { environments: environments.into_iter().collect(), variables }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(variable: &str, environment: Option<&str>, version: Option<i64>) -> KlivSecret {
        serde_json::from_value(json!({
            "metadata": { "name": "a" },
            "spec": { "envVar": variable, "environment": environment, "sealed": "kliv1.x" },
            "status": { "version": version },
        }))
        .unwrap()
    }

    #[test]
    fn each_variable_has_a_cell_for_each_environment_and_falls_back_to_every_one() {
        let secrets = [
            secret("B", Some("test"), None),
            secret("A", None, Some(1)),
            secret("A", Some("live"), Some(1)),
            secret("WAITS", None, None),
        ];
        let besides = ["test".to_owned(), "blue".to_owned()];
        let matrix = Matrix::of(&secrets, &besides);
        assert_eq!(matrix.environments, ["", "blue", "live", "test"]);
        let word = |cell: &Cell<'_>| match cell {
            Cell::Missing => "missing",
            Cell::FallsBack(_) => "falls back",
            Cell::Secret { .. } => "set",
        };
        let rows = matrix.variables.iter();
        let rows: Vec<(&str, Vec<&str>)> =
            rows.map(|row| (row.name, row.cells.iter().map(word).collect())).collect();
        assert_eq!(
            rows,
            [
                ("A", vec!["set", "falls back", "set", "falls back"]),
                ("B", vec!["missing", "missing", "missing", "set"]),
                ("WAITS", vec!["set", "missing", "missing", "missing"]),
            ]
        );
    }

    #[test]
    fn an_account_without_secrets_has_the_column_for_every_environment() {
        assert_eq!(Matrix::of(&[], &[]).environments, [""]);
    }
}
