//! How the vectors are made: from fixed keys and fixed randomness. The wrong ones are put
//! together (`seal_made_raw.rs`) from the words of `docs/format.md` and plain HPKE, without the vault.

use std::collections::BTreeMap;

use kliv_secrets::seal::Keyring;
use serde::{Deserialize, Serialize};

use crate::seal_made_keys::{keyring_vectors, sealing_key_vectors};
use crate::seal_made_open::open_vectors;

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
    pub(crate) hex: String,
    pub(crate) times: usize,
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
    add(&mut all, "open", open_vectors());
    add(&mut all, "sealing-key", sealing_key_vectors());
    add(&mut all, "keyring", keyring_vectors());
    all
}

fn add<T: Serialize>(
    all: &mut BTreeMap<String, String>,
    folder: &str,
    vectors: Vec<(&'static str, T)>,
) {
    for (name, vector) in vectors {
        let content = serde_json::to_string_pretty(&vector).expect("json") + "\n";
        let before = all.insert(format!("{folder}/{name}.json"), content);
        assert!(before.is_none(), "{name} twice");
    }
}

pub(crate) fn lines(keyring: &Keyring) -> Vec<String> {
    split(std::str::from_utf8(&keyring.to_bytes()).expect("text"))
}

pub(crate) fn split(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

pub(crate) fn hex_of(bytes: &[u8]) -> String {
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
