//! An account's part of a cluster, in memory: it does what an engine's actions ask for,
//! under their preconditions, as the API server would, and it watches over the laws while
//! it does so.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kliv_secrets::api::condition::Reason;
use kliv_secrets::api::names::{
    ANNOTATION_STAMPS, FUNCTION_LABEL, LABEL_ENVIRONMENT, SECRET_TYPE, SET_PREFIX,
};
use kliv_secrets::api::{AuditAction, KlivAuditEventSpec, PublishedSet, Stamp, Stamps, What};
use kliv_secrets::audit;
use kliv_secrets::inject::{Function, admit, withdraw};
use kliv_secrets::reconcile::{
    Account, AccountObject, Action, Change, Effect, Notices, Refusal, SecretObject, TrailEnd,
    Trailed, old, write_of_function,
};
use kliv_secrets::seal::{Binding, Keyring, Plaintext, Sealed, seal};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::seal_support::{Tape, bytes, time};

pub(crate) const ACCOUNT: &str = "shop";

/// The part of the cluster that belongs to one account.
pub(crate) struct Cluster {
    pub(crate) now: Timestamp,
    pub(crate) secrets: BTreeMap<String, Value>,
    pub(crate) account: Option<Value>,
    pub(crate) published: BTreeMap<String, Published>,
    pub(crate) deployments: BTreeMap<String, Deployed>,
    pub(crate) quota_is_full: bool,
    /// Another mutator alters the engine's writes of Deployments, so that they are refused.
    pub(crate) altered: bool,
    /// What the injection policy's parameter says; none: no policy.
    pub(crate) policy: Option<Vec<PublishedSet>>,
    /// Audit events by name.
    pub(crate) events: BTreeMap<String, KlivAuditEventSpec>,
    /// Audit events can't be made.
    pub(crate) no_events: bool,
    /// All that ever were made: the log, which outlives them.
    pub(crate) made: BTreeMap<String, KlivAuditEventSpec>,
    /// When each that is there was made.
    pub(crate) made_at: BTreeMap<String, Timestamp>,
    /// Who deletes secrets, by name, as the webhook noted it.
    pub(crate) notices: BTreeMap<String, KlivAuditEventSpec>,
    /// What is noted in a moment only.
    late: BTreeMap<String, KlivAuditEventSpec>,
    /// Secrets, by uid, of which it was noted who deleted them.
    pub(crate) witnessed: BTreeSet<String>,
    /// How many secrets were deleted.
    pub(crate) deletes: usize,
    /// Stamps of each secret, by uid.
    pub(crate) stamped: BTreeMap<String, Vec<Stamp>>,
    /// Successful writes of the engine.
    pub(crate) writes: Vec<String>,
    /// Sets that somebody took away: functions may wait for them.
    pub(crate) excused: BTreeSet<String>,
    counter: u64,
}

/// Whether, and when, the webhook notes who deletes a KlivSecret.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Noted {
    Never,
    AtOnce,
    /// A moment after the delete.
    Late,
}

/// A native Secret of ours.
pub(crate) struct Published {
    pub(crate) uid: String,
    pub(crate) data: BTreeMap<String, Vec<u8>>,
}

/// A Deployment, and what pods of its former templates refer to.
pub(crate) struct Deployed {
    pub(crate) object: Value,
    pub(crate) function: Function,
    mentioned: BTreeSet<String>,
    former: BTreeSet<String>,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        Self {
            now: time("2026-11-24T10:00:00.25Z"),
            secrets: BTreeMap::new(),
            account: None,
            published: BTreeMap::new(),
            deployments: BTreeMap::new(),
            quota_is_full: false,
            altered: false,
            policy: None,
            events: BTreeMap::new(),
            no_events: false,
            made: BTreeMap::new(),
            made_at: BTreeMap::new(),
            notices: BTreeMap::new(),
            late: BTreeMap::new(),
            witnessed: BTreeSet::new(),
            deletes: 0,
            stamped: BTreeMap::new(),
            writes: Vec::new(),
            excused: BTreeSet::new(),
            counter: 0,
        }
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn touched(&mut self, mut object: Value) -> Value {
        object["metadata"]["resourceVersion"] = self.next().to_string().into();
        object
    }

