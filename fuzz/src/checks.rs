//! What must hold for every input. Shared by the fuzz targets and, on stable, by the
//! replay of the corpus.

use super::seal::{Binding, Keyring, Sealed, SealingKey, WrappingKey};

/// A keyring of fixed bytes, worth nothing.
const KEYRING: &[u8] = b"kliv-keyring 1
installation 01010101010101010101010101010101
active x25519 654c2abc286273b752fdeee03388e0f2 cJAzCxjXbEVEa32dGxXofX2oCrO2-M3MCHF2Tx12fFw 2026-11-01T08:00:00Z
";
const WRAPPING_KEY: &[u8] = b"d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3c=";

/// A sealed value has one text, and opening never panics. Whether it was read.
pub fn sealed(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(sealed) = Sealed::parse(text) else { return false };
    assert_eq!(sealed.to_string(), text);
    let keyring = Keyring::parse(KEYRING).expect("a keyring");
    let place = Binding { account: "shop", variable: "KEY", environment: None };
    if let Ok(opened) = keyring.open(&sealed, &place) {
        assert!(opened.value.len() <= sealed.padded_len());
    }
    true
}

/// Keys and keyrings that are read mean what they say. Whether anything was read.
pub fn keys(data: &[u8]) -> bool {
    let mut read = false;
    if let Some(key) = std::str::from_utf8(data).ok().and_then(|text| SealingKey::parse(text).ok())
    {
        assert_eq!(SealingKey::parse(&key.to_string()).as_ref(), Ok(&key));
        read = true;
    }
    if let Ok(keyring) = Keyring::parse(data) {
        let again = Keyring::parse(&keyring.to_bytes()).expect("what was written is read");
        assert!(again.keys().eq(keyring.keys()) && again.installation() == keyring.installation());
        read = true;
    }
    let wrapping = WrappingKey::parse(WRAPPING_KEY).expect("a wrapping key");
    read | Keyring::unwrap(data, &wrapping).is_ok() | WrappingKey::parse(data).is_ok()
}
