//! What is wrong with an install, and the way out. Pure.

use std::fmt;

use super::trouble::{Object, Place, Policy, Trouble};

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
    /// No account was named to try it in.
    NoAccount,
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
    /// What it is.
    pub trouble: Trouble,
}

impl From<Trouble> for Finding {
    fn from(trouble: Trouble) -> Self {
        Self { level: trouble.level(), trouble }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n    {}", self.trouble.what(), self.trouble.way_out())
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

/// Where it can't be told whether something is there.
pub(super) fn unseen(object: Object, why: &str) -> Finding {
    Trouble::Unseen(object, why.to_owned()).into()
}

fn crds(install: &Install, found: &mut Vec<Finding>) {
    for (name, crd) in &install.crds {
        found.extend(match crd {
            Found::Here(true) => None,
            Found::Here(false) => Some(Trouble::CrdNotServed(name).into()),
            Found::Absent => Some(Trouble::CrdAbsent(name).into()),
            Found::Unknown(why) => Some(unseen(Object::Crd(name), why)),
        });
    }
}

fn policies(install: &Install, found: &mut Vec<Finding>) {
    for &(kind, name, ref state) in &install.policies {
        let policy = Policy { kind, name };
        found.extend(match state {
            Found::Here(true) => None,
            Found::Here(false) => Some(Trouble::PolicyUnbound(policy).into()),
            Found::Absent => Some(Trouble::PolicyAbsent(policy).into()),
            Found::Unknown(why) => Some(unseen(Object::Policy(policy), why)),
        });
    }
}

fn parts(install: &Install, found: &mut Vec<Finding>) {
    for (part, replicas) in &install.parts {
        let place = Place { part, namespace: install.namespace.clone() };
        found.extend(match replicas {
            Found::Here(Part { wanted: 0, .. }) => Some(Trouble::PartStopped(place).into()),
            Found::Here(Part { wanted, ready: 0 }) => {
                Some(Trouble::PartNotReady(place, *wanted).into())
            }
            Found::Here(_) => None,
            Found::Absent => Some(Trouble::PartAbsent(place).into()),
            Found::Unknown(why) => Some(unseen(Object::Part(place), why)),
        });
    }
}

fn sealing_key(install: &Install, found: &mut Vec<Finding>) {
    let namespace = install.namespace.clone();
    found.extend(match &install.sealing_key {
        Found::Here(Some(_)) => None,
        Found::Here(None) => Some(Trouble::KeyUnreadable(namespace).into()),
        Found::Absent => Some(Trouble::KeyAbsent(namespace).into()),
        Found::Unknown(why) => Some(unseen(Object::Key(namespace), why)),
    });
}

fn webhook(install: &Install, found: &mut Vec<Finding>) {
    found.extend(match &install.webhook {
        Found::Here(true) => None,
        Found::Here(false) => Some(Trouble::WebhookUntrusted.into()),
        Found::Absent => Some(Trouble::WebhookAbsent.into()),
        Found::Unknown(why) => Some(unseen(Object::Webhook, why)),
    });
}

fn written(install: &Install, found: &mut Vec<Finding>) {
    let namespace = install.namespace.clone();
    let trouble = match &install.written {
        Written::Sealed(sealed) => match &install.sealing_key {
            Found::Here(Some(published)) if published != sealed => {
                let (sealed, published) = (sealed.clone(), published.clone());
                Some(Trouble::AnotherKey { sealed, published, namespace })
            }
            _ => None,
        },
        Written::Unsealed => Some(Trouble::StoredInTheClear),
        // With another finding this is a consequence.
        Written::RefusedUnsealed if found.iter().any(|other| other.level == Level::Error) => None,
        Written::RefusedUnsealed => Some(Trouble::WebhookNotReached(namespace)),
        Written::NoAccount => None,
        Written::NotTried(why) => Some(Trouble::NotTried(why.clone())),
        Written::Refused(why) => Some(Trouble::NotWritten(why.clone())),
    };
    found.extend(trouble.map(Finding::from));
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