    fn new_metadata(&mut self, name: &str) -> Value {
        let n = self.next();
        let created = format!("{:.0}", self.now);
        json!({ "name": name, "namespace": ACCOUNT, "uid": format!("uid-{n}"), "generation": 1,
            "creationTimestamp": created, "resourceVersion": n.to_string() })
    }

    // ---- what people do

    /// Seals a value for a place.
    pub(crate) fn seal(
        &mut self,
        keyring: &Keyring,
        var: &str,
        env: Option<&str>,
        value: &[u8],
    ) -> String {
        let binding = Binding { account: ACCOUNT, variable: var, environment: env };
        let mut ikm = [7; 32];
        ikm[..8].copy_from_slice(&self.next().to_be_bytes());
        let value = Plaintext::new(value.to_vec());
        seal(keyring.sealing_key(), &binding, &value, self.now, &mut Tape(&ikm))
            .expect("not too large")
            .to_string()
    }

    /// Writes a KlivSecret's spec, as the webhook lets it through: with a stamp.
    pub(crate) fn write_spec(&mut self, name: &str, spec: &Value, user: &str) {
        let mut object = self.secrets.remove(name).unwrap_or_else(
            || json!({ "metadata": self.new_metadata(name), "spec": null, "status": {} }),
        );
        if object["spec"] != *spec {
            let is_new = object["spec"].is_null();
            let value = object["spec"]["sealed"] != spec["sealed"];
            let recorded = object["status"]["recordedStamp"].as_i64().unwrap_or(0);
            let annotation = object["metadata"]["annotations"][ANNOTATION_STAMPS].as_str();
            let mut stamps = Stamps::parse(annotation.unwrap_or_default());
            let seq = stamps.newest().unwrap_or(0).max(recorded) + 1;
            stamps.0.retain(|stamp| stamp.seq > recorded);
            let what = if value { What::Value } else { What::Spec };
            let via = "kubectl".to_owned();
            let stamp = Stamp::new(seq, self.now, what, &via, user);
            stamps.0.push(stamp.clone());
            let surplus = stamps.0.len().saturating_sub(Stamps::MAX);
            stamps.0.drain(..surplus);
            let uid = object["metadata"]["uid"].as_str().expect("text").to_owned();
            self.stamped.entry(uid).or_default().push(stamp);
            let generation = object["metadata"]["generation"].as_i64().expect("a number");
            object["metadata"]["generation"] = (generation + i64::from(!is_new)).into();
            object["metadata"]["annotations"] = json!({ ANNOTATION_STAMPS: stamps.to_string() });
            object["spec"] = spec.clone();
            object = self.touched(object);
        }
        self.secrets.insert(name.to_owned(), object);
    }

    /// Deletes a KlivSecret; the webhook may note who did it.
    pub(crate) fn delete_secret(&mut self, name: &str, noted: Noted) {
        let Some(object) = self.secrets.remove(name) else { return };
        self.note(&object, "anna", noted);
        self.deletes += 1;
        if noted != Noted::Never {
            let uid = object["metadata"]["uid"].as_str().expect("text");
            self.witnessed.insert(uid.to_owned());
        }
    }

    /// Somebody tries to delete a KlivSecret, and another webhook refuses it.
    pub(crate) fn refuse_delete(&mut self, name: &str) {
        let Some(object) = self.secrets.get(name).cloned() else { return };
        self.note(&object, "bert", Noted::AtOnce);
    }

    fn note(&mut self, object: &Value, actor: &str, noted: Noted) {
        let notice = json!({ "action": "Deleted", "time": self.now,
            "secret": object["metadata"]["name"], "secretUid": object["metadata"]["uid"],
            "actor": actor, "via": "kubectl" });
        let notice = serde_json::from_value(notice).expect("a notice");
        let name = format!("pending-{}", self.next());
        match noted {
            Noted::Never => None,
            Noted::AtOnce => self.notices.insert(name, notice),
            Noted::Late => self.late.insert(name, notice),
        };
    }

