//! The private half: what the controller opens with.
//!
//! ```text
//! kliv-keyring 1
//! installation <installation id>
//! active <suite> <key id> <base64url of the private key> <created>
//! retired <suite> <key id> <base64url of the private key> <created> <retired>
//! ```

use hpke::{Deserializable, Kem as _, Serializable};
use jiff::Timestamp;
use zeroize::{Zeroize, Zeroizing};

use super::key::{InstallationId, KeyId, SealingKey};
use super::sealing::{OpenError, Opened, open};
use super::suite::{KEY_BYTES, Kem, PrivateKey, Suite};
use super::text::{key_from_base64url, to_base64url};
use super::{Binding, CryptoRng, Sealed};

const KIND: &str = "kliv-keyring ";
const HEADING: &str = "kliv-keyring 1";

/// An installation's private keys: one active, with which new values are sealed, and
/// retired ones that still open what was sealed before. Wiped when dropped.
pub struct Keyring {
    installation: InstallationId,
    active: Key,
    /// Newest first.
    retired: Vec<Key>,
}

/// What may be known of a key in the keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its id.
    pub id: KeyId,
    /// When it was made.
    pub created: Timestamp,
    /// Since when nothing is sealed with it any more; none for the active key.
    pub retired: Option<Timestamp>,
}

struct Key {
    private: PrivateKey,
    public: SealingKey,
    created: Timestamp,
    retired: Option<Timestamp>,
}

/// Why a keyring can't be used. The texts never quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// Not the text of a keyring.
    #[error("not a keyring, or a damaged one")]
    Malformed,
    /// A keyring of another version.
    #[error("a keyring of a version that this program does not know: upgrade it")]
    Version,
    /// A private key does not belong to the id beside it.
    #[error("a damaged keyring: a private key does not belong to its key id")]
    KeyMismatch,
    /// Wrapped, and no wrapping key given.
    #[error("the keyring is wrapped, and no wrapping key is given")]
    Wrapped,
    /// The wrapping key does not unwrap it, or it was altered.
    #[error(
        "the wrapping key does not open the keyring: it is another key, or the keyring was altered"
    )]
    WrongWrappingKey,
    /// The wrapping key's file is not a key.
    #[error(
        "not a wrapping key: expected 32 random bytes in standard base64, as `openssl rand -base64 32` prints"
    )]
    WrappingKey,
}

impl Keyring {
    /// A new installation with one key; 48 bytes are drawn from `rng`.
    #[must_use]
    pub fn generate(now: Timestamp, rng: &mut impl CryptoRng) -> Self {
        let mut installation = InstallationId([0; 16]);
        rng.fill_bytes(&mut installation.0);
        Self { installation, active: Key::generate(installation, now, rng), retired: Vec::new() }
    }

