//! Handing a value in: sealed here, then created or changed.

use jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use super::{Caller, DryRun, Error, Invalid, Kind, Missing, Target, What};
use crate::api::names::{SEALING_KEY_CONFIGMAP, SEALING_KEY_ENTRY};
use crate::api::text::harmless;
use crate::api::{KlivSecret, KlivSecretSpec, object_name};
use crate::seal::{Binding, CryptoRng, Plaintext, Sealed, SealingKey, seal};

impl Caller {
    /// The cluster's public key. Its id is computed from the key itself.
    ///
    /// # Errors
    /// It isn't where it should be, or is none.
    pub async fn sealing_key(&self) -> Result<SealingKey, Error> {
        let namespace = self.operator_namespace.as_str();
        let kind = Kind { what: What::SealingKey, name: SEALING_KEY_CONFIGMAP, namespace };
        let map = self.operators_map(kind, Missing::SealingKey).await?;
        let entry = map.data.as_ref().and_then(|data| data.get(SEALING_KEY_ENTRY));
        let key = entry.ok_or_else(|| kind.not_found(Missing::SealingKey))?;
        SealingKey::parse(key)
            .map_err(|why| Invalid::SealingKey { namespace: namespace.to_owned(), why }.into())
    }

    /// Creates a secret, or changes those fields of the one there is `before` that the spec
    /// names; its own spec must still be as it was then.
    ///
    /// # Errors
    /// The caller may not, somebody else was quicker, or it is refused.
    pub async fn put(
        &self,
        spec: &KlivSecretSpec,
        before: Option<&KlivSecret>,
        dry_run: DryRun,
    ) -> Result<KlivSecret, Error> {
        let name = object_name(&spec.env_var, spec.environment.as_deref());
        let kind = self.secret(&name);
        let Some(before) = before else {
            let mut new = KlivSecret::new(&name, spec.clone());
            new.metadata.namespace = Some(self.namespace.to_string());
            if dry_run == DryRun::Client {
                return Ok(new);
            }
            let field_manager = Some(self.field_manager.to_owned());
            let params = PostParams { dry_run: dry_run == DryRun::Server, field_manager };
            let created = self.api::<KlivSecret>().create(&params, &new).await;
            return created.map_err(|error| kind.failed(&error));
        };
        if before.spec.env_var != spec.env_var {
            let variable = harmless(&before.spec.env_var, 128).into_owned();
            return Err(Invalid::OtherVariable { name, variable }.into());
        }
        self.change(before, &json!(spec), dry_run).await
    }

    /// Merges these fields into the spec of a secret, if that is still as it was: null takes
    /// one away.
    pub(super) async fn change(
        &self,
        before: &KlivSecret,
        spec: &serde_json::Value,
        dry_run: DryRun,
    ) -> Result<KlivSecret, Error> {
        let name = before.metadata.name.as_deref().unwrap_or_default();
        let kind = self.secret(name);
        let patch = |before: &KlivSecret| {
            json!({
                "metadata": { "resourceVersion": before.metadata.resource_version },
                "spec": spec,
            })
        };
        if dry_run == DryRun::Client {
            let mut changed = serde_json::to_value(before).unwrap_or_default();
            json_patch::merge(&mut changed, &patch(before));
            return serde_json::from_value(changed)
                .map_err(|_| Invalid::Unreadable(name.to_owned()).into());
        }
        let dry_run = dry_run == DryRun::Server;
        let field_manager = Some(self.field_manager.to_owned());
        let params = PatchParams { dry_run, field_manager, ..PatchParams::default() };
        let secrets = self.api::<KlivSecret>();
        let (secrets, params, address) = (&secrets, &params, kind.address()?);
        self.as_it_was(before, |before| {
            let patch = Patch::Merge(patch(&before));
            async move {
                let changed = secrets.patch(address, params, &patch).await;
                changed.map_err(|error| kind.failed(&error))
            }
        })
        .await
    }

    /// Writes on condition that nobody has changed the spec since. The resource version that
    /// says so to the API server moves with each status as well, which the operator writes
    /// whenever it likes: then it is tried with the new one.
    pub(super) async fn as_it_was<T, W>(
        &self,
        before: &KlivSecret,
        write: impl Fn(KlivSecret) -> W,
    ) -> Result<T, Error>
    where
        W: Future<Output = Result<T, Error>>,
    {
        const TRIES: usize = 5;
        let mut now = before.clone();
        for _ in 1..TRIES {
            let changed = match write(now).await {
                Err(changed @ Error::Changed(_)) => changed,
                written => return written,
            };
            let name = before.metadata.name.as_deref().unwrap_or_default();
            now = match self.find_object(name).await {
                Ok(Some(now)) if is_unchanged(before, &now) => now,
                _ => return Err(changed),
            };
        }
        write(now).await
    }
}

/// Whether it is the same object with the same spec.
fn is_unchanged(before: &KlivSecret, now: &KlivSecret) -> bool {
    let (before, now) = (&before.metadata, &now.metadata);
    before.uid == now.uid && before.generation == now.generation
}

impl Target {
    /// Seals a value for this secret of an account, with the time of
    /// [`sealed_at_least`](super::sealed_at_least).
    ///
    /// # Errors
    /// The value is too large.
    pub fn seal(
        &self,
        account: &str,
        key: &SealingKey,
        value: &Plaintext,
        sealed_at: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, Error> {
        let (variable, environment) = (self.variable.as_str(), self.environment.as_deref());
        let binding = Binding { account, variable, environment };
        seal(key, &binding, value, sealed_at, rng).map_err(|_| Invalid::TooLarge.into())
    }

    /// The secret's own variable, where there is one: from an object's name it was a guess.
    #[must_use]
    pub fn resolved(self, found: Option<&KlivSecret>) -> Self {
        match found {
            Some(secret) if !self.is_variable => {
                Self { variable: secret.spec.env_var.clone(), is_variable: true, ..self }
            }
            _ => self,
        }
    }
}
