//! The webhook's certificate changes, or somebody breaks it: writes go on, or are refused.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kliv_secrets::api::KlivSecret;
use kliv_secrets::api::names::{ANNOTATION_RENEW, WEBHOOK_CONFIGURATION, WEBHOOK_TLS_SECRET};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Client, ResourceExt as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream as Stream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::account::{Account, secret};
use crate::chart::NAMESPACE;
use crate::harness::{Cluster, Options, eventually};
use crate::operator::{Operator, mount_certificate};

const RENEWALS: usize = 100;
pub(crate) const WRITERS: usize = 4;
/// Writes that go on in each state of a renewal before the next one comes.
const BETWEEN: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_hundred_renewals_no_write_fails() {
    let mut operator = start().await;
    let (second, address, folder) = operator.webhook_beside("webhook-2").await;
    let replicas = [operator.webhook(), (address, folder)];
    let service = Service::of(replicas.each_ref().map(|(address, _)| *address)).await;
    let certificate = Certificate::of(&operator.cluster);
    certificate.call(&service.url()).await;
    let (client, namespace) = (operator.cluster.client(), operator.cluster.namespace("new").await);
    let writers = Writers::start(&client, &namespace);

    for round in 0..RENEWALS {
        let before = certificate.secret().await;
        certificate.ask_for_a_new_one().await;
        if round % 40 == 20 {
            operator.kill_controller();
            operator.start_processes().await;
        }
        let after = certificate.changes_from(&before).await;
        assert!(after.annotations().get(ANNOTATION_RENEW).is_none(), "is answered once");
        // Both replicas still serve the former one.
        writers.go_on().await;
        for (address, folder) in &replicas {
            mount_certificate(&after, folder);
            certificate.is_served(*address, &after, round).await;
            // Now one replica serves the new one, then both.
            writers.go_on().await;
        }
    }

    let (written, failed) = writers.stop().await;
    assert_eq!(failed, Vec::<String>::new(), "of {written} writes");
    assert!(written >= RENEWALS * 3 * BETWEEN, "{written} writes");
    assert!(service.connections() > RENEWALS, "{} connections", service.connections());
    Account::at(&operator, namespace).all_sealed(WRITERS).await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_somebody_breaks_is_put_right_and_nothing_is_stored_meanwhile() {
    let operator = start().await;
    let certificate = Certificate::of(&operator.cluster);
    let account = Account::new(&operator, "bundle").await;
    let good = certificate.bundle().await;
    let foreign = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("made");
    for (what, broken) in [
        ("removed", None),
        ("another's", Some(foreign.cert.pem().into_bytes())),
        ("no certificate", Some(b"garbage".to_vec())),
        ("half of it", Some(good[..good.len() / 2].to_vec())),
    ] {
        let writers = Writers::start(&account.client, &account.namespace);
        writers.go_on().await;
        certificate.set_bundle(broken).await;
        eventually(&format!("the bundle is right again, though {what}"), async || {
            (certificate.bundle().await == good).then_some(())
        })
        .await;
        refused_in_our_words_then_written(&account, writers, what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_somebody_breaks_is_made_anew_and_nothing_is_stored_meanwhile() {
    let operator = start().await;
    let certificate = Certificate::of(&operator.cluster);
    let (address, folder) = operator.webhook();
    let account = Account::new(&operator, "certificate").await;
    let garbled = |key: &str| json!({ "stringData": { key: "garbled" } });
    for (what, change) in [
        ("the certificate garbled", Some(garbled("tls.crt"))),
        ("the key garbled", Some(garbled("tls.key"))),
        ("the authorities garbled", Some(garbled("ca.crt"))),
        ("emptied", Some(json!({ "data": { "tls.crt": "", "tls.key": "", "ca.crt": null } }))),
        ("deleted", None),
    ] {
        let writers = Writers::start(&account.client, &account.namespace);
        writers.go_on().await;
        let before = certificate.secret().await;
        match change {
            Some(change) => certificate.change(change).await,
            None => certificate.delete().await,
        }
        let after = eventually(&format!("a new one is there, though {what}"), async || {
            let secret =
                certificate.secrets.get_opt(WEBHOOK_TLS_SECRET).await.expect("an answer")?;
            let is_new = |key| {
                let pem = &secret.data.as_ref()?.get(key)?.0;
                let old = &before.data.as_ref()?[key].0;
                (CertificateDer::from_pem_slice(pem).is_ok() && pem != old).then_some(())
            };
            is_new("tls.crt")?;
            Some(secret)
        })
        .await;
        mount_certificate(&after, &folder);
        certificate.is_served(address, &after, 0).await;
        refused_in_our_words_then_written(&account, writers, what).await;
    }
}

/// The operator with a pace at which tests need not wait.
async fn start() -> Operator {
    let flags = ["--webhook-certificate-check=100ms", "--lease-seconds=10"];
    Operator::start(Options::default(), &flags).await
}

/// What failed was refused for want of a seal, and in the end writes go through again;
/// none is stored unsealed.
async fn refused_in_our_words_then_written(account: &Account<'_>, writers: Writers, what: &str) {
    eventually(&format!("a value is sealed again, though {what}"), async || {
        let again = secret("AGAIN_KEY", "a made-up value");
        account.kubectl(&["apply", "-f", "-"], &again).ok.then_some(())
    })
    .await;
    writers.go_on().await;
    let (_, failed) = writers.stop().await;
    for said in failed {
        assert!(said.contains("spec.value was not sealed, so nothing was stored"), "{said}");
        assert!(!said.contains("made-up"), "{said}");
    }
    account.all_sealed(WRITERS).await;
}

impl Account<'_> {
    /// All that is stored is ciphertext.
    pub(crate) async fn all_sealed(&self, at_least: usize) {
        let secrets: Api<KlivSecret> = self.api();
        let secrets = secrets.list(&ListParams::default()).await.expect("KlivSecrets").items;
        assert!(secrets.len() >= at_least);
        for secret in secrets {
            assert!(secret.spec.value.is_none(), "{}", secret.name_any());
            assert!(secret.spec.sealed.is_some_and(|sealed| sealed.starts_with("kliv1.")));
        }
    }
}

/// People who write values all the time, each to a secret of their own.
pub(crate) struct Writers {
    tasks: JoinSet<()>,
    told: Arc<Told>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Told {
    written: AtomicUsize,
    failed: Mutex<Vec<String>>,
}

impl Writers {
    pub(crate) fn start(client: &Client, namespace: &str) -> Self {
        let (told, stop) = (Arc::new(Told::default()), CancellationToken::new());
        let (mut tasks, kind) = (JoinSet::new(), ApiResource::erase::<KlivSecret>(&()));
        for number in 0..WRITERS {
            let secrets = Api::namespaced_with(client.clone(), namespace, &kind);
            tasks.spawn(write_on(secrets, number, Arc::clone(&told), stop.clone()));
        }
        Self { tasks, told, stop }
    }

    /// Waits until each may have written once since.
    pub(crate) async fn go_on(&self) {
        let begun = self.done();
        eventually("writers go on", async || (self.done() >= begun + BETWEEN).then_some(())).await;
    }

    /// How many were written, and what was said to those that were not.
    pub(crate) async fn stop(mut self) -> (usize, Vec<String>) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a writer does not panic");
        }
        let failed = std::mem::take(&mut *self.told.failed.lock().expect("no panic"));
        (self.told.written.load(Relaxed), failed)
    }

    fn done(&self) -> usize {
        self.told.written.load(Relaxed) + self.told.failed.lock().expect("no panic").len()
    }
}

/// Creates, changes and replaces a secret by turns, at the pace of a busy person.
async fn write_on(
    secrets: Api<DynamicObject>,
    number: usize,
    told: Arc<Told>,
    stop: CancellationToken,
) {
    let name = format!("key-{number}");
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    for count in 0.. {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = pace.tick() => {}
        }
        let object = secret(&format!("KEY_{number}"), &format!("made-up {count}"));
        let written = match count % 3 {
            0 => {
                let params = PatchParams::apply("a-writer").force();
                secrets.patch(&name, &params, &Patch::Apply(object)).await
            }
            1 => {
                let patch = Patch::Merge(json!({ "spec": object["spec"] }));
                secrets.patch(&name, &PatchParams::default(), &patch).await
            }
            _ => {
                let _ = secrets.delete(&name, &DeleteParams::default()).await;
                let object = serde_json::from_value(object).expect("an object");
                secrets.create(&PostParams::default(), &object).await
            }
        };
        let said = match written {
            Ok(stored) if stored.data["spec"]["value"] == json!(null) => {
                told.written.fetch_add(1, Relaxed);
                continue;
            }
            Ok(_) => "stored unsealed".to_owned(),
            // What is not there can't be changed: the write before was refused.
            Err(kube::Error::Api(status)) if status.code == 404 => continue,
            Err(kube::Error::Api(status)) => status.message,
            Err(error) => error.to_string(),
        };
        told.failed.lock().expect("no panic").push(said);
    }
}

/// What people and API server see of the webhook's certificate.
pub(crate) struct Certificate {
    name: &'static str,
    secrets: Api<Secret>,
    configurations: Api<MutatingWebhookConfiguration>,
}

impl Certificate {
    fn of(cluster: &Cluster) -> Self {
        Self::named(cluster, WEBHOOK_TLS_SECRET)
    }

    /// The one that is kept in this Secret.
    pub(crate) fn named(cluster: &Cluster, name: &'static str) -> Self {
        let client = cluster.client();
        Self {
            name,
            secrets: Api::namespaced(client.clone(), NAMESPACE),
            configurations: Api::all(client),
        }
    }

    pub(crate) async fn secret(&self) -> Secret {
        self.secrets.get(self.name).await.expect("the certificate")
    }

    async fn ask_for_a_new_one(&self) {
        self.change(json!({ "metadata": { "annotations": { ANNOTATION_RENEW: "now" } } })).await;
    }

    async fn change(&self, patch: Value) {
        let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
        self.secrets.patch(self.name, &params, &patch).await.expect("is changed");
    }

    pub(crate) async fn delete(&self) {
        let params = DeleteParams::default();
        self.secrets.delete(self.name, &params).await.expect("is deleted");
    }

    /// Waits until the webhook is to serve another one.
    pub(crate) async fn changes_from(&self, before: &Secret) -> Secret {
        let serving = |secret: &Secret| secret.data.as_ref().expect("data")["tls.crt"].clone();
        eventually("there is a new certificate", async || {
            let now = self.secrets.get_opt(self.name).await.expect("an answer")?;
            (serving(&now) != serving(before)).then_some(now)
        })
        .await
    }

    /// Waits until a replica serves the certificate of this Secret, to who trusts what the
    /// API server trusts.
    pub(crate) async fn is_served(&self, address: SocketAddr, secret: &Secret, round: usize) {
        let wanted = &secret.data.as_ref().expect("data")["tls.crt"].0;
        let wanted = CertificateDer::from_pem_slice(wanted).expect("a certificate");
        eventually(&format!("{address} serves certificate {round}, trusted"), async || {
            (served(address, &self.bundle().await)? == wanted).then_some(())
        })
        .await;
    }

    /// Waits until the API server is told of the authority in this Secret.
    pub(crate) async fn authority_is_trusted(&self, secret: &Secret) {
        let authority = secret.data.as_ref().expect("data")["ca.crt"].0.as_slice();
        eventually("the authority is trusted", async || {
            let bundle = self.bundle().await;
            bundle.windows(authority.len()).any(|part| part == authority).then_some(())
        })
        .await;
    }

    /// What is trusted, the same for every webhook.
    async fn bundle(&self) -> Vec<u8> {
        eventually("all webhooks are trusted alike", async || {
            let configuration =
                self.configurations.get(WEBHOOK_CONFIGURATION).await.expect("is there");
            let mut webhooks = configuration.webhooks.expect("webhooks").into_iter();
            let mut bundle = || Some(webhooks.next()?.client_config.ca_bundle.map(|b| b.0));
            let (writes, deletes) = (bundle()?, bundle().expect("two webhooks"));
            (writes == deletes).then(|| writes.unwrap_or_default())
        })
        .await
    }

    async fn set_bundle(&self, bundle: Option<Vec<u8>>) {
        let mut configuration =
            self.configurations.get(WEBHOOK_CONFIGURATION).await.expect("is there");
        for webhook in configuration.webhooks.as_mut().expect("webhooks") {
            webhook.client_config.ca_bundle = bundle.clone().map(k8s_openapi::ByteString);
        }
        let params = PostParams::default();
        let replaced = self.configurations.replace(WEBHOOK_CONFIGURATION, &params, &configuration);
        replaced.await.expect("is replaced");
    }

    /// The API server calls the webhook there from now on.
    async fn call(&self, url: &str) {
        let at = "/webhooks/0/clientConfig/url";
        let patch = json!([{ "op": "replace", "path": at, "value": url }]);
        let patch: json_patch::Patch = serde_json::from_value(patch).expect("a patch");
        let (params, patch) = (PatchParams::default(), Patch::Json::<()>(patch));
        self.configurations.patch(WEBHOOK_CONFIGURATION, &params, &patch).await.expect("changes");
    }
}

/// The certificate that is served there, where it verifies.
fn served(address: SocketAddr, trusted: &[u8]) -> Option<CertificateDer<'static>> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(trusted) {
        roots.add(root.ok()?).ok()?;
    }
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(roots)
            .with_no_client_auth();
    let name = ServerName::try_from("localhost").ok()?;
    let mut tls = ClientConnection::new(Arc::new(config), name).ok()?;
    let mut stream = TcpStream::connect(address).ok()?;
    while tls.is_handshaking() {
        tls.complete_io(&mut stream).ok()?;
    }
    tls.peer_certificates()?.first().map(|certificate| certificate.clone().into_owned())
}

/// One address before several replicas, as kube-proxy does it: each connection goes to the
/// next one.
struct Service {
    port: u16,
    count: Arc<AtomicUsize>,
    _forwarding: JoinSet<()>,
}

impl Service {
    async fn of<const N: usize>(replicas: [SocketAddr; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (count, mut forwarding) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        let counted = Arc::clone(&count);
        forwarding.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut inward, _) = listener.accept().await.expect("a connection");
                let replica = replicas[counted.fetch_add(1, Relaxed) % N];
                connections.spawn(async move {
                    let mut outward = Stream::connect(replica).await?;
                    tokio::io::copy_bidirectional(&mut inward, &mut outward).await
                });
            }
        });
        Self { port, count, _forwarding: forwarding }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/mutate", self.port)
    }

    fn connections(&self) -> usize {
        self.count.load(Relaxed)
    }
}
