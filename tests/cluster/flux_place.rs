//! Flux's kustomize-controller beside a control plane, for one account. What source-controller
//! would do, the tests do: they serve what is in git, and say so on a GitRepository.
//!
//! ```text
//!  commit(objects) ─► tar.gz ◄── HTTP ── kustomize-controller ─► API server
//!             └─► GitRepository.status.artifact ──┘ watch
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::account::Account;
use crate::chart;
use crate::harness::{AuditMark, eventually, go_module, test_program};
use crate::operator::{Process, write_kubeconfig};

/// The controller, and git.
pub(crate) struct Flux<'a> {
    account: &'a Account<'a>,
    _controller: Process,
    folder: PathBuf,
    address: SocketAddr,
    served: Served,
    commits: AtomicUsize,
    requests: AtomicUsize,
}

/// What is served, by path.
type Served = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

impl<'a> Flux<'a> {
    /// Starts it; git is still empty.
    pub(crate) async fn start(account: &'a Account<'a>) -> Self {
        let program = test_program("kustomize-controller");
        let (cluster, namespace) = (account.cluster, account.namespace.as_str());
        let crds = go_module(&kustomize_controller()).join("config/crd/bases");
        let crds = crds.to_str().expect("a folder of plain characters");
        cluster.kubectl(&["apply", "--server-side", "-f", crds]).success();
        for kind in ["GitRepository", "OCIRepository", "Bucket"] {
            account.kubectl(&["apply", "--server-side", "-f", "-"], &source_crd(kind)).success();
        }
        chart::crds_serve(cluster).await;

        let folder = cluster.kubeconfig().with_file_name(format!("flux-{namespace}"));
        fs::create_dir(&folder).expect("a folder");
        cluster.kubectl(&["create", "serviceaccount", "flux", "-n", namespace]).success();
        let user = format!("--serviceaccount={namespace}:flux");
        cluster.grant("cluster-admin", &user, "").await;
        let kubeconfig = folder.join("kubeconfig");
        write_kubeconfig(cluster, namespace, "flux", &kubeconfig);
        let mut command = Command::new(program);
        command
            .env("KUBECONFIG", &kubeconfig)
            .env("RUNTIME_NAMESPACE", namespace)
            .env("TMPDIR", &folder)
            .args(["--watch-all-namespaces=false", "--metrics-addr=0", "--health-addr=0"])
            .arg("--log-level=debug");
        let controller = Process::start(command, &folder.join("log"));

        let (address, served) = serve();
        let (commits, requests) = Default::default();
        let flux =
            Self { account, _controller: controller, folder, address, served, commits, requests };
        flux.install();
        flux
    }

