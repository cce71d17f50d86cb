#![expect(clippy::disallowed_types, reason = "drives the watches and the writes")]
//! The loop of the leader: takes in what the watches tell, lets changes gather, and runs
//! *plan, apply* for one account after the other, several at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::events::{Recorder, Reporter};
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::apply::Applier;
use super::effect::Effect;
use super::gather::Gather;
use super::inspect;
use super::observe::{self, Seen};
use super::observed::{Account, Memory};
use super::plan::{Timings, plan};
use super::world::{Change, Kind, World};
use crate::api::names::FIELD_MANAGER;
use crate::runtime::{Metrics, clock, entropy};
use crate::seal::Keyring;

/// How the engine is set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Label selector of functions.
    pub function_selector: String,
    /// An account is looked at after this long without a change …
    pub quiet: Duration,
    /// … at the latest this long after the first.
    pub longest: Duration,
    /// A superseded set stays at least this long.
    pub keep_superseded: Duration,
    /// A published set deleted by hand is back within this time.
    pub republish_interval: Duration,
    /// Accounts at once.
    pub concurrency: usize,
    /// This process, in Events.
    pub instance: String,
}

/// Writes of one account at once.
const WRITES_AT_ONCE: usize = 8;
/// *Plan, apply* repeats until the plan is empty. More rounds than this in one go mean
/// that somebody undoes what is done: then it waits.
const ROUNDS: usize = 16;
/// How long writes in flight may take when the engine stops.
const FAREWELL: Duration = Duration::from_secs(10);
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(60);

/// Runs until `stop`; calls `ready` once everything has been listed.
///
/// # Errors
/// The watches ended, which they never do by themselves.
pub async fn run(
    client: Client,
    keyring: Arc<Keyring>,
    settings: Settings,
    metrics: Metrics,
    ready: impl Fn() + Send,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (tx, mut seen) = mpsc::channel(1024);
    let mut watches = JoinSet::new();
    watches.spawn(observe::all(client.clone(), settings.function_selector.clone(), tx));
    let mut engine = Engine::new(client, keyring, settings, metrics, stop.clone());
    loop {
        let due = engine.next_start().map(tokio::time::Instant::from_std);
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            event = seen.recv() => match event {
                Some(event) => {
                    if engine.take_in(event) {
                        tracing::info!(accounts = engine.world.len(), "everything is listed");
                        ready();
                    }
                }
                None => anyhow::bail!("the watches ended"),
            },
            Some(done) = engine.running.join_next_with_id() => match done {
                Ok((task, done)) => {
                    engine.tasks.remove(&task);
                    engine.finish(done);
                }
                Err(error) => engine.give_back(error.id()),
            },
            () = sleep_until(due) => engine.start(),
        }
    }
    // Each run looks at `stop` before every round; a write that hangs is given up.
    let in_flight = async { while engine.running.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FAREWELL, in_flight).await;
    Ok(())
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

struct Engine {
    context: Context,
    settings: Settings,
    world: World,
    gather: Gather,
    memories: BTreeMap<String, Memory>,
    failures: BTreeMap<String, u32>,
    /// Accounts that lost a KlivSecret: before anything is taken from functions it is made
    /// sure that it was not the CRD that went.
    lost: BTreeSet<String>,
    listed: Vec<Kind>,
    running: JoinSet<Done>,
    /// The account that each task runs for.
    tasks: BTreeMap<tokio::task::Id, String>,
}

/// What every run needs.
#[derive(Clone)]
struct Context {
    applier: Applier,
    reporter: Reporter,
    timings: Timings,
    stop: CancellationToken,
    metrics: Metrics,
}

/// The end of one run.
struct Done {
    namespace: String,
    memory: Memory,
    changes: Vec<Change>,
    look_again: Option<Duration>,
    end: End,
    took: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing is left to do now.
    Settled,
    /// The plan was overtaken, or publishing is blocked, or a write failed: again, later
    /// each time.
    TryAgain,
    /// The CRD is gone or going, or the KlivSecrets went with it.
    CrdGone,
}

