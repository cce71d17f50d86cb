//! `.env` files: `NAME=value`, one a line.
//!
//! There is no standard, and the programs that read such files differ. Where a silent choice
//! could store another value than the one that works today, the line is refused, in words
//! that say how to write it so that all agree. `docs/env-files.md` has the cases side by
//! side.
//!
//! ```text
//!  # comment                       export NAME=value   # comment
//!  NAME='nothing is special here'  NAME="\n \" \\ \$ are escapes"
//!  NAME="several
//!  lines"
//! ```
//!
//! Nothing is ever substituted: `$NAME`, `${NAME}` and `$(command)` stay as they are.

use zeroize::Zeroizing;

use super::bundle::{Bundle, Fault, Note};
use crate::seal::Plaintext;

const BLANK: [char; 2] = [' ', '\t'];

/// Reads a whole file.
pub(super) fn read(text: &str, bundle: &mut Bundle) {
    let (mut rest, mut line) = (text, 1);
    while !rest.is_empty() {
        let (length, found) = statement(rest);
        match found {
            None => {}
            Some(Found { name, value: Ok((value, note)) }) => bundle.push(name, line, value, note),
            Some(Found { name, value: Err(fault) }) => bundle.refuse(line, Some(name), fault),
        }
        line += newlines(&rest[..length]);
        rest = &rest[length..];
    }
}

type Value = (Plaintext, Option<Note>);

struct Found<'a> {
    name: &'a str,
    value: Result<Value, Fault>,
}

/// The statement that a text begins with, and its length with the line's end.
fn statement(text: &str) -> (usize, Option<Found<'_>>) {
    let (line, length) = first_line(text);
    let start = line.trim_start_matches(BLANK);
    if start.is_empty() || start.starts_with('#') {
        return (length, None);
    }
    let Some((name, after)) = line.split_once('=') else {
        return (length, Some(Found { name: "", value: Err(Fault::NoEquals) }));
    };
    let name = without_export(name.trim_matches(BLANK));
    let value = after.trim_start_matches(BLANK);
    let at = line.len() - value.len();
    let tabbed = after[..after.len() - value.len()].contains('\t');

    if value.starts_with(['\'', '"']) {
        let (length, value) = quoted(&text[at..]);
        let value = if tabbed { Err(Fault::Blank) } else { value };
        return (at + length, Some(Found { name, value }));
    }
    if value.starts_with("-----BEGIN ") && !value.contains("-----END ") {
        let length = text.find("-----END ").map_or(length, |end| end + first_line(&text[end..]).1);
        return (length, Some(Found { name, value: Err(Fault::Pem) }));
    }
    let found = match unquoted(value) {
        // Such a name may be the end of a key that lacks its quotation marks.
        Ok(value) if value.trim_start_matches('=').is_empty() => {
            Found { name: "", value: Err(Fault::Empty) }
        }
        Ok(_) if tabbed => Found { name, value: Err(Fault::Blank) },
        Ok(value) => {
            let note = mentions_another(value).then_some(Note::Dollar);
            Found { name, value: Ok((Plaintext::new(value.as_bytes().to_vec()), note)) }
        }
        Err(fault) => Found { name, value: Err(fault) },
    };
    (length, Some(found))
}

/// The value on the rest of a line.
fn unquoted(text: &str) -> Result<&str, Fault> {
    let value = match text.find('#') {
        Some(at) if text[..at].ends_with(' ') => &text[..at],
        Some(_) => return Err(Fault::Hash),
        None => text,
    };
    let value = value.trim_end_matches(' ');
    if value.starts_with(char::is_whitespace) || value.ends_with(char::is_whitespace) {
        return Err(Fault::Blank);
    }
    if value.starts_with('`') {
        return Err(Fault::Backtick);
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Fault::Control);
    }
    Ok(value)
}

/// The value between quotation marks that a text begins with, and its length with the rest
/// of its last line. Where nobody can say where it ends, that is the whole text.
fn quoted(text: &str) -> (usize, Result<Value, Fault>) {
    let is_single = text.starts_with('\'');
    let close = match if is_single { single_close(text) } else { double_close(text) } {
        Ok(close) => close,
        Err(fault) => return (text.len(), Err(fault)),
    };
    let (tail, length) = first_line(&text[close + 1..]);
    let comment = tail.trim_start_matches(BLANK);
    let value = if !comment.is_empty() && !comment.starts_with('#') {
        Err(Fault::AfterQuote)
    } else if is_single {
        Ok((literal(&text[1..close]), None))
    } else {
        unescaped(&text[1..close])
    };
    (close + 1 + length, value)
}

fn single_close(text: &str) -> Result<usize, Fault> {
    let close = 1 + text[1..].find('\'').ok_or(Fault::Unclosed)?;
    if text[..close].ends_with('\\') { Err(Fault::QuoteEscaped) } else { Ok(close) }
}

fn double_close(text: &str) -> Result<usize, Fault> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok(at),
            _ => {}
        }
    }
    Err(Fault::Unclosed)
}

/// The text as it is, but for the line ends of other systems.
fn literal(text: &str) -> Plaintext {
    // As large as it can get, so that it never moves and leaves a copy behind.
    let mut value = Vec::with_capacity(text.len());
    for line in text.split_inclusive("\r\n") {
        match line.strip_suffix("\r\n") {
            Some(line) => {
                value.extend_from_slice(line.as_bytes());
                value.push(b'\n');
            }
            None => value.extend_from_slice(line.as_bytes()),
        }
    }
    Plaintext::new(value)
}

fn unescaped(text: &str) -> Result<Value, Fault> {
    let mut value = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut note = None;
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '\r', '$']) {
        value.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let (byte, length) = match rest.as_bytes() {
            [b'\r', b'\n', ..] | [b'\\', b'n', ..] => (b'\n', 2),
            [b'\\', sign @ (b'"' | b'\\' | b'$'), ..] => (*sign, 2),
            [b'\\', ..] => return Err(Fault::Escape),
            [byte, ..] => {
                if mentions_another(rest) {
                    note = Some(Note::Dollar);
                }
                (*byte, 1)
            }
            [] => break,
        };
        value.push(byte);
        rest = &rest[length..];
    }
    value.extend_from_slice(rest.as_bytes());
    Ok((Plaintext::new(std::mem::take(&mut *value)), note))
}

/// Whether other programs would see `$NAME`, `${…}`, `$(…)` or a `$` written `$$` in it.
fn mentions_another(text: &str) -> bool {
    text.match_indices('$').any(|(at, _)| {
        let after = &text[at + 1..];
        after.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '{' | '(' | '$'))
    })
}

/// `export NAME` is as good as `NAME`, so that a shell can read the file too.
fn without_export(name: &str) -> &str {
    match name.strip_prefix("export") {
        Some(rest) if rest.starts_with(BLANK) => rest.trim_start_matches(BLANK),
        _ => name,
    }
}

/// The first line without its end, and its length with it.
fn first_line(text: &str) -> (&str, usize) {
    match text.split_once('\n') {
        Some((line, _)) => (line.strip_suffix('\r').unwrap_or(line), line.len() + 1),
        None => (text.strip_suffix('\r').unwrap_or(text), text.len()),
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}
