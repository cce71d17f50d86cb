//! A value as a door has it: in the clear, or sealed already where it was typed.
//!
//! ```text
//!  terminal ── Plaintext ──► sealed here ─┐
//!  browser ─── kliv1.… ──► read, checked ─┴─► written
//! ```
//!
//! What comes sealed nobody here can open, so when it was sealed is what its sealer says. A
//! page is given [`sealed_at_least`] to seal with, and sends it back with the value.

use k8s_openapi::jiff::{SignedDuration, Timestamp, Unit};

use super::{Error, How, Target};
use crate::api::KlivSecret;
use crate::runtime::entropy;
use crate::seal::{Malformed, Plaintext, Sealed};

/// A value that is handed in.
pub enum Value {
    /// In the clear: it is sealed before anything is sent.
    Plain(Plaintext),
    /// Sealed where it was typed.
    Sealed(SealedAt),
}

/// A sealed value with the time that it was sealed with, as its sealer says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedAt {
    /// The value.
    pub sealed: Sealed,
    /// The time.
    pub at: Timestamp,
}

/// Why what came sealed is not taken. Quotes nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotTaken {
    /// It is no sealed value.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The time beside it is none.
    #[error("the time that the value was sealed with is not given as 2027-01-31T00:00:00Z")]
    Time,
    /// Sealed with another key than the cluster's.
    #[error("sealed with another key: load the page anew")]
    AnotherKey,
    /// Sealed before a value that is there by now, or in times that are refused.
    #[error("sealed before the secret was last changed: load the page anew")]
    TooEarly,
    /// Sealed with a time that is still to come.
    #[error("sealed with a time that is still to come: set the clock, and load the page anew")]
    TooLate,
}

/// How far the clock of whoever sealed may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

impl SealedAt {
    /// Reads both as a form sends them.
    ///
    /// # Errors
    /// Either is malformed.
    pub fn read(sealed: &str, at: &str) -> Result<Self, NotTaken> {
        let at = at.parse().map_err(|_| NotTaken::Time)?;
        Ok(Self { sealed: Sealed::parse(sealed)?, at })
    }
}

impl From<Plaintext> for Value {
    fn from(value: Plaintext) -> Self {
        Self::Plain(value)
    }
}

impl From<SealedAt> for Value {
    fn from(value: SealedAt) -> Self {
        Self::Sealed(value)
    }
}

impl Value {
    /// As it is written for a secret of an account, which may be there `before`.
    ///
    /// # Errors
    /// It is too large, or sealed so that it can't be taken.
    pub(super) fn sealed(
        &self,
        account: &str,
        target: &Target,
        before: Option<&KlivSecret>,
        how: &How<'_>,
    ) -> Result<SealedAt, Error> {
        match self {
            Self::Plain(value) => {
                let at = sealed_at_least(before, how.now);
                let rng = &mut entropy::system();
                Ok(SealedAt { sealed: target.seal(account, how.key, value, at, rng)?, at })
            }
            Self::Sealed(value) => {
                if value.sealed.key_id() != how.key.key_id() {
                    return Err(NotTaken::AnotherKey.into());
                }
                if before.is_some_and(|before| value.at <= newest(before, how.now)) {
                    return Err(NotTaken::TooEarly.into());
                }
                // Times that are refused may themselves be still to come.
                if value.at.duration_since(sealed_at_least(before, how.now)) > AHEAD {
                    return Err(NotTaken::TooLate.into());
                }
                Ok(value.clone())
            }
        }
    }
}

/// When a new value is to be sealed, so that it counts as newer than all before it, also
/// where the clock of whoever seals is behind. In whole seconds, as the API server keeps
/// times.
#[must_use]
pub fn sealed_at_least(before: Option<&KlivSecret>, now: Timestamp) -> Timestamp {
    let next = before.map(|before| {
        let newest = newest(before, now);
        newest.checked_add(SignedDuration::from_secs(1)).unwrap_or(newest)
    });
    let at = next.map_or(now, |next| now.max(next));
    at.round(Unit::Second).unwrap_or(at)
}

