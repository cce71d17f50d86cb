//! The web server of the checkout, as its users meet it: in the cluster, where people sign
//! in, and on one's own machine.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::browser::{Provider, Tls};
use super::issuer::AUDIENCE;
use super::process::{Process, free_address};
use super::wait::eventually;

/// A web server; it ends with the value.
pub struct Web {
    /// Where people reach it.
    pub origin: String,
    tls: Option<Tls>,
    process: Process,
    log: PathBuf,
}

/// Where a web server in the cluster will be: decided before it is, since others are told.
pub struct Address {
    bind: SocketAddr,
    /// Where people will reach it.
    pub origin: String,
}

impl Address {
    /// One that nothing else has.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        let bind = free_address();
        Self { bind, origin: format!("https://localhost:{}", bind.port()) }
    }

    /// The same, on another site than `localhost`: what browsers keep from other sites, they
    /// keep from it where a provider leads there.
    pub fn apart() -> Self {
        let bind = free_address();
        Self { bind, origin: format!("https://{bind}") }
    }

    /// Where the identity provider sends people back to.
    pub fn redirect(&self) -> String {
        format!("{}/sign-in/callback", self.origin)
    }
}

impl Web {
    /// `kliv-secrets web` as its ServiceAccount, whose kubeconfig is given; what it needs to
    /// keep goes into the folder.
    pub async fn in_cluster(
        address: &Address,
        kubeconfig: &Path,
        provider: Option<&Provider>,
        folder: &Path,
    ) -> Self {
        let tls = Tls::new();
        let files = folder.join(format!("web-{}", address.bind.port()));
        fs::create_dir_all(&files).expect("a folder");
        let file = |name: &str, text: &str| {
            let path = files.join(name);
            fs::write(&path, text).expect("a file");
            path
        };
        file("tls.crt", &tls.certificate);
        file("tls.key", &tls.key);
        let http = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kliv-secrets"));
        command.args(["web", "--log-level=trace", "--http-bind", &http.to_string()]);
        command.args(["--bind", &address.bind.to_string(), "--public-url", &address.origin]);
        command.arg("--tls-dir").arg(&files).env("KUBECONFIG", kubeconfig);
        if let Some(provider) = provider {
            command.args(["--oidc-issuer", &provider.issuer, "--oidc-client-id", AUDIENCE]);
            let ca = file("oidc-ca.crt", &provider.tls.certificate);
            command.arg("--oidc-ca-file").arg(ca);
        }
        let log = files.join("log");
        let process = Process::start(command, &log);
        let web = Self { origin: address.origin.clone(), tls: Some(tls), process, log };
        eventually("the web server listens", async || {
            web.has_not_ended();
            std::net::TcpStream::connect(address.bind).ok()
        })
        .await;
        web
    }

    /// `kubectl kliv ui` of whom a kubeconfig names, and the link that signs in, once.
    pub async fn local(kubeconfig: &Path, args: &[&str], folder: &Path) -> (Self, String) {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-kliv"));
        command.args(["ui", "--no-browser", "-vvv"]).args(args).env("KUBECONFIG", kubeconfig);
        let log = folder.join(format!("ui-{number}.log"));
        let process = Process::start(command, &log);
        let mut web = Self { origin: String::new(), tls: None, process, log };
        let link = eventually("the page says where it is", async || {
            web.has_not_ended();
            let said = web.said();
            let link =
                said.split_ascii_whitespace().find(|word| word.contains("/sign-in/link?"))?;
            Some(link.to_owned())
        })
        .await;
        web.origin = link.split("/sign-in/").next().expect("an origin").to_owned();
        (web, link)
    }

    /// Where a browser may go, as journeys take it.
    pub fn server(&self) -> Value {
        match &self.tls {
            None => json!({ "origin": self.origin }),
            Some(tls) => json!({ "origin": self.origin, "cert": tls.certificate, "key": tls.key }),
        }
    }

    /// What it has said so far, at the finest level.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    /// Which of these texts are in its memory at the moment, by their place.
    pub fn remembers(&self, texts: &[String]) -> Vec<usize> {
        let search = aho_corasick::AhoCorasick::new(texts).expect("texts");
        let memory = self.process.memory();
        let found = memory.iter().flat_map(|part| search.find_iter(part));
        found.map(|found| found.pattern().as_usize()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Ends it.
    pub fn stop(self) {
        drop(self.process);
    }

    fn has_not_ended(&self) {
        let said = self.said();
        let last = said.lines().last().unwrap_or_default();
        assert!(!last.starts_with("kliv-secrets: ") && !last.starts_with("error: "), "{said}");
    }
}

impl Provider {
    /// Where a browser may go, as journeys take it.
    pub fn server(&self) -> Value {
        json!({ "origin": self.issuer, "cert": self.tls.certificate, "key": self.tls.key })
    }
}
