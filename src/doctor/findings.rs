//! What is wrong with an install, and the way out. Pure.

use std::fmt;

/// What was seen of an install.
#[derive(Clone, Debug)]
pub struct Install {
    /// The operator's namespace.
    pub namespace: String,
    /// Whether each kind is served, by the name of its CRD.
    pub crds: Vec<(&'static str, Found<bool>)>,
    /// The policies: kind, name, and whether something binds it so that it acts.
    pub policies: Vec<(&'static str, &'static str, Found<bool>)>,
    /// The webhook's configuration: whether it says whom to trust.
    pub webhook: Found<bool>,
    /// The id of the sealing key; nothing where it can't be read.
    pub sealing_key: Found<Option<String>>,
    /// Controller and webhook.
    pub parts: Vec<(&'static str, Found<Part>)>,
    /// What became of a write with a value.
    pub written: Written,
}

/// An object that was looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found<T> {
    /// It is there.
    Here(T),
    /// It is not.
    Absent,
    /// That can't be told: why.
    Unknown(String),
}

/// The replicas of a part of the operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// As many as there should be.
    pub wanted: i32,
    /// As many as are ready.
    pub ready: i32,
}

/// What became of a dry run with a made-up value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Written {
    /// It came back sealed, with the key of this id.
    Sealed(String),
    /// It came back otherwise: what was written is not what would be stored.
    Unsealed,
    /// The schema refused it, since nobody had sealed it.
    RefusedUnsealed,
    /// It was refused otherwise, in these words.
    Refused(String),
    /// Whoever asks may not try: why.
    NotTried(String),
}

/// How much a finding matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Something does not work, or does not guard.
    Error,
    /// It works, and could be better.
    Advice,
    /// It can't be told with the rights of whoever asks.
    NotSeen,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What is wrong, and what follows from it.
    pub what: String,
    /// What to do.
    pub way_out: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n    {}", self.what, self.way_out)
    }
}

/// What is wrong, the cause before its consequences; nothing where the install works.
#[must_use]
pub fn findings(install: &Install) -> Vec<Finding> {
    let mut found = Vec::new();
    crds(install, &mut found);
    policies(install, &mut found);
    parts(install, &mut found);
    sealing_key(install, &mut found);
    webhook(install, &mut found);
    written(install, &mut found);
    found
}

fn add(found: &mut Vec<Finding>, what: String, way_out: impl Into<String>) {
    found.push(Finding { level: Level::Error, what, way_out: way_out.into() });
}

/// Where it can't be told whether something is there.
pub(super) fn unknown(found: &mut Vec<Finding>, object: &str, why: &str) {
    found.push(Finding {
        level: Level::NotSeen,
        what: format!("can't look at {object}: {why}"),
        way_out: "give whoever asks the right to read it".into(),
    });
}

const INSTALL: &str = "install the chart again, as it was: `helm upgrade --install kliv-secrets …`";

fn crds(install: &Install, found: &mut Vec<Finding>) {
    for (name, crd) in &install.crds {
        let object = format!("CustomResourceDefinition {name}");
        match crd {
            Found::Here(true) => {}
            Found::Here(false) => add(
                found,
                format!("{object} is not served: nothing of this kind can be read or written"),
                format!("look at its conditions: `kubectl describe crd {name}`"),
            ),
            Found::Absent => add(
                found,
                format!("{object} is not there: nothing of this kind can be stored"),
                "install the chart with crds.install=true, or apply the files of crds/",
            ),
            Found::Unknown(why) => unknown(found, &object, why),
        }
    }
}

fn policies(install: &Install, found: &mut Vec<Finding>) {
    for (kind, name, policy) in &install.policies {
        let object = format!("{kind} {name}");
        match policy {
            Found::Here(true) => {}
            Found::Here(false) => add(
                found,
                format!("{object} is there and nothing binds it, so it does not act"),
                format!("bring back the {kind}Binding {name}: {INSTALL}"),
            ),
            Found::Absent => {
                add(
                    found,
                    format!("{object} is not there: what it guards is not guarded"),
                    INSTALL,
                );
            }
            Found::Unknown(why) => unknown(found, &object, why),
        }
    }
}

