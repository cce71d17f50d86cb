//! Both processes of the operator beside a control plane without nodes.
//!
//! ```text
//!  the chart, without its Deployments ─► cluster: CRDs, rights, policies
//!  controller  its ServiceAccount's token; rights and confinement are in force
//!  webhook     files, written from Secret and ConfigMap as a kubelet would
//!  API server ─► https://localhost:PORT/mutate
//! ```

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::jiff::SignedDuration;
use kliv_secrets::api::names::{SEALING_KEY_CONFIGMAP, WEBHOOK_TLS_SECRET};
use kube::api::Api;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::account::{Account, env_of, function, secret};
use crate::chart::{self, NAMESPACE};
use crate::harness::{Cluster, Options, eventually};

/// How long a superseded set stays at least with the operators that tests share.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_secs(3);
/// Who the controller is.
pub(crate) const CONTROLLER: &str =
    "system:serviceaccount:kliv-secrets-system:kliv-secrets-controller";

/// A cluster with the operator at work.
pub(crate) struct Operator {
    // Before the cluster: fields end in this order.
    controller: Option<Process>,
    webhook: Option<Process>,
    pub(crate) cluster: Cluster,
    folder: PathBuf,
    controller_flags: Vec<String>,
    /// The webhook's, then where controller and webhook tell of themselves.
    addresses: [SocketAddr; 3],
}

