//! The newest of the audit trail, without reading all of it: events are named by their numbers,
//! and the account's record says which one is the newest.
//!
//! ```text
//!  record: head, what is about to be made
//!     └─► events by name, a step at a time, back from there ──► until that is enough
//!                                └─► a chain from the oldest of them to the head, or not
//! ```

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::ListParams;

use super::{Caller, Error, What};
use crate::api::{AuditRecord, ChainLink, KlivAuditEvent, KlivAuditEventSpec};
use crate::audit::{self, Finding};

/// Events that are read before it is asked whether that is enough.
const STEP: i64 = 32;
/// Events that are looked at in one go: what a call costs at most.
const MOST: i64 = 320;
/// Events that are read at a time.
const AT_ONCE: usize = 8;
/// Events of one page, where nothing says which is the newest.
const PAGE: u32 = 500;
/// How often it is read anew where events grow too old meanwhile.
const TRIES: usize = 5;

/// A part of a trail that was looked at.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Newest {
    /// Its events, the newest first; those that are about to be made are among them.
    pub events: Vec<KlivAuditEventSpec>,
    /// Where older ones are kept that were not looked at: all looked at have this number or a
    /// higher one.
    pub rest: Option<i64>,
    /// What is wrong with the part, as a chain from its oldest event to the account's head, or
    /// to the event that it comes before.
    pub findings: Vec<Finding>,
}

impl Newest {
    /// Whether what was looked at last is all from before this time: events come about in the
    /// order of their times, but a value that waited is told late.
    #[must_use]
    pub fn is_back_at(events: &[KlivAuditEventSpec], since: jiff::Timestamp) -> bool {
        let step = usize::try_from(STEP).unwrap_or(usize::MAX);
        !events.is_empty() && events.iter().rev().take(step).all(|event| event.time.0 < since)
    }
}

/// Which part of a trail is read, and what there is of it so far.
struct Part<'a> {
    account: &'a str,
    record: &'a AuditRecord,
    /// Its newest event, or the one that it comes before.
    top: i64,
    /// The oldest one that is kept.
    oldest: i64,
    /// The oldest one that was looked at.
    from: i64,
    events: Vec<KlivAuditEventSpec>,
}

impl<'a> Part<'a> {
    fn of(account: &'a str, record: &'a AuditRecord, before: Option<i64>) -> Self {
        let head = record.head.sequence;
        let top = before.map_or(head, |before| before.min(head));
        let checkpoint = record.checkpoint.as_ref().map_or(0, |link| link.sequence);
        let oldest = checkpoint.saturating_add(1);
        Self { account, record, top, oldest, from: top.saturating_add(1), events: Vec::new() }
    }

    /// The numbers that are to be looked at next; none where that is all, or enough.
    fn further(&mut self) -> Vec<i64> {
        let looked = self.top.saturating_add(1).saturating_sub(self.from);
        let step = STEP.min(MOST.saturating_sub(looked));
        let from = self.from.saturating_sub(step).max(self.oldest);
        let numbers = (from..self.from).rev().collect();
        self.from = self.from.min(from);
        numbers
    }

    /// One that is about to be made: the record has it already.
    fn pending(&self, number: i64) -> Option<KlivAuditEventSpec> {
        self.record.pending.iter().find(|event| event.sequence == Some(number)).cloned()
    }

    fn ended(mut self, before: Option<i64>) -> Newest {
        let findings = self.verify();
        self.events.retain(|event| before.is_none_or(|before| event.sequence < Some(before)));
        let rest = (self.from > self.oldest).then_some(self.from);
        Newest { events: self.events, rest, findings }
    }

    /// As if nothing else had ever been.
    fn verify(&self) -> Vec<Finding> {
        let head = &self.record.head;
        if self.top < self.oldest && self.top < head.sequence {
            return Vec::new();
        }
        let of = |number: i64| self.events.iter().find(|event| event.sequence == Some(number));
        let head = match of(self.top) {
            Some(top) if self.top < head.sequence => {
                ChainLink { sequence: self.top, hash: top.hash.clone().unwrap_or_default() }
            }
            _ => ChainLink { sequence: self.top, ..head.clone() },
        };
        let checkpoint = match of(self.from) {
            _ if self.from <= self.oldest => self.record.checkpoint.clone(),
            oldest => Some(ChainLink {
                sequence: self.from.saturating_sub(1),
                hash: oldest.and_then(|event| event.previous.clone()).unwrap_or_default(),
            }),
        };
        let record = AuditRecord { head, checkpoint, ..AuditRecord::default() };
        audit::verify(self.account, &self.events, Some(&record), &[])
    }
}

