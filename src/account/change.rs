#![expect(clippy::disallowed_types, reason = "reads the public key and writes, as the caller")]
//! A change of a secret that is there: sealed here, written only where nobody else was
//! quicker.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{Caller, DryRun, Error};
use crate::api::KlivSecret;
use crate::api::names::{SEALING_KEY_CONFIGMAP, SEALING_KEY_ENTRY};
use crate::runtime::entropy;
use crate::seal::{Binding, Plaintext, SealingKey, seal};

impl Caller {
    /// Seals a value for a secret's place, with the cluster's public key.
    pub(super) async fn seal_for(
        &self,
        secret: &KlivSecret,
        value: &Plaintext,
        sealed_at: Timestamp,
    ) -> Result<String, Error> {
        let key = self.public_key().await?;
        let binding = Binding {
            account: &self.namespace,
            variable: &secret.spec.env_var,
            environment: secret.spec.environment.as_deref(),
        };
        let sealed = seal(&key, &binding, value, sealed_at, &mut entropy::system());
        Ok(sealed.map_err(|error| Error::Invalid(error.to_string()))?.to_string())
    }

    /// Changes fields of the spec, if the secret is still as it was read.
    pub(super) async fn change(
        &self,
        secret: &KlivSecret,
        spec: Value,
        dry_run: DryRun,
    ) -> Result<KlivSecret, Error> {
        if dry_run == DryRun::Client {
            return Ok(secret.clone());
        }
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let metadata = json!({
            "uid": secret.metadata.uid, "resourceVersion": secret.metadata.resource_version,
        });
        let patch = Patch::Merge(json!({ "metadata": metadata, "spec": spec }));
        let params = PatchParams {
            dry_run: dry_run == DryRun::Server,
            field_manager: Some(self.field_manager.to_owned()),
            ..PatchParams::default()
        };
        let changed = self.api::<KlivSecret>().patch(name, &params, &patch).await;
        changed.map_err(|error| self.secret(name).failed(&error))
    }

    async fn public_key(&self) -> Result<SealingKey, Error> {
        let api = Api::<ConfigMap>::namespaced(self.client.clone(), &self.operator_namespace);
        let map = api.get_opt(SEALING_KEY_CONFIGMAP).await;
        let map = map.map_err(|error| {
            let kind = super::Kind {
                what: "the public key, ConfigMap",
                name: SEALING_KEY_CONFIGMAP,
                namespace: &self.operator_namespace,
            };
            kind.failed(&error)
        })?;
        let text = map.and_then(|map| map.data?.remove(SEALING_KEY_ENTRY)).ok_or_else(|| {
            Error::NotFound {
                what: format!(
                    "the public key (ConfigMap {SEALING_KEY_CONFIGMAP} in namespace {})",
                    self.operator_namespace
                ),
                way_out: ": is kliv-secrets in another namespace? Give --operator-namespace".into(),
            }
        })?;
        SealingKey::parse(&text).map_err(|error| Error::Invalid(error.to_string()))
    }
}
