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

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use kliv_secrets::runtime::clock;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// How long a journey may take.
const LIMIT: Duration = Duration::from_secs(240);

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
    let mut journey = Script::start(&["run.mjs", name], input);
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
    /// Starts one that knows a client, which may be sent to `redirect`, and users:
    /// `[{ name, password, groups }]`.
    pub async fn start(client: &str, redirect: &str, users: &Value) -> Self {
        let tls = Tls::new();
        let input = json!({
            "tls": tls.to_json(), "users": users, "client": { "id": client, "redirect": redirect },
        });
        let mut script = Script::start(&["provider.mjs"], &input);
        let line = tokio::time::timeout(Duration::from_secs(30), script.lines.recv()).await;
        let line = line.expect("a provider in time").expect("a provider");
        let issuer = line["issuer"].as_str().expect("an issuer").to_owned();
        Self { issuer, tls, _script: script }
    }
}

impl Tls {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned()];
        let params = CertificateParams::new(names).expect("parameters");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self { certificate, key: key.serialize_pem() }
    }

    /// As journeys take it.
    pub fn to_json(&self) -> Value {
        json!({ "cert": self.certificate, "key": self.key })
    }
}

/// A script of `tests/browser`, which ends when its standard input does: so also when this
/// process is killed.
struct Script {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: UnboundedReceiver<Value>,
}

impl Script {
    fn start(args: &[&str], input: &Value) -> Self {
        let (packages, chromium) = setup();
        let folder = folder();
        let mut node = Command::new("node");
        node.arg(folder.join(args[0])).args(&args[1..]).current_dir(folder);
        node.env("KLIV_BROWSER_PACKAGES", packages).env("CHROMIUM", chromium);
        // A server that the browser must not reach past the recorder.
        for variable in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NODE_OPTIONS"] {
            node.env_remove(variable);
        }
        node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = node.spawn().expect("Node 20 or newer");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (send, lines) = unbounded_channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let line =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let mut script = Self { child, stdin, lines };
        script.says(input);
        script
    }

    fn says(&mut self, what: &Value) {
        let stdin = self.stdin.as_mut().expect("a pipe");
        stdin.write_all(format!("{what}\n").as_bytes()).expect("a script that listens");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let end = clock::monotonic() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && clock::monotonic() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        // One that does not listen; what it started ends with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
