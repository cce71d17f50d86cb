//! The webhook is out, in every way there is. A value that nobody sealed and a change that
//! nobody stamped are refused, in our words; kubectl shows no value for it; and nothing
//! else in the cluster feels it.
//!
//! The controller is stopped as well: what holds here needs no process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsConfig, bind_rustls};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kliv_secrets::api::KlivSecret;
use kliv_secrets::api::names::WEBHOOK_CONFIGURATION;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, crypto::ring};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::account::{Account, env_of, function, secret, secret_with};
use crate::harness::{Options, Outcome, eventually, run};
use crate::leaks::{Search, canary, files};
use crate::operator::{CONTROLLER, Operator};
use crate::place::parse;

/// What is wrong with the webhook, and how the API server puts it in its log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outage {
    /// Nothing is wrong.
    None,
    /// No process.
    Stopped,
    /// It accepts and never answers.
    Slow,
    /// Its certificate is by a CA that the API server does not know.
    OtherCa,
    /// Its certificate has run out.
    Expired,
    /// It answers something else than a review.
    Garbage,
    /// It answers an error.
    Error,
    /// Somebody deleted its configuration.
    NoConfiguration,
}

const OUTAGES: [(Outage, &str); 7] = [
    (Outage::Stopped, "connection refused"),
    (Outage::Slow, "deadline exceeded"),
    (Outage::OtherCa, "certificate signed by unknown authority"),
    (Outage::Expired, "certificate has expired"),
    (Outage::Garbage, "webhook response was absent"),
    (Outage::Error, "has prevented the request from succeeding"),
    (Outage::NoConfiguration, ""),
];

const SCHEMA: &str = "spec.value was not sealed, so nothing was stored";
const STAMP: &str = "does not carry who made it, so nothing was stored";
const ANNOTATION: &str = "an annotation holds \"value\":";

