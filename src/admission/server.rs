//! The front door's server: TLS around [`answer`] and [`seen`], and the files it stands on.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum_server::tls_rustls::{RustlsConfig, from_tcp_rustls};
use axum_server::{Handle, Server};
use futures::StreamExt as _;
use governor::clock::DefaultClock;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, watch};
use zeroize::{Zeroize as _, Zeroizing};

use super::calls::Calls;
use super::files::{Served, certificate, sealing_key};
use super::refused_call::NOT_DONE;
use super::{Answer, Lost, Verdict, answer, seen};
use crate::api::KlivAuditEvent;
use crate::runtime::room::{Place, Room, SentAway};
use crate::runtime::{Check, Metrics, clock, entropy};
use crate::seal::SealingKey;

/// The largest review, bytes. An update carries the object twice, a request to the API
/// server has at most 3 MiB, and JSON in JSON grows.
const MAX_REVIEW: usize = 12 * 1024 * 1024;

/// How much of reviews is held at a time, bytes: memory has an upper bound.
const HELD: usize = 4 * MAX_REVIEW;

/// How many reviews arrive at a time.
const ARRIVING: usize = 1024;

/// The memory that a review begins with, bytes; most fit.
const FIRST: usize = 16 * 1024;

/// How long a review may take to arrive; the API server gives up after 30 seconds at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a connection holds at a time before it is counted, bytes: headers, or what has
/// arrived of reviews and is not read yet.
const UNCOUNTED: u32 = 64 * 1024;

/// How long a delete waits for room to record it, where many come at once: whoever deletes in
/// a loop is slowed down, and pushes nobody else's out. The API server gives up after a second.
const SLOWED: Duration = Duration::from_millis(500);

/// How many deletes wait so at a time; further ones are lost at once.
const WAIT_FOR_ROOM: usize = 256;

/// Why what was seen of a delete is lost: fixed texts.
const NO_ROOM: &str = "too many deletes at once";
const UNREADABLE: &str = "the review can't be read";

/// How long requests that have begun may take when the process ends.
const FAREWELL: Duration = Duration::from_secs(10);

/// What the front door needs.
pub struct WebhookConfig {
    /// Where it listens, HTTPS.
    pub bind: SocketAddr,
    /// The mounted Secret with `tls.crt` and `tls.key`.
    pub tls_dir: PathBuf,
    /// The mounted ConfigMap with the sealing key.
    pub sealing_key_dir: PathBuf,
    /// How often the files are looked at.
    pub poll: Duration,
    /// Met once certificate and sealing key are loaded and the door listens.
    pub ready: Check,
    /// Where answers are counted.
    pub metrics: Metrics,
    /// Who records deletes. What does not fit in within half a second is lost.
    pub deletes: mpsc::Sender<KlivAuditEvent>,
    /// Who records refused calls of agents. What does not fit in at once is lost.
    pub calls: mpsc::Sender<KlivAuditEvent>,
}

/// Why the front door could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or may not be used.
    #[error("can't listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// Accepting connections failed for good.
    #[error("the webhook's server ended")]
    Ended(#[source] io::Error),
}

/// Serves `POST /mutate` for writes and `POST /gone` for deletes until `shutdown`, then finishes
/// what it began. Waits first until certificate and sealing key are there: the controller makes
/// them.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    config: WebhookConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut shutdown = pin!(shutdown);
    let mut look = tokio::time::interval(config.poll);
    let (mut certificate, mut sealing_key) =
        (certificate(&config.tls_dir), sealing_key(&config.sealing_key_dir));

    let (mut tls, mut key) = (None, None);
    let (tls, key) = loop {
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            _ = look.tick() => {}
        }
        tls = certificate.changed().await.or(tls);
        key = sealing_key.changed().await.or(key);
        if let (Some(tls), Some(key)) = (&tls, &key) {
            break (tls.clone(), Arc::clone(key));
        }
    };

    let metrics = config.metrics.clone();
    let tell = |served: &Served| {
        if let Some((starts, ends)) = served.good {
            metrics.certificate(starts, ends);
        }
    };
    tell(&tls);
    let tls = RustlsConfig::from_config(tls.config);
    let (new_key, key) = watch::channel(key);
    let room = Room::new(HELD, ARRIVING);
    let waiting = Arc::new(Semaphore::new(WAIT_FOR_ROOM));
    let calls = Arc::new(Calls::new(config.calls, &DefaultClock::default()));
    let (metrics, deletes) = (config.metrics, config.deletes);
    let door = Door { key, metrics, room, deletes, waiting, calls };
    let routes =
        Router::new().route("/mutate", post(mutate)).route("/gone", post(gone)).with_state(door);

    let listen = |error| ServeError::Listen(config.bind, error);
    let listener = TcpListener::bind(config.bind).map_err(listen)?;
    listener.set_nonblocking(true).map_err(listen)?;
    let handle = Handle::new();
    let server = from_tcp_rustls(listener, tls.clone()).map_err(listen)?.handle(handle.clone());
    let mut server = pin!(limited(server).serve(routes.into_make_service()));
    config.ready.set(true);
    tracing::info!(address = %config.bind, "the front door is open");
    loop {
        tokio::select! {
            ended = &mut server => return ended.map_err(ServeError::Ended),
            () = &mut shutdown => break,
            _ = look.tick() => {
                if let Some(new) = certificate.changed().await {
                    tell(&new);
                    tls.reload_from_config(new.config);
                }
                if let Some(new) = sealing_key.changed().await {
                    new_key.send_replace(new);
                }
            }
        }
    }
    config.ready.set(false);
    handle.graceful_shutdown(Some(FAREWELL));
    server.await.map_err(ServeError::Ended)
}

