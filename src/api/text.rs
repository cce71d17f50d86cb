//! Text that came from a user, made harmless for terminals, tables and logs.

use std::borrow::Cow;

/// Whether a character stands for itself: none that commands a terminal, ends a line,
/// turns the direction of text or can't be seen.
#[must_use]
pub fn is_harmless(c: char) -> bool {
    // The standard library knows them. What combines with the letter before it may.
    c.is_ascii_graphic() || c == ' ' || (!c.is_ascii() && escaped_alone(c))
}

fn escaped_alone(c: char) -> bool {
    String::from_iter(['a', c]).escape_debug().count() == 2
}

/// The text with everything else as `\u{202e}`, at most `longest` characters of it.
#[must_use]
pub fn harmless(text: &str, longest: usize) -> Cow<'_, str> {
    if text.chars().all(is_harmless) && text.chars().nth(longest).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmless(c) {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    if let Some((end, _)) = out.char_indices().nth(longest) {
        let end = out[..end].char_indices().next_back().map_or(0, |(last, _)| last);
        out.truncate(end);
        out.push('…');
    }
    Cow::Owned(out)
}

/// As much of a text as an Event takes, counted in bytes.
#[must_use]
pub fn as_note(text: &str) -> &str {
    &text[..text.floor_char_boundary(1024)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_to_what_an_event_takes() {
        assert_eq!(as_note("short"), "short");
        assert_eq!(as_note(&"…".repeat(1000)).len(), 1023);
    }

    #[test]
    fn names_of_people_stay_as_they_are() {
        for name in
            ["anna", "Åsa Öberg", "A\u{30a}sa", "हिन्दी", "מרים", "山田", "oidc:a@b.example#1"]
        {
            assert_eq!(harmless(name, 99), name);
        }
    }

    #[test]
    fn what_deceives_a_reader_is_shown_as_what_it_is() {
        for (text, shown) in [
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\nb\rc\td", "a\\u{a}b\\u{d}c\\u{9}d"),
            ("a\u{9b}1m\u{85}\u{7f}", "a\\u{9b}1m\\u{85}\\u{7f}"),
            ("a\u{202e}b\u{2066}\u{61c}", "a\\u{202e}b\\u{2066}\\u{61c}"),
            ("a\u{2028}\u{200b}\u{feff}", "a\\u{2028}\\u{200b}\\u{feff}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(harmless(text, 99), shown);
        }
    }

    #[test]
    fn what_is_too_long_is_cut_also_after_it_has_grown() {
        assert_eq!(harmless("abcdef", 6), "abcdef");
        assert_eq!(harmless("abcdefg", 6), "abcde…");
        assert_eq!(harmless("\u{202e}\u{202e}", 9).chars().count(), 9);
    }
}
