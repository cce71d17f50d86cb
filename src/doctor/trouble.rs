//! Everything that can be wrong: a closed set, so that each door says it in its own words.
//! Here those of a terminal. Pure.

use super::findings::Level;
use super::surroundings::{OLDEST_MINOR, Right};

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// A CRD is there, and its kind can't be used.
    CrdNotServed(&'static str),
    /// A CRD is not there.
    CrdAbsent(&'static str),
    /// A policy is there, and nothing binds it.
    PolicyUnbound(Policy),
    /// A policy is not there.
    PolicyAbsent(Policy),
    /// A part of the operator is to have no replicas.
    PartStopped(Place),
    /// A part has none that is ready, of so many.
    PartNotReady(Place, i32),
    /// A part is not there.
    PartAbsent(Place),
    /// The public key's ConfigMap, in this namespace, holds none.
    KeyUnreadable(String),
    /// It is not there.
    KeyAbsent(String),
    /// The webhook's configuration says of no certificate that it is to be trusted.
    WebhookUntrusted,
    /// It is not there.
    WebhookAbsent,
    /// The webhook seals with another key than the one that is published.
    AnotherKey {
        /// With which.
        sealed: String,
        /// The published one.
        published: String,
        /// The operator's namespace.
        namespace: String,
    },
    /// A value came back as it was written.
    StoredInTheClear,
    /// The API server does not get an answer of the webhook in this namespace.
    WebhookNotReached(String),
    /// A write was refused, in these words of the cluster.
    NotWritten(String),
    /// The caller may not try to write: why.
    NotTried(String),
    /// The certificate that is served has ended.
    ServedEnded,
    /// It ends in so many days.
    ServedEnds(i64),
    /// It can't be seen: why.
    ServedUnseen(String),
    /// The authority that the API server trusts has ended.
    AuthorityEnded,
    /// It ends in so many days.
    AuthorityEnds(i64),
    /// Kubernetes is of this minor version, which is too old.
    OldKubernetes(u32),
    /// A part of the operator has another version than whoever asks.
    AnotherVersion {
        /// Which.
        part: &'static str,
        /// The part's version.
        version: String,
        /// The other.
        asker: &'static str,
    },
    /// Nobody publishes.
    NoLeader,
    /// The caller lacks a right in this account.
    NoRight(Right, String),
    /// Nothing shows that Secrets are encrypted at rest.
    NotEncrypted,
    /// That can't be seen.
    EncryptionUnseen,
    /// The API server's audit log has contents.
    LogsContent,
    /// That can't be seen.
    LogUnseen,
    /// A published set that nobody has a record of.
    Orphaned {
        /// The Secret.
        set: String,
        /// Its namespace.
        account: String,
        /// The operator's.
        namespace: String,
    },
    /// An object can't be looked at: why.
    Unseen(Object, String),
}

/// An admission policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: &'static str,
}

/// A part of the operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// `controller` or `webhook`.
    pub part: &'static str,
    /// The operator's namespace.
    pub namespace: String,
}

/// Something that is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Object {
    /// A CustomResourceDefinition.
    Crd(&'static str),
    /// A policy, or its binding.
    Policy(Policy),
    /// A Deployment of the operator.
    Part(Place),
    /// The public key's ConfigMap in this namespace.
    Key(String),
    /// The webhook's configuration.
    Webhook,
    /// The leader's Lease.
    Lease,
    /// Whether the caller has a right.
    Right(Right),
    /// The names of published sets in this account.
    Sets(String),
}

const INSTALL: &str = "install the chart again, as it was: `helm upgrade --install kliv-secrets …`";

