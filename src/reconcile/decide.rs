//! Which values the account publishes: secret by secret, then set by set.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use k8s_openapi::jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::inspect::{Candidate, Why};
use super::observed::{Account, SecretObject};
use crate::api::condition::Reason;
use crate::api::names::{MAX_ENVIRONMENTS, MAX_SECRETS, MAX_SET_BYTES, SET_PREFIX};
use crate::api::{Intent, Source};
use crate::inject::Function;
use crate::seal::Sealed;

/// What becomes of one secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The value that is to be published, where there is one.
    pub member: Option<Member>,
    /// Whether that value is a new one (not yet in `status.history`).
    pub is_new: bool,
    /// What the `Ready` condition will say once the set is published.
    pub reason: Reason,
    /// In plain words, with the way out; fixed texts only.
    pub message: String,
}

/// One value of a set: which secret, in which version, and its ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The KlivSecret's name.
    pub secret: String,
    /// Its uid.
    pub uid: String,
    /// The generation of its spec that brought the value.
    pub generation: i64,
    /// The variable.
    pub env_var: String,
    /// The environment it is for.
    pub environment: Option<String>,
    /// The ciphertext.
    pub sealed: String,
}

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

/// Decides for every secret of the account, by name, and for the sets.
///
/// A new value that would break a limit is refused; the value in use stays. Values in
/// use go first, then new ones in the order of their objects' creation.
#[must_use]
pub fn decide(account: &Account) -> (BTreeMap<String, Decision>, Vec<DesiredSet>) {
    let mut decisions: BTreeMap<String, Decision> = account
        .secrets
        .values()
        .map(|secret| (secret.name.clone(), without_limits(secret)))
        .collect();

    let mut order: Vec<&SecretObject> = account.secrets.values().collect();
    order.sort_by(|a, b| rank(a).cmp(&rank(b)));
    for (i, secret) in order.iter().enumerate() {
        if i >= MAX_SECRETS
            && let Some(decision) = decisions.get_mut(&secret.name)
        {
            *decision = refused(
                None,
                Reason::LimitExceeded,
                "the account has more than 256 secrets: delete those that no function uses",
            );
        }
    }

    let mut environments = BTreeSet::new();
    for secret in &order {
        let Some(decision) = decisions.get_mut(&secret.name) else { continue };
        let Some(environment) = decision.member.as_ref().and_then(|m| m.environment.clone()) else {
            continue;
        };
        if environments.contains(&environment) || environments.len() < MAX_ENVIRONMENTS {
            environments.insert(environment);
        } else {
            *decision = refused(
                None,
                Reason::LimitExceeded,
                "the account's secrets name more than 32 environments: delete those of \
                 environments that no function has",
            );
        }
    }

    // Sizes with the values in use, then each new value if it still fits.
    let mut sizes = Sizes::default();
    for secret in &order {
        let stays = decisions.get(&secret.name).is_some_and(|decision| decision.member.is_some());
        if let Some(member) = in_use(secret).filter(|_| stays) {
            sizes.put(&member);
        }
    }
    for secret in &order {
        let Some(decision) = decisions.get_mut(&secret.name) else { continue };
        let Some(member) = decision.member.as_ref().filter(|_| decision.is_new) else { continue };
        let before = sizes.put(member);
        let smaller = before > sizes.get(member);
        if !smaller && sizes.too_large() {
            sizes.restore(member, before);
            *decision = refused(
                in_use(secret),
                Reason::LimitExceeded,
                "with this value the account's published set would be larger than 900 KiB: \
                 store large files elsewhere and keep only their key here",
            );
        }
    }

    let members: Vec<&Member> = decisions.values().filter_map(|d| d.member.as_ref()).collect();
    let sets = sets(&members, &Names::of(account));
    (decisions, sets)
}

