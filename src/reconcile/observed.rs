//! The small picture of an account that is kept: no plaintext, and of each object only
//! the fields that count.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::inspect::{Candidate, Why};
use super::learned::Learned;
use super::refused::Refused;
use super::trail_memory::TrailMemory;
use super::undone::Given;
use super::warnings::Reminders;
use crate::api::condition::Reason;
use crate::api::names::ANNOTATION_STAMPS;
use crate::api::{
    AboutValue, Intent, KlivAccountStatus, KlivSecretSpec, KlivSecretStatus, Refusal, Source,
    Stamps, Wrong, check_environment, is_well_formed, object_name,
};
use crate::inject::{Function, is_set_name};

/// Everything that is known of one account.
#[derive(Clone, Default)]
pub struct Account {
    /// The account's name.
    pub namespace: String,
    /// Its namespace is being deleted: nothing is planned any more.
    pub terminating: bool,
    /// Its KlivSecrets by name.
    pub secrets: BTreeMap<String, SecretObject>,
    /// Its functions by name.
    pub functions: BTreeMap<String, Function>,
    /// Its KlivAccount.
    pub object: Option<AccountObject>,
    /// The id of the key that values are sealed with now; filled by
    /// [`inspect`](super::inspect()).
    pub sealing_key: Option<String>,
}

/// A KlivSecret.
#[derive(Clone)]
pub struct SecretObject {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// What the spec asks for.
    pub intent: Result<Intent, Refusal>,
    /// The variable and the environment, also where the rest of the spec is refused: the
    /// value in use stays.
    pub place: Option<(String, Option<String>)>,
    /// Who changed it.
    pub stamps: Stamps,
    /// What its people want to be reminded of.
    pub reminders: Reminders,
    /// What is asked of people about the value that it has.
    pub asks_about: AboutValue,
    /// `spec.refuseSealedBefore`.
    pub refuse_sealed_before: Option<Timestamp>,
    /// What is recorded.
    pub status: KlivSecretStatus,
    /// What `spec.sealed` is, compared with the value in use; filled by
    /// [`inspect`](super::inspect()).
    pub candidate: Candidate,
    /// Before when what was sealed is refused; filled likewise.
    pub refused_before: Option<Timestamp>,
    /// Whether the value in use was sealed too early; filled likewise.
    pub in_use_refused: bool,
}

/// The KlivAccount.
#[derive(Clone)]
pub struct AccountObject {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// What is recorded.
    pub status: KlivAccountStatus,
}

/// What the engine remembers of an account between two plans. Losing it (a crash, a
/// change of leader) costs a few repeated requests, never correctness.
#[derive(Clone, Default)]
pub struct Memory {
    /// Sets that were made, and their uid where the answer told it.
    pub created: BTreeMap<String, Option<String>>,
    /// When each superseded set was deleted, or found deleted. It is forgotten when after
    /// another [`keep_superseded`](super::Timings::keep_superseded) it is still not there:
    /// a leader that was paused for less than that leaves nothing behind.
    pub deleted: BTreeMap<String, Timestamp>,
    /// Superseded sets that have another uid than the one recorded.
    pub reborn: BTreeSet<String>,
    /// Superseded sets that are gone for good.
    pub gone: BTreeSet<String>,
    /// Sets that a probe did not find.
    pub missing: BTreeSet<String>,
    /// Sets that functions have entries of, and that a probe found.
    pub found: BTreeSet<String>,
    /// Sets of which a probe could not tell.
    pub unsure: BTreeSet<String>,
    /// Deployments with entries of ours that are no functions; none: they have to be looked
    /// for, since functions have gone that may only have lost their label.
    pub strays: Option<Vec<Function>>,
    /// Why publishing does not go on, and what to tell.
    pub blocked: Option<(Reason, String)>,
    /// Secrets (uid, generation of the value) in use whose ciphertext does not open.
    pub unopenable: BTreeSet<(String, i64)>,
    /// Secrets (uid, generation of the value) whose history somebody forged.
    pub forged: BTreeSet<(String, i64)>,
    /// What was learned of values while they were open.
    pub learned: Learned,
    /// What functions were given lately.
    pub given: Given,
    /// Writes that were refused, by the object's uid.
    pub refused: BTreeMap<String, Refused>,
    /// When the functions' progress was last written.
    pub reported: Option<Timestamp>,
    /// When it was last looked whether superseded sets are in use.
    pub retired: Option<Timestamp>,
    /// When the current sets are to be probed next.
    pub next_probe: Option<Timestamp>,
    /// What was last said in an Event about a function, by its uid.
    pub said: BTreeMap<String, String>,
    /// What is known of the audit trail.
    pub trail: TrailMemory,
    /// When the newest KlivSecret was created that was ever seen here.
    pub newest_secret: Option<Timestamp>,
}

