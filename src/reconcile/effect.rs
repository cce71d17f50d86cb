//! What comes of actions, and what the engine remembers of it.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;

use super::observed::Memory;
use super::refused::{Refusal, Refused};
use super::trail_memory::Trailed;
use super::world::Change;
use crate::api::condition::Reason;
use crate::inject::Function;

/// What came of an action.
#[derive(Clone)]
pub enum Effect {
    /// An object as it is now.
    Change(Change),
    /// A set exists; its uid where the answer told it.
    Created(String, Option<String>),
    /// A superseded set was deleted.
    Deleted(String),
    /// A superseded set was not there to be deleted.
    Gone(String),
    /// A superseded set has another uid than the one recorded: it was made anew, and the
    /// record of that was lost.
    Reborn(String),
    /// It was looked whether superseded sets are in use.
    LookedForUse,
    /// A probe is over; these sets are not there.
    Probed(BTreeSet<String>),
    /// A set that was probed is there.
    Found(String),
    /// A set was probed, and nothing found out.
    Unsure(String),
    /// All Deployments that have entries of ours and are no functions.
    Strays(Vec<Function>),
    /// One of them, after a write of ours.
    Withdrawn(Box<Function>),
    /// They have to be looked for again.
    LostSight,
    /// The functions' progress was written.
    Reported,
    /// Publishing can't go on.
    Blocked(Reason, String),
    /// A value in use does not open.
    Unopenable(String, i64),
    /// A value in use can never have been one (uid, generation): its key is there, and it
    /// does not open.
    Forged(String, i64),
    /// A write was refused: the object's uid, which write it was, and by what.
    Refused(String, u64, Refusal),
    /// Something about the audit trail.
    Trail(Trailed),
    /// What the plan was made for is not so any more; the watch will tell.
    Stale,
    /// The API server could not do it; tried again. Says what, in a fixed text.
    Failed(&'static str, Option<u16>),
}

impl Memory {
    /// Takes in what came of an action.
    pub fn fold(&mut self, effect: &Effect, now: Timestamp) {
        match effect {
            Effect::Created(name, uid) => {
                self.created.insert(name.clone(), uid.clone());
                self.missing.remove(name);
                self.deleted.remove(name);
                self.gone.remove(name);
            }
            Effect::Deleted(name) => {
                self.created.remove(name);
                self.deleted.insert(name.clone(), now);
            }
            Effect::Gone(name) => {
                self.created.remove(name);
                self.reborn.remove(name);
                if self.deleted.remove(name).is_some() {
                    self.gone.insert(name.clone());
                } else {
                    self.deleted.insert(name.clone(), now);
                }
            }
            Effect::Reborn(name) => {
                self.reborn.insert(name.clone());
            }
            Effect::LookedForUse => self.retired = Some(now),
            Effect::Probed(missing) => {
                self.found.retain(|name| !missing.contains(name));
                self.missing.extend(missing.iter().cloned());
            }
            Effect::Found(name) => {
                self.missing.remove(name);
                self.found.insert(name.clone());
            }
            Effect::Unsure(name) => {
                self.unsure.insert(name.clone());
            }
            Effect::Strays(all) => self.strays = Some(all.clone()),
            Effect::Withdrawn(after) => {
                self.given.note(after, now);
                self.refused.remove(&after.uid);
                let strays = self.strays.iter_mut().flatten();
                for stray in strays.filter(|stray| stray.uid == after.uid) {
                    *stray = (**after).clone();
                }
            }
            Effect::LostSight => self.strays = None,
            Effect::Reported => self.reported = Some(now),
            Effect::Blocked(reason, message) => self.blocked = Some((*reason, message.clone())),
            Effect::Unopenable(uid, generation) => {
                self.unopenable.insert((uid.clone(), *generation));
            }
            Effect::Forged(uid, generation) => {
                self.forged.insert((uid.clone(), *generation));
            }
            Effect::Refused(uid, write, by) => {
                let refused = Refused::again(self.refused.get(uid), *write, *by, now);
                self.refused.insert(uid.clone(), refused);
            }
            Effect::Change(change) => {
                match change {
                    Change::Function(_, function) => self.given.note(function, now),
                    Change::Account(_, object) => self.trail.recorded(object.status.audit.as_ref()),
                    // Its status is without it now, and a true one may have the same number.
                    Change::Secret(_, secret) => self.forged.retain(|(uid, _)| *uid != secret.uid),
                    _ => {}
                }
                if let Some(uid) = change.uid() {
                    self.refused.remove(uid);
                }
            }
            Effect::Trail(trailed) => self.trail.fold(trailed, now),
            Effect::Stale | Effect::Failed(..) => {}
        }
    }
}
