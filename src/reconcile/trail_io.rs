#![expect(clippy::disallowed_types, reason = "lists, makes and deletes audit events")]
//! What the engine does with audit events. They are not watched: an account's past would
//! stand in memory for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kube::api::{Api, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::{Client, Error};
use serde::Deserialize;
use serde_json::json;

use super::apply::{Applier, namespace_is_going};
use super::deployments::in_pages;
use super::effect::Effect;
use super::notices::Notices;
use super::observe::resource;
use super::observed::Account;
use super::retention::{self, Kept};
use super::trail_memory::{TrailEnd, Trailed};
use crate::api::names::{FIELD_MANAGER, LABEL_PENDING};
use crate::api::{AuditRecord, KlivAuditEventSpec};
use crate::audit;
use crate::runtime::{client, clock, entropy};

/// How long to wait before a list that failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// The accounts that have notices of deletes, after some time: what was made and deleted while
/// no controller looked, no watch tells of.
pub(super) async fn accounts_with_notices(api: Client, wait: Duration) -> BTreeSet<String> {
    tokio::time::sleep(wait).await;
    let events = Api::<DynamicObject>::all_with(api, &resource("KlivAuditEvent"));
    let mut accounts = BTreeSet::new();
    let mut page = ListParams::default().labels(LABEL_PENDING).limit(500);
    let mut is_said = false;
    loop {
        let list = match events.list_metadata(&page).await {
            Ok(list) => list,
            Err(error) => {
                if !std::mem::replace(&mut is_said, true) {
                    let why = client::plain(&error);
                    tracing::warn!(why, "who deleted KlivSecrets can't be looked up; tried again");
                }
                // Also where a page came too late.
                page.continue_token = None;
                tokio::time::sleep(entropy::jittered(AGAIN)).await;
                continue;
            }
        };
        accounts.extend(list.items.into_iter().filter_map(|event| event.metadata.namespace));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return accounts,
        }
    }
}

