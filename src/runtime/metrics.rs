//! Numbers for Prometheus. No account's and no secret's name is a label: who may read
//! metrics need not know them.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::Registry,
};

/// Where the rooms count what they do. Clones count into the same numbers.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    reconciles: Family<Outcome, Counter>,
    reconcile_seconds: Histogram,
    writes: Family<Write, Counter>,
    refusals: Family<Refusal, Counter>,
    reviews: Family<Outcome, Counter>,
    deletes: Family<Outcome, Counter>,
    calls: Family<Outcome, Counter>,
    web_refusals: Family<Cause, Counter>,
    sign_ins: Family<SignIn, Counter>,
    mcp_refusals: Family<Cause, Counter>,
    mcp_calls: Family<Call, Counter>,
    leader: Gauge,
    keys: Gauge,
    former: Family<Part, Gauge>,
    ready: Family<Process, Gauge>,
    certificate_starts: Family<NoLabel, Gauge>,
    certificate_ends: Family<NoLabel, Gauge>,
    tally: Tallied,
}

/// What only the leader knows: of all others these have no series at all, so that a sum
/// over replicas is right.
#[derive(Clone, Default)]
struct Tallied {
    accounts: Family<State, Gauge>,
    secrets: Family<Reason, Gauge>,
    functions: Family<State, Gauge>,
    warnings: Family<Reason, Gauge>,
    last_success: Family<NoLabel, Gauge>,
}

