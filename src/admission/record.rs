//! Hands what was seen of deletes and of refused calls to the API server, as best it can: they
//! go on meanwhile, and deletes wait only where too many come at once.
#![expect(clippy::disallowed_types, reason = "makes the events that wait for the controller")]

use std::time::Duration;

use futures::{StreamExt as _, stream};
use kube::api::PostParams;
use kube::{Api, Client, Error};
use tokio::sync::mpsc;

use crate::api::{AuditAction, KlivAuditEvent, names};
use crate::runtime::{Metrics, client};

/// How many events wait at most. One is some KiB at most.
pub const WAITING: usize = 1024;
/// How many are made at a time.
const AT_ONCE: usize = 8;
/// How many of refused calls wait at most, and are made at a time: nobody waits for them.
pub const CALLS_WAITING: usize = 256;
const CALLS_AT_ONCE: usize = 2;
/// How long making one may take: the controller does not wait long for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes every event that comes, until nobody can send one any more. Deletes wait behind no
/// calls: for who deletes, the controller waits a few seconds only.
pub async fn record(
    client: Client,
    deletes: mpsc::Receiver<KlivAuditEvent>,
    calls: mpsc::Receiver<KlivAuditEvent>,
    metrics: Metrics,
) {
    tokio::join!(
        each(&client, deletes, AT_ONCE, &metrics),
        each(&client, calls, CALLS_AT_ONCE, &metrics)
    );
}

async fn each(
    client: &Client,
    mut seen: mpsc::Receiver<KlivAuditEvent>,
    at_once: usize,
    metrics: &Metrics,
) {
    stream::poll_fn(|context| seen.poll_recv(context))
        .for_each_concurrent(at_once, |event| async {
            let is_call = event.spec.action == AuditAction::CallRefused;
            let seen = |result| match is_call {
                true => metrics.refused_call_seen(result),
                false => metrics.delete_seen(result),
            };
            let made = tokio::time::timeout(PATIENCE, make(client, event)).await;
            let lost = match made {
                Ok(Ok(())) => return seen("recorded"),
                Ok(Err(error)) => client::plain(&error),
                Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
            };
            seen("lost");
            if is_call {
                tracing::warn!(why = lost, "a refused call of an agent can't be recorded");
            } else {
                tracing::warn!(why = lost, "it can't be recorded who deleted a KlivSecret");
            }
        })
        .await;
}

async fn make(client: &Client, event: KlivAuditEvent) -> Result<(), Error> {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let events: Api<KlivAuditEvent> = Api::namespaced(client.clone(), namespace);
    let params = PostParams { field_manager: Some(names::FIELD_MANAGER.into()), dry_run: false };
    match events.create(&params, &event).await {
        // Of this very request.
        Err(Error::Api(status)) if status.is_already_exists() => Ok(()),
        made => made.map(drop),
    }
}
