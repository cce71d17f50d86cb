//! YAML files: `NAME: value`.
//!
//! Read event by event, since it matters how a value is written: a plain `0123` or `yes` is a
//! number or a truth value to some readers of YAML and a text to others, so it is refused
//! unless it is quoted. The reader's own copies of what it scans are not wiped.

use granit_parser::{Event, Marker, Parser, ScalarStyle, StrInput, options};

use super::bundle::{Bundle, Fault, Lines};
use crate::seal::Plaintext;

/// Reads a whole file.
pub(super) fn read(text: &str, bundle: &mut Bundle) {
    // A file whose last line has no end is read as kubectl reads it.
    let options = options! { emit_comments: false, block_scalar_eof_without_line_feed: true };
    let mut events = Events {
        parser: Parser::new_from_str_with_options(text, options),
        lines: Lines::of(text.as_bytes()),
    };
    if let Err(Stop { line, fault }) = document(&mut events, bundle) {
        bundle.refuse(line, None, fault);
    }
}

/// Nothing can be read from here on.
struct Stop {
    line: usize,
    fault: Fault,
}

struct Events<'a> {
    parser: Parser<'a, StrInput<'a>>,
    lines: Lines<'a>,
}

impl<'a> Events<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.line_of(&span.start))),
            // The error's text may quote the file: it ends here.
            Some(Err(error)) => {
                Err(Stop { line: self.line_of(error.marker()), fault: Fault::NotYaml })
            }
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    fn line_of(&mut self, place: &Marker) -> usize {
        self.lines.line_at(place.byte_offset().unwrap_or_default())
    }

    /// Passes over the rest of a node that has begun.
    fn skip(&mut self, begun: &Event<'_>) -> Result<(), Stop> {
        let mut depth = depth(begun);
        while depth > 0 {
            let (event, line) = self.next()?;
            if event == Event::StreamEnd {
                return Err(Stop { line, fault: Fault::NotYaml });
            }
            depth += self::depth(&event);
        }
        Ok(())
    }
}

fn document(events: &mut Events<'_>, bundle: &mut Bundle) -> Result<(), Stop> {
    loop {
        match events.next()? {
            (Event::StreamEnd, _) => return Ok(()),
            (Event::MappingStart(..), _) => break,
            // An empty document.
            (Event::Scalar(text, ScalarStyle::Plain, ..), _) if text == "~" => {}
            (event, line) if event.is_node() => return Err(Stop { line, fault: Fault::NotMap }),
            _ => {}
        }
    }
    loop {
        match events.next()? {
            (Event::MappingEnd, _) => break,
            (Event::Scalar(name, ..), line) => {
                let (value, _) = events.next()?;
                match entry(&value) {
                    Ok(()) => {
                        if let Event::Scalar(text, ..) = value {
                            // Taken over where the reader made a text of its own.
                            let value = Plaintext::new(text.into_owned().into_bytes());
                            bundle.push(&name, line, value, None);
                        }
                    }
                    Err(fault) => {
                        events.skip(&value)?;
                        bundle.refuse(line, Some(&name), fault);
                    }
                }
            }
            (event, line) => {
                bundle.refuse(line, None, Fault::Name);
                events.skip(&event)?;
                let (value, _) = events.next()?;
                events.skip(&value)?;
            }
        }
    }
    loop {
        match events.next()? {
            (Event::StreamEnd, _) => return Ok(()),
            (Event::DocumentStart(..), line) => {
                return Err(Stop { line, fault: Fault::Documents });
            }
            _ => {}
        }
    }
}

/// Whether a value is a text.
fn entry(value: &Event<'_>) -> Result<(), Fault> {
    match value {
        Event::Scalar(text, style, _, tag) => match tag {
            Some(tag) if tag.is_yaml_core_schema_tag("str") => Ok(()),
            Some(_) => Err(Fault::Tag),
            None if *style != ScalarStyle::Plain => Ok(()),
            None if is_null(text) => Err(Fault::Empty),
            None if is_truth(text) || is_number(text) => Err(Fault::Unquoted),
            None => Ok(()),
        },
        Event::Alias(_) | Event::UnresolvedAlias(_) => Err(Fault::Alias),
        _ => Err(Fault::Nested),
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// What any version of YAML takes for a truth value.
fn is_truth(text: &str) -> bool {
    const WORDS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "y", "n"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// What any version of YAML takes for a number or a date.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |text: &str, radix: u32| {
        text.starts_with(|c: char| c.is_digit(radix))
            && text.chars().all(|c| c == '_' || c.is_digit(radix))
    };
    if [".inf", ".nan"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return true;
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            return digits(rest, radix);
        }
    }
    let begins_as_date = text.len() >= 8
        && text.bytes().take(4).all(|b| b.is_ascii_digit())
        && text.as_bytes()[4] == b'-'
        && text.bytes().all(|b| b.is_ascii_digit() || b" -:.+tTzZ".contains(&b));
    begins_as_date
        || text.split(':').all(|part| digits(part, 10) || part.parse::<f64>().is_ok())
        || text.replace('_', "").parse::<f64>().is_ok()
}

fn depth(event: &Event<'_>) -> isize {
    match event {
        Event::MappingStart(..) | Event::SequenceStart(..) => 1,
        Event::MappingEnd | Event::SequenceEnd => -1,
        _ => 0,
    }
}
