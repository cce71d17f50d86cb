//! How a verb ends that did not do what was asked.

use std::process::ExitCode;

use super::hint::hint;
use super::prompt::NotAsked;
use crate::account::{Error, Unnamed};

/// What is said, after `error: `.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The verb's own words, and what can be done in a terminal.
    #[error("{0}{hint}", hint = hint(.0))]
    Account(#[from] Error),
    /// The name can't be one.
    #[error("{0}")]
    Unnamed(#[from] Unnamed),
    /// A question, or the value, could not be asked for.
    #[error("{0}")]
    NotAsked(#[from] NotAsked),
    /// Ctrl-C, after so many secrets were written.
    #[error("interrupted: {0} rotated, the others not")]
    Interrupted(usize),
    /// Anything else; the text is ours.
    #[error("{0}")]
    Plain(String),
    /// What was asked for was done, and it is bad news that was told already, e.g.
    /// findings.
    #[error("")]
    Told,
    /// The same, where nothing bad was seen and not all could be.
    #[error("")]
    Unsure,
    /// Nobody reads standard output any more.
    #[error("")]
    Unread,
}

impl Failure {
    /// Ctrl-C as a shell counts it, 2 for what can't be known; else 1. That nobody reads on
    /// is no failure.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unread => ExitCode::SUCCESS,
            Self::NotAsked(NotAsked::Interrupted) | Self::Interrupted(_) => ExitCode::from(130),
            Self::Unsure => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    /// Whether there is nothing left to say.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self, Self::Told | Self::Unsure | Self::Unread)
    }

    /// A failure with a text of ours.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::Plain(text.into())
    }
}
