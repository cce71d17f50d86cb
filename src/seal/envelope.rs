//! The sealed value as text: `kliv1.<key id>.<base64url>`.

use std::fmt;
use std::str::FromStr;

use super::MAX_VALUE;
use super::key::KeyId;
use super::padding::padded;
use super::sealing::{HEADER_BYTES, OVERHEAD};
use super::text::{from_base64url, to_base64url};

const PREFIX: &str = "kliv1";

/// A sealed value. Not secret: it may be stored, printed and committed to git.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    key: KeyId,
    /// Encapsulated key, ciphertext, tag.
    body: Vec<u8>,
}

/// A text that is no sealed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Something else, e.g. a value in the clear.
    #[error("not a sealed value: expected kliv1.<key id>.<base64url>")]
    NotSealed,
    /// Sealed by a newer version.
    #[error("sealed in a format that this version does not know: upgrade it")]
    Version,
    /// The key id is not 32 small hexadecimal digits.
    #[error("the sealed value's key id is not 32 small hexadecimal digits")]
    KeyId,
    /// The body is not strict base64url.
    #[error("the sealed value is not base64url without padding: was it cut or wrapped?")]
    Encoding,
    /// The body is longer or shorter than any sealed value.
    #[error("the sealed value has an impossible length: was it cut?")]
    Length,
}

impl Sealed {
    pub(super) fn new(key: KeyId, body: Vec<u8>) -> Self {
        Self { key, body }
    }

    /// Reads the text form; it is the only one of this sealed value.
    ///
    /// # Errors
    /// [`Malformed`], in words that do not quote the text.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (prefix, rest) = text.split_once('.').ok_or(Malformed::NotSealed)?;
        if prefix != PREFIX {
            let newer = prefix.strip_prefix("kliv").is_some_and(is_number);
            return Err(if newer { Malformed::Version } else { Malformed::NotSealed });
        }
        let (key, body) = rest.split_once('.').ok_or(Malformed::NotSealed)?;
        let key = key.parse().map_err(|_| Malformed::KeyId)?;
        if body.len() > max_body().div_ceil(3) * 4 {
            return Err(Malformed::Length);
        }
        let body = from_base64url(body).ok_or(Malformed::Encoding)?;
        if body.len() < OVERHEAD + padded(0) || body.len() > max_body() {
            return Err(Malformed::Length);
        }
        Ok(Self { key, body })
    }

    /// The key that a text names which passes for a sealed value, without reading the rest.
    #[must_use]
    pub fn key_named_in(text: &str) -> Option<KeyId> {
        let (key, _) = text.strip_prefix(PREFIX)?.strip_prefix('.')?.split_once('.')?;
        key.parse().ok()
    }

    /// The key that opens it.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key
    }

    /// The most bytes that the value inside can have. Its real size is hidden.
    #[must_use]
    pub fn padded_len(&self) -> usize {
        (self.body.len() - OVERHEAD - HEADER_BYTES).min(MAX_VALUE)
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn max_body() -> usize {
    OVERHEAD + padded(HEADER_BYTES + MAX_VALUE)
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}.{}.{}", self.key, to_base64url(&self.body))
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}, {} bytes)", self.key, self.body.len())
    }
}

impl FromStr for Sealed {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
