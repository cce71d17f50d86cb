//! Hands what was seen of deletes to the API server, as best it can: the deletes go on
//! meanwhile, and wait only where too many come at once.
#![expect(clippy::disallowed_types, reason = "makes the events that wait for the controller")]

use std::time::Duration;

use futures::{StreamExt as _, stream};
use kube::api::PostParams;
use kube::{Api, Client, Error};
use tokio::sync::mpsc;

use crate::api::{KlivAuditEvent, names};
use crate::runtime::{Metrics, client};

/// How many events wait at most. One is some KiB at most.
pub const WAITING: usize = 1024;
/// How many are made at a time.
const AT_ONCE: usize = 8;
/// How long making one may take: the controller does not wait long for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes every event that comes, until nobody can send one any more.
pub async fn record(client: Client, mut seen: mpsc::Receiver<KlivAuditEvent>, metrics: Metrics) {
    stream::poll_fn(|context| seen.poll_recv(context))
        .for_each_concurrent(AT_ONCE, |event| async {
            let made = tokio::time::timeout(PATIENCE, make(&client, event)).await;
            let lost = match made {
                Ok(Ok(())) => return metrics.delete_seen("recorded"),
                Ok(Err(error)) => client::plain(&error),
                Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
            };
            metrics.delete_seen("lost");
            tracing::warn!(why = lost, "it can't be recorded who deleted a KlivSecret");
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