    /// Writes a Deployment; the injection policy may have its say.
    pub(crate) fn write_deployment(&mut self, name: &str, edit: impl FnOnce(&mut Value)) {
        let before = self.deployments.remove(name);
        let (mut object, former) = match &before {
            Some(deployed) => (deployed.object.clone(), deployed.former.clone()),
            None => {
                let object = json!({ "metadata": self.new_metadata(name), "spec": {
                    "selector": {}, "template": { "spec": { "containers": [{ "name": "main" }] } } } });
                (object, BTreeSet::new())
            }
        };
        edit(&mut object);
        if let Some(sets) = &self.policy {
            let function = read(&object);
            let earlier = before.as_ref().map(|deployed| &deployed.function);
            let injection = if is_function(&object) {
                Some(admit(earlier, &function, sets))
            } else if before.as_ref().is_some_and(|deployed| is_function(&deployed.object)) {
                Some(withdraw(&function))
            } else {
                None
            };
            if let Some(patch) = injection.and_then(|injection| injection.patch) {
                json_patch::patch(&mut object, &patch).expect("fits");
            }
        }
        self.put_deployment(name, before, object, former);
    }

    fn put_deployment(
        &mut self,
        name: &str,
        before: Option<Deployed>,
        mut object: Value,
        mut former: BTreeSet<String>,
    ) {
        if let Some(before) = before {
            if before.object == object {
                self.deployments.insert(name.to_owned(), before);
                return;
            }
            if before.object["spec"] != object["spec"] {
                let generation = object["metadata"]["generation"].as_i64().expect("a number");
                object["metadata"]["generation"] = (generation + 1).into();
                former.extend(before.mentioned);
            }
        }
        let object = self.touched(object);
        self.insert(name, object, former);
    }

    fn insert(&mut self, name: &str, object: Value, former: BTreeSet<String>) {
        let function = read(&object);
        let mentioned = function.sets_held().into_iter().map(str::to_owned).collect();
        let deployed = Deployed { object, function, mentioned, former };
        self.deployments.insert(name.to_owned(), deployed);
    }

    // ---- what goes by itself

