//! What becomes part of a request's path. The client puts it there as it is, so that
//! `f?dryRun=All` or `x/../y` would address something else: it is checked before. Pure.

use std::fmt;
use std::ops::Deref;

use super::{Error, Invalid, Kind};
use crate::api::{is_dns_label, is_dns_subdomain};

/// A namespace's name, one that there can be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespace(String);

impl Namespace {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Namespace {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self, Error> {
        if is_dns_label(name) {
            return Ok(Self(name.to_owned()));
        }
        // Not quoted: it may be something else, typed in the wrong place.
        Err(Invalid::Namespace.into())
    }
}

impl Deref for Namespace {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> Kind<'a> {
    /// Its name, where an object can have it: a DNS subdomain (RFC 1123).
    pub(super) fn address(&self) -> Result<&'a str, Error> {
        if is_dns_subdomain(self.name) {
            return Ok(self.name);
        }
        Err(Invalid::Name(self.what).into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::What;
    use super::*;

    #[test]
    fn nothing_that_would_change_the_request_is_a_name() {
        let address =
            |name: &str| Kind { what: What::Function, name, namespace: "acme" }.address().is_ok();
        for name in ["f", "f-1", "api.v2", "0a", "stripe-api-key.production"] {
            assert!(address(name), "{name}");
        }
        for name in ["", ".", "..", "f?dryRun=All", "f/scale", "x/../y", "f#", "f%2fx", "F", "f-"] {
            assert!(!address(name), "{name}");
            assert!(Namespace::try_from(name).is_err(), "{name}");
        }
        assert!(Namespace::try_from("acme-2").is_ok() && Namespace::try_from("a.b").is_err());
        let long = "a".repeat(254);
        assert!(address(&long[..253]) && !address(&long));
        assert!(
            Namespace::try_from(&long[..63]).is_ok() && Namespace::try_from(&long[..64]).is_err()
        );
    }
}