impl Caller {
    /// The newest events of the account, or those before the one with this number: as many as
    /// are enough, and no more than are looked at in one go. What is read of them comes newest
    /// first.
    ///
    /// # Errors
    /// The caller may not read them or the KlivAccount, or the cluster does not answer.
    pub async fn newest(
        &self,
        before: Option<i64>,
        is_enough: impl Fn(&[KlivAuditEventSpec]) -> bool + Send + Sync,
    ) -> Result<Newest, Error> {
        let mut record = self.audit_record().await?;
        for last in (0..TRIES).rev() {
            let Some(known) = record else { break };
            let part = Part::of(&self.namespace, &known, before);
            let newest = self.read_back(part, before, &is_enough).await?;
            if newest.findings.is_empty() || last == 0 {
                return Ok(newest);
            }
            // What has grown too old meanwhile was not removed by anybody.
            record = self.audit_record().await?;
            if record.as_ref().is_some_and(|now| now.checkpoint == known.checkpoint) {
                return Ok(newest);
            }
        }
        self.newest_of_all(before).await
    }

    async fn read_back(
        &self,
        mut part: Part<'_>,
        before: Option<i64>,
        is_enough: &(impl Fn(&[KlivAuditEventSpec]) -> bool + Send + Sync),
    ) -> Result<Newest, Error> {
        loop {
            let numbers = part.further();
            if numbers.is_empty() {
                return Ok(part.ended(before));
            }
            let unmade: Vec<i64> =
                numbers.iter().copied().filter(|n| part.pending(*n).is_none()).collect();
            let read = stream::iter(unmade).map(|number| self.audit_event(number));
            let read: Vec<Option<KlivAuditEventSpec>> =
                read.buffered(AT_ONCE).try_collect().await?;
            let pending = numbers.into_iter().filter_map(|number| part.pending(number));
            let mut step: Vec<_> = pending.chain(read.into_iter().flatten()).collect();
            step.sort_by_key(|event| std::cmp::Reverse(event.sequence));
            part.events.append(&mut step);
            if is_enough(&part.events) {
                return Ok(part.ended(before));
            }
        }
    }

    async fn audit_event(&self, number: i64) -> Result<Option<KlivAuditEventSpec>, Error> {
        let found = self.api::<KlivAuditEvent>().get_opt(&audit::name(number)).await;
        let found = found.map_err(|error| self.kind(What::AuditEvents, "").failed(&error))?;
        Ok(found.map(|event| event.spec))
    }

    /// The same where nothing says which one is the newest: all are listed, a page at a time,
    /// and no more kept than is looked at otherwise.
    async fn newest_of_all(&self, before: Option<i64>) -> Result<Newest, Error> {
        let events = self.api::<KlivAuditEvent>();
        let mut page = ListParams::default().limit(PAGE);
        let mut kept = std::collections::BTreeMap::new();
        let mut is_all = true;
        loop {
            let listed = events.list(&page).await;
            let listed = listed.map_err(|error| self.kind(What::AuditEvents, "").failed(&error))?;
            for event in listed.items.into_iter().map(|event| event.spec) {
                let number = event.sequence.filter(|n| before.is_none_or(|before| *n < before));
                kept.extend(number.map(|number| (number, event)));
                while kept.len() > usize::try_from(MOST).unwrap_or(usize::MAX) {
                    kept.pop_first();
                    is_all = false;
                }
            }
            match listed.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page.continue_token = Some(token),
                None => break,
            }
        }
        let oldest = kept.first_key_value().map(|(number, _)| *number);
        let events: Vec<KlivAuditEventSpec> = kept.into_values().rev().collect();
        let findings = audit::verify(&self.namespace, &events, None, &[]);
        Ok(Newest { events, rest: oldest.filter(|_| !is_all), findings })
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::api::AuditAction;
    use crate::audit::{Verdict, Wrong};

    /// A trail of so many events, of which the first are not kept and the last not made yet.
    fn trail(all: i64, old: i64, pending: i64) -> (Vec<KlivAuditEventSpec>, AuditRecord) {
        let mut head = ChainLink::default();
        let mut checkpoint = None;
        let mut events = Vec::new();
        for n in 1..=all {
            let event =
                KlivAuditEventSpec::new(AuditAction::Updated, Timestamp::from_second(n).unwrap());
            events.push(audit::append("acme", &mut head, event));
            if n == old {
                checkpoint = Some(head.clone());
            }
        }
        let made = usize::try_from(all - pending).unwrap();
        let pending = events.split_off(made);
        let events = events.split_off(usize::try_from(old).unwrap());
        (events, AuditRecord { head, checkpoint, pending, ..AuditRecord::default() })
    }

