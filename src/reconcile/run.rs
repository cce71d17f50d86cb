#![expect(clippy::disallowed_types, reason = "asks for the CRD, writes Events")]
//! One run for one account: *plan, apply*, until the plan is empty.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::runtime::events::{Recorder, Reporter};
use tokio_util::sync::CancellationToken;

use super::apply::Applier;
use super::effect::Effect;
use super::events::Note;
use super::former::Former;
use super::inspect::{disown, inspect};
use super::learned::learn;
use super::observed::{Account, Memory};
use super::plan::{Timings, plan};
use super::trail_memory::Trailed;
use super::world::Change;
use crate::runtime::{Metrics, clock, entropy};

/// Writes of one account at once.
const WRITES_AT_ONCE: usize = 8;
/// *Plan, apply* repeats until the plan is empty. More rounds than this in one go mean
/// that somebody undoes what is done: then it waits.
const ROUNDS: usize = 16;

/// What every run needs.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) applier: Applier,
    pub(super) reporter: Reporter,
    pub(super) timings: Timings,
    pub(super) stop: CancellationToken,
    pub(super) metrics: Metrics,
}

/// The end of one run.
pub(super) struct Done {
    pub(super) namespace: String,
    pub(super) memory: Memory,
    pub(super) changes: Vec<Change>,
    pub(super) look_again: Option<Duration>,
    pub(super) end: End,
    /// Whether it was to make sure that the CRD is there.
    pub(super) lost: bool,
    pub(super) former: Former,
    pub(super) took: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing is left to do now.
    Settled,
    /// The plan was overtaken, or publishing is blocked, or a write failed: again, later
    /// each time.
    TryAgain,
    /// The CRD is gone or going, or the KlivSecrets went with it.
    CrdGone,
}

impl Context {
    /// *Plan, apply* until the plan is empty.
    pub(super) async fn reconcile(
        self,
        mut account: Account,
        mut memory: Memory,
        lost: bool,
    ) -> Done {
        let started = clock::monotonic();
        memory.try_again();
        memory.see(&account);
        let mut changes = Vec::new();
        let mut look_again = None;
        let mut end = End::TryAgain;
        if (lost || account.is_emptied()) && self.crd_went(&account, &memory).await {
            tracing::warn!(
                account = account.namespace,
                "the KlivSecrets are gone with their CRD: functions keep what they have"
            );
            end = End::CrdGone;
        } else {
            for _ in 0..ROUNDS {
                if self.stop.is_cancelled() {
                    break;
                }
                let round = self.round(&mut account, &mut memory, &mut changes).await;
                look_again = round.look_again;
                if let Some(ended) = round.end {
                    end = ended;
                    break;
                }
            }
        }
        memory.forget_what_is_over(&account);
        let keyring = self.applier.keyring.as_ref();
        let former =
            keyring.map_or_else(Former::default, |ring| Former::of(&account, ring.active().id));
        let took = clock::monotonic() - started;
        Done { namespace: account.namespace, memory, changes, look_again, end, lost, former, took }
    }

    async fn round(
        &self,
        account: &mut Account,
        memory: &mut Memory,
        changes: &mut Vec<Change>,
    ) -> Round {
        // Some milliseconds of computing for a large account: others don't wait for it.
        let plan = tokio::task::block_in_place(|| {
            let (keyring, now) = (self.applier.keyring.as_deref(), clock::now());
            disown(account, memory);
            inspect(account, &mut memory.learned, keyring, now);
            learn(account, &mut memory.learned, keyring);
            plan(account, memory, &self.timings, now)
        });
        for action in &plan.actions {
            tracing::debug!(account = account.namespace, %action, "planned");
        }
        let writes: Vec<_> =
            plan.actions.iter().map(|action| self.applier.apply(account, action)).collect();
        let effects: Vec<Effect> =
            futures::stream::iter(writes).buffer_unordered(WRITES_AT_ONCE).concat().await;
        let mut overtaken = false;
        let mut written = BTreeSet::new();
        let mut news = Vec::new();
        for effect in effects {
            memory.fold(&effect, clock::now());
            match effect {
                Effect::Change(change) => {
                    written.extend(change.uid().map(str::to_owned));
                    account.apply(change.clone());
                    changes.push(change);
                }
                Effect::Withdrawn(stray) => {
                    written.insert(stray.uid.clone());
                }
                Effect::Probed(_) if memory.next_probe.is_none_or(|due| due <= clock::now()) => {
                    memory.next_probe = Some(self.next_probe());
                }
                // Like the log line it may come twice; it never stays away.
                Effect::Trail(Trailed::Told(event)) => {
                    news.extend(Note::audit(&event, account.object.as_ref()));
                }
                Effect::Stale | Effect::LostSight => overtaken = true,
                Effect::Failed(what, code) => {
                    tracing::warn!(
                        account = account.namespace,
                        code,
                        "could not {what}; tried again"
                    );
                    overtaken = true;
                }
                _ => {}
            }
        }
        for note in plan.notes.iter().filter(|note| plan.holds(note, &written)) {
            if note.kind == "Deployment" {
                memory.said.insert(note.uid.clone(), note.text.clone());
            }
            if note.news && !note.text.is_empty() {
                self.say(account, note).await;
            }
        }
        for note in &news {
            self.say(account, note).await;
        }
        let end = if overtaken {
            Some(End::TryAgain)
        } else if plan.actions.is_empty() {
            let stuck = memory.blocked.is_some() || !memory.unsure.is_empty();
            Some(if stuck { End::TryAgain } else { End::Settled })
        } else {
            None
        };
        Round { look_again: plan.look_again, end }
    }

    async fn say(&self, account: &Account, note: &Note) {
        let reference = note.reference(&account.namespace);
        // A recorder that remembers takes a new text for the old Event once more, and
        // keeps its old text.
        let recorder = Recorder::new(self.applier.client.clone(), self.reporter.clone());
        // An Event that can't be written is not worth a retry.
        if recorder.publish(&note.event(), &reference).await.is_err() {
            tracing::debug!(account = account.namespace, "an Event could not be written");
        }
    }

    /// Within the interval, and not all accounts at once.
    pub(super) fn next_probe(&self) -> Timestamp {
        let wait = entropy::jittered(self.timings.republish_interval.mul_f64(0.8));
        clock::now().checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    /// Soon after the start, and not all accounts at once.
    pub(super) fn next_retention(&self) -> Timestamp {
        let wait = Duration::from_secs(3600);
        clock::now().checked_add(entropy::jittered(wait)).unwrap_or(Timestamp::MAX)
    }

    /// Whether the KlivSecret CRD is gone, being deleted, or back without what it held. Where
    /// that can't be found out, it counts as gone: taking nothing from functions is the safe
    /// side.
    async fn crd_went(&self, account: &Account, memory: &Memory) -> bool {
        let crds = Api::<CustomResourceDefinition>::all(self.applier.client.clone());
        let Ok(crd) = crds.get_metadata("klivsecrets.secrets.kliv.dev").await else { return true };
        let created = crd.metadata.creation_timestamp.map_or(Timestamp::MAX, |time| time.0);
        crd.metadata.deletion_timestamp.is_some() || account.went_with_crd(memory, created)
    }
}

struct Round {
    look_again: Option<Duration>,
    end: Option<End>,
}
