//! Stamps: who changed a spec, when, what and through what. Known at admission only,
//! so the webhook writes them on the object itself, and the engine records them.
//!
//! The annotation holds one stamp a line, oldest first, `<seq> <time> <what> <via>
//! <user>`, the user last since its name may hold spaces. Whoever acts for a human, as
//! the authenticator says, has that one's name behind `via`:
//!
//! ```text
//!  7 2026-11-24T10:00:00Z value kubectl anna
//!  8 2026-11-24T10:00:00Z value agent:Anna%20Andersson system:serviceaccount:bots:deployer
//! ```
//!
//! There a percent sign is `%25` and a space `%20`, nothing else is escaped, and none other
//! is read: a name has one form, and no two stamps are the same text. `via` alone is small
//! letters, so that no stamp of before can be taken for one with a human.
//!
//! A plain form, because the stamp policy reads it in CEL: what is a stamp to the policy
//! must be one here too, and come back letter for letter, or the webhook would drop what the
//! policy wants kept.

use std::fmt;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

const BEFORE_CREATION: SignedDuration = SignedDuration::from_mins(1);

/// What a write changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// The value: given in the clear, sealed, or generated.
    Value,
    /// Anything else of the spec.
    Spec,
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Spec => "spec",
        }
    }
}

/// One change of a spec.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Counts the changes of the object, from 1.
    pub seq: i64,
    /// When the webhook saw it, as it is written; see [`time`](Self::time).
    pub written: String,
    /// What it changed.
    pub what: What,
    /// Through what, one word: `kubectl`, `cli`, `web`, `agent`, `gitops`, `api`.
    pub via: String,
    /// The human that the user acts for, where the authenticator says so.
    pub on_behalf_of: Option<String>,
    /// The authenticated user of the request.
    pub user: String,
}

impl Stamp {
    /// One of this moment, in whole seconds, of somebody who acts for nobody else.
    #[must_use]
    pub fn new(seq: i64, now: Timestamp, what: What, via: &str, user: &str) -> Self {
        Self {
            seq,
            written: format!("{now:.0}"),
            what,
            via: via.to_owned(),
            on_behalf_of: None,
            user: user.to_owned(),
        }
    }

    /// When a change was made, by its stamp. Where the webhook is away a stamp can be written by
    /// hand, with any time: it is never still to come, nor before `earliest`.
    #[must_use]
    pub fn time_of(stamp: Option<&Self>, earliest: Timestamp, now: Timestamp) -> Timestamp {
        stamp.and_then(Self::time).map_or(now, |time| time.max(earliest).min(now))
    }

    /// The earliest time that a stamp of an object can have: it is made a moment before its
    /// object is, by another clock.
    #[must_use]
    pub fn earliest(created: Timestamp) -> Timestamp {
        created.saturating_sub(BEFORE_CREATION).unwrap_or(Timestamp::MIN)
    }

    /// When the change was made; none where what is written is no time, e.g. the 30th of
    /// February. Written by hand it may be any time: nothing is to be trusted to it.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        self.written.parse().ok()
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what.as_str();
        let Self { seq, written, via, user, .. } = self;
        write!(f, "{seq} {written} {what} {via}")?;
        if let Some(human) = &self.on_behalf_of {
            write!(f, ":{}", as_one_word(human))?;
        }
        write!(f, " {user}")
    }
}

/// The stamps on an object, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stamps(pub Vec<Stamp>);

impl Stamps {
    /// How many unrecorded stamps an object carries at most; beyond that the oldest go.
    pub const MAX: usize = 20;

    /// No object is ever changed so often: a record beyond is none.
    const MAX_RECORDED: i64 = 100_000_000_000_000;

    /// `status.recordedStamp`, as far as it can be meant: a forged one would let no further
    /// change be counted.
    #[must_use]
    pub fn recorded(in_status: Option<i64>) -> i64 {
        in_status.filter(|seq| (0..=Self::MAX_RECORDED).contains(seq)).unwrap_or(0)
    }

    /// Reads the annotation. Lines that are no stamps are passed over: a policy keeps
    /// forged ones out, and a damaged one must not stop the secret.
    #[must_use]
    pub fn parse(annotation: &str) -> Self {
        Self(annotation.split('\n').filter_map(parse_line).collect())
    }

    /// Whether a text can say through what a change came: one word.
    #[must_use]
    pub fn is_word(text: &str) -> bool {
        (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase())
    }

    /// The last change of the value that is not covered by `recorded`.
    #[must_use]
    pub fn last_value_change(&self, recorded: i64) -> Option<&Stamp> {
        self.0.iter().rev().find(|s| s.seq > recorded && s.what == What::Value)
    }

    /// The sequence number of the newest stamp.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.0.last().map(|s| s.seq)
    }
}

impl fmt::Display for Stamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, stamp) in self.0.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{stamp}")?;
        }
        Ok(())
    }
}

