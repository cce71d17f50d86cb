//! What is remembered of an account's audit trail between two plans.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::plan::{after, doubled, wait};
use super::retention::Old;
use crate::api::{AuditRecord, ChainLink, KlivAuditEventSpec};
use crate::audit;

const AGAIN_FIRST: Duration = Duration::from_secs(5);
const AGAIN_LONGEST: Duration = Duration::from_secs(600);
/// How often it is looked which events are too old.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long a notice of a delete may come after it: the webhook answers first.
pub(super) const NOTICE_COMES: Duration = Duration::from_secs(3);

/// Secrets that are surely gone, by uid; and who deleted them, where that is known.
pub(super) type Gone = BTreeMap<String, Option<KlivAuditEventSpec>>;

/// What is remembered of an account's audit trail.
#[derive(Clone, Default)]
pub struct TrailMemory {
    /// Where the trail ends, for the KlivAccount with this uid, which has no record of it.
    pub(super) end: Option<(String, TrailEnd)>,
    /// Events that are surely there.
    pub(super) told: BTreeSet<i64>,
    /// Why events can't be made, how often that was tried, and when it is tried again.
    pub(super) untold: Option<(String, u32, Timestamp)>,
    /// None: to be looked for. Those of which the record knows nothing are in it as long as
    /// they are not told.
    pub(super) gone: Option<Gone>,
    /// Secrets of which it was told in this run that they are deleted: a look that began before
    /// does not know it.
    deleted: BTreeSet<String>,
    /// Since when secrets are known to be gone of which no notice says who deleted them.
    missing: BTreeMap<String, Timestamp>,
    /// Notices of deletes to be dropped: by name, once the secret with this uid is told of.
    pub(super) notices: Vec<(String, Option<String>)>,
    /// There are more of them.
    pub(super) has_more: bool,
    /// There may be notices of secrets that were never seen …
    is_asked: bool,
    /// … or may be in a moment.
    is_early: bool,
    /// When it is looked once more for those.
    again: Option<Timestamp>,
    /// What is not kept any more.
    pub(super) old: Option<Old>,
    /// The newest event at a look that found nothing old: where events were deleted by hand,
    /// numbers mislead.
    pub(super) nothing_old_at: Option<i64>,
    /// When it is to be looked next what is too old.
    pub next_retention: Option<Timestamp>,
}

/// Where an account's trail ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailEnd {
    /// The newest event that is there.
    pub head: ChainLink,
    /// The one before the oldest that is there.
    pub checkpoint: Option<ChainLink>,
}

impl TrailEnd {
    /// Of these events, in whatever order.
    #[must_use]
    pub fn of(events: impl IntoIterator<Item = KlivAuditEventSpec>) -> Self {
        let mut end = Self::default();
        events.into_iter().for_each(|event| end.take(event));
        end
    }

    /// One event more. Those without a number don't count.
    pub(super) fn take(&mut self, event: KlivAuditEventSpec) {
        let Some(sequence) = event.sequence.filter(|number| *number > 0) else { return };
        let is_oldest = match &self.checkpoint {
            Some(before) => sequence <= before.sequence,
            None => self.head.sequence == 0,
        };
        if is_oldest {
            self.checkpoint = (sequence > 1).then(|| ChainLink {
                sequence: sequence - 1,
                hash: event.previous.unwrap_or_default(),
            });
        }
        if sequence > self.head.sequence {
            self.head = ChainLink { sequence, hash: event.hash.unwrap_or_default() };
        }
    }
}

/// What came of an action on the audit trail.
#[derive(Clone)]
pub enum Trailed {
    /// Where the trail of the KlivAccount with this uid ends.
    End(String, TrailEnd),
    /// An event is there.
    Told(Box<KlivAuditEventSpec>),
    /// The API server did not do it, and why, in a fixed text.
    Untold(String),
    /// What became of the notices of deletes.
    Gone {
        /// Secrets that are surely gone, by uid; and who deleted them, where that is known.
        gone: BTreeMap<String, Option<KlivAuditEventSpec>>,
        /// Notices to be dropped: by name, once the secret with this uid is told of.
        notices: Vec<(String, Option<String>)>,
        /// Whether there are more than were dealt with.
        has_more: bool,
    },
    /// These notices are not there any more.
    Dropped(Vec<String>),
    /// What is not kept any more.
    Old(Old),
    /// These are deleted.
    Pruned(Vec<i64>),
}

impl TrailMemory {
    pub(super) fn fold(&mut self, trailed: &Trailed, now: Timestamp) {
        match trailed {
            Trailed::End(uid, end) => self.end = Some((uid.clone(), end.clone())),
            Trailed::Told(event) => self.told.extend(event.sequence),
            Trailed::Untold(text) => {
                let tries = self.untold.as_ref().map_or(0, |(_, tries, _)| tries + 1);
                let next = after(now, doubled(AGAIN_FIRST, tries, AGAIN_LONGEST));
                // Several at once are one try.
                if self.untold.as_ref().is_none_or(|(_, _, next)| wait(now, *next).is_none()) {
                    self.untold = Some((text.clone(), tries, next));
                }
                return;
            }
            Trailed::Gone { gone, notices, has_more } => {
                self.sorted_out(gone, now);
                self.notices.clone_from(notices);
                self.has_more = *has_more;
            }
            Trailed::Dropped(names) => self.notices.retain(|(name, _)| !names.contains(name)),
            Trailed::Old(old) => {
                let is_empty = old.numbers.is_empty();
                self.nothing_old_at = is_empty.then_some(old.newest);
                self.old = (!is_empty).then(|| old.clone());
                if old.is_all {
                    // Notices grow old as well.
                    self.is_asked |= self.next_retention.is_none_or(|due| due <= now);
                    self.next_retention = Some(after(now, DAY));
                }
            }
            Trailed::Pruned(numbers) => {
                if let Some(old) = &mut self.old {
                    old.numbers.retain(|number| !numbers.contains(number));
                }
                self.old.take_if(|old| old.numbers.is_empty());
            }
        }
        // What can be read, can't be written for that.
        if matches!(trailed, Trailed::Told(..) | Trailed::End(..)) {
            self.untold = None;
        }
    }