    /// Time passes: rollouts go on by one step, the policy's parameter catches up.
    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.notices.append(&mut self.late);
        let sets = self.sets();
        if let Some(known) = &mut self.policy {
            *known = sets;
        }
        for name in self.deployments.keys().cloned().collect::<Vec<_>>() {
            let deployed = &self.deployments[&name];
            let (mut object, mut former) = (deployed.object.clone(), deployed.former.clone());
            let generation = object["metadata"]["generation"].clone();
            let pods = |all: i32| {
                json!({ "observedGeneration": generation, "replicas": all,
                "updatedReplicas": 1, "availableReplicas": 1 })
            };
            if object["status"]["observedGeneration"] != generation {
                object["status"] = pods(2);
            } else if object["status"] != pods(1) {
                object["status"] = pods(1);
                former.clear();
            } else {
                continue;
            }
            let object = self.touched(object);
            self.insert(&name, object, former);
        }
    }

    // ---- what is to be seen

    /// What the account says is published.
    pub(crate) fn sets(&self) -> Vec<PublishedSet> {
        self.read_account().map(|object| object.status.sets).unwrap_or_default()
    }

    pub(crate) fn read_account(&self) -> Option<AccountObject> {
        self.account.as_ref().map(|object| AccountObject::of(&dynamic(object)))
    }

    pub(crate) fn read_secrets(&self) -> BTreeMap<String, SecretObject> {
        let read = |object| SecretObject::of(&dynamic(object));
        self.secrets.iter().map(|(name, object)| (name.clone(), read(object))).collect()
    }

    pub(crate) fn read_functions(&self) -> BTreeMap<String, Function> {
        let functions = self.deployments.iter().filter(|(_, d)| is_function(&d.object));
        functions.map(|(name, d)| (name.clone(), d.function.clone())).collect()
    }

    /// All sets that pods or templates of pods refer to.
    pub(crate) fn in_use(&self) -> BTreeSet<String> {
        let all = self.deployments.values();
        all.flat_map(|d| d.mentioned.iter().chain(&d.former)).cloned().collect()
    }

    /// Law 2: nothing refers to a set that does not exist.
    pub(crate) fn check(&mut self) {
        self.excused.retain(|name| !self.published.contains_key(name));
        for name in self.deployments.values().flat_map(|d| d.mentioned.iter().chain(&d.former)) {
            assert!(
                self.published.contains_key(name) || self.excused.contains(name),
                "law 2: {name} is referred to and does not exist"
            );
        }
    }

    // ---- what the engine does

    /// Does one action as the API server would.
    pub(crate) fn act(
        &mut self,
        account: &Account,
        action: &Action,
        keyring: &Keyring,
    ) -> Vec<Effect> {
        match action {
            Action::CreateAccount => {
                if self.account.is_some() {
                    return vec![Effect::Stale];
                }
                self.wrote("create the KlivAccount");
                self.account = Some(json!({ "metadata": self.new_metadata("default") }));
                self.account_effects()
            }
            Action::WriteAccount(record, status) => {
                let Some(seen) = &account.object else { return vec![Effect::Stale] };
                let Some(object) = self.account.take() else { return vec![Effect::Stale] };
                let at = (seen.uid.as_str(), seen.resource_version.as_str());
                match self.with_status(object.clone(), at, &json!(status)) {
                    Some(object) => {
                        self.wrote(&format!("write the KlivAccount: {record:?}"));
                        self.account = Some(object);
                        let mut effects = self.account_effects();
                        effects.push(Effect::Reported);
                        effects
                    }
                    None => {
                        self.account = Some(object);
                        vec![Effect::Stale]
                    }
                }
            }
            Action::WriteSecret { name, uid, resource_version, status } => {
                let Some(object) = self.secrets.get(name).cloned() else {
                    return vec![Effect::Stale];
                };
                let Some(object) =
                    self.with_status(object, (uid, resource_version), &json!(status))
                else {
                    return vec![Effect::Stale];
                };
                self.wrote(&format!("write {name}"));
                let read = SecretObject::of(&dynamic(&object));
                self.secrets.insert(name.clone(), object);
                vec![Effect::Change(Change::Secret(ACCOUNT.into(), Box::new(read)))]
            }
            Action::Publish { name, members, .. } => {
                let mut data = BTreeMap::new();
                for member in members {
                    let binding = Binding {
                        account: ACCOUNT,
                        variable: &member.env_var,
                        environment: member.environment.as_deref(),
                    };
                    let sealed: Sealed = member.sealed.parse().expect("only what opened once");
                    let Ok(opened) = keyring.open(&sealed, &binding) else {
                        return vec![
                            Effect::Unopenable(member.uid.clone(), member.generation),
                            Effect::Blocked(Reason::PublishFailed, "can't be opened".into()),
                        ];
                    };
                    data.insert(member.env_var.clone(), bytes(&opened.value).to_vec());
                }
                self.create_published(name, data)
            }
            Action::Inject { function, patch } => self.inject(function, patch),
            Action::Withdraw { stray, patch } => {
                let effects = self.inject(&stray.name, patch);
                let told = |effect| match effect {
                    Effect::Change(Change::Function(_, now)) => Effect::Withdrawn(now),
                    Effect::Stale => Effect::LostSight,
                    other => other,
                };
                effects.into_iter().map(told).collect()
            }
            Action::FindStrays => vec![Effect::Strays(self.strays())],
            Action::Retire(sets) => {
                let used = self.in_use();
                let unused = sets.iter().filter(|(name, _)| !used.contains(name));
                let mut effects = vec![Effect::LookedForUse, Effect::Strays(self.strays())];
                for (name, uid) in unused {
                    effects.push(self.delete_published(name, uid.as_deref()));
                }
                effects
            }
            Action::Probe(sets) => {
                let mut effects = Vec::new();
                let mut missing = BTreeSet::new();
                for name in sets {
                    if self.quota_is_full {
                        let is_current = account.is_current(name);
                        effects.extend((!is_current).then(|| Effect::Unsure(name.clone())));
                    } else if self.published.contains_key(name) {
                        effects.push(Effect::Found(name.clone()));
                    } else {
                        missing.insert(name.clone());
                    }
                }
                effects.push(Effect::Probed(missing));
                effects
            }
            Action::FindTrail
            | Action::Tell(_)
            | Action::FindDeletions
            | Action::DropNotices(_)
            | Action::FindOld(..)
            | Action::Prune(_) => {
                let trailed = self.act_on_trail(account, action);
                trailed.into_iter().map(Effect::Trail).collect()
            }
        }
    }

    fn act_on_trail(&mut self, account: &Account, action: &Action) -> Vec<Trailed> {
        if self.no_events {
            return vec![Trailed::Untold("refused".into())];
        }
        let record = || account.object.as_ref().and_then(|object| object.status.audit.as_ref());
        match action {
            Action::FindTrail => {
                let uid = account.object.as_ref().map(|object| object.uid.clone());
                let end = TrailEnd::of(self.events.values().cloned());
                vec![Trailed::End(uid.expect("a KlivAccount"), end)]
            }
            Action::Tell(events) => events.iter().map(|event| self.tell(event)).collect(),
            Action::FindDeletions => {
                let there: BTreeSet<String> =
                    self.read_secrets().into_values().map(|secret| secret.uid).collect();
                let mut notices = Notices::new(record(), there.clone(), self.now);
                for (name, notice) in &self.notices {
                    notices.take(name.clone(), notice.clone());
                }
                let deleted = self.events.values().filter(|e| e.action == AuditAction::Deleted);
                let deleted = deleted.filter_map(|event| event.secret_uid.clone()).collect();
                vec![notices.sorted(&there, &deleted)]
            }
            Action::DropNotices(names) => {
                for name in names {
                    if self.notices.remove(name).is_some() {
                        self.wrote("drop a notice");
                    }
                }
                vec![Trailed::Dropped(names.clone())]
            }
            Action::FindOld(kept) => {
                let event = |event: &KlivAuditEventSpec| {
                    let hash = event.hash.clone().expect("a hash");
                    (event.sequence.expect("a number"), (event.time.0, hash))
                };
                let events = self.events.values().map(event).collect();
                vec![Trailed::Old(old(record().expect("a record"), events, *kept))]
            }
            Action::Prune(numbers) => {
                for number in numbers {
                    if self.events.remove(&audit::name(*number)).is_some() {
                        self.wrote("prune an event");
                    }
                }
                vec![Trailed::Pruned(numbers.clone())]
            }
            other => panic!("{other} is no action on the trail"),
        }
    }

    fn tell(&mut self, event: &KlivAuditEventSpec) -> Trailed {
        let name = audit::name(event.sequence.expect("a number"));
        let before = self.made.insert(name.clone(), event.clone());
        assert!(before.is_none_or(|before| before == *event), "one number, two events");
        let is_new = self.events.insert(name.clone(), event.clone()).is_none();
        if is_new {
            self.made_at.insert(name, self.now);
            self.wrote(&format!("tell {}", event.action));
        }
        Trailed::Told(Box::new(event.clone()))
    }

    fn wrote(&mut self, what: &str) {
        self.writes.push(what.to_owned());
    }

    fn account_effects(&self) -> Vec<Effect> {
        let object = self.read_account().expect("it was just written");
        vec![Effect::Change(Change::Account(ACCOUNT.into(), Box::new(object)))]
    }

    fn with_status(
        &mut self,
        mut object: Value,
        (uid, version): (&str, &str),
        status: &Value,
    ) -> Option<Value> {
        let metadata = &object["metadata"];
        if metadata["uid"] != *uid || metadata["resourceVersion"] != *version {
            return None;
        }
        assert_ne!(object["status"], *status, "law 3: a write that changes nothing");
        object["status"] = status.clone();
        Some(self.touched(object))
    }

    fn create_published(&mut self, name: &str, data: BTreeMap<String, Vec<u8>>) -> Vec<Effect> {
        assert!(name.starts_with(SET_PREFIX), "{SECRET_TYPE}");
        if self.quota_is_full {
            return vec![Effect::Blocked(Reason::QuotaExceeded, "the quota is full".into())];
        }
        if let Some(there) = self.published.get(name) {
            assert!(there.data == data, "one name, two contents: {name}");
            return vec![Effect::Created(name.to_owned(), None)];
        }
        let uid = format!("uid-{}", self.next());
        self.wrote(&format!("create {name}"));
        self.published.insert(name.to_owned(), Published { uid: uid.clone(), data });
        vec![Effect::Created(name.to_owned(), Some(uid))]
    }

    /// Deletes a set by name and uid.
    pub(crate) fn delete_published(&mut self, name: &str, uid: Option<&str>) -> Effect {
        match self.published.get(name) {
            None => Effect::Gone(name.to_owned()),
            Some(there) if uid.is_some_and(|uid| uid != there.uid) => {
                Effect::Reborn(name.to_owned())
            }
            Some(_) => {
                self.wrote(&format!("delete {name}"));
                self.published.remove(name);
                Effect::Deleted(name.to_owned())
            }
        }
    }

    fn strays(&self) -> Vec<Function> {
        let others = self.deployments.values().filter(|d| !is_function(&d.object));
        others.map(|d| d.function.clone()).filter(|f| !f.sets_given().is_empty()).collect()
    }

    fn inject(&mut self, name: &str, patch: &json_patch::Patch) -> Vec<Effect> {
        let Some(deployed) = self.deployments.remove(name) else { return vec![Effect::Stale] };
        let mut object = deployed.object.clone();
        if json_patch::patch(&mut object, patch).is_err() {
            self.deployments.insert(name.to_owned(), deployed);
            return vec![Effect::Stale];
        }
        if self.altered {
            let function = &deployed.function;
            let write = write_of_function(function, patch);
            let refused = Effect::Refused(function.uid.clone(), write, Refusal::Altered);
            self.deployments.insert(name.to_owned(), deployed);
            return vec![refused];
        }
        assert_eq!(
            without_ours(&deployed.object),
            without_ours(&object),
            "law 6: more than our own entries was changed"
        );
        assert_ne!(deployed.object, object, "law 3: a write that changes nothing");
        self.wrote(&format!("inject into {name}"));
        let former = deployed.former.clone();
        self.put_deployment(name, Some(deployed), object, former);
        let function = self.deployments[name].function.clone();
        vec![Effect::Change(Change::Function(ACCOUNT.into(), Box::new(function)))]
    }
}