impl Applier {
    fn events(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource("KlivAuditEvent"))
    }

    /// Where the trail ends, and begins.
    pub(super) async fn find_trail(&self, account: &Account) -> Vec<Effect> {
        let Some(object) = &account.object else { return vec![Effect::Stale] };
        // Of all no more is kept than the ends.
        let mut end = TrailEnd::default();
        if let Err(error) = self.each_event(&account.namespace, |event| end.take(event)).await {
            return vec![untold(&error)];
        }
        vec![Effect::Trail(Trailed::End(object.uid.clone(), end))]
    }

    /// Makes events, and says each in the log. Strictly one after the other: whatever happens
    /// in between, none is there without the one before it.
    pub(super) async fn tell(&self, namespace: &str, events: &[KlivAuditEventSpec]) -> Vec<Effect> {
        let mut effects = Vec::new();
        for event in events {
            match self.make(namespace, event).await {
                Ok(is_new) => {
                    log(namespace, event, is_new);
                    effects.push(Effect::Trail(Trailed::Told(Box::new(event.clone()))));
                }
                Err(error) => {
                    effects.push(untold(&error));
                    break;
                }
            }
        }
        effects
    }

    /// Makes an event; false: it is there already.
    async fn make(&self, namespace: &str, event: &KlivAuditEventSpec) -> Result<bool, Error> {
        let name = audit::name(event.sequence.unwrap_or_default());
        let object = DynamicObject::new(&name, &resource("KlivAuditEvent"));
        let object = object.data(json!({ "spec": event }));
        let params =
            PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        match self.events(namespace).create(&params, &object).await {
            Ok(_) => {
                self.metrics.wrote("KlivAuditEvent", "create");
                Ok(true)
            }
            Err(Error::Api(status)) if status.is_already_exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Which secrets are surely gone: the watch may be behind. And what the webhook noted of
    /// who deletes them, also of those that nobody ever saw.
    pub(super) async fn find_deletions(&self, account: &Account) -> Vec<Effect> {
        match self.deletions(account).await {
            Ok(found) => vec![Effect::Trail(found)],
            Err(error) => vec![untold(&error)],
        }
    }

    async fn deletions(&self, account: &Account) -> Result<Trailed, Error> {
        let namespace = &account.namespace;
        let there = self.secrets_there(namespace).await?;
        let mut notices = Notices::new(record(account), there, clock::now());
        let list = ListParams::default().labels(LABEL_PENDING);
        in_pages(&self.events(namespace), list, |object| {
            if let (Some(event), Some(name)) = (spec(&object), object.metadata.name) {
                notices.take(name, event);
            }
        })
        .await?;
        if notices.strangers().is_empty() {
            return Ok(notices.sorted(&BTreeSet::new(), &BTreeSet::new()));
        }
        // One may have come after the secrets were listed.
        let there = self.secrets_there(namespace).await?;
        let mut told = BTreeSet::new();
        self.each_event(namespace, |event| {
            if audit::has_notice(&event) {
                told.extend(event.secret_uid.filter(|uid| notices.strangers().contains(uid)));
            }
        })
        .await?;
        Ok(notices.sorted(&there, &told))
    }

    /// The uids of all KlivSecrets.
    async fn secrets_there(&self, namespace: &str) -> Result<BTreeSet<String>, Error> {
        let secrets = Api::<DynamicObject>::namespaced_with(
            self.client.clone(),
            namespace,
            &resource("KlivSecret"),
        );
        let there = secrets.list_metadata(&ListParams::default()).await?;
        Ok(there.items.into_iter().filter_map(|secret| secret.metadata.uid).collect())
    }

    pub(super) async fn drop_notices(&self, namespace: &str, names: &[String]) -> Vec<Effect> {
        for name in names {
            if let Err(error) = self.delete_event(namespace, name).await {
                return vec![untold(&error)];
            }
        }
        vec![Effect::Trail(Trailed::Dropped(names.to_vec()))]
    }

    pub(super) async fn find_old(&self, account: &Account, kept: Kept) -> Vec<Effect> {
        let Some(record) = record(account) else { return vec![Effect::Stale] };
        let mut events = BTreeMap::new();
        let listed = self.each_event(&account.namespace, |event| {
            let sequence = event.sequence.unwrap_or_default();
            events.insert(sequence, (event.time.0, event.hash.unwrap_or_default()));
        });
        if let Err(error) = listed.await {
            return vec![untold(&error)];
        }
        vec![Effect::Trail(Trailed::Old(retention::old(record, events, kept)))]
    }

    /// From the oldest on, one after the other: wherever it ends, there is no gap.
    pub(super) async fn prune(&self, namespace: &str, numbers: &[i64]) -> Vec<Effect> {
        for number in numbers {
            if let Err(error) = self.delete_event(namespace, &audit::name(*number)).await {
                return vec![untold(&error)];
            }
        }
        vec![Effect::Trail(Trailed::Pruned(numbers.to_vec()))]
    }

    async fn delete_event(&self, namespace: &str, name: &str) -> Result<(), Error> {
        match self.events(namespace).delete(name, &DeleteParams::default()).await {
            Err(Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                self.metrics.wrote("KlivAuditEvent", "delete");
                Ok(())
            }
        }
    }

    /// The events of the chain. What has another name than its number is none.
    async fn each_event(
        &self,
        namespace: &str,
        mut each: impl FnMut(KlivAuditEventSpec),
    ) -> Result<(), Error> {
        let list = ListParams::default().labels(&format!("!{LABEL_PENDING}"));
        in_pages(&self.events(namespace), list, |object| {
            let Some(event) = spec(&object) else { return };
            let number = event.sequence.filter(|number| *number > 0);
            if let Some(number) = number
                && object.metadata.name == Some(audit::name(number))
            {
                each(event);
            }
        })
        .await
    }
}

fn record(account: &Account) -> Option<&AuditRecord> {
    account.object.as_ref()?.status.audit.as_ref()
}

fn spec(object: &DynamicObject) -> Option<KlivAuditEventSpec> {
    KlivAuditEventSpec::deserialize(object.data.get("spec")?).ok()
}

/// Why it was not done. Nothing of the error itself is passed on.
fn untold(error: &Error) -> Effect {
    let why = match error {
        Error::Api(status) if namespace_is_going(status) => return Effect::Stale,
        Error::Api(status) if status.code == 404 => {
            "there are no KlivAuditEvents in this cluster: install the CRDs of this version's chart"
                .to_owned()
        }
        Error::Api(status) if status.message.contains("exceeded quota") => {
            "a ResourceQuota of the namespace allows no further KlivAuditEvent: raise it, or keep \
             fewer with --audit-keep-events"
                .to_owned()
        }
        Error::Api(status) => format!(
            "the API server refuses audit events (HTTP {}): see whether the chart's rights and \
             policies are installed",
            status.code
        ),
        _ => "the API server did not answer".to_owned(),
    };
    Effect::Trail(Trailed::Untold(format!(
        "what happens is not recorded for now: {why}. Functions get their values all the same, \
         and it is recorded as soon as it can be"
    )))
}

/// The same in the log, which outlives the namespace: with number and hash, so that a chain
/// can be compared with it. These fields and no others. A line may come twice, marked the
/// second time, where the process ended before it knew that the first was written; it never
/// stays away.
fn log(account: &str, event: &KlivAuditEventSpec, is_new: bool) {
    tracing::info!(
        target: "audit",
        account,
        sequence = event.sequence,
        time = %event.time.0,
        action = %event.action,
        secret = event.secret,
        version = event.version,
        actor = event.actor,
        via = event.via,
        on_behalf_of = event.on_behalf_of,
        detail = event.detail,
        hash = event.hash,
        again = (!is_new).then_some(true),
        "audit event"
    );
}