    /// Takes in which secrets are gone, and when to look once more.
    fn sorted_out(&mut self, gone: &Gone, now: Timestamp) {
        let unseen = gone.iter().filter(|(_, notice)| notice.is_none());
        let since = |uid: &String| self.missing.get(uid).copied().unwrap_or(now);
        self.missing = unseen.map(|(uid, _)| (uid.clone(), since(uid))).collect();
        let is_news = |uid: &String| !self.deleted.contains(uid);
        let news = gone.iter().filter(|(uid, _)| is_news(uid));
        self.gone = Some(news.map(|(uid, who)| (uid.clone(), who.clone())).collect());
        let is_due = self.again.is_none_or(|again| wait(now, again).is_none());
        if is_due {
            let is_early = self.is_early && gone.is_empty();
            self.again = is_early.then(|| after(now, NOTICE_COMES));
        }
        (self.is_asked, self.is_early) = (false, false);
    }

    /// How long until what was refused is tried again; none: it is time, or nothing was.
    pub(super) fn tries_in(&self, now: Timestamp) -> Option<Duration> {
        let (.., next) = self.untold.as_ref()?;
        // Longer than that only where the clock was turned back.
        wait(now, *next).filter(|wait| *wait <= AGAIN_LONGEST)
    }

    /// Takes in the record as it was just written.
    pub(super) fn recorded(&mut self, record: Option<&AuditRecord>) {
        self.deleted.extend(record.into_iter().flat_map(audit::noticed_in).map(str::to_owned));
        if let Some(gone) = &mut self.gone {
            gone.retain(|uid, _| !self.deleted.contains(uid));
        }
    }

    /// There may be notices of secrets that were made and deleted while nobody looked.
    pub fn ask_for_notices(&mut self) {
        self.is_asked = true;
    }

    /// The same where one has just gone: a notice may be on its way.
    pub fn secret_went(&mut self) {
        (self.is_asked, self.is_early) = (true, true);
    }

    /// Whether there may be deletes that are still to be told of secrets that were never seen.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.is_asked || self.has_more || self.again.is_some() || self.knows_who_deletes()
    }

    /// How long until it is to be looked for notices of those; none: not.
    pub(super) fn looks_in(&self, now: Timestamp) -> Option<Duration> {
        if self.is_asked {
            return Some(Duration::ZERO);
        }
        let again = wait(now, self.again?).unwrap_or_default();
        // Longer than that only where the clock was turned back.
        Some(if again > NOTICE_COMES { Duration::ZERO } else { again })
    }

    /// Whether it is known who deleted a secret, and not told yet.
    pub(super) fn knows_who_deletes(&self) -> bool {
        self.gone.iter().flatten().any(|(_, notice)| notice.is_some())
    }

    /// Secrets may have gone since.
    pub(super) fn look_anew(&mut self) {
        self.is_asked |= self.has_more || self.knows_who_deletes() || !self.notices.is_empty();
        self.gone = None;
        self.notices.clear();
        self.deleted.clear();
    }

    /// How long it is waited for a notice of who deleted this secret; none: it is told as it is.
    fn waits_for_notice(&self, uid: &str, now: Timestamp) -> Option<Duration> {
        let comes = after(*self.missing.get(uid)?, NOTICE_COMES);
        // Longer than that only where the clock was turned back.
        wait(now, comes).filter(|wait| *wait <= NOTICE_COMES)
    }

    /// What may be told of those that are gone; and when the next may, where one is waited for.
    pub(super) fn gone_for_good(&self, now: Timestamp) -> (Gone, Option<Duration>) {
        let mut gone = self.gone.clone().unwrap_or_default();
        let mut first = None;
        gone.retain(|uid, notice| {
            let wait = self.waits_for_notice(uid, now).filter(|_| notice.is_none());
            first = [first, wait].into_iter().flatten().min();
            wait.is_none()
        });
        (gone, first)
    }

    pub(super) fn forget_what_is_over(&mut self, record: Option<&AuditRecord>) {
        let pending = || record.into_iter().flat_map(|record| &record.pending);
        self.told.retain(|told| pending().any(|event| event.sequence == Some(*told)));
        self.missing.retain(|uid, _| audit::known(record, uid).is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::AuditAction;

    #[test]
    fn where_a_trail_ends_is_found_in_whatever_order_its_events_are_listed() {
        let link = |sequence: i64| ChainLink { sequence, hash: format!("hash {sequence}") };
        let event = |number: i64| KlivAuditEventSpec {
            sequence: Some(number),
            previous: (number > 1).then(|| link(number - 1).hash),
            hash: Some(link(number).hash),
            ..KlivAuditEventSpec::new(AuditAction::Updated, Timestamp::UNIX_EPOCH)
        };
        for (numbers, head, checkpoint) in [
            (vec![], ChainLink::default(), None),
            (vec![1], link(1), None),
            (vec![2, 1, 3], link(3), None),
            (vec![4, 3, 5], link(5), Some(link(2))),
            (vec![5, 3, 4], link(5), Some(link(2))),
            (vec![3, 4, 5], link(5), Some(link(2))),
        ] {
            let end = TrailEnd::of(numbers.iter().copied().map(event));
            assert_eq!(end, TrailEnd { head, checkpoint }, "{numbers:?}");
        }
    }
}