impl Operator {
    /// The one that tests share that restart nothing. Lost sets come back within 3 s.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<Operator> = OnceCell::const_new();
        SHARED
            .get_or_init(async || {
                let kept = format!("--keep-superseded={KEPT}");
                let flags = [kept.as_str(), "--republish-interval=3s"];
                Self::start(Options::default(), &flags).await
            })
            .await
    }

    /// One that one test at a time uses, and may stop and restart.
    pub(crate) async fn exclusive() -> MutexGuard<'static, Self> {
        static EXCLUSIVE: OnceCell<Mutex<Operator>> = OnceCell::const_new();
        let start = async || {
            let kept = format!("--keep-superseded={KEPT}");
            Mutex::new(Self::start(Options::default(), &[&kept]).await)
        };
        let mut operator = EXCLUSIVE.get_or_init(start).await.lock().await;
        // The test before may have left it otherwise.
        operator.start_processes().await;
        operator
    }

    /// Starts a cluster and the operator beside it, and waits until it works.
    pub(crate) async fn start(options: Options, controller_flags: &[&str]) -> Self {
        Self::start_on(chart::NEWER, options, controller_flags).await
    }

    /// The same, as on a Kubernetes of this kind.
    pub(crate) async fn start_on(
        kubernetes: &[&str],
        options: Options,
        controller_flags: &[&str],
    ) -> Self {
        let cluster = Cluster::start(options);
        let folder = cluster.kubeconfig().with_file_name("operator");
        fs::create_dir(&folder).expect("a folder");
        let mut operator = Self {
            controller: None,
            webhook: None,
            cluster,
            folder,
            controller_flags: controller_flags.iter().map(|&flag| flag.to_owned()).collect(),
            addresses: [(); 3].map(|()| free_address()),
        };
        operator.install(kubernetes);
        operator.start_processes().await;
        operator.works(kubernetes == chart::NEWER).await;
        operator
    }

    /// Ends both processes and starts them again, the controller with further flags.
    pub(crate) async fn restart(&mut self, more_flags: &[&str]) {
        self.stop();
        self.controller_flags.extend(more_flags.iter().map(|&flag| flag.to_owned()));
        self.start_processes().await;
    }

    /// Ends both processes.
    pub(crate) fn stop(&mut self) {
        self.stop_webhook();
        self.stop_controller();
    }

    /// Ends the controller alone.
    pub(crate) fn stop_controller(&mut self) {
        drop(self.controller.take());
    }

    /// Ends the controller as if its node had lost power.
    pub(crate) fn kill_controller(&mut self) {
        self.controller.take().expect("a controller").kill();
    }

    /// Ends the webhook alone.
    pub(crate) fn stop_webhook(&mut self) {
        drop(self.webhook.take());
    }

    /// Starts what does not run, and waits until it is ready.
    pub(crate) async fn start_processes(&mut self) {
        let [door, controller, webhook] = self.addresses;
        if self.controller.is_none() {
            let mut command = self.command("controller", controller);
            command
                .env("KUBECONFIG", self.kubeconfig_of("kliv-secrets-controller"))
                .args(["--namespace", NAMESPACE, "--webhook-service=localhost"])
                .args(&self.controller_flags);
            self.controller = Some(Process::start(command, &self.log("controller")));
        }
        self.ready("controller", controller).await;
        self.write_files().await;
        if self.webhook.is_none() {
            let mut command = self.command("webhook", webhook);
            command
                .env_remove("KUBECONFIG")
                .args(["--bind", &door.to_string()])
                .arg("--tls-dir")
                .arg(self.folder.join("tls"))
                .arg("--sealing-key-dir")
                .arg(self.folder.join("sealing-key"));
            self.webhook = Some(Process::start(command, &self.log("webhook")));
        }
        self.ready("webhook", webhook).await;
    }

    /// Where the webhook listens.
    pub(crate) fn door(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// A file that the processes can read.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, content).expect("a file");
        path
    }

    /// What both processes have logged so far, at the finest level.
    pub(crate) fn logs(&self) -> String {
        ["controller", "webhook"]
            .map(|process| fs::read_to_string(self.log(process)).expect("a log"))
            .concat()
    }

    /// The metrics pages of both processes.
    pub(crate) fn metrics(&self) -> String {
        let [_, controller, webhook] = self.addresses;
        [controller, webhook].map(|of| get(of, "/metrics").expect("metrics")).concat()
    }

    /// How often the controller has gone through an account and found nothing left to do.
    pub(crate) fn reconciles(&self) -> u64 {
        let page = get(self.addresses[1], "/metrics").expect("metrics");
        let line = "kliv_secrets_reconciles_total{result=\"ok\"} ";
        page.lines().find_map(|l| l.strip_prefix(line)).map_or(0, |n| n.parse().expect("a number"))
    }

    /// The chart, except for what only a node could run.
    fn install(&self, kubernetes: &[&str]) {
        let cluster = &self.cluster;
        let mut objects = chart::render_with(cluster, kubernetes);
        objects.retain(|object| {
            let kind = object["kind"].as_str().expect("a kind");
            !["CustomResourceDefinition", "Deployment", "PodDisruptionBudget"].contains(&kind)
        });
        for object in &mut objects {
            if object["kind"] == "MutatingWebhookConfiguration" {
                let url = format!("https://localhost:{}/mutate", self.addresses[0].port());
                object["webhooks"][0]["clientConfig"] = json!({ "url": url });
            }
        }
        chart::install_crds(cluster);
        cluster.kubectl(&["create", "namespace", NAMESPACE]).success();
        chart::apply(cluster, &objects);
    }

    async fn ready(&self, process: &str, http: SocketAddr) {
        eventually(&format!("the {process} is ready"), async || {
            let log = fs::read_to_string(self.log(process)).expect("a log");
            let last = log.lines().last().unwrap_or_default();
            assert!(!last.starts_with("kliv-secrets: "), "the {process} has ended: {last}");
            get(http, "/readyz")
        })
        .await;
    }

    fn command(&self, process: &str, http: SocketAddr) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kliv-secrets"));
        command.args([process, "--log-level=trace", "--http-bind", &http.to_string()]);
        command
    }

    fn log(&self, process: &str) -> PathBuf {
        self.folder.join(format!("{process}.log"))
    }

    /// A kubeconfig of one of the chart's ServiceAccounts.
    pub(crate) fn kubeconfig_of(&self, account: &str) -> PathBuf {
        let token = ["create", "token", account, "-n", NAMESPACE];
        let token = self.cluster.kubectl(&token).success();
        let config = ["config", "view", "--raw", "--minify", "-o", "json"];
        let config = self.cluster.kubectl(&config).success();
        let mut config: Value = serde_json::from_str(&config).expect("JSON");
        config["users"][0]["user"] = json!({ "token": token.trim() });
        let path = self.folder.join(format!("{account}.kubeconfig"));
        fs::write(&path, config.to_string()).expect("a file");
        path
    }

    /// Writes what a kubelet would mount into the webhook's pod.
    async fn write_files(&self) {
        let secrets: Api<Secret> = Api::namespaced(self.cluster.client(), NAMESPACE);
        let tls = secrets.get(WEBHOOK_TLS_SECRET).await.expect("the certificate").data;
        let tls = tls.expect("a certificate");
        let mounted = ["tls.crt", "tls.key"].map(|key| (key.to_owned(), tls[key].0.clone()));
        write(&self.folder.join("tls"), mounted);
        let maps: Api<ConfigMap> = Api::namespaced(self.cluster.client(), NAMESPACE);
        let map = maps.get(SEALING_KEY_CONFIGMAP).await.expect("the sealing key");
        let entries = map.data.expect("entries").into_iter();
        write(&self.folder.join("sealing-key"), entries.map(|(k, v)| (k, v.into_bytes())));
    }

    /// Waits until the API server seals and injects: it takes up certificates and
    /// policies a moment after they are written.
    async fn works(&self, by_policy: bool) {
        let account = Account::new(self, "warm-up").await;
        let manifest = secret("READY", "steady-go").to_string();
        let apply = ["apply", "-n", &account.namespace, "-f", "-"];
        eventually("the API server asks the webhook", async || {
            self.cluster.kubectl_reading(&manifest, &apply).ok.then_some(())
        })
        .await;
        account.published("ready").await;
        if !by_policy {
            return;
        }
        eventually("the API server injects", async || {
            let answer = account.dry_run(&function("probe")).await;
            (!env_of(&answer).is_empty()).then_some(())
        })
        .await;
    }
}