    /// Reads as long as it is not enough; and how many events were asked for.
    fn read(
        (events, record): &(Vec<KlivAuditEventSpec>, AuditRecord),
        before: Option<i64>,
        enough: usize,
    ) -> (Newest, usize) {
        let mut part = Part::of("acme", record, before);
        let mut asked = 0;
        loop {
            let numbers = part.further();
            for number in &numbers {
                let made = events.iter().find(|event| event.sequence == Some(*number));
                asked += usize::from(part.pending(*number).is_none());
                let event = part.pending(*number).or_else(|| made.cloned());
                part.events.extend(event);
            }
            if numbers.is_empty() || part.events.len() >= enough {
                return (part.ended(before), asked);
            }
        }
    }

    fn numbers(newest: &Newest) -> (i64, i64) {
        let number = |event: Option<&KlivAuditEventSpec>| event.and_then(|e| e.sequence).unwrap();
        (number(newest.events.first()), number(newest.events.last()))
    }

    #[test]
    fn no_more_is_read_than_is_enough_or_than_one_look_may_cost() {
        let trail = trail(5000, 0, 3);
        let (newest, asked) = read(&trail, None, 20);
        assert_eq!((numbers(&newest), asked), ((5000, 4969), 29), "pending ones are there already");
        assert_eq!((newest.rest, newest.findings), (Some(4969), vec![]));
        let (newest, asked) = read(&trail, None, usize::MAX);
        assert_eq!((numbers(&newest), asked), ((5000, 4681), 317));
        assert_eq!((newest.rest, newest.findings), (Some(4681), vec![]));
    }

    #[test]
    fn a_trail_is_read_to_its_end_a_part_at_a_time_each_event_once() {
        let trail = trail(700, 5, 2);
        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let (newest, _) = read(&trail, before, usize::MAX);
            assert_eq!(newest.findings, [], "{before:?}");
            seen.extend(newest.events.iter().filter_map(|event| event.sequence));
            before = newest.rest;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, (6..=700).rev().collect::<Vec<_>>());
    }

    #[test]
    fn what_was_done_to_the_part_that_is_read_is_found_and_to_no_other() {
        let broken = |change: fn(&mut Vec<KlivAuditEventSpec>, &mut AuditRecord)| {
            let mut trail = trail(100, 10, 1);
            change(&mut trail.0, &mut trail.1);
            let (newest, _) = read(&trail, None, 20);
            assert_eq!(numbers(&newest).0, 100);
            newest
                .findings
                .into_iter()
                .map(|found| (found.sequence, found.what))
                .collect::<Vec<_>>()
        };
        let gap = |n| vec![(n, Wrong::Removed { until: n })];
        assert_eq!(broken(|_, _| ()), []);
        assert_eq!(broken(|events, _| drop(events.remove(60))), gap(71));
        // The oldest one that is read.
        assert_eq!(broken(|events, _| drop(events.remove(58))), gap(69));
        assert_eq!(broken(|events, _| drop(events.remove(57))), [], "it was not looked at");
        let edited = broken(|events, _| events[80].actor = "eva".into());
        assert_eq!(edited, [(91, Wrong::Edited)]);
        let forged = broken(|_, record| record.head.hash = "00".into());
        assert_eq!(forged, [(100, Wrong::Head)]);
    }

    #[test]
    fn a_later_part_is_bound_to_the_event_that_it_comes_before() {
        let mut trail = trail(100, 0, 0);
        let (newest, _) = read(&trail, Some(50), 20);
        assert_eq!((numbers(&newest), newest.findings), ((49, 19), vec![]));
        // The past up to there is written anew, each event in itself as it should be.
        let (mut head, mut past) = (ChainLink::default(), Vec::new());
        for event in trail.0.drain(..49) {
            let anew = KlivAuditEventSpec { actor: "eva".into(), ..event };
            past.push(audit::append("acme", &mut head, anew));
        }
        past.append(&mut trail.0);
        trail.0 = past;
        let (newest, _) = read(&trail, Some(50), 20);
        assert_eq!(Verdict::of(&newest.findings), Verdict::Broken);
        assert_eq!(newest.findings[0].sequence, 50);
    }

    #[test]
    fn an_account_without_events_has_none_and_is_whole() {
        for record in [AuditRecord::default(), trail(9, 9, 0).1] {
            let (newest, asked) = read(&(Vec::new(), record), None, 20);
            assert_eq!((newest, asked), (Newest::default(), 0));
        }
        for before in [-1, 1, 3, 4, 5] {
            let (beyond, _) = read(&trail(9, 4, 0), Some(before), 20);
            assert_eq!(beyond, Newest::default(), "what is before {before} is not kept");
        }
    }
}
