//! The chain: every event carries the hash of the one before it.
//!
//! The hash is SHA-256 over a list of fields, each with its length in front, so that no two
//! events have the same bytes: a fixed heading, the account, then the event's fields in the
//! order of [`KlivAuditEventSpec`]. What may be absent has a byte before it, 0 or 1; numbers
//! are eight bytes, big-endian; times are whole seconds since 1970.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::api::{AuditAction, AuditRecord, ChainLink, KlivAuditEventSpec};

/// What the hash begins with: nothing else that is hashed anywhere looks like an event.
const HEADING: &str = "kliv-secrets audit event 1";

/// The name of the event with this sequence number: names sort as the numbers do.
#[must_use]
pub fn name(sequence: i64) -> String {
    format!("{sequence:010}")
}

/// The hash that belongs into an event, hexadecimal.
#[must_use]
pub fn hash(account: &str, event: &KlivAuditEventSpec) -> String {
    let mut bytes = Fields(Sha256::new());
    bytes.text(HEADING);
    bytes.text(account);
    bytes.optional(event.sequence, Fields::number);
    bytes.number(event.time.0.as_second());
    bytes.text(&event.action.to_string());
    bytes.optional_text(event.secret.as_deref());
    bytes.optional_text(event.secret_uid.as_deref());
    bytes.optional(event.version, Fields::number);
    bytes.optional_text(event.masked_value.as_deref());
    bytes.text(&event.actor);
    bytes.text(&event.via);
    bytes.optional_text(event.on_behalf_of.as_deref());
    bytes.optional_text(event.detail.as_deref());
    bytes.optional_text(event.previous.as_deref());
    bytes.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives an event its place after `head`, and moves `head` to it. Its time is cut to whole
/// seconds, as the API server keeps it.
#[must_use]
pub fn append(
    account: &str,
    head: &mut ChainLink,
    mut event: KlivAuditEventSpec,
) -> KlivAuditEventSpec {
    let sequence = head.sequence.saturating_add(1);
    event.sequence = Some(sequence);
    event.time = Time(Timestamp::from_second(event.time.0.as_second()).unwrap_or_default());
    event.previous = Some(head.hash.clone()).filter(|hash| !hash.is_empty());
    let hash = hash(account, &event);
    event.hash = Some(hash.clone());
    *head = ChainLink { sequence, hash };
    event
}

/// What is hashed, field by field.
struct Fields(Sha256);

impl Fields {
    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    fn optional<T>(&mut self, field: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.0.update([u8::from(field.is_some())]);
        if let Some(field) = field {
            write(self, field);
        }
    }

    fn optional_text(&mut self, text: Option<&str>) {
        self.optional(text, Self::text);
    }
}

/// Something about the chain that a reader should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// At which event.
    pub sequence: i64,
    /// What is to be said of it.
    pub what: Wrong,
}

/// What is wrong at an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is not there, nor are those up to this one.
    Removed {
        /// The last one that is missing.
        until: i64,
    },
    /// It does not follow the one before it.
    Reordered,
    /// Its fields are not those that its hash was made of.
    Edited,
    /// There are two of this number.
    Double,
    /// The record was lost and kept anew from here on: whether something was removed just
    /// before, or at the beginning, can't be told without an anchor.
    Restarted,
    /// The account's head names another event than this, or does not know of it.
    Head,
    /// There is no record of the account's head, nor of where what is kept begins.
    NoHead {
        /// The oldest one that is there.
        since: i64,
    },
    /// What was noted elsewhere at the time is another event.
    Anchor,
    /// This is the newest that was noted elsewhere, and it is not kept any more: who can move
    /// the checkpoint could have written anew all that is.
    Uncompared {
        /// The oldest one that is kept.
        kept: i64,
    },
}

impl Wrong {
    /// Whether the chain is broken; if not, it only can't prove as much as usual.
    #[must_use]
    pub fn is_broken(self) -> bool {
        !matches!(self, Self::Restarted | Self::NoHead { .. } | Self::Uncompared { .. })
    }
}

/// What a look at a trail showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is missing, nothing was changed.
    Whole,
    /// The same of what can be seen; something that would show it is not there.
    AsFarAsSeen,
    /// Something was removed, reordered or edited.
    Broken,
}

impl Verdict {
    /// What these findings come to.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        match findings {
            [] => Self::Whole,
            findings if findings.iter().any(|finding| finding.what.is_broken()) => Self::Broken,
            _ => Self::AsFarAsSeen,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.sequence;
        match self.what {
            Wrong::Removed { until } if until == n => write!(f, "event {n} was removed"),
            Wrong::Removed { until } => write!(f, "events {n} to {until} were removed"),
            Wrong::Reordered => write!(f, "event {n} does not follow the one before it"),
            Wrong::Edited => write!(f, "event {n} was edited"),
            Wrong::Double => write!(f, "there are two events {n}"),
            Wrong::Restarted => write!(
                f,
                "the record was lost and kept anew from event {n} on: what may have been removed \
                 just before it, or before the oldest, only an earlier export or log line can tell"
            ),
            Wrong::Head => write!(f, "event {n} is not what the account's head says"),
            Wrong::NoHead { since } => write!(
                f,
                "there is no record of the account's head: what may have been removed before \
                 event {since} or after event {n} can't be told"
            ),
            Wrong::Anchor => {
                write!(f, "event {n} is not what was noted elsewhere at the time")
            }
            Wrong::Uncompared { kept } => write!(
                f,
                "nothing was compared: what was noted elsewhere ends with event {n}, and only \
                 event {kept} and later ones are kept; give an export that holds one of those"
            ),
        }
    }
}