fn parts(install: &Install, found: &mut Vec<Finding>) {
    let namespace = &install.namespace;
    for (part, replicas) in &install.parts {
        let object = format!("Deployment kliv-secrets-{part} in namespace {namespace}");
        match replicas {
            Found::Here(Part { wanted: 0, .. }) => add(
                found,
                format!("{object} is scaled to 0: {}", without(part)),
                format!("set {part}.replicas in the chart's values"),
            ),
            Found::Here(Part { wanted, ready: 0 }) => add(
                found,
                format!("{object} has 0 of {wanted} replicas ready: {}", without(part)),
                format!(
                    "its log says what it waits for: `kubectl -n {namespace} logs deploy/kliv-secrets-{part}`"
                ),
            ),
            Found::Here(_) => {}
            Found::Absent => {
                add(found, format!("{object} is not there: {}", without(part)), INSTALL);
            }
            Found::Unknown(why) => unknown(found, &object, why),
        }
    }
}

fn without(part: &str) -> &'static str {
    match part {
        "webhook" => "no value can be written",
        _ => "values are stored, but none is published",
    }
}

fn sealing_key(install: &Install, found: &mut Vec<Finding>) {
    let object = format!("ConfigMap kliv-secrets-sealing-key in namespace {}", install.namespace);
    match &install.sealing_key {
        Found::Here(Some(_)) => {}
        Found::Here(None) => add(
            found,
            format!("{object} holds no sealing key that can be read: nothing can be sealed"),
            format!(
                "restart the controller, which writes it: `kubectl -n {} rollout restart \
                 deploy/kliv-secrets-controller`",
                install.namespace
            ),
        ),
        Found::Absent => add(
            found,
            format!("{object} is not there: nothing can be sealed"),
            "the controller makes it together with the keyring: its log says why it did not",
        ),
        Found::Unknown(why) => unknown(found, &object, why),
    }
}

fn webhook(install: &Install, found: &mut Vec<Finding>) {
    let object = "MutatingWebhookConfiguration kliv-secrets";
    match &install.webhook {
        Found::Here(true) => {}
        Found::Here(false) => add(
            found,
            format!(
                "{object} has no caBundle: the API server trusts no certificate of the webhook's"
            ),
            "the controller fills it in within a minute of the install, or cert-manager where it makes \
             the certificate: its log says why it did not",
        ),
        Found::Absent => {
            add(found, format!("{object} is not there: no value can be written"), INSTALL)
        }
        Found::Unknown(why) => unknown(found, object, why),
    }
}

