//! The values that a secret has had, and the way back to one of them.

use super::rotate::place;
use super::{Caller, DryRun, Error, Unfit};
use crate::api::{HistoryEntry, KlivSecret, KlivSecretSpec};

/// The entry that is to come back.
///
/// # Errors
/// It is the one in use, is not kept any more, or never was.
pub fn restorable(secret: &KlivSecret, version: i64) -> Result<&HistoryEntry, Unfit> {
    let name = secret.metadata.name.clone().unwrap_or_default();
    let status = secret.status.as_ref();
    let history = status.map(|status| status.history.as_slice()).unwrap_or_default();
    let Some(newest) = history.first() else { return Err(Unfit::NoHistory(name)) };
    if let Some(entry) = history.iter().find(|entry| entry.version == version) {
        // The one in use comes back as well where what was written since does not open.
        if secret.spec.sealed.as_ref() == Some(&entry.sealed) {
            return Err(Unfit::InUse { name, version });
        }
        return Ok(entry);
    }
    if !(1..=newest.version).contains(&version) {
        return Err(Unfit::NoVersion { name, version, newest: newest.version });
    }
    match status.and_then(|status| status.refuse_sealed_before.as_ref()) {
        Some(before) => Err(Unfit::Purged { name, version, before: before.0 }),
        None => Err(Unfit::NotKept { name, version }),
    }
}

impl Caller {
    /// Brings a former value back, as a new version. Nothing is opened or sealed: what was
    /// stored then is written again.
    ///
    /// # Errors
    /// As [`restorable`]; somebody else has just changed the secret; the caller may not.
    pub async fn roll_back(
        &self,
        secret: &KlivSecret,
        version: i64,
        dry_run: DryRun,
    ) -> Result<KlivSecret, Error> {
        let sealed = restorable(secret, version)?.sealed.clone();
        let spec = KlivSecretSpec { sealed: Some(sealed), ..place(secret) };
        self.put(&spec, Some(secret), dry_run).await
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::api::KlivSecretStatus;

    fn secret(versions: &[i64]) -> KlivSecret {
        let entry = |version: &i64| HistoryEntry {
            version: *version,
            generation: *version,
            time: Time(Timestamp::UNIX_EPOCH),
            by: "anna".into(),
            on_behalf_of: None,
            via: "cli".into(),
            masked_value: "****".into(),
            stamp: None,
            restores: None,
            sealed: format!("kliv1.{version}"),
        };
        let history: Vec<HistoryEntry> = versions.iter().map(entry).collect();
        let sealed = history.first().map(|entry| entry.sealed.clone());
        let spec = KlivSecretSpec { env_var: "A_KEY".into(), sealed, ..Default::default() };
        let mut secret = KlivSecret::new("a-key", spec);
        secret.status = Some(KlivSecretStatus { history, ..Default::default() });
        secret
    }

    fn refused(secret: &KlivSecret, version: i64) -> String {
        restorable(secret, version).map(|entry| entry.version).unwrap_err().to_string()
    }

    #[test]
    fn a_version_that_is_kept_comes_back() {
        assert_eq!(restorable(&secret(&[7, 6, 5]), 5).unwrap().sealed, "kliv1.5");
    }

    #[test]
    fn the_one_in_use_comes_back_only_where_the_spec_holds_another() {
        let mut secret = secret(&[7, 6]);
        assert!(refused(&secret, 7).contains("is the one in use"));
        secret.spec.sealed = Some("kliv1.altered".into());
        assert_eq!(restorable(&secret, 7).unwrap().version, 7);
    }

    #[test]
    fn what_can_not_come_back_is_told_with_the_reason() {
        assert!(refused(&secret(&[]), 1).contains("has had no value yet"));
        assert!(refused(&secret(&[7, 6]), 8).contains("its newest is 7"));
        assert!(refused(&secret(&[7, 6]), 0).contains("no version 0"));
        let gone = refused(&secret(&[7, 6]), 2);
        assert!(gone.contains("not kept any more"), "{gone}");
        let mut purged = secret(&[7]);
        if let Some(status) = &mut purged.status {
            status.refuse_sealed_before = Some(Time(Timestamp::UNIX_EPOCH));
        }
        assert!(refused(&purged, 6).contains("compromised"));
    }
}
