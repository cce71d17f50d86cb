//! What holds for every value, place and text.

use std::collections::BTreeSet;

use kliv_secrets::seal::{
    Binding, Keyring, MAX_VALUE, OpenError, Opened, Plaintext, Sealed, SealingKey, TooLarge,
    WrappingKey, mask, seal,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::seal_support::{HERE, Tape, bytes, keyring, sealed, time, without_retired};

/// Opens, or the reason why not.
fn open(keyring: &Keyring, sealed: &Sealed, binding: &Binding<'_>) -> Result<Vec<u8>, OpenError> {
    keyring.open(sealed, binding).map(|Opened { value, .. }| bytes(&value).to_vec())
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let near = |n: usize| n.saturating_sub(2)..=n + 2;
    let size = prop_oneof![
        4 => 0..300usize,
        2 => near(1024 - 12),
        1 => near(4096 - 12),
        1 => 0..=MAX_VALUE,
        1 => MAX_VALUE - 2..=MAX_VALUE,
    ];
    (size, any::<[u8; 16]>())
        .prop_map(|(size, pattern)| pattern.iter().copied().cycle().take(size).collect())
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z][a-z0-9-]{0,20}", "[A-Z][A-Z0-9_]{0,20}", ".{0,8}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_value_round_trips_through_its_text(
        value in value(), ikm in any::<[u8; 32]>(), account in name(), variable in name(),
        environment in proptest::option::of(name()),
    ) {
        let keyring = keyring(1);
        let binding = Binding { account: &account, variable: &variable, environment: environment.as_deref() };
        let sealed = sealed(&keyring, &binding, &value, ikm);
        let read = Sealed::parse(&sealed.to_string()).unwrap();
        prop_assert_eq!(&read, &sealed);
        prop_assert!(read.padded_len() >= value.len());
        let opened = keyring.open(&read, &binding).unwrap();
        prop_assert_eq!(bytes(&opened.value), value.as_slice());
        prop_assert_eq!(opened.sealed_at, time("2026-11-24T10:20:30.456Z"));
    }

    #[test]
    fn any_changed_bit_is_refused(value in value(), ikm in any::<[u8; 32]>(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let keyring = keyring(1);
        let mut body = body(&sealed(&keyring, &HERE, &value, ikm));
        let at = at.index(body.len());
        body[at] ^= 1 << bit;
        prop_assert_eq!(open(&keyring, &with_body(&keyring, &body), &HERE), Err(OpenError::Refused));
    }

    #[test]
    fn any_other_length_is_refused(value in value(), ikm in any::<[u8; 32]>(), cut in 1..200usize, grow in vec(any::<u8>(), 1..200)) {
        let keyring = keyring(1);
        let body = body(&sealed(&keyring, &HERE, &value, ikm));
        for other in [body[..body.len() - cut.min(body.len())].to_vec(), [body, grow].concat()] {
            if let Ok(sealed) = Sealed::parse(&text(&keyring, &other)) {
                prop_assert_eq!(open(&keyring, &sealed, &HERE), Err(OpenError::Refused));
            }
        }
    }

    #[test]
    fn any_other_place_is_refused(
        ikm in any::<[u8; 32]>(),
        here in (name(), name(), proptest::option::of(name())),
        there in (name(), name(), proptest::option::of(name())),
    ) {
        prop_assume!(here != there);
        let keyring = keyring(1);
        let sealed = sealed(&keyring, &place(&here), b"value", ikm);
        prop_assert_eq!(open(&keyring, &sealed, &place(&there)), Err(OpenError::Refused));
    }

    #[test]
    fn a_name_that_flows_into_its_neighbour_is_another_place(all in "[a-z]{3,12}", cut in any::<(prop::sample::Index, prop::sample::Index)>()) {
        let (one, other) = (cut.0.index(all.len()), cut.1.index(all.len()));
        prop_assume!(one != other);
        let keyring = keyring(1);
        let place = |at: usize| Binding { account: &all[..at], variable: &all[at..], environment: None };
        let sealed = sealed(&keyring, &place(one), b"value", [7; 32]);
        prop_assert_eq!(open(&keyring, &sealed, &place(other)), Err(OpenError::Refused));
    }

    #[test]
    fn a_text_that_is_read_is_the_only_text_of_what_was_read(text in hostile_text()) {
        if let Ok(sealed) = Sealed::parse(&text) {
            prop_assert_eq!(sealed.to_string(), text);
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic_or_quote_it(text in ".{0,60}", key in hostile_key_text(), wrapping in wrapping_text()) {
        for error in [
            Sealed::parse(&text).err().map(|e| format!("{e} {e:?}")),
            SealingKey::parse(&key).err().map(|e| format!("{e} {e:?}")),
            Keyring::parse(key.as_bytes()).err().map(|e| format!("{e} {e:?}")),
            Keyring::unwrap(wrapping.as_bytes(), &wrapping_key()).err().map(|e| format!("{e} {e:?}")),
            WrappingKey::parse(text.as_bytes()).err().map(|e| format!("{e} {e:?}")),
        ].into_iter().flatten() {
            prop_assert!(text.len() < 8 || !error.contains(&text));
            prop_assert!(key.len() < 8 || !error.contains(&key));
        }
    }

    #[test]
    fn a_mask_shows_at_most_two_fifths_of_a_value(value in ".{0,60}") {
        let shown = mask(&Plaintext::new(value.clone().into_bytes()));
        let (head, tail) = shown.split_once("****").unwrap();
        prop_assert!(value.starts_with(head) && value.ends_with(tail));
        let shown = head.chars().count() + tail.chars().count();
        prop_assert!(shown * 5 <= value.chars().count() * 2);
    }
}

#[test]
fn every_single_changed_bit_of_a_small_value_is_refused() {
    let keyring = keyring(1);
    let body = body(&sealed(&keyring, &HERE, b"sk-live-1", [9; 32]));
    for at in 0..body.len() * 8 {
        let mut changed = body.clone();
        changed[at / 8] ^= 1 << (at % 8);
        let sealed = with_body(&keyring, &changed);
        assert_eq!(open(&keyring, &sealed, &HERE), Err(OpenError::Refused), "bit {at}");
    }
}

#[test]
fn every_single_changed_character_is_refused() {
    let keyring = keyring(1);
    let text = sealed(&keyring, &HERE, b"sk-live-1", [9; 32]).to_string();
    for at in 0..text.len() {
        for other in ["A", "_", ".", "=", " ", "0", "a"] {
            let mut changed = text.clone();
            changed.replace_range(at..=at, other);
            if changed != text {
                let opened =
                    Sealed::parse(&changed).ok().and_then(|s| open(&keyring, &s, &HERE).ok());
                assert_eq!(opened, None, "{at} {other}");
            }
        }
    }
}

#[test]
fn another_installation_with_the_same_key_refuses() {
    let ours = keyring(1);
    let text = String::from_utf8(ours.to_bytes().to_vec()).unwrap();
    let moved = text.replace(&ours.installation().to_string(), &"ab".repeat(16));
    let theirs = Keyring::parse(moved.as_bytes()).unwrap();
    let sealed = sealed(&ours, &HERE, b"value", [1; 32]);
    assert_eq!(theirs.sealing_key().key_id(), ours.sealing_key().key_id());
    assert_eq!(open(&theirs, &sealed, &HERE), Err(OpenError::Refused));
}

#[test]
fn a_key_that_the_keyring_lacks_is_its_own_reason() {
    let sealed = sealed(&keyring(1), &HERE, b"value", [1; 32]);
    assert_eq!(open(&keyring(2), &sealed, &HERE), Err(OpenError::UnknownKey));
}

#[test]
fn a_key_id_of_another_key_of_the_keyring_is_refused() {
    let mut keyring = keyring(1);
    let body = body(&sealed(&keyring, &HERE, b"value", [1; 32]));
    keyring.rotate(time("2026-11-02T00:00:00Z"), &mut Tape(&[3; 32]));
    assert_eq!(open(&keyring, &with_body(&keyring, &body), &HERE), Err(OpenError::Refused));
}

#[test]
fn a_retired_key_opens_as_long_as_it_is_there() {
    let mut keyring = keyring(1);
    let before = sealed(&keyring, &HERE, b"value", [1; 32]);
    keyring.rotate(time("2026-11-02T00:00:00Z"), &mut Tape(&[3; 32]));
    assert_ne!(keyring.sealing_key().key_id(), before.key_id());
    let after = sealed(&keyring, &HERE, b"value", [1; 32]);
    assert_eq!(open(&keyring, &before, &HERE).unwrap(), b"value");
    assert_eq!(open(&keyring, &after, &HERE).unwrap(), b"value");

    let keyring = without_retired(&keyring);
    assert!(keyring.has(after.key_id()) && !keyring.has(before.key_id()));
    assert_eq!(open(&keyring, &before, &HERE), Err(OpenError::UnknownKey));
    assert_eq!(open(&keyring, &after, &HERE).unwrap(), b"value");
}

#[test]
fn the_key_that_a_text_names_is_read_without_the_rest() {
    let text = sealed(&keyring(1), &HERE, b"value", [1; 32]).to_string();
    let id = keyring(1).sealing_key().key_id();
    assert_eq!(Sealed::key_named_in(&text), Some(id));
    assert_eq!(Sealed::key_named_in(&format!("kliv1.{id}.")), Some(id));
    for other in
        ["", "kliv1", "kliv1.", "kliv1.garbage", "kliv1.7.x", &text.replace("kliv1", "kliv2")]
    {
        assert_eq!(Sealed::key_named_in(other), None, "{other}");
    }
}

#[test]
fn a_value_over_64_kib_is_not_sealed() {
    let keyring = keyring(1);
    let value = Plaintext::new(vec![b'x'; MAX_VALUE + 1]);
    let result = seal(
        keyring.sealing_key(),
        &HERE,
        &value,
        time("2026-11-02T00:00:00Z"),
        &mut Tape(&[1; 32]),
    );
    assert_eq!(result, Err(TooLarge));
}

#[test]
fn sealed_texts_have_few_lengths() {
    let keyring = keyring(1);
    let lengths = |sizes: &mut dyn Iterator<Item = usize>| -> usize {
        sizes
            .map(|size| sealed(&keyring, &HERE, &vec![b'x'; size], [1; 32]).to_string().len())
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert_eq!(lengths(&mut (0..=256)), 5, "of 257 sizes");
    assert!(lengths(&mut (0..=MAX_VALUE).step_by(97)) <= 113, "of 65,537 sizes");
    assert!(
        sealed(&keyring, &HERE, &vec![0; MAX_VALUE], [1; 32]).to_string().len()
            <= kliv_secrets::api::names::MAX_SEALED
    );
}

#[test]
fn a_keyring_survives_its_text_and_its_wrapping() {
    let mut before = keyring(1);
    let old = sealed(&before, &HERE, b"value", [1; 32]);
    before.rotate(time("2026-11-02T00:00:00.5Z"), &mut Tape(&[3; 32]));
    before.rotate(time("2026-11-03T00:00:00Z"), &mut Tape(&[4; 32]));

    let plain = Keyring::parse(&before.to_bytes()).unwrap();
    let wrapped = before.wrap(&wrapping_key(), &mut Tape(&[5; 12]));
    let unwrapped = Keyring::unwrap(&wrapped, &wrapping_key()).unwrap();
    for after in [plain, unwrapped] {
        assert!(after.keys().eq(before.keys()));
        assert_eq!(after.installation(), before.installation());
        assert_eq!(after.to_bytes(), before.to_bytes());
        assert_eq!(open(&after, &old, &HERE).unwrap(), b"value");
    }
}

#[test]
fn a_wrapped_keyring_with_any_changed_bit_is_refused() {
    let wrapped = keyring(1).wrap(&wrapping_key(), &mut Tape(&[5; 12]));
    for at in 0..wrapped.len() * 8 {
        let mut changed = wrapped.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(Keyring::unwrap(&changed, &wrapping_key()).is_err(), "bit {at}");
    }
}

fn place((account, variable, environment): &(String, String, Option<String>)) -> Binding<'_> {
    Binding { account, variable, environment: environment.as_deref() }
}

fn wrapping_key() -> WrappingKey {
    WrappingKey::parse(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").expect("a key")
}

fn body(sealed: &Sealed) -> Vec<u8> {
    use base64::Engine;
    let text = sealed.to_string();
    let body = text.rsplit('.').next().expect("a body");
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).expect("base64url")
}

fn text(keyring: &Keyring, body: &[u8]) -> String {
    use base64::Engine;
    let body = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(body);
    format!("kliv1.{}.{body}", keyring.sealing_key().key_id())
}

fn with_body(keyring: &Keyring, body: &[u8]) -> Sealed {
    Sealed::parse(&text(keyring, body)).expect("well formed")
}

/// Texts near a sealed value: right ones with something put in, taken out or changed.
fn hostile_text() -> impl Strategy<Value = String> {
    let right = || vec(any::<u8>(), 112..180).prop_map(|body| text(&keyring(1), &body));
    prop_oneof![
        right(),
        ".{0,200}",
        "kliv1\\.[0-9a-f]{30,34}\\.[A-Za-z0-9_=+/-]{140,200}",
        (right(), any::<prop::sample::Index>(), "[A-Za-z0-9=+/_. \n-]{0,2}").prop_map(
            |(mut text, at, put)| {
                let at = at.index(text.len());
                text.replace_range(at..=at, &put);
                text
            }
        ),
    ]
}

fn hostile_key_text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,60}",
        "kliv1-key\\.x25519\\.[0-9a-f]{32}\\.[A-Za-z0-9_-]{42,44}",
        "kliv-keyring 1\ninstallation [0-9a-f]{32}\nactive x25519 [0-9a-f]{32} [A-Za-z0-9_-]{43} 2026-11-01T08:00:00Z\n",
    ]
}

fn wrapping_text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,60}",
        "kliv-keyring-wrapped 1\ninstallation [0-9a-f]{32}\n[A-Za-z0-9_-]{0,200}\n",
    ]
}
