//! Taking a secret away.

use kube::api::{DeleteParams, Preconditions};

use super::live::{Deleted, Waited};
use super::{Caller, DryRun, Error};
use crate::api::KlivSecret;

impl Caller {
    /// Deletes a secret, if it is still as it was looked at. Says what is to be waited for.
    ///
    /// # Errors
    /// The caller may not, it is gone, or somebody changed it.
    pub async fn delete(&self, secret: &KlivSecret, dry_run: DryRun) -> Result<Waited, Error> {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        // Without the right to see it there is nothing to wait for.
        let account = self.account().await.ok().flatten();
        let revision = account.and_then(|account| account.status).map(|status| status.revision);
        if dry_run != DryRun::Client {
            self.as_it_was(secret, |secret| async move {
                let params = DeleteParams {
                    dry_run: dry_run == DryRun::Server,
                    preconditions: Some(Preconditions {
                        uid: secret.metadata.uid,
                        resource_version: secret.metadata.resource_version,
                    }),
                    ..DeleteParams::default()
                };
                let kind = self.secret(name);
                let deleted = self.api::<KlivSecret>().delete(kind.address()?, &params).await;
                deleted.map_err(|error| kind.failed(&error))
            })
            .await?;
        }
        let uid = secret.metadata.uid.clone().unwrap_or_default();
        let deleted = revision.filter(|_| secret.has_value()).map(|revision| Deleted {
            uid,
            revision,
            variable: secret.spec.env_var.clone(),
            environment: secret.spec.environment.clone(),
        });
        Ok(Waited { written: Vec::new(), deleted })
    }
}
