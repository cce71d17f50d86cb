//! Where a value comes from, and questions. A value is never an argument; it is read into
//! memory that is wiped.

use std::fs::File;
use std::io::{Read, Write as _, stderr, stdin};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::hidden;
use super::session::Terminal;
use crate::seal::{MAX_VALUE, Plaintext};

/// Where the value is.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "The value (without these: a hidden prompt)")]
#[group(multiple = false)]
pub(crate) struct From {
    /// Read the value from standard input
    #[arg(long)]
    pub(crate) from_stdin: bool,

    /// Read the value from a file
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
}

impl From {
    /// Whether it is said where the value is.
    pub(crate) fn is_given(&self) -> bool {
        self.from_stdin || self.from_file.is_some()
    }
}

/// Why nothing was read, or nobody could answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NotAsked {
    #[error("there is no terminal to ask on: give the value with --from-stdin or --from-file")]
    NoTerminal,
    #[error("this needs a yes, and there is no terminal to ask on: give --yes")]
    NoYes,
    #[error("nothing was done")]
    No,
    #[error("interrupted; nothing was written")]
    Interrupted,
    #[error("the value can't be read")]
    Unreadable,
    #[error("what was typed has several lines: give it with --from-file or --from-stdin")]
    SeveralLines,
    #[error("the file can't be read: is it there, and may you read it?")]
    File,
    #[error("that is the first line of a key only: give the whole key with --from-file")]
    FirstLine,
    #[error("the value is empty; nothing was written. To take a secret away: kubectl kliv delete")]
    Empty,
    #[error("the value is larger than 64 KiB")]
    TooLarge,
    #[error("the value holds a zero byte or is not UTF-8: no environment variable can hold it")]
    NotText,
}

/// The value, where it is not to be typed. Read before the client is made: a program that the
/// kubeconfig names to log in with must not find it on standard input.
pub(crate) fn given(from: &From) -> Result<Option<Plaintext>, NotAsked> {
    if !from.is_given() {
        return Ok(None);
    }
    value(from, "", Terminal::default()).map(Some)
}

/// The same, or what is typed.
pub(crate) fn given_or_typed(
    given: Option<Plaintext>,
    prompt: &str,
    terminal: Terminal,
) -> Result<Plaintext, NotAsked> {
    match given {
        Some(given) => Ok(given),
        None => whole(value(&From::default(), prompt, terminal)?),
    }
}

/// The first line of a key that was pasted is not the key.
#[expect(clippy::disallowed_methods, reason = "a key's first line is refused")]
fn whole(typed: Plaintext) -> Result<Plaintext, NotAsked> {
    let text = typed.expose().trim_ascii_start();
    let ends = text.windows(b"-----END ".len()).any(|part| part == b"-----END ");
    match text.starts_with(b"-----BEGIN ") && !ends {
        true => Err(NotAsked::FirstLine),
        false => Ok(typed),
    }
}

/// Reads the value.
fn value(from: &From, prompt: &str, terminal: Terminal) -> Result<Plaintext, NotAsked> {
    let value = match (&from.from_file, from.from_stdin) {
        (Some(file), _) => from_file(file)?,
        (None, true) => from_stdin()?,
        (None, false) if terminal.input => hidden::ask(prompt)?,
        (None, false) => return Err(NotAsked::NoTerminal),
    };
    checked(value)
}

fn from_stdin() -> Result<Plaintext, NotAsked> {
    stdin_up_to(MAX_VALUE + 3).ok_or(NotAsked::Unreadable)
}

/// Standard input, as [`read_up_to`] reads.
pub(crate) fn stdin_up_to(most: usize) -> Option<Plaintext> {
    // Not through the standard library's buffer, which nobody wipes.
    read_up_to(File::from(stdin().as_fd().try_clone_to_owned().ok()?), most)
}

fn from_file(file: &Path) -> Result<Plaintext, NotAsked> {
    File::open(file).ok().and_then(read).ok_or(NotAsked::File)
}

/// Reads to the end, or one byte more than a value may have. Allocated once, so that no
/// copy stays behind.
pub(crate) fn read(from: impl Read) -> Option<Plaintext> {
    read_up_to(from, MAX_VALUE + 3)
}

