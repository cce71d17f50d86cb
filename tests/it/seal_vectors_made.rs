//! How the vectors are made: from fixed keys and fixed randomness. The wrong ones are put
//! together here from the words of `docs/format.md` and plain HPKE, without the vault.

use std::collections::BTreeMap;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeS, Serializable, single_shot_seal_with_rng};
use kliv_secrets::seal::{Keyring, WrappingKey};
use serde::{Deserialize, Serialize};

use crate::seal_support::{HERE, Tape, keyring, sealed, time};

#[derive(Serialize, Deserialize, Clone)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OpenVector {
    pub(crate) about: String,
    pub(crate) expect: String,
    /// Lines.
    pub(crate) keyring: Vec<String>,
    pub(crate) account: String,
    pub(crate) variable: String,
    pub(crate) environment: Option<String>,
    pub(crate) sealed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sealed_at: Option<String>,
    /// What was drawn from the randomness: RFC 9180's ikmE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ikm_e: Option<String>,
}

/// `hex`, so many times.
#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(crate) struct Value {
    hex: String,
    times: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SealingKeyVector {
    pub(crate) about: String,
    pub(crate) expect: String,
    pub(crate) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KeyringVector {
    pub(crate) about: String,
    pub(crate) expect: String,
    /// Lines; joined by one line feed.
    pub(crate) keyring: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wrapping_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sealing_key: Option<String>,
}

/// Every file: its name below `tests/vectors` and its content.
pub(crate) fn made() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut add = |folder: &str, name: &str, vector: String| {
        let before = all.insert(format!("{folder}/{name}.json"), vector + "\n");
        assert!(before.is_none(), "{name} twice");
    };
    let json = serde_json::to_string_pretty::<OpenVector>;
    for (name, vector) in right()
        .into_iter()
        .chain(wrong_place())
        .chain(altered())
        .chain(unfaithful())
        .chain(not_sealed())
    {
        add("open", name, json(&vector).expect("json"));
    }
    for (name, vector) in sealing_keys() {
        add("sealing-key", name, serde_json::to_string_pretty(&vector).expect("json"));
    }
    for (name, vector) in keyrings() {
        add("keyring", name, serde_json::to_string_pretty(&vector).expect("json"));
    }
    all
}

const AT: &str = "2026-11-24T10:20:30.456Z";
const IKM: [u8; 32] = [0x5e; 32];

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
    let no_environment = kliv_secrets::seal::Binding { environment: None, ..HERE };
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
        let place = kliv_secrets::seal::Binding { account, variable, environment };
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

fn sealing_keys() -> Vec<(&'static str, SealingKeyVector)> {
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

fn keyrings() -> Vec<(&'static str, KeyringVector)> {
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

const AT_MS: i64 = 1_795_515_630_456;

/// What a body is made of when it is put together by hand.
struct Parts {
    info: &'static [u8],
    suite: [u8; 6],
    lengths: bool,
}

impl Default for Parts {
    fn default() -> Self {
        Self { info: b"kliv-secrets sealed value v1", suite: [0, 0x20, 0, 1, 0, 2], lengths: true }
    }
}

fn message(milliseconds: i64, length: u32, value: &[u8], size: usize) -> Vec<u8> {
    let mut message = milliseconds.to_be_bytes().to_vec();
    message.extend(length.to_be_bytes());
    message.extend(value);
    message.resize(size, 0);
    message
}

fn raw(parts: &Parts, message: &[u8]) -> String {
    let keyring = keyring(1);
    let (_, public) = {
        let text = keyring.sealing_key().to_string();
        let public = text.rsplit('.').next().expect("a key").to_owned();
        (text, URL_SAFE_NO_PAD.decode(public).expect("base64url"))
    };
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

fn wrapped_by_hand(installation: String, keyring: &Keyring, key: [u8; 32]) -> String {
    let head = format!("kliv-keyring-wrapped 1\ninstallation {installation}\n");
    let nonce = [0x0c; 12];
    let ciphertext = Aes256Gcm::new(&key.into())
        .encrypt(&nonce.into(), Payload { msg: &keyring.to_bytes(), aad: head.as_bytes() })
        .expect("encrypted");
    format!("{head}{}\n", URL_SAFE_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat()))
}

fn text(body: &[u8]) -> String {
    format!("kliv1.{}.{}", keyring(1).sealing_key().key_id(), URL_SAFE_NO_PAD.encode(body))
}

fn body_of(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.rsplit('.').next().expect("a body")).expect("base64url")
}

fn with_private(line: &str, bytes: &[u8]) -> String {
    let mut parts: Vec<_> = line.split(' ').map(str::to_owned).collect();
    parts[3] = URL_SAFE_NO_PAD.encode(bytes);
    parts.join(" ")
}

fn lines(keyring: &Keyring) -> Vec<String> {
    split(std::str::from_utf8(&keyring.to_bytes()).expect("text"))
}

fn split(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(c.to_digit(16).expect("hex")).expect("a digit"))
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

impl Value {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        unhex(&self.hex).repeat(self.times)
    }
}
