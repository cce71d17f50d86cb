//! The two objects as they stand in the cluster. Pure.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::ObjectMeta;
use zeroize::{Zeroize, Zeroizing};

use super::{KeySource, KeysError};
use crate::api::names::{
    FIELD_MANAGER, KEYRING_ENTRY, KEYRING_SECRET, KEYRING_SECRET_TYPE, LABEL_MANAGED_BY,
    SEALING_KEY_CONFIGMAP, SEALING_KEY_ENTRY,
};
use crate::seal::{CryptoRng, KeyId, Keyring, KeyringError, SealingKey, WrappingKey, is_wrapped};

/// The Secret of a keyring, wrapped where there is a key for it.
pub(super) fn keyring_secret(
    namespace: &str,
    keyring: &Keyring,
    wrapping: Option<&WrappingKey>,
    rng: &mut impl CryptoRng,
) -> Secret {
    let content = match wrapping {
        Some(key) => keyring.wrap(key, rng),
        None => keyring.to_bytes().to_vec(),
    };
    Secret {
        metadata: metadata(namespace, KEYRING_SECRET),
        type_: Some(KEYRING_SECRET_TYPE.into()),
        data: Some(BTreeMap::from([(KEYRING_ENTRY.into(), ByteString(content))])),
        ..Secret::default()
    }
}

/// Takes the keyring's text out of its Secret; the other entries are wiped.
pub(super) fn take_content(mut secret: Secret) -> Option<Zeroizing<Vec<u8>>> {
    let content = secret.data.as_mut().and_then(|data| data.remove(KEYRING_ENTRY));
    wipe(secret);
    content.map(|bytes| Zeroizing::new(bytes.0))
}

/// Wipes what the Secret holds.
pub(super) fn wipe(secret: Secret) {
    for mut bytes in secret.data.into_iter().flat_map(BTreeMap::into_values) {
        bytes.0.zeroize();
    }
}

/// The keyring in `content`, and whether it is to be stored again, wrapped.
pub(super) fn read_keyring(
    content: &[u8],
    source: &KeySource<'_>,
) -> Result<(Keyring, bool), KeysError> {
    let namespace = || source.namespace.into();
    let wrapped = is_wrapped(content);
    if source.wrapping.is_some() && !wrapped && !source.wrap_existing {
        return Err(KeysError::NotWrapped { namespace: namespace() });
    }
    let read = match source.wrapping {
        Some(key) if wrapped => match (Keyring::unwrap(content, key), source.former_wrapping) {
            (Err(KeyringError::WrongWrappingKey), Some(former)) => {
                Keyring::unwrap(content, former).map(|keyring| (keyring, true))
            }
            (read, _) => read.map(|keyring| (keyring, false)),
        },
        wrapping => Keyring::parse(content).map(|keyring| (keyring, wrapping.is_some())),
    };
    read.map_err(|reason| KeysError::Keyring { namespace: namespace(), reason })
}

/// The ConfigMap from which sealers read.
pub(super) fn sealing_key_configmap(namespace: &str, key: &SealingKey) -> ConfigMap {
    ConfigMap {
        metadata: metadata(namespace, SEALING_KEY_CONFIGMAP),
        data: Some(BTreeMap::from([(SEALING_KEY_ENTRY.into(), key.to_string())])),
        ..ConfigMap::default()
    }
}

/// Whether the ConfigMap says what it should.
pub(super) fn publishes(stored: &ConfigMap, key: &SealingKey) -> bool {
    stored.data.as_ref().and_then(|data| data.get(SEALING_KEY_ENTRY)) == Some(&key.to_string())
}

/// The key that the ConfigMap names instead, where it is one of this installation that the
/// keyring does not hold: then the keyring is older than what was published.
pub(super) fn publishes_unknown(stored: &ConfigMap, keyring: &Keyring) -> Option<KeyId> {
    let text = stored.data.as_ref()?.get(SEALING_KEY_ENTRY)?;
    let key = SealingKey::parse(text).ok()?;
    let is_lost = key.installation() == keyring.installation() && !keyring.has(key.key_id());
    is_lost.then(|| key.key_id())
}

