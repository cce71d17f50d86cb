//! What was asked of the API server: the independent counter of writes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::{Cluster, eventually};

/// A place in the audit log.
#[derive(Clone, Copy)]
pub struct AuditMark(u64);

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `create`, `update`, `patch`, `delete`, `get` …
    pub verb: String,
    /// Who asked; where somebody was impersonated, that one.
    pub user: String,
    /// Which of this user's tokens, where it was a ServiceAccount's: `JTI=…`.
    pub credential: String,
    /// The plural, with the subresource where there is one: `klivsecrets/status`.
    pub resource: String,
    /// The object's namespace, or nothing.
    pub namespace: String,
    /// The object's name, or nothing.
    pub name: String,
    /// The HTTP status of the answer.
    pub code: u16,
    /// Nothing came of it, on purpose.
    pub dry_run: bool,
}

impl Request {
    /// It changed something, or touched it: a write that was accepted.
    pub fn is_write(&self) -> bool {
        let writes = ["create", "update", "patch", "delete", "deletecollection"];
        writes.contains(&self.verb.as_str()) && (200..300).contains(&self.code) && !self.dry_run
    }
}

impl Cluster {
    /// The present end of the audit log.
    pub async fn audit_mark(&self) -> AuditMark {
        AuditMark(self.audit_barrier().await)
    }

    /// What was answered since the mark and until this call.
    pub async fn audit_since(&self, mark: AuditMark) -> Vec<Request> {
        self.audit_barrier().await;
        let log = String::from_utf8(self.audit_log(mark)).expect("the audit log is text");
        log.lines().filter_map(request).collect()
    }

    /// Everything that was answered until this call.
    pub async fn audit(&self) -> Vec<Request> {
        self.audit_since(AuditMark(0)).await
    }

    /// Asks something that is recognised in the log, waits until it is there, and gives the place
    /// right after it.
    async fn audit_barrier(&self) -> u64 {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = format!("/version?barrier={}-{number}.", std::process::id());
        let end = std::fs::metadata(self.audit_path()).map_or(0, |m| m.len());
        let ask = http::Request::get(&path).body(Vec::new()).expect("a request");
        self.client().request_text(ask).await.expect("an answer");
        eventually("the audit log holds what was answered", async || {
            let log = self.audit_log(AuditMark(end));
            let mut lines = log.split_inclusive(|byte| *byte == b'\n');
            let mut at = 0;
            lines.find(|line| {
                at += line.len();
                String::from_utf8_lossy(line).contains(&path)
            })?;
            Some(end + u64::try_from(at).expect("a place"))
        })
        .await
    }

    fn audit_log(&self, mark: AuditMark) -> Vec<u8> {
        let mut file = File::open(self.audit_path()).expect("an audit log");
        file.seek(SeekFrom::Start(mark.0)).expect("a place in the audit log");
        let mut log = Vec::new();
        file.read_to_end(&mut log).expect("the audit log");
        // The last line may be half written.
        log.truncate(log.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        log
    }

    fn audit_path(&self) -> std::path::PathBuf {
        self.state().join("audit.log")
    }
}

fn request(line: &str) -> Option<Request> {
    let event: Value = serde_json::from_str(line).expect("the audit log is JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = event.get("objectRef")?;
    let impersonated = &event["impersonatedUser"]["username"];
    let subresource = object["subresource"].as_str().map(|s| format!("/{s}")).unwrap_or_default();
    Some(Request {
        verb: text(&event["verb"]),
        user: text(if impersonated.is_string() {
            impersonated
        } else {
            &event["user"]["username"]
        }),
        credential: text(&event["user"]["extra"]["authentication.kubernetes.io/credential-id"][0]),
        resource: text(&object["resource"]) + &subresource,
        namespace: text(&object["namespace"]),
        name: text(&object["name"]),
        code: event["responseStatus"]["code"].as_u64()?.try_into().ok()?,
        dry_run: text(&event["requestURI"]).contains("dryRun=All"),
    })
}
