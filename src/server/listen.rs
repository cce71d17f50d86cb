//! A server's listener: TLS or not, and what a connection may hold.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::{RustlsConfig, from_tcp_rustls};
use axum_server::{Handle, Server};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio_util::sync::CancellationToken;

use crate::admission::certificate;
use crate::runtime::Check;

/// How long the head of a request may take to arrive, and its body.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a connection holds of a request before it is counted, bytes.
const UNCOUNTED: usize = 64 * 1024;

/// How long requests that have begun may take when the process ends.
const FAREWELL: Duration = Duration::from_secs(10);

/// How many requests one connection has under way.
const AT_ONCE: u32 = 64;

/// How often a connection that says nothing is asked whether it is there.
const STILL_THERE: Duration = Duration::from_secs(30);

/// The folder with certificate and key.
pub struct Tls {
    /// It holds `tls.crt` and `tls.key`.
    pub folder: PathBuf,
    /// How often it is looked at.
    pub every: Duration,
}

/// Why the server ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or may not be used.
    #[error("can't listen")]
    Listen(#[source] io::Error),
    /// Accepting connections failed for good.
    #[error("the server ended")]
    Ended(#[source] io::Error),
}

/// Serves until `stop`, then finishes what it began. With TLS it waits first until a
/// certificate is there.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    router: Router,
    listener: TcpListener,
    tls: Option<Tls>,
    ready: Check,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    listener.set_nonblocking(true).map_err(ServeError::Listen)?;
    let handle = Handle::new();
    let pages = router.into_make_service_with_connect_info::<SocketAddr>();
    let ended = match tls {
        None => {
            let server = axum_server::from_tcp(listener).map_err(ServeError::Listen)?;
            let server = limited(server.handle(handle.clone())).serve(pages);
            ready.set(true);
            let mut server = pin!(server);
            tokio::select! {
                ended = &mut server => return ended.map_err(ServeError::Ended),
                () = stop.cancelled() => {}
            }
            handle.graceful_shutdown(Some(FAREWELL));
            server.await
        }
        Some(Tls { folder, every }) => {
            let mut look = tokio::time::interval(every);
            let mut certificate = certificate(&folder);
            let first = loop {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    _ = look.tick() => {}
                }
                if let Some(first) = certificate.changed().await {
                    break first;
                }
            };
            let tls = RustlsConfig::from_config(first.config);
            let server = from_tcp_rustls(listener, tls.clone()).map_err(ServeError::Listen)?;
            let mut server = pin!(limited(server.handle(handle.clone())).serve(pages));
            ready.set(true);
            loop {
                tokio::select! {
                    ended = &mut server => return ended.map_err(ServeError::Ended),
                    () = stop.cancelled() => break,
                    _ = look.tick() => {
                        if let Some(new) = certificate.changed().await {
                            tls.reload_from_config(new.config);
                        }
                    }
                }
            }
            handle.graceful_shutdown(Some(FAREWELL));
            server.await
        }
    };
    ready.set(false);
    ended.map_err(ServeError::Ended)
}

/// Whoever connects can make the server hold little, and not for long.
fn limited<A>(mut server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    let window = u32::try_from(UNCOUNTED).unwrap_or(u32::MAX);
    let connection: &mut auto::Builder<TokioExecutor> = server.http_builder();
    connection
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(UNCOUNTED);
    connection
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(STILL_THERE)
        .keep_alive_timeout(PATIENCE)
        .max_concurrent_streams(AT_ONCE)
        .initial_stream_window_size(window)
        .initial_connection_window_size(window);
    server
}
