//! Vectors of sealed values.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use kliv_secrets::seal::Binding;

use crate::seal_made::{OpenVector, Value, hex_of, lines};
use crate::seal_made_raw::{AT_MS, IKM, Parts, body_of, message, raw, text};
use crate::seal_support::{HERE, Tape, keyring, sealed, time};

const AT: &str = "2026-11-24T10:20:30.456Z";

pub(crate) fn open_vectors() -> Vec<(&'static str, OpenVector)> {
    [right(), wrong_place(), altered(), unfaithful(), not_sealed()].concat()
}

fn right() -> Vec<(&'static str, OpenVector)> {
    let value = |about: &str, hex: &str, times: usize| {
        let value = Value { hex: hex.into(), times };
        let sealed = sealed(&keyring(1), &HERE, &value.bytes(), IKM).to_string();
        OpenVector {
            value: Some(value),
            sealed_at: Some(AT.into()),
            ikm_e: Some(hex_of(&IKM)),
            ..vector(about, "opened", sealed)
        }
    };
    let here = value("a value of 20 bytes", &hex_of(b"sk-proj-abc123xyz789"), 1);
    let mut rotated = keyring(1);
    rotated.rotate(time("2026-11-02T00:00:00Z"), &mut Tape(&[3; 32]));
    let no_environment = Binding { environment: None, ..HERE };
    vec![
        ("right-short", here.clone()),
        ("right-empty-value", value("no byte at all", "", 1)),
        ("right-one-byte", value("one byte", "78", 1)),
        (
            "right-binary",
            value("bytes that are not text, zeros at the end", "00ff0d0a2428582900", 1),
        ),
        ("right-unicode", value("text beyond ASCII", &hex_of("lösenord-🔑-पासवर्ड".as_bytes()), 1)),
        ("right-52-bytes", value("the most that fits into 64 bytes", "78", 52)),
        ("right-53-bytes", value("the least that needs 128 bytes", "78", 53)),
        ("right-1012-bytes", value("the most that fits into 1 KiB", "78", 1012)),
        ("right-1013-bytes", value("the least that Padmé pads", "78", 1013)),
        ("right-64-kib", value("the largest value", "6b6c6976", 16384)),
        (
            "right-no-environment",
            OpenVector {
                environment: None,
                sealed: sealed(&keyring(1), &no_environment, b"sk-proj-abc123xyz789", IKM)
                    .to_string(),
                ..OpenVector { about: "for every environment".into(), ..here.clone() }
            },
        ),
        (
            "right-retired-key",
            OpenVector {
                about: "sealed before the key was retired".into(),
                keyring: lines(&rotated),
                ikm_e: None,
                ..here.clone()
            },
        ),
    ]
}

fn wrong_place() -> Vec<(&'static str, OpenVector)> {
    let right =
        vector("", "refused", sealed(&keyring(1), &HERE, b"sk-proj-abc123xyz789", IKM).to_string());
    let moved = |about: &str, change: &dyn Fn(&mut OpenVector)| {
        let mut vector = OpenVector { about: about.into(), ..right.clone() };
        change(&mut vector);
        vector
    };
    let at = |account, variable, environment| {
        let place = Binding { account, variable, environment };
        sealed(&keyring(1), &place, b"sk-proj-abc123xyz789", IKM).to_string()
    };
    vec![
        ("moved-account", moved("copied to another account", &|v| v.account = "shop2".into())),
        (
            "moved-variable",
            moved("copied to another variable", &|v| v.variable = "STRIPE_API_KEY".into()),
        ),
        (
            "moved-variable-case",
            moved("a variable in other letters", &|v| v.variable = "openai_api_key".into()),
        ),
        (
            "moved-environment",
            moved("copied to another environment", &|v| v.environment = Some("test".into())),
        ),
        (
            "moved-to-every-environment",
            moved("the environment left out", &|v| v.environment = None),
        ),
        (
            "moved-from-every-environment",
            moved("an environment put in", &|v| v.sealed = at("shop", "OPENAI_API_KEY", None)),
        ),
        (
            "moved-empty-environment",
            moved("an empty environment is not the same as none", &|v| {
                v.sealed = at("shop", "OPENAI_API_KEY", None);
                v.environment = Some(String::new());
            }),
        ),
        (
            "moved-boundary",
            moved("a letter moved from the account to the variable", &|v| {
                v.sealed = at("shopX", "KEY", None);
                (v.account, v.variable, v.environment) = ("shop".into(), "XKEY".into(), None);
            }),
        ),
        (
            "moved-swapped",
            moved("account and variable changed places", &|v| {
                v.sealed = at("one", "two", None);
                (v.account, v.variable, v.environment) = ("two".into(), "one".into(), None);
            }),
        ),
        (
            "moved-installation",
            moved("the same key under another installation", &|v| {
                v.keyring[1] = format!("installation {}", "02".repeat(16))
            }),
        ),
        (
            "unknown-key",
            moved("the keyring has another key", &|v| {
                v.expect = "unknown-key".into();
                v.keyring = lines(&keyring(2));
            }),
        ),
    ]
}

