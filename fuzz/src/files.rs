//! What must hold for every file for import, however it is written. Shared by the fuzz target
//! and, on stable, by the replay of `tests/env-corpus`.

use super::bundle::{Bundle, Format};
use super::seal::MAX_VALUE;

/// How a file may be written.
pub const FORMATS: [Format; 3] = [Format::Dotenv, Format::Json, Format::Yaml];

/// Reads a file as each of them. Whether anything was read.
pub fn files(text: &[u8]) -> bool {
    let read = FORMATS.map(|format| !check(format, text).entries.is_empty());
    read.contains(&true)
}

/// Reads a file: lines are the file's and in order, values are ones that a secret may have,
/// and no name comes twice.
pub fn check(format: Format, text: &[u8]) -> Bundle {
    let bundle = Bundle::read(format, text);
    let lines = 1 + text.iter().filter(|byte| **byte == b'\n').count();
    let are_lines =
        |at: &[usize]| at.is_sorted() && at.iter().all(|line| (1..=lines).contains(line));
    let told: Vec<_> = bundle.invalid.iter().map(|invalid| invalid.line).collect();
    assert!(are_lines(&told), "{told:?}");
    let read: Vec<_> = bundle.entries.iter().map(|entry| entry.line).collect();
    assert!(are_lines(&read), "{read:?}");
    let mut names: Vec<_> = bundle.entries.iter().map(|e| e.name.to_ascii_lowercase()).collect();
    names.sort();
    assert!(names.windows(2).all(|two| two[0] != two[1]), "a name twice");
    for entry in &bundle.entries {
        assert!(!entry.value.is_empty() && entry.value.len() <= MAX_VALUE);
    }
    bundle
}
