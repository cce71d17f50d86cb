#![expect(clippy::disallowed_types, reason = "drives the watches and the writes")]
//! The loop of the leader: takes in what the watches tell, lets changes gather, and runs
//! *plan, apply* for one account after the other, several at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::runtime::events::Reporter;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::apply::Applier;
use super::former::Former;
use super::gather::Gather;
use super::observe::{self, Seen};
use super::observed::Memory;
use super::plan::{Timings, doubled};
use super::run::{Context, Done, End};
use super::trail_io::accounts_with_notices;
use super::trail_memory::NOTICE_COMES;
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
    /// How long audit events are kept at most.
    pub audit_keep: Duration,
    /// How many of an account are kept at most.
    pub audit_keep_events: usize,
    /// Accounts at once.
    pub concurrency: usize,
    /// This process, in Events.
    pub instance: String,
}

/// How old the numbers for Prometheus may be.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// An account that was tried so often in vain counts as unsettled: before, somebody else
/// most likely wrote at the same time.
const IN_VAIN: u32 = 3;
/// How long writes in flight may take when the engine stops.
const FAREWELL: Duration = Duration::from_secs(10);
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(60);

/// Runs until `stop`; calls `ready` once everything has been listed. Without a keyring
/// nothing is opened and nothing published; what is published stays, functions get it, and
/// KlivSecrets say what is wrong.
///
/// # Errors
/// The watches ended, which they never do by themselves.
pub async fn run(
    client: Client,
    keyring: Option<Arc<Keyring>>,
    settings: Settings,
    metrics: Metrics,
    ready: impl Fn() + Send,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (tx, mut seen) = mpsc::channel(1024);
    let mut watches = JoinSet::new();
    watches.spawn(observe::all(client.clone(), settings.function_selector.clone(), tx));
    let mut engine = Engine::new(client, keyring, settings, metrics, stop.clone());
    let mut count = tokio::time::interval(COUNT_EVERY);
    count.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
            Some(Ok(accounts)) = engine.looks.join_next() => engine.notice(accounts),
            () = sleep_until(due) => engine.start(),
            _ = count.tick() => engine.count(),
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
    /// Accounts in which something is sealed with a former key.
    former: BTreeMap<String, Former>,
    /// Accounts that lost a KlivSecret: before anything is taken from functions it is made
    /// sure that it was not the CRD that went. A run takes its account out of here, so that
    /// what goes during the run is not taken for what it has made sure of.
    lost: BTreeSet<String>,
    /// Accounts that lost a function, perhaps only its label. In the same way.
    fewer_functions: BTreeSet<String>,
    /// Accounts that have notices of deletes, perhaps of secrets that were never seen.
    noticed: BTreeSet<String>,
    /// Looks for them: what comes and goes between two lists, no watch tells of.
    looks: JoinSet<BTreeSet<String>>,
    listed: Vec<Kind>,
    /// Something may have changed since the last count.
    uncounted: bool,
    running: JoinSet<Done>,
    /// The account that each task runs for.
    tasks: BTreeMap<tokio::task::Id, String>,
}

