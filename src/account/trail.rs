//! The audit trail: who did what, whether the record is whole, and a copy of it to keep
//! elsewhere.

use std::collections::BTreeSet;
use std::future::ready;

use futures::{Stream, StreamExt as _};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::ListParams;
use serde::Serialize;
use serde_json::Value;

use super::{Caller, Error, NotLive, Seen, Target, What};
use crate::api::{AuditRecord, ChainLink, KlivAuditEvent, KlivAuditEventSpec};
use crate::audit::{self, Finding};

/// Which events are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Only those about these KlivSecrets.
    pub secret: Option<Subject>,
    /// Only those by this user, or for this one.
    pub actor: Option<String>,
    /// Only those from then on.
    pub since: Option<Timestamp>,
}

/// Which KlivSecrets an event may be about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// This one.
    Object(String),
    /// This one, and those of the same variable for environments.
    Variable(String),
}

impl Subject {
    /// A variable without an environment means all of it.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        match target.is_variable && target.environment.is_none() {
            true => Self::Variable(target.object()),
            false => Self::Object(target.object()),
        }
    }

    fn is(&self, object: &str) -> bool {
        match self {
            Self::Object(name) => object == name,
            Self::Variable(name) => object
                .strip_prefix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        }
    }
}

impl Filter {
    /// Whether an event is wanted.
    #[must_use]
    pub fn wants(&self, event: &KlivAuditEventSpec) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == found
        };
        let about = |subject: &Subject| event.secret.as_deref().is_some_and(|s| subject.is(s));
        self.secret.as_ref().is_none_or(about)
            && (is(&self.actor, Some(&event.actor))
                || event.on_behalf_of.is_some() && is(&self.actor, event.on_behalf_of.as_deref()))
            && self.since.is_none_or(|since| event.time.0 >= since)
    }
}

/// An account's trail at one moment.
#[derive(Clone, Debug)]
pub struct Trail {
    /// The account.
    pub account: String,
    /// Its events, oldest first; those that are about to be made are in the record.
    pub events: Vec<KlivAuditEventSpec>,
    /// The head, and what is about to be made.
    pub record: Option<AuditRecord>,
}

/// One line of an export.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    account: &'a str,
    #[serde(flatten)]
    event: &'a KlivAuditEventSpec,
}

/// The last line of an export.
#[derive(Serialize)]
struct Head<'a> {
    account: &'a str,
    head: &'a ChainLink,
}

impl Trail {
    /// What is wrong with it, compared with what was noted elsewhere.
    #[must_use]
    pub fn verify(&self, anchor: &[ChainLink]) -> Vec<Finding> {
        audit::verify(&self.account, &self.events, self.record.as_ref(), anchor)
    }

    /// The newest event.
    #[must_use]
    pub fn head(&self) -> ChainLink {
        if let Some(record) = &self.record {
            return record.head.clone();
        }
        let newest = self.events.last();
        let link = newest.and_then(|e| Some((e.sequence?, e.hash.clone()?)));
        link.map(|(sequence, hash)| ChainLink { sequence, hash }).unwrap_or_default()
    }

    /// All of its events, those that are about to be made among them, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<&KlivAuditEventSpec> {
        let pending = self.record.iter().flat_map(|record| &record.pending);
        // Several are made at a time: a later one may be there before an earlier one.
        let is_there = |n: Option<i64>| self.events.iter().any(|event| event.sequence == n);
        let pending = pending.filter(|event| !is_there(event.sequence));
        let mut events: Vec<_> = self.events.iter().chain(pending).collect();
        events.sort_by_key(|event| event.sequence);
        events
    }

    /// One JSON object a line, oldest first; the last line is the head.
    #[must_use]
    pub fn export(&self) -> String {
        let account = self.account.as_str();
        let events = self.all().into_iter();
        let lines = events.map(|event| serde_json::to_string(&Line { account, event }));
        let head = serde_json::to_string(&Head { account, head: &self.head() });
        // Made of texts and numbers: it can be written.
        lines.chain([head]).flatten().map(|line| line + "\n").collect()
    }
}

/// A file for `--anchor` that can't be one. Quotes nothing of it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadAnchor {
    /// A line is not JSON.
    #[error("line {0} is not JSON: give what audit export wrote, or lines of the controller's log")]
    NotJson(usize),
    /// Nothing in it speaks of this account.
    #[error(
        "it names no event of this account: give what audit export wrote, or lines of the \
         controller's log (--log-format=json)"
    )]
    Nothing,
}

