//! What of an account needs somebody. Pure.

use super::super::words::accounts::Accounts as Words;
use super::super::words::state::State;
use super::secrets_rows::is_stuck;
use crate::account::{due, waiting};
use crate::api::condition::Reason;
use crate::api::{FunctionReport, KlivSecret};

use super::super::words::state::reason;

/// An account, as the list shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) account: String,
    /// Nothing where the person may not look.
    pub(super) seen: Option<Seen>,
}

/// What is seen of an account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Seen {
    pub(super) secrets: usize,
    /// How many functions have the current values, in words; empty where there is none.
    pub(super) functions: String,
    pub(super) attention: Vec<Attention>,
}

/// Something that needs somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Attention {
    pub(super) words: String,
    /// Where, after the account's address.
    pub(super) place: &'static str,
    pub(super) tone: &'static str,
}

impl Seen {
    pub(super) fn of(secrets: &[KlivSecret], functions: &FunctionReport, t: &Words) -> Self {
        let count = |takes: &dyn Fn(&KlivSecret) -> bool| {
            secrets.iter().filter(|secret| takes(secret)).count()
        };
        let waits = count(&|secret| waiting(secret).is_ok());
        let stuck = |secret: &KlivSecret| is_stuck(State::of(secret));
        let closed =
            count(&|secret| stuck(secret) && reason(secret) == Some(Reason::DecryptionFailed));
        let others = count(&stuck) - closed;
        let due = count(&|secret| due(secret).is_some());
        let behind = usize::try_from(functions.total.saturating_sub(functions.updated));
        let all = [
            (closed, t.closed, "?state=stuck", "bad"),
            (others, t.stuck, "?state=stuck", "bad"),
            (waits, t.waits, "/requests", "warn"),
            (due, t.due, "?state=due", "warn"),
            (behind.unwrap_or(0), t.behind, "#functions", "warn"),
        ];
        let some = all.into_iter().filter(|(count, ..)| *count > 0);
        Self {
            secrets: secrets.len(),
            functions: match functions.total {
                ..=0 => String::new(),
                total => (t.current)(functions.updated, total),
            },
            attention: some
                .map(|(count, words, place, tone)| Attention { words: words(count), place, tone })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::words::accounts::{EN, SV};
    use super::*;

    fn secret(reason: &str, request: bool, version: Option<i64>, warning: &str) -> KlivSecret {
        let request = request.then(|| json!({ "purpose": "to send receipts" }));
        serde_json::from_value(json!({
            "metadata": { "name": "a", "generation": 1 },
            "spec": { "envVar": "A", "request": request },
            "status": {
                "observedGeneration": 1, "version": version,
                "warnings": [{ "reason": warning, "message": "" }],
                "conditions": [{
                    "type": "Ready", "status": "False", "reason": reason, "message": "",
                    "lastTransitionTime": "2026-11-24T10:00:00Z",
                }],
            },
        }))
        .unwrap()
    }

    fn told(secrets: &[KlivSecret], total: i32, updated: i32, t: &Words) -> Vec<String> {
        let report = FunctionReport { total, updated, not_updated: Vec::new() };
        let seen = Seen::of(secrets, &report, t);
        seen.attention.into_iter().map(|one| format!("{} {}", one.words, one.place)).collect()
    }

    #[test]
    fn an_account_tells_what_needs_somebody_and_where() {
        let secrets = [
            secret("Published", false, Some(1), "Unused"),
            secret("Published", false, Some(1), "RotationDue"),
            secret("AwaitingValue", true, None, "AwaitingValue"),
            secret("DecryptionFailed", false, None, "Unused"),
            secret("DecryptionFailed", false, Some(1), "Unused"),
            secret("LimitExceeded", false, None, "Unused"),
        ];
        let english = [
            "2 values don't open ?state=stuck",
            "1 value not in use ?state=stuck",
            "1 request waits /requests",
            "1 new value due ?state=due",
            "2 functions behind #functions",
        ];
        assert_eq!(told(&secrets, 3, 1, &EN), english);
        let swedish = told(&secrets, 3, 1, &SV);
        assert_eq!(swedish[0], "2 värden går inte att öppna ?state=stuck");
        assert_eq!(swedish[4], "2 funktioner ligger efter #functions");
    }

    #[test]
    fn an_account_where_all_is_well_needs_nobody() {
        let secrets = [secret("Published", false, Some(1), "NoDescription")];
        assert!(told(&secrets, 2, 2, &EN).is_empty());
        assert!(told(&[], 0, 0, &EN).is_empty());
    }
}