impl Account {
    /// Whether a set of this name is a current one.
    #[must_use]
    pub fn is_current(&self, set: &str) -> bool {
        let sets = self.object.iter().flat_map(|object| &object.status.sets);
        sets.into_iter().any(|current| current.name == set)
    }

    /// Whether there is no keyring to open its values with.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        let without = Candidate::Unreadable(Why::NoKeyring);
        self.secrets.values().any(|secret| secret.candidate == without)
    }

    /// Whether there is something published, and no KlivSecret any more.
    #[must_use]
    pub fn is_emptied(&self) -> bool {
        self.secrets.is_empty()
            && self.object.as_ref().is_some_and(|object| !object.status.sets.is_empty())
    }

    /// Whether the KlivSecrets went together with a former CRD, rather than one by one: the
    /// one that is there now is newer than all that is known of this account. Times are in
    /// whole seconds, and within one second nothing is taken from functions.
    #[must_use]
    pub fn went_with_crd(&self, memory: &Memory, crd_created: Timestamp) -> bool {
        let known = self.object.as_ref().map(|object| object.created).max(memory.newest_secret);
        self.is_emptied() && known.is_none_or(|known| known <= crd_created)
    }
}

impl Memory {
    /// Before a new try: what stood in the way may be gone.
    pub fn try_again(&mut self) {
        self.blocked = None;
        self.unopenable.clear();
        self.unsure.clear();
        self.trail.look_anew();
    }

    /// The same, where the record takes no further set for now.
    pub(super) fn waiting(&self, text: &str) -> Self {
        Self { blocked: Some((Reason::PublishFailed, text.to_owned())), ..self.clone() }
    }

    /// Takes in what was observed.
    pub fn see(&mut self, account: &Account) {
        let newest = account.secrets.values().map(|secret| secret.created).max();
        self.newest_secret = self.newest_secret.max(newest);
    }

    /// Keeps no more than speaks of something that is still there.
    pub fn forget_what_is_over(&mut self, account: &Account) {
        let known: BTreeSet<&String> = account.functions.values().map(|f| &f.uid).collect();
        self.said.retain(|uid, _| known.contains(uid));
        self.forged.retain(|(uid, _)| account.secrets.values().any(|secret| secret.uid == *uid));
        self.learned.retain(|uid| account.secrets.values().any(|secret| secret.uid == *uid));
        if let Some(strays) = &mut self.strays {
            strays.retain(|stray| !stray.sets_given().is_empty());
        }
        let others = account.secrets.values().map(|secret| &secret.uid);
        let others = others.chain(account.object.iter().map(|object| &object.uid));
        let others: BTreeSet<&String> =
            others.chain(self.strays.iter().flatten().map(|stray| &stray.uid)).collect();
        self.given.retain(|uid| known.contains(uid) || others.contains(uid));
        self.refused.retain(|uid, _| known.contains(uid) || others.contains(uid));
        let given: BTreeSet<&str> =
            account.functions.values().flat_map(Function::sets_given).collect();
        self.found.retain(|name| given.contains(name.as_str()));
        self.missing.retain(|name| given.contains(name.as_str()) || account.is_current(name));
        let Some(AccountObject { status, .. }) = &account.object else { return };
        self.trail.forget_what_is_over(status.audit.as_ref());
        let superseded = |name: &String| status.superseded.iter().any(|set| set.name == *name);
        self.deleted.retain(|name, _| superseded(name));
        self.gone.retain(superseded);
        self.reborn.retain(superseded);
        self.created.retain(|name, _| {
            status.pending.contains(name) || status.sets.iter().any(|set| set.name == *name)
        });
    }
}