/// The links that an export or lines of the controller's log name, of this account. Lines
/// that speak of something else count for nothing.
///
/// # Errors
/// It is neither, or names nothing of this account.
pub fn anchor(account: &str, text: &str) -> Result<Vec<ChainLink>, BadAnchor> {
    let mut links = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line).map_err(|_| BadAnchor::NotJson(at + 1))?;
        let of = value.get("account").or_else(|| value.get("namespace"));
        if of.and_then(Value::as_str) == Some(account) {
            links.extend(link(&value));
        }
    }
    if links.is_empty() { Err(BadAnchor::Nothing) } else { Ok(links) }
}

fn link(value: &Value) -> Option<ChainLink> {
    let head = value.get("head");
    let value = head.filter(|head| head.is_object()).unwrap_or(value);
    let sequence = value.get("sequence")?.as_i64()?;
    let hash = value.get("hash").or(head)?.as_str()?;
    Some(ChainLink { sequence, hash: hash.to_owned() })
}

/// Which events are new. Not by their numbers: several are made at a time and come in any
/// order, and an account that is made anew counts from 1 again.
struct News {
    /// Those that are there and were told, by uid.
    told: BTreeSet<String>,
}

impl News {
    fn of(&mut self, seen: Seen<KlivAuditEvent>) -> Option<KlivAuditEvent> {
        match seen {
            Seen::There(event) => {
                let is_new = event.spec.sequence.is_some() && self.told.insert(event.uid()?);
                is_new.then_some(event)
            }
            // That one grew too old is not what happened.
            Seen::Gone(event) => {
                self.told.remove(&event.uid()?);
                None
            }
        }
    }
}

impl Caller {
    /// The events of the account, or of all accounts, oldest first; those that wait for the
    /// controller are not among them.
    ///
    /// # Errors
    /// The caller may not list them, or the cluster does not answer.
    pub async fn audit_events(&self, all: bool) -> Result<Vec<KlivAuditEvent>, Error> {
        let listed = self.apis::<KlivAuditEvent>(all).list(&ListParams::default()).await;
        let listed = listed.map_err(|error| self.kind(What::AuditEvents, "").failed(&error))?;
        let mut events = listed.items;
        events.retain(|event| event.spec.sequence.is_some());
        events.sort_by(|a, b| {
            let place = |e: &KlivAuditEvent| (e.spec.time.0, e.metadata.namespace.clone());
            let within = |e: &KlivAuditEvent| e.spec.sequence;
            match all {
                true => place(a).cmp(&place(b)).then(within(a).cmp(&within(b))),
                false => within(a).cmp(&within(b)),
            }
        });
        Ok(events)
    }

    /// The account's events as they come, each once and none of those that are known. What
    /// passes by itself is tried again; after an error there is no more.
    pub fn audit_watch(
        &self,
        known: Vec<KlivAuditEvent>,
    ) -> impl Stream<Item = Result<KlivAuditEvent, Error>> + Send + use<> {
        let mut news = News { told: known.iter().filter_map(ResourceExt::uid).collect() };
        let watch = self.watch(What::AuditEvents, false, known);
        watch.filter_map(move |seen| ready(seen.map(|seen| news.of(seen)).transpose()))
    }

    /// The whole trail of the account.
    ///
    /// # Errors
    /// As [`audit_events`](Self::audit_events), and of the KlivAccount.
    pub async fn trail(&self) -> Result<Trail, Error> {
        // The record before and after: where it stands still, so do the events.
        const TRIES: usize = 5;
        let mut before = self.audit_record().await?;
        for _ in 0..TRIES {
            let events = self.audit_events(false).await?;
            let after = self.audit_record().await?;
            if before == after {
                let events = events.into_iter().map(|event| event.spec).collect();
                return Ok(Trail { account: self.namespace.to_string(), events, record: after });
            }
            before = after;
        }
        Err(NotLive::TrailGrows(self.namespace.to_string()).into())
    }

