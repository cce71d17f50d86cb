//! A new value for a secret that has one, and which are due for it.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp, Unit};

use super::{Caller, Error, How, Unfit, Written};
use crate::api::{KlivSecret, KlivSecretSpec, Warning};
use crate::seal::Plaintext;

/// The warnings that ask for a new value.
const ASK_FOR_A_NEW_VALUE: [&str; 3] = ["RotationDue", "Expired", "ExpiresSoon"];

/// Why a secret is due for a new value, in the operator's words; nothing where it is not.
#[must_use]
pub fn due(secret: &KlivSecret) -> Option<&Warning> {
    let warnings = secret.status.iter().flat_map(|status| &status.warnings);
    warnings.into_iter().find(|w| ASK_FOR_A_NEW_VALUE.contains(&w.reason.as_str()))
}

/// Whether it has or had a value: if not, it is to be answered or set.
#[must_use]
pub(super) fn has_value(secret: &KlivSecret) -> bool {
    secret.spec.sealed.is_some() || secret.status.as_ref().is_some_and(|s| !s.history.is_empty())
}

/// That there is a value to replace.
///
/// # Errors
/// It has none yet.
pub fn replaceable(secret: &KlivSecret) -> Result<(), Error> {
    if has_value(secret) {
        return Ok(());
    }
    Err(Unfit::NoValue(secret.metadata.name.clone().unwrap_or_default()).into())
}

/// When a new value is to be sealed, so that it counts as newer than all before it, also
/// where the caller's clock is behind. In whole seconds, as the API server keeps times.
#[must_use]
pub(super) fn sealed_after(secret: &KlivSecret, now: Timestamp) -> Timestamp {
    let status = secret.status.as_ref();
    let known = status.iter().flat_map(|status| {
        let written = status.history.iter().map(|entry| entry.time.0);
        written.chain(status.refuse_sealed_before.as_ref().map(|time| time.0))
    });
    let asked = secret.spec.refuse_sealed_before.iter().map(|time| time.0);
    let newest = known.chain(asked).max().unwrap_or(Timestamp::UNIX_EPOCH);
    let next = newest.checked_add(SignedDuration::from_secs(1)).unwrap_or(newest);
    let whole = |time: Timestamp| time.round(Unit::Second).unwrap_or(time);
    whole(now.max(next))
}

/// What of a secret's spec never changes: the rest is a change.
pub(super) fn place(secret: &KlivSecret) -> KlivSecretSpec {
    KlivSecretSpec {
        env_var: secret.spec.env_var.clone(),
        environment: secret.spec.environment.clone(),
        ..KlivSecretSpec::default()
    }
}

fn is_purged(rotated: &KlivSecret, now: &KlivSecret) -> bool {
    let refused = now.status.as_ref().and_then(|status| status.refuse_sealed_before.as_ref());
    refused >= rotated.spec.refuse_sealed_before.as_ref()
}

impl Caller {
    /// Gives a secret a new value. If the ones before it are `compromised`, they are purged,
    /// and refused from then on.
    ///
    /// # Errors
    /// It has no value yet; somebody else has just changed it; the caller may not.
    pub async fn rotate(
        &self,
        secret: &KlivSecret,
        value: &Plaintext,
        compromised: bool,
        how: &How<'_>,
    ) -> Result<Written, Error> {
        replaceable(secret)?;
        // The same time that the new value is sealed with.
        let since = sealed_after(secret, how.now);
        let refuse_sealed_before = compromised.then_some(Time(since));
        let spec = KlivSecretSpec { refuse_sealed_before, ..place(secret) };
        self.hand_in(spec, Some(secret), value, how).await
    }

    /// Waits until the operator has purged what was before a compromised value, for so long
    /// at most. Whether it has: it counts from the time that was sealed with, and that may
    /// still be to come where the caller's clock is ahead.
    ///
    /// # Errors
    /// The caller may not look, or the cluster does not answer to the end.
    pub async fn purged(&self, rotated: &KlivSecret, timeout: Duration) -> Result<bool, Error> {
        const AGAIN: Duration = Duration::from_millis(200);
        let name = rotated.metadata.name.as_deref().unwrap_or_default();
        let mut unseen = None;
        let looks = async {
            loop {
                // That may pass by itself.
                unseen = match self.find_object(name).await {
                    Ok(Some(now)) if is_purged(rotated, &now) => return Ok(true),
                    Ok(_) => None,
                    Err(Error::Unreachable(why)) => Some(why),
                    Err(error) => return Err(error),
                };
                tokio::time::sleep(AGAIN).await;
            }
        };
        match tokio::time::timeout(timeout, looks).await {
            Ok(ended) => ended,
            Err(_) => unseen.map_or(Ok(false), |why| Err(Error::Unreachable(why))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::KlivSecretStatus;

    fn secret(status: KlivSecretStatus) -> KlivSecret {
        let spec = KlivSecretSpec { env_var: "A_KEY".into(), ..Default::default() };
        let mut secret = KlivSecret::new("a-key", spec);
        secret.status = Some(status);
        secret
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn what_the_operator_says_is_due_is_due() {
        let warning = |reason: &str| Warning { reason: reason.into(), message: "m".into() };
        let with = |reasons: &[&str]| {
            let warnings = reasons.iter().copied().map(warning).collect();
            secret(KlivSecretStatus { warnings, ..Default::default() })
        };
        assert!(due(&with(&["Unused", "NoDescription"])).is_none());
        assert_eq!(due(&with(&["Unused", "Expired"])).unwrap().reason, "Expired");
        assert!(due(&with(&["RotationDue"])).is_some());
    }

    #[test]
    fn a_new_value_is_sealed_after_all_before_it_whatever_the_clock_says() {
        let refuse_sealed_before = Some(Time(at(1000)));
        let purged = secret(KlivSecretStatus { refuse_sealed_before, ..Default::default() });
        assert_eq!(sealed_after(&purged, at(5)), at(1001));
        assert_eq!(sealed_after(&purged, at(2000)), at(2000));
        let mut asked = secret(KlivSecretStatus::default());
        asked.spec.refuse_sealed_before = Some(Time(at(3000)));
        assert_eq!(sealed_after(&asked, at(5)), at(3001));
        let fraction = Timestamp::from_millisecond(5_900).unwrap();
        assert_eq!(sealed_after(&secret(KlivSecretStatus::default()), fraction), at(6));
    }
}
