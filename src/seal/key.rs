//! The public half: what a sealer needs.

use std::fmt;
use std::str::FromStr;

use hpke::{Deserializable, OpModeR, Serializable, setup_receiver};
use sha2::{Digest, Sha256};

use super::binding::field;
use super::suite::{Aead, EncappedKey, INFO, KEY_BYTES, Kdf, Kem, PrivateKey, PublicKey, Suite};
use super::text::{from_base64url, from_hex, to_base64url, to_hex};

const PREFIX: &str = "kliv1-key";

/// Which key a value was sealed with: the first 128 bits of SHA-256 over suite and
/// public key. Text: 32 small hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 16]);

/// Which installation of the operator a value was sealed for, so that a ciphertext
/// can't be carried to another. Text: 32 small hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstallationId(pub(super) [u8; 16]);

/// What a sealer needs, and nothing secret: installation, suite and public key.
/// Text: `kliv1-key.<suite>.<installation id>.<base64url of the public key>`.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey {
    pub(super) installation: InstallationId,
    pub(super) suite: Suite,
    pub(super) public: PublicKey,
    id: KeyId,
}

/// A text that is no key, key id or installation id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedKey {
    /// Not the text form of a sealing key.
    #[error("not a sealing key: expected kliv1-key.<suite>.<installation id>.<public key>")]
    SealingKey,
    /// A sealing key of a suite that this version does not know.
    #[error("the sealing key is for algorithms that this version does not know: upgrade it")]
    Suite,
    /// A public key that everybody can open (a point of small order).
    #[error("the sealing key is not a safe public key")]
    Unsafe,
    /// Not the text form of a key id or installation id.
    #[error("not an id: expected 32 small hexadecimal digits")]
    Id,
}

impl SealingKey {
    pub(super) fn new(installation: InstallationId, suite: Suite, public: PublicKey) -> Self {
        let id = KeyId::of(suite, &public);
        Self { installation, suite, public, id }
    }

    /// Reads the text form; white space at its ends does not count.
    ///
    /// # Errors
    /// [`MalformedKey`], in words that do not quote the text.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let mut parts = text.trim_ascii().split('.');
        let (Some(PREFIX), Some(suite), Some(installation), Some(public), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MalformedKey::SealingKey);
        };
        let suite = Suite::named(suite).ok_or(MalformedKey::Suite)?;
        let installation = installation.parse().map_err(|_| MalformedKey::SealingKey)?;
        let public = from_base64url(public).ok_or(MalformedKey::SealingKey)?;
        if is_of_small_order(&public)? {
            return Err(MalformedKey::Unsafe);
        }
        let public = PublicKey::from_bytes(&public).map_err(|_| MalformedKey::SealingKey)?;
        Ok(Self::new(installation, suite, public))
    }

    /// The key's id, computed from the key itself.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// The installation that opens what is sealed with this key.
    #[must_use]
    pub fn installation(&self) -> InstallationId {
        self.installation
    }

    /// The key's algorithms.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }
}

impl KeyId {
    fn of(suite: Suite, public: &PublicKey) -> Self {
        let mut input = Vec::with_capacity(96);
        field(&mut input, b"kliv-secrets key id v1");
        field(&mut input, &suite.id());
        field(&mut input, &public.to_bytes());
        let digest = Sha256::digest(&input);
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// X25519 with such a point gives zero, whatever the private key. HPKE refuses it when
/// sealing; refused here, sealing can't fail.
fn is_of_small_order(public: &[u8]) -> Result<bool, MalformedKey> {
    let point = EncappedKey::from_bytes(public).map_err(|_| MalformedKey::SealingKey)?;
    let any = PrivateKey::from_bytes(&[1; KEY_BYTES]).map_err(|_| MalformedKey::SealingKey)?;
    Ok(setup_receiver::<Aead, Kdf, Kem>(&OpModeR::Base, &any, &point, INFO).is_err())
}

impl fmt::Display for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public = to_base64url(&self.public.to_bytes());
        write!(f, "{PREFIX}.{}.{}.{public}", self.suite.as_str(), self.installation)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({self})")
    }
}

impl FromStr for SealingKey {
    type Err = MalformedKey;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = MalformedKey;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        from_hex(text).map(Self).ok_or(MalformedKey::Id)
    }
}

impl fmt::Display for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstallationId({self})")
    }
}

impl FromStr for InstallationId {
    type Err = MalformedKey;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        from_hex(text).map(Self).ok_or(MalformedKey::Id)
    }
}