    pub(super) async fn audit_record(&self) -> Result<Option<AuditRecord>, Error> {
        Ok(self.account().await?.and_then(|account| account.status?.audit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::AuditAction;

    fn event(secret: &str, actor: &str, seconds: i64) -> KlivAuditEventSpec {
        KlivAuditEventSpec {
            secret: Some(secret.into()),
            actor: actor.into(),
            via: "cli".into(),
            ..KlivAuditEventSpec::new(
                AuditAction::Updated,
                Timestamp::from_second(seconds).unwrap(),
            )
        }
    }

    fn trail() -> Trail {
        let mut head = ChainLink::default();
        let events = (1..=3).map(|n| audit::append("acme", &mut head, event("a", "anna", n)));
        let events: Vec<KlivAuditEventSpec> = events.collect();
        let pending = audit::append("acme", &mut head, event("a", "anna", 4));
        let record = AuditRecord { head, pending: vec![pending], ..AuditRecord::default() };
        Trail { account: "acme".into(), events, record: Some(record) }
    }

    #[test]
    fn filters_take_what_fits_all_of_them() {
        let mut for_eva = event("a", "bot", 5);
        for_eva.on_behalf_of = Some("eva".into());
        let events = [event("a", "anna", 1), event("b", "anna", 9), for_eva];
        let wanted = |filter: Filter| events.iter().map(|e| filter.wants(e)).collect::<Vec<_>>();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(wanted(Filter::default()), [true, true, true]);
        let secret = Filter { secret: Some(Subject::Object("a".into())), ..Filter::default() };
        assert_eq!(wanted(secret), [true, false, true]);
        let actor = Filter { actor: text("eva"), ..Filter::default() };
        assert_eq!(wanted(actor), [false, false, true]);
        let since = Some(Timestamp::from_second(5).unwrap());
        assert_eq!(wanted(Filter { since, ..Filter::default() }), [false, true, true]);
    }

    #[test]
    fn an_export_is_the_anchor_of_a_later_look() {
        let trail = trail();
        let export = trail.export();
        assert_eq!(export.lines().count(), 5, "{export}");
        let links = anchor("acme", &export).unwrap();
        assert_eq!(links.len(), 5);
        assert_eq!(links.last(), Some(&trail.head()));
        assert_eq!(trail.verify(&links), []);

        // Somebody writes the whole past anew.
        let mut head = ChainLink::default();
        let events = (1..=4).map(|n| audit::append("acme", &mut head, event("a", "eva", n)));
        let events = events.collect();
        let record = Some(AuditRecord { head, ..AuditRecord::default() });
        let forged = Trail { account: "acme".into(), events, record };
        assert_eq!(forged.verify(&[]), []);
        assert!(!forged.verify(&links).is_empty());
    }

    #[test]
    fn an_export_leaves_nothing_out_that_is_made_after_a_later_event() {
        let mut trail = trail();
        let record = trail.record.as_mut().unwrap();
        record.pending.insert(0, trail.events.remove(1));

        let links = anchor("acme", &trail.export()).unwrap();

        let numbers: Vec<i64> = links.iter().map(|link| link.sequence).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 4]);
    }

    #[test]
    fn each_event_is_news_once_in_whatever_order_it_comes_and_however_often_it_is_seen() {
        use Seen::{Gone, There};
        let made = |uid: &str, sequence: Option<i64>| {
            let spec = KlivAuditEventSpec { sequence, ..event("a", "anna", 1) };
            let mut event = KlivAuditEvent::new("any", spec);
            event.metadata.uid = Some(uid.into());
            event
        };
        let [one, two, three] = [("u1", 1), ("u2", 2), ("u3", 3)].map(|(u, n)| made(u, Some(n)));
        let anew = made("u4", Some(1));
        let waits = made("u5", None);
        let mut news = News { told: BTreeSet::from(["u1".to_owned()]) };
        for (at, (seen, is_told)) in [
            (There(one.clone()), false),
            (There(three.clone()), true),
            (There(two), true),
            (There(waits), false),
            (There(three), false),
            (Gone(one), false),
            (There(anew), true),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(news.of(seen).is_some(), is_told, "{at}");
        }
        assert_eq!(news.told.len(), 3, "of those that are gone nothing is kept");
    }

    #[test]
    fn a_line_of_the_log_is_an_anchor_and_others_count_for_nothing() {
        let log = "{\"message\":\"starting\"}\n\
                   {\"message\":\"audit\",\"namespace\":\"acme\",\"sequence\":7,\"hash\":\"ab\"}\n\
                   {\"message\":\"audit\",\"namespace\":\"acme\",\"sequence\":8,\"head\":\"cd\"}\n\
                   {\"message\":\"audit\",\"namespace\":\"other\",\"sequence\":9,\"hash\":\"ef\"}\n";
        let link = |sequence, hash: &str| ChainLink { sequence, hash: hash.into() };
        assert_eq!(anchor("acme", log).unwrap(), [link(7, "ab"), link(8, "cd")]);
        assert_eq!(anchor("third", log), Err(BadAnchor::Nothing));
        assert_eq!(anchor("acme", "{}\nno\n"), Err(BadAnchor::NotJson(2)));
    }

    #[test]
    fn a_variable_s_events_are_those_of_all_its_environments() {
        let about = |name: &str, environment| {
            let subject = Subject::of(&Target::parse(name, environment).unwrap());
            let objects = ["a-key", "a-key.live", "a-key.test", "a-key-2", "a"];
            objects.into_iter().filter(|object| subject.is(object)).collect::<Vec<_>>()
        };
        assert_eq!(about("A_KEY", None), ["a-key", "a-key.live", "a-key.test"]);
        assert_eq!(about("A_KEY", Some("live")), ["a-key.live"]);
        assert_eq!(about("a-key", None), ["a-key"]);
        assert_eq!(about("a-key.test", None), ["a-key.test"]);
    }
}
