//! Both processes of the operator beside a control plane without nodes.
//!
//! ```text
//!  the chart, without its Deployments ─► cluster: CRDs, rights, policies
//!  controller  its ServiceAccount's token; rights and confinement are in force
//!  webhook     files, written from Secret and ConfigMap as a kubelet would
//!  API server ─► https://localhost:PORT/mutate, and /gone
//! ```

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::jiff::SignedDuration;
use kliv_secrets::api::names::SEALING_KEY_CONFIGMAP;
use kube::api::Api;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::account::{Account, secret};
use crate::chart::{self, NAMESPACE};
use crate::harness::{self, Cluster, Options, Proxy, eventually};
pub(crate) use crate::harness::{Process, free_address};

/// How long a superseded set stays at least with the operators that tests share.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_secs(3);
/// Who leads alone and is not restarted loses the lease to no pause of a busy machine.
pub(crate) const SHARED_LEASE: &str = "--lease-seconds=60";
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
    /// Where the controller finds the API server, if not where everybody does.
    controller_server: Option<String>,
    /// The webhook's, then where controller and webhook tell of themselves.
    addresses: [SocketAddr; 3],
    /// The Secret that the webhook's pods mount.
    certificate: String,
}

impl Operator {
    /// The one that tests share that restart nothing. Lost sets come back within 3 s.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<Operator> = OnceCell::const_new();
        SHARED
            .get_or_init(async || {
                let kept = format!("--keep-superseded={KEPT}");
                let flags = [kept.as_str(), SHARED_LEASE];
                Self::start(Options::default(), &flags).await
            })
            .await
    }

    /// One that tests share which bring many changes at once and count what comes of them: it
    /// gathers for longer than by default, since on a busy machine the changes take their time.
    pub(crate) async fn gathering() -> &'static Self {
        static GATHERING: OnceCell<Operator> = OnceCell::const_new();
        let flags = ["--quiet-period=4s", "--max-wait=5m", SHARED_LEASE];
        GATHERING.get_or_init(async || Self::start(Options::default(), &flags).await).await
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
        Self::start_in(Cluster::start(options), controller_flags, kubernetes).await
    }

    /// The same in a cluster that is there, with arguments for Helm: what kind of
    /// Kubernetes, and values of the chart.
    pub(crate) async fn start_in(
        cluster: Cluster,
        controller_flags: &[&str],
        helm: &[&str],
    ) -> Self {
        let folder = cluster.kubeconfig().with_file_name("operator");
        fs::create_dir(&folder).expect("a folder");
        let mut operator = Self {
            controller: None,
            webhook: None,
            cluster,
            folder,
            controller_flags: controller_flags.iter().map(|&flag| flag.to_owned()).collect(),
            controller_server: None,
            addresses: [(); 3].map(|()| free_address()),
            certificate: String::new(),
        };
        operator.install(helm).await;
        operator.start_processes().await;
        operator.works(!helm.starts_with(chart::OLDER)).await;
        operator
    }

    /// Ends both processes and starts them again, the controller with further flags.
    pub(crate) async fn restart(&mut self, more_flags: &[&str]) {
        self.stop();
        self.controller_flags.extend(more_flags.iter().map(|&flag| flag.to_owned()));
        self.start_processes().await;
    }

    /// Ends the controller and starts it again, with further flags.
    pub(crate) async fn restart_controller(&mut self, more_flags: &[&str]) {
        self.stop_controller();
        self.controller_flags.extend(more_flags.iter().map(|&flag| flag.to_owned()));
        self.start_processes().await;
    }

    /// Ends the controller and starts it again, with another way to the API server.
    pub(crate) async fn restart_controller_through(&mut self, proxy: &Proxy) {
        self.controller_server = Some(proxy.url());
        self.restart_controller(&[]).await;
    }

    /// The flags that the controller is started with from now on.
    pub(crate) fn set_flags(&mut self, flags: &[&str]) {
        self.controller_flags = flags.iter().map(|&flag| flag.to_owned()).collect();
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
        self.start_controller();
        self.ready("controller", controller).await;
        self.write_files().await;
        if self.webhook.is_none() {
            let command = self.webhook_command(door, webhook, &self.folder);
            self.webhook = Some(Process::start(command, &self.log("webhook")));
        }
        self.ready("webhook", webhook).await;
    }

    /// Starts the controller where it does not run, ready or not.
    pub(crate) fn start_controller(&mut self) {
        if self.controller.is_none() {
            let kubeconfig = self.kubeconfig_of("kliv-secrets-controller");
            if let Some(server) = &self.controller_server {
                redirect(&kubeconfig, server);
            }
            let command = self.controller_command(self.addresses[1], &kubeconfig);
            self.controller = Some(Process::start(command, &self.log("controller")));
        }
    }

    /// The last word of a controller with further flags, which ends by itself.
    pub(crate) fn controller_fails(&self, more_flags: &[&str]) -> String {
        let kubeconfig = self.kubeconfig_of("kliv-secrets-controller");
        let mut command = self.controller_command(free_address(), &kubeconfig);
        command.args(more_flags);
        harness::run(command, "").failure()
    }

    /// What the controller waits for before it is ready; nothing when it is.
    pub(crate) fn controller_waits_for(&self) -> Option<String> {
        let (status, body) = ask(self.addresses[1], "/readyz")?;
        Some(if status == "200" { String::new() } else { body })
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

    /// What the controller has logged so far, in whole lines.
    pub(crate) fn controller_log(&self) -> String {
        whole_lines(&self.log("controller"))
    }

    /// What both processes have logged so far, at the finest level, in whole lines.
    pub(crate) fn logs(&self) -> String {
        ["controller", "webhook"].map(|process| whole_lines(&self.log(process))).concat()
    }

    /// The metrics pages of both processes.
    pub(crate) fn metrics(&self) -> String {
        let [_, controller, webhook] = self.addresses;
        [controller, webhook].map(|of| get(of, "/metrics").expect("metrics")).concat()
    }

    /// The metrics page of the webhook alone.
    pub(crate) fn webhook_metrics(&self) -> String {
        get(self.addresses[2], "/metrics").expect("metrics")
    }

    /// How often the controller has gone through an account and found nothing left to do.
    pub(crate) fn reconciles(&self) -> u64 {
        let page = get(self.addresses[1], "/metrics").expect("metrics");
        let line = "kliv_secrets_reconciles_total{result=\"ok\"} ";
        page.lines().find_map(|l| l.strip_prefix(line)).map_or(0, |n| n.parse().expect("a number"))
    }

    /// The chart, except for what only a node could run.
    async fn install(&mut self, helm: &[&str]) {
        let cluster = &self.cluster;
        let mut objects = chart::render_with(cluster, helm);
        let webhook = objects.iter().find(|object| {
            object["kind"] == "Deployment" && object["metadata"]["name"] == "kliv-secrets-webhook"
        });
        let volumes = &webhook.expect("the webhook")["spec"]["template"]["spec"]["volumes"];
        self.certificate = volumes[0]["secret"]["secretName"].as_str().expect("a name").to_owned();
        objects.retain(|object| {
            let kind = object["kind"].as_str().expect("a kind");
            !["CustomResourceDefinition", "Deployment", "PodDisruptionBudget"].contains(&kind)
        });
        for object in &mut objects {
            if object["kind"] == "MutatingWebhookConfiguration" {
                for webhook in object["webhooks"].as_array_mut().expect("webhooks") {
                    let path = webhook["clientConfig"]["service"]["path"].as_str().expect("a path");
                    let url = format!("https://localhost:{}{path}", self.addresses[0].port());
                    webhook["clientConfig"] = json!({ "url": url });
                    // On a machine with much other work no write goes on without an answer.
                    webhook["timeoutSeconds"] = json!(30);
                }
            }
            // Of cert-manager's: the name under which the API server calls it here.
            if let Some(Value::Array(names)) = object.pointer_mut("/spec/dnsNames") {
                names.push(json!("localhost"));
            }
        }
        chart::install_crds(cluster).await;
        cluster.kubectl(&["create", "namespace", NAMESPACE]).success();
        chart::apply(cluster, &objects);
    }

    /// One more replica of the webhook: where it listens, and what a kubelet fills.
    pub(crate) async fn webhook_beside(&self, name: &str) -> (Process, SocketAddr, PathBuf) {
        let [door, http] = [free_address(), free_address()];
        let folder = self.folder.join(name);
        fs::create_dir(&folder).expect("a folder");
        self.write_files_to(&folder).await;
        let command = self.webhook_command(door, http, &folder);
        let process = Process::start(command, &self.log(name));
        self.ready(name, http).await;
        (process, door, folder)
    }

    /// The same of the replica that is there from the start.
    pub(crate) fn webhook(&self) -> (SocketAddr, PathBuf) {
        (self.addresses[0], self.folder.clone())
    }

    /// One more replica of the controller, which calls itself `name`, and its kubeconfig.
    /// Whether it is ready depends on the others.
    pub(crate) fn controller_beside(&self, name: &str) -> (Process, SocketAddr, PathBuf) {
        let http = free_address();
        let kubeconfig = self.kubeconfig_of("kliv-secrets-controller");
        let mut command = self.controller_command(http, &kubeconfig);
        command.env("HOSTNAME", name);
        (Process::start(command, &self.log(name)), http, kubeconfig)
    }

    fn controller_command(&self, http: SocketAddr, kubeconfig: &Path) -> Command {
        let mut command = self.command("controller", http);
        command
            .env("KUBECONFIG", kubeconfig)
            .args(["--namespace", NAMESPACE, "--webhook-service=localhost"])
            .args(&self.controller_flags);
        command
    }

    fn webhook_command(&self, door: SocketAddr, http: SocketAddr, folder: &Path) -> Command {
        let mut command = self.command("webhook", http);
        command
            .env("KUBECONFIG", self.kubeconfig_of("kliv-secrets-webhook"))
            .args(["--bind", &door.to_string(), "--reload-interval=100ms"])
            .arg("--tls-dir")
            .arg(folder.join("tls"))
            .arg("--sealing-key-dir")
            .arg(folder.join("sealing-key"));
        command
    }

    async fn ready(&self, process: &str, http: SocketAddr) {
        eventually(&format!("the {process} is ready"), async || {
            let log = whole_lines(&self.log(process));
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
        let path = self.folder.join(format!("{account}-{}.kubeconfig", next()));
        write_kubeconfig(&self.cluster, NAMESPACE, account, &path);
        path
    }

    /// Writes what a kubelet would mount into the webhook's pod.
    async fn write_files(&self) {
        self.write_files_to(&self.folder).await;
    }

    async fn write_files_to(&self, folder: &Path) {
        let secrets: Api<Secret> = Api::namespaced(self.cluster.client(), NAMESPACE);
        let certificate = eventually("there is a certificate", async || {
            let secret = secrets.get_opt(&self.certificate).await.expect("an answer")?;
            secret.data.as_ref()?.contains_key("tls.crt").then_some(secret)
        })
        .await;
        mount_certificate(&certificate, folder);
        let maps: Api<ConfigMap> = Api::namespaced(self.cluster.client(), NAMESPACE);
        let map = maps.get(SEALING_KEY_CONFIGMAP).await.expect("the sealing key");
        let entries = map.data.expect("entries").into_iter();
        mount(&folder.join("sealing-key"), entries.map(|(k, v)| (k, v.into_bytes())));
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
        account.is_injected().await;
    }
}

/// A log so far: its last line may be half written.
fn whole_lines(log: &Path) -> String {
    let mut text = fs::read(log).expect("a log");
    text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    String::from_utf8(text).expect("a log is text")
}

/// Writes a kubeconfig with the token of a ServiceAccount.
pub(crate) fn write_kubeconfig(cluster: &Cluster, namespace: &str, name: &str, path: &Path) {
    // For longer than any suite goes on: nobody makes the process another one.
    let create = ["create", "token", name, "-n", namespace, "--duration=24h"];
    let token = cluster.kubectl(&create).success();
    let config = cluster.kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]).success();
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    config["users"][0]["user"] = json!({ "token": token.trim() });
    fs::write(path, config.to_string()).expect("a file");
}

