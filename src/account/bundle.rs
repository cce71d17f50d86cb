//! Many values at once: what a file for import holds.
//!
//! A value goes into [`Plaintext`] as it is read, and what is wrong with a file is said by
//! line and in fixed words: no text of the file is ever repeated but names of variables,
//! and those only where they can't be a piece of a value.
//!
//! To add a format: a file beside this one that pushes entries and faults, a case in
//! [`Format`]; every rule for names and values stays here.

use std::collections::BTreeMap;
use std::path::Path;

use crate::api::{check_env_var, is_well_formed, object_name};
use crate::seal::{MAX_VALUE, Plaintext, Sealed};

use super::{dotenv, json, yaml};

/// How the file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `NAME=value`, one a line.
    Dotenv,
    /// One flat map of texts.
    Json,
    /// One flat map of texts.
    Yaml,
}

/// What a file holds.
#[derive(Default)]
pub struct Bundle {
    /// In the order of the file. No two are for the same KlivSecret.
    pub entries: Vec<Entry>,
    /// What can't be imported, in the order of the file.
    pub invalid: Vec<Invalid>,
}

/// One variable with its value.
pub struct Entry {
    /// The variable, one that may be used.
    pub name: String,
    /// Where it stands, counted from 1.
    pub line: usize,
    /// Its value: neither empty nor too large, and without a NUL byte.
    pub value: Plaintext,
    /// Something that a reader may not expect.
    pub note: Option<Note>,
}

/// Something in the file that can't be imported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invalid {
    /// Where it stands, counted from 1.
    pub line: usize,
    /// The variable, where it is plain that this is one.
    pub name: Option<String>,
    /// What is wrong.
    pub fault: Fault,
}

/// What a reader may not expect, though it is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Note {
    /// Other programs would put something in the place of a `$NAME` or `$$`.
    #[error("holds a $ and is taken as it is: nothing is put in its place")]
    Dollar,
}

/// Why something can't be imported: fixed words, the way out among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// Bytes that are no text.
    #[error("is not UTF-8 text: save the file as UTF-8, and give binary data in base64")]
    NotUtf8,
    /// A text in 16-bit characters.
    #[error("the file is UTF-16: save it as UTF-8")]
    Utf16,
    /// No name of a variable.
    #[error(
        "the name must start with a letter, end with a letter or digit, hold only letters, digits \
         and underscores, and have at most 128 characters, e.g. OPENAI_API_KEY"
    )]
    Name,
    /// A name that no secret may have.
    #[error(
        "the name is reserved: it would change how the function itself runs. Name it after the \
         service, e.g. SENDGRID_API_KEY"
    )]
    Reserved,
    /// Two lines for one KlivSecret.
    #[error("was given on line {0} already; names that differ only in capitals are the same")]
    Twice(usize),
    /// No value.
    #[error("the value is empty: leave the line out, then what is stored stays")]
    Empty,
    /// More than [`MAX_VALUE`].
    #[error("the value is larger than 64 KiB, counted in bytes: keep files elsewhere")]
    TooLarge,
    /// A NUL byte.
    #[error("the value holds a NUL byte, which no environment variable can: give it in base64")]
    Nul,
    /// A ciphertext.
    #[error("the value is sealed already: put it into spec.sealed of a KlivSecret")]
    Sealed,
    /// `.env`: neither a comment nor an assignment.
    #[error("is not NAME=value; a value of several lines goes between quotation marks")]
    NoEquals,
    /// `.env`: a quotation mark without its second.
    #[error("the quotation mark that opens here is not closed; nothing after it was read")]
    Unclosed,
    /// `.env`: `"value"more`.
    #[error("after the closing quotation mark there may only be a comment")]
    AfterQuote,
    /// `.env`: `'a\'b'`.
    #[error(
        "programs differ about a backslash before a single quotation mark, so nothing from here on \
         was read: put the value between double ones"
    )]
    QuoteEscaped,
    /// `.env`: an escape that is none of ours.
    #[error(
        "programs differ about a backslash between double quotation marks, but for \\n \\\" \\\\ \\$: \
         use single ones, where a backslash is one"
    )]
    Escape,
    /// `.env`: `a#b`.
    #[error(
        "programs differ about a # in a value without quotation marks: put the value between \
         single ones, or a space before a comment"
    )]
    Hash,
    /// `.env`: a tab or another blank than a space beside the value.
    #[error(
        "programs differ about a tab, or another blank than a space, before or after a value: take \
         it away, or put it between quotation marks with the value"
    )]
    Blank,
    /// `.env`: `` `value` ``.
    #[error("backticks are quotation marks to some programs only: use single or double ones")]
    Backtick,
    /// `.env`: a character that commands terminals.
    #[error("holds a control character: put the value between quotation marks if that is meant")]
    Control,
    /// `.env`: several lines without quotation marks.
    #[error("a value of several lines, such as a key or certificate, goes between quotation marks")]
    Pem,
    /// JSON that is none.
    #[error("is not JSON")]
    NotJson,
    /// YAML that is none.
    #[error("is not YAML")]
    NotYaml,
    /// Something else than a map.
    #[error("must be one map from names to texts")]
    NotMap,
    /// A number or truth value.
    #[error("is not text: quote it, so that it stays as it is written")]
    Unquoted,
    /// A list or map.
    #[error("is a list or map: only texts are taken; to give it as JSON, quote it")]
    Nested,
    /// YAML: a second document.
    #[error("only one YAML document is taken: nothing from here on was read")]
    Documents,
    /// YAML: an alias or a merge.
    #[error("aliases are not followed: write the value out")]
    Alias,
    /// YAML: a tag other than `!!str`.
    #[error("has a YAML tag that is not taken: leave it away")]
    Tag,
}

