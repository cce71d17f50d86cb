//! What people are told in Kubernetes Events: names, masks and fixed texts.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType};

use super::observed::{AccountObject, SecretObject};
use crate::api::condition::{self, Behind, Reason};
use crate::api::names::{ACCOUNT_NAME, GROUP, VERSION};
use crate::api::text::as_note;
use crate::api::{AuditAction, KlivAuditEventSpec, KlivSecretStatus, PublishedSet};
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
    /// What became of a KlivSecret, where its `Ready` reason or version changed.
    pub(super) fn secret(secret: &SecretObject, next: &KlivSecretStatus) -> Option<Self> {
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

    /// What the audit trail tells, where nothing else says it already.
    pub(super) fn audit(
        event: &KlivAuditEventSpec,
        account: Option<&AccountObject>,
    ) -> Option<Self> {
        let reason = match event.action {
            AuditAction::Updated | AuditAction::Answered if event.version.is_none() => "Updated",
            AuditAction::RolledBack => "RolledBack",
            AuditAction::Compromised => "Compromised",
            AuditAction::Deleted => "Deleted",
            AuditAction::Published => "RevisionLive",
            AuditAction::KeyRotated => "KeyRotated",
            AuditAction::Resumed => "AuditResumed",
            _ => return None,
        };
        let (kind, name, uid) = match (&event.secret, &event.secret_uid) {
            (Some(secret), Some(uid)) => ("KlivSecret", secret.clone(), uid.clone()),
            _ => ("KlivAccount", ACCOUNT_NAME.to_owned(), account?.uid.clone()),
        };
        let version = event.version.map(|version| format!("version {version}"));
        let human = event.on_behalf_of.iter().map(|human| format!(" on behalf of {human}"));
        let through = Some(&event.via).filter(|via| !via.is_empty());
        let through = through.map(|via| format!(" via {via}"));
        let more: String = human.chain(through).collect();
        let who = (!event.actor.is_empty()).then(|| format!("by {}{more}", event.actor));
        let parts: Vec<String> =
            [version, who, event.detail.clone()].into_iter().flatten().collect();
        let warning = event.action == AuditAction::Resumed;
        Some(Self { kind, name, uid, warning, reason, text: parts.join(": "), news: true })
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