/// Has a kubeconfig lead somewhere else, in plain HTTP.
fn redirect(kubeconfig: &Path, server: &str) {
    let config = fs::read(kubeconfig).expect("a kubeconfig");
    let mut config: Value = serde_json::from_slice(&config).expect("JSON");
    config["clusters"][0]["cluster"] = json!({ "server": server });
    fs::write(kubeconfig, config.to_string()).expect("a file");
}

/// The answer's body, where it is 200.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<String> {
    ask(address, path).filter(|(status, _)| status == "200").map(|(_, body)| body)
}

/// The answer's status and body.
fn ask(address: SocketAddr, path: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.strip_prefix("HTTP/1.1 ")?.get(..3)?.to_owned(), body.to_owned()))
}

/// What the webhook's pod has of the certificate's Secret.
pub(crate) fn mount_certificate(secret: &Secret, folder: &Path) {
    let data = secret.data.as_ref().expect("a certificate");
    let items = ["tls.crt", "tls.key"].map(|key| (key.to_owned(), data[key].0.clone()));
    mount(&folder.join("tls"), items);
}

/// As a kubelet does: files are links through `..data`, which changes for all at once.
fn mount(folder: &Path, files: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let version = format!("..{}", next());
    fs::create_dir_all(folder.join(&version)).expect("a folder");
    let former = fs::read_link(folder.join("..data")).ok();
    let mut names = Vec::new();
    for (name, content) in files {
        fs::write(folder.join(&version).join(&name), content).expect("a file");
        names.push(name);
    }
    symlink(&version, folder.join("..data_tmp")).expect("a link");
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).expect("is renamed");
    for name in names {
        if !folder.join(&name).exists() {
            symlink(Path::new("..data").join(&name), folder.join(&name)).expect("a link");
        }
    }
    if let Some(former) = former {
        fs::remove_dir_all(folder.join(former)).expect("is removed");
    }
}

/// For names that nothing else has.
fn next() -> u16 {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    COUNT.fetch_add(1, Relaxed)
}