fn metadata(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.into()),
        namespace: Some(namespace.into()),
        labels: Some(BTreeMap::from([(LABEL_MANAGED_BY.into(), FIELD_MANAGER.into())])),
        ..ObjectMeta::default()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::runtime::entropy;

    fn keyring() -> Keyring {
        Keyring::generate(Timestamp::UNIX_EPOCH, &mut entropy::system())
    }

    fn wrapping(byte: u8) -> WrappingKey {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode([byte; 32]);
        WrappingKey::parse(text.as_bytes()).unwrap()
    }

    fn stored(keyring: &Keyring, wrapping: Option<&WrappingKey>) -> Zeroizing<Vec<u8>> {
        take_content(keyring_secret("ops", keyring, wrapping, &mut entropy::system())).unwrap()
    }

    fn source(wrapping: Option<&WrappingKey>) -> KeySource<'_> {
        KeySource { wrapping, ..KeySource::plain("ops") }
    }

    fn reason(content: &[u8], source: &KeySource<'_>) -> KeysError {
        read_keyring(content, source).err().unwrap()
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let (ring, key) = (keyring(), wrapping(1));
        for wrapping in [None, Some(&key)] {
            let (read, rewrite) =
                read_keyring(&stored(&ring, wrapping), &source(wrapping)).unwrap();
            assert_eq!(read.to_bytes(), ring.to_bytes());
            assert!(!rewrite);
        }
    }

    #[test]
    fn a_wrapped_keyring_does_not_hold_the_private_key() {
        let (ring, key) = (keyring(), wrapping(1));
        let plain = String::from_utf8(ring.to_bytes().to_vec()).unwrap();
        let private = plain.split(' ').nth(5).unwrap();
        let wrapped = String::from_utf8(stored(&ring, Some(&key)).to_vec()).unwrap();
        assert_eq!(private.len(), 43);
        assert!(!wrapped.contains(private));
    }

    #[test]
    fn a_plain_keyring_is_not_taken_for_a_wrapped_one_unless_told() {
        let (ring, key) = (keyring(), wrapping(1));
        let content = stored(&ring, None);
        assert!(matches!(reason(&content, &source(Some(&key))), KeysError::NotWrapped { .. }));
        let (read, rewrite) =
            read_keyring(&content, &KeySource { wrap_existing: true, ..source(Some(&key)) })
                .unwrap();
        assert_eq!(read.to_bytes(), ring.to_bytes());
        assert!(rewrite);
    }

    #[test]
    fn a_wrapped_keyring_needs_its_own_key() {
        let content = stored(&keyring(), Some(&wrapping(1)));
        for (key, expected) in
            [(None, KeyringError::Wrapped), (Some(&wrapping(2)), KeyringError::WrongWrappingKey)]
        {
            let KeysError::Keyring { reason, .. } = reason(&content, &source(key)) else {
                panic!("another error")
            };
            assert_eq!(reason, expected);
        }
    }

    #[test]
    fn a_keyring_under_the_former_wrapping_key_is_wrapped_anew() {
        let (ring, former, key) = (keyring(), wrapping(1), wrapping(2));
        let given = KeySource { former_wrapping: Some(&former), ..source(Some(&key)) };
        let content = stored(&ring, Some(&former));
        let (read, rewrite) = read_keyring(&content, &given).unwrap();
        assert_eq!(read.to_bytes(), ring.to_bytes());
        assert!(rewrite);

        let (_, rewrite) = read_keyring(&stored(&ring, Some(&key)), &given).unwrap();
        assert!(!rewrite, "once is enough");
        let neither = stored(&ring, Some(&wrapping(3)));
        assert!(reason(&neither, &given).is_of_this_replica());
        let plain = reason(&stored(&ring, None), &given);
        assert!(matches!(plain, KeysError::NotWrapped { .. }), "a former key wraps nothing");
    }

    #[test]
    fn a_published_key_that_the_keyring_lacks_tells_that_it_is_an_old_backup() {
        let backup = keyring();
        let mut ring = Keyring::parse(&backup.to_bytes()).unwrap();
        ring.rotate(Timestamp::UNIX_EPOCH, &mut entropy::system());
        let published = sealing_key_configmap("ops", ring.sealing_key());
        let lost = ring.sealing_key().key_id();
        assert_eq!(publishes_unknown(&published, &backup), Some(lost));
        let former = sealing_key_configmap("ops", backup.sealing_key());
        assert_eq!(publishes_unknown(&former, &ring), None, "not yet published anew");
        assert_eq!(publishes_unknown(&published, &keyring()), None, "another installation");
        assert_eq!(publishes_unknown(&ConfigMap::default(), &ring), None);
    }

    #[test]
    fn the_sealing_key_is_published_in_its_text_form() {
        let ring = keyring();
        let stored = sealing_key_configmap("ops", ring.sealing_key());
        assert!(publishes(&stored, ring.sealing_key()));
        let text = &stored.data.as_ref().unwrap()[SEALING_KEY_ENTRY];
        assert_eq!(SealingKey::parse(text).as_ref(), Ok(ring.sealing_key()));
        assert!(!publishes(&stored, keyring().sealing_key()));
        assert!(!publishes(&ConfigMap::default(), ring.sealing_key()));
    }
}
