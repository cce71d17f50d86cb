//! What people are told in Kubernetes Events: names, masks and fixed texts.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType};

use super::observed::{AccountObject, SecretObject};
use crate::api::condition::{self, Behind, Reason};
use crate::api::names::{ACCOUNT_NAME, GROUP, VERSION};
use crate::api::text::{as_note, harmless};
use crate::api::{AuditAction, AuditRecord, KlivAuditEventSpec, KlivSecretStatus, PublishedSet};
use crate::audit::{covers, refused_as};
use crate::inject::{Function, Injection};

/// One Event, and about what.
#[derive(Clone, PartialEq)]
pub struct Note {
    /// `kind` of the object.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// A warning, or only news.
    pub warning: bool,
    /// One word.
    pub reason: &'static str,
    /// The text; empty: nothing is said.
    pub text: String,
    /// Whether it is said, or only remembered as known.
    pub news: bool,
}

impl Note {
    /// What became of a KlivSecret, where its `Ready` reason or version changed and no event
    /// of these records of the audit trail says so: the one there is, and the coming one.
    pub(super) fn secret(
        secret: &SecretObject,
        next: &KlivSecretStatus,
        records: [Option<&AuditRecord>; 2],
    ) -> Option<Self> {
        let ready = |status: &KlivSecretStatus| {
            let condition = condition::ready(&status.conditions)?;
            Some((condition.reason.clone(), condition.message.clone(), status.version))
        };
        let (reason, message, version) = ready(next)?;
        if ready(&secret.status)
            .is_some_and(|(r, m, v)| (r, m, v) == (reason.clone(), message.clone(), version))
        {
            return None;
        }
        if records.into_iter().flatten().any(|record| tells(record, secret, next, &reason)) {
            return None;
        }
        let (warning, reason, text) = if reason == Reason::Published.as_str() {
            let version = version.unwrap_or_default();
            (false, Reason::Published.as_str(), format!("version {version}: {message}"))
        } else {
            (
                reason != Reason::AwaitingValue.as_str(),
                "NotPublished",
                format!("{reason}: {message}"),
            )
        };
        Some(Self {
            kind: "KlivSecret",
            name: secret.name.clone(),
            uid: secret.uid.clone(),
            warning,
            reason,
            text,
            news: true,
        })
    }

    /// What the audit trail tells: an Event for each event, without the mask.
    pub(super) fn audit(
        event: &KlivAuditEventSpec,
        account: Option<&AccountObject>,
    ) -> Option<Self> {
        let (warning, reason) = match event.action {
            AuditAction::Created => (false, "Created"),
            AuditAction::Updated => (false, "Updated"),
            AuditAction::RolledBack => (false, "RolledBack"),
            AuditAction::Compromised => (false, "Compromised"),
            AuditAction::Deleted => (false, "Deleted"),
            AuditAction::Requested => (false, "Requested"),
            AuditAction::Answered => (false, "Answered"),
            AuditAction::Published => (false, "RevisionLive"),
            AuditAction::Refused => (true, "Refused"),
            AuditAction::CallRefused => (true, "CallRefused"),
            AuditAction::KeyRotated => (false, "KeyRotated"),
            AuditAction::OpeningFailed => (true, "OpeningFailed"),
            AuditAction::Resumed => (true, "AuditResumed"),
            AuditAction::Other(_) => (false, "Recorded"),
        };
        let (kind, name, uid) = match (&event.secret, &event.secret_uid) {
            (Some(secret), Some(uid)) => ("KlivSecret", secret.clone(), uid.clone()),
            _ => ("KlivAccount", ACCOUNT_NAME.to_owned(), account?.uid.clone()),
        };
        let version = event.version.map(|version| format!("version {version}"));
        let parts: Vec<String> =
            [version, who(event), event.detail.clone()].into_iter().flatten().collect();
        let text = harmless(&parts.join(": "), 1024).into_owned();
        Some(Self { kind, name, uid, warning, reason, text, news: true })
    }

    pub(super) fn function(
        function: &Function,
        injection: &Injection,
        refused: bool,
        text: String,
        news: bool,
    ) -> Self {
        let warning = refused
            || !injection.missing.is_empty()
            || !injection.unknown_containers.is_empty()
            || injection.no_safe_rollout;
        Self {
            kind: "Deployment",
            name: function.name.clone(),
            uid: function.uid.clone(),
            warning,
            reason: if refused { "NotInjected" } else { "SecretsInjected" },
            text,
            news,
        }
    }

    /// What became of a Deployment that is no function any more.
    pub(super) fn stray(stray: &Function) -> Self {
        let nothing = Injection::default();
        Self::function(stray, &nothing, false, STRIPPED.to_owned(), true)
    }

    pub(super) fn event(&self) -> Event {
        Event {
            type_: if self.warning { EventType::Warning } else { EventType::Normal },
            reason: self.reason.to_owned(),
            note: Some(as_note(&self.text).to_owned()),
            action: "Reconcile".to_owned(),
            secondary: None,
        }
    }

    pub(super) fn reference(&self, namespace: &str) -> ObjectReference {
        let api_version = match self.kind {
            "Deployment" => "apps/v1".to_owned(),
            _ => format!("{GROUP}/{VERSION}"),
        };
        ObjectReference {
            api_version: Some(api_version),
            kind: Some(self.kind.to_owned()),
            name: Some(self.name.clone()),
            namespace: Some(namespace.to_owned()),
            uid: Some(self.uid.clone()),
            ..ObjectReference::default()
        }
    }
}