fn without_limits(secret: &SecretObject) -> Decision {
    let intent = match &secret.intent {
        Ok(intent) => intent,
        Err(refusal) => return refused(in_use(secret), Reason::InvalidSpec, &refusal.to_string()),
    };
    match &intent.source {
        Source::Sealed(sealed) => sealed_value(secret, intent, sealed),
        Source::Question(_) => refused(
            None,
            Reason::AwaitingValue,
            "waits for its value: set spec.value (see spec.request for what is needed)",
        ),
        // The spec lost its value in a write that the webhook did not see: what is in use stays.
        Source::Generate(_) | Source::Nothing => match in_use(secret) {
            Some(current) => published(current, false),
            None => refused(
                None,
                Reason::AwaitingValue,
                "has no value, since the webhook did not run: apply the object again",
            ),
        },
    }
}

fn sealed_value(secret: &SecretObject, intent: &Intent, sealed: &str) -> Decision {
    let with = |generation| Member {
        secret: secret.name.clone(),
        uid: secret.uid.clone(),
        generation,
        env_var: intent.env_var.clone(),
        environment: intent.environment.clone(),
        sealed: sealed.to_owned(),
    };
    match (&secret.candidate, in_use(secret)) {
        (Candidate::Current | Candidate::SameValue, Some(current)) => {
            published(with(current.generation), false)
        }
        (Candidate::Unreadable(why), current) => {
            let message = match why {
                Why::Malformed => "spec.sealed is damaged: seal the value again",
                Why::UnknownKey => {
                    "spec.sealed is sealed with a key that this cluster does not have: restore \
                     the keyring from its backup, or set the value again"
                }
                Why::Refused => {
                    "spec.sealed was altered, or sealed for another account, name or \
                     environment: set the value again here"
                }
            };
            refused(current, Reason::DecryptionFailed, message)
        }
        _ => published(with(secret.generation), true),
    }
}

fn published(member: Member, is_new: bool) -> Decision {
    Decision { member: Some(member), is_new, reason: Reason::Published, message: String::new() }
}

fn refused(member: Option<Member>, reason: Reason, message: &str) -> Decision {
    Decision { member, is_new: false, reason, message: message.to_owned() }
}

/// Who comes first where there is not room for all: values in use, then the oldest objects.
pub(super) fn rank(secret: &SecretObject) -> (bool, Timestamp, &str) {
    let in_use = secret.intent.is_ok() && !secret.status.history.is_empty();
    (!in_use, secret.created, &secret.name)
}

/// The value that is published now.
pub(super) fn in_use(secret: &SecretObject) -> Option<Member> {
    let entry = secret.status.history.first()?;
    let intent = secret.intent.as_ref().ok()?;
    Some(Member {
        secret: secret.name.clone(),
        uid: secret.uid.clone(),
        generation: entry.generation,
        env_var: intent.env_var.clone(),
        environment: intent.environment.clone(),
        sealed: entry.sealed.clone(),
    })
}

/// The default set, and one for each environment that a value names, in which that
/// environment's values win.
fn sets(members: &[&Member], names: &Names<'_>) -> Vec<DesiredSet> {
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
struct Names<'a> {
    /// Names of contents that are there or about to be; the best first.
    kept: Vec<&'a str>,
    retired: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(account: &'a Account) -> Self {
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
struct Sizes {
    of: BTreeMap<(Option<String>, String), usize>,
}

impl Sizes {
    fn put(&mut self, member: &Member) -> Option<usize> {
        let value = Sealed::parse(&member.sealed).map_or(0, |sealed| sealed.padded_len());
        self.of.insert(Self::key(member), value + member.env_var.len())
    }

    fn get(&self, member: &Member) -> Option<usize> {
        self.of.get(&Self::key(member)).copied()
    }

    fn restore(&mut self, member: &Member, before: Option<usize>) {
        match before {
            Some(size) => self.of.insert(Self::key(member), size),
            None => self.of.remove(&Self::key(member)),
        };
    }

    fn key(member: &Member) -> (Option<String>, String) {
        (member.environment.clone(), member.env_var.clone())
    }

    fn too_large(&self) -> bool {
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
