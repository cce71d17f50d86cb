//! What people see of a value.

use super::Plaintext;

/// The mask of a value that shows nothing.
pub const HIDDEN: &str = "****";

/// A value must be this long, characters, before eight of them are shown.
const SHOW_FROM: usize = 20;
/// Characters shown at each end.
const SHOWN: usize = 4;

/// The first four and last four characters with four stars between:
/// `sk-proj-abc123xyz789` gives `sk-p****z789`. Stars alone for a value that is short,
/// not UTF-8, of several lines or with control characters, or whose ends hold
/// characters that could deceive a reader: a mask is shown in terminals and pages.
#[must_use]
pub fn mask(value: &Plaintext) -> String {
    let Ok(text) = std::str::from_utf8(expose(value)) else { return HIDDEN.into() };
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return HIDDEN.into();
    }
    if text.chars().count() < SHOW_FROM {
        return HIDDEN.into();
    }
    let start = text.chars().take(SHOWN);
    let mut end: Vec<char> = text.chars().rev().take(SHOWN).collect();
    end.reverse();
    if !start.clone().chain(end.iter().copied()).all(is_plain) {
        return HIDDEN.into();
    }
    start.chain(HIDDEN.chars()).chain(end).collect()
}

/// Whether a character stands for itself, visibly. The standard library's escapes know
/// control, format (bidirectional, zero width), private and unassigned characters,
/// other spaces, and marks that combine with their neighbour; what they let through
/// and yet looks like nothing is listed here.
fn is_plain(c: char) -> bool {
    const BLANK: [char; 5] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}'];
    c.is_ascii_graphic() || c == ' ' || (c.escape_debug().count() == 1 && !BLANK.contains(&c))
}

#[expect(clippy::disallowed_methods, reason = "a mask shows the ends of the value")]
fn expose(value: &Plaintext) -> &[u8] {
    value.expose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        mask(&Plaintext::new(text.into()))
    }

    #[test]
    fn shows_both_ends_of_a_long_value() {
        assert_eq!(masked("sk-proj-abc123xyz789"), "sk-p****z789");
        assert_eq!(masked("postgres://app:hunter2@db:5432/app"), "post****/app");
        assert_eq!(masked("åäöü-0123456789-ÅÄÖÜ"), "åäöü****ÅÄÖÜ");
        assert_eq!(masked("a'\"\\-0123456789--<&>"), "a'\"\\****-<&>");
        assert_eq!(masked(&"x".repeat(65_536)), "xxxx****xxxx");
    }

    #[test]
    fn hides_a_short_value_whole() {
        for short in ["", "x", "hunter2", "1234567890123456789", "ååååååååååååååååååå"]
        {
            assert_eq!(masked(short), HIDDEN, "{short}");
        }
    }

    #[test]
    fn counts_characters_and_not_bytes() {
        assert_eq!(masked(&"å".repeat(20)), "åååå****åååå");
    }

    #[test]
    fn hides_values_of_several_lines_or_with_control_characters() {
        for inner in ['\n', '\r', '\t', '\0', '\u{1b}', '\u{7f}', '\u{85}', '\u{2028}', '\u{2029}']
        {
            assert_eq!(masked(&format!("0123456789{inner}0123456789")), HIDDEN, "{inner:?}");
        }
        assert_eq!(masked("sk-proj-abc123xyz789\n"), HIDDEN);
    }

    #[test]
    fn hides_what_is_not_text() {
        assert_eq!(mask(&Plaintext::new(vec![0xff; 40])), HIDDEN);
    }

    #[test]
    fn hides_ends_that_could_deceive_a_reader() {
        // Bidirectional, zero width, joiners, combining, variation, blank, private,
        // tags, odd spaces, unassigned.
        for hostile in [
            '\u{202e}',
            '\u{2066}',
            '\u{200f}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{feff}',
            '\u{ad}',
            '\u{301}',
            '\u{fe0f}',
            '\u{3164}',
            '\u{ffa0}',
            '\u{2800}',
            '\u{e000}',
            '\u{e0041}',
            '\u{a0}',
            '\u{3000}',
            '\u{e0100}',
            '\u{10ffff}',
            '\u{378}',
        ] {
            assert_eq!(masked(&format!("ab{hostile}d0123456789012345678")), HIDDEN, "{hostile:?}");
            assert_eq!(masked(&format!("0123456789012345678wx{hostile}z")), HIDDEN, "{hostile:?}");
        }
    }

    #[test]
    fn a_hostile_character_in_the_hidden_middle_does_not_matter() {
        assert_eq!(masked("sk-proj-\u{202e}abc123xyz789"), "sk-p****z789");
    }
}
