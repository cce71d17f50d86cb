//! Stamps: who changed a spec, when, what and through what. Known at admission only,
//! so the webhook writes them on the object itself, and the engine records them.
//!
//! The annotation holds one stamp a line, oldest first, `<seq> <time> <what> <via>
//! <user>`, the user last since its name may hold spaces. A plain form, because the
//! stamp policy reads it in CEL.

use std::fmt;

use k8s_openapi::jiff::Timestamp;

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
    /// When the webhook saw it, whole seconds.
    pub time: Timestamp,
    /// What it changed.
    pub what: What,
    /// Through what, one word: `kubectl`, `cli`, `web`, `agent`, `gitops`, `api`.
    pub via: String,
    /// The authenticated user of the request.
    pub user: String,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what.as_str();
        let Self { seq, time, via, user, .. } = self;
        write!(f, "{seq} {time:.0} {what} {via} {user}")
    }
}

/// The stamps on an object, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stamps(pub Vec<Stamp>);

impl Stamps {
    /// How many unrecorded stamps an object carries at most; beyond that the oldest go.
    pub const MAX: usize = 20;

    /// Reads the annotation. Lines that are no stamps are passed over: a policy keeps
    /// forged ones out, and a damaged one must not stop the secret.
    #[must_use]
    pub fn parse(annotation: &str) -> Self {
        Self(annotation.lines().filter_map(parse_line).collect())
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

fn parse_line(line: &str) -> Option<Stamp> {
    let mut parts = line.splitn(5, ' ');
    Some(Stamp {
        seq: parts.next()?.parse().ok()?,
        time: parts.next()?.parse().ok()?,
        what: match parts.next()? {
            "value" => What::Value,
            "spec" => What::Spec,
            _ => return None,
        },
        via: parts.next()?.to_owned(),
        user: parts.next()?.to_owned(),
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
    fn a_damaged_line_is_passed_over() {
        assert_eq!(Stamps::parse("nonsense\n1 2026-11-24T10:00:00Z value kubectl a").0.len(), 1);
    }
}
