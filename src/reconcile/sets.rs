//! What a set holds, what it is called, and how large it may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::decide::Member;
use super::observed::Account;
use crate::api::names::{MAX_SET_BYTES, SET_PREFIX};
use crate::inject::Function;
use crate::seal::Sealed;

/// A set as it should be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredSet {
    /// The environment; "" is the default set.
    pub environment: String,
    /// The Secret's name, which follows from the members.
    pub name: String,
    /// Sorted by variable.
    pub members: Vec<Member>,
}

/// The default set, and one for each environment that a value names, in which that
/// environment's values win.
pub(super) fn sets(members: &[&Member], names: &Names<'_>) -> Vec<DesiredSet> {
    let mut environments: BTreeSet<&str> =
        members.iter().filter_map(|m| m.environment.as_deref()).collect();
    environments.insert("");
    environments
        .into_iter()
        .filter_map(|environment| {
            let mut chosen: BTreeMap<&str, &Member> = BTreeMap::new();
            for member in members {
                let rank = member.environment.as_deref();
                if rank.is_none() {
                    chosen.entry(&member.env_var).or_insert(member);
                } else if rank == Some(environment) {
                    chosen.insert(&member.env_var, member);
                }
            }
            let members: Vec<Member> = chosen.into_values().cloned().collect();
            (!members.is_empty()).then(|| DesiredSet {
                environment: environment.to_owned(),
                name: names.pick(&set_name(environment, &members)),
                members,
            })
        })
        .collect()
}

/// Which names of sets are taken.
///
/// The same content has the same name, with one exception: a name that was retired is not
/// used again, since a delete of it may still be on its way. Then the content gets the
/// name with a number, which it keeps.
pub(super) struct Names<'a> {
    /// Names of contents that are there or about to be; the best first.
    kept: Vec<&'a str>,
    retired: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn of(account: &'a Account) -> Self {
        let status = account.object.as_ref().map(|object| &object.status);
        let superseded = || status.into_iter().flat_map(|status| &status.superseded);
        let retired: BTreeSet<&str> =
            superseded().filter(|set| set.retired).map(|set| set.name.as_str()).collect();
        let mut kept: Vec<&str> = Vec::new();
        if let Some(status) = status {
            kept.extend(status.sets.iter().map(|set| set.name.as_str()));
            kept.extend(status.pending.iter().map(String::as_str));
        }
        kept.extend(superseded().map(|set| set.name.as_str()));
        // Where the KlivAccount was deleted, functions still know.
        kept.extend(account.functions.values().flat_map(Function::sets_held));
        kept.retain(|name| !retired.contains(name));
        Self { kept, retired }
    }

    fn pick(&self, content: &str) -> String {
        let of_content = |name: &&&str| {
            name.strip_prefix(content).is_some_and(|rest| {
                let number = rest.strip_prefix('-').unwrap_or_default();
                rest.is_empty() || (1..=6).contains(&number.len()) && is_number(number)
            })
        };
        if let Some(kept) = self.kept.iter().find(of_content) {
            return (*kept).to_owned();
        }
        let numbered = (2_u32..).map(|n| format!("{content}-{n}"));
        std::iter::once(content.to_owned())
            .chain(numbered)
            .find(|name| !self.retired.contains(name.as_str()))
            .unwrap_or_default()
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn set_name(environment: &str, members: &[Member]) -> String {
    let dash = if environment.is_empty() { "" } else { "-" };
    format!("{SET_PREFIX}{environment}{dash}{}", content_id(members))
}

/// Which secrets in which versions are in a set, never of which values: the same
/// content has the same name, and there is nothing to guess. The generation stands for
/// the version, since it grows also when a status is lost.
#[must_use]
pub fn content_id(members: &[Member]) -> String {
    let mut hash = Sha256::new();
    for member in members {
        for part in [&member.env_var, &member.uid] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(member.generation.to_be_bytes());
    }
    hash.finalize().iter().take(10).fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// How large each environment's set is, from above: the length of a value itself is
/// not known without opening it, that of its ciphertext is.
#[derive(Default)]
pub(super) struct Sizes {
    of: BTreeMap<(Option<String>, String), usize>,
}

impl Sizes {
    pub(super) fn put(&mut self, member: &Member) -> Option<usize> {
        let value = Sealed::parse(&member.sealed).map_or(0, |sealed| sealed.padded_len());
        self.of.insert(Self::key(member), value + member.env_var.len())
    }

    pub(super) fn get(&self, member: &Member) -> Option<usize> {
        self.of.get(&Self::key(member)).copied()
    }

    pub(super) fn restore(&mut self, member: &Member, before: Option<usize>) {
        match before {
            Some(size) => self.of.insert(Self::key(member), size),
            None => self.of.remove(&Self::key(member)),
        };
    }

    fn key(member: &Member) -> (Option<String>, String) {
        (member.environment.clone(), member.env_var.clone())
    }

    pub(super) fn too_large(&self) -> bool {
        if self.of.values().sum::<usize>() <= MAX_SET_BYTES {
            return false;
        }
        let mut environments: BTreeSet<Option<&str>> =
            self.of.keys().map(|(environment, _)| environment.as_deref()).collect();
        environments.insert(None);
        environments.into_iter().any(|environment| {
            let mut set: BTreeMap<&str, usize> = BTreeMap::new();
            for ((of, env_var), size) in &self.of {
                if of.is_none() {
                    set.entry(env_var).or_insert(*size);
                } else if of.as_deref() == environment {
                    set.insert(env_var, *size);
                }
            }
            set.values().sum::<usize>() > MAX_SET_BYTES
        })
    }
}