/// What becomes of a write.
#[derive(Clone, Copy)]
enum Fate {
    /// It is refused in these words.
    Refused(&'static str),
    /// It is refused before it is anything of ours.
    RefusedByKubernetes,
}
use Fate::{Refused, RefusedByKubernetes};

/// One way to write: its name, kubectl's arguments, and what it writes when it is given a
/// value.
type Odd = (&'static str, &'static [&'static str], fn(&str) -> Value);
/// The same, with what becomes of it.
type Case = (&'static str, &'static [&'static str], Fate, fn(&str) -> Value);

const APPLY: &[&str] = &["apply", "-f", "-"];
const SERVER_SIDE: &[&str] = &["apply", "--server-side", "--force-conflicts", "-f", "-"];
const MERGE: &[&str] = &["patch", "ksec", "stored", "--type=merge", "--patch-file=/dev/stdin"];
const JSON: &[&str] = &["patch", "ksec", "stored", "--type=json", "--patch-file=/dev/stdin"];
const STRATEGIC: &[&str] =
    &["patch", "ksec", "stored", "--type=strategic", "--patch-file=/dev/stdin"];

/// The ways that are tried in each outage; `edit` comes by itself.
const CASES: &[Case] = &[
    ("create", &["create", "-f", "-"], Refused(SCHEMA), |v| secret("NEW", v)),
    ("apply a new one", APPLY, Refused(SCHEMA), |v| secret("NEW", v)),
    ("apply", APPLY, Refused(SCHEMA), |v| secret("STORED", v)),
    ("apply a new one server-side", SERVER_SIDE, Refused(SCHEMA), |v| secret("NEW", v)),
    ("apply server-side", SERVER_SIDE, Refused(SCHEMA), |v| secret("STORED", v)),
    ("replace", &["replace", "-f", "-"], Refused(SCHEMA), |v| secret("STORED", v)),
    ("merge patch", MERGE, Refused(SCHEMA), |v| json!({ "spec": { "value": v } })),
    (
        "json patch",
        JSON,
        Refused(SCHEMA),
        |v| json!([{ "op": "add", "path": "/spec/value", "value": v }]),
    ),
    ("strategic patch", STRATEGIC, RefusedByKubernetes, |v| json!({ "spec": { "value": v } })),
    ("diff", &["diff", "-f", "-"], Refused(SCHEMA), |v| secret("STORED", v)),
    ("a dry run", &["apply", "--dry-run=server", "-f", "-"], Refused(SCHEMA), |v| {
        secret("STORED", v)
    }),
    ("set-last-applied", SET_LAST_APPLIED, Refused(ANNOTATION), |v| secret("STORED", v)),
    // Without a value: each other change of a spec.
    ("apply a description", APPLY, Refused(STAMP), |_| described()),
    ("apply a description server-side", SERVER_SIDE, Refused(STAMP), |_| described()),
    ("create a question", &["create", "-f", "-"], Refused(STAMP), |_| {
        secret_with(json!({ "envVar": "NEW", "request": { "purpose": "x" } }))
    }),
    (
        "patch a sealed value",
        MERGE,
        Refused(STAMP),
        |_| json!({ "spec": { "sealed": "kliv1.00000000000000000000000000000000.AAAA" } }),
    ),
];
const SET_LAST_APPLIED: &[&str] =
    &["apply", "set-last-applied", "--create-annotation", "-f", "/dev/stdin"];

fn described() -> Value {
    secret_with(json!({ "envVar": "STORED", "description": "changed" }))
}

/// Ways to write a value wrongly, tried with the webhook up and away: whoever refuses,
/// nobody prints it.
///
/// Not among them: a client-side `kubectl apply` over an object that is there, of a field
/// that no schema knows, also inside of `value`. The API server refuses that before anybody
/// of ours is asked, and shows the whole object; server-side apply does not.
const ODD: &[Odd] = &[
    ("unknown field, server-side", SERVER_SIDE, |v| with(json!({ "value": v, "vaule": v }))),
    ("unknown field of a new one", APPLY, |v| {
        let mut object = secret("NEW", v);
        object["spec"]["vaule"] = json!(v);
        object
    }),
    ("unknown field, unchecked", &["apply", "--validate=false", "-f", "-"], |v| {
        with(json!({ "value": v, "vaule": v }))
    }),
    ("list", APPLY, |v| with(json!({ "value": [v] }))),
    ("list, server-side", SERVER_SIDE, |v| with(json!({ "value": [v] }))),
    ("map, server-side", SERVER_SIDE, |v| with(json!({ "value": { "KEY": v } }))),
    ("map, merge patch", MERGE, |v| json!({ "spec": { "value": { "KEY": v } } })),
    ("too long", APPLY, |v| with(json!({ "value": v.repeat(1000) }))),
    ("too long, server-side", SERVER_SIDE, |v| with(json!({ "value": v.repeat(1000) }))),
    ("control characters", SERVER_SIDE, |v| with(json!({ "value": format!("{v}\u{80}{v}") }))),
    ("a line break of Unicode", SERVER_SIDE, |v| with(json!({ "value": format!("{v}\u{85}{v}") }))),
    ("another field too", APPLY, |v| with(json!({ "value": v, "environment": "A B" }))),
    ("immutable", MERGE, |v| json!({ "spec": { "value": v, "envVar": "OTHER" } })),
    ("patch of a patch", JSON, |v| json!([{ "op": "replace", "path": "/spec/value", "value": v }])),
    ("a wrong patch", JSON, |v| json!([{ "op": "test", "path": "/spec/value", "value": v }])),
    ("status", STATUS, |v| json!({ "spec": { "value": v }, "status": { "version": 9 } })),
    ("no rights", &["apply", "--as=nobody", "-f", "-"], |v| secret("STORED", v)),
    ("another version", APPLY, |v| {
        let mut object = secret("STORED", v);
        object["apiVersion"] = json!("secrets.kliv.dev/v9");
        object
    }),
    ("another object", &["replace", "-f", "-"], |v| {
        let mut object = secret("STORED", v);
        object["metadata"]["resourceVersion"] = json!("1");
        object
    }),
];
const STATUS: &[&str] =
    &["patch", "ksec", "stored", "--subresource=status", "--type=merge", "--patch-file=/dev/stdin"];

fn with(spec: Value) -> Value {
    let mut object = secret("STORED", "x");
    json_patch::merge(&mut object["spec"], &spec);
    object
}

#[tokio::test]
async fn in_no_outage_anything_is_stored_in_the_clear_or_unstamped_and_no_value_is_shown() {
    let options = Options { keep_revisions: true, plain_secrets: true, ..Options::default() };
    let mut operator = Operator::start(options, &[]).await;
    let mut trial = Trial::default();
    let namespace = {
        let account = Account::new(&operator, "outage").await;
        account.put(&secret("STORED", &trial.value("stored"))).await;
        odd(&account, &mut trial, Outage::None);
        account.caught_up().await;
        for (outage, _) in OUTAGES {
            account.put(&secret(&format!("LEAVES_{outage:?}"), "some value")).await;
        }
        account.namespace
    };
    let mut leaving = Vec::new();
    for _ in OUTAGES {
        let account = Account::new(&operator, "leaves").await;
        account.put(&secret("API_TOKEN", "some value")).await;
        leaving.push(account.namespace);
    }
    operator.stop();

    let door = operator.door();
    for (outage, log) in OUTAGES {
        let account = Account::at(&operator, namespace.clone());
        let fake = begin(outage, &account, door).await;
        in_force(&account, log).await;
        let leaves = Account::at(&operator, leaving.pop().expect("one for each"));
        let rest = async {
            everything_else_works(&account, outage).await;
            leaves.closes().await;
        };
        let writes = writes(&account, &mut trial, outage);
        tokio::join!(rest, writes);
        if outage == Outage::Stopped {
            odd(&account, &mut trial, outage);
        }
        if let Some(fake) = fake {
            fake.shutdown();
        }
    }

    let published = format!("/registry/secrets/{namespace}/kliv-env-");
    let search = Search::of(&trial.values);
    for stored in operator.cluster.etcd_history() {
        let found = search.find(&stored.value).filter(|_| !stored.key.starts_with(&published));
        assert_eq!(found, None, "in etcd: {} at revision {}", stored.key, stored.revision);
    }
    for path in files(operator.cluster.kubeconfig()) {
        let text = std::fs::read(&path).expect("a file");
        assert_eq!(search.find(&text), None, "in {}", path.display());
    }
}

/// What was tried.
#[derive(Default)]
struct Trial {
    values: Vec<String>,
}

impl Trial {
    fn value(&mut self, of: &str) -> String {
        let value = canary(of);
        self.values.push(value.clone());
        value
    }
}

/// Every way of writing, several at a time: in some outages each takes a second.
async fn writes(account: &Account<'_>, trial: &mut Trial, outage: Outage) {
    let generation = account.api::<KlivSecret>().get("stored").await.expect("is there").metadata;
    let (kubeconfig, bin) = (account.cluster.kubeconfig(), account.cluster.bin());
    let mut running = JoinSet::new();
    for (way, args, fate, object) in CASES {
        let value = trial.value(&format!("{outage:?}: {way}"));
        let object = object(&value).to_string();
        let mut kubectl = std::process::Command::new(bin.join("kubectl"));
        kubectl.env("KUBECONFIG", kubeconfig).args(*args).args(["-n", &account.namespace]);
        kubectl.arg("--cache-dir").arg(bin.join("../scratch/kubectl-cache"));
        running.spawn_blocking(move || (way, fate, value, run(kubectl, &object)));
    }
    let value = trial.value(&format!("{outage:?}: edit"));
    let edit = edit(account, &value);
    // What is wrong stands in the file that kubectl keeps: `edit` is not for values.
    running.spawn_blocking(move || (&"edit", &RefusedByKubernetes, value, run(edit, "")));
    while let Some(done) = running.join_next().await {
        let (way, fate, value, outcome) = done.expect("ran");
        let said = no_value_is_shown(&format!("{outage:?}: {way}"), &value, &outcome);
        match fate {
            RefusedByKubernetes => assert!(!outcome.ok, "{outage:?}: {way}: {said}"),
            Refused(words) => {
                assert!(!outcome.ok && said.contains(words), "{outage:?}: {way}: {said}");
            }
        }
    }
    let after = account.api::<KlivSecret>().get("stored").await.expect("is there").metadata;
    assert_eq!(after.generation, generation.generation, "{outage:?}: its spec is what it was");
    assert_eq!(after.annotations, generation.annotations, "{outage:?}: and its annotations");
}

fn odd(account: &Account<'_>, trial: &mut Trial, outage: Outage) {
    for (way, args, object) in ODD {
        let value = trial.value(&format!("{outage:?}: {way}"));
        let outcome = account.kubectl(args, &object(&value));
        no_value_is_shown(&format!("{outage:?}: {way}"), &value, &outcome);
    }
    // Numbers and truth values are no text; the digits are what would be shown.
    for args in [APPLY, SERVER_SIDE, &["replace", "-f", "-"]] {
        for number in [json!(48_293_017_745_820_i64), json!(48_293.017_745_820_61)] {
            let outcome = account.kubectl(args, &with(json!({ "value": number })));
            let said = outcome.failure();
            assert!(!said.contains("48293"), "{outage:?}: {args:?}: {said}");
        }
    }
}

#[track_caller]
fn no_value_is_shown(way: &str, value: &str, outcome: &Outcome) -> String {
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    let found = Search::of(&[value.to_owned()]).find(said.as_bytes());
    assert_eq!(found, None, "{way}:\n{said}");
    said
}

/// `kubectl edit` with an editor that puts a value in, once.
fn edit(account: &Account<'_>, value: &str) -> std::process::Command {
    let folder = account.cluster.bin().join("../scratch/edit");
    std::fs::create_dir_all(&folder).expect("a folder");
    let line = folder.join("line");
    std::fs::write(&line, format!("  value: {}\n", json!(value))).expect("a file");
    let editor = folder.join("editor");
    let script =
        "#!/bin/sh\ngrep -q '^  value:' \"$1\" || sed -i \"/^spec:/r ${0%editor}line\" \"$1\"\n";
    std::fs::write(&editor, script).expect("a file");
    let mut command = account.cluster.command("kubectl");
    command.args(["edit", "ksec", "stored", "-n", &account.namespace]);
    command.env("KUBE_EDITOR", format!("sh {}", editor.display())).env("TMPDIR", folder);
    command
}

/// All that the webhook has nothing to do with.
async fn everything_else_works(account: &Account<'_>, outage: Outage) {
    let word = format!("{outage:?}").to_lowercase();
    let post = PostParams::default();
    let made = account.create(&function(&word)).await;
    assert!(!env_of(&made).is_empty(), "{outage:?}: the policy injects");
    let status = Patch::Merge(json!({ "status": { "observedGeneration": 0 } }));
    let functions: Api<Deployment> = account.api();
    let patch = PatchParams::default();
    functions.patch_status(&word, &patch, &status).await.expect("a status is written");
    functions.delete(&word, &DeleteParams::default()).await.expect("a function is deleted");
    let map = parse(json!({ "metadata": { "name": word }, "data": { "value": "x" } }));
    account.api::<ConfigMap>().create(&post, &map).await.expect("a ConfigMap");
    let lease = parse(json!({ "metadata": { "name": word }, "spec": {} }));
    account.api::<Lease>().create(&post, &lease).await.expect("a Lease");
    let container = json!([{ "name": "main", "image": "example.org/none" }]);
    let pod = parse(json!({ "metadata": { "name": word }, "spec": { "containers": container } }));
    account.api::<Pod>().create(&post, &pod).await.expect("a pod");

    // Of KlivSecrets: labels, the controller's status, and their end.
    let name = format!("leaves-{word}");
    let as_controller = account.cluster.as_user(CONTROLLER, &["system:masters"]);
    let secrets: Api<KlivSecret> = Api::namespaced(as_controller, &account.namespace);
    let status = Patch::Merge(json!({ "status": { "version": 7 } }));
    secrets.patch_status(&name, &patch, &status).await.expect("the status of a KlivSecret");
    account.kubectl(&["label", "ksec", &name, "team=a"], &json!(null)).success();
    account.delete(&format!("ksec/{name}"));
}

/// Brings the outage about.
async fn begin(
    outage: Outage,
    account: &Account<'_>,
    door: SocketAddr,
) -> Option<Handle<SocketAddr>> {
    let configurations: Api<MutatingWebhookConfiguration> = Api::all(account.client.clone());
    if outage == Outage::NoConfiguration {
        let params = DeleteParams::default();
        configurations.delete(WEBHOOK_CONFIGURATION, &params).await.expect("is deleted");
        return None;
    }
    let ca = ca("the CA that the API server knows");
    let bundle = STANDARD.encode(ca.pem());
    let change = Patch::Json::<()>(
        serde_json::from_value(json!([
            { "op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle },
            { "op": "add", "path": "/webhooks/1/clientConfig/caBundle", "value": bundle },
            { "op": "add", "path": "/webhooks/0/timeoutSeconds", "value": 1 },
            { "op": "add", "path": "/webhooks/1/timeoutSeconds", "value": 1 },
        ]))
        .expect("a patch"),
    );
    let params = PatchParams::default();
    configurations.patch(WEBHOOK_CONFIGURATION, &params, &change).await.expect("is changed");
    match outage {
        Outage::None | Outage::Stopped | Outage::NoConfiguration => None,
        Outage::Slow => Some(serve(door, &ca, 2099, None).await),
        Outage::OtherCa => Some(serve(door, &self::ca("another CA"), 2099, None).await),
        Outage::Expired => Some(serve(door, &ca, 2001, None).await),
        Outage::Garbage => Some(serve(door, &ca, 2099, Some(StatusCode::OK)).await),
        Outage::Error => {
            Some(serve(door, &ca, 2099, Some(StatusCode::INTERNAL_SERVER_ERROR)).await)
        }
    }
}

/// Waits until the API server fails at the webhook in just this way.
async fn in_force(account: &Account<'_>, words: &str) {
    let logs = || -> String {
        let read =
            |path| String::from_utf8_lossy(&std::fs::read(path).expect("a log")).into_owned();
        files(account.cluster.kubeconfig()).into_iter().map(read).collect()
    };
    let secrets: Api<KlivSecret> = account.api();
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    // A question: it is sealed by nobody, and refused when nobody stamps it.
    let probe = parse(secret_with(json!({ "envVar": "PROBE", "request": { "purpose": "x" } })));
    eventually(&format!("the webhook is out: {words}"), async || {
        let refused = secrets.create(&dry_run, &probe).await.is_err();
        let told = words.is_empty() || logs().contains(words);
        (refused && told).then_some(())
    })
    .await;
}

fn ca(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA")
}

/// A front door that gives one answer, or none, to everybody.
async fn serve(
    door: SocketAddr,
    ca: &CertifiedIssuer<'static, KeyPair>,
    until: i32,
    answer: Option<StatusCode>,
) -> Handle<SocketAddr> {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.signed_by(&key, ca).expect("a certificate");
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .expect("a certificate and its key");
    let routes = Router::new().fallback(move || async move {
        match answer {
            Some(status) => (status, "{\"nonsense\": true}").into_response(),
            None => std::future::pending().await,
        }
    });
    let handle = Handle::new();
    let server = bind_rustls(door, RustlsConfig::from_config(Arc::new(config)));
    tokio::spawn(server.handle(handle.clone()).serve(routes.into_make_service()));
    tokio::time::timeout(Duration::from_secs(60), handle.listening()).await.expect("listens");
    handle
}
