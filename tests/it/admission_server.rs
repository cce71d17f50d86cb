//! The front door over real TLS: what it waits for, what it takes up, how it ends.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use getrandom::rand_core::UnwrapErr;
use kliv_secrets::admission::{ServeError, WebhookConfig, serve};
use kliv_secrets::api::refused_call::{ANNOTATION, NOT_NOTED, NOTED};
use kliv_secrets::api::{AuditAction, KlivAuditEvent};
use kliv_secrets::runtime::args::LogFormat;
use kliv_secrets::runtime::{Check, Metrics, Readiness, logs};
use kliv_secrets::seal::Keyring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admission_support::{create, delete, now, secret, update};
use crate::runtime_logs::Buffer;

/// A front door on a free port of this machine.
struct Door {
    folder: TempDir,
    address: SocketAddr,
    ready: Check,
    metrics: Metrics,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), ServeError>>,
    /// One at a time.
    deletes: mpsc::Receiver<KlivAuditEvent>,
    /// The same.
    calls: mpsc::Receiver<KlivAuditEvent>,
}

impl Door {
    /// Starts it with empty folders.
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["tls", "key"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port");
        let (ready, metrics) = (Readiness::default().check("door"), Metrics::new());
        let stop = CancellationToken::new();
        let (seen, deletes) = mpsc::channel(1);
        let (told, calls) = mpsc::channel(1);
        let config = WebhookConfig {
            bind: address,
            tls_dir: folder.path().join("tls"),
            sealing_key_dir: folder.path().join("key"),
            poll: Duration::from_millis(10),
            ready: ready.clone(),
            metrics: metrics.clone(),
            deletes: seen,
            calls: told,
        };
        let serving = tokio::spawn(serve(config, stop.clone().cancelled_owned()));
        Self { folder, address, ready, metrics, stop, serving, deletes, calls }
    }

    async fn open() -> (Self, CertificateDer<'static>, Keyring) {
        let door = Self::start();
        let (certificate, keyring) = (door.put_certificate(), door.put_key());
        until("the door is open", async || door.ready.is_met()).await;
        (door, certificate, keyring)
    }

    fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        write(&self.folder.path().join(path), content.as_ref());
    }

    fn put_certificate(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("made");
        self.put("tls/tls.crt", made.cert.pem());
        self.put("tls/tls.key", made.signing_key.serialize_pem());
        made.cert.der().clone()
    }

    fn put_key(&self) -> Keyring {
        let keyring = Keyring::generate(now(), &mut UnwrapErr(getrandom::SysRng));
        self.put("key/sealing-key", keyring.sealing_key().to_string());
        keyring
    }

    /// The status and body of a POST; none when there is no answer, e.g. because the
    /// certificate is another.
    async fn post(
        &self,
        path: &str,
        trusted: &CertificateDer<'static>,
        body: &Value,
    ) -> Option<(u16, Vec<u8>)> {
        let (address, trusted) = (self.address, trusted.clone());
        let (path, body) = (path.to_owned(), body.to_string());
        let ask = move || post(address, &path, trusted, body.as_bytes());
        tokio::task::spawn_blocking(ask).await.expect("no panic")
    }

    /// So many deletes were seen, and can't be recorded.
    #[track_caller]
    fn lost(&self, count: usize) {
        let page = self.metrics.text().expect("text");
        let line = page.lines().find(|line| line.contains("deletes_seen_total{result=\"lost\"}"));
        let counted = line.map_or("0", |line| line.rsplit(' ').next().unwrap_or_default());
        assert_eq!(counted, count.to_string(), "{page}");
    }

    async fn seals_with(&self, trusted: &CertificateDer<'static>, keyring: &Keyring) -> bool {
        let review = create(secret(json!({ "value": "made-up-value-1" })));
        let Some((200, body)) = self.post("/mutate", trusted, &review).await else { return false };
        let answer: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(answer["response"]["allowed"], true);
        let patch = answer["response"]["patch"].as_str().expect("a patch");
        let patch = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, patch);
        let patch = String::from_utf8(patch.expect("base64")).expect("text");
        patch.contains(&format!("kliv1.{}.", keyring.sealing_key().key_id()))
    }
}

