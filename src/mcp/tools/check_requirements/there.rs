//! The account's secrets by their variables: each name that is looked for is not to go through
//! all of them. Pure.

use std::collections::BTreeMap;

use crate::account::{Provider, provider_of};
use crate::api::KlivSecret;
use crate::api::names::MAX_SECRETS;
use crate::inject::nearby;

/// How many other names are told for one.
const SUGGESTED: usize = 3;

/// What there is.
pub(super) struct There<'a> {
    of: BTreeMap<&'a str, Vec<&'a KlivSecret>>,
    services: Vec<(&'a str, Service)>,
}

impl<'a> There<'a> {
    pub(super) fn of(secrets: &'a [KlivSecret]) -> Self {
        let mut of: BTreeMap<&str, Vec<&KlivSecret>> = BTreeMap::new();
        for secret in secrets {
            of.entry(&secret.spec.env_var).or_default().push(secret);
        }
        let services = of.keys().map(|name| (*name, Service::of(name))).collect();
        Self { of, services }
    }

    /// Those of a variable.
    pub(super) fn secrets(&self, variable: &str) -> &[&'a KlivSecret] {
        self.of.get(variable).map_or(&[], Vec::as_slice)
    }

    /// Variables that are called nearly so. No more are compared than the operator takes.
    pub(super) fn near(&self, name: &str) -> Vec<&'a str> {
        let mut near = nearby(name, self.of.keys().copied().take(MAX_SECRETS));
        near.truncate(SUGGESTED);
        near
    }

    /// Variables of the same service.
    pub(super) fn of_the_same_service(&self, name: &str) -> Vec<&'a str> {
        let wanted = Service::of(name);
        let same = self.services.iter().filter(|(_, service)| wanted.is(service));
        same.map(|(name, _)| *name).take(SUGGESTED).collect()
    }
}

/// Of which service a name speaks: a provider, or its first word.
struct Service {
    provider: Option<Provider>,
    first: String,
}

impl Service {
    fn of(name: &str) -> Self {
        let first = name.split('_').next().unwrap_or_default().to_ascii_uppercase();
        Self { provider: provider_of(name), first }
    }

    fn is(&self, other: &Self) -> bool {
        match (self.provider, other.provider) {
            (Some(one), Some(other)) => one == other,
            // Short ones are rather words than names: MY_, APP_, DB_.
            _ => self.first.len() > 3 && self.first == other.first,
        }
    }
}
