//! What reaches the log, whatever the user's filter says.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use kliv_secrets::runtime::{args::LogFormat, logs};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
pub(crate) struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().expect("no other test has this buffer").clone();
        String::from_utf8(bytes).expect("logs are text")
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no other test has this buffer").write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Buffer {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn logged(format: LogFormat, filter: &str, write: impl FnOnce()) -> String {
    let buffer = Buffer::default();
    let subscriber = logs::subscriber(format, filter, buffer.clone()).expect("a good filter");
    tracing::subscriber::with_default(subscriber, write);
    buffer.text()
}

/// One event at each level from each of the places that carry values through the process.
fn everybody_talks() {
    macro_rules! at_every_level {
        ($($target:literal)*) => {$(
            tracing::error!(target: $target, concat!("error ", $target, "."));
            tracing::warn!(target: $target, concat!("warn ", $target, "."));
            tracing::info!(target: $target, concat!("info ", $target, "."));
            tracing::debug!(target: $target, concat!("debug ", $target, "."));
            tracing::trace!(target: $target, concat!("trace ", $target, "."));
        )*};
    }
    at_every_level!(
        "kliv_secrets::reconcile" "kube_client::client" "kube_runtime::watcher" "hyper::proto"
        "h2::codec::framed_write" "rustls::client" "tower::buffer" "axum::rejection"
    );
}

#[test]
fn no_filter_makes_a_library_say_more_than_warnings() {
    for filter in ["trace", "trace,kube_client::client=trace,h2=trace,hyper::proto=trace"] {
        let text = logged(LogFormat::Text, filter, everybody_talks);
        for (line, shown) in [
            ("trace kliv_secrets::reconcile.", true),
            ("error kube_client::client.", true),
            ("warn kube_client::client.", false),
            ("warn kube_runtime::watcher.", false),
            ("warn hyper::proto.", true),
            ("info hyper::proto.", false),
            ("trace h2::codec::framed_write.", false),
            ("debug rustls::client.", false),
            ("debug tower::buffer.", false),
            ("trace axum::rejection.", false),
        ] {
            assert_eq!(text.contains(line), shown, "{filter}: {line:?} in\n{text}");
        }
    }
}

#[test]
fn a_filter_can_make_everything_quieter_and_one_part_louder() {
    let text = logged(LogFormat::Text, "error,kliv_secrets::reconcile=debug", everybody_talks);
    assert!(text.contains("debug kliv_secrets::reconcile."), "{text}");
    assert!(!text.contains("trace ") && !text.contains("warn hyper"), "{text}");
}

#[test]
fn no_filter_takes_the_audit_trail_away() {
    for filter in ["info", "warn", "error", "off", "kliv_secrets=debug", "audit=off"] {
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged(format, filter, || {
                tracing::info!(target: "audit", sequence = 7, "audit event");
                tracing::debug!(target: "audit", "more");
            });
            assert!(text.contains("audit event") && !text.contains("more"), "{filter}: {text}");
        }
    }
}

#[test]
fn text_that_came_from_a_user_can_neither_forge_a_line_nor_command_a_terminal() {
    let hostile = "x\n2026-11-24 INFO all is well\u{1b}[2J\r\u{9b}1m\u{202e}y\u{2028}";
    let text = logged(LogFormat::Text, "info", || {
        tracing::info!(target: "kliv_secrets", name = %hostile, "refused {hostile}");
    });
    assert_eq!(text.matches('\n').count(), 1, "{text:?}");
    assert!(text.ends_with('\n') && text.contains("x\\u{a}2026"), "{text:?}");
    assert!(!text.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
}

#[test]
fn json_is_one_object_a_line() {
    let text = logged(LogFormat::Json, "info", || {
        tracing::info!(target: "kliv_secrets", account = "a\nb", "published");
        tracing::info!(target: "kliv_secrets", "again");
    });
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["message"], "published");
    assert_eq!(lines[0]["account"], "a\nb");
}

#[test]
fn in_json_too_no_text_of_a_user_deceives_who_reads_it_and_none_is_lost() {
    let hostile = "x\n\u{1b}[2J\u{7f}\u{9b}1m\u{85}\u{202e}y\u{2028}\u{61c}\u{e0041}\"}{\"";
    let text = logged(LogFormat::Json, "info", || {
        tracing::info!(target: "kliv_secrets", name = %hostile, "refused {hostile}");
    });
    assert!(text.trim_end().chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{text:?}");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["name"], hostile);
}

#[test]
fn a_filter_that_can_not_be_read_is_refused_with_an_example() {
    let buffer = Buffer::default();
    let error = logs::subscriber(LogFormat::Text, "kliv_secrets=loud", buffer).err().unwrap();
    assert!(error.to_string().contains("kliv_secrets::reconcile=debug"), "{error}");
}
