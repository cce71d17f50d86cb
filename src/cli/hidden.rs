//! The hidden prompt: a line typed on the terminal, which does not show it.
//!
//! ```text
//!  /dev/tty ─► no echo, byte by byte ─► Typing: erase, end, give up ─► Plaintext
//!     ▲ as it was before, however it ends
//! ```
//!
//! Ctrl-C is read, not left to the signal: the signal would end the process and leave the
//! terminal silent. The line is kept in memory that is never moved, so that no copy stays.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write as _};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use super::prompt::NotAsked;
use crate::seal::{MAX_VALUE, Plaintext};

/// Asks on the terminal of this process, whatever its standard streams are.
pub(crate) fn ask(prompt: &str) -> Result<Plaintext, NotAsked> {
    let tty = OpenOptions::new().read(true).write(true).open("/dev/tty");
    let tty = tty.map_err(|_| NotAsked::NoTerminal)?;
    let silent = Silent::new(&tty).ok_or(NotAsked::Unreadable)?;
    let typed = write(&tty, prompt).and_then(|()| line(&tty));
    drop(silent);
    // The line break that was typed was not shown.
    write(&tty, "\n")?;
    typed
}

fn write(mut tty: &File, text: &str) -> Result<(), NotAsked> {
    tty.write_all(text.as_bytes()).map_err(|_| NotAsked::Unreadable)
}

fn line(mut tty: &File) -> Result<Plaintext, NotAsked> {
    let mut typing = Typing::new();
    let mut byte = [0];
    loop {
        let ended = match tty.read(&mut byte) {
            Ok(0) => Some(End::Line),
            Ok(_) => typing.hears(byte[0]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => None,
            Err(_) => return Err(NotAsked::Unreadable),
        };
        match ended {
            None => {}
            Some(End::GivenUp) => return Err(NotAsked::Interrupted),
            // More lines of a paste would be commands for the shell.
            Some(End::Line) if more_follows(tty) => return Err(NotAsked::SeveralLines),
            Some(End::Line) => return Ok(Plaintext::new(std::mem::take(&mut typing.line))),
        }
    }
}

/// Takes what comes right behind a line, until a tenth of a second is quiet: a paste may
/// arrive piece by piece. Says whether it is more than line breaks.
fn more_follows(mut tty: &File) -> bool {
    let Ok(mut quiet) = tcgetattr(tty) else { return false };
    quiet.special_codes[SpecialCodeIndex::VMIN] = 0;
    quiet.special_codes[SpecialCodeIndex::VTIME] = 1;
    if tcsetattr(tty, OptionalActions::Now, &quiet).is_err() {
        return false;
    }
    let mut piece = Zeroizing::new([0; 256]);
    let mut more = false;
    while let Ok(count @ 1..) = tty.read(&mut *piece) {
        more |= piece[..count].iter().any(|byte| !b"\r\n".contains(byte));
    }
    more
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silent<'a> {
    tty: &'a File,
    before: Termios,
}

impl<'a> Silent<'a> {
    fn new(tty: &'a File) -> Option<Self> {
        let before = tcgetattr(tty).ok()?;
        let mut silent = before.clone();
        // Without ICANON a line may be longer than 4 KiB.
        silent.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        silent.local_modes -= LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN;
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(tty, OptionalActions::Now, &silent).ok()?;
        Some(Self { tty, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.tty, OptionalActions::Now, &self.before);
    }
}

/// How a line ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Line,
    GivenUp,
}

/// A line as it is being typed.
struct Typing {
    line: Vec<u8>,
}

impl Typing {
    /// One byte more than a value may have shows that it is too large.
    const MOST: usize = MAX_VALUE + 1;

    fn new() -> Self {
        Self { line: Vec::with_capacity(Self::MOST) }
    }

    fn hears(&mut self, byte: u8) -> Option<End> {
        const CTRL_C: u8 = 3;
        const CTRL_D: u8 = 4;
        const BACKSPACE: u8 = 8;
        const CTRL_U: u8 = 21;
        const CTRL_BACKSLASH: u8 = 28;
        const DELETE: u8 = 127;
        match byte {
            b'\n' | b'\r' => return Some(End::Line),
            CTRL_D if self.line.is_empty() => return Some(End::Line),
            CTRL_C | CTRL_BACKSLASH => return Some(End::GivenUp),
            CTRL_U => self.shorten(0),
            BACKSPACE | DELETE => {
                let is_start = |byte: &u8| byte & 0b1100_0000 != 0b1000_0000;
                self.shorten(self.line.iter().rposition(is_start).unwrap_or(0));
            }
            byte if self.line.len() < Self::MOST => self.line.push(byte),
            _ => {}
        }
        None
    }

    /// What is taken away is wiped at once.
    fn shorten(&mut self, length: usize) {
        self.line[length..].fill(0);
        self.line.truncate(length);
    }
}

impl Drop for Typing {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> (Vec<u8>, Option<End>) {
        let mut typing = Typing::new();
        let end = keys.iter().find_map(|key| typing.hears(*key));
        (typing.line.clone(), end)
    }

    #[test]
    fn a_line_is_what_was_typed_and_not_erased() {
        let table: [(&[u8], &[u8]); 6] = [
            (b"key\n", b"key"),
            (b"key\r", b"key"),
            (b"a\tb \n", b"a\tb "),
            ("ké\u{7f}y\n".as_bytes(), b"ky"),
            (b"wrong\x15right\n", b"right"),
            (b"\x7fa\x7f\x7fb\x04\n", b"b\x04"),
        ];
        for (keys, line) in table {
            assert_eq!(typed(keys), (line.to_vec(), Some(End::Line)), "{keys:?}");
        }
    }

    #[test]
    fn ctrl_c_gives_up_and_ctrl_d_ends_an_empty_line() {
        assert_eq!(typed(b"key\x03").1, Some(End::GivenUp));
        assert_eq!(typed(b"key\x1c").1, Some(End::GivenUp));
        assert_eq!(typed(b"\x04"), (Vec::new(), Some(End::Line)));
    }

    #[test]
    fn a_line_never_moves_in_memory_and_shows_when_it_is_too_long() {
        let mut typing = Typing::new();
        let capacity = typing.line.capacity();
        let end = (0..2 * MAX_VALUE).find_map(|_| typing.hears(b'k'));
        assert_eq!((typing.line.len(), end), (MAX_VALUE + 1, None));
        assert_eq!(typing.line.capacity(), capacity);
    }
}
