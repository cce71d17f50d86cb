//! The keyring's Secret and the sealing key's ConfigMap in the cluster.
#![expect(clippy::disallowed_types, reason = "reads and writes the keyring's objects")]

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use tracing::info;

use super::objects::{
    keyring_secret, publishes, publishes_unknown, read_keyring, sealing_key_configmap,
    take_content, wipe,
};
use super::{KeySource, KeysError};
use crate::api::KlivSecret;
use crate::api::names::{FIELD_MANAGER, KEYRING_SECRET, SEALING_KEY_CONFIGMAP};
use crate::runtime::entropy;
use crate::seal::{KeyId, Keyring};

/// How often a write that lost a race is tried again: each race has a winner, whose
/// write is then found.
const ATTEMPTS: usize = 5;

/// Reads the keyring; makes one where there is none and nothing is sealed yet. Wraps it
/// and rotates its sealing key where the source says so, in one write.
///
/// # Errors
/// [`KeysError`]. No keyring is made where that could hide a loss: when values are
/// sealed, when a sealing key is published (a manifest elsewhere may need it), or when it
/// can't be found out.
pub async fn load_or_create(
    client: &Client,
    source: &KeySource<'_>,
    now: Timestamp,
) -> Result<Keyring, KeysError> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), source.namespace);
    for _ in 0..ATTEMPTS {
        let mine = match read(&secrets, source).await? {
            Some(stored) => update(&secrets, source, stored, now).await?,
            None => {
                let namespace = || source.namespace.to_owned();
                if let Some(example) = any_sealed(client).await? {
                    return Err(KeysError::Gone { namespace: namespace(), example });
                }
                // Asked for again: another replica may have made and published it just now.
                if is_published(client, source.namespace).await?
                    && read(&secrets, source).await?.is_none()
                {
                    return Err(KeysError::GoneAfterPublication { namespace: namespace() });
                }
                create(&secrets, source, now).await?
            }
        };
        if let Some(keyring) = mine {
            return Ok(keyring);
        }
    }
    Err(source.busy())
}

/// Whether this replica would have the right wrapping key, should it come to lead. Reads
/// only; what is wrong with the keyring itself is the leader's to tell.
///
/// # Errors
/// [`KeysError`] that [are of this replica](KeysError::is_of_this_replica).
pub(super) async fn check(client: &Client, source: &KeySource<'_>) -> Result<(), KeysError> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), source.namespace);
    match read(&secrets, source).await {
        Err(error) if error.is_of_this_replica() => Err(error),
        _ => Ok(()),
    }
}

/// What became of the sealing key's publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It was published already.
    Before,
    /// It is published now.
    Now,
    /// It is published now, in place of another key of this installation, which the keyring
    /// does not hold: the keyring is a backup from before that key was made.
    InPlaceOf(KeyId),
}

/// Publishes what sealers need, if the ConfigMap does not say it already.
///
/// # Errors
/// [`KeysError::Api`].
pub async fn publish_sealing_key(
    client: &Client,
    namespace: &str,
    keyring: &Keyring,
) -> Result<Published, KeysError> {
    let key = keyring.sealing_key();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let name = || format!("ConfigMap {namespace}/{SEALING_KEY_CONFIGMAP}");
    let mut wanted = sealing_key_configmap(namespace, key);
    for _ in 0..ATTEMPTS {
        let stored = maps
            .get_opt(SEALING_KEY_CONFIGMAP)
            .await
            .map_err(|error| KeysError::api("read", name(), &error))?;
        let lost = stored.as_ref().and_then(|stored| publishes_unknown(stored, keyring));
        let written = match stored {
            Some(stored) if publishes(&stored, key) => return Ok(Published::Before),
            Some(stored) => {
                wanted.metadata.resource_version = stored.metadata.resource_version;
                let ours = PatchParams::apply(FIELD_MANAGER).force();
                maps.patch(SEALING_KEY_CONFIGMAP, &ours, &Patch::Apply(&wanted)).await
            }
            None => {
                wanted.metadata.resource_version = None;
                maps.create(&post(), &wanted).await
            }
        };
        match written {
            Ok(_) => {
                info!(key = %key.key_id(), "published the sealing key");
                return Ok(lost.map_or(Published::Now, Published::InPlaceOf));
            }
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(KeysError::api("write", name(), &error)),
        }
    }
    Err(KeysError::Api {
        verb: "write",
        object: name(),
        reason: "somebody else keeps writing it".into(),
    })
}

async fn is_published(client: &Client, namespace: &str) -> Result<bool, KeysError> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let published = maps.get_metadata_opt(SEALING_KEY_CONFIGMAP).await.map_err(|error| {
        KeysError::api("read", format!("ConfigMap {namespace}/{SEALING_KEY_CONFIGMAP}"), &error)
    })?;
    Ok(published.is_some())
}

/// A keyring as it was found.
struct Stored {
    keyring: Keyring,
    /// Whether it is to be wrapped.
    wrap: bool,
    version: Option<String>,
}

