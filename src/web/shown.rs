//! Text of people and objects, as a page shows it: templates escape its markup, and here
//! what turns the direction of the text around it, or can't be seen, is shown as what it is.

use super::words::{Language, state};
use crate::api::KlivSecret;
use crate::api::text::harmless;

/// The longest text that is shown, characters: longer than any that is stored.
const LONGEST: usize = 2048;

/// On one line.
pub(super) fn line(text: &str) -> String {
    harmless(text, LONGEST).into_owned()
}

/// The same with its white space folded, and short: for tables.
pub(super) fn one_line(text: &str, longest: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    harmless(&line, longest).into_owned()
}

/// With its lines, where it may have several.
pub(super) fn lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| harmless(line, LONGEST)).collect();
    lines.join("\n")
}

/// Who did something and through what, e.g. `bot on behalf of anna, via the terminal`; empty
/// where nobody saw it.
pub(super) fn who(by: &str, on_behalf_of: Option<&str>, via: &str, language: Language) -> String {
    let who = line(&state::who(by, on_behalf_of, language));
    if via.is_empty() {
        return who;
    }
    let via = line(state::via(via, language));
    if who.is_empty() { format!("via {via}") } else { format!("{who}, via {via}") }
}

/// A secret as it was looked at: a form gives it back, so that nothing else is changed.
pub(super) fn seen(secret: &KlivSecret) -> String {
    let uid = secret.metadata.uid.as_deref().unwrap_or_default();
    format!("{uid}.{}", secret.metadata.generation.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_the_eye_is_shown_as_what_it_is_and_lines_stay_lines() {
        assert_eq!(line("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(lines("one\r\ntwo\u{2066}"), "one\ntwo\\u{2066}");
    }

    #[test]
    fn text_that_turns_its_direction_or_fills_lines_is_tamed() {
        assert_eq!(one_line("a\n\n b\u{202e}c", 99), "a b\\u{202e}c");
        assert_eq!(one_line("abcdef", 3), "ab…");
    }

    #[test]
    fn who_did_it_is_said_with_what_it_was_done_through() {
        let said = |by, human, via| who(by, human, via, Language::English);
        assert_eq!(said("bot", Some("anna"), "cli"), "bot on behalf of anna, via the terminal");
        assert_eq!(said("", None, "operator"), "via the operator");
        assert_eq!(said("a\u{202e}", None, ""), "a\\u{202e}");
        assert_eq!(said("", None, ""), "");
    }
}