impl Trouble {
    /// How much it matters.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Self::ServedEnds(_)
            | Self::AuthorityEnds(_)
            | Self::AnotherVersion { .. }
            | Self::NoRight(..)
            | Self::NotEncrypted
            | Self::LogsContent
            | Self::Orphaned { .. } => Level::Advice,
            Self::NotTried(_)
            | Self::ServedUnseen(_)
            | Self::EncryptionUnseen
            | Self::LogUnseen
            | Self::Unseen(..) => Level::NotSeen,
            _ => Level::Error,
        }
    }

    /// What is wrong, and what follows from it.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::CrdNotServed(name) => {
                let object = Object::Crd(name).words();
                format!("{object} is not served: nothing of this kind can be read or written")
            }
            Self::CrdAbsent(name) => {
                let object = Object::Crd(name).words();
                format!("{object} is not there: nothing of this kind can be stored")
            }
            Self::PolicyUnbound(policy) => {
                let object = Object::Policy(*policy).words();
                format!("{object} is there and nothing binds it, so it does not act")
            }
            Self::PolicyAbsent(policy) => {
                let object = Object::Policy(*policy).words();
                format!("{object} is not there: what it guards is not guarded")
            }
            Self::PartStopped(place) => {
                format!("{} is scaled to 0: {}", place.words(), place.without())
            }
            Self::PartNotReady(place, wanted) => {
                let without = place.without();
                format!("{} has 0 of {wanted} replicas ready: {without}", place.words())
            }
            Self::PartAbsent(place) => {
                format!("{} is not there: {}", place.words(), place.without())
            }
            Self::KeyUnreadable(namespace) => {
                let object = Object::Key(namespace.clone()).words();
                format!("{object} holds no sealing key that can be read: nothing can be sealed")
            }
            Self::KeyAbsent(namespace) => {
                let object = Object::Key(namespace.clone()).words();
                format!("{object} is not there: nothing can be sealed")
            }
            Self::WebhookUntrusted => format!(
                "{} has no caBundle: the API server trusts no certificate of the webhook's",
                Object::Webhook.words()
            ),
            Self::WebhookAbsent => {
                format!("{} is not there: no value can be written", Object::Webhook.words())
            }
            Self::AnotherKey { sealed, published, .. } => {
                format!("the webhook seals with key {sealed}, and the published one is {published}")
            }
            Self::StoredInTheClear => "a value that was written as a dry run came back, and not \
                                       sealed: it would be stored in the clear"
                .into(),
            Self::WebhookNotReached(_) => "the API server does not reach the webhook, or does not \
                                           trust its certificate: no value can be written"
                .into(),
            Self::NotWritten(why) => {
                format!("a KlivSecret could not be written, not even as a dry run: {why}")
            }
            Self::NotTried(why) => format!("can't try to write a KlivSecret: {why}"),
            Self::ServedEnded => {
                "the certificate that the webhook serves has ended: no value can be written".into()
            }
            Self::ServedEnds(days) => {
                format!("the certificate that the webhook serves ends in {days} days")
            }
            Self::ServedUnseen(why) => {
                format!("can't see the certificate that the webhook serves: {why}")
            }
            Self::AuthorityEnded => {
                "the certificate authority of the webhook has ended: no value can be written".into()
            }
            Self::AuthorityEnds(days) => format!("the webhook's certificate ends in {days} days"),
            Self::OldKubernetes(minor) => format!(
                "Kubernetes 1.{minor} is older than 1.{OLDEST_MINOR}: it lacks what the guards need"
            ),
            Self::AnotherVersion { part, version, asker } => {
                format!("the {part} is version {version}, this program {asker}")
            }
            Self::NoLeader => {
                "no controller leads: values are stored, but none is published".into()
            }
            Self::NoRight(Right { verb, resource, serves, .. }, account) => {
                format!("you may not {verb} {resource} in {account}: needed for {serves}")
            }
            Self::NotEncrypted => "nothing shows that Secrets are encrypted at rest: published \
                                   values are then base64 in etcd"
                .into(),
            Self::EncryptionUnseen => "can't see whether Secrets are encrypted at rest".into(),
            Self::LogsContent => "the API server's audit log has the content of some requests: if \
                                  KlivSecrets are among them, values that were written in the \
                                  clear are in it"
                .into(),
            Self::LogUnseen => {
                "can't see whether the API server's audit log has the content of requests".into()
            }
            Self::Orphaned { set, account, .. } => format!(
                "Secret {set} in {account} holds values, and no KlivAccount has a record of it: \
                 nobody deletes it"
            ),
            Self::Unseen(object, why) => format!("can't look at {}: {why}", object.words()),
        }
    }

    /// What to do.
    #[must_use]
    pub fn way_out(&self) -> String {
        const RENEWS: &str = "the controller renews it a month ahead, or cert-manager where that \
                              makes it: its log says why it did not";
        match self {
            Self::CrdNotServed(name) => {
                format!("look at its conditions: `kubectl describe crd {name}`")
            }
            Self::CrdAbsent(_) => {
                "install the chart with crds.install=true, or apply the files of crds/".into()
            }
            Self::PolicyUnbound(Policy { kind, name }) => {
                format!("bring back the {kind}Binding {name}: {INSTALL}")
            }
            Self::PolicyAbsent(_) | Self::PartAbsent(_) | Self::WebhookAbsent => INSTALL.into(),
            Self::PartStopped(place) => {
                format!("set {}.replicas in the chart's values", place.part)
            }
            Self::PartNotReady(Place { part, namespace }, _) => format!(
                "its log says what it waits for: `kubectl -n {namespace} logs \
                 deploy/kliv-secrets-{part}`"
            ),
            Self::KeyUnreadable(namespace) => format!(
                "restart the controller, which writes it: `kubectl -n {namespace} rollout restart \
                 deploy/kliv-secrets-controller`"
            ),
            Self::KeyAbsent(_) => {
                "the controller makes it together with the keyring: its log says \
                                   why it did not"
                    .into()
            }
            Self::WebhookUntrusted => "the controller fills it in within a minute of the install, \
                                       or cert-manager where it makes the certificate: its log \
                                       says why it did not"
                .into(),
            Self::AnotherKey { namespace, .. } => format!(
                "within two minutes of a change of keys this is usual; else restart the webhook: \
                 `kubectl -n {namespace} rollout restart deploy/kliv-secrets-webhook`"
            ),
            Self::StoredInTheClear => {
                format!("let nobody write values until this is mended: {INSTALL}")
            }
            Self::WebhookNotReached(namespace) => format!(
                "look at the caBundle of MutatingWebhookConfiguration kliv-secrets, at the Service \
                 kliv-secrets-webhook in namespace {namespace} and at network policies; the API \
                 server's log says which"
            ),
            Self::NotWritten(_) => {
                "where the text above does not help: which policies or webhooks \
                                    of others act on KlivSecrets?"
                    .into()
            }
            Self::NotTried(_) => {
                "give whoever asks the right to create KlivSecrets in that account".into()
            }
            Self::ServedEnded | Self::ServedEnds(_) => RENEWS.into(),
            Self::AuthorityEnded | Self::AuthorityEnds(_) => RENEWS.into(),
            Self::ServedUnseen(_) => "its metrics tell: ask whoever may get pods/proxy in the \
                                      operator's namespace, or whoever sees \
                                      certificate_expiry_timestamp_seconds"
                .into(),
            Self::OldKubernetes(_) => "upgrade the cluster".into(),
            Self::AnotherVersion { .. } => "use the program of the operator's version".into(),
            Self::NoLeader => "where controllers run, their log says what they wait for".into(),
            Self::NoRight(right, account) => match right.role() {
                None => "ask for the ClusterRole edit in that namespace, or view to look".into(),
                Some(role) => format!(
                    "where you should: `kubectl -n {account} create rolebinding NAME \
                     --clusterrole={role} --user=YOU`"
                ),
            },
            Self::NotEncrypted => "give the API server an --encryption-provider-config for \
                                   secrets; managed clusters have a setting for it"
                .into(),
            Self::EncryptionUnseen => "ask who runs the API server for its \
                                       --encryption-provider-config, or whoever may read its \
                                       /metrics to ask here"
                .into(),
            Self::LogsContent => "put the rule of examples/cluster/audit-policy.yaml above all \
                                  others; `kubectl kliv set` seals before it sends"
                .into(),
            Self::LogUnseen => {
                "ask who runs it for a rule with level Metadata for klivsecrets, as \
                                in examples/cluster/audit-policy.yaml"
                    .into()
            }
            Self::Orphaned { set, account, namespace } => format!(
                "where no pod names it (`kubectl -n {account} get pods -o yaml | grep {set}`), as \
                 a cluster's admin: `kubectl -n {account} delete secret {set} \
                 --as=system:serviceaccount:{namespace}:kliv-secrets-controller`"
            ),
            Self::Unseen(..) => "give whoever asks the right to read it".into(),
        }
    }
}

impl Place {
    fn words(&self) -> String {
        format!("Deployment kliv-secrets-{} in namespace {}", self.part, self.namespace)
    }

    fn without(&self) -> &'static str {
        match self.part {
            "webhook" => "no value can be written",
            _ => "values are stored, but none is published",
        }
    }
}

impl Object {
    fn words(&self) -> String {
        match self {
            Self::Crd(name) => format!("CustomResourceDefinition {name}"),
            Self::Policy(Policy { kind, name }) => format!("{kind} {name}"),
            Self::Part(place) => place.words(),
            Self::Key(namespace) => {
                format!("ConfigMap kliv-secrets-sealing-key in namespace {namespace}")
            }
            Self::Webhook => "MutatingWebhookConfiguration kliv-secrets".into(),
            Self::Lease => "the leader's Lease".into(),
            Self::Right(Right { verb, resource, .. }) => {
                format!("whether you may {verb} {resource}")
            }
            Self::Sets(account) => format!("the names of published sets in {account}"),
        }
    }
}