/// Looks whether the events of an account are complete and as they were written: from the
/// checkpoint of the record to its head, those that are about to be made included. Each link
/// of `anchor` was noted elsewhere at the time, from an export or a log line; without one that
/// is still kept, who can rewrite the events and the record can rewrite the past.
///
/// Events come in any order; those that wait for the controller (without a number) don't count.
#[must_use]
pub fn verify(
    account: &str,
    events: &[KlivAuditEventSpec],
    record: Option<&AuditRecord>,
    anchor: &[ChainLink],
) -> Vec<Finding> {
    let mut chain = Chain::of(account, events, record);
    chain.links();
    chain.against_head();
    chain.against_anchor(anchor);
    chain.findings.sort_by_key(|finding| finding.sequence);
    chain.findings
}

/// The chain that is looked at, and what was found so far.
struct Chain<'a> {
    account: &'a str,
    /// By number; those that are about to be made included.
    events: BTreeMap<i64, &'a KlivAuditEventSpec>,
    head: Option<&'a ChainLink>,
    checkpoint: ChainLink,
    findings: Vec<Finding>,
}

impl<'a> Chain<'a> {
    fn of(
        account: &'a str,
        events: &'a [KlivAuditEventSpec],
        record: Option<&'a AuditRecord>,
    ) -> Self {
        let mut findings = Vec::new();
        let mut chain: BTreeMap<i64, &KlivAuditEventSpec> = BTreeMap::new();
        for event in events {
            let Some(sequence) = event.sequence else { continue };
            if chain.insert(sequence, event).is_some() {
                findings.push(Finding { sequence, what: Wrong::Double });
            }
        }
        for event in record.iter().flat_map(|record| &record.pending) {
            if let Some(sequence) = event.sequence {
                chain.entry(sequence).or_insert(event);
            }
        }
        let checkpoint = match (record, chain.first_key_value()) {
            (Some(record), _) => record.checkpoint.clone().unwrap_or_default(),
            // Nobody says what is kept: what is there.
            (None, Some((&sequence @ 2.., event))) => ChainLink {
                sequence: sequence - 1,
                hash: event.previous.clone().unwrap_or_default(),
            },
            (None, _) => ChainLink::default(),
        };
        let head = record.map(|record| &record.head);
        Self { account, events: chain, head, checkpoint, findings }
    }

    /// Whether each event is as it was written, and follows the one before it.
    fn links(&mut self) {
        let checkpoint = &self.checkpoint;
        let mut before: Option<(i64, Option<&str>)> = None;
        for (&sequence, event) in &self.events {
            let mut found = |sequence, what| self.findings.push(Finding { sequence, what });
            if event.hash.as_ref() != Some(&hash(self.account, event)) {
                found(sequence, Wrong::Edited);
            }
            // Those up to the checkpoint may be gone already.
            let last = match before {
                Some((last, hash)) if last >= checkpoint.sequence => Some((last, hash)),
                _ if sequence > checkpoint.sequence => {
                    Some((checkpoint.sequence, Some(checkpoint.hash.as_str())))
                }
                other => other.filter(|(last, _)| last.saturating_add(1) == sequence),
            };
            if let Some((last, hash)) = last {
                if sequence > last.saturating_add(1) {
                    found(last.saturating_add(1), Wrong::Removed { until: sequence - 1 });
                } else if event.previous.as_deref().unwrap_or_default() != hash.unwrap_or_default()
                {
                    found(sequence, Wrong::Reordered);
                }
            }
            let is_first = sequence == checkpoint.sequence;
            if sequence < 1 || is_first && event.hash.as_ref() != Some(&checkpoint.hash) {
                found(sequence, Wrong::Reordered);
            }
            if event.action == AuditAction::Resumed {
                found(sequence, Wrong::Restarted);
            }
            before = Some((sequence, event.hash.as_deref()));
        }
    }

    /// Whether it ends where the account's head says.
    fn against_head(&mut self) {
        let newest = self.newest();
        let found = match self.head {
            Some(head) if head.sequence > newest => {
                Some((newest.saturating_add(1), Wrong::Removed { until: head.sequence }))
            }
            Some(head) if head.sequence < newest || self.at(newest) != Some(&head.hash) => {
                Some((newest, Wrong::Head))
            }
            Some(_) => None,
            None => {
                let oldest = self.events.first_key_value();
                oldest.map(|(&since, _)| (newest, Wrong::NoHead { since }))
            }
        };
        self.findings.extend(found.map(|(sequence, what)| Finding { sequence, what }));
    }

    /// Whether it is what was noted elsewhere at the time.
    fn against_anchor(&mut self, anchor: &[ChainLink]) {
        let newest = self.newest();
        for link in anchor {
            let is_other = match self.at(link.sequence) {
                Some(hash) => hash != link.hash,
                // Of those that are not kept any more nothing is known.
                None => link.sequence > self.head.map_or(newest, |head| head.sequence.max(newest)),
            };
            if is_other {
                self.findings.push(Finding { sequence: link.sequence, what: Wrong::Anchor });
            }
        }
        let noted = anchor.iter().map(|link| link.sequence).max();
        let checkpoint = self.checkpoint.sequence;
        if let Some(sequence) = noted.filter(|noted| newest > 0 && *noted <= checkpoint) {
            let kept = checkpoint.saturating_add(1);
            self.findings.push(Finding { sequence, what: Wrong::Uncompared { kept } });
        }
    }

    fn newest(&self) -> i64 {
        let last = self.events.last_key_value().map_or(0, |(&sequence, _)| sequence);
        last.max(self.checkpoint.sequence)
    }

    /// The hash of the event with this number.
    fn at(&self, sequence: i64) -> Option<&str> {
        match self.events.get(&sequence) {
            Some(event) => event.hash.as_deref(),
            None if sequence == self.checkpoint.sequence => Some(&self.checkpoint.hash),
            None => None,
        }
    }
}
