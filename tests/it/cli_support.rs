//! An API server that is made up: it keeps the secrets of one account, is told how to fail,
//! and remembers what it was asked. Nothing else of Kubernetes is in it.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server on a free port, with a folder of kubeconfigs for it.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: TempDir,
    kept: Kept,
}

type Kept = Arc<Mutex<Memory>>;

/// What it keeps, and how it is to fail.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) secrets: BTreeMap<String, Value>,
    /// Every request that came: method, path and query, headers.
    pub(crate) requests: Vec<(String, String, HeaderMap)>,
    /// So many times more the KlivAccount can't be read.
    pub(crate) blips: usize,
    /// What watches tell, one after the other; then they are forbidden.
    pub(crate) watched: Vec<String>,
}

/// How `kubectl kliv` ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("is set");
        let port = listener.local_addr().expect("an address").port();
        let kept = Kept::default();
        let router = Router::new().fallback(answer).with_state(kept.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, router).await.expect("serves");
            });
        });
        Self { port, folder: tempfile::tempdir().expect("a folder"), kept }
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.kept.lock().expect("no test failed meanwhile")
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    /// A kubeconfig for this cluster, as this user.
    pub(crate) fn kubeconfig(&self, name: &str, cluster: &Value, user: &Value) -> PathBuf {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "contexts": [{ "name": "here", "context": {
                "cluster": "here", "user": "me", "namespace": "acme",
            } }],
            "clusters": [{ "name": "here", "cluster": cluster }],
            "users": [{ "name": "me", "user": user }],
        });
        self.file(name, &config.to_string())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `kubectl kliv` with a plain kubeconfig.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let cluster = json!({ "server": self.url() });
        let kubeconfig = self.kubeconfig("config", &cluster, &json!({ "token": "t0ken" }));
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-kliv"));
        for proxy in ["HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "KUBERNETES_SERVICE_HOST"]
        {
            command.env_remove(proxy);
        }
        command.env("KUBECONFIG", kubeconfig).args(args);
        command
    }

    pub(crate) fn kliv(&self, args: &[&str]) -> Said {
        run(self.command(args), "")
    }
}

/// Runs it to its end.
pub(crate) fn run(mut command: Command, stdin: &str) -> Said {
    use std::io::Write as _;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    // One that does not read what it gets is no error of the test's.
    let _ = child.stdin.take().expect("a pipe").write_all(stdin.as_bytes());
    let output = child.wait_with_output().expect("ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let code = output.status.code().expect("ends by itself");
    Said { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A secret that functions run with.
pub(crate) fn secret(name: &str, spec: &Value, generation: i64) -> Value {
    json!({
        "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
        "metadata": {
            "name": name, "namespace": "acme", "uid": format!("uid-of-{name}"),
            "resourceVersion": generation.to_string(), "generation": generation,
        },
        "spec": spec,
        "status": { "observedGeneration": generation, "version": generation, "conditions": [{
            "type": "Ready", "status": "True", "reason": "Published", "message": "",
            "lastTransitionTime": "2026-11-24T10:00:00Z",
        }] },
    })
}

/// A function that runs with all secrets.
fn function(memory: &Memory) -> Value {
    let entry = |secret: &Value| {
        let from = json!({ "name": "kliv-env-now", "key": secret["spec"]["envVar"] });
        json!({ "name": from["key"], "valueFrom": { "secretKeyRef": from } })
    };
    let env: Vec<Value> = memory.secrets.values().map(entry).collect();
    let labels = json!({ "app.kubernetes.io/component": "edge-function" });
    json!({
        "metadata": { "name": "api", "generation": 1, "labels": labels },
        "spec": { "replicas": 0, "selector": {}, "template": { "spec": { "containers": [
            { "name": "api", "env": env },
        ] } } },
        "status": { "observedGeneration": 1 },
    })
}

async fn answer(
    State(kept): State<Kept>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut memory = kept.lock().expect("no other request failed");
    let path_and_query = uri.path_and_query().map_or("", |text| text.as_str()).to_owned();
    memory.requests.push((method.to_string(), path_and_query, headers));
    let path: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    if uri.query().is_some_and(|query| query.contains("watch=true")) {
        return match memory.watched.is_empty() {
            true => status(403, "Forbidden", WATCH_FORBIDDEN),
            false => memory.watched.remove(0).into_response(),
        };
    }
    match path.as_slice() {
        ["api", "v1", "namespaces", "kliv-secrets-system", "configmaps", name] => {
            let key = include_str!("../cmd/seal/kliv.pub");
            ok(&json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name },
                "data": { "sealing-key": key.trim() },
            }))
        }
        [.., "klivaccounts", "default"] if memory.blips > 0 => {
            memory.blips -= 1;
            status(500, "InternalError", "etcd has no leader")
        }
        [.., "klivaccounts", "default"] => ok(&json!({
            "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivAccount",
            "metadata": { "name": "default" }, "spec": {},
            "status": { "revision": 1, "functions": { "total": 1, "updated": 1 }, "sets": [{
                "environment": "", "name": "kliv-env-now", "uid": "u", "keys": [], "revision": 1,
            }] },
        })),
        [.., "deployments"] => ok(&json!({
            "apiVersion": "apps/v1", "kind": "DeploymentList", "metadata": {},
            "items": [function(&memory)],
        })),
        [.., "klivsecrets", name] => write_or_read(&mut memory, &method, name, &body),
        [.., "klivsecrets"] if method == Method::POST => {
            let object: Value = serde_json::from_slice(&body).expect("JSON");
            let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
            write_or_read(&mut memory, &method, &name, &body)
        }
        [.., "selfsubjectreviews"] => ok(&json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview",
            "metadata": {}, "status": { "userInfo": { "username": "me" } },
        })),
        [.., kind] => {
            let secrets = memory.secrets.values().filter(|_| *kind == "klivsecrets");
            ok(&json!({
                "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "9" },
                "items": secrets.collect::<Vec<_>>(),
            }))
        }
        [] => status(404, "NotFound", "nothing"),
    }
}

const WATCH_FORBIDDEN: &str = "klivsecrets.secrets.kliv.dev is forbidden: User \"me\" cannot watch \
     resource \"klivsecrets\" in API group \"secrets.kliv.dev\" in the namespace \"acme\"";

fn write_or_read(memory: &mut Memory, method: &Method, name: &str, body: &[u8]) -> Response {
    let before = memory.secrets.get(name);
    if matches!(*method, Method::POST | Method::PATCH) {
        let sent: Value = serde_json::from_slice(body).expect("JSON");
        let generation = before.and_then(|before| before["metadata"]["generation"].as_i64());
        let written = secret(name, &sent["spec"], generation.unwrap_or_default() + 1);
        memory.secrets.insert(name.to_owned(), written.clone());
        return ok(&written);
    }
    if *method == Method::DELETE
        && let Some(deleted) = memory.secrets.remove(name)
    {
        return ok(&deleted);
    }
    match memory.secrets.get(name) {
        Some(secret) => ok(secret),
        None => status(404, "NotFound", "not found"),
    }
}

fn ok(object: &Value) -> Response {
    object.to_string().into_response()
}

fn status(code: u16, reason: &str, message: &str) -> Response {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": message, "details": { "kind": "klivsecrets" },
    });
    (StatusCode::from_u16(code).expect("a code"), status.to_string()).into_response()
}
