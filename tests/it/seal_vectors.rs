//! The format's vectors in `tests/vectors/`: one file for each way of being wrong, and a
//! few right ones. Any implementation can replay them; `docs/format.md` says how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kliv_secrets::seal::{
    Binding, Keyring, KeyringError, Malformed, MalformedKey, OpenError, Plaintext, Sealed,
    SealingKey, WrappingKey, seal,
};
use serde::de::DeserializeOwned;

use crate::seal_made::{KeyringVector, OpenVector, SealingKeyVector, made, unhex};
use crate::seal_support::{Tape, bytes};

#[test]
fn every_sealed_value_opens_or_is_refused_as_its_file_says() {
    for (name, vector) in read::<OpenVector>("open") {
        let keyring = Keyring::parse(text(&vector.keyring).as_bytes()).expect("a keyring");
        let (outcome, value, sealed_at) = match Sealed::parse(&vector.sealed) {
            Err(reason) => (malformed(reason), None, None),
            Ok(sealed) => match keyring.open(&sealed, &binding(&vector)) {
                Err(OpenError::UnknownKey) => ("unknown-key", None, None),
                Err(OpenError::Refused) => ("refused", None, None),
                Ok(opened) => (
                    "opened",
                    Some(bytes(&opened.value).to_vec()),
                    Some(opened.sealed_at.to_string()),
                ),
            },
        };
        assert_eq!(outcome, vector.expect, "{name}");
        assert_eq!(value, vector.value.as_ref().map(|value| value.bytes()), "{name}");
        assert_eq!(sealed_at, vector.sealed_at, "{name}");
        assert_eq!(value.is_some(), outcome == "opened", "{name}");
    }
}

#[test]
fn sealing_again_with_the_same_randomness_gives_the_same_text() {
    let mut sealed_again = 0;
    for (name, vector) in read::<OpenVector>("open") {
        let (Some(ikm), Some(value), Some(at)) = (&vector.ikm_e, &vector.value, &vector.sealed_at)
        else {
            continue;
        };
        let keyring = Keyring::parse(text(&vector.keyring).as_bytes()).expect("a keyring");
        let value = Plaintext::new(value.bytes());
        let at = at.parse().expect("a time");
        let mut tape = Tape(&unhex(ikm));
        let sealed = seal(keyring.sealing_key(), &binding(&vector), &value, at, &mut tape);
        assert_eq!(sealed.expect("fits").to_string(), vector.sealed, "{name}");
        sealed_again += 1;
    }
    assert!(sealed_again >= 8);
}

#[test]
fn every_sealing_key_is_read_or_refused_as_its_file_says() {
    for (name, vector) in read::<SealingKeyVector>("sealing-key") {
        let (outcome, id) = match SealingKey::parse(&vector.text) {
            Ok(key) => ("read", Some(key.key_id().to_string())),
            Err(MalformedKey::SealingKey) => ("malformed", None),
            Err(MalformedKey::Suite) => ("suite", None),
            Err(MalformedKey::Unsafe) => ("unsafe", None),
            Err(MalformedKey::Id) => ("id", None),
        };
        assert_eq!((outcome, &id), (vector.expect.as_str(), &vector.key_id), "{name}");
    }
}

#[test]
fn every_keyring_is_read_or_refused_as_its_file_says() {
    for (name, vector) in read::<KeyringVector>("keyring") {
        let content = text(&vector.keyring);
        let read = match &vector.wrapping_key {
            None => Keyring::parse(content.as_bytes()),
            Some(key) => WrappingKey::parse(key.as_bytes())
                .and_then(|key| Keyring::unwrap(content.as_bytes(), &key)),
        };
        let (outcome, key) = match read {
            Ok(keyring) => ("read", Some(keyring.sealing_key().to_string())),
            Err(KeyringError::Malformed) => ("malformed", None),
            Err(KeyringError::Version) => ("version", None),
            Err(KeyringError::KeyMismatch) => ("key-mismatch", None),
            Err(KeyringError::Wrapped) => ("wrapped", None),
            Err(KeyringError::WrongWrappingKey) => ("wrong-wrapping-key", None),
            Err(KeyringError::WrappingKey) => ("wrapping-key", None),
        };
        assert_eq!((outcome, &key), (vector.expect.as_str(), &vector.sealing_key), "{name}");
    }
}

/// Compares what `seal_made` makes today with the files, byte for byte.
#[test]
fn the_files_are_those_that_are_made() {
    let stored: BTreeMap<String, String> =
        ["open", "sealing-key", "keyring"].into_iter().flat_map(files).collect();
    let made = made();
    let names = |all: &BTreeMap<String, String>| all.keys().cloned().collect::<Vec<_>>();
    let repair = "to write them anew: cargo test --test it writes_the_vectors -- --ignored";
    assert_eq!(names(&stored), names(&made), "{repair}");
    for (name, content) in &made {
        assert!(stored[name] == *content, "{name} differs; {repair}");
    }
}

/// Not a test: writes the files. A change of an existing one is a change of the format.
#[test]
#[ignore = "writes tests/vectors"]
fn writes_the_vectors() {
    for folder in ["open", "sealing-key", "keyring"] {
        let folder = root().join(folder);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("removed");
        }
        std::fs::create_dir_all(&folder).expect("made");
    }
    for (name, content) in made() {
        std::fs::write(root().join(name), content).expect("written");
    }
}

fn binding(vector: &OpenVector) -> Binding<'_> {
    Binding {
        account: &vector.account,
        variable: &vector.variable,
        environment: vector.environment.as_deref(),
    }
}

fn malformed(reason: Malformed) -> &'static str {
    match reason {
        Malformed::NotSealed => "not-sealed",
        Malformed::Version => "version",
        Malformed::KeyId => "key-id",
        Malformed::Encoding => "encoding",
        Malformed::Length => "length",
    }
}

fn text(lines: &[String]) -> String {
    lines.join("\n")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn read<T: DeserializeOwned>(folder: &str) -> Vec<(String, T)> {
    let vectors: Vec<_> = files(folder)
        .map(|(name, content)| {
            let vector = serde_json::from_str(&content);
            (name.clone(), vector.unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect();
    assert!(!vectors.is_empty(), "no vectors in {folder}");
    vectors
}

fn files(folder: &str) -> impl Iterator<Item = (String, String)> {
    let entries = std::fs::read_dir(root().join(folder)).into_iter().flatten();
    entries.map(move |entry| {
        let entry = entry.expect("an entry");
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        (name, std::fs::read_to_string(entry.path()).expect("text"))
    })
}
