//! The rules: which set, which names, which containers, and what to tell the user.

use std::collections::BTreeSet;

use json_patch::Patch;

use super::function::{Container, Function, Kind, Wanted};
use super::nearest::nearest;
use super::patch::{Ours, patch};
use crate::api::{PublishedSet, check_env_var};

/// How many names that are not there are told: more would not fit an Event.
const TOLD: usize = 10;

/// What a function is to get.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Injection {
    /// An RFC 6902 patch of the Deployment: tests of uid and resourceVersion, then
    /// removals and additions of entries of ours. `None`: it has what it should.
    pub patch: Option<Patch>,
    /// The set that the entries are from.
    pub set: Option<String>,
    /// The variables that it gets, sorted.
    pub injected: Vec<String>,
    /// Variables that it would get, were there no entry of the user's of that name.
    pub overridden: Vec<String>,
    /// Variables that it asks for and that are not there.
    pub missing: Vec<Missing>,
    /// It keeps an older set, as `rollout: manual` says, until told otherwise.
    pub manual_waits: bool,
    /// It has an `envFrom`, of whose names ours take precedence.
    pub hides_env_from: bool,
    /// Containers that it names and does not have.
    pub unknown_containers: Vec<String>,
    /// A bad value could take it down: its strategy is not `RollingUpdate`, or a
    /// container that gets entries has no readiness probe.
    pub no_safe_rollout: bool,
}

/// A variable that a function asks for and that it does not get.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    /// As the function wrote it.
    pub name: String,
    /// A name that is there and nearly the same.
    pub did_you_mean: Option<String>,
    /// It is in `requires`, not only in the list of `inject`.
    pub required: bool,
}

/// What `function` is to get of its account's current sets.
#[must_use]
pub fn inject(function: &Function, sets: &[PublishedSet]) -> Injection {
    decide(function, function.ours(), sets)
}

/// What the controller knows of an account's sets, and the admission policy does not.
pub struct Known<'a> {
    sets: &'a [PublishedSet],
    gone: &'a BTreeSet<String>,
    reserved: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    /// The current sets, and the names of sets that were looked for and do not exist.
    #[must_use]
    pub fn new(sets: &'a [PublishedSet], gone: &'a BTreeSet<String>) -> Self {
        let keys: BTreeSet<&str> =
            sets.iter().flat_map(|set| set.keys.iter().map(String::as_str)).collect();
        let reserved = keys.into_iter().filter(|key| check_env_var(key).is_err()).collect();
        Self { sets, gone, reserved }
    }

    /// As [`inject`], with two differences. `rollout: manual` does not hold on to a set that
    /// does not exist, since pods could not start with it. And a name that has become reserved
    /// after it was published stays with functions that have it; no other gets it.
    #[must_use]
    pub fn inject(&self, function: &Function) -> Injection {
        let has = function.ours();
        let is_new = |key: &str| self.reserved.contains(key) && !has.contains_key(key);
        let dead = has.values().any(|set| self.gone.contains(*set));
        let held = if dead { Ours::new() } else { has.clone() };
        if !self.reserved.iter().any(|key| is_new(key)) {
            return decide(function, held, self.sets);
        }
        let mut sets = self.sets.to_vec();
        sets.iter_mut().for_each(|set| set.keys.retain(|key| !is_new(key)));
        decide(function, held, &sets)
    }
}

/// What the admission policy makes of a write: as [`inject`], but for `rollout:
/// manual` the sets that count are those of the object `before` the write, whatever the
/// manifest says.
#[must_use]
pub fn admit(before: Option<&Function>, function: &Function, sets: &[PublishedSet]) -> Injection {
    decide(function, before.map(Function::ours).unwrap_or_default(), sets)
}

/// Takes all entries of ours from a Deployment, e.g. one that is no function any more.
#[must_use]
pub fn withdraw(function: &Function) -> Injection {
    let nothing = vec![Ours::new(); function.containers.len()];
    Injection { patch: patch(function, &nothing), ..Injection::default() }
}

