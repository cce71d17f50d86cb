//! Where a value belongs.

use super::key::{InstallationId, KeyId};
use super::suite::Suite;

/// The place that a value is sealed for. It opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The account: the namespace's name.
    pub account: &'a str,
    /// The environment variable's name.
    pub variable: &'a str,
    /// The environment; none is another place than an empty one.
    pub environment: Option<&'a str>,
}

impl Binding<'_> {
    /// The associated data. Every field carries its length, so that no two places have
    /// the same.
    pub(super) fn aad(&self, suite: Suite, key: &KeyId, installation: &InstallationId) -> Vec<u8> {
        let mut aad = Vec::with_capacity(192);
        field(&mut aad, &suite.id());
        field(&mut aad, key.as_bytes());
        field(&mut aad, &installation.0);
        field(&mut aad, self.account.as_bytes());
        field(&mut aad, self.variable.as_bytes());
        match self.environment {
            None => aad.push(0),
            Some(environment) => {
                aad.push(1);
                field(&mut aad, environment.as_bytes());
            }
        }
        aad
    }
}

/// The length in four bytes, big-endian, then the bytes.
pub(super) fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a field is never 4 GiB long");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}
