//! The one place that reads the clock; everywhere else time is an argument.
#![expect(clippy::disallowed_methods, reason = "this is the clock")]

use std::time::Instant;

use jiff::Timestamp;

/// The time of day, for what people read and for certificates.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Time that never jumps, for measuring and for leadership.
pub fn monotonic() -> Instant {
    Instant::now()
}
