//! A Deployment, reduced to what injection needs to know of it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container as PodContainer, EnvVar, PodSpec};
use k8s_openapi::jiff::Timestamp;

use crate::api::names::{
    ANNOTATION_CONTAINERS, ANNOTATION_DEFAULT_CONTAINER, ANNOTATION_INJECT, ANNOTATION_REQUIRES,
    ANNOTATION_REVISION, ANNOTATION_ROLLOUT, LABEL_ENVIRONMENT, MAX_ENV_VAR, SET_PREFIX,
};

/// How many names of a list are read: twice as many as an account has secrets.
const LISTED: usize = 512;

/// An edge function: a Deployment without anything that injection does not read. The
/// values of the user's own entries are left behind.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Function {
    /// The Deployment's name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its resourceVersion.
    pub resource_version: String,
    /// Its generation: grows when its spec changes.
    pub generation: i64,
    /// When it was created.
    pub created: Timestamp,
    /// How far its last change is rolled out.
    pub rollout: Rollout,
    pub(super) environment: String,
    pub(super) wanted: Wanted,
    pub(super) requires: BTreeSet<String>,
    pub(super) targets: BTreeSet<String>,
    pub(super) default_container: Option<String>,
    pub(super) manual: bool,
    pub(super) revision: Option<String>,
    pub(super) rolling_update: bool,
    pub(super) containers: Vec<Container>,
    mentions: BTreeSet<String>,
}

/// How far a Deployment's last change is, as `kubectl rollout status` reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rollout {
    /// Every pod is of the last template, available, and no other is left.
    pub complete: bool,
    /// The Deployment has given up: `ProgressDeadlineExceeded`.
    pub failed: bool,
}

/// Which variables a function asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Wanted {
    #[default]
    All,
    Nothing,
    Listed(BTreeSet<String>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Container {
    pub(super) name: String,
    /// `None`: the field is absent.
    pub(super) env: Option<Vec<Entry>>,
    pub(super) env_from: bool,
    pub(super) readiness_probe: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Ours, referring to this published set.
    Ours(String),
    User,
    /// The user's, onto which a merge patch has left a reference of ours: the API
    /// server would refuse it.
    Mixed(Left),
}

/// What of `valueFrom` is left over in a [`Kind::Mixed`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// All of `valueFrom`: the entry has a `value`.
    ValueFrom,
    /// Its `secretKeyRef`: it has another source.
    SecretKeyRef,
}

impl Function {
    /// Reads a Deployment.
    #[must_use]
    pub fn of(deployment: &Deployment) -> Self {
        let meta = &deployment.metadata;
        let template = &deployment.spec.template;
        let pod = template.spec.as_ref();
        let annotation = |key| meta.annotations.as_ref().and_then(|all| all.get(key));
        Self {
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            created: meta.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |t| t.0),
            rollout: rollout(deployment),
            environment: meta
                .labels
                .as_ref()
                .and_then(|labels| labels.get(LABEL_ENVIRONMENT))
                .cloned()
                .unwrap_or_default(),
            wanted: wanted(annotation(ANNOTATION_INJECT)),
            requires: list(annotation(ANNOTATION_REQUIRES)),
            targets: list(annotation(ANNOTATION_CONTAINERS)),
            default_container: template
                .metadata
                .as_ref()
                .and_then(|meta| meta.annotations.as_ref()?.get(ANNOTATION_DEFAULT_CONTAINER))
                .cloned(),
            manual: annotation(ANNOTATION_ROLLOUT).is_some_and(|text| text.trim() == "manual"),
            revision: annotation(ANNOTATION_REVISION).map(|text| text.trim().to_owned()),
            rolling_update: deployment
                .spec
                .strategy
                .as_ref()
                .and_then(|strategy| strategy.type_.as_deref())
                .is_none_or(|kind| kind == "RollingUpdate"),
            containers: pod
                .map(|pod| pod.containers.iter().map(container).collect())
                .unwrap_or_default(),
            mentions: pod.map(sets_mentioned).unwrap_or_default(),
        }
    }

    /// The names of all published sets that the pod template mentions, in entries of
    /// ours or anywhere else: none of them may be deleted.
    #[must_use]
    pub fn sets_held(&self) -> BTreeSet<&str> {
        self.mentions.iter().map(String::as_str).collect()
    }

    /// The names of the sets that entries of ours are from.
    #[must_use]
    pub fn sets_given(&self) -> BTreeSet<&str> {
        self.ours().into_values().collect()
    }

    /// The set from which it has a variable, where an entry of ours gives it.
    #[must_use]
    pub fn set_of(&self, variable: &str) -> Option<&str> {
        self.ours().get(variable).copied()
    }

    /// The variables that entries of ours give it, and the set of each.
    #[must_use]
    pub fn given(&self) -> BTreeMap<&str, &str> {
        self.ours()
    }

    /// The environment that it says it runs in; "" is none.
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// Whether it says that it can't do without a variable.
    #[must_use]
    pub fn requires(&self, variable: &str) -> bool {
        self.requires.contains(variable)
    }

    /// The variables that it says it can't do without, as they were written.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.requires.iter().map(String::as_str)
    }

    /// Whether it takes a new set only when told.
    #[must_use]
    pub fn is_manual(&self) -> bool {
        self.manual
    }

    /// The same as if it had been told to take whatever is current.
    #[must_use]
    pub fn told(mut self) -> Self {
        self.manual = false;
        self
    }

    /// Whether it says that it can't do without some variables.
    #[must_use]
    pub fn requires_any(&self) -> bool {
        !self.requires.is_empty()
    }

    /// Our entries; of those for one variable the first counts.
    pub(super) fn ours(&self) -> BTreeMap<&str, &str> {
        let entries = self.containers.iter().flat_map(|container| container.env.iter().flatten());
        let mut ours = BTreeMap::new();
        for entry in entries {
            if let Kind::Ours(set) = &entry.kind {
                ours.entry(entry.name.as_str()).or_insert(set.as_str());
            }
        }
        ours
    }
}

