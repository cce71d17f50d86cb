//! What only a person asks: versions, the leader, the caller's own rights, and what the
//! API server keeps of values. Pure.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::certificate::{self, Good};
use super::findings::{Finding, Found, unseen};
use super::trouble::{Object, Trouble};

/// The oldest Kubernetes with all that the guards need.
pub(super) const OLDEST_MINOR: u32 = 33;
/// Clocks of two machines may differ by so much.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// What was seen around the install.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The operator's namespace.
    pub namespace: String,
    /// The account, a namespace; empty where none was named.
    pub account: String,
    /// Kubernetes' minor version, where it says one.
    pub kubernetes: Option<u32>,
    /// The version of whoever asks.
    pub asker: &'static str,
    /// The version of each part of the operator, as its Deployment is labelled.
    pub versions: Vec<(&'static str, Found<Option<String>>)>,
    /// Until when the certificate is good that the webhook serves.
    pub serving: Found<Timestamp>,
    /// Until when the authorities are good that the API server trusts the webhook by.
    pub authorities: Found<Vec<Timestamp>>,
    /// Who leads.
    pub leader: Found<Leader>,
    /// What the caller may do in the account.
    pub rights: Vec<(Right, Found<bool>)>,
    /// What the API server keeps.
    pub server: Server,
    /// Published sets of the account that nobody keeps a record of.
    pub orphaned: Found<Vec<String>>,
}

/// The leader's Lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leader {
    /// Whether somebody holds it.
    pub held: bool,
    /// When it was last renewed.
    pub renewed: Option<Timestamp>,
    /// For how long that is good.
    pub lasts: SignedDuration,
}

/// One right, and what it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Right {
    /// `get`, `list` …
    pub verb: &'static str,
    /// The API group.
    pub group: &'static str,
    /// The resource.
    pub resource: &'static str,
    /// What it is for.
    pub serves: &'static str,
}

impl Right {
    /// The chart's role that gives it; none where that is one of Kubernetes' own.
    #[must_use]
    pub fn role(&self) -> Option<&'static str> {
        match (self.resource, self.verb) {
            ("deployments", _) => None,
            (_, "get" | "list" | "watch") => Some("kliv-secrets-viewer"),
            _ => Some("kliv-secrets-editor"),
        }
    }
}

/// The rights that a caller's verbs need in an account.
pub const RIGHTS: [Right; 12] = [
    right("get", "secrets.kliv.dev", "klivsecrets", "describe, history, and all that write"),
    right("list", "secrets.kliv.dev", "klivsecrets", "list, import, rotate --due"),
    right("watch", "secrets.kliv.dev", "klivsecrets", "list -w"),
    right("create", "secrets.kliv.dev", "klivsecrets", "set, import and request of new names"),
    right("patch", "secrets.kliv.dev", "klivsecrets", "set, rotate, rollback, answer"),
    right("delete", "secrets.kliv.dev", "klivsecrets", "delete"),
    right("get", "secrets.kliv.dev", "klivaccounts", "status, and waiting for a rollout"),
    right("list", "secrets.kliv.dev", "klivauditevents", "audit"),
    right("watch", "secrets.kliv.dev", "klivauditevents", "audit -w"),
    right("list", "apps", "deployments", "status, and which functions have a secret"),
    right("get", "apps", "deployments", "rollout"),
    right("patch", "apps", "deployments", "rollout"),
];

const fn right(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    serves: &'static str,
) -> Right {
    Right { verb, group, resource, serves }
}

/// What an API server keeps of values, as far as the caller can see.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Server {
    /// Whether Secrets are encrypted in etcd.
    pub encrypts: Option<bool>,
    /// Whether its audit log has the content of some requests.
    pub logs_content: Option<bool>,
}

impl Server {
    /// From the page of metrics of one API server, which the caller could read.
    #[must_use]
    pub fn of_metrics(page: &str) -> Self {
        let encrypts = page.lines().any(|line| {
            line.starts_with("apiserver_storage_transformation_operations_total{")
                && line.contains("resource=\"secrets\"")
                && line.contains("transformer_prefix=\"k8s:enc:")
        });
        let mut levels =
            page.lines().filter(|line| line.starts_with("apiserver_audit_level_total"));
        let logs_content = levels.any(|line| line.contains("level=\"Request") && !is_zero(line));
        Self { encrypts: Some(encrypts), logs_content: Some(logs_content) }
    }

    /// From the arguments of the API servers that run as pods, where the caller could see any.
    #[must_use]
    pub fn of_arguments<'a>(servers: impl Iterator<Item = Vec<&'a str>>) -> Self {
        let (mut seen, mut encrypts, mut audits) = (false, true, false);
        for arguments in servers {
            let has = |flag: &str| arguments.iter().any(|argument| argument.starts_with(flag));
            seen = true;
            encrypts &= has("--encryption-provider-config");
            audits |= has("--audit-policy-file");
        }
        // A policy says more than that there is one.
        let logs_content = (seen && !audits).then_some(false);
        Self { encrypts: seen.then_some(encrypts), logs_content }
    }

    /// What this shows, else what `other` does.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            encrypts: self.encrypts.or(other.encrypts),
            logs_content: self.logs_content.or(other.logs_content),
        }
    }
}

