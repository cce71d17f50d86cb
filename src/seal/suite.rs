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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use hpke::inout::InOutBuf;
    use hpke::rand_core::{TryCryptoRng, TryRng};
    use hpke::{Deserializable, Kem as _, OpModeS, Serializable};

    use super::super::text::{from_hex, to_hex};
    use super::*;

    /// RFC 9180's published vector for this suite in base mode, sequence number 0 (its
    /// test-vectors.json: kem_id 32, kdf_id 1, aead_id 2).
    #[test]
    fn agrees_with_the_vector_of_rfc_9180() {
        let ikm_r =
            from_hex::<32>("dac33b0e9db1b59dbbea58d59a14e7b5896e9bdf98fad6891e99d1686492b9ee");
        let ikm_e =
            from_hex::<32>("2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9");
        let (private, public) = Kem::derive_keypair(&ikm_r.unwrap());
        assert_eq!(
            to_hex(&public.to_bytes()),
            "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c"
        );
        let mut text = b"Beauty is truth, truth beauty".to_vec();
        let (encapped, tag) = hpke::single_shot_seal_inout_detached_with_rng::<Aead, Kdf, Kem>(
            &OpModeS::Base,
            &public,
            b"Ode on a Grecian Urn",
            InOutBuf::from(text.as_mut_slice()),
            b"Count-0",
            &mut Tape(&ikm_e.unwrap()),
        )
        .unwrap();
        assert_eq!(
            to_hex(&encapped.to_bytes()),
            "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256"
        );
        let sealed = [text.as_slice(), &tag.to_bytes()].concat();
        assert_eq!(
            to_hex(&sealed),
            "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a"
        );
        let opened = hpke::single_shot_open::<Aead, Kdf, Kem>(
            &hpke::OpModeR::Base,
            &PrivateKey::from_bytes(&private.to_bytes()).unwrap(),
            &encapped,
            b"Ode on a Grecian Urn",
            &sealed,
            b"Count-0",
        );
        assert_eq!(opened.unwrap(), b"Beauty is truth, truth beauty");
    }

    #[test]
    fn names_and_numbers_belong_together() {
        assert_eq!(Suite::named("x25519"), Some(Suite::X25519));
        assert_eq!(Suite::named("X25519"), None);
        let [kem, kdf, aead] = [
            <Kem as hpke::Kem>::KEM_ID,
            <Kdf as hpke::kdf::Kdf>::KDF_ID,
            <Aead as hpke::aead::Aead>::AEAD_ID,
        ];
        assert_eq!(Suite::X25519.id().as_slice(), [kem, kdf, aead].map(u16::to_be_bytes).concat());
    }

    /// Gives these bytes, once.
    struct Tape<'a>(&'a [u8]);

    impl TryRng for Tape<'_> {
        type Error = Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unimplemented!("the vault draws bytes")
        }
        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unimplemented!("the vault draws bytes")
        }
        fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
            let (now, later) = self.0.split_at(out.len());
            out.copy_from_slice(now);
            self.0 = later;
            Ok(())
        }
    }
    impl TryCryptoRng for Tape<'_> {}
}
