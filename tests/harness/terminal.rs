//! A program on a terminal, and a person before it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use kliv_secrets::runtime::clock;
use pty_process::Size;
use pty_process::blocking::{Pts, open};
use rustix::termios::{LocalModes, tcgetattr};

const LIMIT: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(10);

/// A pseudo-terminal with a program on it, whose controlling terminal it is.
pub struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    // Held so that the terminal's settings outlive the program.
    line: Pts,
    child: Child,
    shown: Vec<u8>,
    looked_at: usize,
}

/// How a program on a terminal ended.
#[derive(Debug)]
pub struct Left {
    /// Its exit code; of one that a signal ended, 128 and the signal's number.
    pub code: i32,
    /// All that the terminal was sent.
    pub shown: String,
    /// Whether the terminal shows again what is typed.
    pub echoes: bool,
}

impl Terminal {
    /// Starts a program on a terminal of so many columns, with colours unless it is told
    /// otherwise.
    pub fn start(command: Command, columns: u16) -> Self {
        let mut command = that_hears_ctrl_c(&command);
        let (pty, line) = open().expect("a pseudo-terminal");
        pty.resize(Size::new(40, columns)).expect("a size");
        command.env("TERM", "xterm");
        if command.get_envs().all(|(name, _)| name != "NO_COLOR") {
            command.env_remove("NO_COLOR");
        }
        let keyboard = File::from(OwnedFd::from(pty));
        let child = pty_process::blocking::Command::from(command).spawn_borrowed(&line);
        let child = child.expect("starts");
        let (shows, screen) = channel();
        let mut master = keyboard.try_clone().expect("a descriptor");
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error is the end: nobody holds the line any more.
            while let Ok(count @ 1..) = master.read(&mut buffer) {
                if shows.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keyboard, screen, line, child, shown: Vec::new(), looked_at: 0 }
    }

    /// Waits until it shows this, after what was waited for before.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        let shown = self.shows_or_ends(text);
        assert!(shown, "ended without {text:?}:\n{}", String::from_utf8_lossy(&self.shown));
    }

    /// The same; false where the program ends before.
    #[track_caller]
    pub fn shows_or_ends(&mut self, text: &str) -> bool {
        let since = clock::monotonic();
        loop {
            let has_ended = self.child.try_wait().expect("its state").is_some();
            self.take();
            let unseen = &self.shown[self.looked_at..];
            let found = unseen.windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = found {
                self.looked_at += at + text.len();
                return true;
            }
            if has_ended {
                return false;
            }
            let shown = String::from_utf8_lossy(&self.shown);
            assert!(since.elapsed() < LIMIT, "does not show {text:?}:\n{shown}");
        }
    }

    /// Types. Only after a prompt: what comes before it, the terminal would show.
    pub fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a keyboard");
    }

    /// Whether the terminal shows what is typed.
    pub fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.keyboard).expect("its settings").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    /// Waits until the program has ended.
    #[track_caller]
    pub fn ends(mut self) -> Left {
        let since = clock::monotonic();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                break status;
            }
            self.take();
            let shown = String::from_utf8_lossy(&self.shown);
            assert!(since.elapsed() < LIMIT, "does not end:\n{shown}");
        };
        let echoes = self.echoes();
        let Self { screen, line, mut shown, .. } = self;
        // Now the reader comes to the end.
        drop(line);
        shown.extend(screen.iter().flatten());
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Left { code, shown: String::from_utf8_lossy(&shown).into_owned(), echoes }
    }

    /// Ends the program.
    pub fn hangs_up(mut self) -> String {
        self.child.kill().expect("is killed");
        self.ends().shown
    }

    /// Takes what it shows, and waits a moment for more.
    fn take(&mut self) {
        match self.screen.recv_timeout(LOOK) {
            Ok(more) => self.shown.extend(more),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        self.shown.extend(self.screen.try_iter().flatten());
    }
}

/// The same for a program that Ctrl-C ends, though a shell ran the tests in its background,
/// where it lets processes ignore that, and those that they start.
fn that_hears_ctrl_c(command: &Command) -> Command {
    let mut hears = Command::new("env");
    hears.arg("--default-signal=INT,QUIT").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => hears.env(name, value),
            None => hears.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        hears.current_dir(folder);
    }
    hears
}
