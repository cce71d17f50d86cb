//! KlivAuditEvent: one thing that happened in an account.
#![expect(
    unreachable_pub,
    clippy::duplicated_attributes,
    reason = "kube's derive makes a twin of the struct for its schema, and takes each column as an attribute"
)]

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

/// One thing that happened. Written once, never changed; chained to the one before it, so
/// that a removed, reordered or edited one is found. Its name is its sequence number, in ten
/// digits; that of one which waits for the controller is `pending-<uid of the request>`.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "secrets.kliv.dev",
    version = "v1alpha1",
    kind = "KlivAuditEvent",
    plural = "klivauditevents",
    shortname = "kaudit",
    category = "kliv",
    namespaced,
    derive = "PartialEq",
    doc = "One thing that happened in an account: who did what to which secret, and when. Written once by the operator, never changed.",
    printcolumn(
        name = "Time",
        type_ = "string",
        json_path = ".spec.time",
        description = "When it happened"
    ),
    printcolumn(
        name = "Action",
        type_ = "string",
        json_path = ".spec.action",
        description = "What happened"
    ),
    printcolumn(
        name = "Secret",
        type_ = "string",
        json_path = ".spec.secret",
        description = "The KlivSecret"
    ),
    printcolumn(
        name = "Version",
        type_ = "integer",
        json_path = ".spec.version",
        description = "The version of its value"
    ),
    printcolumn(
        name = "Actor",
        type_ = "string",
        json_path = ".spec.actor",
        description = "Who did it"
    ),
    printcolumn(
        name = "Via",
        type_ = "string",
        json_path = ".spec.via",
        description = "Through what"
    ),
    printcolumn(
        name = "For",
        type_ = "string",
        json_path = ".spec.onBehalfOf",
        description = "For whom",
        priority = 1
    ),
    printcolumn(name = "Detail", type_ = "string", json_path = ".spec.detail", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self == oldSelf")
        .message("an audit event is never changed"),
)]
pub struct KlivAuditEventSpec {
    /// Its place in the account's chain, from 1; absent while it waits for the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// When it happened.
    pub time: Time,
    /// What happened.
    pub action: AuditAction,
    /// The KlivSecret's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub secret: Option<String>,
    /// The KlivSecret's uid: one that was deleted and made again is another. Of a refused call
    /// the id of the request that told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub secret_uid: Option<String>,
    /// The version of its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// That value, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub masked_value: Option<String>,
    /// The authenticated user of the API request; empty where nobody could see it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub actor: String,
    /// Through what: `kubectl`, `cli`, `web`, `agent`, `gitops`, `api`, `operator`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32))]
    pub via: String,
    /// For an agent, the human that it acts for, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub on_behalf_of: Option<String>,
    /// More, in plain words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = KlivAuditEventSpec::LONGEST_DETAIL))]
    pub detail: Option<String>,
    /// The `hash` of the event before; empty for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub previous: Option<String>,
    /// SHA-256 of all of the above, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub hash: Option<String>,
}

impl KlivAuditEventSpec {
    /// The longest `detail`, characters.
    pub const LONGEST_DETAIL: usize = 512;

    /// One of which no more is said yet, and which has no place in a chain.
    #[must_use]
    pub fn new(action: AuditAction, time: Timestamp) -> Self {
        Self {
            sequence: None,
            time: Time(time),
            action,
            secret: None,
            secret_uid: None,
            version: None,
            masked_value: None,
            actor: String::new(),
            via: String::new(),
            on_behalf_of: None,
            detail: None,
            previous: None,
            hash: None,
        }
    }
}

/// What happened.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[schemars(transform = one_of_the_known)]
pub enum AuditAction {
    /// A secret got its first value.
    Created,
    /// A secret got a new value, or something else of its spec changed.
    Updated,
    /// A former value came back, as a new version.
    RolledBack,
    /// A new value came, and the ones before it were called compromised: they are purged.
    Compromised,
    /// A secret was deleted.
    Deleted,
    /// Somebody asks for a value.
    Requested,
    /// The value that was asked for was given.
    Answered,
    /// A revision reached the account's functions.
    Published,
    /// A write was accepted by the API server and is not carried out.
    Refused,
    /// An agent's call was refused: its arguments held what looks like a credential.
    CallRefused,
    /// Values are sealed with a new key from here on.
    KeyRotated,
    /// A sealed value did not open.
    OpeningFailed,
    /// The record of the account was lost; from here on it is kept anew.
    Resumed,
    /// One that only a later version knows, under the name that it has there: an event of it
    /// is read, listed and verified all the same.
    #[schemars(skip)]
    #[serde(untagged)]
    Other(String),
}

/// The API server takes none but those: that one more can be read is not its concern.
fn one_of_the_known(schema: &mut Schema) {
    if let Some(known) = schema.remove("anyOf") {
        schema.insert("oneOf".to_owned(), known);
    }
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