/// The same as the stamp policy's regular expression.
fn parse_line(line: &str) -> Option<Stamp> {
    let mut parts = line.splitn(5, ' ');
    let seq = number(parts.next()?)?;
    let written = parts.next().filter(|text| is_like_a_time(text))?.to_owned();
    let what = match parts.next()? {
        "value" => What::Value,
        "spec" => What::Spec,
        _ => return None,
    };
    let through = parts.next()?;
    let (via, on_behalf_of) = match through.split_once(':') {
        Some((via, word)) => (via, Some(from_one_word(word)?)),
        None => (through, None),
    };
    let via = Some(via).filter(|text| Stamps::is_word(text))?.to_owned();
    let user = parts.next().filter(|text| !text.is_empty())?.to_owned();
    Some(Stamp { seq, written, what, via, on_behalf_of, user })
}

fn as_one_word(name: &str) -> String {
    name.replace('%', "%25").replace(' ', "%20")
}

/// None where that is not how the name is written.
fn from_one_word(word: &str) -> Option<String> {
    let name = word.replace("%20", " ").replace("%25", "%");
    (!name.is_empty() && as_one_word(&name) == word).then_some(name)
}

/// At most 15 digits, written as they come back.
fn number(text: &str) -> Option<i64> {
    let digits = (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits && !text.starts_with('0'))
}

fn is_like_a_time(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00Z";
    text.len() == SHAPE.len()
        && text.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            shape => byte == *shape,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_reads_back_as_written_also_with_spaces_in_the_user() {
        let text = "3 2026-11-24T10:00:00Z value kubectl Anna Andersson\n4 2026-11-24T10:00:01Z spec api system:serviceaccount:a:b";
        let stamps = Stamps::parse(text);
        assert_eq!(stamps.to_string(), text);
        assert_eq!(stamps.newest(), Some(4));
        assert_eq!(stamps.last_value_change(0).map(|s| s.user.as_str()), Some("Anna Andersson"));
        assert_eq!(stamps.last_value_change(3), None);
    }

    #[test]
    fn two_people_never_have_the_same_stamp_and_each_reads_back() {
        let names = [
            "anna",
            "a",
            " ",
            "%",
            "%20",
            "%25",
            "%2520",
            "a b",
            "a%b",
            "a:b",
            "agent:a",
            "agent",
            "Åsa Öberg",
            "a  b",
            " a",
            "a ",
            ":",
            "::",
            "a\tb",
            "\u{202e}anna",
            "1 value x",
        ];
        let mut seen = std::collections::BTreeSet::new();
        for human in names.iter().map(|name| Some((*name).to_owned())).chain([None]) {
            for user in names {
                let new = Stamp::new(1, Timestamp::UNIX_EPOCH, What::Value, "agent", user);
                let stamp = Stamp { on_behalf_of: human.clone(), ..new };
                let text = stamp.to_string();
                assert_eq!(Stamps::parse(&text).0, [stamp], "{text:?}");
                assert!(seen.insert(text.clone()), "twice: {text:?}");
            }
        }
    }

    #[test]
    fn a_damaged_line_is_passed_over() {
        assert_eq!(Stamps::parse("nonsense\n1 2026-11-24T10:00:00Z value kubectl a").0.len(), 1);
        for line in [
            "",
            "01 2026-11-24T10:00:00Z value kubectl a",
            "-1 2026-11-24T10:00:00Z value kubectl a",
            "1000000000000000 2026-11-24T10:00:00Z value kubectl a",
            "1 2026-11-24T10:00:00+01:00 value kubectl a",
            "1 2026-11-24T10:00:00.5Z value kubectl a",
            "1 2026-11-24T10:00:00Z else kubectl a",
            "1 2026-11-24T10:00:00Z value Kubectl a",
            "1 2026-11-24T10:00:00Z value kubectl ",
            "1 2026-11-24T10:00:00Z value kubectl",
            "1  2026-11-24T10:00:00Z value kubectl a",
            "1 2026-11-24T10:00:00Z value agent: a",
            "1 2026-11-24T10:00:00Z value :anna a",
            "1 2026-11-24T10:00:00Z value Agent:anna a",
            "1 2026-11-24T10:00:00Z value agent:anna",
            "1 2026-11-24T10:00:00Z value agent:100% a",
            "1 2026-11-24T10:00:00Z value agent:a%2520%2 a",
            "1 2026-11-24T10:00:00Z value agent:%61nna a",
        ] {
            assert_eq!(Stamps::parse(line), Stamps::default(), "{line:?}");
        }
    }

    #[test]
    fn what_looks_like_a_stamp_comes_back_letter_for_letter_whatever_its_time() {
        for line in [
            "1 9999-99-99T99:99:99Z value kubectl a",
            "1 2026-02-30T10:00:00Z value kubectl a",
            "1 2026-06-30T23:59:60Z value kubectl a",
            "999999999999999 0000-01-01T00:00:00Z spec api  a \r",
            "1 2026-11-24T10:00:00Z value agent:anna:%20%25:\t\r a",
        ] {
            let stamps = Stamps::parse(line);
            assert_eq!(stamps.to_string(), line);
        }
        assert_eq!(Stamps::parse("1 9999-99-99T99:99:99Z value kubectl a").0[0].time(), None);
    }

    #[test]
    fn a_record_that_no_object_can_have_is_none() {
        assert_eq!(Stamps::recorded(None), 0);
        assert_eq!(Stamps::recorded(Some(7)), 7);
        for forged in [i64::MAX, i64::MIN, -1, 999_999_999_999_999] {
            assert_eq!(Stamps::recorded(Some(forged)), 0);
        }
    }
}
