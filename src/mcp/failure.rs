//! Why a call did not do what was asked, in words for a model.

use crate::account::{Error, Unnamed};

/// What the model is told. Holds nothing of a value.
#[derive(Debug)]
pub(super) struct Failure(String);

impl Failure {
    /// In words of ours.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl From<Unnamed> for Failure {
    fn from(unnamed: Unnamed) -> Self {
        Self(unnamed.to_string())
    }
}