    /// What is in git from now on.
    pub(crate) async fn commit(&self, objects: &[Value]) {
        let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        let folder = self.folder.join(format!("commit-{number}"));
        fs::create_dir(&folder).expect("a folder");
        for (index, object) in objects.iter().enumerate() {
            let file = folder.join(format!("{index}.yaml"));
            fs::write(file, object.to_string()).expect("a file");
        }
        let mut tar = Command::new("tar");
        tar.args(["--create", "--gzip", "--directory"]).arg(&folder).arg(".");
        let archive = tar.output().expect("runs tar");
        assert!(archive.status.success(), "tar failed");
        let digest = Sha256::digest(&archive.stdout)
            .iter()
            .fold("sha256:".to_owned(), |all, byte| format!("{all}{byte:02x}"));
        let path = format!("/{number}.tar.gz");
        self.served.lock().expect("a lock").insert(path.clone(), archive.stdout);
        let status = json!({ "status": {
            "observedGeneration": 1,
            "artifact": {
                "digest": digest, "lastUpdateTime": "2026-11-24T10:00:00Z", "path": path,
                "revision": self.revision(), "url": format!("http://{}{path}", self.address),
            },
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored",
                "lastTransitionTime": "2026-11-24T10:00:00Z",
            }],
        } });
        let patch = ["patch", "gitrepository/git", "--subresource=status", "--type=merge", "-p"];
        let status = status.to_string();
        let patch = [&patch[..], &[&status]].concat();
        self.account.kubectl(&patch, &Value::Null).success();
    }

    /// Waits until what is in git is applied and healthy.
    pub(crate) async fn is_ready(&self) {
        eventually("Flux has applied what is in git", async || {
            let status = self.status();
            let applied = status["lastAppliedRevision"] == json!(self.revision());
            (applied && ready(&status)?["status"] == "True").then_some(())
        })
        .await;
    }

    /// Waits until what is in git has failed, and gives what Flux says of it.
    pub(crate) async fn is_not_ready(&self) -> String {
        eventually("Flux says that what is in git is not healthy", async || {
            let status = self.status();
            let ready = ready(&status)?;
            let tried = status["lastAttemptedRevision"] == json!(self.revision());
            let message = ready["message"].as_str().unwrap_or_default().to_owned();
            (tried && ready["status"] == "False").then_some(message)
        })
        .await
    }

    /// Has it reconcile once more, and waits for its end.
    pub(crate) async fn reconciles(&self) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed).to_string();
        let request = format!("reconcile.fluxcd.io/requestedAt={number}");
        let annotate = ["annotate", "--overwrite", "kustomization/git", &request];
        self.account.kubectl(&annotate, &Value::Null).success();
        eventually("Flux has reconciled once more", async || {
            let status = self.status();
            let handled = status["lastHandledReconcileAt"] == json!(number);
            (handled && ready(&status)?["status"] == "True").then_some(())
        })
        .await;
    }

    /// What it wrote of the objects in git.
    pub(crate) async fn corrections(&self, mark: AuditMark) -> Vec<String> {
        let user = format!("system:serviceaccount:{}:flux", self.account.namespace);
        let requests = self.account.cluster.audit_since(mark).await.into_iter();
        let wrote = requests.filter(|request| {
            let kinds = ["deployments", "klivsecrets"];
            request.is_write() && request.user == user && kinds.contains(&request.resource.as_str())
        });
        wrote.map(|r| format!("{} {} {}", r.verb, r.resource, r.name)).collect()
    }

    fn install(&self) {
        self.account.apply(&json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": { "name": "git" },
            "spec": { "interval": "1h", "url": "https://example.org/git" },
        }));
        self.account.apply(&json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": { "name": "git" },
            "spec": {
                "interval": "1h", "retryInterval": "1h", "timeout": "10m", "path": "./",
                "prune": true, "wait": true, "targetNamespace": self.account.namespace,
                "sourceRef": { "kind": "GitRepository", "name": "git" },
            },
        }));
    }

    fn revision(&self) -> String {
        format!("main@sha1:{:040x}", self.commits.load(Ordering::Relaxed))
    }

    fn status(&self) -> Value {
        let get = ["get", "kustomization/git", "-o", "json"];
        let object = self.account.kubectl(&get, &Value::Null).success();
        let object: Value = serde_json::from_str(&object).expect("JSON");
        object["status"].clone()
    }
}

/// The module that the controller is built from.
fn kustomize_controller() -> String {
    const MODULE: &str = "github.com/fluxcd/kustomize-controller";
    let file = include_str!("../devcluster/components/flux/go.mod");
    let mut lines = file.lines().map(str::split_whitespace);
    let version =
        lines.find_map(|mut words| words.next().filter(|w| *w == MODULE).and(words.next()));
    format!("{MODULE}@{}", version.expect("its version"))
}

fn ready(status: &Value) -> Option<&Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == "Ready")
}

/// A kind of Flux's sources, of which the tests write what source-controller would.
fn source_crd(kind: &str) -> Value {
    let plural = if kind == "Bucket" {
        "buckets".to_owned()
    } else {
        kind.to_lowercase().replace("repository", "repositories")
    };
    let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.source.toolkit.fluxcd.io") },
        "spec": {
            "group": "source.toolkit.fluxcd.io", "scope": "Namespaced",
            "names": { "kind": kind, "listKind": format!("{kind}List"), "plural": plural },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": { "status": {} }, "schema": { "openAPIV3Schema": open },
            }],
        },
    })
}

/// Serves files for as long as the process lives.
fn serve() -> (SocketAddr, Served) {
    let served = Served::default();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let files = Arc::clone(&served);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let file = files.lock().expect("a lock").get(path).cloned();
            let (code, body) = file.map_or(("404 Not Found", Vec::new()), |file| ("200 OK", file));
            let length = body.len();
            let head =
                format!("HTTP/1.1 {code}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            // Who hangs up asks again.
            drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)));
        }
    });
    (address, served)
}
