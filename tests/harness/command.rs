//! Programs that tests run, and what came out of them.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Cluster;

/// How a program ended.
#[derive(Debug)]
pub struct Outcome {
    /// It said that all is well.
    pub ok: bool,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Outcome {
    /// Its output, where it must have gone well.
    #[track_caller]
    pub fn success(self) -> String {
        assert!(self.ok, "failed:\n{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// Everything it said, where it must have failed.
    #[track_caller]
    pub fn failure(self) -> String {
        assert!(!self.ok, "went well, and should not have:\n{}{}", self.stdout, self.stderr);
        self.stdout + &self.stderr
    }
}

impl Cluster {
    /// Runs kubectl as admin.
    pub fn kubectl<S: AsRef<OsStr>>(&self, args: &[S]) -> Outcome {
        self.kubectl_reading("", args)
    }

    /// Runs kubectl as admin with something on its standard input, e.g. for `-f -`.
    pub fn kubectl_reading<S: AsRef<OsStr>>(&self, stdin: &str, args: &[S]) -> Outcome {
        let mut command = self.command("kubectl");
        // Its cache of what the server offers must be this cluster's.
        command.arg("--cache-dir").arg(self.scratch().join("kubectl-cache")).args(args);
        run(command, stdin)
    }

    /// Runs helm as admin, with its own files in a place of their own.
    pub fn helm<S: AsRef<OsStr>>(&self, args: &[S]) -> Outcome {
        let mut command = self.command("helm");
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(variable, self.scratch().join("helm"));
        }
        command.args(args);
        run(command, "")
    }

    /// One of the cluster's tools, with the cluster's kubeconfig.
    pub fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(self.bin().join(tool));
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }
}

/// A program that only tests need, built when the cache does not have it.
pub fn test_program(name: &str) -> PathBuf {
    said_path(&["tool", "--build", name])
}

/// The folder of a Go module, named with its version.
pub fn go_module(module: &str) -> PathBuf {
    said_path(&["module", module])
}

fn said_path(args: &[&str]) -> PathBuf {
    PathBuf::from(run(launcher(args), "").success().trim_end())
}

/// Runs a program to its end.
pub fn run(mut command: Command, stdin: &str) -> Outcome {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let name = command.get_program().to_owned();
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", name.display()));
    let mut pipe = child.stdin.take().expect("a pipe");
    let input = stdin.to_owned();
    // A program that does not read what it gets is no error of the test's.
    let writer = std::thread::spawn(move || drop(pipe.write_all(input.as_bytes())));
    let output = child.wait_with_output().expect("its output");
    writer.join().expect("the writer");
    Outcome {
        ok: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The launcher of test clusters. Its progress goes past the test runner's capture, so
/// that a first run, which builds Kubernetes, does not look stuck.
pub fn launcher(args: &[&str]) -> Command {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/devcluster/run.sh");
    let mut command = Command::new(script);
    command.args(args);
    command
}