impl SecretObject {
    /// Keeps what counts. An object whose spec can't be read is kept as refused, its
    /// status as far as it can be read: one bad object harms no other.
    #[must_use]
    pub fn of(object: &DynamicObject) -> Self {
        let name = object.metadata.name.clone().unwrap_or_default();
        let spec = part::<KlivSecretSpec>(&object.data, "spec");
        let intent = match &spec {
            Some(spec) => Intent::of(&name, spec),
            None => Err(Refusal {
                wrong: Wrong::Schema,
                field: "spec",
                message: "can't be read: it does not fit the schema of this version; apply it anew",
            }),
        };
        let place = match &intent {
            Ok(intent) => Some((intent.env_var.clone(), intent.environment.clone())),
            Err(_) => place(&name, &object.data),
        };
        let stamps = annotation(&object.metadata, ANNOTATION_STAMPS).map(Stamps::parse);
        Self {
            name,
            uid: object.metadata.uid.clone().unwrap_or_default(),
            resource_version: object.metadata.resource_version.clone().unwrap_or_default(),
            generation: object.metadata.generation.unwrap_or_default(),
            created: created(&object.metadata),
            intent,
            place,
            stamps: stamps.unwrap_or_default(),
            reminders: spec.as_ref().map(Reminders::of).unwrap_or_default(),
            asks_about: spec
                .as_ref()
                .and_then(|spec| Some(spec.request.as_ref()?.about_value()))
                .unwrap_or_default(),
            refuse_sealed_before: spec.and_then(|spec| spec.refuse_sealed_before.map(|t| t.0)),
            status: part(&object.data, "status").unwrap_or_default(),
            candidate: Candidate::Nothing,
            refused_before: None,
            in_use_refused: false,
        }
    }

    /// `spec.sealed`.
    #[must_use]
    pub fn sealed(&self) -> Option<&str> {
        match &self.intent {
            Ok(Intent { source: Source::Sealed(sealed), .. }) => Some(sealed),
            _ => None,
        }
    }
}

impl AccountObject {
    /// Keeps what counts; a status that can't be read counts as empty and is rebuilt, the
    /// record of the audit trail apart from the rest. Of names that no set can have nothing is
    /// kept: sets are deleted by them.
    #[must_use]
    pub fn of(object: &DynamicObject) -> Self {
        let mut status = part(&object.data, "status");
        if status.is_none()
            && let Some(Value::Object(mut fields)) = object.data.get("status").cloned()
        {
            fields.remove("audit");
            status = KlivAccountStatus::deserialize(Value::Object(fields)).ok();
        }
        let mut status: KlivAccountStatus = status.unwrap_or_default();
        status.sets.retain(|set| is_set_name(&set.name));
        status.pending.retain(|name| is_set_name(name));
        status.superseded.retain(|set| is_set_name(&set.name));
        Self {
            uid: object.metadata.uid.clone().unwrap_or_default(),
            resource_version: object.metadata.resource_version.clone().unwrap_or_default(),
            created: created(&object.metadata),
            status,
        }
    }
}

fn created(metadata: &ObjectMeta) -> Timestamp {
    metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}

fn part<T: DeserializeOwned>(data: &Value, field: &str) -> Option<T> {
    T::deserialize(data.get(field)?).ok()
}

/// What a spec that can't be read, or is refused, is about, if the object's name agrees.
fn place(name: &str, data: &Value) -> Option<(String, Option<String>)> {
    let spec = data.get("spec")?;
    let text = |field: &str| spec.get(field).and_then(Value::as_str).map(str::to_owned);
    let (env_var, environment) = (text("envVar")?, text("environment"));
    let agrees = object_name(&env_var, environment.as_deref()) == name
        && is_well_formed(&env_var)
        && environment.as_deref().is_none_or(|name| check_environment(name).is_ok());
    agrees.then_some((env_var, environment))
}

fn annotation<'a>(metadata: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(name).map(String::as_str)
}