/// A process that ends with the value, and with the test's process whatever becomes of
/// that: a shell beside it waits for a signal's name, or the end, on its standard input.
struct Process(Child);

impl Process {
    fn start(command: Command, log: &Path) -> Self {
        const SCRIPT: &str =
            "\"$@\" </dev/null & read -r signal; kill -s ${signal:-TERM} $!; wait $!";
        let log = File::options().create(true).append(true).open(log).expect("a log file");
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "sh"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let both = log.try_clone().expect("a log file");
        let child = shell.stdin(Stdio::piped()).stdout(both).stderr(log).spawn();
        Self(child.expect("starts"))
    }

    fn kill(mut self) {
        let stdin = self.0.stdin.as_mut().expect("a pipe");
        stdin.write_all(b"KILL\n").expect("is told");
        assert!(!self.0.wait().expect("ends").success());
        std::mem::forget(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let ended = self.0.wait().expect("ends");
        if !std::thread::panicking() {
            assert!(ended.success(), "a process of the operator did not end well: {ended}");
        }
    }
}

/// One that nobody listens on: none of those that the system hands out for connections,
/// since it could be in use by the time it is needed.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 997).expect("is small") * 20;
    let candidates = std::iter::repeat_with(|| 10_000 + start + NEXT.fetch_add(1, Relaxed));
    let mut addresses = candidates.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("a free port")
}

/// The answer's body, where it is 200.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

fn write(folder: &Path, files: impl IntoIterator<Item = (String, Vec<u8>)>) {
    fs::create_dir_all(folder).expect("a folder");
    for (name, content) in files {
        fs::write(folder.join(name), content).expect("a file");
    }
}