fn is_zero(line: &str) -> bool {
    line.rsplit(' ').next() == Some("0")
}

/// What is sound, one line each.
#[must_use]
pub fn facts(seen: &Surroundings, now: Timestamp) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(minor) = seen.kubernetes {
        facts.push(format!("Kubernetes 1.{minor}, kubectl-kliv {}", seen.asker));
    }
    facts.extend(certificate::fact(&seen.serving, &seen.authorities, now));
    if let Found::Here(leader) = &seen.leader
        && leader.leads(now)
    {
        facts.push("a controller leads".into());
    }
    if seen.server.encrypts == Some(true) {
        facts.push("Secrets are encrypted at rest".into());
    }
    if seen.server.logs_content == Some(false) {
        facts.push("the API server's audit log has no content of requests".into());
    }
    facts
}

/// What is wrong around the install, or could be better.
#[must_use]
pub fn findings_around(seen: &Surroundings, now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    versions(seen, &mut found);
    certificate::rules(&seen.serving, &seen.authorities, now, &mut found);
    leader(seen, now, &mut found);
    rights(seen, &mut found);
    server(seen, &mut found);
    orphaned(seen, &mut found);
    found
}

fn versions(seen: &Surroundings, found: &mut Vec<Finding>) {
    if let Some(minor) = seen.kubernetes.filter(|minor| *minor < OLDEST_MINOR) {
        found.push(Trouble::OldKubernetes(minor).into());
    }
    for (part, version) in &seen.versions {
        // Absent is a finding of the install's.
        if let Found::Here(Some(version)) = version
            && version != seen.asker
        {
            let version = version.clone();
            found.push(Trouble::AnotherVersion { part, version, asker: seen.asker }.into());
        }
    }
}

impl Leader {
    /// Whether somebody leads now.
    #[must_use]
    pub fn leads(&self, now: Timestamp) -> bool {
        let good = self.lasts.saturating_add(SKEW);
        self.held && self.renewed.is_some_and(|renewed| now.duration_since(renewed) <= good)
    }
}

impl Surroundings {
    /// For how long the webhook's certificate is good, as far as that can be seen.
    #[must_use]
    pub fn certificate(&self, now: Timestamp) -> Option<Good> {
        certificate::good(&self.serving, &self.authorities, now)
    }
}

fn leader(seen: &Surroundings, now: Timestamp, found: &mut Vec<Finding>) {
    match &seen.leader {
        Found::Here(leader) if leader.leads(now) => {}
        Found::Here(_) | Found::Absent => found.push(Trouble::NoLeader.into()),
        Found::Unknown(why) => found.push(unseen(Object::Lease, why)),
    }
}

fn rights(seen: &Surroundings, found: &mut Vec<Finding>) {
    for (right, may) in &seen.rights {
        match may {
            Found::Here(false) => {
                found.push(Trouble::NoRight(*right, seen.account.clone()).into());
            }
            Found::Here(true) | Found::Absent => {}
            Found::Unknown(why) => found.push(unseen(Object::Right(*right), why)),
        }
    }
}

fn server(seen: &Surroundings, found: &mut Vec<Finding>) {
    match seen.server.encrypts {
        Some(true) => {}
        Some(false) => found.push(Trouble::NotEncrypted.into()),
        None => found.push(Trouble::EncryptionUnseen.into()),
    }
    match seen.server.logs_content {
        Some(false) => {}
        Some(true) => found.push(Trouble::LogsContent.into()),
        None => found.push(Trouble::LogUnseen.into()),
    }
}

