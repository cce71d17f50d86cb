//! Starting clusters, and stopping them whatever becomes of the test.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::command::launcher;

/// A cluster that a test may use.
pub struct Cluster {
    kubeconfig: PathBuf,
    bin: PathBuf,
    etcdctl: Vec<String>,
    function_image: Option<String>,
    scratch: PathBuf,
    own: Option<Own>,
}

/// What is special about a control plane of one's own.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// etcd keeps every revision.
    pub keep_revisions: bool,
    /// Secrets are plain in etcd, so that a leak can be seen there.
    pub plain_secrets: bool,
    /// What its audit log records, a file; without, everything but no content.
    pub audit_policy: Option<&'static str>,
    /// Kubernetes' own controllers, such as the one that empties namespaces, all act as
    /// `system:kube-controller-manager`.
    pub controllers_share_account: bool,
}

/// A cluster of this process: it ends when the keeper's standard input does, so also
/// when this process is killed.
struct Own {
    state: PathBuf,
    keeper: Child,
    keeps_revisions: bool,
}

/// The control plane that all tests of this binary share, or the cluster that
/// `KLIV_KUBECONFIG` names. No pods run in it. Use a [`namespace`](Cluster::namespace)
/// of your own.
pub async fn control_plane() -> &'static Cluster {
    static SHARED: tokio::sync::OnceCell<Cluster> = tokio::sync::OnceCell::const_new();
    SHARED
        .get_or_init(async || {
            if std::env::var_os("KLIV_KUBECONFIG").is_some() {
                return Cluster::from_exports(&exports(&["up"]), None);
            }
            Cluster::start(Options::default())
        })
        .await
}

/// The machine's whole cluster, in which pods run; it is started when it is not up, and
/// stays. None, and a word why, where there can't be one, unless `KLIV_REQUIRE_E2E`
/// asks for it: then the test fails.
pub fn whole_cluster() -> Option<&'static Cluster> {
    static WHOLE: OnceLock<Option<Cluster>> = OnceLock::new();
    let whole = WHOLE.get_or_init(|| {
        let existing = std::env::var_os("KLIV_KUBECONFIG").is_some();
        if existing || (cfg!(target_os = "linux") && rustix::process::geteuid().is_root()) {
            let args: &[&str] = if existing { &["up"] } else { &["up", "--whole"] };
            return Some(Cluster::from_exports(&exports(args), None));
        }
        None
    });
    if whole.is_none() {
        let reason = "a whole cluster needs root on Linux";
        assert!(std::env::var_os("KLIV_REQUIRE_E2E").is_none(), "{reason}");
        // Past the runner's capture: a skipped test must be seen.
        writeln!(std::io::stderr(), "skipped: {reason}").expect("standard error");
    }
    whole.as_ref()
}

/// The whole cluster with the operator of this checkout installed, as `make up` gives it.
pub fn cluster_with_operator() -> Option<&'static Cluster> {
    static WITH_OPERATOR: OnceLock<Cluster> = OnceLock::new();
    whole_cluster()?;
    Some(WITH_OPERATOR.get_or_init(|| {
        let mut make = Command::new("make");
        make.args(["-s", "-C", env!("CARGO_MANIFEST_DIR"), "up"]);
        Cluster::from_exports(&stdout(make), None)
    }))
}

impl Cluster {
    /// Starts a control plane of one's own; it ends with the value.
    pub fn start(options: Options) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let state =
            std::env::temp_dir().join(format!("kliv-cluster-{}-{number}", std::process::id()));
        let state_text = state.to_str().expect("a folder of plain characters").to_owned();
        // The keeper first: from here on nothing is left behind.
        let keeper = launcher(&["down", "--when-stdin-closes", "--state", &state_text])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts the keeper");
        let own = Own { state, keeper, keeps_revisions: options.keep_revisions };
        let mut args = vec!["up", "--control-plane-only", "--state", &state_text];
        if options.keep_revisions {
            args.push("--keep-revisions");
        }
        if options.plain_secrets {
            args.push("--no-encryption-at-rest");
        }
        if options.controllers_share_account {
            args.push("--controllers-share-account");
        }
        if let Some(file) = options.audit_policy {
            args.extend(["--audit-policy", file]);
        }
        Self::from_exports(&exports(&args), Some(own))
    }

    /// The kubeconfig of its admin.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The folder of kubectl, helm and etcdctl.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The name of the edge function's image; only a whole cluster has it.
    pub fn function_image(&self) -> &str {
        self.function_image.as_deref().expect("a whole cluster of our own has a function image")
    }

    /// The folder that holds everything of the cluster, where it is one of ours.
    pub(super) fn state(&self) -> &Path {
        assert!(!self.etcdctl.is_empty(), "an existing cluster shows neither etcd nor audit log");
        self.kubeconfig.parent().and_then(Path::parent).expect("a state folder")
    }

    pub(super) fn etcdctl(&self) -> &[String] {
        assert!(!self.etcdctl.is_empty(), "an existing cluster does not show its etcd");
        &self.etcdctl
    }

    /// Whether etcd still has all that it ever held.
    pub(super) fn keeps_revisions(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.keeps_revisions)
    }

    pub(super) fn scratch(&self) -> &Path {
        &self.scratch
    }

    fn from_exports(exports: &str, own: Option<Own>) -> Self {
        let value = |name: &str| {
            let line = exports.lines().find_map(|l| l.strip_prefix(&format!("export {name}=")))?;
            Some(line.trim_end_matches(":\"$PATH\"").trim_matches('\'').to_owned())
        };
        let bin = PathBuf::from(value("PATH").expect("the launcher exports PATH"));
        Self {
            kubeconfig: value("KUBECONFIG").expect("the launcher exports KUBECONFIG").into(),
            scratch: bin.parent().expect("a folder").join("scratch"),
            bin,
            etcdctl: value("KLIV_ETCDCTL")
                .map(|command| command.split(' ').map(str::to_owned).collect())
                .unwrap_or_default(),
            function_image: value("KLIV_FUNCTION_IMAGE"),
            own,
        }
    }
}

fn exports(args: &[&str]) -> String {
    stdout(launcher(args))
}

fn stdout(mut command: Command) -> String {
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("runs the launcher");
    assert!(output.status.success(), "the test cluster did not start; its launcher says why above");
    String::from_utf8(output.stdout).expect("text")
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // The keeper's failure would not be the test's.
        drop(self.keeper.wait());
        debug_assert!(!self.state.exists(), "the keeper removed its cluster");
    }
}
