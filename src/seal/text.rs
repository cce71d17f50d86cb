//! Strict text forms of bytes: each has one, and only that one is read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// base64url without padding (RFC 4648 section 5); unused bits must be zero.
pub(super) fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// 32 bytes in the encoding `engine`, leaving no copy behind.
pub(super) fn key_from_base64(engine: &impl Engine, text: &str) -> Option<Zeroizing<[u8; 32]>> {
    // The decoder wants room for whole groups.
    let mut room = Zeroizing::new([0; 36]);
    if text.len() > 44 || engine.decode_slice(text, &mut *room).ok()? != 32 {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&room[..32]);
    Some(key)
}

pub(super) fn key_from_base64url(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    key_from_base64(&URL_SAFE_NO_PAD, text)
}

/// Small hexadecimal digits.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

pub(super) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_has_one_form() {
        assert_eq!(to_hex(&[0x00, 0xaf, 0x19]), "00af19");
        assert_eq!(from_hex("00af19"), Some([0x00, 0xaf, 0x19]));
        for wrong in ["00AF19", "00af1", "00af199", "00af1g", "", "00af1é"] {
            assert_eq!(from_hex::<3>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn base64url_has_one_form() {
        assert_eq!(from_base64url("_-8"), Some(vec![0xff, 0xef]));
        for wrong in ["_-8=", "/+8", "_-9", "_-", "_", "_-8\n", " _-8", "_ -8"] {
            let read = from_base64url(wrong);
            assert!(read.as_deref() != Some(&[0xff, 0xef]), "{wrong:?}");
            assert!(read.is_none_or(|bytes| to_base64url(&bytes) == wrong), "{wrong:?}");
        }
    }
}
