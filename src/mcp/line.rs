//! The line to the client while a call goes on: whether it still waits, and how far it is.

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};
use tokio_util::sync::CancellationToken;

/// The line of one call.
#[derive(Clone, Default)]
pub(super) struct Line {
    ended: CancellationToken,
    /// Where progress is told, when the client has asked for it.
    progress: Option<(Peer<RoleServer>, ProgressToken)>,
}

impl Line {
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let token = context.meta.get_progress_token();
        let progress = token.map(|token| (context.peer.clone(), token));
        Self { ended: context.ct.clone(), progress }
    }

    /// Returns when nobody waits for the answer any more: the client has cancelled the call or
    /// gone away, or the server ends.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Does it while somebody waits for the answer; none when nobody does any more.
    pub(super) async fn while_it_lasts<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.ended() => None,
        }
    }

    /// Tells how far it is, so that a client's patience begins anew. Each time it has to be
    /// further than before.
    pub(super) async fn tell(&self, done: u64, of: u64, message: &str) {
        let Some((peer, token)) = &self.progress else { return };
        #[expect(clippy::cast_precision_loss, reason = "some seconds")]
        let (done, of) = (done as f64, of as f64);
        let told = ProgressNotificationParam::new(token.clone(), done);
        let told = told.with_total(of).with_message(message);
        // A client that can't hear it waits for the answer all the same.
        tokio::select! {
            () = self.ended() => {}
            _ = peer.notify_progress(told) => {}
        }
    }
}
