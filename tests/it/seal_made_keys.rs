//! Vectors of sealing keys and keyrings.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kliv_secrets::seal::{Keyring, WrappingKey};

use crate::seal_made::{KeyringVector, SealingKeyVector, lines, split};
use crate::seal_support::{Tape, keyring, time};

pub(crate) fn sealing_key_vectors() -> Vec<(&'static str, SealingKeyVector)> {
    let right = keyring(1).sealing_key().to_string();
    let id = keyring(1).sealing_key().key_id().to_string();
    let vector = |about: &str, expect: &str, text: String| SealingKeyVector {
        about: about.into(),
        expect: expect.into(),
        text,
        key_id: (expect == "read").then(|| id.clone()),
    };
    let with_public = |public: &str| {
        let (head, _) = right.rsplit_once('.').expect("parts");
        format!("{head}.{public}")
    };
    let point = |bytes: [u8; 32]| with_public(&URL_SAFE_NO_PAD.encode(bytes));
    let mut one = [0; 32];
    one[0] = 1;
    vec![
        ("right", vector("a sealing key", "read", right.clone())),
        ("right-white-space", vector("a line feed after it", "read", format!("{right}\n"))),
        ("malformed-empty", vector("nothing", "malformed", String::new())),
        (
            "malformed-prefix",
            vector("another prefix", "malformed", right.replacen("kliv1-key", "kliv2-key", 1)),
        ),
        (
            "malformed-short",
            vector(
                "a public key of 31 bytes",
                "malformed",
                with_public(&URL_SAFE_NO_PAD.encode([7; 31])),
            ),
        ),
        ("malformed-padding", vector("base64url with padding", "malformed", format!("{right}="))),
        (
            "malformed-installation",
            vector(
                "an installation id in capitals",
                "malformed",
                right.replacen(&"01".repeat(16), &"0A".repeat(16), 1),
            ),
        ),
        ("malformed-fifth-part", vector("a part too many", "malformed", format!("{right}.x"))),
        (
            "unknown-suite",
            vector("algorithms of a later version", "suite", right.replacen("x25519", "xwing", 1)),
        ),
        ("unsafe-zero", vector("the point zero", "unsafe", point([0; 32]))),
        ("unsafe-one", vector("the point one", "unsafe", point(one))),
    ]
}

