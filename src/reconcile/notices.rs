//! What the webhook noted of who deletes secrets, and of refused calls, sorted out. However many notices an account
//! has, no more of them is kept than can be dealt with in one go.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::trail_memory::Trailed;
use crate::api::names::PENDING_PREFIX;
use crate::api::{AuditAction, AuditRecord, KlivAuditEventSpec};
use crate::audit::{self, MAX_CALLS, MAX_PENDING};

/// A notice of a delete that never came true is dropped after this long.
const LASTS: SignedDuration = SignedDuration::from_hours(1);
/// Notices that are dropped in one go.
const AT_ONCE: usize = 500;

/// The notices of an account, taken in one by one.
pub struct Notices {
    /// Secrets that are there, by uid.
    there: BTreeSet<String>,
    /// Secrets that the record tells of.
    known: BTreeSet<String>,
    /// Secrets of which it is about to be told that they are deleted.
    told: BTreeSet<String>,
    expired: Timestamp,
    /// The newest notice of each secret: its name, and what it says.
    newest: BTreeMap<String, (String, KlivAuditEventSpec)>,
    /// Secrets that neither are there nor are known; and refused calls.
    strangers: BTreeSet<String>,
    /// How many of these are refused calls.
    calls: usize,
    /// Names of those that nothing waits for.
    over: Vec<String>,
    has_more: bool,
}

impl Notices {
    /// Begins, with the uids of all secrets that are there.
    #[must_use]
    pub fn new(record: Option<&AuditRecord>, there: BTreeSet<String>, now: Timestamp) -> Self {
        let known = record.iter().flat_map(|record| &record.secrets);
        let told = record.into_iter().flat_map(audit::noticed_in);
        Self {
            there,
            known: known.map(|known| known.uid.clone()).collect(),
            told: told.map(str::to_owned).collect(),
            expired: now.saturating_sub(LASTS).unwrap_or(Timestamp::MIN),
            newest: BTreeMap::new(),
            strangers: BTreeSet::new(),
            calls: 0,
            over: Vec::new(),
            has_more: false,
        }
    }

    /// Takes in one, by its name.
    pub fn take(&mut self, name: String, mut notice: KlivAuditEventSpec) {
        let is_call = notice.action == AuditAction::CallRefused;
        if is_call {
            // Nothing waits for anything to be gone: it is told of as what nobody knows of.
            notice.secret_uid = name.strip_prefix(PENDING_PREFIX).map(str::to_owned);
        }
        let Some(uid) = notice.secret_uid.clone() else { return self.is_over(name) };
        let is_there = self.there.contains(&uid);
        if self.told.contains(&uid) || is_there && notice.time.0 < self.expired {
            return self.is_over(name);
        }
        if !is_there && !self.known.contains(&uid) && !self.strangers.contains(&uid) {
            // Refused calls hide no delete.
            let is_full = match is_call {
                true => self.calls >= MAX_CALLS,
                false => self.strangers.len() - self.calls >= MAX_PENDING,
            };
            if is_full {
                self.has_more = true;
                return;
            }
            self.calls += usize::from(is_call);
            self.strangers.insert(uid.clone());
        }
        match self.newest.get(&uid) {
            Some((_, newer)) if newer.time.0 > notice.time.0 => self.is_over(name),
            _ => {
                if let Some((older, _)) = self.newest.insert(uid, (name, notice)) {
                    self.is_over(older);
                }
            }
        }
    }

    fn is_over(&mut self, name: String) {
        if self.over.len() < AT_ONCE {
            self.over.push(name);
        } else {
            self.has_more = true;
        }
    }

    /// Secrets of which nothing is known but that somebody was about to delete them, by uid.
    #[must_use]
    pub fn strangers(&self) -> &BTreeSet<String> {
        &self.strangers
    }

    /// What they come to. Of strangers it was looked meanwhile which of them are there after
    /// all, and of which the trail has told already that they were deleted.
    #[must_use]
    pub fn sorted(mut self, there: &BTreeSet<String>, told: &BTreeSet<String>) -> Trailed {
        let mut gone = BTreeMap::new();
        let mut notices = Vec::new();
        for uid in std::mem::take(&mut self.known).difference(&self.there) {
            let notice = self.newest.remove(uid).map(|(name, notice)| {
                notices.push((name, Some(uid.clone())));
                notice
            });
            gone.insert(uid.clone(), notice);
        }
        for uid in std::mem::take(&mut self.strangers) {
            let Some((name, notice)) = self.newest.remove(&uid) else { continue };
            if told.contains(&uid) {
                self.is_over(name);
            } else if !there.contains(&uid) {
                notices.push((name, Some(uid.clone())));
                gone.insert(uid, Some(notice));
            }
        }
        notices.extend(self.over.into_iter().map(|name| (name, None)));
        Trailed::Gone { gone, notices, has_more: self.has_more }
    }
}
