//! Leader election by a Lease: one replica works, the others wait. The decisions are in
//! [`candidate`](super::candidate); here they meet the API server.
//!
//! Own code, since no crate fits: those that fit this version of kube compare the wall
//! clocks of two machines.
#![expect(clippy::disallowed_types, reason = "reads and writes the Lease")]

use std::{
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};

use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::MicroTime};
use kube::{
    Api, Client, Error,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

pub use super::candidate::Settings;
use super::{
    candidate::{Candidate, Move, Record},
    client, clock, entropy,
};
use crate::api::names;

/// Where this replica stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody is known to lead yet.
    Candidate,
    /// Another leads.
    Follows,
    /// This one leads.
    Leads,
}

/// How leading ended.
#[derive(Debug)]
pub enum Ended<T> {
    /// The work ended, of itself or because it was told to; the lease was let go.
    Done(T),
    /// It was told to stop before it ever led.
    NeverLed,
    /// The lease was lost, and the work ended in time.
    Lost,
}

/// The lease was lost and the work did not end before another may lead: the process must
/// end now.
#[derive(thiserror::Error, Debug)]
#[error("lost the lease, and the work did not end in time")]
pub struct StillWorking;

/// Waits until this replica leads, runs `work`, and keeps the lease meanwhile. `work`'s
/// token is cancelled when `shutdown` is, or when the lease is lost. After `shutdown` the
/// lease is held until the work has ended, then let go, so that another takes over at
/// once. `tell` hears of every change of standing.
///
/// # Errors
/// [`StillWorking`]: the caller must end the process.
pub async fn lead<F>(
    client: Client,
    namespace: &str,
    identity: String,
    settings: Settings,
    shutdown: CancellationToken,
    tell: impl Fn(Standing),
    work: impl FnOnce(CancellationToken) -> F,
) -> Result<Ended<F::Output>, StillWorking>
where
    F: Future,
{
    let mut keeper = Keeper {
        api: Api::namespaced(client, namespace),
        candidate: Candidate::new(identity.clone(), settings),
        identity,
        settings,
        start: clock::monotonic(),
        lease: None,
    };
    tell(Standing::Candidate);
    if !keeper.acquire(&shutdown, &tell).await {
        return Ok(Ended::NeverLed);
    }
    tracing::info!(identity = keeper.identity, "leads");
    tell(Standing::Leads);
    let stop = shutdown.child_token();
    let mut work = pin!(work(stop.clone()));
    let done = tokio::select! {
        // First: after a pause the process must learn that it has lost before it works on.
        biased;
        () = keeper.keep() => None,
        done = &mut work => Some(done),
    };
    if let Some(done) = done {
        keeper.let_go().await;
        tell(Standing::Candidate);
        return Ok(Ended::Done(done));
    }
    tracing::warn!("lost the lease: stops working");
    tell(Standing::Candidate);
    stop.cancel();
    match timeout(keeper.grace(), work).await {
        Ok(_) => Ok(Ended::Lost),
        Err(_) => Err(StillWorking),
    }
}

struct Keeper {
    api: Api<Lease>,
    candidate: Candidate,
    identity: String,
    settings: Settings,
    start: Instant,
    /// The Lease as last read or written.
    lease: Option<Lease>,
}

impl Keeper {
    /// Tries until this replica leads (true) or is told to stop (false).
    async fn acquire(&mut self, shutdown: &CancellationToken, tell: &impl Fn(Standing)) -> bool {
        let mut follows = false;
        loop {
            // Not cut off by a shutdown: a write that arrives after all would block others.
            self.look().await;
            if self.candidate.next(self.now()) != Move::Wait {
                self.write().await;
            }
            if self.candidate.leads_until().is_some() {
                return true;
            }
            if follows != self.candidate.follows(self.now()) {
                follows = !follows;
                tell(if follows { Standing::Follows } else { Standing::Candidate });
            }
            tokio::select! {
                () = sleep(entropy::jittered(self.settings.retry)) => {}
                () = shutdown.cancelled() => return false,
            }
        }
    }