/// The same with another limit, bytes: what is longer comes back with one byte more.
pub(crate) fn read_up_to(from: impl Read, most: usize) -> Option<Plaintext> {
    const SLACK: usize = 64;
    let mut bytes = Vec::with_capacity(most + SLACK);
    let limit = u64::try_from(most).ok()?.saturating_add(1);
    let ended = from.take(limit).read_to_end(&mut bytes);
    let value = Plaintext::new(bytes);
    ended.ok().map(|_| value)
}

/// One line's line break does not belong to the value: `echo` and editors put it there. In
/// a value of several lines, e.g. a key in PEM, everything does.
#[expect(clippy::disallowed_methods, reason = "a line break at the end is taken away")]
fn checked(value: Plaintext) -> Result<Plaintext, NotAsked> {
    let bytes = value.expose();
    let line = bytes.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let value = match line {
        Some(line) if !line.contains(&b'\n') => Plaintext::new(line.to_vec()),
        _ => value,
    };
    let bytes = value.expose();
    if bytes.is_empty() {
        return Err(NotAsked::Empty);
    }
    if bytes.len() > MAX_VALUE {
        return Err(NotAsked::TooLarge);
    }
    if bytes.contains(&0) || std::str::from_utf8(bytes).is_err() {
        return Err(NotAsked::NotText);
    }
    Ok(value)
}

/// Asks, unless `--yes` has answered.
pub(crate) fn confirm(question: &str, yes: bool, terminal: Terminal) -> Result<(), NotAsked> {
    if yes {
        return Ok(());
    }
    if !terminal.input {
        return Err(NotAsked::NoYes);
    }
    let mut out = stderr().lock();
    let asked = write!(out, "{question} [y/N] ").and_then(|()| out.flush());
    let mut answer = String::new();
    asked.and_then(|()| stdin().read_line(&mut answer)).map_err(|_| NotAsked::No)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(NotAsked::No),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "made-up values")]
mod tests {
    use super::*;

    fn read_as(text: &[u8]) -> Result<Vec<u8>, NotAsked> {
        checked(read(text).unwrap()).map(|value| value.expose().to_vec())
    }

    #[test]
    fn the_line_break_after_one_line_is_not_part_of_the_value() {
        for text in ["key", "key\n", "key\r\n"] {
            assert_eq!(read_as(text.as_bytes()).unwrap(), b"key", "{text:?}");
        }
        for text in ["a\nb\n", " key ", "key\r", "key\n\n"] {
            assert_eq!(read_as(text.as_bytes()).unwrap(), text.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn the_first_line_of_a_key_is_refused() {
        let typed = |text: &str| whole(Plaintext::new(text.into())).map(|_| ());
        assert_eq!(typed("-----BEGIN PRIVATE KEY-----"), Err(NotAsked::FirstLine));
        assert_eq!(typed("-----BEGIN A----- AbC= -----END A-----"), Ok(()));
        assert_eq!(typed("sk_live_1"), Ok(()));
    }

    #[test]
    fn what_no_variable_can_hold_is_refused() {
        assert_eq!(read_as(b"").unwrap_err(), NotAsked::Empty);
        assert_eq!(read_as(b"\n").unwrap_err(), NotAsked::Empty);
        assert_eq!(read_as(b"a\0b").unwrap_err(), NotAsked::NotText);
        assert_eq!(read_as(b"\xff\xfe").unwrap_err(), NotAsked::NotText);
        let line = |length: usize| [vec![b'a'; length], b"\r\n".to_vec()].concat();
        assert_eq!(read_as(&line(MAX_VALUE)).unwrap().len(), MAX_VALUE);
        assert_eq!(read_as(&line(MAX_VALUE + 1)).unwrap_err(), NotAsked::TooLarge);
    }

    #[test]
    fn a_value_is_read_without_leaving_copies() {
        let text = vec![b'a'; MAX_VALUE];
        let value = read(text.as_slice()).unwrap();
        assert_eq!(value.len(), MAX_VALUE);
        assert!(read_up_to(&b"abcd"[..], 2).unwrap().len() == 3);
    }

    #[test]
    fn without_a_terminal_nothing_is_asked() {
        let none = Terminal::default();
        assert_eq!(confirm("?", false, none), Err(NotAsked::NoYes));
        assert_eq!(confirm("?", true, none), Ok(()));
        assert!(value(&From::default(), "?", none).is_err_and(|e| e == NotAsked::NoTerminal));
    }
}
