//! The operator as Helm installed it, and whose turn it is with it.
//!
//! Most tests share it. One that upgrades, restarts or removes it has it alone, and when
//! its turn ends the operator stands there again as it was.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kliv_secrets::api::names::LEASE;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use tokio::sync::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::task::spawn_blocking;

use crate::harness::{
    AuditMark, Cluster, Outcome, Request, cluster_with_operator, eventually, run,
};

/// The operator's namespace.
pub(crate) const NAMESPACE: &str = "kliv-secrets-system";

/// The parts of the operator.
pub(crate) const PARTS: [&str; 2] = ["controller", "webhook"];
const DEPLOYMENTS: [&str; 2] = ["deploy/kliv-secrets-controller", "deploy/kliv-secrets-webhook"];

static TURN: RwLock<()> = RwLock::const_new(());

/// The operator, for the time of a test.
pub(crate) struct Operator {
    pub(crate) cluster: &'static Cluster,
    changed: AtomicBool,
    turn: Turn,
}

enum Turn {
    Shared(#[expect(dead_code, reason = "held")] RwLockReadGuard<'static, ()>),
    Alone(#[expect(dead_code, reason = "held")] RwLockWriteGuard<'static, ()>),
}

impl Operator {
    /// Together with others that leave it as it is. None where there is no whole cluster.
    pub(crate) async fn shared() -> Option<Self> {
        Self::installed(Turn::Shared(TURN.read().await))
    }

    /// Alone. None where there is no whole cluster.
    pub(crate) async fn alone() -> Option<Self> {
        Self::installed(Turn::Alone(TURN.write().await))
    }

    /// Together with others that want one which keeps superseded sets for a short time
    /// only. None where there is no whole cluster.
    pub(crate) async fn forgetful() -> Option<Arc<Self>> {
        static FORGETFUL: Mutex<Weak<Operator>> = Mutex::const_new(Weak::new());
        let mut forgetful = FORGETFUL.lock().await;
        if let Some(operator) = forgetful.upgrade() {
            return Some(operator);
        }
        let operator = Arc::new(Self::alone().await?);
        operator.upgrade(&["controller.keepSuperseded=5s"]).await;
        *forgetful = Arc::downgrade(&operator);
        Some(operator)
    }

    fn installed(turn: Turn) -> Option<Self> {
        // One run at a time: the operator is one, and another checkout's would replace it.
        // The lock ends with the process.
        static RUN: OnceLock<File> = OnceLock::new();
        RUN.get_or_init(|| {
            let file = File::create(std::env::temp_dir().join("kliv-secrets-e2e.lock"));
            let file = file.expect("a file to lock");
            file.lock().expect("a lock");
            file
        });
        Some(Self { cluster: cluster_with_operator()?, changed: AtomicBool::new(false), turn })
    }

    /// `helm upgrade` to this checkout's chart with some values changed, until all has
    /// rolled out.
    pub(crate) async fn upgrade(&self, values: &[&str]) {
        self.will_change();
        let chart = checkout("charts/kliv-secrets");
        let args = ["upgrade", "kliv-secrets", &chart, "-n", NAMESPACE, "--reuse-values"];
        let set = values.iter().flat_map(|value| ["--set", value]).collect::<Vec<_>>();
        let wait = ["--wait", "--timeout", "3m"];
        self.helm(&[args.as_slice(), &set, &wait].concat()).await.success();
        self.stands().await;
    }

    /// `helm rollback` to the revision before, until all has rolled out.
    pub(crate) async fn roll_back(&self) {
        self.will_change();
        let args = ["rollback", "kliv-secrets", "-n", NAMESPACE, "--wait", "--timeout", "3m"];
        self.helm(&args).await.success();
        self.stands().await;
    }

    /// Waits until both parts have rolled out and one replica leads.
    pub(crate) async fn stands(&self) {
        for part in PARTS {
            self.rolled_out(part).await;
        }
        self.leads().await;
    }

    /// `kubectl rollout restart` of both parts.
    pub(crate) fn restart(&self) {
        self.will_change();
        self.kubectl(&[["rollout", "restart"].as_slice(), &DEPLOYMENTS].concat()).success();
    }

    /// Both parts to no replica, until their pods are gone.
    pub(crate) async fn scale_to_nothing(&self) {
        self.will_change();
        self.kubectl(&[["scale", "--replicas=0"].as_slice(), &DEPLOYMENTS].concat()).success();
        self.is_away().await;
    }

    /// `helm uninstall`, until its pods are gone.
    pub(crate) async fn uninstall(&self) {
        self.will_change();
        self.cluster.helm(&["uninstall", "kliv-secrets", "-n", NAMESPACE, "--wait"]).success();
        self.is_away().await;
    }

    async fn is_away(&self) {
        let pods: Api<Pod> = self.api();
        eventually("the operator's pods are gone", async || {
            let ours = ListParams::default().labels("app.kubernetes.io/name=kliv-secrets");
            pods.list(&ours).await.ok()?.items.is_empty().then_some(())
        })
        .await;
    }

    /// The operator of this checkout as `make up` installs it, whatever was there.
    pub(crate) fn install(&self) -> Outcome {
        let installed = run(Command::new(checkout("tests/devcluster/install.sh")), "");
        self.changed.store(!installed.ok, Ordering::Relaxed);
        installed
    }

    /// `helm install` of this checkout's chart with an image that the cluster has; does not
    /// wait for anything.
    pub(crate) fn install_only(&self, image: &Image) -> Outcome {
        self.will_change();
        let chart = checkout("charts/kliv-secrets");
        let args = ["install", "kliv-secrets", &chart, "-n", NAMESPACE];
        let [repository, tag] = image.values();
        self.cluster.helm(&[args.as_slice(), &["--set", &repository, "--set", &tag]].concat())
    }

    /// The image that the operator runs.
    pub(crate) async fn image(&self) -> Image {
        let deployments: Api<Deployment> = self.api();
        let deployment = deployments.get("kliv-secrets-controller").await.expect("a controller");
        let pod = deployment.spec.template.spec.expect("a pod's spec");
        let image = pod.containers[0].image.as_deref().expect("an image");
        let (repository, tag) = image.rsplit_once(':').expect("a tag");
        Image { repository: repository.to_owned(), tag: tag.to_owned() }
    }

    /// Waits until a part's Deployment has rolled out and its old pods are gone.
    pub(crate) async fn rolled_out(&self, part: &str) {
        let deployments: Api<Deployment> = self.api();
        eventually(&format!("the {part} has rolled out"), async || {
            let deployment = deployments.get(&format!("kliv-secrets-{part}")).await.ok()?;
            let (status, wanted) = (deployment.status?, deployment.spec.replicas);
            let done = status.observed_generation == deployment.metadata.generation
                && status.updated_replicas == wanted
                && status.available_replicas == wanted
                && status.replicas == wanted;
            let pods = self.pods_going_too(part).await.len();
            (done && i32::try_from(pods).ok() == wanted).then_some(())
        })
        .await;
    }

    /// A part's pods, `controller` or `webhook`, without those that are on their way out.
    pub(crate) async fn pods(&self, part: &str) -> Vec<Pod> {
        let mut pods = self.pods_going_too(part).await;
        pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        pods
    }

    async fn pods_going_too(&self, part: &str) -> Vec<Pod> {
        let labels =
            format!("app.kubernetes.io/name=kliv-secrets,app.kubernetes.io/component={part}");
        let pods: Api<Pod> = self.api();
        pods.list(&ListParams::default().labels(&labels)).await.expect("Pods").items
    }

    /// Waits until one of the controller's present pods leads, and gives its name.
    pub(crate) async fn leads(&self) -> String {
        let leases: Api<Lease> = self.api();
        eventually("one of the controller's pods leads", async || {
            let holder = leases.get_opt(LEASE).await.ok()??.spec?.holder_identity?;
            let pods = self.pods("controller").await;
            let leader = pods.iter().find(|pod| holder.starts_with(&pod.name_any()))?;
            Some(leader.name_any())
        })
        .await
    }

    /// What our ServiceAccounts wrote to native Secrets and functions.
    pub(crate) async fn writes_to_secrets_and_functions(&self, mark: AuditMark) -> Vec<Request> {
        let ours = format!("system:serviceaccount:{NAMESPACE}:kliv-secrets-");
        let asked = self.cluster.audit_since(mark).await.into_iter();
        asked
            .filter(|r| r.is_write() && r.user.starts_with(&ours))
            .filter(|r| ["secrets", "deployments"].contains(&r.resource.as_str()))
            .collect()
    }

    /// What a pod of the operator answers on a path of its health port.
    pub(crate) async fn asks(&self, pod: &str, path: &str) -> String {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8080/proxy{path}");
        let asked = http::Request::get(&path).body(Vec::new()).expect("a request");
        self.cluster.client().request_text(asked).await.expect("an answer")
    }

    /// Helm, while the test's own thread goes on.
    async fn helm(&self, args: &[&str]) -> Outcome {
        let cluster = self.cluster;
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        spawn_blocking(move || cluster.helm(&args)).await.expect("runs Helm")
    }

    /// kubectl in the operator's namespace.
    pub(crate) fn kubectl(&self, args: &[&str]) -> Outcome {
        self.cluster.kubectl(&[args, &["-n", NAMESPACE]].concat())
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.cluster.client(), NAMESPACE)
    }

    /// Notes for the end of the turn, and for the installer, that the operator is not as
    /// it was installed.
    pub(crate) fn will_change(&self) {
        assert!(matches!(self.turn, Turn::Alone(_)), "others use the operator");
        if !self.changed.swap(true, Ordering::Relaxed) {
            let mark = "devcluster.kliv.dev/installed-";
            self.cluster.kubectl(&["annotate", "namespace", NAMESPACE, mark]).success();
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if self.changed.load(Ordering::Relaxed) {
            let installed = self.install();
            assert!(installed.ok || std::thread::panicking(), "{}", installed.stderr);
        }
    }
}

/// An image as the chart's values name it.
pub(crate) struct Image {
    pub(crate) repository: String,
    pub(crate) tag: String,
}

impl Image {
    /// For Helm's `--set`.
    pub(crate) fn values(&self) -> [String; 2] {
        [format!("image.repository={}", self.repository), format!("image.tag={}", self.tag)]
    }
}

pub(crate) fn checkout(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    path.to_str().expect("a checkout in a folder of plain characters").to_owned()
}
