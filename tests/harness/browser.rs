//! Journeys in a real browser, and the identity provider that they meet: `tests/browser`,
//! run by Node.
//!
//! ```text
//!  journey("name", input, answer) ─► node run.mjs name ─► Chromium ─► recorder ─► server
//!        ▲ {"ask": …} │ one line of JSON an answer
//!        └────────────┘
//! ```
//!
//! What they need is installed once a machine, by `tests/browser/setup.sh`.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use kliv_secrets::runtime::clock;
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::{Value, json};

use super::script::Script;

/// How long a journey may take.
const LIMIT: Duration = Duration::from_secs(900);

/// A certificate for `localhost`, made out by itself: PEM.
pub struct Tls {
    /// What to trust, and to show.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// A journey's end.
#[derive(Debug)]
pub struct Told {
    /// What the journey comes to.
    pub result: Value,
    /// How many requests were recorded.
    pub requests: u64,
}

/// Runs a journey to its end, and gives what it comes to; fails with what it found.
#[track_caller]
pub fn journey(name: &str, input: &Value) -> impl Future<Output = Told> {
    journey_asking(name, input, async |what| panic!("nothing answers {what}"))
}

/// The same, with answers to what the journey asks on its way.
pub async fn journey_asking(
    name: &str,
    input: &Value,
    mut answer: impl AsyncFnMut(Value) -> Value,
) -> Told {
    let mut journey = start(&["run.mjs", name], input);
    let end = clock::monotonic() + LIMIT;
    let mut told = loop {
        let line = tokio::time::timeout(end - clock::monotonic(), journey.lines.recv()).await;
        let line = line.unwrap_or_else(|_| panic!("{name} takes more than {LIMIT:?}"));
        let mut line = line.unwrap_or_else(|| panic!("{name} ended without a result"));
        match line.get_mut("ask").map(Value::take) {
            Some(what) => journey.says(&answer(what).await),
            None => break line,
        }
    };
    let problems = told["problems"].as_array().expect("problems");
    let problems: Vec<_> = problems.iter().filter_map(Value::as_str).collect();
    assert!(problems.is_empty(), "the journey {name} found:\n  {}", problems.join("\n  "));
    Told { result: told["result"].take(), requests: told["requests"].as_u64().unwrap_or_default() }
}

/// An OpenID provider; it ends with the value.
pub struct Provider {
    /// Its name at the API server and the web server.
    pub issuer: String,
    /// By what it is trusted.
    pub tls: Tls,
    _script: Script,
}

impl Provider {
    /// Starts one that knows a client, to which people may be sent back at these addresses,
    /// and users: `[{ name, password, groups }]`.
    pub async fn start(client: &str, redirects: &[String], users: &Value) -> Self {
        let client = json!({ "id": client, "redirects": redirects });
        Self::of(json!({ "clients": [client], "users": users })).await
    }

    /// One that knows a client with a secret, which asks for tokens of its own.
    pub async fn of_robot(client: &str, secret: &str) -> Self {
        Self::of(json!({ "clients": [robot(client, secret)], "users": [] })).await
    }

    /// A company's, which agents' clients may send people to, and which gives refresh tokens:
    /// where it `registers` clients, all that come, else the one that it knows. Beside them a
    /// robot, as above.
    pub async fn of_agents(client: (&str, &str), registers: bool, users: &Value) -> Self {
        let client = json!({ "id": client.0, "redirects": [client.1] });
        let clients = json!([client, robot("robot", "its secret")]);
        Self::of(json!({
            "clients": clients, "users": users, "agents": { "registers": registers },
        }))
        .await
    }

    async fn of(mut input: Value) -> Self {
        let tls = Tls::new();
        input["tls"] = tls.to_json();
        let mut script = start(&["provider.mjs"], &input);
        let line = tokio::time::timeout(LIMIT, script.lines.recv()).await;
        let line = line.expect("a provider in time").expect("a provider");
        let issuer = line["issuer"].as_str().expect("an issuer").to_owned();
        Self { issuer, tls, _script: script }
    }
}

fn robot(id: &str, secret: &str) -> Value {
    json!({ "id": id, "secret": secret, "redirects": ["https://localhost/none"] })
}

impl Tls {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let key = KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned()];
        let mut params = CertificateParams::new(names).expect("parameters");
        // Who trusts several finds each by its name.
        let name = format!("localhost, the {}.", COUNT.fetch_add(1, Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self { certificate, key: key.serialize_pem() }
    }

    /// As journeys take it.
    pub fn to_json(&self) -> Value {
        json!({ "cert": self.certificate, "key": self.key })
    }
}

fn start(args: &[&str], input: &Value) -> Script {
    let (packages, chromium) = setup();
    let folder = folder();
    let mut node = Command::new("node");
    node.arg(folder.join(args[0])).args(&args[1..]).current_dir(folder);
    node.env("KLIV_BROWSER_PACKAGES", packages).env("CHROMIUM", chromium);
    let mut script = Script::start(node);
    script.says(input);
    script
}

/// The folder of the packages, and the browser.
fn setup() -> &'static (PathBuf, PathBuf) {
    static SETUP: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    SETUP.get_or_init(|| {
        let mut setup = Command::new(folder().join("setup.sh"));
        let output = setup.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("runs");
        assert!(output.status.success(), "no browser for tests; its setup says why above");
        let said = String::from_utf8(output.stdout).expect("text");
        let mut lines = said.lines().map(PathBuf::from);
        (lines.next().expect("packages"), lines.next().expect("a browser"))
    })
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}