/// Whoever connects can make the server hold little, and not for long.
fn limited<A>(mut server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    let connection: &mut auto::Builder<TokioExecutor> = server.http_builder();
    connection
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(UNCOUNTED as usize);
    connection
        .http2()
        .initial_stream_window_size(UNCOUNTED)
        .initial_connection_window_size(UNCOUNTED);
    server
}

#[derive(Clone)]
struct Door {
    key: watch::Receiver<Arc<SealingKey>>,
    metrics: Metrics,
    room: Arc<Room>,
    deletes: mpsc::Sender<KlivAuditEvent>,
    waiting: Arc<Semaphore>,
    calls: Arc<Calls<DefaultClock>>,
}

async fn mutate(State(door): State<Door>, request: Request) -> Response {
    door.answers(request, |review| {
        let key = Arc::clone(&door.key.borrow());
        answer(review, &key, clock::now(), &mut entropy::system())
    })
    .await
}

async fn gone(State(door): State<Door>, request: Request) -> Response {
    // What can't be read is lost, too.
    let mut event = Err(Lost);
    let answer = |review: &[u8]| {
        let (answer, seen) = seen(review, clock::now());
        event = seen;
        answer
    };
    let response = door.answers(request, answer).await;
    let lost = match event {
        Ok(None) => None,
        Ok(Some(event)) => (!door.hand_on(event).await).then_some(NO_ROOM),
        Err(Lost) => Some(UNREADABLE),
    };
    if let Some(why) = lost {
        door.metrics.delete_seen("lost");
        // Nothing of the review: it may hold anything.
        tracing::warn!(why, "it can't be recorded who deleted a KlivSecret");
    }
    response
}

impl Door {
    /// Hands on what was seen of a delete; whether there was room.
    async fn hand_on(&self, event: KlivAuditEvent) -> bool {
        match self.deletes.try_send(event) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(event)) => {
                let Ok(_place) = self.waiting.try_acquire() else { return false };
                let sent = tokio::time::timeout(SLOWED, self.deletes.send(event)).await;
                sent.is_ok_and(|sent| sent.is_ok())
            }
        }
    }

    /// Hands on what was seen of a refused call; whether that was done.
    fn notes(&self, call: KlivAuditEvent) -> bool {
        let account = call.metadata.namespace.clone();
        let Err(not) = self.calls.note(call) else { return true };
        self.metrics.refused_call_seen("lost");
        tracing::warn!(account, why = not.words(), "a refused call of an agent is not recorded");
        false
    }

    async fn answers(&self, request: Request, answer: impl FnOnce(&[u8]) -> Answer) -> Response {
        let mut place = self.room.enter();
        let read = tokio::time::timeout(PATIENCE, read(request, &mut place)).await;
        let review = match read.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT)) {
            Ok(review) => review,
            Err(status) => {
                self.metrics.reviewed("unreadable");
                return status.into_response();
            }
        };
        let mut answer = answer(&review);
        if let Some(call) = answer.call.take()
            && !self.notes(*call)
        {
            answer.verdict = Verdict::Refused(NOT_DONE);
        }
        let result = answer.verdict.word();
        self.metrics.reviewed(result);
        // Names only, and only well-formed ones: never anything of the object.
        tracing::debug!(
            uid = answer.uid,
            namespace = answer.namespace,
            name = answer.name,
            result,
            "answered"
        );
        ([(header::CONTENT_TYPE, "application/json")], answer.to_json()).into_response()
    }
}

/// Reads a body into memory that is wiped afterwards, and wipes the pieces it came in.
async fn read(request: Request, place: &mut Place) -> Result<Zeroizing<Vec<u8>>, StatusCode> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|size| size.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|size| size > MAX_REVIEW) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let mut sent_away = pin!(place.sent_away());
    let mut pieces = request.into_body().into_data_stream();
    let mut review = Zeroizing::new(Vec::new());
    loop {
        let piece = tokio::select! {
            biased;
            () = &mut sent_away => return Err(SentAway.into()),
            piece = pieces.next() => piece,
        };
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|_| StatusCode::BAD_REQUEST)?;
        let needed = review.len() + piece.len();
        if needed > MAX_REVIEW {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if needed > review.capacity() {
            make_room(&mut review, needed, place).await?;
        }
        review.extend_from_slice(&piece);
        if let Ok(mut piece) = piece.try_into_mut() {
            piece.zeroize();
        }
    }
    place.arrived()?;
    Ok(review)
}

/// Grows by hand: a vector that grows by itself leaves its former content behind.
async fn make_room(
    buffer: &mut Zeroizing<Vec<u8>>,
    needed: usize,
    place: &mut Place,
) -> Result<(), SentAway> {
    let before = buffer.capacity();
    let after = needed.max(before * 2).clamp(FIRST, MAX_REVIEW);
    place.take(after).await?;
    let mut larger = Zeroizing::new(Vec::with_capacity(after));
    larger.extend_from_slice(buffer);
    *buffer = larger;
    place.give_back(before);
    Ok(())
}

impl From<SentAway> for StatusCode {
    fn from(_: SentAway) -> Self {
        StatusCode::SERVICE_UNAVAILABLE
    }
}