/// As Kubernetes exchanges a mounted file: at once.
fn write(path: &Path, content: &[u8]) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, content).expect("written");
    std::fs::rename(beside, path).expect("renamed");
}

fn post(
    address: SocketAddr,
    path: &str,
    trusted: CertificateDer<'static>,
    body: &[u8],
) -> Option<(u16, Vec<u8>)> {
    let mut stream = connect(address, trusted)?;
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    // A server that has answered already may not read the rest.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    // Some end a connection without the farewell of TLS.
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let body = text.split_once("\r\n\r\n")?.1.as_bytes().to_vec();
    Some((status, body))
}

fn connect(
    address: SocketAddr,
    trusted: CertificateDer<'static>,
) -> Option<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).ok()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").ok()?;
    let tls = ClientConnection::new(Arc::new(config), name).ok()?;
    Some(StreamOwned::new(tls, TcpStream::connect(address).ok()?))
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect(what);
}

#[tokio::test]
async fn opens_once_certificate_and_sealing_key_are_there_and_seals() {
    let door = Door::start();
    let certificate = door.put_certificate();
    assert!(!door.ready.is_met());
    assert!(TcpStream::connect(door.address).is_err(), "nobody listens before it can seal");
    let keyring = door.put_key();
    until("the door is open", async || door.ready.is_met()).await;
    assert!(door.seals_with(&certificate, &keyring).await);
    let counted = door.metrics.text().expect("text");
    assert!(counted.contains("admission_reviews_total{result=\"allowed\"} 1"), "{counted}");
}

#[tokio::test]
async fn a_delete_is_allowed_at_once_and_what_was_seen_of_it_handed_on_or_lost() {
    let (mut door, certificate, _) = Door::open().await;
    let review = delete(secret(json!({ "sealed": "kliv1.x.y" })));
    for _ in 0..2 {
        let answer = door.post("/gone", &certificate, &review);
        let answer = tokio::time::timeout(Duration::from_secs(1), answer).await;
        let (status, body) = answer.expect("before the API server gives up").expect("answered");
        let answer: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((status, &answer["response"]["allowed"]), (200, &json!(true)));
        assert_eq!(answer["response"]["patch"], Value::Null);
    }
    let event = door.deletes.try_recv().expect("the first");
    assert_eq!(event.spec.actor, "anna");
    assert!(door.deletes.try_recv().is_err(), "there was no room for the second");
    door.lost(1);
    door.stop.cancel();
    assert!(door.deletes.recv().await.is_none(), "whoever records can end");
}

#[tokio::test]
async fn a_refused_call_is_handed_on_or_said_to_be_lost_and_takes_no_room_from_deletes() {
    let (mut door, certificate, _) = Door::open().await;
    let told = create(json!({
        "metadata": {
            "name": "refused-call", "annotations": { ANNOTATION: "request_secret" },
        },
        "spec": {},
    }));
    let field = async || {
        let (_, body) = door.post("/mutate", &certificate, &told).await.expect("answered");
        let answer: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(answer["response"]["allowed"], false);
        answer["response"]["status"]["details"]["causes"][0]["field"].clone()
    };
    assert_eq!(field().await, NOTED);
    assert_eq!(field().await, NOT_NOTED);
    let page = door.metrics.text().expect("text");
    assert!(page.contains("refused_calls_seen_total{result=\"lost\"} 1\n"), "{page}");
    let gone = delete(secret(json!({ "sealed": "kliv1.x.y" })));
    door.post("/gone", &certificate, &gone).await.expect("answered");
    let event = door.deletes.try_recv().expect("a delete has its room");
    assert_eq!(event.spec.action, AuditAction::Deleted);
    door.lost(0);
    let event = door.calls.try_recv().expect("the first");
    assert_eq!(event.spec.action, AuditAction::CallRefused);
    assert!(door.calls.try_recv().is_err(), "there was no room for the second");
}

