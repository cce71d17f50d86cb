//! Scripts that tests speak with, a line of JSON each way.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use kliv_secrets::runtime::clock;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A script, which ends when its standard input does: so also when this process is killed.
pub(super) struct Script {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(super) lines: UnboundedReceiver<Value>,
}

impl Script {
    /// Starts one; its standard error is this process's unless the command says otherwise.
    pub(super) fn start(mut script: Command) -> Self {
        // A server that it must not reach past a recorder.
        for variable in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NODE_OPTIONS"] {
            script.env_remove(variable);
        }
        script.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().expect("Node 20 or newer, and Python 3.11 or newer");
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
        Self { child, stdin, lines }
    }

    pub(super) fn says(&mut self, what: &Value) {
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
