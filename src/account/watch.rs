#![expect(clippy::disallowed_types, reason = "watches, as the caller")]
//! What changes in an account from now on.

use std::collections::BTreeMap;

use futures::{Stream, StreamExt as _, stream};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::{Caller, Error, What};
use crate::api::KlivSecret;
use crate::runtime::client::Away;

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<K> {
    /// It is there, as it is now.
    There(K),
    /// It is gone; as it was last.
    Gone(K),
}

impl Caller {
    /// Objects of the account, or of all accounts, each time one changes or goes; first what
    /// is otherwise than in the list that is `known`. What passes by itself is tried again; after an error there is no more.
    pub fn watch<K>(
        &self,
        what: What,
        all: bool,
        known: Vec<K>,
    ) -> impl Stream<Item = Result<Seen<K>, Error>> + Send + use<K>
    where
        K: Resource<Scope = kube::core::NamespaceResourceScope>,
        K: Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
        K::DynamicType: Default,
    {
        self.watched(what, self.apis(all), watcher::Config::default(), known)
    }

    /// One secret, each time it changes or goes; first what is otherwise than `known`. As
    /// [`watch`](Self::watch), without looking at the others.
    pub fn follow(
        &self,
        known: KlivSecret,
    ) -> impl Stream<Item = Result<Seen<KlivSecret>, Error>> + Send + use<> {
        let only =
            watcher::Config::default().fields(&format!("metadata.name={}", known.name_any()));
        self.watched(What::Secret, self.api(), only, vec![known])
    }

    fn watched<K>(
        &self,
        what: What,
        api: Api<K>,
        which: watcher::Config,
        known: Vec<K>,
    ) -> impl Stream<Item = Result<Seen<K>, Error>> + Send + use<K>
    where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
        K::DynamicType: Default,
    {
        let caller = self.clone();
        let events = watcher(api, which).default_backoff();
        let told = events.scan((Known::of(known), false), move |(known, ended), event| {
            let told = match event {
                _ if *ended => None,
                Ok(event) => Some(known.take(event).into_iter().map(Ok).collect()),
                Err(error) => match caller.watch_failed(what, &error) {
                    Error::Unreachable(_) => Some(Vec::new()),
                    error => {
                        *ended = true;
                        Some(vec![Err(error)])
                    }
                },
            };
            futures::future::ready(told)
        });
        told.flat_map(stream::iter)
    }

    fn watch_failed(&self, what: What, error: &watcher::Error) -> Error {
        let kind = self.kind(what, "");
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => kind.failed(error),
            watcher::Error::WatchError(status) => kind.failed(&kube::Error::Api(status.clone())),
            _ => Error::Unreachable(Away::Unwatched),
        }
    }
}

type Key = (Option<String>, String);

/// The objects that are there: after a pause only a new list tells which have gone.
struct Known<K> {
    there: BTreeMap<Key, K>,
    listed: BTreeMap<Key, K>,
}

fn key(object: &impl Resource) -> Key {
    (object.namespace(), object.name_any())
}

impl<K: Resource + Clone> Known<K> {
    fn of(known: Vec<K>) -> Self {
        let there = known.into_iter().map(|object| (key(&object), object)).collect();
        Self { there, listed: BTreeMap::new() }
    }

    fn take(&mut self, event: watcher::Event<K>) -> Vec<Seen<K>> {
        match event {
            watcher::Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            watcher::Event::InitApply(object) => {
                self.listed.insert(key(&object), object);
                Vec::new()
            }
            watcher::Event::InitDone => {
                let mut before = std::mem::take(&mut self.there);
                let mut told = Vec::new();
                for (key, object) in &self.listed {
                    let same = before.remove(key);
                    if same.and_then(|o| o.resource_version()) != object.resource_version() {
                        told.push(Seen::There(object.clone()));
                    }
                }
                told.extend(before.into_values().map(Seen::Gone));
                self.there = std::mem::take(&mut self.listed);
                told
            }
            watcher::Event::Apply(object) => {
                self.there.insert(key(&object), object.clone());
                vec![Seen::There(object)]
            }
            watcher::Event::Delete(object) => {
                self.there.remove(&key(&object));
                vec![Seen::Gone(object)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;

    use super::*;
    use crate::api::KlivSecretSpec;

    fn secret(name: &str, version: &str) -> KlivSecret {
        let mut secret = KlivSecret::new(name, KlivSecretSpec::default());
        secret.metadata.resource_version = Some(version.to_owned());
        secret
    }

    #[test]
    fn what_went_or_changed_since_the_list_or_during_a_pause_is_told_and_nothing_twice() {
        let mut known = Known::of(vec![secret("a", "1"), secret("b", "0"), secret("z", "1")]);
        let mut told = |event: Event<KlivSecret>| -> Vec<String> {
            let word = |seen: Seen<KlivSecret>| match seen {
                Seen::There(secret) => format!("there {}", secret.name_any()),
                Seen::Gone(secret) => format!("gone {}", secret.name_any()),
            };
            known.take(event).into_iter().map(word).collect()
        };
        let list = [secret("a", "1"), secret("b", "1"), secret("c", "1")];
        assert!(told(Event::Init).is_empty());
        for secret in list {
            assert!(told(Event::InitApply(secret)).is_empty());
        }
        assert_eq!(told(Event::InitDone), ["there b", "there c", "gone z"]);
        assert_eq!(told(Event::Apply(secret("d", "2"))), ["there d"]);
        assert_eq!(told(Event::Delete(secret("d", "3"))), ["gone d"]);

        told(Event::Init);
        for secret in [secret("a", "1"), secret("b", "4")] {
            told(Event::InitApply(secret));
        }
        assert_eq!(told(Event::InitDone), ["there b", "gone c"]);
    }
}