fn rollout(deployment: &Deployment) -> Rollout {
    let Some(status) = &deployment.status else { return Rollout::default() };
    if status.observed_generation.unwrap_or(0) < deployment.metadata.generation.unwrap_or(0) {
        return Rollout::default();
    }
    let failed = status.conditions.iter().flatten().any(|condition| {
        condition.type_.as_deref() == Some("Progressing")
            && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
    });
    let updated = status.updated_replicas.unwrap_or(0);
    let complete = !failed
        && updated >= deployment.spec.replicas.unwrap_or(1)
        && status.replicas.unwrap_or(0) <= updated
        && status.available_replicas.unwrap_or(0) >= updated;
    Rollout { complete, failed }
}

fn wanted(annotation: Option<&String>) -> Wanted {
    if annotation.is_some_and(|text| text.trim() == "none") {
        return Wanted::Nothing;
    }
    let names = list(annotation);
    if names.is_empty() { Wanted::All } else { Wanted::Listed(names) }
}

/// The names in a list, no more than could be of use: an annotation holds 256 KiB.
fn list(annotation: Option<&String>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for name in annotation.into_iter().flat_map(|text| text.split(',')).map(str::trim) {
        if !name.is_empty() && names.len() < LISTED {
            names.insert(listed(name));
        }
    }
    names
}

/// A name as it was written. What no variable and no container can have in its name is
/// replaced, and what is too long cut, so that it can be told without harm.
fn listed(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    let mut text: String = name.chars().take(MAX_ENV_VAR).map(plain).collect();
    if name.chars().nth(MAX_ENV_VAR).is_some() {
        text.push('…');
    }
    text
}

fn container(container: &PodContainer) -> Container {
    Container {
        name: container.name.clone(),
        env: container.env.as_ref().map(|env| env.iter().map(entry).collect()),
        env_from: container.env_from.as_ref().is_some_and(|from| !from.is_empty()),
        readiness_probe: container.readiness_probe.is_some(),
    }
}

fn entry(entry: &EnvVar) -> Entry {
    Entry { name: entry.name.clone(), kind: kind(entry) }
}

fn kind(entry: &EnvVar) -> Kind {
    let Some(from) = &entry.value_from else { return Kind::User };
    let Some(reference) = &from.secret_key_ref else { return Kind::User };
    if !reference.name.starts_with(SET_PREFIX) || reference.key != entry.name {
        return Kind::User;
    }
    if entry.value.as_deref().is_some_and(|value| !value.is_empty()) {
        return Kind::Mixed(Left::ValueFrom);
    }
    let other_source = from.config_map_key_ref.is_some()
        || from.field_ref.is_some()
        || from.file_key_ref.is_some()
        || from.resource_field_ref.is_some();
    if other_source {
        return Kind::Mixed(Left::SecretKeyRef);
    }
    Kind::Ours(reference.name.clone())
}

/// The names of all published sets that a pod mentions, in whatever place. A name that no
/// Secret can have is passed over: the API server takes any text in a volume, and these
/// names are written into statuses and deleted by.
#[must_use]
pub fn sets_mentioned(pod: &PodSpec) -> BTreeSet<String> {
    let containers = pod.containers.iter().chain(pod.init_containers.iter().flatten());
    let from_containers = containers.flat_map(|container| {
        let env =
            container.env.iter().flatten().filter_map(|entry| {
                Some(&entry.value_from.as_ref()?.secret_key_ref.as_ref()?.name)
            });
        let env_from = container
            .env_from
            .iter()
            .flatten()
            .filter_map(|from| Some(&from.secret_ref.as_ref()?.name));
        env.chain(env_from)
    });
    let from_volumes = pod.volumes.iter().flatten().flat_map(|volume| {
        let plain = volume.secret.iter().filter_map(|secret| secret.secret_name.as_ref());
        let projected = volume
            .projected
            .iter()
            .flat_map(|projected| projected.sources.iter().flatten())
            .filter_map(|source| Some(&source.secret.as_ref()?.name));
        plain.chain(projected)
    });
    from_containers.chain(from_volumes).filter(|name| is_set_name(name)).cloned().collect()
}

/// Whether a published set may have this name.
#[must_use]
pub fn is_set_name(name: &str) -> bool {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    name.starts_with(SET_PREFIX)
        && bytes.len() <= 253
        && bytes.last().is_some_and(plain)
        && bytes.iter().all(|b| plain(b) || *b == b'-')
}