fn altered() -> Vec<(&'static str, OpenVector)> {
    let body = body_of(&sealed(&keyring(1), &HERE, b"sk-proj-abc123xyz789", IKM).to_string());
    let altered = |about: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut body = body.clone();
        change(&mut body);
        vector(about, "refused", text(&body))
    };
    let mut rotated = keyring(1);
    rotated.rotate(time("2026-11-02T00:00:00Z"), &mut Tape(&[3; 32]));
    let other_id = rotated.sealing_key().key_id();
    vec![
        ("altered-encapsulated-key", altered("one bit of the encapsulated key", &|b| b[0] ^= 1)),
        (
            "altered-encapsulated-key-high-bit",
            altered("the bit of the encapsulated key that X25519 ignores", &|b| b[31] ^= 0x80),
        ),
        ("altered-ciphertext", altered("one bit of the ciphertext", &|b| b[32 + 12] ^= 1)),
        ("altered-time", altered("one bit of the sealed time", &|b| b[32] ^= 1)),
        (
            "altered-tag",
            altered("the last bit of the tag", &|b| *b.last_mut().expect("a tag") ^= 1),
        ),
        (
            "altered-tag-zero",
            altered("a tag of zeros", &|b| {
                let n = b.len();
                b[n - 16..].fill(0)
            }),
        ),
        (
            "altered-longer",
            altered("64 bytes put in before the tag", &|b| {
                let n = b.len() - 16;
                b.splice(n..n, [0; 64]);
            }),
        ),
        (
            "altered-small-order-point",
            altered("an encapsulated key with which every secret is zero", &|b| b[..32].fill(0)),
        ),
        (
            "altered-key-id",
            OpenVector {
                keyring: lines(&rotated),
                ..vector(
                    "the id of another key of the keyring",
                    "refused",
                    format!("kliv1.{other_id}.{}", URL_SAFE_NO_PAD.encode(&body)),
                )
            },
        ),
    ]
}

/// Rightly encrypted to the right key, and yet not what the format says.
fn unfaithful() -> Vec<(&'static str, OpenVector)> {
    let right = message(AT_MS, 5, b"value", 64);
    let of =
        |about: &str, message: &[u8]| vector(about, "refused", raw(&Parts::default(), message));
    let parts = |about: &str, parts: Parts| vector(about, "refused", raw(&parts, &right));
    let mut dirty = right.clone();
    *dirty.last_mut().expect("padding") = 1;
    vec![
        (
            "raw-right",
            OpenVector {
                value: Some(Value { hex: hex_of(b"value"), times: 1 }),
                sealed_at: Some(AT.into()),
                ikm_e: Some(hex_of(&IKM)),
                ..vector(
                    "put together from the format's document, not by the vault",
                    "opened",
                    raw(&Parts::default(), &right),
                )
            },
        ),
        (
            "wrong-info",
            parts(
                "sealed under another HPKE info",
                Parts { info: b"kliv-secrets sealed value v2", ..Parts::default() },
            ),
        ),
        (
            "wrong-suite",
            parts(
                "another suite in the associated data",
                Parts { suite: [0, 0x20, 0, 1, 0, 1], ..Parts::default() },
            ),
        ),
        (
            "wrong-aad-without-lengths",
            parts("associated data without lengths", Parts { lengths: false, ..Parts::default() }),
        ),
        ("padding-not-zero", of("padding that is not zeros", &dirty)),
        (
            "padding-too-long",
            of("padded one step further than needed", &message(AT_MS, 5, b"value", 128)),
        ),
        ("padding-odd", of("a padded size that no value has", &message(AT_MS, 5, b"value", 65))),
        (
            "length-beyond-message",
            of("a length that points beyond the message", &message(AT_MS, 53, b"value", 64)),
        ),
        ("length-too-large", of("a length near 4 GiB", &message(AT_MS, u32::MAX, b"value", 64))),
        (
            "length-over-64-kib",
            of("a value of 64 KiB and one byte", &message(AT_MS, 65_537, &[b'x'; 65_537], 67_584)),
        ),
        (
            "time-out-of-range",
            of("a time that no calendar has", &message(i64::MAX, 5, b"value", 64)),
        ),
    ]
}

