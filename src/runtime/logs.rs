//! Log lines. No value and no object may ever be in one, at any level: our own rooms
//! see to that themselves, libraries are capped here, whatever the user's filter says.
//! (At finer levels kube-client prints response bodies, hyper and h2 print frames; at
//! WARN kube-client prints a body that it could not read, so it may only say errors.)
//!
//! Records of the `log` crate are not collected at all.

use std::fmt::Write as _;
use std::io::{self, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, Registry,
    filter::{FilterExt, Targets},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

use super::args::LogFormat;
use crate::api::text::is_harmless;

/// The target of the audit trail's lines, which no filter takes away.
const AUDIT: &str = "audit";

/// The user's filter can't be read.
#[derive(thiserror::Error, Debug)]
#[error(
    "--log-level: give error, warn, info, debug, trace or off, or levels by part such as info,kliv_secrets::reconcile=debug"
)]
pub struct BadFilter;

/// Logs to standard error from here on, for the whole process.
///
/// # Errors
/// The filter can't be read.
pub fn start(format: LogFormat, filter: &str) -> Result<(), BadFilter> {
    let subscriber = subscriber(format, filter, io::stderr)?;
    // Fails only when a subscriber is set already; then that one logs.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// The same, into any writer.
///
/// # Errors
/// The filter can't be read.
pub fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    writer: W,
) -> Result<impl tracing::Subscriber + Send + Sync + use<W>, BadFilter>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let wanted: Targets = filter.parse().map_err(|_| BadFilter)?;
    // Events die with their namespace, and then these lines are all that is left.
    let wanted = wanted.with_target(AUDIT, LevelFilter::INFO);
    let lines = match format {
        LogFormat::Text => {
            fmt::layer().with_ansi(false).with_writer(Escaped(writer, as_text)).boxed()
        }
        LogFormat::Json => {
            let lines = fmt::layer().json().flatten_event(true);
            lines.with_writer(Escaped(writer, as_json)).boxed()
        }
    };
    Ok(Registry::default().with(lines.with_filter(wanted.and(cap()))))
}

/// The most that each part may say.
fn cap() -> Targets {
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("kliv_secrets", LevelFilter::TRACE)
        .with_target(AUDIT, LevelFilter::INFO)
        .with_target("kube_client", LevelFilter::ERROR)
        .with_target("kube_runtime", LevelFilter::ERROR)
        // It quotes messages, whose arguments may hold a value.
        .with_target("rmcp", LevelFilter::OFF)
}

/// Writes each line with its harmful characters escaped: text that came from a user can
/// neither forge a line nor command a terminal. The formatter hands over whole lines.
struct Escaped<W>(W, Escape);

/// How a character is escaped.
type Escape = fn(char, &mut String);

fn as_text(character: char, line: &mut String) {
    line.extend(character.escape_unicode());
}

/// In JSON such a character stands inside of a text only: the formatter has escaped those
/// that may not, and puts no white space between.
fn as_json(character: char, line: &mut String) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a String can't fail.
        let _ = write!(line, "\\u{unit:04x}");
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Escaped<W> {
    type Writer = EscapedWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        EscapedWriter(self.0.make_writer(), self.1)
    }
}

struct EscapedWriter<W>(W, Escape);

impl<W: Write> Write for EscapedWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
        let mut escaped = String::with_capacity(line.len());
        for character in text.chars() {
            if is_harmless(character) {
                escaped.push(character);
            } else {
                (self.1)(character, &mut escaped);
            }
        }
        escaped.push_str(end);
        self.0.write_all(escaped.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