fn decide(function: &Function, held: Ours<'_>, sets: &[PublishedSet]) -> Injection {
    let current = current(function, sets);
    let targets = targets(function);
    let told = current.is_some_and(|set| function.revision == Some(set.revision.to_string()));
    let entries_held = entries(function, &targets, &held);
    let holds = function.manual && !told && entries_held.iter().any(|ours| !ours.is_empty());
    let (offer, desired) = if holds {
        (held, entries_held)
    } else {
        let offer = current.map(offer).unwrap_or_default();
        let desired = entries(function, &targets, &offer);
        (offer, desired)
    };

    let injected: BTreeSet<&str> = desired.iter().flatten().map(|(name, _)| *name).collect();
    let own: BTreeSet<&str> =
        targets.iter().flat_map(|index| users(&function.containers[*index])).collect();
    let gets = |index: &&usize| !desired[**index].is_empty();
    Injection {
        patch: patch(function, &desired),
        set: if holds {
            offer.first_key_value().map(|(_, set)| (*set).to_owned())
        } else {
            current.map(|set| set.name.clone())
        },
        overridden: offer
            .keys()
            .filter(|name| own.contains(*name) && is_wanted(&function.wanted, name))
            .map(|name| (*name).to_owned())
            .collect(),
        missing: missing(function, &offer, &injected, &own),
        manual_waits: holds
            && current.is_none_or(|set| offer.values().any(|held| *held != set.name)),
        hides_env_from: targets.iter().filter(gets).any(|i| function.containers[*i].env_from),
        unknown_containers: function
            .targets
            .iter()
            .filter(|name| function.containers.iter().all(|container| container.name != **name))
            .take(TOLD)
            .cloned()
            .collect(),
        no_safe_rollout: targets
            .iter()
            .filter(gets)
            .any(|i| !function.rolling_update || !function.containers[*i].readiness_probe),
        injected: injected.into_iter().map(str::to_owned).collect(),
    }
}

/// The account's current set for a function: that of its environment, else the default set.
#[must_use]
pub fn current<'a>(function: &Function, sets: &'a [PublishedSet]) -> Option<&'a PublishedSet> {
    let of = |name: &str| sets.iter().find(|set| set.environment == name);
    of(&function.environment).or_else(|| of(""))
}

fn offer(set: &PublishedSet) -> Ours<'_> {
    set.keys.iter().map(|key| (key.as_str(), set.name.as_str())).collect()
}

/// For every container its entries of what there is.
fn entries<'a>(function: &Function, targets: &BTreeSet<usize>, offer: &Ours<'a>) -> Vec<Ours<'a>> {
    let mut entries = vec![Ours::new(); function.containers.len()];
    for index in targets {
        let users = users(&function.containers[*index]);
        entries[*index] = offer
            .iter()
            .filter(|(name, _)| is_wanted(&function.wanted, name) && !users.contains(*name))
            .map(|(name, set)| (*name, *set))
            .collect();
    }
    entries
}

fn is_wanted(wanted: &Wanted, name: &str) -> bool {
    match wanted {
        Wanted::All => true,
        Wanted::Nothing => false,
        Wanted::Listed(names) => names.contains(name),
    }
}

/// The containers that get entries: those named, else the one that `kubectl logs`
/// picks, else the first.
fn targets(function: &Function) -> BTreeSet<usize> {
    let all = function.containers.iter().enumerate();
    if !function.targets.is_empty() {
        return all
            .filter(|(_, container)| function.targets.contains(&container.name))
            .map(|(index, _)| index)
            .collect();
    }
    let default = function.default_container.as_deref();
    let picked = all
        .filter(|(_, container)| Some(container.name.as_str()) == default)
        .map(|(index, _)| index)
        .next()
        .unwrap_or(0);
    (picked < function.containers.len()).then_some(picked).into_iter().collect()
}

/// The names of the user's own entries.
fn users(container: &Container) -> BTreeSet<&str> {
    container
        .env
        .iter()
        .flatten()
        .filter(|entry| !matches!(entry.kind, Kind::Ours(_)))
        .map(|entry| entry.name.as_str())
        .collect()
}

fn missing(
    function: &Function,
    offer: &Ours<'_>,
    injected: &BTreeSet<&str>,
    own: &BTreeSet<&str>,
) -> Vec<Missing> {
    let listed = match &function.wanted {
        Wanted::Listed(names) => Some(names),
        Wanted::All | Wanted::Nothing => None,
    };
    let names: BTreeSet<&str> =
        listed.into_iter().flatten().chain(&function.requires).map(String::as_str).collect();
    names
        .into_iter()
        .filter(|name| !injected.contains(name) && !own.contains(name))
        .take(TOLD)
        .map(|name| Missing {
            name: name.to_owned(),
            did_you_mean: nearest(name, offer.keys().copied()).map(str::to_owned),
            required: function.requires.contains(name),
        })
        .collect()
}