    /// Reads the text form of a keyring that is not wrapped.
    ///
    /// # Errors
    /// [`KeyringError`], in words that do not quote the input.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyringError> {
        if super::is_wrapped(bytes) {
            return Err(KeyringError::Wrapped);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| KeyringError::Malformed)?;
        let mut lines = text.strip_suffix('\n').ok_or(KeyringError::Malformed)?.split('\n');
        match lines.next() {
            Some(HEADING) => {}
            Some(other) if is_version_of(KIND, other) => return Err(KeyringError::Version),
            _ => return Err(KeyringError::Malformed),
        }
        let installation = lines
            .next()
            .and_then(|line| line.strip_prefix("installation "))
            .and_then(|id| id.parse().ok())
            .ok_or(KeyringError::Malformed)?;
        let active = lines.next().ok_or(KeyringError::Malformed)?;
        let active = Key::parse(active, "active", installation)?;
        let retired: Vec<Key> = lines
            .map(|line| Key::parse(line, "retired", installation))
            .collect::<Result<_, _>>()?;
        let keyring = Self { installation, active, retired };
        let mut ids: Vec<KeyId> = keyring.keys().map(|key| key.id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(KeyringError::Malformed);
        }
        Ok(keyring)
    }

    /// The text form, private keys included.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Room for all of it: a growing buffer would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(256 * (2 + self.retired.len())));
        text.push_str(HEADING);
        text.push_str("\ninstallation ");
        text.push_str(&self.installation.to_string());
        text.push('\n');
        for key in self.all() {
            key.write(&mut text);
        }
        Zeroizing::new(std::mem::take(&mut *text).into_bytes())
    }

    /// What sealers need to seal for this installation.
    #[must_use]
    pub fn sealing_key(&self) -> &SealingKey {
        &self.active.public
    }

    /// The installation's id.
    #[must_use]
    pub fn installation(&self) -> InstallationId {
        self.installation
    }

    /// Every key: the active one, then the retired, newest first.
    pub fn keys(&self) -> impl Iterator<Item = KeyInfo> {
        self.all().map(Key::info)
    }

    /// Opens a sealed value with the key that it names.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, sealed: &Sealed, binding: &Binding<'_>) -> Result<Opened, OpenError> {
        let key = self
            .all()
            .find(|key| key.public.key_id() == sealed.key_id())
            .ok_or(OpenError::UnknownKey)?;
        open(key.public.suite, &key.private, &self.installation, sealed, binding)
    }

    /// The key with which new values are sealed.
    #[must_use]
    pub fn active(&self) -> KeyInfo {
        self.active.info()
    }

    /// Whether it opens what is sealed with this key.
    #[must_use]
    pub fn has(&self, id: KeyId) -> bool {
        self.all().any(|key| key.public.key_id() == id)
    }

    /// Makes a new active key and retires the one before; 32 bytes are drawn from `rng`.
    /// A retired key stays for good: a sealed manifest in somebody's git may name it.
    pub fn rotate(&mut self, now: Timestamp, rng: &mut impl CryptoRng) {
        let key = Key::generate(self.installation, now, rng);
        let mut before = std::mem::replace(&mut self.active, key);
        before.retired = Some(now);
        self.retired.insert(0, before);
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.active).chain(&self.retired)
    }
}

impl Key {
    fn generate(installation: InstallationId, now: Timestamp, rng: &mut impl CryptoRng) -> Self {
        let (private, public) = Kem::gen_keypair_with_rng(rng);
        let public = SealingKey::new(installation, Suite::X25519, public);
        Self { private, public, created: now, retired: None }
    }

    fn info(&self) -> KeyInfo {
        KeyInfo { id: self.public.key_id(), created: self.created, retired: self.retired }
    }

    fn parse(line: &str, word: &str, installation: InstallationId) -> Result<Self, KeyringError> {
        let mut parts = line.split(' ');
        let (Some(first), Some(suite), Some(id), Some(private), Some(created)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(KeyringError::Malformed);
        };
        let retired = match (word, parts.next()) {
            ("active", None) => None,
            ("retired", Some(time)) => Some(read_time(time)?),
            _ => return Err(KeyringError::Malformed),
        };
        if first != word || parts.next().is_some() {
            return Err(KeyringError::Malformed);
        }
        let suite = Suite::named(suite).ok_or(KeyringError::Version)?;
        let id: KeyId = id.parse().map_err(|_| KeyringError::Malformed)?;
        let bytes = key_from_base64url(private).ok_or(KeyringError::Malformed)?;
        let private =
            PrivateKey::from_bytes(bytes.as_slice()).map_err(|_| KeyringError::Malformed)?;
        let public = SealingKey::new(installation, suite, Kem::sk_to_pk(&private));
        if public.key_id() != id {
            return Err(KeyringError::KeyMismatch);
        }
        Ok(Self { private, public, created: read_time(created)?, retired })
    }

    fn write(&self, text: &mut String) {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        self.private.write_exact(bytes.as_mut_slice());
        let mut private = to_base64url(bytes.as_slice());
        let word = if self.retired.is_some() { "retired" } else { "active" };
        let (suite, id) = (self.public.suite.as_str(), self.public.key_id().to_string());
        for part in [word, " ", suite, " ", &id, " ", &private, " ", &self.created.to_string()] {
            text.push_str(part);
        }
        private.zeroize();
        if let Some(retired) = self.retired {
            text.push(' ');
            text.push_str(&retired.to_string());
        }
        text.push('\n');
    }
}

/// Whether a first line is of this kind, whatever its number.
pub(super) fn is_version_of(kind: &str, line: &str) -> bool {
    let number = line.strip_prefix(kind).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// RFC 3339 in UTC, in the one form that is written.
fn read_time(text: &str) -> Result<Timestamp, KeyringError> {
    let time: Timestamp = text.parse().map_err(|_| KeyringError::Malformed)?;
    if time.to_string() == text { Ok(time) } else { Err(KeyringError::Malformed) }
}