#[tokio::test]
async fn where_many_deletes_come_at_once_they_wait_and_none_is_lost() {
    let (mut door, certificate, _) = Door::open().await;
    let review = delete(secret(json!({ "sealed": "kliv1.x.y" })));
    door.post("/gone", &certificate, &review).await.expect("takes the room there is");
    let (address, trusted, body) = (door.address, certificate.clone(), review.to_string());
    let waits =
        tokio::task::spawn_blocking(move || post(address, "/gone", trusted, body.as_bytes()));
    let reviewed = async || {
        let counted = door.metrics.text().expect("text");
        counted.contains("admission_reviews_total{result=\"untouched\"} 2")
    };
    until("the second is understood", reviewed).await;
    door.deletes.recv().await.expect("the first");
    let answered = waits.await.expect("no panic").expect("answered");
    assert_eq!(answered.0, 200);
    door.deletes.try_recv().expect("the second");
    door.lost(0);
}

#[tokio::test]
async fn a_delete_that_can_not_be_read_is_lost_and_a_dry_run_is_not() {
    let (mut door, certificate, _) = Door::open().await;
    let mut dry = delete(secret(json!({ "sealed": "kliv1.x.y" })));
    dry["request"]["dryRun"] = json!(true);
    door.post("/gone", &certificate, &dry).await.expect("answered");
    door.lost(0);
    let countless = json!({ "request": { "oldObject": vec![0; 200_000] } });
    let (_, body) = door.post("/gone", &certificate, &countless).await.expect("answered");
    let answer: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(answer["response"]["allowed"], true);
    door.lost(1);
    // The rest is not read, so the answer may be lost on its way.
    let endless = json!({ "request": { "oldObject": "x".repeat(13 * 1024 * 1024) } });
    door.post("/gone", &certificate, &endless).await;
    door.lost(2);
    assert!(door.deletes.try_recv().is_err());
}

#[tokio::test]
async fn the_log_says_why_a_delete_is_lost_and_nothing_of_it() {
    let log = Buffer::default();
    let subscriber = logs::subscriber(LogFormat::Text, "info", log.clone()).expect("a filter");
    let _here = tracing::subscriber::set_default(subscriber);
    let (door, certificate, _) = Door::open().await;
    let unreadable = json!({ "request": { "oldObject": vec!["canary"; 100_000] } });
    door.post("/gone", &certificate, &unreadable).await.expect("answered");
    assert_eq!(log.text().matches("the review can't be read").count(), 1, "{}", log.text());
    let review = delete(secret(json!({ "value": "canary" })));
    for _ in 0..2 {
        door.post("/gone", &certificate, &review).await.expect("answered");
    }
    let text = log.text();
    assert_eq!(text.matches("too many deletes at once").count(), 1, "{text}");
    assert!(!text.contains("canary") && !text.contains("anna"), "{text}");
}

#[tokio::test]
async fn takes_up_a_new_certificate_and_keeps_the_last_good_one() {
    let (door, first, keyring) = Door::open().await;
    door.put("tls/tls.crt", "nonsense");
    assert!(door.seals_with(&first, &keyring).await);
    let second = door.put_certificate();
    until("the new certificate", async || door.seals_with(&second, &keyring).await).await;
    assert!(!door.seals_with(&first, &keyring).await);

    // A key that belongs to another certificate is not taken, nor is none at all.
    let other = rcgen::KeyPair::generate().expect("made");
    door.put("tls/tls.key", other.serialize_pem());
    assert!(door.seals_with(&second, &keyring).await);
    std::fs::remove_file(door.folder.path().join("tls/tls.crt")).expect("removed");
    assert!(door.seals_with(&second, &keyring).await);
    let third = door.put_certificate();
    until("the next certificate", async || door.seals_with(&third, &keyring).await).await;
}

