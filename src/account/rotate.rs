//! A new value for a secret that has one, and which are due for it.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use super::{Caller, Error, How, Target, Unfit, Value, Written};
use crate::api::{KlivSecret, KlivSecretSpec, Odd, Warning};

/// The warnings that ask for a new value.
const ASK_FOR_A_NEW_VALUE: [Odd; 3] = [Odd::RotationDue, Odd::Expired, Odd::ExpiresSoon];

/// Why a secret is due for a new value, in the operator's words; nothing where it is not.
#[must_use]
pub fn due(secret: &KlivSecret) -> Option<&Warning> {
    let warnings = secret.status.iter().flat_map(|status| &status.warnings);
    warnings.into_iter().find(|w| w.odd().is_some_and(|odd| ASK_FOR_A_NEW_VALUE.contains(&odd)))
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

/// What of a secret's spec never changes: the rest is a change.
pub(super) fn place(secret: &KlivSecret) -> KlivSecretSpec {
    KlivSecretSpec {
        env_var: secret.spec.env_var.clone(),
        environment: secret.spec.environment.clone(),
        ..KlivSecretSpec::default()
    }
}

/// What is refused that was sealed before a value: from the second on in which that was, as
/// the API server keeps times.
fn before(sealed_at: Timestamp) -> Time {
    let down = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
    Time(sealed_at.round(down).unwrap_or(sealed_at))
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
        value: &Value,
        compromised: bool,
        how: &How<'_>,
    ) -> Result<Written, Error> {
        replaceable(secret)?;
        let target = Target::of(secret);
        let value = value.sealed(&self.namespace, &target, Some(secret), how)?;
        let refuse_sealed_before = compromised.then(|| before(value.at));
        let spec = KlivSecretSpec { refuse_sealed_before, ..place(secret) };
        self.write(spec, Some(secret), &value, how).await
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
    fn the_new_value_itself_is_never_refused() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let refused = |text| before(at(text)).0;
        assert_eq!(refused("2026-11-24T10:00:07Z"), at("2026-11-24T10:00:07Z"));
        assert_eq!(refused("2026-11-24T10:00:07.9Z"), at("2026-11-24T10:00:07Z"));
    }
}