impl Engine {
    fn new(
        client: Client,
        keyring: Arc<Keyring>,
        settings: Settings,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Self {
        let timings = Timings {
            keep_superseded: settings.keep_superseded,
            retire_every: settings
                .keep_superseded
                .clamp(Duration::from_secs(1), Duration::from_secs(30)),
            // A rollout is mostly over before: then it is told in one write.
            report_every: Duration::from_secs(60),
            republish_interval: settings.republish_interval,
            started: clock::now(),
        };
        let reporter = Reporter {
            controller: FIELD_MANAGER.into(),
            instance: Some(settings.instance.clone()),
        };
        let context = Context {
            reporter,
            applier: Applier { client, keyring, metrics: metrics.clone() },
            timings,
            stop,
            metrics,
        };
        Self {
            context,
            world: World::default(),
            gather: Gather::new(settings.quiet, settings.longest),
            memories: BTreeMap::new(),
            failures: BTreeMap::new(),
            lost: BTreeSet::new(),
            listed: Vec::new(),
            running: JoinSet::new(),
            tasks: BTreeMap::new(),
            settings,
        }
    }

    /// Takes in what a watch tells; true when with it everything is listed for the first
    /// time.
    fn take_in(&mut self, seen: Seen) -> bool {
        match seen {
            Seen::Change(change) => {
                let account = change.account().to_owned();
                if matches!(change, Change::SecretGone(..)) {
                    self.lost.insert(account.clone());
                }
                if self.world.apply(change) && self.is_listed() {
                    self.gather.touch(&account, clock::monotonic());
                }
                false
            }
            Seen::Listed(kind, all) => {
                let lost = self.world.retain(kind, &all);
                if self.is_listed() {
                    for account in &lost {
                        self.gather.touch(account, clock::monotonic());
                    }
                }
                if kind == Kind::Secrets {
                    self.lost.extend(lost);
                }
                if self.listed.contains(&kind) {
                    return false;
                }
                self.listed.push(kind);
                if self.is_listed() {
                    for account in self.world.names() {
                        self.gather.touch(account, clock::monotonic());
                    }
                }
                self.is_listed()
            }
        }
    }

    /// Whether all four watches have listed; before that nothing is planned.
    fn is_listed(&self) -> bool {
        self.listed.len() == 4
    }

    fn next_start(&self) -> Option<std::time::Instant> {
        let free = self.running.len() < self.settings.concurrency;
        self.gather.next_due().filter(|_| free && self.is_listed())
    }

    fn start(&mut self) {
        while self.running.len() < self.settings.concurrency {
            let Some(namespace) = self.gather.take(clock::monotonic()) else { return };
            let account = self.world.account(&namespace);
            let mut memory = self.memories.remove(&namespace).unwrap_or_default();
            memory.next_probe.get_or_insert_with(|| self.context.next_probe());
            let lost = self.lost.contains(&namespace);
            let task = self.running.spawn(self.context.clone().reconcile(account, memory, lost));
            self.tasks.insert(task.id(), namespace);
        }
    }

    /// A run that ended in a panic: its account is tried again, with nothing remembered.
    fn give_back(&mut self, task: tokio::task::Id) {
        let Some(namespace) = self.tasks.remove(&task) else { return };
        tracing::error!(account = namespace, "the run for this account failed; tried again");
        self.finish(Done {
            namespace,
            memory: Memory::default(),
            changes: Vec::new(),
            look_again: None,
            end: End::TryAgain,
            took: Duration::ZERO,
        });
    }

    fn finish(&mut self, done: Done) {
        let now = clock::monotonic();
        let Done { namespace, memory, changes, look_again, end, took } = done;
        self.context.metrics.reconciled(end == End::Settled, took);
        for change in changes {
            self.world.refresh(change);
        }
        self.gather.done(&namespace, now);
        match end {
            End::Settled => {
                self.failures.remove(&namespace);
                self.lost.remove(&namespace);
                if let Some(wait) = look_again {
                    self.gather.later(&namespace, now + wait);
                }
            }
            End::CrdGone => self.gather.later(&namespace, now + RETRY_LONGEST / 6),
            End::TryAgain => {
                let failures = self.failures.entry(namespace.clone()).or_default();
                let wait = RETRY_FIRST * 2_u32.pow((*failures).min(6));
                *failures = failures.saturating_add(1);
                self.gather.later(&namespace, now + entropy::jittered(wait.min(RETRY_LONGEST)));
            }
        }
        if self.world.contains(&namespace) {
            self.memories.insert(namespace, memory);
        } else {
            self.failures.remove(&namespace);
            self.lost.remove(&namespace);
        }
    }
}

impl Context {
    /// *Plan, apply* until the plan is empty.
    async fn reconcile(self, mut account: Account, mut memory: Memory, lost: bool) -> Done {
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
        let took = clock::monotonic() - started;
        Done { namespace: account.namespace, memory, changes, look_again, end, took }
    }

    async fn round(
        &self,
        account: &mut Account,
        memory: &mut Memory,
        changes: &mut Vec<Change>,
    ) -> Round {
        inspect(account, &self.applier.keyring);
        let plan = plan(account, memory, &self.timings, clock::now());
        for action in &plan.actions {
            tracing::debug!(account = account.namespace, %action, "planned");
        }
        let writes: Vec<_> =
            plan.actions.iter().map(|action| self.applier.apply(account, action)).collect();
        let effects: Vec<Effect> =
            futures::stream::iter(writes).buffer_unordered(WRITES_AT_ONCE).concat().await;
        let mut overtaken = false;
        let mut written = BTreeSet::new();
        for effect in effects {
            memory.fold(&effect, clock::now());
            match effect {
                Effect::Change(change) => {
                    written.extend(change.uid().map(str::to_owned));
                    account.apply(change.clone());
                    changes.push(change);
                }
                Effect::Probed(_) => memory.next_probe = Some(self.next_probe()),
                Effect::Stale => overtaken = true,
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
                let reference = note.reference(&account.namespace);
                // A recorder that remembers takes a new text for the old Event once more, and
                // keeps its old text.
                let recorder = Recorder::new(self.applier.client.clone(), self.reporter.clone());
                // An Event that can't be written is not worth a retry.
                if recorder.publish(&note.event(), &reference).await.is_err() {
                    tracing::debug!(account = account.namespace, "an Event could not be written");
                }
            }
        }
        let end = if overtaken {
            Some(End::TryAgain)
        } else if plan.actions.is_empty() {
            let stuck = memory.blocked.is_some() || !memory.refused.is_empty();
            Some(if stuck { End::TryAgain } else { End::Settled })
        } else {
            None
        };
        Round { look_again: plan.look_again, end }
    }

    /// Within the interval, and not all accounts at once.
    fn next_probe(&self) -> Timestamp {
        let wait = entropy::jittered(self.timings.republish_interval.mul_f64(0.8));
        clock::now().checked_add(wait).unwrap_or(Timestamp::MAX)
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
