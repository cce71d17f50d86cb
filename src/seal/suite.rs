//! Which algorithms a key is for.

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;

pub(super) type Kem = X25519HkdfSha256;
pub(super) type Kdf = HkdfSha256;
pub(super) type Aead = AesGcm256;
pub(super) type PublicKey = <Kem as hpke::Kem>::PublicKey;
pub(super) type PrivateKey = <Kem as hpke::Kem>::PrivateKey;
pub(super) type EncappedKey = <Kem as hpke::Kem>::EncappedKey;

/// Bytes of an X25519 public or private key, and of an encapsulated key.
pub(super) const KEY_BYTES: usize = 32;
/// Bytes of an AES-GCM tag.
pub(super) const TAG_BYTES: usize = 16;
/// HPKE's `info`: nothing else of this key is ever taken for a sealed value.
pub(super) const INFO: &[u8] = b"kliv-secrets sealed value v1";

/// The algorithms of a sealing key (RFC 9180, base mode). A suite belongs to a key:
/// a ciphertext can't choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
    X25519,
}

impl Suite {
    /// Its name in text forms.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X25519 => "x25519",
        }
    }

    /// KEM, KDF and AEAD as RFC 9180 numbers them (sections 7.1 to 7.3), big-endian.
    #[must_use]
    pub fn id(self) -> [u8; 6] {
        match self {
            Self::X25519 => [0x00, 0x20, 0x00, 0x01, 0x00, 0x02],
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        (name == Self::X25519.as_str()).then_some(Self::X25519)
    }
}
