//! Fixed randomness and keys for the tests of the vault.

use std::convert::Infallible;

use hpke::rand_core::{TryCryptoRng, TryRng};
use k8s_openapi::jiff::Timestamp;
use kliv_secrets::seal::{Binding, Keyring, Plaintext, Sealed, seal};

/// Gives these bytes, once: what is drawn and how much is part of the format's vectors.
pub(crate) struct Tape<'a>(pub(crate) &'a [u8]);

impl TryRng for Tape<'_> {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unimplemented!("the vault draws bytes")
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unimplemented!("the vault draws bytes")
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        assert!(out.len() <= self.0.len(), "more randomness drawn than the format says");
        let (now, later) = self.0.split_at(out.len());
        out.copy_from_slice(now);
        self.0 = later;
        Ok(())
    }
}
impl TryCryptoRng for Tape<'_> {}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// Keyring number `n`: always the same.
pub(crate) fn keyring(n: u8) -> Keyring {
    Keyring::generate(time("2026-11-01T08:00:00Z"), &mut Tape(&[n; 48]))
}

/// The same without its retired keys: a keyring of which something was lost.
pub(crate) fn without_retired(keyring: &Keyring) -> Keyring {
    let text = String::from_utf8(keyring.to_bytes().to_vec()).expect("text");
    let lines = text.lines().filter(|line| !line.starts_with("retired "));
    Keyring::parse(lines.map(|line| format!("{line}\n")).collect::<String>().as_bytes())
        .expect("a keyring")
}

pub(crate) const HERE: Binding<'static> =
    Binding { account: "shop", variable: "OPENAI_API_KEY", environment: Some("production") };

pub(crate) fn sealed(
    keyring: &Keyring,
    binding: &Binding<'_>,
    value: &[u8],
    ikm: [u8; 32],
) -> Sealed {
    let value = Plaintext::new(value.to_vec());
    let at = time("2026-11-24T10:20:30.456Z");
    seal(keyring.sealing_key(), binding, &value, at, &mut Tape(&ikm)).expect("not too large")
}

#[expect(clippy::disallowed_methods, reason = "tests compare values")]
pub(crate) fn bytes(value: &Plaintext) -> &[u8] {
    value.expose()
}