/// The keyring that is stored, if any.
async fn read(secrets: &Api<Secret>, source: &KeySource<'_>) -> Result<Option<Stored>, KeysError> {
    let stored = secrets
        .get_opt(KEYRING_SECRET)
        .await
        .map_err(|error| KeysError::api("read", source.object(), &error))?;
    let Some(stored) = stored else { return Ok(None) };
    let version = stored.metadata.resource_version.clone();
    let content = take_content(stored)
        .ok_or_else(|| KeysError::NoEntry { namespace: source.namespace.into() })?;
    let (keyring, wrap) = read_keyring(&content, source)?;
    Ok(Some(Stored { keyring, wrap, version }))
}

/// The keyring as it should be, stored; none when somebody else wrote it meanwhile.
async fn update(
    secrets: &Api<Secret>,
    source: &KeySource<'_>,
    stored: Stored,
    now: Timestamp,
) -> Result<Option<Keyring>, KeysError> {
    let Stored { mut keyring, wrap, version } = stored;
    let former = keyring.active();
    let rotate = source.cutoff.is_some_and(|cutoff| cutoff.is_after(former.created));
    if rotate {
        keyring.rotate(source.made(now), &mut entropy::system());
    }
    if !rotate && !wrap {
        return Ok(Some(keyring));
    }
    let mut secret =
        keyring_secret(source.namespace, &keyring, source.wrapping, &mut entropy::system());
    secret.metadata.resource_version = version;
    let written = secrets.replace(KEYRING_SECRET, &post(), &secret).await;
    wipe(secret);
    match written {
        Ok(written) => wipe(written),
        Err(kube::Error::Api(status)) if status.code == 409 => return Ok(None),
        Err(error) => return Err(KeysError::api("update", source.object(), &error)),
    }
    if wrap {
        info!("wrapped the keyring: back it up anew");
    }
    if rotate {
        let key = keyring.active().id;
        info!(%key, former = %former.id, "rotated the sealing key: back the keyring up anew");
    }
    Ok(Some(keyring))
}

/// A new keyring, stored; none when another replica was first.
async fn create(
    secrets: &Api<Secret>,
    source: &KeySource<'_>,
    now: Timestamp,
) -> Result<Option<Keyring>, KeysError> {
    let keyring = Keyring::generate(source.made(now), &mut entropy::system());
    let secret =
        keyring_secret(source.namespace, &keyring, source.wrapping, &mut entropy::system());
    let created = secrets.create(&post(), &secret).await;
    wipe(secret);
    match created {
        Ok(stored) => {
            wipe(stored);
            info!(key = %keyring.sealing_key().key_id(), "made a new keyring: back it up");
            Ok(Some(keyring))
        }
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(KeysError::api("create", source.object(), &error)),
    }
}

/// One KlivSecret, of any account, that was sealed: `namespace/name`. Read loosely, so
/// that one odd object can't make all look unsealed.
async fn any_sealed(client: &Client) -> Result<Option<String>, KeysError> {
    let all: Api<DynamicObject> =
        Api::all_with(client.clone(), &ApiResource::erase::<KlivSecret>(&()));
    let mut page = ListParams::default().limit(100);
    loop {
        let list = match all.list(&page).await {
            Ok(list) => list,
            // The kind is not installed: there is nothing of it.
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
            Err(error) => return Err(KeysError::api("list", "KlivSecrets".into(), &error)),
        };
        if let Some(sealed) = list.items.iter().find(|object| is_sealed(&object.data)) {
            let meta = &sealed.metadata;
            let namespace = meta.namespace.as_deref().unwrap_or_default();
            return Ok(Some(format!("{namespace}/{}", meta.name.as_deref().unwrap_or_default())));
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(None),
        }
    }
}

fn is_sealed(object: &serde_json::Value) -> bool {
    let history = object.pointer("/status/history").and_then(serde_json::Value::as_array);
    object.pointer("/spec/sealed").is_some() || history.is_some_and(|entries| !entries.is_empty())
}

fn post() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() }
}

impl KeySource<'_> {
    fn object(&self) -> String {
        format!("Secret {}/{KEYRING_SECRET}", self.namespace)
    }

    fn made(&self, now: Timestamp) -> Timestamp {
        self.cutoff.map_or(now, |cutoff| cutoff.or_later(now))
    }

    fn busy(&self) -> KeysError {
        KeysError::Api {
            verb: "create",
            object: self.object(),
            reason: "it comes and goes: does something delete it?".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_now_or_in_the_past_makes_an_object_sealed() {
        assert!(is_sealed(&json!({"spec": {"sealed": "kliv1.x.y"}})));
        assert!(is_sealed(&json!({"spec": {}, "status": {"history": [{"sealed": "kliv1.x.y"}]}})));
        assert!(is_sealed(&json!({"spec": {"sealed": 7}})), "odd objects count");
        assert!(!is_sealed(&json!({"spec": {"request": {}}, "status": {"history": []}})));
        assert!(!is_sealed(&json!({})));
    }
}