/// The newest time that a secret knows of. What its spec refuses until a time that is still
/// to come, by more than clocks differ, the operator does not heed: nor is it here, else
/// nothing could be purged until then.
fn newest(secret: &KlivSecret, now: Timestamp) -> Timestamp {
    let status = secret.status.as_ref();
    let known = status.iter().flat_map(|status| {
        let written = status.history.iter().map(|entry| entry.time.0);
        written.chain(status.refuse_sealed_before.as_ref().map(|time| time.0))
    });
    let asked = secret.spec.refuse_sealed_before.iter().map(|time| time.0);
    let asked = asked.filter(|time| time.duration_since(now) <= AHEAD);
    known.chain(asked).max().unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::account::DryRun;
    use crate::api::{KlivSecretSpec, KlivSecretStatus};
    use crate::seal::{Binding, Keyring, SealingKey};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn secret(refused: Option<i64>) -> KlivSecret {
        let spec = KlivSecretSpec { env_var: "A_KEY".into(), ..Default::default() };
        let mut secret = KlivSecret::new("a-key", spec);
        let refuse_sealed_before = refused.map(|seconds| Time(at(seconds)));
        secret.status = Some(KlivSecretStatus { refuse_sealed_before, ..Default::default() });
        secret
    }

    fn target() -> Target {
        Target::new("A_KEY".into(), None)
    }

    fn keyring() -> Keyring {
        Keyring::generate(at(0), &mut entropy::system())
    }

    fn how(key: &SealingKey, now: i64) -> How<'_> {
        How { key, now: at(now), dry_run: DryRun::None }
    }

    #[test]
    fn a_new_value_is_sealed_after_all_before_it_whatever_the_clock_says() {
        assert_eq!(sealed_at_least(Some(&secret(Some(1000))), at(5)), at(1001));
        assert_eq!(sealed_at_least(Some(&secret(Some(1000))), at(2000)), at(2000));
        assert_eq!(sealed_at_least(None, at(5)), at(5));
        let mut asked = secret(None);
        asked.spec.refuse_sealed_before = Some(Time(at(3000)));
        assert_eq!(sealed_at_least(Some(&asked), at(2700)), at(3001));
        // The operator heeds it only when it has come.
        assert_eq!(sealed_at_least(Some(&asked), at(5)), at(5));
        let fraction = Timestamp::from_millisecond(5_900).unwrap();
        assert_eq!(sealed_at_least(Some(&secret(None)), fraction), at(6));
    }

    #[test]
    fn what_is_sealed_here_says_so_inside() {
        let keyring = keyring();
        let purged = secret(Some(1000));
        let value = Value::from(Plaintext::new(b"v".to_vec()));
        let how = how(keyring.sealing_key(), 5);
        let made = value.sealed("acme", &target(), Some(&purged), &how).unwrap();
        let binding = Binding { account: "acme", variable: "A_KEY", environment: None };
        assert_eq!(made.at, at(1001));
        assert_eq!(keyring.open(&made.sealed, &binding).unwrap().sealed_at, at(1001));
    }

    #[test]
    fn what_comes_sealed_is_taken_as_it_is_in_its_time_and_under_the_key_in_use() {
        let (keyring, other) = (keyring(), keyring());
        let sealed_with = |key: &SealingKey, seconds| {
            let (value, rng) = (Plaintext::new(b"v".to_vec()), &mut entropy::system());
            let sealed = target().seal("acme", key, &value, at(seconds), rng).unwrap();
            SealedAt { sealed, at: at(seconds) }
        };
        let taken = |given: &SealedAt, before: Option<&KlivSecret>| {
            let how = how(keyring.sealing_key(), 2000);
            match Value::from(given.clone()).sealed("acme", &target(), before, &how) {
                Ok(taken) => Ok(taken),
                Err(Error::NotTaken(why)) => Err(why),
                Err(error) => panic!("{error}"),
            }
        };
        let purged = secret(Some(1500));
        for (seconds, is_taken) in [
            (1000, Err(NotTaken::TooEarly)),
            (1500, Err(NotTaken::TooEarly)),
            (1501, Ok(())),
            (2300, Ok(())),
            (2301, Err(NotTaken::TooLate)),
        ] {
            let given = sealed_with(keyring.sealing_key(), seconds);
            let wanted = is_taken.map(|()| given.clone());
            assert_eq!(taken(&given, Some(&purged)), wanted, "{seconds}");
        }
        let long_ago = sealed_with(keyring.sealing_key(), 1);
        assert_eq!(taken(&long_ago, None), Ok(long_ago));
        let theirs = sealed_with(other.sealing_key(), 2000);
        assert_eq!(taken(&theirs, None), Err(NotTaken::AnotherKey));
        // Refused until a time that is still to come: what the page was given is taken.
        let ahead = secret(Some(9000));
        let rendered = sealed_at_least(Some(&ahead), at(2000)).as_second();
        assert!(taken(&sealed_with(keyring.sealing_key(), rendered), Some(&ahead)).is_ok());
    }

    #[test]
    fn what_is_no_sealed_value_is_refused_and_never_quoted() {
        let time = "2026-11-24T10:00:00Z";
        for text in ["s3cr3t", "kliv1.s3cr3t", "kliv1.s3cr3t.s3cr3t", "kliv9.s3cr3t.x", ""] {
            let refused = SealedAt::read(text, time).unwrap_err();
            assert!(matches!(refused, NotTaken::Malformed(_)), "{refused}");
            assert!(!Error::from(refused).to_string().contains("s3cr3t"), "{refused}");
        }
        let sealed = format!("kliv1.{}.{}", "0".repeat(32), "A".repeat(160));
        assert!(SealedAt::read(&sealed, time).is_ok());
        assert_eq!(SealedAt::read(&sealed, "s3cr3t"), Err(NotTaken::Time));
    }
}
