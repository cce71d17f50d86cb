//! SIGTERM and SIGINT become one token that everything long-lived listens to.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first SIGTERM or SIGINT. Must be called inside the
/// runtime.
///
/// # Errors
/// The signal handlers can't be installed.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            // Somebody else ended the process: nothing left to listen for.
            () = stop.cancelled() => return,
        }
        tracing::info!("shutting down");
        stop.cancel();
    });
    Ok(token)
}
