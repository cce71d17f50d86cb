//! Processes of ours that tests start, and addresses for them.

use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// A process that ends with the value, and with the test's process whatever becomes of
/// that: a shell beside it waits for signals' names, and the end, on its standard input.
pub struct Process(Child);

impl Process {
    /// Starts it; what it says goes to the end of a file.
    pub fn start(command: Command, log: &Path) -> Self {
        const SCRIPT: &str = "\"$@\" </dev/null & while read -r signal; do kill -s $signal $!; done; kill -s TERM $! 2>&-; kill -s CONT $! 2>&-; wait $!";
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

    /// What it has in memory: all that it can write to, as it is at the moment.
    pub fn memory(&self) -> Vec<Vec<u8>> {
        let shell = self.0.id();
        let children = format!("/proc/{shell}/task/{shell}/children");
        let children = fs::read_to_string(children).expect("a process");
        let process = children.split_ascii_whitespace().next().expect("the program");
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("maps");
        let memory = File::open(format!("/proc/{process}/mem")).expect("a process of ours");
        let parts = maps.lines().filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (from, to) = range.split_once('-')?;
            let at = |text| u64::from_str_radix(text, 16).expect("an address");
            let mut part = vec![0; usize::try_from(at(to) - at(from)).expect("a length")];
            // What went meanwhile can't be read.
            let is_kept =
                rest.starts_with("rw") && memory.read_exact_at(&mut part, at(from)).is_ok();
            is_kept.then_some(part)
        });
        parts.collect()
    }

    /// Ends it at once.
    pub fn kill(mut self) {
        self.signal("KILL");
        self.ends_badly();
    }

    /// `STOP`, `CONT`, `TERM` …
    pub fn signal(&mut self, name: &str) {
        let stdin = self.0.stdin.as_mut().expect("a pipe");
        stdin.write_all(format!("{name}\n").as_bytes()).expect("is told");
    }

    /// Waits until it has ended, by itself or as it was told, and not well.
    pub fn ends_badly(mut self) {
        drop(self.0.stdin.take());
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

/// One that nobody listens on: none of those that the system hands out for connections, nor of
/// those that test clusters take (20,000 and more), since it could be in use by the time it is
/// needed, or needed again.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 18).expect("is small") * 500;
    let candidates = std::iter::repeat_with(|| 10_000 + start + NEXT.fetch_add(1, Relaxed));
    let mut addresses = candidates.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("a free port")
}