pub(crate) fn keyring_vectors() -> Vec<(&'static str, KeyringVector)> {
    let plain = lines(&keyring(1));
    let mut rotated = keyring(1);
    rotated.rotate(time("2026-11-02T00:00:00Z"), &mut Tape(&[3; 32]));
    let key = STANDARD.encode([0x77; 32]);
    let other_key = STANDARD.encode([0x78; 32]);
    let wrapping = WrappingKey::parse(key.as_bytes()).expect("a key");
    let wrapped = keyring(1).wrap(&wrapping, &mut Tape(&[0x0c; 12]));
    let wrapped = split(&String::from_utf8(wrapped).expect("text"));
    let vector = |about: &str, expect: &str, keyring: Vec<String>, wrapping_key: Option<&str>| {
        KeyringVector {
            about: about.into(),
            expect: expect.into(),
            keyring,
            wrapping_key: wrapping_key.map(Into::into),
            sealing_key: None,
        }
    };
    let changed = |lines: &[String], line: usize, change: &dyn Fn(&str) -> String| {
        let mut lines = lines.to_vec();
        lines[line] = change(&lines[line]);
        lines
    };
    let read = |vector: KeyringVector, keyring: &Keyring| KeyringVector {
        sealing_key: Some(keyring.sealing_key().to_string()),
        ..vector
    };
    let retired = lines(&rotated);
    let mut cut = plain.clone();
    cut.pop();
    let mut twice = retired.clone();
    twice.insert(4, twice[3].clone());
    vec![
        ("right", read(vector("one key", "read", plain.clone(), None), &keyring(1))),
        (
            "right-retired",
            read(vector("an active and a retired key", "read", retired.clone(), None), &rotated),
        ),
        (
            "right-wrapped",
            read(vector("wrapped", "read", wrapped.clone(), Some(&key)), &keyring(1)),
        ),
        ("malformed-empty", vector("nothing", "malformed", vec![], None)),
        (
            "malformed-no-last-line-feed",
            vector("the last line feed is missing", "malformed", cut, None),
        ),
        (
            "malformed-carriage-return",
            vector(
                "lines of another system",
                "malformed",
                plain
                    .iter()
                    .map(|l| if l.is_empty() { String::new() } else { format!("{l}\r") })
                    .collect(),
                None,
            ),
        ),
        (
            "malformed-two-spaces",
            vector(
                "two spaces where one is",
                "malformed",
                changed(&plain, 2, &|l| l.replacen(' ', "  ", 1)),
                None,
            ),
        ),
        (
            "malformed-no-active",
            vector(
                "no active key",
                "malformed",
                changed(&plain, 2, &|l| {
                    l.replacen("active", "retired", 1) + " 2026-11-02T00:00:00Z"
                }),
                None,
            ),
        ),
        (
            "malformed-two-active",
            vector(
                "two active keys",
                "malformed",
                changed(&retired, 3, &|l| l.replacen("retired", "active", 1)),
                None,
            ),
        ),
        ("malformed-twice", vector("one key twice", "malformed", twice, None)),
        (
            "malformed-time",
            vector(
                "a time with an offset",
                "malformed",
                changed(&plain, 2, &|l| l.replace("08:00:00Z", "09:00:00+01:00")),
                None,
            ),
        ),
        (
            "malformed-private-key-short",
            vector(
                "a private key of 31 bytes",
                "malformed",
                changed(&plain, 2, &|l| with_private(l, &[7; 31])),
                None,
            ),
        ),
        (
            "key-mismatch",
            vector(
                "a damaged private key",
                "key-mismatch",
                changed(&plain, 2, &|l| with_private(l, &[8; 32])),
                None,
            ),
        ),
        (
            "version",
            vector(
                "a later version",
                "version",
                changed(&plain, 0, &|_| "kliv-keyring 2".into()),
                None,
            ),
        ),
        (
            "version-suite",
            vector(
                "algorithms of a later version",
                "version",
                changed(&plain, 2, &|l| l.replacen("x25519", "xwing", 1)),
                None,
            ),
        ),
        (
            "version-wrapped",
            vector(
                "wrapped by a later version",
                "version",
                changed(&wrapped, 0, &|_| "kliv-keyring-wrapped 2".into()),
                Some(&key),
            ),
        ),
        (
            "wrapped-without-key",
            vector("wrapped, and no wrapping key", "wrapped", wrapped.clone(), None),
        ),
        (
            "wrapped-wrong-key",
            vector(
                "wrapped under another key",
                "wrong-wrapping-key",
                wrapped.clone(),
                Some(&other_key),
            ),
        ),
        (
            "wrapped-other-installation",
            vector(
                "wrapped for another installation",
                "wrong-wrapping-key",
                changed(&wrapped, 1, &|_| format!("installation {}", "02".repeat(16))),
                Some(&key),
            ),
        ),
        (
            "wrapped-altered",
            vector(
                "one character of the ciphertext",
                "wrong-wrapping-key",
                changed(&wrapped, 2, &|l| {
                    l.replacen(&l[30..31], if &l[30..31] == "A" { "B" } else { "A" }, 1)
                }),
                Some(&key),
            ),
        ),
        (
            "wrapped-inner-installation",
            vector(
                "rightly wrapped, and yet of two installations",
                "malformed",
                split(&wrapped_by_hand("02".repeat(16), &keyring(1), [0x77; 32])),
                Some(&key),
            ),
        ),
        (
            "wrapped-plain",
            vector(
                "a plain keyring where a wrapped one is expected",
                "malformed",
                plain.clone(),
                Some(&key),
            ),
        ),
        (
            "wrapping-key-base64url",
            vector(
                "a wrapping key without its padding",
                "wrapping-key",
                wrapped.clone(),
                Some(key.trim_end_matches('=')),
            ),
        ),
        (
            "wrapping-key-short",
            vector(
                "a wrapping key of 31 bytes",
                "wrapping-key",
                wrapped,
                Some(&STANDARD.encode([0x77; 31])),
            ),
        ),
    ]
}
fn wrapped_by_hand(installation: String, keyring: &Keyring, key: [u8; 32]) -> String {
    let head = format!("kliv-keyring-wrapped 1\ninstallation {installation}\n");
    let nonce = [0x0c; 12];
    let ciphertext = Aes256Gcm::new(&key.into())
        .encrypt(&nonce.into(), Payload { msg: &keyring.to_bytes(), aad: head.as_bytes() })
        .expect("encrypted");
    format!("{head}{}\n", URL_SAFE_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat()))
}
fn with_private(line: &str, bytes: &[u8]) -> String {
    let mut parts: Vec<_> = line.split(' ').map(str::to_owned).collect();
    parts[3] = URL_SAFE_NO_PAD.encode(bytes);
    parts.join(" ")
}
