//! What is wrong with the keyring, told where an administrator looks: in Events of the
//! operator's namespace, about the keyring's Secret. Each thing once.
#![expect(clippy::disallowed_types, reason = "writes Events")]

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::api::names::{FIELD_MANAGER, KEYRING_SECRET};
use crate::api::text::as_note;
use crate::seal::KeyId;

/// Tells of trouble with the keyring.
pub(super) struct Teller {
    client: Client,
    reporter: Reporter,
    secret: ObjectReference,
    last: Option<String>,
}

/// What there is to tell.
pub(super) enum Trouble<'a> {
    /// There is no keyring to work with.
    Unavailable(&'a dyn std::error::Error),
    /// This key was published, and the keyring does not hold it.
    Older(KeyId),
}

impl Teller {
    /// One for the operator in this namespace; `instance` is this process.
    pub(super) fn new(client: Client, namespace: &str, instance: &str) -> Self {
        let reporter =
            Reporter { controller: FIELD_MANAGER.into(), instance: Some(instance.into()) };
        Self {
            client,
            reporter,
            secret: ObjectReference {
                api_version: Some("v1".into()),
                kind: Some("Secret".into()),
                namespace: Some(namespace.into()),
                name: Some(KEYRING_SECRET.into()),
                ..ObjectReference::default()
            },
            last: None,
        }
    }

    /// All is well again: the same trouble would be told anew.
    pub(super) fn all_is_well(&mut self) {
        self.last = None;
    }

    /// Logs it and writes an Event, unless that is what was told last. An Event that can't
    /// be written is not worth a retry.
    pub(super) async fn tell(&mut self, trouble: Trouble<'_>) {
        let text = trouble.to_string();
        if self.last.as_ref() == Some(&text) {
            return;
        }
        tracing::error!("{text}");
        let event = Event {
            type_: EventType::Warning,
            reason: trouble.reason().into(),
            note: Some(as_note(&text).to_owned()),
            action: "Start".into(),
            secondary: None,
        };
        // A new one each time: one that remembers would need the right to change Events.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        if recorder.publish(&event, &self.secret).await.is_err() {
            tracing::warn!("the Event about the keyring could not be written");
        }
        self.last = Some(text);
    }
}

impl Trouble<'_> {
    fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "KeyringUnavailable",
            Self::Older(_) => "KeyringOutdated",
        }
    }
}

impl std::fmt::Display for Trouble<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable(error) => write!(f, "{error}"),
            Self::Older(key) => write!(
                f,
                "the keyring does not hold the sealing key {key}, which was published: it was \
                 restored from a backup that is older than the last rotation, or is another \
                 installation's. What was sealed with that key does not open (those KlivSecrets say \
                 DecryptionFailed) and stays published as it is: restore a newer backup, which is \
                 taken up within a minute, or hand those values in again"
            ),
        }
    }
}
