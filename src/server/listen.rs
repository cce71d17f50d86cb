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

use super::connections::{Bounded, MOST, Most};
use super::proxies::Proxies;
use crate::admission::certificate;
use crate::runtime::Check;

/// How long the head of a request may take to arrive, and its body.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest head of a request, bytes: a token has at most 16 KiB, and so have a browser's
/// cookies.
const HEAD: u32 = 24 * 1024;

/// What an HTTP/2 connection holds of requests' bodies before they are counted, bytes.
const UNCOUNTED: u32 = 64 * 1024;

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

/// How a server is reached.
pub struct Reached {
    /// Where it listens.
    pub listener: TcpListener,
    /// With TLS, or in the clear.
    pub tls: Option<Tls>,
    /// The proxies before it.
    pub proxies: Proxies,
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
    reached: Reached,
    ready: Check,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    serve_so_many(MOST, router, reached, ready, stop).await
}

async fn serve_so_many(
    most: Most,
    router: Router,
    Reached { listener, tls, proxies }: Reached,
    ready: Check,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    listener.set_nonblocking(true).map_err(ServeError::Listen)?;
    let handle = Handle::new();
    let pages = router.into_make_service_with_connect_info::<SocketAddr>();
    let ended = match tls {
        None => {
            let server = axum_server::from_tcp(listener).map_err(ServeError::Listen)?;
            let server = limited(server.handle(handle.clone()), proxies, most).serve(pages);
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
            let mut server =
                pin!(limited(server.handle(handle.clone()), proxies, most).serve(pages));
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
fn limited<A>(
    server: Server<SocketAddr, A>,
    proxies: Proxies,
    most: Most,
) -> Server<SocketAddr, Bounded<A>> {
    let mut server = server.map(|acceptor| Bounded::new(acceptor, proxies, most));
    let connection: &mut auto::Builder<TokioExecutor> = server.http_builder();
    connection
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD as usize);
    connection
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(STILL_THERE)
        .keep_alive_timeout(PATIENCE)
        .max_concurrent_streams(AT_ONCE)
        .max_header_list_size(HEAD)
        .initial_stream_window_size(UNCOUNTED)
        .initial_connection_window_size(UNCOUNTED);
    server
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use futures::future::select_all;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::runtime::Readiness;

    const FEW: Most = Most { all: 9, each: 3 };

    /// One that answers `GET /`, until the guard is dropped.
    fn started() -> (SocketAddr, tokio_util::sync::DropGuard) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let reached = Reached { listener, tls: None, proxies: Proxies::none() };
        let router = Router::new().route("/", get(async || "here"));
        let ready = Readiness::default().check("a port");
        tokio::spawn(serve_so_many(FEW, router, reached, ready, stop.clone()));
        (address, stop.drop_guard())
    }

    /// What is answered to this, if anything.
    async fn said(address: SocketAddr, request: &[u8]) -> String {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let _ = connection.write_all(request).await;
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    const ASKS: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_head_that_does_not_end_is_held_to_a_point() {
        let (address, _stop) = started();
        let head = |length: usize, end: &str| {
            let begins = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer ";
            [begins, &"a".repeat(length - begins.len() - end.len()), end].concat()
        };
        let (most, token) = (HEAD as usize, 17 * 1024);
        assert!(said(address, head(token, "\r\n\r\n").as_bytes()).await.ends_with("here"));
        let refused = said(address, head(most, "").as_bytes()).await;
        assert!(refused.starts_with("HTTP/1.1 431"), "{refused}");
    }

    #[tokio::test]
    async fn who_has_as_many_connections_as_one_may_have_gets_no_other() {
        let (address, _stop) = started();
        let mut silent = Vec::new();
        for _ in 0..=FEW.each {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let closed = silent.iter_mut().map(|one| Box::pin(async move { one.read(&mut [0]).await }));
        let (read, ..) = select_all(closed).await;
        assert_eq!(read.unwrap(), 0);
        assert_eq!(said(address, ASKS).await, "");
    }
}
