//! What an event says beyond its fields: written into the trail as words, which are hashed and
//! so never change, and read back by doors with words of their own.

use std::fmt;

use crate::api::condition::Reason;
use crate::api::refused_call;

/// More about an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Detail {
    /// A value came, and nobody could see from whom.
    UnseenChange,
    /// It was deleted, and nobody could see by whom.
    UnseenDelete,
    /// The value was overwritten before it was published.
    Overwritten,
    /// Whether the value was published can't be told.
    NotKept,
    /// The value stayed.
    ValueStayed,
    /// The value stayed, and something else changed.
    OnlySpec,
    /// Something changed, and it still waits for its value.
    StillAsked,
    /// A new value is asked for, in place of one that is there.
    NewValueAsked,
    /// It is proposed to delete the secret.
    DeletionProposed,
    /// A question about the value was taken away.
    QuestionGone,
    /// One of several changes called the values before compromised.
    OneOfSeveral,
    /// A time that was named before has come.
    ItsTimeCame,
    /// Nothing else could be recorded of a secret.
    Unknown,
    /// The account's record was lost.
    Resumed,
    /// So many changes before the next one could not be recorded.
    Lost(i64),
    /// The value of this time still waited when its secret was deleted.
    Went(String),
    /// The value of a version came back; with a word on that, where there is one.
    IsBack(i64, Option<Box<Self>>),
    /// A call of this was refused.
    CallRefused(String),
    /// Values are sealed with another key from here on.
    KeyRotated(String),
    /// A revision is published, and there is no function.
    Published(i64),
    /// A revision is on so many functions of so many.
    Live(i64, i32, i32),
    /// It is not carried out: the reason, and the operator's words.
    Because(Reason, String),
}

/// Those of which nothing more is to be said.
const FIXED: [(Detail, &str); 14] = [
    (Detail::UnseenChange, "observed: nobody could see who changed it"),
    (Detail::UnseenDelete, "observed: nobody could see who deleted it"),
    (Detail::Overwritten, "this value was overwritten before it was published"),
    (
        Detail::NotKept,
        "whether this value was published can't be told any more: the history is newer",
    ),
    (Detail::ValueStayed, "the value stayed as it was"),
    (Detail::OnlySpec, "the value stayed as it was, something else of the spec changed"),
    (Detail::StillAsked, "something of the spec changed; it still waits for its value"),
    (Detail::NewValueAsked, "a new value is asked for; the one in use stays until it comes"),
    (Detail::DeletionProposed, "it is proposed to delete it; the value stays as it was"),
    (Detail::QuestionGone, "a question about it was taken away; the value stays as it was"),
    (Detail::OneOfSeveral, "one of several changes asked for it: nobody could see which"),
    (Detail::ItsTimeCame, "the time that spec.refuseSealedBefore names has come"),
    (Detail::Unknown, "of this secret nothing else could be recorded before it was deleted"),
    (
        Detail::Resumed,
        "the record of this account was lost: what happened just before may be missing",
    ),
];

const LOST: &str = " changes before the next one: too many came while nobody could record them";
const WENT: (&str, &str) = (
    "its value of ",
    " still waited when that was last recorded, and its secret was deleted since",
);
const KEY: (&str, &str) = ("values are sealed with key ", " from here on");
const BACK: (&str, &str) = ("the value of version ", " is back");
const PUBLISHED: &str = " is published, and no function takes it yet";

impl fmt::Display for Detail {
    /// As it stands in the trail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(changes) => write!(f, "{changes}{LOST}"),
            Self::Went(time) => write!(f, "{}{time}{}", WENT.0, WENT.1),
            Self::IsBack(version, None) => write!(f, "{}{version}{}", BACK.0, BACK.1),
            Self::IsBack(version, Some(more)) => {
                write!(f, "{}{version}{}; {more}", BACK.0, BACK.1)
            }
            Self::CallRefused(call) => f.write_str(&refused_call::said(call)),
            Self::KeyRotated(key) => write!(f, "{}{key}{}", KEY.0, KEY.1),
            Self::Published(revision) => write!(f, "revision {revision}{PUBLISHED}"),
            Self::Live(revision, updated, total) => {
                write!(f, "revision {revision} is live on {updated} of {total} functions")
            }
            Self::Because(reason, message) => write!(f, "{}: {message}", reason.as_str()),
            fixed => {
                let words = FIXED.iter().find(|(detail, _)| detail == fixed);
                f.write_str(words.map_or("", |(_, words)| *words))
            }
        }
    }
}

impl Detail {
    /// Reads it back, where it is one that is known here.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if let Some((fixed, _)) = FIXED.iter().find(|(_, words)| *words == text) {
            return Some(fixed.clone());
        }
        let between = |(start, end): (&str, &str)| text.strip_prefix(start)?.strip_suffix(end);
        if let Some(changes) = text.strip_suffix(LOST) {
            return Some(Self::Lost(changes.parse().ok()?));
        }
        if let Some(time) = between(WENT) {
            return Some(Self::Went(time.to_owned()));
        }
        if let Some(call) = between(refused_call::SAID) {
            return Some(Self::CallRefused(call.to_owned()));
        }
        if let Some(key) = between(KEY) {
            return Some(Self::KeyRotated(key.to_owned()));
        }
        if let Some((version, more)) = text.strip_prefix(BACK.0).and_then(|t| t.split_once(BACK.1))
        {
            let more = match more {
                "" => None,
                more => Some(Box::new(Self::read(more.strip_prefix("; ")?)?)),
            };
            return Some(Self::IsBack(version.parse().ok()?, more));
        }
        if let Some(rest) = text.strip_prefix("revision ") {
            if let Some(revision) = rest.strip_suffix(PUBLISHED) {
                return Some(Self::Published(revision.parse().ok()?));
            }
            let (revision, rest) = rest.strip_suffix(" functions")?.split_once(" is live on ")?;
            let (updated, total) = rest.split_once(" of ")?;
            let (updated, total) = (updated.parse().ok()?, total.parse().ok()?);
            return Some(Self::Live(revision.parse().ok()?, updated, total));
        }
        let (reason, message) = text.split_once(": ")?;
        Some(Self::Because(Reason::named(reason)?, message.to_owned()))
    }
}

impl From<Detail> for String {
    fn from(detail: Detail) -> Self {
        detail.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_back_as_it_was_written() {
        let fixed = FIXED.map(|(detail, _)| detail);
        let more = [
            Detail::Lost(3),
            Detail::Went("2026-11-24T10:00:00Z".into()),
            Detail::IsBack(7, None),
            Detail::IsBack(7, Some(Box::new(Detail::UnseenChange))),
            Detail::CallRefused("request_secret".into()),
            Detail::KeyRotated("a1b2".into()),
            Detail::Published(4),
            Detail::Live(4, 1, 2),
            Detail::Because(Reason::DecryptionFailed, "altered: or not".into()),
        ];
        let all: Vec<Detail> = fixed.into_iter().chain(more).collect();
        for detail in &all {
            let text = detail.to_string();
            assert!(!text.is_empty());
            assert_eq!(Detail::read(&text).as_ref(), Some(detail), "{text}");
        }
        for text in ["", "something else", "revision x is live on y of z functions", "New: m"] {
            assert_eq!(Detail::read(text), None, "{text}");
        }
    }
}
