#![expect(clippy::disallowed_types, reason = "watches the cluster")]
//! The watches. Each keeps only what counts of an object and passes it on; an object that
//! can't be read stops nothing.

use std::collections::BTreeSet;
use std::pin::pin;

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::{DeserializeGuard, GroupVersionKind, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Client, Resource, ResourceExt};
use tokio::sync::mpsc::Sender;

use super::observed::{AccountObject, SecretObject};
use super::world::{Change, Kind};
use crate::api::KlivAuditEvent;
use crate::api::names::{ACCOUNT_NAME, GROUP, LABEL_PENDING, PENDING_CALL, VERSION};
use crate::inject::Function;

/// What a watch tells.
pub(super) enum Seen {
    /// One object.
    Change(Change),
    /// One object of a list, as it stands.
    Listing(Change),
    /// A list is complete; these (namespace, name) are all there are.
    Listed(Kind, BTreeSet<(String, String)>),
    /// A refused call waits in this account to be told of.
    Notice(String),
}

/// Watches KlivSecrets, KlivAccounts, functions and namespaces until the receiver is
/// gone; and notices of refused calls, which nothing else tells of.
pub(super) async fn all(client: Client, function_selector: String, tx: Sender<Seen>) {
    let config = || watcher::Config::default().page_size(500);
    let secrets = Api::<DynamicObject>::all_with(client.clone(), &resource("KlivSecret"));
    let accounts = Api::<DynamicObject>::all_with(client.clone(), &resource("KlivAccount"));
    let functions = Api::<DeserializeGuard<Deployment>>::all(client.clone());
    let notices = Api::<PartialObjectMeta<KlivAuditEvent>>::all(client.clone());
    let calls = format!("{LABEL_PENDING}={PENDING_CALL}");
    let namespaces = Api::<PartialObjectMeta<Namespace>>::all(client);
    tokio::join!(
        pass_on(Kind::Secrets, watch(secrets, config()).default_backoff(), secret, &tx),
        pass_on(Kind::Accounts, watch(accounts, config()).default_backoff(), account, &tx),
        pass_on(
            Kind::Functions,
            watch(functions, config().labels(&function_selector)).default_backoff(),
            function,
            &tx
        ),
        pass_on(Kind::Namespaces, watch(namespaces, config()).default_backoff(), namespace, &tx),
        notice(watch(notices, config().labels(&calls)).default_backoff(), &tx),
    );
}

/// A kind of ours for kube's dynamic API.
pub(super) fn resource(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, kind))
}

async fn pass_on<K, S>(
    kind: Kind,
    stream: S,
    read: fn(&K, /* gone */ bool) -> Option<Change>,
    tx: &Sender<Seen>,
) where
    K: ResourceExt,
    S: futures::Stream<Item = watcher::Result<Event<K>>>,
{
    let mut stream = pin!(stream);
    let mut listed = BTreeSet::new();
    while let Some(event) = stream.next().await {
        let seen = match event {
            Ok(Event::Init) => {
                listed.clear();
                continue;
            }
            Ok(Event::InitApply(object)) => {
                let change = read(&object, is_going(kind, &object));
                if let Some(change) = &change {
                    listed.insert((change.account().to_owned(), name_in_list(kind, &object)));
                }
                change.map(Seen::Listing)
            }
            Ok(Event::InitDone) => Some(Seen::Listed(kind, std::mem::take(&mut listed))),
            Ok(Event::Apply(object)) => read(&object, is_going(kind, &object)).map(Seen::Change),
            Ok(Event::Delete(object)) => read(&object, true).map(Seen::Change),
            Err(error) => {
                // The error may quote an object: only its kind is told.
                tracing::warn!(watch = ?kind, error = class(&error), "watch interrupted; tried again");
                None
            }
        };
        if let Some(seen) = seen
            && tx.send(seen).await.is_err()
        {
            return;
        }
    }
}

/// Of notices nothing is kept but where they are: what they say is read when their account is
/// gone through.
async fn notice<S>(stream: S, tx: &Sender<Seen>)
where
    S: futures::Stream<Item = watcher::Result<Event<PartialObjectMeta<KlivAuditEvent>>>>,
{
    let mut stream = pin!(stream);
    while let Some(event) = stream.next().await {
        let account = match event {
            Ok(Event::InitApply(notice) | Event::Apply(notice)) => notice.metadata.namespace,
            Ok(Event::Init | Event::InitDone | Event::Delete(_)) => None,
            Err(error) => {
                tracing::warn!(
                    watch = "notices",
                    error = class(&error),
                    "watch interrupted; tried again"
                );
                None
            }
        };
        if let Some(account) = account
            && tx.send(Seen::Notice(account)).await.is_err()
        {
            return;
        }
    }
}

/// An object that is being deleted counts as gone; a namespace stays, terminating.
fn is_going<K: ResourceExt>(kind: Kind, object: &K) -> bool {
    kind != Kind::Namespaces && object.meta().deletion_timestamp.is_some()
}

fn name_in_list<K: ResourceExt>(kind: Kind, object: &K) -> String {
    if kind == Kind::Namespaces { String::new() } else { object.name_any() }
}

fn secret(object: &DynamicObject, gone: bool) -> Option<Change> {
    let account = account_of(&object.metadata)?;
    Some(if gone {
        Change::SecretGone(account, object.name_any())
    } else {
        Change::Secret(account, Box::new(SecretObject::of(object)))
    })
}

fn account(object: &DynamicObject, gone: bool) -> Option<Change> {
    let account = account_of(&object.metadata)?;
    if object.metadata.name.as_deref() != Some(ACCOUNT_NAME) {
        return None;
    }
    Some(if gone {
        Change::AccountGone(account)
    } else {
        Change::Account(account, Box::new(AccountObject::of(object)))
    })
}

fn function(guard: &DeserializeGuard<Deployment>, gone: bool) -> Option<Change> {
    let account = account_of(guard.meta())?;
    match &guard.0 {
        _ if gone => Some(Change::FunctionGone(account, guard.name_any())),
        Ok(deployment) => Some(Change::Function(account, Box::new(Function::of(deployment)))),
        Err(_) => {
            tracing::warn!(%account, name = guard.name_any(), "a Deployment can't be read; left alone");
            None
        }
    }
}

fn namespace(object: &PartialObjectMeta<Namespace>, gone: bool) -> Option<Change> {
    let name = object.metadata.name.clone()?;
    Some(if gone {
        Change::NamespaceGone(name)
    } else {
        Change::Namespace(name, object.metadata.deletion_timestamp.is_some())
    })
}

fn account_of(metadata: &ObjectMeta) -> Option<String> {
    metadata.namespace.clone()
}

fn class(error: &watcher::Error) -> &'static str {
    match error {
        watcher::Error::InitialListFailed(_) => "the list failed",
        watcher::Error::WatchStartFailed(_) => "the watch could not start",
        watcher::Error::WatchError(_) => "the API server ended the watch",
        watcher::Error::WatchFailed(_) => "the connection broke",
        watcher::Error::NoResourceVersion => "an answer without resourceVersion",
    }
}