impl Format {
    /// Which one a file's name tells, else its first sign.
    #[must_use]
    pub fn of(path: Option<&Path>, text: &[u8]) -> Self {
        let extension = path.and_then(Path::extension).and_then(|e| e.to_str()).unwrap_or_default();
        let first = || text.trim_ascii_start().first().copied();
        match extension.to_ascii_lowercase().as_str() {
            "json" => Self::Json,
            "yaml" | "yml" => Self::Yaml,
            "env" => Self::Dotenv,
            _ if first() == Some(b'{') => Self::Json,
            _ => Self::Dotenv,
        }
    }
}

impl Bundle {
    /// Reads a file. What can't be imported is told and left out; the rest is there.
    #[must_use]
    pub fn read(format: Format, text: &[u8]) -> Self {
        let mut bundle = Self::default();
        if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
            bundle.refuse(1, None, Fault::Utf16);
            return bundle;
        }
        match std::str::from_utf8(text) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').unwrap_or(text);
                match format {
                    Format::Dotenv => dotenv::read(text, &mut bundle),
                    Format::Json => json::read(text, &mut bundle),
                    Format::Yaml => yaml::read(text, &mut bundle),
                }
            }
            Err(error) => {
                let line = Lines::of(text).line_at(error.valid_up_to());
                bundle.refuse(line, None, Fault::NotUtf8);
            }
        }
        bundle.drop_doubles();
        bundle
    }

    /// What another place holds that has no lines, e.g. a native Secret: its keys, which are
    /// no values, are told. Entries have the line 0.
    pub fn of_keys(pairs: impl IntoIterator<Item = (String, Plaintext)>) -> Self {
        let mut bundle = Self::default();
        for (name, value) in pairs {
            match judge(&name, &value) {
                Ok(()) => bundle.entries.push(Entry { name, line: 0, value, note: None }),
                Err(fault) => bundle.invalid.push(Invalid { line: 0, name: Some(name), fault }),
            }
        }
        bundle.drop_doubles();
        bundle
    }

    /// Takes what was found, if it may be a secret.
    pub(super) fn push(&mut self, name: &str, line: usize, value: Plaintext, note: Option<Note>) {
        match judge(name, &value) {
            Ok(()) => self.entries.push(Entry { name: name.to_owned(), line, value, note }),
            Err(fault) => self.refuse(line, Some(name), fault),
        }
    }

    /// Tells what can't be imported. A name that is none could be a value: it is not told.
    pub(super) fn refuse(&mut self, line: usize, name: Option<&str>, fault: Fault) {
        let name = name.filter(|name| is_well_formed(name)).map(str::to_owned);
        self.invalid.push(Invalid { line, name, fault });
    }

    /// Of two for one KlivSecret neither is taken: nobody knows which was meant.
    fn drop_doubles(&mut self) {
        let mut first = BTreeMap::new();
        let mut doubles = Vec::new();
        for entry in &self.entries {
            let object = object_name(&entry.name, None);
            if let Some(line) = first.get(&object) {
                let name = Some(entry.name.clone());
                self.invalid.push(Invalid { line: entry.line, name, fault: Fault::Twice(*line) });
                doubles.push(object);
            } else {
                first.insert(object, entry.line);
            }
        }
        self.entries.retain(|entry| !doubles.contains(&object_name(&entry.name, None)));
        self.invalid.sort_by_key(|invalid| invalid.line);
    }
}

fn judge(name: &str, value: &Plaintext) -> Result<(), Fault> {
    if !is_well_formed(name) {
        return Err(Fault::Name);
    }
    check_env_var(name).map_err(|_| Fault::Reserved)?;
    check(value)
}

#[expect(clippy::disallowed_methods, reason = "what can't be a value is told by looking at it")]
fn check(value: &Plaintext) -> Result<(), Fault> {
    let bytes = value.expose();
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    if bytes.len() > MAX_VALUE {
        return Err(Fault::TooLarge);
    }
    if bytes.contains(&0) {
        return Err(Fault::Nul);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::NotUtf8)?;
    if Sealed::parse(text.trim()).is_ok() { Err(Fault::Sealed) } else { Ok(()) }
}

/// Counts the lines of a text from one place to the next.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { rest: text, at: 0, line: 1 }
    }

    /// The line of a place, counted from 1; one that lies back is on the line of the last.
    pub(super) fn line_at(&mut self, at: usize) -> usize {
        let step = at.saturating_sub(self.at).min(self.rest.len());
        let (passed, rest) = self.rest.split_at(step);
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        (self.rest, self.at) = (rest, self.at + step);
        self.line
    }
}
