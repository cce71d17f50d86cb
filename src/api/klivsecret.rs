//! KlivSecret: one credential.
#![expect(
    dead_code,
    unreachable_pub,
    reason = "kube's derive makes a twin of the struct for its schema"
)]

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::condition::{PENDING, READY};

/// A third-party credential of the account, stored encrypted and given to the
/// account's edge functions as an environment variable.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "secrets.kliv.dev",
    version = "v1alpha1",
    kind = "KlivSecret",
    plural = "klivsecrets",
    shortname = "ksec",
    category = "kliv",
    namespaced,
    status = "KlivSecretStatus",
    derive = "PartialEq",
    doc = "A third-party credential of the account, stored encrypted and given to the account's edge functions as an environment variable.",
    validation = Rule::new("self.metadata.name == self.spec.envVar.lowerAscii().replace('_', '-') + (has(self.spec.environment) ? '.' + self.spec.environment : '')")
        .message("metadata.name must be spec.envVar in small letters with dashes for underscores, followed by '.' and spec.environment where there is one, e.g. openai-api-key or openai-api-key.production"),
    printcolumn(name = "Env Var", type_ = "string", json_path = ".spec.envVar", description = "The environment variable"),
    printcolumn(name = "Environment", type_ = "string", json_path = ".spec.environment", description = "The environment it is for; empty: all"),
    printcolumn(name = "Value", type_ = "string", json_path = ".status.maskedValue", description = "The value, masked"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Whether functions get it"),
    printcolumn(name = "Updated", type_ = "date", json_path = ".status.updatedTime", description = "When the value last changed"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "By", type_ = "string", json_path = ".status.updatedBy", description = "Who last changed the value", priority = 1),
    printcolumn(name = "Via", type_ = "string", json_path = ".status.via", description = "Through what", priority = 1),
    printcolumn(name = "Version", type_ = "integer", json_path = ".status.version", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason", priority = 1),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.value)")
        .message("spec.value was not sealed, so nothing was stored: the kliv-secrets webhook did not answer. Look at `kubectl get pods -A -l app.kubernetes.io/name=kliv-secrets`, then try again")
        .reason(Reason::FieldValueForbidden),
    validation = Rule::new("has(self.value) || has(self.sealed) || has(self.generate) || (has(self.request) && !has(self.request.replaces) && !(has(self.request.deletion) && self.request.deletion))")
        .message("give one of spec.value, spec.sealed, spec.generate or spec.request; a request for a new value or for deletion needs a secret that has a value"),
    validation = Rule::new("!has(self.request) || !has(self.request.replaces) || !has(self.request.deletion) || !self.request.deletion")
        .message("spec.request asks for a new value (replaces) or proposes to delete the secret (deletion), not both"),
    validation = Rule::new("self.envVar.matches('^[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?$')")
        .message("spec.envVar must start with a letter, end with a letter or digit, and hold only letters, digits and underscores, e.g. OPENAI_API_KEY"),
    validation = Rule::new(super::intent::reserved_rule())
        .message("spec.envVar is reserved: it would change how the function itself runs. Name it after the service, e.g. SENDGRID_API_KEY"),
    validation = Rule::new("self.envVar == oldSelf.envVar")
        .message("spec.envVar can't be changed: create a new KlivSecret and delete this one"),
    validation = Rule::new("has(self.environment) == has(oldSelf.environment) && (!has(self.environment) || self.environment == oldSelf.environment)")
        .message("spec.environment can't be changed: create a new KlivSecret and delete this one"),
    validation = Rule::new("!has(self.environment) || self.environment.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("spec.environment must be small letters, digits and dashes, e.g. production"),
    validation = Rule::new("!has(self.sealed) || self.sealed.startsWith('kliv1.')")
        .message("spec.sealed is not a sealed value: it begins with 'kliv1.'. A plain value goes into spec.value"),
)]
pub struct KlivSecretSpec {
    /// The environment variable's name, e.g. `OPENAI_API_KEY`. Immutable.
    #[schemars(length(min = 1, max = 128))]
    pub env_var: String,

    /// The environment that this value is for, e.g. `production`. Without one it
    /// reaches every function of the account. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub environment: Option<String>,

    /// For people: what it is for, where it comes from, who to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,

    /// The value, write-only, at most 64 KiB. Sealed on its way in and never stored:
    /// no answer of the API server holds it. Quote numbers.
    #[serde(skip_serializing)]
    pub value: Option<WriteOnly>,

    /// The sealed value, `kliv1.<key id>.<base64url>`. May be committed to git.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 98304))]
    pub sealed: Option<String>,

    /// Let the cluster make a random value, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate: Option<Generate>,

    /// Remind after this many days to put in a new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub rotate_after_days: Option<i32>,

    /// When the credential stops working at its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_time: Option<Time>,

    /// Values sealed before this time are refused and dropped from the history: they are
    /// compromised. Once set, an earlier time counts for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse_sealed_before: Option<Time>,

    /// A question that waits for people: for the first value, for a new one, or whether the
    /// secret may be deleted. It never changes what functions get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Question>,
}

/// Let the cluster make a random value, e.g. a webhook signing secret.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Generate {
    /// How many characters; 32 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 16, max = 512))]
    pub length: Option<i32>,
    /// From which characters; `alphanumeric` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alphabet: Option<Alphabet>,
}

