//! Numbers for Prometheus. No account's and no secret's name is a label: who may read
//! metrics need not know them.

use std::{fmt, sync::Arc, time::Duration};

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
    leader: Gauge,
    keys: Gauge,
    former: Family<Part, Gauge>,
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
            leader: Gauge::default(),
            keys: Gauge::default(),
            former: Family::default(),
        };
        let Inner {
            registry,
            reconciles,
            reconcile_seconds,
            writes,
            refusals,
            reviews,
            leader,
            keys,
            former,
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
        registry.register("leader", "1 on the replica that leads, else 0", leader.clone());
        registry.register("keyring_keys", "Keys that can open, active and retired", keys.clone());
        registry.register(
            "sealed_with_former_keys",
            "KlivSecrets sealed with a key that is not the current one: their value, or only \
             earlier versions in their history",
            former.clone(),
        );
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
    /// a webhook or for want of rights, `invalid` for its schema.
    pub fn refused(&self, kind: &'static str, why: &'static str) {
        self.0.refusals.get_or_create(&Refusal { kind, why }).inc();
    }

    /// The front door answered, `allowed`, `untouched` or `refused`.
    pub fn reviewed(&self, result: &'static str) {
        self.0.reviews.get_or_create(&Outcome { result }).inc();
    }

    /// This replica leads, or no more.
    pub fn leads(&self, leads: bool) {
        self.0.leader.set(i64::from(leads));
    }

    /// The keyring holds so many keys.
    pub fn keyring_keys(&self, count: usize) {
        self.0.keys.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// So many KlivSecrets have their value sealed with a former key, and so many others an
    /// earlier version of it.
    pub fn sealed_with_former_keys(&self, values: usize, history: usize) {
        for (part, count) in [("value", values), ("history", history)] {
            let gauge = self.0.former.get_or_create(&Part { part });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
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
}