fn written(install: &Install, found: &mut Vec<Finding>) {
    match &install.written {
        Written::Sealed(id) => {
            if let Found::Here(Some(published)) = &install.sealing_key
                && published != id
            {
                add(
                    found,
                    format!("the webhook seals with key {id}, and the published one is {published}"),
                    format!(
                        "within two minutes of a change of keys this is usual; else restart the webhook: \
                         `kubectl -n {} rollout restart deploy/kliv-secrets-webhook`",
                        install.namespace
                    ),
                );
            }
        }
        Written::Unsealed => add(
            found,
            "a value that was written as a dry run came back, and not sealed: it would be stored in the clear".into(),
            format!("let nobody write values until this is mended: {INSTALL}"),
        ),
        // With another finding this is a consequence.
        Written::RefusedUnsealed if found.iter().any(|other| other.level == Level::Error) => {}
        Written::RefusedUnsealed => add(
            found,
            "the API server does not reach the webhook, or does not trust its certificate: no value can be written".into(),
            format!(
                "look at the caBundle of MutatingWebhookConfiguration kliv-secrets, at the Service \
                 kliv-secrets-webhook in namespace {} and at network policies; the API server's log says which",
                install.namespace
            ),
        ),
        Written::NotTried(why) => found.push(Finding {
            level: Level::NotSeen,
            what: format!("can't try to write a KlivSecret: {why}"),
            way_out: "give whoever asks the right to create KlivSecrets in that account".into(),
        }),
        Written::Refused(why) => {
            add(
                found,
                format!("a KlivSecret could not be written, not even as a dry run: {why}"),
                "where the text above does not help: which policies or webhooks of others act on KlivSecrets?",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Install {
        Install {
            namespace: "ours".into(),
            crds: vec![("klivsecrets.secrets.kliv.dev", Found::Here(true))],
            policies: vec![("ValidatingAdmissionPolicy", "kliv-secrets-stamps", Found::Here(true))],
            webhook: Found::Here(true),
            sealing_key: Found::Here(Some("k1".into())),
            parts: vec![
                ("controller", Found::Here(Part { wanted: 2, ready: 2 })),
                ("webhook", Found::Here(Part { wanted: 2, ready: 1 })),
            ],
            written: Written::Sealed("k1".into()),
        }
    }

    /// The one finding of an install that is sound but for this.
    fn only(broken: impl FnOnce(&mut Install)) -> String {
        let mut install = sound();
        broken(&mut install);
        let found = findings(&install);
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].to_string()
    }

    #[test]
    fn a_sound_install_has_no_findings() {
        assert_eq!(findings(&sound()), []);
    }

    #[test]
    fn each_thing_that_is_wrong_is_named_with_its_way_out() {
        let absent = only(|i| i.crds[0].1 = Found::Absent);
        assert!(absent.contains("klivsecrets.secrets.kliv.dev is not there"), "{absent}");
        assert!(absent.contains("crds.install=true"), "{absent}");
        let unbound = only(|i| i.policies[0].2 = Found::Here(false));
        assert!(unbound.contains("ValidatingAdmissionPolicyBinding kliv-secrets-stamps"));
        let down = only(|i| i.parts[1].1 = Found::Here(Part { wanted: 2, ready: 0 }));
        assert!(down.contains("0 of 2 replicas ready: no value can be written"), "{down}");
        assert!(down.contains("kubectl -n ours logs deploy/kliv-secrets-webhook"), "{down}");
        let other_key = only(|i| i.written = Written::Sealed("k2".into()));
        assert!(other_key.contains("seals with key k2, and the published one is k1"));
        let untrusted = only(|i| i.written = Written::RefusedUnsealed);
        assert!(untrusted.contains("does not trust its certificate"), "{untrusted}");
        let open = only(|i| i.written = Written::Unsealed);
        assert!(open.contains("in the clear"), "{open}");
    }

    #[test]
    fn what_follows_from_another_finding_is_not_told_beside_it() {
        let down = only(|i| {
            i.webhook = Found::Here(false);
            i.written = Written::RefusedUnsealed;
        });
        assert!(down.contains("has no caBundle"), "{down}");
    }

    #[test]
    fn what_could_not_be_looked_at_hides_no_error() {
        let mut install = sound();
        install.webhook = Found::Unknown("forbidden (403)".into());
        install.written = Written::RefusedUnsealed;
        let levels: Vec<Level> = findings(&install).iter().map(|f| f.level).collect();
        assert_eq!(levels, [Level::NotSeen, Level::Error]);
        install.written = Written::NotTried("forbidden (403)".into());
        assert!(findings(&install).iter().all(|f| f.level == Level::NotSeen));
    }

    #[test]
    fn what_could_not_be_looked_at_is_a_finding() {
        let unknown = only(|i| i.webhook = Found::Unknown("forbidden (403)".into()));
        assert!(unknown.contains("can't look at MutatingWebhookConfiguration"), "{unknown}");
        assert!(unknown.contains("forbidden (403)"), "{unknown}");
    }
}
