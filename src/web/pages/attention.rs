//! What of an account needs somebody, counted. Pure.

use super::super::words::accounts::Accounts as Words;
use crate::account::{self, Need, Overview};
use crate::api::condition::Reason;

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

/// What is counted together, in the order that is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matter {
    Unpublished,
    Closed,
    Held,
    Asked,
    Valueless,
    Due,
    Behind,
    Odd,
    Unaudited,
}

impl Matter {
    const ALL: [Self; 9] = [
        Self::Unpublished,
        Self::Closed,
        Self::Held,
        Self::Asked,
        Self::Valueless,
        Self::Due,
        Self::Behind,
        Self::Odd,
        Self::Unaudited,
    ];

    fn of(attention: &account::Attention<'_>) -> Self {
        match attention {
            account::Attention::Unpublished(_) => Self::Unpublished,
            account::Attention::Function(_) => Self::Behind,
            account::Attention::Unaudited => Self::Unaudited,
            account::Attention::Secret(_, need) => match need {
                Need::Held(Some(Reason::DecryptionFailed)) => Self::Closed,
                Need::Held(_) => Self::Held,
                Need::Answer => Self::Asked,
                Need::Value => Self::Valueless,
                Need::Due(_) => Self::Due,
                Need::Odd(_) => Self::Odd,
            },
        }
    }

    fn told(self, count: usize, t: &Words) -> Attention {
        let (words, place, tone) = match self {
            Self::Unpublished => (t.unpublished.to_owned(), "?state=stuck", "bad"),
            Self::Closed => ((t.closed)(count), "?state=stuck", "bad"),
            Self::Held => ((t.held)(count), "?state=stuck", "bad"),
            Self::Asked => ((t.asked)(count), "/requests", "warn"),
            Self::Valueless => ((t.valueless)(count), "?state=waits", "warn"),
            Self::Due => ((t.due)(count), "?state=due", "warn"),
            Self::Behind => ((t.behind)(count), "#functions", "warn"),
            Self::Odd => ((t.odd)(count), "?state=warned", "warn"),
            Self::Unaudited => (t.unaudited.to_owned(), "/audit", "bad"),
        };
        Attention { words, place, tone }
    }
}

impl Seen {
    pub(super) fn of(overview: &Overview<'_>, t: &Words) -> Self {
        let matters: Vec<Matter> = overview.attention.iter().map(Matter::of).collect();
        let counted = Matter::ALL.into_iter().filter_map(|matter| {
            let count = matters.iter().filter(|one| **one == matter).count();
            (count > 0).then(|| matter.told(count, t))
        });
        let functions = &overview.functions;
        Self {
            secrets: overview.secrets,
            functions: match functions.total {
                ..=0 => String::new(),
                total => (t.current)(functions.updated, total),
            },
            attention: counted.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::words::accounts::{EN, SV};
    use super::*;
    use crate::api::{KlivAccount, KlivSecret};

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

    fn account(total: i32, updated: i32, behind: &str) -> KlivAccount {
        serde_json::from_value(json!({
            "metadata": { "name": "default" }, "spec": {},
            "status": { "functions": {
                "total": total, "updated": updated,
                "notUpdated": [{ "name": "mail", "reason": behind }],
            } },
        }))
        .unwrap()
    }

    fn told(secrets: &[KlivSecret], account: &KlivAccount, t: &Words) -> Vec<String> {
        let seen = Seen::of(&Overview::of(secrets, Some(account)), t);
        seen.attention.into_iter().map(|one| format!("{} {}", one.words, one.place)).collect()
    }

    #[test]
    fn an_account_tells_what_needs_somebody_and_where() {
        let secrets = [
            secret("Published", false, Some(1), "Unused"),
            secret("Published", false, Some(1), "RotationDue"),
            secret("AwaitingValue", true, None, "AwaitingValue"),
            secret("DecryptionFailed", false, None, "Unused"),
            secret("DecryptionFailed", false, Some(1), "WhiteSpace"),
            secret("LimitExceeded", false, None, "Unused"),
        ];
        let account = account(3, 1, "RolloutFailed");
        let english = [
            "2 values don't open ?state=stuck",
            "1 value not in use ?state=stuck",
            "1 request waits /requests",
            "1 new value due ?state=due",
            "1 function behind #functions",
            "1 value looks wrong ?state=warned",
        ];
        assert_eq!(told(&secrets, &account, &EN), english);
        let swedish = told(&secrets, &account, &SV);
        assert_eq!(swedish[0], "2 värden går inte att öppna ?state=stuck");
        assert_eq!(swedish[4], "1 funktion ligger efter #functions");
    }

    #[test]
    fn an_account_where_all_is_well_needs_nobody() {
        let secrets = [secret("Published", false, Some(1), "NoDescription")];
        assert!(told(&secrets, &account(2, 1, "RollingOut"), &EN).is_empty());
    }

    #[test]
    fn how_many_functions_have_the_current_values_is_said_where_there_are_any() {
        let seen = |total| Seen::of(&Overview::of(&[], Some(&account(total, 1, "Manual"))), &SV);
        assert_eq!([seen(2).functions, seen(0).functions], ["1 av 2", ""]);
    }
}
