//! Times as people say them.

use jiff::Timestamp;

use super::Language;

/// A time: for programs, in full, and as people say it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Moment {
    /// RFC 3339.
    pub(crate) machine: String,
    /// In full, UTC.
    pub(crate) exact: String,
    /// E.g. `3 minutes ago`.
    pub(crate) relative: String,
}

impl Moment {
    pub(crate) fn of(time: Timestamp, now: Timestamp, language: Language) -> Self {
        let seconds = now.duration_since(time).as_secs();
        Self {
            machine: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            exact: time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            relative: relative(seconds, language),
        }
    }
}

/// Seconds ago; less than none is still to come.
fn relative(seconds: i64, language: Language) -> String {
    let (ago, soon, just) = match language {
        Language::English => (("", " ago"), ("in ", ""), "just now"),
        Language::Swedish => (("för ", " sedan"), ("om ", ""), "nyss"),
    };
    if (-5..10).contains(&seconds) {
        return just.to_owned();
    }
    let (before, after) = if seconds < 0 { soon } else { ago };
    format!("{before}{}{after}", amount(seconds.unsigned_abs(), language))
}

/// In the largest unit of which there are at least two, or one where it is exact enough.
fn amount(seconds: u64, language: Language) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const YEAR: u64 = 365 * DAY;
    let (unit, names) = match seconds {
        0..MINUTE => (1, [("second", "seconds"), ("sekund", "sekunder")]),
        MINUTE..HOUR => (MINUTE, [("minute", "minutes"), ("minut", "minuter")]),
        HOUR..DAY => (HOUR, [("hour", "hours"), ("timme", "timmar")]),
        DAY..YEAR => (DAY, [("day", "days"), ("dag", "dagar")]),
        _ => (YEAR, [("year", "years"), ("år", "år")]),
    };
    let (one, many) = match language {
        Language::English => names[0],
        Language::Swedish => names[1],
    };
    let count = seconds / unit;
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_as_people_say_it() {
        for (seconds, english, swedish) in [
            (0, "just now", "nyss"),
            (40, "40 seconds ago", "för 40 sekunder sedan"),
            (60, "1 minute ago", "för 1 minut sedan"),
            (7200, "2 hours ago", "för 2 timmar sedan"),
            (-86_400 * 3, "in 3 days", "om 3 dagar"),
            (86_400 * 800, "2 years ago", "för 2 år sedan"),
        ] {
            assert_eq!(relative(seconds, Language::English), english);
            assert_eq!(relative(seconds, Language::Swedish), swedish);
        }
    }

    #[test]
    fn the_exact_time_is_there_as_well() {
        let time: Timestamp = "2026-11-29T10:00:00.5Z".parse().unwrap();
        let moment = Moment::of(time, time, Language::English);
        assert_eq!(moment.machine, "2026-11-29T10:00:00Z");
        assert_eq!(moment.exact, "2026-11-29 10:00:00 UTC");
    }
}