#[tokio::test]
async fn seals_with_a_new_key_and_keeps_the_last_good_one() {
    let (door, certificate, first) = Door::open().await;
    door.put("key/sealing-key", "nonsense");
    assert!(door.seals_with(&certificate, &first).await);
    let second = door.put_key();
    until("the new key", async || door.seals_with(&certificate, &second).await).await;
}

#[tokio::test]
async fn an_update_of_the_largest_objects_fits_and_more_is_refused() {
    let (door, certificate, _) = Door::open().await;
    let mebi = 1024 * 1024;
    let review = update(large(3 * mebi), large(3 * mebi));
    let (status, body) = door.post("/mutate", &certificate, &review).await.expect("answered");
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(answer["response"]["allowed"], true);

    let review = update(large(7 * mebi), large(7 * mebi));
    // The rest is not read, so the answer may be lost on its way.
    let answered = door.post("/mutate", &certificate, &review).await;
    assert!(answered.is_none_or(|(status, _)| status == 413));
}

/// They announce the largest review and send some of it: in all more than is held.
#[tokio::test(flavor = "multi_thread")]
async fn while_slow_reviews_trickle_in_an_honest_one_is_answered() {
    let (door, certificate, keyring) = Door::open().await;
    let mebi = 1024 * 1024;
    for sent in [1, mebi, 11 * mebi] {
        let mut slow: Vec<_> =
            (0..8).map(|_| trickle(door.address, &certificate, 12 * mebi, sent)).collect();
        assert!(door.seals_with(&certificate, &keyring).await);
        let review = update(large(3 * mebi), large(3 * mebi));
        let (status, _) = door.post("/mutate", &certificate, &review).await.expect("answered");
        assert_eq!(status, 200);
        // Not because the patience with the slow ones was at its end.
        let waiting = slow.iter_mut().filter_map(|stream| is_silent(stream).then_some(())).count();
        assert!(waiting >= 1, "{sent}");
        assert!(sent > mebi || waiting == slow.len(), "{sent}: there was room for all");
    }
}

/// Headers are not counted among what is held of reviews.
#[tokio::test(flavor = "multi_thread")]
async fn headers_without_end_are_not_taken_in() {
    let (door, certificate, keyring) = Door::open().await;
    let mut stream = connect(door.address, certificate.clone()).expect("connects");
    let endless = format!("POST /mutate HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(100_000));
    // It may be sent away meanwhile.
    let _ = stream.write_all(endless.as_bytes());
    stream.sock.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
    let read = stream.read(&mut [0; 64]);
    let waits = |error: std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
    assert!(!read.is_err_and(waits), "it waits for more");
    assert!(door.seals_with(&certificate, &keyring).await);
}

fn large(size: usize) -> Value {
    secret(json!({ "sealed": "x", "description": "d".repeat(size) }))
}

/// Begins a POST that announces more than it sends.
fn trickle(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    announced: usize,
    sent: usize,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut stream = connect(address, trusted.clone()).expect("connects");
    let head =
        format!("POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {announced}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("is sent");
    // It may be sent away meanwhile.
    let _ = stream.write_all(&vec![b' '; sent]);
    stream
}

/// Whether there is no answer yet, and no end.
fn is_silent(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> bool {
    stream.sock.set_nonblocking(true).expect("a socket");
    let read = stream.read(&mut [0; 64]);
    read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[tokio::test]
async fn has_one_door() {
    let (door, certificate, _) = Door::open().await;
    let (status, _) = door.post("/", &certificate, &json!({})).await.expect("answered");
    assert_eq!(status, 404);
}

#[tokio::test]
async fn ends_when_told_to_open_or_not() {
    let (open, ..) = Door::open().await;
    for door in [open, Door::start()] {
        door.stop.cancel();
        door.serving.await.expect("no panic").expect("no error");
        assert!(!door.ready.is_met());
        assert!(TcpStream::connect(door.address).is_err());
    }
}
