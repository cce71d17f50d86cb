//! The wrapping key's file.

use std::path::Path;

use zeroize::Zeroizing;

use super::KeysError;
use crate::seal::WrappingKey;

/// Reads the file of a wrapping key: 32 random bytes in standard base64, as
/// `openssl rand -base64 32` prints.
///
/// # Errors
/// [`KeysError::File`] and [`KeysError::WrappingKey`] name the file.
pub fn read_wrapping_key(path: &Path) -> Result<WrappingKey, KeysError> {
    let content = std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| KeysError::File { path: path.into(), reason: error.kind() })?;
    WrappingKey::parse(&content)
        .map_err(|reason| KeysError::WrappingKey { path: path.into(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(content: &[u8]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wrapping.key");
        std::fs::write(&path, content).unwrap();
        read_wrapping_key(&path).err().map(|error| error.to_string())
    }

    #[test]
    fn reads_what_openssl_prints() {
        assert_eq!(refusal(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), None);
        assert_eq!(refusal(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), None);
    }

    #[test]
    fn refuses_any_other_content_without_quoting_it() {
        for content in [
            b"".as_slice(),
            b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
            b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n",
            b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
            &[7; 32],
        ] {
            let text = refusal(content).unwrap();
            assert!(text.contains("wrapping.key") && text.contains("openssl rand -base64 32"));
            assert!(!text.contains("AAECAw"), "{text}");
        }
    }

    #[test]
    fn names_a_file_that_is_not_there() {
        let error = read_wrapping_key(Path::new("/nowhere/wrapping.key")).err().unwrap();
        assert!(error.to_string().contains("/nowhere/wrapping.key"));
    }
}