fn orphaned(seen: &Surroundings, found: &mut Vec<Finding>) {
    let account = &seen.account;
    match &seen.orphaned {
        Found::Here(sets) => {
            for set in sets {
                let (set, account) = (set.clone(), account.clone());
                let namespace = seen.namespace.clone();
                found.push(Trouble::Orphaned { set, account, namespace }.into());
            }
        }
        Found::Absent => {}
        Found::Unknown(why) => found.push(unseen(Object::Sets(account.clone()), why)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings::Level;
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn sound() -> Surroundings {
        let lasts = SignedDuration::from_secs(15);
        Surroundings {
            namespace: "ours".into(),
            account: "acme".into(),
            kubernetes: Some(37),
            asker: "0.1.0",
            versions: vec![("controller", Found::Here(Some("0.1.0".into())))],
            serving: Found::Absent,
            authorities: Found::Here(vec![NOW + SignedDuration::from_hours(24 * 60)]),
            leader: Found::Here(Leader { held: true, renewed: Some(NOW), lasts }),
            rights: RIGHTS.map(|right| (right, Found::Here(true))).to_vec(),
            server: Server { encrypts: Some(true), logs_content: Some(false) },
            orphaned: Found::Here(Vec::new()),
        }
    }

    fn only(broken: impl FnOnce(&mut Surroundings)) -> (Level, String) {
        let mut seen = sound();
        broken(&mut seen);
        let found = findings_around(&seen, NOW);
        assert_eq!(found.len(), 1, "{found:#?}");
        (found[0].level, found[0].to_string())
    }

    #[test]
    fn what_is_sound_has_no_findings_and_is_told() {
        assert_eq!(findings_around(&sound(), NOW), []);
        let facts = facts(&sound(), NOW);
        assert!(facts.contains(&"the webhook's certificate is trusted for 60 more days".into()));
        assert_eq!(facts.len(), 5, "{facts:?}");
    }

    #[test]
    fn what_stops_values_is_an_error_and_what_could_be_better_is_advice() {
        let (level, _) = only(|s| s.leader = Found::Absent);
        assert_eq!(level, Level::Error);
        let (level, said) = only(|s| s.kubernetes = Some(32));
        assert!(level == Level::Error && said.contains("1.32 is older than 1.33"), "{said}");
        let without = |verb: &str, resource: &str| {
            only(|s| {
                let mut rights = s.rights.iter_mut();
                let right = rights.find(|(r, _)| (r.verb, r.resource) == (verb, resource));
                right.unwrap().1 = Found::Here(false);
            })
        };
        let (level, said) = without("create", "klivsecrets");
        assert!(level == Level::Advice && said.contains("may not create klivsecrets in acme"));
        assert!(said.contains("kliv-secrets-editor"), "{said}");
        for verb in ["get", "watch"] {
            let (_, said) = without(verb, "klivsecrets");
            assert!(said.contains("kliv-secrets-viewer"), "{said}");
        }
        assert!(without("get", "deployments").1.contains("rollout"));
        let (level, said) = only(|s| s.orphaned = Found::Here(vec!["kliv-env-a".into()]));
        assert!(level == Level::Advice && said.contains("delete secret kliv-env-a"), "{said}");
        let (level, said) = only(|s| s.versions[0].1 = Found::Here(Some("0.0.9".into())));
        assert!(level == Level::Advice && said.contains("version 0.0.9"), "{said}");
    }

    #[test]
    fn a_leader_that_no_longer_renews_does_not_lead() {
        let stale = only(|s| {
            let lasts = SignedDuration::from_secs(15);
            let renewed = NOW.checked_sub(SignedDuration::from_secs(76)).unwrap();
            s.leader = Found::Here(Leader { held: true, renewed: Some(renewed), lasts });
        });
        assert_eq!(stale.0, Level::Error);
    }

    #[test]
    fn what_the_caller_may_not_see_is_not_seen_and_says_how_to_check() {
        for (level, said) in [
            only(|s| s.server.encrypts = None),
            only(|s| s.server.logs_content = None),
            only(|s| s.leader = Found::Unknown("no (403)".into())),
            only(|s| s.orphaned = Found::Unknown("no (403)".into())),
        ] {
            assert_eq!(level, Level::NotSeen, "{said}");
        }
        let (_, said) = only(|s| s.server.encrypts = None);
        assert!(said.contains("--encryption-provider-config"), "{said}");
    }

    #[test]
    fn an_api_servers_metrics_tell_whether_it_encrypts_and_logs_content() {
        let page = "# HELP\napiserver_audit_level_total{level=\"Metadata\"} 12\n\
                    apiserver_audit_level_total{level=\"Request\"} 0\n";
        assert_eq!(
            Server::of_metrics(page),
            Server { encrypts: Some(false), logs_content: Some(false) }
        );
        let page = "apiserver_audit_level_total{level=\"RequestResponse\"} 3\n\
                    apiserver_storage_transformation_operations_total{resource=\"secrets\",status=\"OK\",transformation_type=\"to_storage\",transformer_prefix=\"k8s:enc:aescbc:v1:\"} 9\n";
        assert_eq!(
            Server::of_metrics(page),
            Server { encrypts: Some(true), logs_content: Some(true) }
        );
    }

    #[test]
    fn an_api_servers_arguments_tell_less() {
        let none: [Vec<&str>; 0] = [];
        assert_eq!(Server::of_arguments(none.into_iter()), Server::default());
        let plain = [vec!["kube-apiserver", "--secure-port=6443"]];
        let seen = Server::of_arguments(plain.into_iter());
        assert_eq!(seen, Server { encrypts: Some(false), logs_content: Some(false) });
        let full = [vec!["--encryption-provider-config=/a", "--audit-policy-file=/b"]];
        let seen = Server::of_arguments(full.into_iter());
        assert_eq!(seen, Server { encrypts: Some(true), logs_content: None });
    }
}
