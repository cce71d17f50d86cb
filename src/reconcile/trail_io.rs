#![expect(clippy::disallowed_types, reason = "lists, makes and deletes audit events")]
//! What the engine does with audit events. They are not watched: an account's past would
//! stand in memory for nothing.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Error;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, PostParams};
use serde::Deserialize;
use serde_json::json;

use super::apply::{Applier, namespace_is_going};
use super::deployments::in_pages;
use super::effect::Effect;
use super::observe::resource;
use super::observed::Account;
use super::trail::{TrailEnd, Trailed};
use crate::api::names::{FIELD_MANAGER, LABEL_PENDING};
use crate::api::{AuditRecord, ChainLink, KlivAuditEventSpec};
use crate::audit;
use crate::runtime::clock;

/// A notice of a delete that never came true is dropped after this long.
const NOTICE_LASTS: SignedDuration = SignedDuration::from_hours(1);
/// Events that are deleted in one go.
const AT_ONCE: usize = 100;

impl Applier {
    fn events(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource("KlivAuditEvent"))
    }

    /// Where the trail ends, and begins.
    pub(super) async fn find_trail(&self, account: &Account) -> Vec<Effect> {
        let Some(object) = &account.object else { return vec![Effect::Stale] };
        let (mut first, mut last): (Option<KlivAuditEventSpec>, _) = (None, ChainLink::default());
        let listed = self.each_event(&account.namespace, |sequence, event| {
            if sequence > last.sequence {
                last = ChainLink { sequence, hash: event.hash.clone().unwrap_or_default() };
            }
            if first.as_ref().is_none_or(|first| first.sequence > Some(sequence)) {
                first = Some(event);
            }
        });
        if let Err(error) = listed.await {
            return vec![untold(&error)];
        }
        let checkpoint = first.and_then(|first| {
            let sequence = first.sequence?.checked_sub(1).filter(|sequence| *sequence > 0)?;
            Some(ChainLink { sequence, hash: first.previous.unwrap_or_default() })
        });
        let end = TrailEnd { head: last, checkpoint };
        vec![Effect::Trail(Trailed::End(object.uid.clone(), end))]
    }

    /// Makes an event, and says it in the log. A line may come twice, where the process ended
    /// just after; it never stays away.
    pub(super) async fn tell(&self, namespace: &str, event: &KlivAuditEventSpec) -> Vec<Effect> {
        let name = audit::name(event.sequence.unwrap_or_default());
        let object = DynamicObject::new(&name, &resource("KlivAuditEvent"));
        let object = object.data(json!({ "spec": event }));
        let params =
            PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let is_new = match self.events(namespace).create(&params, &object).await {
            Ok(_) => {
                self.metrics.wrote("KlivAuditEvent", "create");
                true
            }
            Err(Error::Api(status)) if status.code == 409 => false,
            Err(error) => return vec![untold(&error)],
        };
        log(namespace, event);
        vec![Effect::Trail(Trailed::Told(Box::new(event.clone()), is_new))]
    }

    /// Which secrets of the record are surely gone: the watch may be behind. And what the
    /// webhook noted of who deletes them.
    pub(super) async fn find_deletions(&self, account: &Account) -> Vec<Effect> {
        let Some(record) = record(account) else { return vec![Effect::Stale] };
        let namespace = &account.namespace;
        let secrets = Api::<DynamicObject>::namespaced_with(
            self.client.clone(),
            namespace,
            &resource("KlivSecret"),
        );
        let there = match secrets.list_metadata(&ListParams::default()).await {
            Ok(there) => there.items,
            Err(error) => return vec![untold(&error)],
        };
        let there: BTreeSet<String> =
            there.into_iter().filter_map(|secret| secret.metadata.uid).collect();
        let notices = match self.notices(namespace).await {
            Ok(notices) => notices,
            Err(error) => return vec![untold(&error)],
        };
        let mut gone = BTreeMap::new();
        for known in record.secrets.iter().filter(|known| !there.contains(&known.uid)) {
            let of_it = notices.iter().map(|(_, event)| event);
            let of_it = of_it.filter(|event| event.secret_uid.as_deref() == Some(&known.uid));
            let newest = of_it.max_by_key(|event| event.time.0).cloned();
            gone.insert(known.uid.clone(), newest);
        }
        vec![Effect::Trail(Trailed::Gone(gone, names_and_uids(notices)))]
    }

    pub(super) async fn drop_notices(&self, namespace: &str, names: &[String]) -> Vec<Effect> {
        for name in names {
            if let Err(error) = self.delete_event(namespace, name).await {
                return vec![untold(&error)];
            }
        }
        vec![Effect::Trail(Trailed::Dropped(names.to_vec()))]
    }

    /// What is not kept any more: always from the oldest on, and never the newest.
    pub(super) async fn find_old(
        &self,
        account: &Account,
        before: Timestamp,
        keep: usize,
    ) -> Vec<Effect> {
        let Some(record) = record(account) else { return vec![Effect::Stale] };
        let checkpoint = record.checkpoint.clone().unwrap_or_default();
        let mut events = BTreeMap::new();
        let listed = self.each_event(&account.namespace, |sequence, event| {
            events.insert(sequence, (event.time.0, event.hash.unwrap_or_default()));
        });
        if let Err(error) = listed.await {
            return vec![untold(&error)];
        }
        let notices = match self.notices(&account.namespace).await {
            Ok(notices) => notices,
            Err(error) => return vec![untold(&error)],
        };
        let expired = clock::now().checked_sub(NOTICE_LASTS).unwrap_or(Timestamp::MIN);
        let is_awaited = |event: &KlivAuditEventSpec| {
            let of_it = |uid: &String| event.secret_uid.as_ref() == Some(uid);
            let is_there = account.secrets.values().any(|secret| of_it(&secret.uid));
            !is_there && record.secrets.iter().any(|known| of_it(&known.uid))
        };
        let expired: Vec<String> = notices
            .into_iter()
            .filter(|(_, event)| event.time.0 < expired && !is_awaited(event))
            .map(|(name, _)| name)
            .collect();
        let mut effects = self.drop_notices(&account.namespace, &expired).await;
        let mut until = checkpoint.clone();
        let mut numbers = Vec::new();
        let mut left = events.len();
        for (sequence, (time, hash)) in events {
            let is_passed = sequence <= checkpoint.sequence;
            let is_old = time < before || left > keep;
            if numbers.len() == AT_ONCE || left <= 1 || !(is_passed || is_old) {
                break;
            }
            if !is_passed {
                until = ChainLink { sequence, hash };
            }
            numbers.push(sequence);
            left -= 1;
        }
        effects.push(Effect::Trail(Trailed::Old(until, numbers)));
        effects
    }

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
        mut each: impl FnMut(i64, KlivAuditEventSpec),
    ) -> Result<(), Error> {
        let list = ListParams::default().labels(&format!("!{LABEL_PENDING}"));
        in_pages(&self.events(namespace), list, |object| {
            let Some(event) = spec(&object) else { return };
            let number = event.sequence.filter(|number| *number > 0);
            if let Some(number) = number
                && object.metadata.name == Some(audit::name(number))
            {
                each(number, event);
            }
        })
        .await
    }

    /// What the webhook noted of deletes, by name.
    async fn notices(&self, namespace: &str) -> Result<Vec<(String, KlivAuditEventSpec)>, Error> {
        let mut notices = Vec::new();
        let list = ListParams::default().labels(LABEL_PENDING);
        in_pages(&self.events(namespace), list, |object| {
            if let (Some(event), Some(name)) = (spec(&object), object.metadata.name) {
                notices.push((name, event));
            }
        })
        .await?;
        Ok(notices)
    }
}

fn record(account: &Account) -> Option<&AuditRecord> {
    account.object.as_ref()?.status.audit.as_ref()
}

fn spec(object: &DynamicObject) -> Option<KlivAuditEventSpec> {
    KlivAuditEventSpec::deserialize(object.data.get("spec")?).ok()
}

fn names_and_uids(notices: Vec<(String, KlivAuditEventSpec)>) -> Vec<(String, String)> {
    let pair = |(name, event): (String, KlivAuditEventSpec)| Some((name, event.secret_uid?));
    notices.into_iter().filter_map(pair).collect()
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
/// can be compared with it. These fields and no others.
fn log(account: &str, event: &KlivAuditEventSpec) {
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
        "audit event"
    );
}
