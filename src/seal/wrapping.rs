//! A keyring under a key of its own, so that reading the Secret is not enough.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::key::InstallationId;
use super::keyring::{KeyringError, is_version_of};
use super::text::{from_base64url, key_from_base64, to_base64url};
use super::{CryptoRng, Keyring};

const KIND: &str = "kliv-keyring-wrapped ";
const HEADING: &str = "kliv-keyring-wrapped 1";
const NONCE_BYTES: usize = 12;

/// The key that wraps a keyring: 32 random bytes, in a file of their own as standard
/// base64 (`openssl rand -base64 32`).
pub struct WrappingKey(Zeroizing<[u8; 32]>);

impl WrappingKey {
    /// Reads the content of a key file: base64 of 32 bytes, with padding, and at most one
    /// newline after it.
    ///
    /// # Errors
    /// [`KeyringError::WrappingKey`].
    pub fn parse(content: &[u8]) -> Result<Self, KeyringError> {
        let line = content.strip_suffix(b"\n").unwrap_or(content);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        std::str::from_utf8(line)
            .ok()
            .and_then(|text| key_from_base64(&STANDARD, text))
            .map(Self)
            .ok_or(KeyringError::WrappingKey)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.0).into())
    }
}

/// Whether these bytes are a wrapped keyring, of any version, rather than a plain one.
#[must_use]
pub fn is_wrapped(bytes: &[u8]) -> bool {
    bytes.starts_with(KIND.as_bytes())
}

impl Keyring {
    /// Reads a wrapped keyring.
    ///
    /// # Errors
    /// [`KeyringError`], in words that do not quote the input.
    pub fn unwrap(bytes: &[u8], key: &WrappingKey) -> Result<Self, KeyringError> {
        let text = std::str::from_utf8(bytes).map_err(|_| KeyringError::Malformed)?;
        let mut lines = text.strip_suffix('\n').ok_or(KeyringError::Malformed)?.split('\n');
        if lines.clone().next().is_some_and(|line| line != HEADING && is_version_of(KIND, line)) {
            return Err(KeyringError::Version);
        }
        let (Some(HEADING), Some(installation), Some(sealed), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(KeyringError::Malformed);
        };
        let installation: InstallationId = installation
            .strip_prefix("installation ")
            .and_then(|id| id.parse().ok())
            .ok_or(KeyringError::Malformed)?;
        let sealed = from_base64url(sealed).ok_or(KeyringError::Malformed)?;
        let (nonce, sealed) =
            sealed.split_first_chunk::<NONCE_BYTES>().ok_or(KeyringError::Malformed)?;
        let head = head(&installation);
        let plain = key
            .cipher()
            .decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: head.as_bytes() })
            .map(Zeroizing::new)
            .map_err(|_| KeyringError::WrongWrappingKey)?;
        let keyring = Self::parse(&plain)?;
        if keyring.installation() != installation {
            return Err(KeyringError::Malformed);
        }
        Ok(keyring)
    }

    /// The keyring encrypted with AES-256-GCM; 12 bytes are drawn from `rng`.
    #[must_use]
    pub fn wrap(&self, key: &WrappingKey, rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let head = head(&self.installation());
        let sealed = key
            .cipher()
            .encrypt(&Nonce::from(nonce), Payload { msg: &self.to_bytes(), aad: head.as_bytes() })
            .expect("a keyring is never too long to encrypt");
        format!("{head}{}\n", to_base64url(&[nonce.as_slice(), &sealed].concat())).into_bytes()
    }
}

/// The first two lines, authenticated as they stand.
fn head(installation: &InstallationId) -> String {
    format!("{HEADING}\ninstallation {installation}\n")
}