/// Whether an event of this record says the same of a secret, or has said it.
fn tells(
    record: &AuditRecord,
    secret: &SecretObject,
    next: &KlivSecretStatus,
    reason: &str,
) -> bool {
    let action = match reason {
        "Published" => {
            return next.version > secret.status.version && covers(Some(record), &secret.uid, next);
        }
        "AwaitingValue" => Some(AuditAction::Requested),
        other => refused_as(other),
    };
    let Some(action) = action else { return false };
    let of_it = |event: &KlivAuditEventSpec| event.secret_uid.as_ref() == Some(&secret.uid);
    record.pending.iter().any(|event| of_it(event) && event.action == action)
}

/// Who did it, as far as it is known.
fn who(event: &KlivAuditEventSpec) -> Option<String> {
    let KlivAuditEventSpec { actor, via, on_behalf_of, .. } = event;
    let human = on_behalf_of.as_ref().map(|human| format!(" on behalf of {human}"));
    let via = (!via.is_empty()).then(|| format!(" via {via}"));
    let more: String = human.into_iter().chain(via).collect();
    (!actor.is_empty()).then(|| format!("by {actor}{more}"))
}

/// What a Deployment is told that is no function any more.
pub(super) const STRIPPED: &str = "is no edge function any more: the account's variables were \
     taken from its env";

/// What a function is told that can't be written, or is not for now.
pub(super) fn not_written_text(why: Behind) -> String {
    let message = why.message().unwrap_or_default();
    format!("{}: keeps the env that it has: {message}", why.as_str())
}

/// What a function gets, what it does not get, and why; empty when there is nothing to
/// tell.
pub(super) fn injection_text(injection: &Injection, sets: &[PublishedSet]) -> String {
    let mut parts = Vec::new();
    if let Some(name) = injection.set.as_ref().filter(|_| !injection.injected.is_empty()) {
        let revision = sets.iter().find(|set| set.name == *name).map(|set| set.revision);
        let revision = revision.map(|r| format!(" (revision {r})")).unwrap_or_default();
        parts.push(format!("{} from {name}{revision}", injection.injected.join(", ")));
    }
    if injection.manual_waits {
        parts.push(
            "keeps its set, as secrets.kliv.dev/rollout: manual says; set \
             secrets.kliv.dev/revision to the account's revision to take the current one"
                .to_owned(),
        );
    }
    if !injection.overridden.is_empty() {
        parts.push(format!("its own env entry wins for {}", injection.overridden.join(", ")));
    }
    for missing in &injection.missing {
        let hint = missing.did_you_mean.as_ref().map(|name| format!("; did you mean {name}?"));
        let what = if missing.required { "required" } else { "asked for" };
        parts.push(format!("{} is {what} and not there{}", missing.name, hint.unwrap_or_default()));
    }
    if !injection.unknown_containers.is_empty() {
        parts.push(format!("has no container {}", injection.unknown_containers.join(", ")));
    }
    if injection.hides_env_from && !injection.injected.is_empty() {
        parts.push("its envFrom gives way where it has the same names".to_owned());
    }
    if injection.no_safe_rollout && !injection.injected.is_empty() {
        parts.push(
            "NoSafeRollout: a bad value can take it down; use strategy RollingUpdate and a \
             readinessProbe"
                .to_owned(),
        );
    }
    parts.join(". ")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    #[test]
    fn each_event_of_the_trail_is_an_event_that_says_who_and_through_what_as_far_as_it_is_known() {
        let known = |actor: &str, via: &str, whom: Option<&str>| KlivAuditEventSpec {
            secret: Some("api-key".into()),
            secret_uid: Some("u".into()),
            version: Some(2),
            masked_value: Some("sk-p****z789".into()),
            actor: actor.into(),
            via: via.into(),
            on_behalf_of: whom.map(str::to_owned),
            ..KlivAuditEventSpec::new(AuditAction::Deleted, Timestamp::UNIX_EPOCH)
        };
        for (event, says) in [
            (known("anna", "kubectl", None), "version 2: by anna via kubectl"),
            (known("anna", "", None), "version 2: by anna"),
            (
                known("bot", "agent", Some("e\u{1b}va")),
                "version 2: by bot on behalf of e\\u{1b}va via agent",
            ),
            (known("", "operator", None), "version 2"),
        ] {
            assert_eq!(Note::audit(&event, None).map(|note| note.text).as_deref(), Some(says));
        }
        let mut event = known("anna", "kubectl", None);
        for (action, warning) in [
            (AuditAction::Created, false),
            (AuditAction::Updated, false),
            (AuditAction::RolledBack, false),
            (AuditAction::Compromised, false),
            (AuditAction::Requested, false),
            (AuditAction::Answered, false),
            (AuditAction::Refused, true),
            (AuditAction::OpeningFailed, true),
        ] {
            event.action = action;
            let note = Note::audit(&event, None).map(|note| (note.reason.to_owned(), note.warning));
            assert_eq!(note, Some((event.action.to_string(), warning)));
        }
    }
}