/// Whether the label makes it a function.
pub(crate) fn is_function(object: &Value) -> bool {
    object["metadata"]["labels"][FUNCTION_LABEL.0] == FUNCTION_LABEL.1
}

/// The environment's label.
pub(crate) fn environment(object: &Value) -> &str {
    object["metadata"]["labels"][LABEL_ENVIRONMENT].as_str().unwrap_or_default()
}

/// Our entries of the first container: variable and set.
pub(crate) fn ours(object: &Value) -> BTreeMap<String, String> {
    let env = object.pointer("/spec/template/spec/containers/0/env").and_then(Value::as_array);
    env.into_iter()
        .flatten()
        .filter(|entry| is_ours(entry))
        .map(|entry| {
            let set = &entry["valueFrom"]["secretKeyRef"]["name"];
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            (text(&entry["name"]), text(set))
        })
        .collect()
}

fn is_ours(entry: &Value) -> bool {
    entry["valueFrom"]["secretKeyRef"]["name"].as_str().is_some_and(|n| n.starts_with(SET_PREFIX))
}

fn without_ours(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(env) = object.pointer_mut("/spec/template/spec/containers/0/env") {
        env.as_array_mut().expect("a list").retain(|entry| !is_ours(entry));
        if env.as_array().is_some_and(Vec::is_empty) {
            *env = Value::Null;
        }
    } else {
        object["spec"]["template"]["spec"]["containers"][0]["env"] = Value::Null;
    }
    object
}

fn read(object: &Value) -> Function {
    Function::of(&serde_json::from_value(object.clone()).expect("a Deployment"))
}

fn dynamic(object: &Value) -> DynamicObject {
    serde_json::from_value(object.clone()).expect("an object")
}
