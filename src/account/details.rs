//! What people say of a secret beside its value, and values that the cluster makes.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{Caller, Details, DryRun, Error, Target, Unfit};
use crate::api::{Generate, KlivSecret, KlivSecretSpec};

impl Caller {
    /// Creates a secret whose value the cluster makes.
    ///
    /// # Errors
    /// There is such a secret; the caller may not; it is refused.
    pub async fn generate(
        &self,
        target: &Target,
        generate: Generate,
        details: Details,
        dry_run: DryRun,
    ) -> Result<KlivSecret, Error> {
        let spec = KlivSecretSpec { generate: Some(generate), ..details.spec(target) };
        match self.put(&spec, None, dry_run).await {
            Err(Error::Changed(_)) => Err(Unfit::Exists(target.object()).into()),
            made => made,
        }
    }

    /// Says all of this of a secret; what is not said is gone from it. The value stays.
    ///
    /// # Errors
    /// Somebody else has just changed it; the caller may not; it is refused.
    pub async fn describe(
        &self,
        before: &KlivSecret,
        details: &Details,
    ) -> Result<KlivSecret, Error> {
        let name = before.metadata.name.as_deref().unwrap_or_default();
        let kind = self.secret(name);
        let (secrets, address) = (&self.api::<KlivSecret>(), kind.address()?);
        let field_manager = Some(self.field_manager.to_owned());
        let params = &PatchParams { field_manager, ..PatchParams::default() };
        self.as_it_was(before, |before| {
            let patch = Patch::Merge(json!({
                "metadata": { "resourceVersion": before.metadata.resource_version },
                "spec": {
                    "description": details.description,
                    "rotateAfterDays": details.rotate_after_days,
                    "expirationTime": details.expiration_time,
                },
            }));
            async move {
                let changed = secrets.patch(address, params, &patch).await;
                changed.map_err(|error| kind.failed(&error))
            }
        })
        .await
    }
}
