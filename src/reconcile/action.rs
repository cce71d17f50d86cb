//! What a plan may ask for. Everything here can be printed: it holds ciphertext, names
//! and masks, never a value.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::decide::Member;
use super::events::Note;
use super::retention::Kept;
use crate::api::{KlivAccountStatus, KlivAuditEventSpec, KlivSecretStatus};
use crate::inject::Function;

/// One write, with its precondition.
#[derive(Clone, PartialEq)]
pub enum Action {
    /// Make the KlivAccount; it must not exist.
    CreateAccount,
    /// Write the KlivAccount's status; uid and resourceVersion must be as observed.
    WriteAccount(Record, Box<KlivAccountStatus>),
    /// Make an immutable Secret; one of this name that exists already has this content.
    Publish {
        /// The Secret's name.
        name: String,
        /// The environment; "" is the default set.
        environment: String,
        /// What goes into it.
        members: Vec<Member>,
    },
    /// Change our entries of a Deployment; the patch tests uid and resourceVersion.
    Inject {
        /// The Deployment.
        function: String,
        /// JSON Patch.
        patch: json_patch::Patch,
    },
    /// Take our entries from a Deployment that is no function any more; the patch tests uid
    /// and resourceVersion.
    Withdraw {
        /// The Deployment.
        stray: Box<Function>,
        /// JSON Patch.
        patch: json_patch::Patch,
    },
    /// Look for Deployments with entries of ours that are no functions.
    FindStrays,
    /// Write a KlivSecret's status; uid and resourceVersion must be as observed.
    WriteSecret {
        /// The KlivSecret.
        name: String,
        /// Its uid.
        uid: String,
        /// Its resourceVersion.
        resource_version: String,
        /// The whole new status.
        status: Box<KlivSecretStatus>,
    },
    /// Delete those superseded sets that nothing uses, by name and uid.
    Retire(Vec<(String, Option<String>)>),
    /// Ask, without reading them, whether sets are there.
    Probe(Vec<String>),
    /// Look where the account's audit trail ends.
    FindTrail,
    /// Make audit events, one after the other and no further than the first that can't be
    /// made; one of the same number that exists already is this one.
    Tell(Vec<KlivAuditEventSpec>),
    /// Make sure that secrets are gone, and look who deleted them.
    FindDeletions,
    /// Delete notices of deletes, by name: what they say is recorded, or never came true.
    DropNotices(Vec<String>),
    /// Look which audit events are not kept any more.
    FindOld(Kept),
    /// Delete audit events by number: the checkpoint has passed them.
    Prune(Vec<i64>),
}

/// Why the KlivAccount's status is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record {
    /// Names of sets that are about to be made.
    Pending,
    /// The current sets changed.
    Switch,
    /// Functions moved on, a set is gone, a condition changed.
    Progress,
}

/// What is to be done now. An empty plan means that everything is as it should be.
#[derive(Clone, PartialEq, Default)]
pub struct Plan {
    /// Writes that may be done now, in any order.
    pub actions: Vec<Action>,
    /// What to tell people in Events; said after the writes.
    pub notes: Vec<Note>,
    /// When to look again though nothing happens.
    pub look_again: Option<Duration>,
}

impl Plan {
    /// Whether what a note tells is so, when of the plan's writes those of objects with
    /// these uids were done.
    #[must_use]
    pub fn holds(&self, note: &Note, written: &BTreeSet<String>) -> bool {
        let is_written = self.actions.iter().any(|action| match action {
            Action::WriteSecret { uid, .. } => *uid == note.uid,
            Action::Withdraw { stray, .. } => stray.uid == note.uid,
            Action::Inject { function, .. } => note.kind == "Deployment" && *function == note.name,
            _ => false,
        });
        !is_written || written.contains(&note.uid)
    }

    /// Once is enough.
    pub(super) fn look_at_deletions(&mut self) {
        if !self.actions.contains(&Action::FindDeletions) {
            self.actions.push(Action::FindDeletions);
        }
    }

    /// Looks again at the earlier of the two times.
    pub(super) fn look_again_in(&mut self, wait: Duration) {
        self.look_again = Some(self.look_again.map_or(wait, |other| other.min(wait)));
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateAccount => write!(f, "create the KlivAccount"),
            Self::WriteAccount(record, _) => write!(f, "write the KlivAccount: {record:?}"),
            Self::Publish { name, members, .. } => {
                write!(f, "publish {name} with {} variables", members.len())
            }
            Self::Inject { function, .. } => write!(f, "inject into {function}"),
            Self::Withdraw { stray, .. } => write!(f, "withdraw from {}", stray.name),
            Self::FindStrays => write!(f, "look for functions that lost their label"),
            Self::WriteSecret { name, .. } => write!(f, "write the status of {name}"),
            Self::Retire(sets) => write!(f, "retire {} superseded sets", sets.len()),
            Self::Probe(sets) => write!(f, "probe {} sets", sets.len()),
            Self::FindTrail => write!(f, "look for the end of the audit trail"),
            Self::Tell(events) => {
                let first = events.first().and_then(|event| event.sequence).unwrap_or_default();
                write!(f, "make {} audit events from number {first} on", events.len())
            }
            Self::FindDeletions => write!(f, "look who deleted secrets"),
            Self::DropNotices(names) => write!(f, "drop {} notices of deletes", names.len()),
            Self::FindOld(..) => write!(f, "look for old audit events"),
            Self::Prune(numbers) => write!(f, "delete {} old audit events", numbers.len()),
        }
    }
}