fn not_sealed() -> Vec<(&'static str, OpenVector)> {
    let right = sealed(&keyring(1), &HERE, b"sk-proj-abc123xyz789", IKM).to_string();
    let id = keyring(1).sealing_key().key_id().to_string();
    let body = body_of(&right);
    let bad = |about: &str, expect: &str, text: String| vector(about, expect, text);
    // 112 bytes: one in the last group, whose last character has four unused bits.
    let last = |c: char| format!("{}{c}", &right[..right.len() - 1]);
    vec![
        ("text-empty", bad("nothing", "not-sealed", String::new())),
        ("text-plain", bad("a value in the clear", "not-sealed", "sk-proj-abc123xyz789".into())),
        ("text-no-body", bad("a key id and nothing after it", "not-sealed", format!("kliv1.{id}"))),
        (
            "text-newer-version",
            bad("a later format", "version", right.replacen("kliv1", "kliv2", 1)),
        ),
        (
            "text-other-prefix",
            bad("a prefix in capitals", "not-sealed", right.replacen("kliv1", "KLIV1", 1)),
        ),
        ("text-leading-space", bad("a space before", "not-sealed", format!(" {right}"))),
        ("text-trailing-newline", bad("a line feed after", "encoding", format!("{right}\n"))),
        (
            "text-key-id-capitals",
            bad("a key id in capitals", "key-id", right.replace(&id, &id.to_uppercase())),
        ),
        (
            "text-key-id-short",
            bad("a key id of 30 digits", "key-id", right.replace(&id, &id[..30])),
        ),
        ("text-fourth-part", bad("a part too many", "encoding", format!("{right}.AA"))),
        (
            "text-padded-base64",
            bad(
                "base64url with padding",
                "encoding",
                format!("kliv1.{id}.{}", URL_SAFE.encode(&body)),
            ),
        ),
        (
            "text-standard-base64",
            bad(
                "the standard alphabet of base64",
                "encoding",
                format!("kliv1.{id}.{}", STANDARD_NO_PAD.encode(&body)),
            ),
        ),
        ("text-trailing-bits", bad("unused bits that are not zero", "encoding", last('B'))),
        ("text-cut-one", bad("one character lost", "encoding", right[..right.len() - 1].into())),
        (
            "text-two-more",
            bad(
                "two bytes more",
                "refused",
                format!(
                    "kliv1.{id}.{}",
                    URL_SAFE_NO_PAD.encode([body.as_slice(), &[0; 2]].concat())
                ),
            ),
        ),
        (
            "text-too-short",
            bad(
                "shorter than any sealed value",
                "length",
                format!("kliv1.{id}.{}", URL_SAFE_NO_PAD.encode(&body[..111])),
            ),
        ),
        (
            "text-too-long",
            bad(
                "longer than any sealed value",
                "length",
                format!("kliv1.{id}.{}", "A".repeat(90_180)),
            ),
        ),
    ]
}
fn vector(about: &str, expect: &str, sealed: String) -> OpenVector {
    OpenVector {
        about: about.into(),
        expect: expect.into(),
        keyring: lines(&keyring(1)),
        account: HERE.account.into(),
        variable: HERE.variable.into(),
        environment: HERE.environment.map(Into::into),
        sealed,
        value: None,
        sealed_at: None,
        ikm_e: None,
    }
}