impl Engine {
    fn new(
        client: Client,
        keyring: Option<Arc<Keyring>>,
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
            report_every: Duration::from_secs(150),
            republish_interval: settings.republish_interval,
            audit_keep: settings.audit_keep,
            audit_keep_events: settings.audit_keep_events,
            // Objects tell their creation in whole seconds.
            started: Timestamp::from_second(clock::now().as_second()).unwrap_or_default(),
        };
        let reporter = Reporter {
            controller: FIELD_MANAGER.into(),
            instance: Some(settings.instance.clone()),
        };
        let context = Context {
            reporter,
            applier: Applier {
                client,
                keyring,
                metrics: metrics.clone(),
                function_selector: settings.function_selector.clone(),
            },
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
            former: BTreeMap::new(),
            lost: BTreeSet::new(),
            fewer_functions: BTreeSet::new(),
            noticed: BTreeSet::new(),
            looks: JoinSet::new(),
            listed: Vec::new(),
            uncounted: true,
            running: JoinSet::new(),
            tasks: BTreeMap::new(),
            settings,
        }
    }

    /// Takes in what a watch tells; true when with it everything is listed for the first
    /// time.
    fn take_in(&mut self, seen: Seen) -> bool {
        self.uncounted = true;
        match seen {
            Seen::Notice(account) => {
                self.notice([account].into());
                false
            }
            Seen::Change(change) => {
                self.change(change, World::apply);
                false
            }
            Seen::Listing(change) => {
                self.change(change, World::list);
                false
            }
            Seen::Listed(kind, all) => {
                let lost = self.world.retain(kind, &all);
                if self.is_listed() {
                    for account in &lost {
                        self.gather.touch(account, clock::monotonic());
                    }
                }
                match kind {
                    Kind::Secrets => self.lost.extend(lost),
                    Kind::Functions => self.fewer_functions.extend(lost),
                    Kind::Accounts | Kind::Namespaces => {}
                }
                let is_again = self.listed.contains(&kind);
                if !is_again {
                    self.listed.push(kind);
                }
                if self.is_listed() && (!is_again || kind == Kind::Secrets) {
                    for wait in [Duration::ZERO, NOTICE_COMES] {
                        let client = self.context.applier.client.clone();
                        self.looks.spawn(accounts_with_notices(client, wait));
                    }
                }
                if is_again {
                    return false;
                }
                if self.is_listed() {
                    for account in self.world.names() {
                        self.gather.touch(account, clock::monotonic());
                    }
                }
                self.is_listed()
            }
        }
    }

    /// These accounts have notices, of deletes or of refused calls.
    fn notice(&mut self, accounts: BTreeSet<String>) {
        for account in &accounts {
            self.gather.touch(account, clock::monotonic());
        }
        self.noticed.extend(accounts);
    }

    fn change(&mut self, change: Change, take: fn(&mut World, Change) -> bool) {
        let account = change.account().to_owned();
        let lost = match change {
            Change::SecretGone(..) => Some(&mut self.lost),
            Change::FunctionGone(..) => Some(&mut self.fewer_functions),
            _ => None,
        };
        if !take(&mut self.world, change) {
            return;
        }
        lost.map(|lost| lost.insert(account.clone()));
        if self.is_listed() {
            self.gather.touch(&account, clock::monotonic());
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

    /// Tells how things are, in numbers, when they may have changed.
    fn count(&mut self) {
        if self.is_listed() && std::mem::take(&mut self.uncounted) {
            let unsettled = self.failures.values().filter(|&&failures| failures >= IN_VAIN).count();
            self.context.metrics.counted(&self.world.tally(unsettled));
            let values = self.former.values().map(|former| former.values).sum();
            let history = self.former.values().map(|former| former.history).sum();
            self.context.metrics.sealed_with_former_keys(values, history);
        }
    }

    fn start(&mut self) {
        while self.running.len() < self.settings.concurrency {
            let Some(namespace) = self.gather.take(clock::monotonic()) else { return };
            let account = self.world.account(&namespace);
            let mut memory = self.memories.remove(&namespace).unwrap_or_default();
            memory.next_probe.get_or_insert_with(|| self.context.next_probe());
            memory.trail.next_retention.get_or_insert_with(|| self.context.next_retention());
            if self.fewer_functions.remove(&namespace) {
                memory.strays = None;
            }
            let lost = self.lost.remove(&namespace);
            if self.noticed.remove(&namespace) {
                memory.trail.ask_for_notices();
            }
            if lost {
                memory.trail.secret_went();
            }
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
            lost: true,
            former: Former::default(),
            took: Duration::ZERO,
        });
    }

    fn finish(&mut self, done: Done) {
        let now = clock::monotonic();
        let Done { namespace, memory, changes, look_again, end, lost, former, took } = done;
        self.context.metrics.reconciled(end == End::Settled, took);
        self.count_former(&namespace, former);
        self.uncounted = true;
        if end == End::Settled {
            self.context.metrics.succeeded(clock::now());
        }
        for change in changes {
            self.world.refresh(change);
        }
        self.gather.done(&namespace, now);
        match end {
            End::Settled => {
                self.failures.remove(&namespace);
                if let Some(wait) = look_again {
                    self.gather.later(&namespace, now + wait);
                }
            }
            End::CrdGone => self.gather.later(&namespace, now + RETRY_LONGEST / 6),
            End::TryAgain => {
                let failures = self.failures.entry(namespace.clone()).or_default();
                let wait = doubled(RETRY_FIRST, *failures, RETRY_LONGEST);
                *failures = failures.saturating_add(1);
                self.gather.later(&namespace, now + entropy::jittered(wait));
            }
        }
        if self.world.contains(&namespace) {
            if lost && end != End::Settled {
                self.lost.insert(namespace.clone());
            }
            self.memories.insert(namespace, memory);
        } else {
            self.failures.remove(&namespace);
            self.lost.remove(&namespace);
            self.fewer_functions.remove(&namespace);
            // It is looked at again, and may have nothing but notices.
            let goes_on = end == End::TryAgain || look_again.is_some();
            if goes_on && memory.trail.owes() {
                self.noticed.insert(namespace);
            }
        }
    }

    fn count_former(&mut self, namespace: &str, former: Former) {
        match former == Former::default() {
            true => self.former.remove(namespace),
            false => self.former.insert(namespace.to_owned(), former),
        };
    }
}
