//! All accounts that are known, kept up to date from the watches and from the answers to
//! our own writes.

use std::collections::{BTreeMap, BTreeSet};

use super::observed::{Account, AccountObject, SecretObject};
use crate::inject::Function;

/// One change to the picture.
#[derive(Clone)]
pub enum Change {
    /// A KlivSecret is there.
    Secret(String, Box<SecretObject>),
    /// A KlivSecret is gone.
    SecretGone(String, String),
    /// A KlivAccount is there.
    Account(String, Box<AccountObject>),
    /// A KlivAccount is gone.
    AccountGone(String),
    /// A function is there.
    Function(String, Box<Function>),
    /// A function is gone, or is none any more.
    FunctionGone(String, String),
    /// A namespace is there, or is being deleted.
    Namespace(String, /* terminating */ bool),
    /// A namespace is gone.
    NamespaceGone(String),
}

/// Which of the watches a list belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// KlivSecrets.
    Secrets,
    /// KlivAccounts.
    Accounts,
    /// Functions.
    Functions,
    /// Namespaces.
    Namespaces,
}

/// All accounts by namespace.
#[derive(Default)]
pub struct World {
    accounts: BTreeMap<String, Account>,
}

impl Change {
    /// The account that it is about.
    #[must_use]
    pub fn account(&self) -> &str {
        match self {
            Self::Secret(account, _)
            | Self::SecretGone(account, _)
            | Self::Account(account, _)
            | Self::AccountGone(account)
            | Self::Function(account, _)
            | Self::FunctionGone(account, _)
            | Self::Namespace(account, _)
            | Self::NamespaceGone(account) => account,
        }
    }

    /// The uid of the object, where it is there.
    #[must_use]
    pub fn uid(&self) -> Option<&str> {
        match self {
            Self::Secret(_, secret) => Some(&secret.uid),
            Self::Account(_, object) => Some(&object.uid),
            Self::Function(_, function) => Some(&function.uid),
            _ => None,
        }
    }
}

impl World {
    /// A copy of what is known of an account.
    #[must_use]
    pub fn account(&self, namespace: &str) -> Account {
        self.accounts
            .get(namespace)
            .cloned()
            .unwrap_or_else(|| Account { namespace: namespace.to_owned(), ..Account::default() })
    }

    /// Takes in a change; an older state of an object never replaces a newer one. False
    /// when that changed nothing.
    pub fn apply(&mut self, change: Change) -> bool {
        self.take(change, is_newer)
    }

    /// Takes in an object of a list, as it stands: after etcd was restored from a backup
    /// the versions of what is there are lower than those that were known. Where the list
    /// is older than the answer to a write of ours, the watch that follows it mends that.
    pub fn list(&mut self, change: Change) -> bool {
        self.take(change, |known, listed| known != listed)
    }

    fn take(&mut self, change: Change, replaces: Replaces) -> bool {
        let namespace = change.account().to_owned();
        let account = self
            .accounts
            .entry(namespace.clone())
            .or_insert_with(|| Account { namespace: namespace.clone(), ..Account::default() });
        let changed = account.take(change, replaces);
        if account.is_empty() {
            self.accounts.remove(&namespace);
        }
        changed
    }

    /// Takes in the answer to a write of ours. An object that is not known any more was
    /// deleted meanwhile: it does not come back this way.
    pub fn refresh(&mut self, change: Change) {
        let Some(account) = self.accounts.get_mut(change.account()) else { return };
        let known = match &change {
            Change::Secret(_, new) => account.secrets.get(&new.name).map(|s| s.uid == new.uid),
            Change::Function(_, new) => account.functions.get(&new.name).map(|f| f.uid == new.uid),
            Change::Account(_, new) => account.object.as_ref().map(|o| o.uid == new.uid),
            _ => None,
        };
        if known == Some(true) {
            account.apply(change);
        }
    }

    /// Whether anything is known of an account.
    #[must_use]
    pub fn contains(&self, namespace: &str) -> bool {
        self.accounts.contains_key(namespace)
    }

    /// After a watch was listed anew: removes what the list did not hold, and names the
    /// accounts that lost something.
    pub fn retain(&mut self, kind: Kind, listed: &BTreeSet<(String, String)>) -> BTreeSet<String> {
        let mut lost = BTreeSet::new();
        for (namespace, account) in &mut self.accounts {
            let is_listed = |name: &str| listed.contains(&(namespace.clone(), name.to_owned()));
            let before = account.count(kind);
            match kind {
                Kind::Secrets => account.secrets.retain(|name, _| is_listed(name)),
                Kind::Functions => account.functions.retain(|name, _| is_listed(name)),
                Kind::Accounts if !is_listed(crate::api::names::ACCOUNT_NAME) => {
                    account.object = None;
                }
                Kind::Namespaces if !is_listed("") => account.terminating = false,
                Kind::Accounts | Kind::Namespaces => {}
            }
            if account.count(kind) < before {
                lost.insert(namespace.clone());
            }
        }
        self.accounts.retain(|_, account| !account.is_empty());
        lost
    }

    /// How many accounts are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// All accounts.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// All accounts' names.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.accounts.keys()
    }
}

impl Account {
    /// Takes in a change of this account; false when it changed nothing.
    pub fn apply(&mut self, change: Change) -> bool {
        self.take(change, is_newer)
    }

    fn take(&mut self, change: Change, replaces: Replaces) -> bool {
        let stays = |known: Option<(&String, &String)>, uid: &str, version: &str| {
            known.is_some_and(|(known_uid, known)| known_uid == uid && !replaces(known, version))
        };
        match change {
            Change::Secret(_, secret) => {
                let known = self.secrets.get(&secret.name).map(|s| (&s.uid, &s.resource_version));
                if stays(known, &secret.uid, &secret.resource_version) {
                    return false;
                }
                self.secrets.insert(secret.name.clone(), *secret);
            }
            Change::Function(_, function) => {
                let known =
                    self.functions.get(&function.name).map(|f| (&f.uid, &f.resource_version));
                if stays(known, &function.uid, &function.resource_version) {
                    return false;
                }
                self.functions.insert(function.name.clone(), *function);
            }
            Change::Account(_, object) => {
                let known = self.object.as_ref().map(|o| (&o.uid, &o.resource_version));
                if stays(known, &object.uid, &object.resource_version) {
                    return false;
                }
                self.object = Some(*object);
            }
            Change::SecretGone(_, name) => return self.secrets.remove(&name).is_some(),
            Change::FunctionGone(_, name) => return self.functions.remove(&name).is_some(),
            Change::AccountGone(_) => return self.object.take().is_some(),
            Change::Namespace(_, terminating) => {
                return std::mem::replace(&mut self.terminating, terminating) != terminating;
            }
            Change::NamespaceGone(_) => self.terminating = false,
        }
        true
    }

    fn is_empty(&self) -> bool {
        self.secrets.is_empty()
            && self.functions.is_empty()
            && self.object.is_none()
            && !self.terminating
    }

    fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Secrets => self.secrets.len(),
            Kind::Functions => self.functions.len(),
            Kind::Accounts => usize::from(self.object.is_some()),
            Kind::Namespaces => 0,
        }
    }
}

/// Whether a state of an object replaces the one that is known, by their versions.
type Replaces = fn(known: &str, new: &str) -> bool;

/// Resource versions grow, and may be compared as numbers.
fn is_newer(known: &str, new: &str) -> bool {
    let number = |text: &str| text.parse::<u128>().ok();
    number(new) > number(known) || number(new).is_none()
}
