//! Seal and open: HPKE (RFC 9180), one message a key encapsulation.
//!
//! ```text
//! body    = encapsulated key (32) ‖ ciphertext of message ‖ tag (16)
//! message = sealedAt, ms (8) ‖ length of value (4) ‖ value ‖ zeros up to the padded size
//! ```

use hpke::aead::AeadTag;
use hpke::inout::InOutBuf;
use hpke::{
    Deserializable, OpModeR, OpModeS, Serializable, single_shot_open_inout_detached,
    single_shot_seal_inout_detached_with_rng,
};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::key::{InstallationId, SealingKey};
use super::padding::padded;
use super::suite::{Aead, EncappedKey, INFO, KEY_BYTES, Kdf, Kem, PrivateKey, TAG_BYTES};
use super::{Binding, CryptoRng, MAX_VALUE, Plaintext, Sealed, Suite};

/// What a body is longer than its message.
pub(super) const OVERHEAD: usize = KEY_BYTES + TAG_BYTES;
/// What a message begins with: time and length.
pub(super) const HEADER_BYTES: usize = 8 + 4;

/// The value is over [`MAX_VALUE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value is larger than 64 KiB")]
pub struct TooLarge;

/// Why a sealed value does not open. One reason for every way of being wrong, so that
/// nobody learns which by trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The keyring does not have the key.
    #[error("sealed with a key that this installation does not have")]
    UnknownKey,
    /// It is not what was sealed, or not where it was sealed for.
    #[error("altered, or sealed for another account, name or environment")]
    Refused,
}

/// A value that was opened.
pub struct Opened {
    /// The value.
    pub value: Plaintext,
    /// When it was sealed, as its sealer said; whole milliseconds.
    pub sealed_at: Timestamp,
}

/// Seals a value for one place. The same value sealed twice differs, as long as `rng`
/// does; 32 bytes are drawn from it.
///
/// # Errors
/// [`TooLarge`] for a value over [`MAX_VALUE`].
pub fn seal(
    key: &SealingKey,
    binding: &Binding<'_>,
    value: &Plaintext,
    sealed_at: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<Sealed, TooLarge> {
    let length = u32::try_from(value.len()).map_err(|_| TooLarge)?;
    if value.len() > MAX_VALUE {
        return Err(TooLarge);
    }
    let message = padded(HEADER_BYTES + value.len());
    // Allocated once; encrypted in place, so that the value leaves no copy.
    let mut body = Zeroizing::new(Vec::with_capacity(OVERHEAD + message));
    body.extend_from_slice(&[0; KEY_BYTES]);
    body.extend_from_slice(&sealed_at.as_millisecond().to_be_bytes());
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(expose(value));
    body.resize(KEY_BYTES + message, 0);

    let aad = binding.aad(key.suite, &key.key_id(), &key.installation);
    let (encapped, tag) = single_shot_seal_inout_detached_with_rng::<Aead, Kdf, Kem>(
        &OpModeS::Base,
        &key.public,
        INFO,
        InOutBuf::from(&mut body[KEY_BYTES..]),
        &aad,
        rng,
    )
    .expect("a sealing key is safe and one message is never too long");
    encapped.write_exact(&mut body[..KEY_BYTES]);
    body.extend_from_slice(&tag.to_bytes());
    Ok(Sealed::new(key.key_id(), std::mem::take(&mut *body)))
}

/// Opens with the private key that belongs to `sealed.key_id()`.
pub(super) fn open(
    suite: Suite,
    private: &PrivateKey,
    installation: &InstallationId,
    sealed: &Sealed,
    binding: &Binding<'_>,
) -> Result<Opened, OpenError> {
    let (encapped, rest) = sealed.body().split_at(KEY_BYTES);
    let (ciphertext, tag) = rest.split_at(rest.len() - TAG_BYTES);
    let encapped = EncappedKey::from_bytes(encapped).map_err(|_| OpenError::Refused)?;
    let tag = AeadTag::<Aead>::from_bytes(tag).map_err(|_| OpenError::Refused)?;

    let aad = binding.aad(suite, &sealed.key_id(), installation);
    // Opened in place: the value is never anywhere that is not wiped.
    let mut message = Zeroizing::new(ciphertext.to_vec());
    single_shot_open_inout_detached::<Aead, Kdf, Kem>(
        &OpModeR::Base,
        private,
        &encapped,
        INFO,
        InOutBuf::from(message.as_mut_slice()),
        &aad,
        &tag,
    )
    .map_err(|_| OpenError::Refused)?;
    read(message).ok_or(OpenError::Refused)
}

/// Takes the message apart in place. A faithful sealer makes exactly one message of a
/// value and a time; any other is refused.
fn read(mut message: Zeroizing<Vec<u8>>) -> Option<Opened> {
    let (time, rest) = message.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let sealed_at = Timestamp::from_millisecond(i64::from_be_bytes(*time)).ok()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (_, padding) = rest.split_at_checked(length)?;
    let faithful = length <= MAX_VALUE
        && padded(HEADER_BYTES + length) == message.len()
        && padding.iter().all(|byte| *byte == 0);
    if !faithful {
        return None;
    }
    message.copy_within(HEADER_BYTES..HEADER_BYTES + length, 0);
    message.truncate(length);
    Some(Opened { value: Plaintext::wrap(message), sealed_at })
}

#[expect(clippy::disallowed_methods, reason = "to seal a value is to read it")]
fn expose(value: &Plaintext) -> &[u8] {
    value.expose()
}