    /// Renews; returns when the lease is lost.
    async fn keep(&mut self) {
        while let Some(until) = self.candidate.leads_until() {
            sleep(self.settings.retry.min(until.saturating_sub(self.now()))).await;
            let left = until.saturating_sub(self.now());
            if left.is_zero() {
                return;
            }
            // Past the deadline no answer counts any more.
            let renew = async {
                if !self.write().await {
                    self.look().await;
                }
            };
            let _ = timeout(left, renew).await;
        }
    }

    /// Tells the others that they need not wait.
    async fn let_go(&mut self) {
        // A renewal may have been cut off on its way: look what is there.
        self.look().await;
        let Some(mut lease) = self.lease.take() else { return };
        let Some(spec) = lease.spec.as_mut() else { return };
        if spec.holder_identity.as_ref() != Some(&self.identity) {
            return;
        }
        spec.holder_identity = Some(String::new());
        spec.renew_time = Some(MicroTime(clock::now()));
        let params = PostParams::default();
        let write = self.api.replace(names::LEASE, &params, &lease);
        match timeout(self.settings.patience, write).await {
            Ok(Ok(_)) => tracing::info!("let the lease go"),
            Ok(Err(error)) => {
                tracing::warn!(
                    reason = client::plain(&error),
                    "can't let the lease go: it will run out"
                );
            }
            Err(_) => tracing::warn!("can't let the lease go: no answer; it will run out"),
        }
    }

    /// Reads the Lease.
    async fn look(&mut self) {
        match timeout(self.settings.patience, self.api.get_opt(names::LEASE)).await {
            Ok(Ok(lease)) => {
                let record = lease.as_ref().map(|lease| record(lease, self.settings));
                self.candidate.observe(record, self.now());
                self.lease = lease;
            }
            Ok(Err(error)) => {
                tracing::warn!(reason = client::plain(&error), "can't read the lease");
            }
            Err(_) => tracing::warn!("can't read the lease: no answer"),
        }
    }

    /// Writes this replica's name into the Lease as last seen, or creates it. Whether that
    /// was accepted.
    async fn write(&mut self) -> bool {
        let sent = self.now();
        let lease = self.ours();
        let params = PostParams::default();
        let write = async {
            match &lease.metadata.resource_version {
                None => self.api.create(&params, &lease).await,
                Some(_) => self.api.replace(names::LEASE, &params, &lease).await,
            }
        };
        match timeout(self.settings.patience, write).await {
            Ok(Ok(written)) => {
                self.candidate.wrote(record(&written, self.settings), sent);
                self.lease = Some(written);
                return true;
            }
            // Another was quicker.
            Ok(Err(Error::Api(status))) if status.code == 409 => {}
            Ok(Err(error)) => {
                tracing::warn!(reason = client::plain(&error), "can't write the lease");
            }
            Err(_) => tracing::warn!("can't write the lease: no answer"),
        }
        false
    }

    /// The Lease as it should be written. It carries the resourceVersion that was seen.
    fn ours(&self) -> Lease {
        let now = MicroTime(clock::now());
        let mut lease = self.lease.clone().unwrap_or_else(|| Lease {
            metadata: ObjectMeta { name: Some(names::LEASE.into()), ..ObjectMeta::default() },
            spec: None,
        });
        lease.metadata.managed_fields = None;
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_ref() != Some(&self.identity) {
            spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |count| count + 1));
            spec.acquire_time = Some(now.clone());
            spec.holder_identity = Some(self.identity.clone());
        }
        let seconds = self.settings.duration.as_secs();
        spec.lease_duration_seconds = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
        spec.renew_time = Some(now);
        lease
    }

    fn now(&self) -> Duration {
        clock::monotonic() - self.start
    }

    /// How long the work may still take after the lease is lost.
    fn grace(&self) -> Duration {
        let over = self.candidate.over_at().map(|over| over.saturating_sub(self.now()));
        over.unwrap_or(Duration::from_secs(1))
    }
}

fn record(lease: &Lease, settings: Settings) -> Record {
    let spec = lease.spec.as_ref();
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds);
    Record {
        holder: spec.and_then(|spec| spec.holder_identity.clone()).unwrap_or_default(),
        duration: seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(settings.duration, Duration::from_secs),
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
    }
}
