//! KlivAccount: what an account has published. The contract from which functions are
//! injected, by the controller and by the admission policy alike.
#![expect(
    clippy::duplicated_attributes,
    reason = "kube's derive takes each column as an attribute"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::condition::Behind;
use super::{AboutValue, KlivAuditEventSpec, Stamp, Stamps};

/// What the account has published and which functions are on it. Made by the
/// controller, always named `default`.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "secrets.kliv.dev",
    version = "v1alpha1",
    kind = "KlivAccount",
    plural = "klivaccounts",
    shortname = "kacct",
    category = "kliv",
    namespaced,
    status = "KlivAccountStatus",
    derive = "PartialEq",
    doc = "What the account has published and which functions are on it. Made by the operator, always named default.",
    printcolumn(
        name = "Secrets",
        type_ = "integer",
        json_path = ".status.secrets",
        description = "Secrets in the account"
    ),
    printcolumn(
        name = "Functions",
        type_ = "integer",
        json_path = ".status.functions.total",
        description = "Functions of the account"
    ),
    printcolumn(
        name = "Updated",
        type_ = "integer",
        json_path = ".status.functions.updated",
        description = "Functions that run with the current set"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Revision",
        type_ = "integer",
        json_path = ".status.revision",
        priority = 1
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct KlivAccountSpec {}

/// What is published.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = super::klivsecret::nobody_has_looked()))]
pub struct KlivAccountStatus {
    /// `Ready`: whether the current sets exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "super::klivsecret::conditions")]
    pub conditions: Vec<Condition>,
    /// How many secrets the account has.
    #[serde(default)]
    pub secrets: i32,
    /// Counts the sets that this account has published; each set carries the number it got.
    #[serde(default)]
    pub revision: i64,
    /// The current sets, one an environment; the default set has the environment "".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 257))]
    pub sets: Vec<PublishedSet>,
    /// Names of Secrets that are about to be made: written before the Secret is, so
    /// that nothing is forgotten by a crash in between.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 512))]
    pub pending: Vec<String>,
    /// Sets that are no longer current and not yet deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 512))]
    pub superseded: Vec<SupersededSet>,
    /// What secrets refuse that was sealed earlier, also those that were deleted since: the
    /// latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub refused: Vec<RefusedBefore>,
    /// The account's functions.
    #[serde(default)]
    pub functions: FunctionReport,
    /// The account's audit trail, as far as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditRecord>,
}

/// What was sealed before this time for a secret is refused.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RefusedBefore {
    /// The KlivSecret's name: its variable and environment.
    #[schemars(length(max = 253))]
    pub secret: String,
    /// The time.
    pub before: Time,
}

impl RefusedBefore {
    /// How many are kept; as many as the CRD takes.
    pub const MAX: usize = 64;
}

/// The head of the audit trail, and what it covers: written before the events are, so that
/// a crash in between makes neither a gap nor a double.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// The newest event; those in `pending` count.
    #[serde(default)]
    pub head: ChainLink,
    /// The newest event of those that are not kept any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<ChainLink>,
    /// Events that are about to be made, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "pending")]
    pub pending: Vec<KlivAuditEventSpec>,
    /// What the trail has told of each secret that is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 512))]
    pub secrets: Vec<KnownSecret>,
    /// The newest revision whose arrival at the functions was told.
    #[serde(default)]
    pub revision: i64,
    /// The sealing key that was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub sealing_key: Option<String>,
}

/// One event's place in the chain.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ChainLink {
    /// Its sequence number; 0 before the first.
    pub sequence: i64,
    /// Its hash, hexadecimal; empty before the first.
    #[schemars(length(max = 64))]
    pub hash: String,
}

/// What the audit trail has told of a secret.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct KnownSecret {
    /// The KlivSecret.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its uid.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// The newest stamp that was looked at: all up to it are told, but for `waiting`.
    #[serde(default)]
    pub stamp: i64,
    /// The newest version that was told.
    #[serde(default)]
    pub version: i64,
    /// The stamp of a value that is not published yet, as it stands on the object: who handed
    /// it in is told with what becomes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = KnownSecret::LONGEST_WAITING))]
    pub waiting: Option<String>,
    /// The number of the stamp of which it was told that it is refused or does not open; 0
    /// where that is nobody's doing. Absent again when all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<i64>,
    /// It was told that somebody asks for a value, and none has come.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
    /// What was asked of people about its value when that was last looked at.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub asked_about: AboutValue,
    /// It was read off the secret itself, since the record began anew: what was asked before
    /// that is not known.
    #[serde(skip)]
    pub is_resumed: bool,
    /// The latest `status.refuseSealedBefore` of which it was told what that put an end to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_before: Option<Time>,
    /// `spec.refuseSealedBefore`, where that is still to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub will_refuse: Option<Time>,
}

fn is_nothing(asked: &AboutValue) -> bool {
    *asked == AboutValue::default()
}

impl KnownSecret {
    /// The longest stamp that is kept, characters: more than two of the longest names take, of
    /// which one has each character escaped.
    pub const LONGEST_WAITING: usize = 5120;
    /// How many secrets a record knows of; as many as the CRD takes.
    pub const MAX: usize = 512;

    /// The stamp of the value that waits.
    #[must_use]
    pub fn waiting(&self) -> Option<Stamp> {
        Stamps::parse(self.waiting.as_deref()?).0.pop()
    }
}

/// A current set: an immutable Secret.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PublishedSet {
    /// The environment; "" is the default set.
    #[schemars(length(max = 63))]
    pub environment: String,
    /// The Secret's name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// The Secret's uid.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// The variables in it, sorted.
    #[schemars(length(max = 256), inner(length(max = 128)))]
    pub keys: Vec<String>,
    /// The account's revision when it was published.
    pub revision: i64,
}

/// A set that functions may still hold.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SupersededSet {
    /// The Secret's name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// The Secret's uid; absent where the answer to its creation was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub uid: Option<String>,
    /// Since when it is not current.
    pub since: Time,
    /// It is deleted as soon as nothing uses it. Recorded before the first try, and from
    /// then on its name is never used again: a delete that arrives late finds nothing that
    /// is needed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
}

/// How far the functions of an account are.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FunctionReport {
    /// Functions that are to get a set.
    #[serde(default)]
    pub total: i32,
    /// Those whose rollout with the current set is complete.
    #[serde(default)]
    pub updated: i32,
    /// Those that are not, with the reason; at most 20, those that need somebody first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub not_updated: Vec<NotUpdated>,
}

/// A function that does not run with the current set.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NotUpdated {
    /// The Deployment.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Why, one word: `RollingOut`, `RolloutFailed`, `Manual`, `WriteRefused`,
    /// `WriteAltered`, `Undone`.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// What that means and the way out, where something is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
}

impl NotUpdated {
    /// Why, where it is a reason that is known here.
    #[must_use]
    pub fn behind(&self) -> Option<Behind> {
        Behind::named(&self.reason)
    }
}

/// Events without their own rules: what never changes in an event comes and goes in a list.
fn pending(generator: &mut SchemaGenerator) -> Schema {
    let mut event = KlivAuditEventSpec::json_schema(generator);
    event.remove("x-kubernetes-validations");
    json_schema!({
        "type": "array",
        "description": "Events that are about to be made, oldest first.",
        "items": event,
        "maxItems": 50,
    })
}