/// The characters of a generated value.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    /// `A-Z a-z 0-9`
    Alphanumeric,
    /// `0-9 a-f`
    Hex,
    /// `A-Z a-z 0-9 - _`
    Base64url,
}

/// A question for people, often an AI agent's: for the first value of a secret, for a new one
/// where it names the version that it `replaces`, or whether the secret may go (`deletion`).
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// What the value is needed for; why there should be a new one, or none any more.
    #[schemars(length(min = 1, max = 1024))]
    pub purpose: String,
    /// Where to obtain it, e.g. a page of the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub obtain_from: Option<String>,
    /// Who asks. Nobody checks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub requested_by: Option<String>,
    /// A new value is asked for in place of this version (`status.version`). It waits as long
    /// as that one is in use: whatever gives another version answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub replaces: Option<i64>,
    /// No value is asked for: it is proposed to delete the secret. Somebody with that right
    /// does so, or takes the question away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<bool>,
}

/// What is asked of people about a value that is there.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AboutValue {
    /// A new value in place of this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<i64>,
    /// Whether the secret may be deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deletion: bool,
}

impl Question {
    /// What it asks about a value that is there.
    #[must_use]
    pub fn about_value(&self) -> AboutValue {
        AboutValue { replaces: self.replaces, deletion: self.deletion == Some(true) }
    }

    /// Whether it asks for the first value: only such a one can stand without a value.
    #[must_use]
    pub fn is_for_the_first_value(&self) -> bool {
        self.about_value() == AboutValue::default()
    }
}

impl KlivSecret {
    /// Whether it has had a value that functions can get: the operator has opened one.
    #[must_use]
    pub fn has_value(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.version.is_some())
    }
}

/// What the operator knows about the secret.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = nobody_has_looked()))]
pub struct KlivSecretStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: whether functions get the value, and why not; `Stalled`: only a person can
    /// mend it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions", length(max = 8))]
    pub conditions: Vec<Condition>,
    /// The value with its middle hidden, e.g. `sk-p****z789`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub masked_value: Option<String>,
    /// Counts the values that this secret has had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// When the first value was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_time: Option<Time>,
    /// When the value last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_time: Option<Time>,
    /// The authenticated user who last changed the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub updated_by: Option<String>,
    /// The human that this one acted for, where the authenticator named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub on_behalf_of: Option<String>,
    /// Through what it was changed: kubectl, cli, web, agent, gitops, api.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub via: Option<String>,
    /// The sequence number of the last stamp that is recorded here; the webhook drops
    /// stamps up to it at the next write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_stamp: Option<i64>,
    /// The value in use, then the ones before it: newest first, at most 5 and 128 KiB.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub history: Vec<HistoryEntry>,
    /// The latest of all times that `spec.refuseSealedBefore` has had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse_sealed_before: Option<Time>,
    /// What is odd about the secret, with the way out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "warnings")]
    pub warnings: Vec<Warning>,
}

/// Something odd about a secret. It works all the same.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// One word, e.g. `RotationDue`.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// What that means and the way out.
    #[schemars(length(max = 512))]
    pub message: String,
}

/// One value that the secret has or had, sealed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Its version.
    pub version: i64,
    /// The generation of the spec that brought it; part of the published set's name.
    pub generation: i64,
    /// When it was written.
    pub time: Time,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub by: String,
    /// For whom, where the authenticator named a human.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub on_behalf_of: Option<String>,
    /// Through what it was written.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32))]
    pub via: String,
    /// Its mask.
    #[schemars(length(max = 64))]
    pub masked_value: String,
    /// The number of the stamp that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<i64>,
    /// The version that it brought back, where it is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<i64>,
    /// Its ciphertext.
    #[schemars(length(max = 98304))]
    pub sealed: String,
}

/// The place of a value in the schema. It can't hold one: reading drops what stood
/// there, so no code of the operator that reads objects can ever leak it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOnly;

impl<'de> Deserialize<'de> for WriteOnly {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl Serialize for WriteOnly {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl JsonSchema for WriteOnly {
    fn schema_name() -> Cow<'static, str> {
        "WriteOnly".into()
    }
    fn inline_schema() -> bool {
        true
    }
    // No type, pattern, enum or format: the API server's error texts would quote the value.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-int-or-string": true, "maxLength": 65536 })
    }
}

/// The status of an object before its controller has seen it. Without it, tools that wait
/// (Flux, `helm --wait`) would take the object for ready until then.
pub(super) fn nobody_has_looked() -> Value {
    json!({ "conditions": [{
        "type": READY, "status": "Unknown", "reason": PENDING,
        "message": "waits for the kliv-secrets controller",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }] })
}

/// A list map by reason.
fn warnings(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = Vec::<Warning>::json_schema(generator);
    schema.insert("x-kubernetes-list-type".into(), "map".into());
    schema.insert("x-kubernetes-list-map-keys".into(), ["reason"].as_slice().into());
    schema.insert("maxItems".into(), 16.into());
    schema
}

/// A list map by type, as the API conventions ask.
pub(super) fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = Vec::<Condition>::json_schema(generator);
    schema.insert("x-kubernetes-list-type".into(), "map".into());
    schema.insert("x-kubernetes-list-map-keys".into(), ["type"].as_slice().into());
    schema.insert("maxItems".into(), 8.into());
    schema
}
