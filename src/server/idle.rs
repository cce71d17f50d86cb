//! The end of connections on which nothing goes on.
//!
//! HTTP/1 ends by itself what waits for a request. In HTTP/2 pings, which anybody can answer,
//! would keep a connection for ever, and so would an answer that is not read, with what it holds.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::future::{BoxFuture, FutureExt as _};
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tower::Service;

/// How long a connection stays on which no request comes and no answer goes on; at most twice as
/// long. Longer than streams of events are silent.
const IDLE: Duration = Duration::from_secs(60);

/// Stream and service of a connection, which ends with what it `holds` when nothing goes on.
pub(super) fn watched<I, S, H>(stream: I, service: S, holds: H) -> (Watched<I, H>, Heard<S>) {
    let doings = Arc::default();
    let service = Heard { service, doings: Arc::clone(&doings) };
    let idle = Box::pin(sleep(IDLE));
    (Watched { stream, doings, moves: 0, idle, _holds: holds }, service)
}

/// What goes on on a connection.
#[derive(Default)]
struct Doings {
    /// Requests that have no answer yet.
    open: AtomicUsize,
    /// How often an answer has begun, went on or ended.
    moves: AtomicUsize,
}

impl Doings {
    fn moved(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    fn begins(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self))
    }
}

/// A request that has no answer yet.
struct Open(Arc<Doings>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.moved();
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that ends when nothing goes on.
pub(super) struct Watched<I, H> {
    stream: I,
    doings: Arc<Doings>,
    /// As many as there were when the time began to run.
    moves: usize,
    idle: Pin<Box<Sleep>>,
    _holds: H,
}

impl<I, H> Watched<I, H> {
    /// Ready when nothing has gone on for long enough.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.idle.as_mut().poll(cx));
            let moves = self.doings.moves.load(Ordering::Relaxed);
            if moves == self.moves && self.doings.open.load(Ordering::Relaxed) == 0 {
                return Poll::Ready(());
            }
            self.moves = moves;
            self.idle.set(sleep(IDLE));
        }
    }

    /// What is written may wait for one who does not read.
    fn or_idle<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match written {
            Poll::Pending => self.poll_idle(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
            written @ Poll::Ready(_) => written,
        }
    }
}

impl<I: AsyncRead + Unpin, H: Unpin> AsyncRead for Watched<I, H> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // As if the other side had ended it: what has to be told it is still told.
        if self.poll_idle(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<I: AsyncWrite + Unpin, H: Unpin> AsyncWrite for Watched<I, H> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.or_idle(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.or_idle(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.or_idle(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.or_idle(cx, ended)
    }
}

/// Takes note of requests and answers.
#[derive(Clone)]
pub(super) struct Heard<S> {
    service: S,
    doings: Arc<Doings>,
}

impl<S, R> Service<R> for Heard<S>
where
    S: Service<R, Response = Response>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let open = self.doings.begins();
        let answered = self.service.call(request);
        let doings = Arc::clone(&self.doings);
        async move {
            let answer = answered.await?;
            drop(open);
            Ok(answer.map(|body| Body::new(Read { body, doings })))
        }
        .boxed()
    }
}

/// The body of an answer that takes note when it goes on.
struct Read {
    body: Body,
    doings: Arc<Doings>,
}

impl http_body::Body for Read {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let piece = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.doings.moved();
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::timeout;
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    /// The clock runs by itself where all wait.
    #[tokio::test(start_paused = true)]
    async fn pings_keep_no_connection() {
        let (mut client, server) = duplex(64);
        let (mut server, _) = watched(server, (), ());
        let pings = tokio::spawn(async move {
            for _ in 0..100 {
                if client.write_all(b"ping").await.is_err() {
                    return true;
                }
                sleep(IDLE / 4).await;
            }
            false
        });
        while server.read(&mut [0; 4]).await.unwrap() > 0 {}
        drop(server);
        assert!(pings.await.unwrap(), "it was ended");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_read_keeps_no_connection() {
        let (_client, server) = duplex(1);
        let (mut server, _) = watched(server, (), ());
        let written = timeout(IDLE * 3, server.write_all(b"answer")).await;
        let error = written.expect("it ends").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_and_an_answer_that_goes_on_keep_theirs() {
        let (client, server) = duplex(64);
        let late = |()| async {
            sleep(IDLE * 10).await;
            let beat = futures::stream::unfold(0, |n| async move {
                sleep(IDLE / 2).await;
                (n < 40).then_some((Ok::<_, io::Error>(Bytes::from_static(b":\n\n")), n + 1))
            });
            Ok::<_, io::Error>(Response::new(Body::from_stream(beat)))
        };
        let (mut server, service) = watched(server, service_fn(late), ());
        let read = async {
            let answer = service.oneshot(()).await.unwrap();
            let body = axum::body::to_bytes(answer.into_body(), 1024).await.unwrap();
            assert_eq!(body.len(), 40 * 3);
        };
        let mut byte = [0];
        tokio::select! {
            biased;
            ended = server.read(&mut byte) => panic!("ended: {ended:?}"),
            () = read => {}
        }
        // And then no longer.
        let read = timeout(IDLE * 3, server.read(&mut byte)).await;
        assert_eq!(read.expect("it ends").unwrap(), 0);
        drop(client);
    }
}
