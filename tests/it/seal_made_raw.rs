//! Sealed values put together by hand: from the words of `docs/format.md` and plain HPKE.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeS, Serializable, single_shot_seal_with_rng};

use crate::seal_made::unhex;
use crate::seal_support::{HERE, Tape, keyring};

/// The ephemeral randomness of every vector.
pub(crate) const IKM: [u8; 32] = [0x5e; 32];
pub(crate) const AT_MS: i64 = 1_795_515_630_456;

/// What a body is made of when it is put together by hand.
pub(crate) struct Parts {
    pub(crate) info: &'static [u8],
    pub(crate) suite: [u8; 6],
    pub(crate) lengths: bool,
}

impl Default for Parts {
    fn default() -> Self {
        Self { info: b"kliv-secrets sealed value v1", suite: [0, 0x20, 0, 1, 0, 2], lengths: true }
    }
}

pub(crate) fn message(milliseconds: i64, length: u32, value: &[u8], size: usize) -> Vec<u8> {
    let mut message = milliseconds.to_be_bytes().to_vec();
    message.extend(length.to_be_bytes());
    message.extend(value);
    message.resize(size, 0);
    message
}

pub(crate) fn raw(parts: &Parts, message: &[u8]) -> String {
    let keyring = keyring(1);
    let public = keyring.sealing_key().to_string();
    let public = public.rsplit('.').next().expect("a key");
    let public = URL_SAFE_NO_PAD.decode(public).expect("base64url");
    let mut aad = Vec::new();
    let mut field = |bytes: &[u8]| {
        if parts.lengths {
            aad.extend(u32::try_from(bytes.len()).expect("short").to_be_bytes());
        }
        aad.extend(bytes);
    };
    field(&parts.suite);
    field(&unhex(&keyring.sealing_key().key_id().to_string()));
    field(&unhex(&keyring.installation().to_string()));
    field(HERE.account.as_bytes());
    field(HERE.variable.as_bytes());
    aad.push(1);
    let environment = HERE.environment.expect("an environment");
    aad.extend(u32::try_from(environment.len()).expect("short").to_be_bytes());
    aad.extend(environment.as_bytes());

    let public = <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(&public).expect("a key");
    let (encapped, ciphertext) =
        single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            parts.info,
            message,
            &aad,
            &mut Tape(&IKM),
        )
        .expect("sealed");
    text(&[encapped.to_bytes().as_slice(), &ciphertext].concat())
}
pub(crate) fn text(body: &[u8]) -> String {
    format!("kliv1.{}.{}", keyring(1).sealing_key().key_id(), URL_SAFE_NO_PAD.encode(body))
}

pub(crate) fn body_of(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.rsplit('.').next().expect("a body")).expect("base64url")
}