/// What the leader knows of all accounts, in numbers. The words are of closed sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Accounts by how their last run ended.
    pub accounts: BTreeMap<&'static str, usize>,
    /// KlivSecrets by the reason of their condition `Ready`.
    pub secrets: BTreeMap<&'static str, usize>,
    /// Functions that get a set, by how far they are with the current one.
    pub functions: BTreeMap<&'static str, usize>,
    /// What is odd about KlivSecrets, by reason.
    pub warnings: BTreeMap<&'static str, usize>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Part {
    part: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Write {
    kind: &'static str,
    verb: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Refusal {
    kind: &'static str,
    why: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Cause {
    why: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SignIn {
    way: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Call {
    tool: String,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Process {
    process: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// A family of one number, which is not shown until it is known.
type NoLabel = [(&'static str, &'static str); 0];

impl Metrics {
    /// All numbers at zero. To add one: a field above, its registration here, and a
    /// method that says in words what is counted.
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("kliv_secrets"),
            reconciles: Family::default(),
            reconcile_seconds: Histogram::new([0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0]),
            writes: Family::default(),
            refusals: Family::default(),
            reviews: Family::default(),
            deletes: Family::default(),
            calls: Family::default(),
            web_refusals: Family::default(),
            sign_ins: Family::default(),
            mcp_refusals: Family::default(),
            mcp_calls: Family::default(),
            leader: Gauge::default(),
            keys: Gauge::default(),
            former: Family::default(),
            ready: Family::default(),
            certificate_starts: Family::default(),
            certificate_ends: Family::default(),
            tally: Tallied::default(),
        };
        let Inner {
            registry,
            reconciles,
            reconcile_seconds,
            writes,
            refusals,
            reviews,
            deletes,
            calls,
            web_refusals,
            sign_ins,
            mcp_refusals,
            mcp_calls,
            leader,
            keys,
            former,
            ready,
            certificate_starts,
            certificate_ends,
            tally,
        } = &mut inner;
        registry.register(
            "build",
            "The version",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register("reconciles", "Accounts gone through, by result", reconciles.clone());
        registry.register(
            "reconcile_seconds",
            "How long it took to go through an account",
            reconcile_seconds.clone(),
        );
        registry.register("writes", "Writes to the API server, by kind and verb", writes.clone());
        registry.register(
            "refused_writes",
            "Writes that the API server refused, by kind and why",
            refusals.clone(),
        );
        registry.register(
            "admission_reviews",
            "Writes seen at the front door, by result",
            reviews.clone(),
        );
        registry.register(
            "deletes_seen",
            "Deletes seen at the front door, by what became of the word of who did it",
            deletes.clone(),
        );
        registry.register(
            "refused_calls_seen",
            "Refused calls of agents that the front door was told of, by what became of the word",
            calls.clone(),
        );
        registry.register(
            "web_refused",
            "Requests that the web server turned away before any page, by why",
            web_refusals.clone(),
        );
        registry.register(
            "web_sign_ins",
            "Sign-ins at the web server, by way and result",
            sign_ins.clone(),
        );
        registry.register(
            "mcp_refused",
            "Requests that the agents' server turned away before any tool, by why",
            mcp_refusals.clone(),
        );
        registry.register(
            "mcp_calls",
            "Calls of tools at the agents' server, by tool and how they ended",
            mcp_calls.clone(),
        );
        registry.register("leader", "1 on the replica that leads, else 0", leader.clone());
        registry.register("keyring_keys", "Keys that can open, active and retired", keys.clone());
        registry.register(
            "sealed_with_former_keys",
            "KlivSecrets sealed with a key that is not the current one: their value, or only \
             earlier versions in their history",
            former.clone(),
        );
        registry.register("ready", "1 when the process is ready for work, else 0", ready.clone());
        registry.register(
            "certificate_start_timestamp_seconds",
            "Since when the certificate is good that the webhook serves with",
            certificate_starts.clone(),
        );
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When the certificate ends that the webhook serves with",
            certificate_ends.clone(),
        );
        tally.register(registry);
        // A count that begins with the first loss shows no increase.
        drop(deletes.get_or_create(&Outcome { result: "lost" }));
        drop(calls.get_or_create(&Outcome { result: "lost" }));
        Self(Arc::new(inner))
    }

    /// An account was gone through.
    pub fn reconciled(&self, ok: bool, took: Duration) {
        let result = if ok { "ok" } else { "error" };
        self.0.reconciles.get_or_create(&Outcome { result }).inc();
        self.0.reconcile_seconds.observe(took.as_secs_f64());
    }

    /// Something was written to the API server, e.g. `("Secret", "create")`.
    pub fn wrote(&self, kind: &'static str, verb: &'static str) {
        self.0.writes.get_or_create(&Write { kind, verb }).inc();
    }

    /// The API server refused a write: `altered` by another mutator, `forbidden` by a policy,
    /// a webhook or for want of rights, `invalid` for its schema; or it took it and kept nothing
    /// of it, `dropped`.
    pub fn refused(&self, kind: &'static str, why: &'static str) {
        self.0.refusals.get_or_create(&Refusal { kind, why }).inc();
    }

    /// The front door answered, `allowed`, `untouched` or `refused`, or could not:
    /// `unreadable`.
    pub fn reviewed(&self, result: &'static str) {
        self.0.reviews.get_or_create(&Outcome { result }).inc();
    }

    /// A delete was seen at the front door, and who did it was `recorded`, or is `lost`: then
    /// the audit trail says that nobody could see it.
    pub fn delete_seen(&self, result: &'static str) {
        self.0.deletes.get_or_create(&Outcome { result }).inc();
    }

    /// The front door was told of a refused call of an agent, and that was `recorded`, or is
    /// `lost`.
    pub fn refused_call_seen(&self, result: &'static str) {
        self.0.calls.get_or_create(&Outcome { result }).inc();
    }

    /// The web server turned a request away: `host`, `site`, `method`, `content_type`, `rate`,
    /// `streams`, `size` or `late`.
    pub fn web_refused(&self, why: &'static str) {
        self.0.web_refusals.get_or_create(&Cause { why }).inc();
    }

    /// Somebody signed in at the web server, `ok`, or did not; by `token`, `oidc` or `link`.
    pub fn signed_in(&self, way: &'static str, result: &'static str) {
        self.0.sign_ins.get_or_create(&SignIn { way, result }).inc();
    }

    /// The agents' server turned a request away: for where it was meant for or came from
    /// (`host`, `origin`, `place`, `method`, `query`), for its token (`no_token`, `audience` …),
    /// or for too much (`rate`, `calls`, `size`, `late`).
    pub fn mcp_refused(&self, why: &'static str) {
        self.0.mcp_refusals.get_or_create(&Cause { why }).inc();
    }

    /// A tool that there is was called, and is `done`, `asked` a person first, was `refused`
    /// since something in the call looks like a credential, or `failed`.
    pub fn mcp_called(&self, tool: &str, result: &'static str) {
        self.0.mcp_calls.get_or_create(&Call { tool: tool.to_owned(), result }).inc();
    }

    /// This replica leads, or no more: then what it knew as the leader is not shown any
    /// longer.
    pub fn leads(&self, leads: bool) {
        self.0.leader.set(i64::from(leads));
        if !leads {
            self.0.tally.forget();
            self.0.former.clear();
        }
    }

    /// An account was gone through to the end, just now.
    pub fn succeeded(&self, now: Timestamp) {
        self.0.tally.last_success.get_or_create(&[]).set(now.as_second());
    }

    /// The leader has counted.
    pub fn counted(&self, tally: &Tally) {
        let Tallied { accounts, secrets, functions, warnings, .. } = &self.0.tally;
        for (&state, &count) in &tally.accounts {
            accounts.get_or_create(&State { state }).set(number(count));
        }
        for (&reason, &count) in &tally.secrets {
            secrets.get_or_create(&Reason { reason }).set(number(count));
        }
        for (&state, &count) in &tally.functions {
            functions.get_or_create(&State { state }).set(number(count));
        }
        for (&reason, &count) in &tally.warnings {
            warnings.get_or_create(&Reason { reason }).set(number(count));
        }
    }

    /// The process (`controller`, `webhook`) takes work, or does not.
    pub fn ready(&self, process: &'static str, ready: bool) {
        self.0.ready.get_or_create(&Process { process }).set(i64::from(ready));
    }

    /// The webhook serves with a certificate that is good from then to then.
    pub fn certificate(&self, starts: Timestamp, ends: Timestamp) {
        self.0.certificate_starts.get_or_create(&[]).set(starts.as_second());
        self.0.certificate_ends.get_or_create(&[]).set(ends.as_second());
    }

    /// The keyring holds so many keys.
    pub fn keyring_keys(&self, count: usize) {
        self.0.keys.set(number(count));
    }

    /// So many KlivSecrets have their value sealed with a former key, and so many others an
    /// earlier version of it.
    pub fn sealed_with_former_keys(&self, values: usize, history: usize) {
        for (part, count) in [("value", values), ("history", history)] {
            let gauge = self.0.former.get_or_create(&Part { part });
            gauge.set(number(count));
        }
    }

    /// Everything, in the OpenMetrics text format.
    ///
    /// # Errors
    /// Never, in practice: writing to a string does not fail.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.0.registry)?;
        Ok(out)
    }
}

impl Tallied {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "accounts",
            "Accounts, by how their last run ended",
            self.accounts.clone(),
        );
        registry.register(
            "secrets",
            "KlivSecrets, by the reason of their condition Ready",
            self.secrets.clone(),
        );
        registry.register(
            "functions",
            "Functions that get a set, by how far they are with the current one",
            self.functions.clone(),
        );
        registry.register(
            "warnings",
            "Warnings in the status of KlivSecrets, by reason",
            self.warnings.clone(),
        );
        registry.register(
            "last_reconcile_success_timestamp_seconds",
            "When an account was last gone through to the end",
            self.last_success.clone(),
        );
    }

    fn forget(&self) {
        self.accounts.clear();
        self.secrets.clear();
        self.functions.clear();
        self.warnings.clear();
        self.last_success.clear();
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_into_the_same_numbers() {
        let metrics = Metrics::new();
        metrics.clone().wrote("Secret", "create");
        metrics.clone().reconciled(true, Duration::from_millis(30));
        metrics.clone().leads(true);
        let text = metrics.text().unwrap();
        for line in [
            "kliv_secrets_writes_total{kind=\"Secret\",verb=\"create\"} 1\n",
            "kliv_secrets_reconciles_total{result=\"ok\"} 1\n",
            "kliv_secrets_reconcile_seconds_bucket{le=\"0.1\"} 1\n",
            "kliv_secrets_leader 1\n",
            concat!("kliv_secrets_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n"),
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn what_only_the_leader_knows_is_shown_by_the_leader_only() {
        let metrics = Metrics::new();
        let tallied =
            ["_accounts{", "_secrets{", "_functions{", "_warnings{", "_last_reconcile_success"];
        let shown = |metrics: &Metrics| {
            let page = metrics.text().unwrap();
            let lines = page.lines().filter(|line| !line.starts_with('#'));
            lines.filter(|line| tallied.iter().any(|name| line.contains(name))).count()
        };
        assert_eq!(shown(&metrics), 0);
        metrics.leads(true);
        let one = BTreeMap::from([("Published", 3)]);
        let [accounts, secrets, functions, warnings] = [(); 4].map(|()| one.clone());
        metrics.counted(&Tally { accounts, secrets, functions, warnings });
        metrics.succeeded(Timestamp::UNIX_EPOCH);
        assert_eq!(shown(&metrics), 5);
        metrics.leads(false);
        assert_eq!(shown(&metrics), 0);
    }

    #[test]
    fn what_is_not_known_has_no_number() {
        let metrics = Metrics::new();
        assert!(!metrics.text().unwrap().contains("\nkliv_secrets_certificate_expiry"));
        let ends = "2026-11-24T10:00:00Z".parse().unwrap();
        metrics.certificate(Timestamp::UNIX_EPOCH, ends);
        let line = "\nkliv_secrets_certificate_expiry_timestamp_seconds{} 1795514400\n";
        assert!(metrics.text().unwrap().contains(line), "{}", metrics.text().unwrap());
    }
}
