//! On how many functions something is live: told here alone, for the terminal, the web page and
//! agents alike. Pure.
//!
//! Who may look at the account's Deployments is told of the functions that the secret is for: of
//! its environment, that want it (`inject`) and have no entry of their own of its name. One
//! counts when it runs with the current set of its environment. What a former set holds nobody
//! records, so a function that waits for another secret's change does not count until it has
//! taken that. Who may not look is told of all functions of the account, as the operator counts
//! them, and that it is those.

use super::{Reached, Using};
use crate::api::condition::Behind;
use crate::api::{KlivAccountStatus, NotUpdated};

/// How many functions a KlivAccount names that are behind, and we do.
const NAMED: usize = 20;
/// Why a function is behind of which the operator has noted nothing (yet).
const WITHOUT: (&str, &str) = ("Without", "it does not have it yet");
const FORMER: (&str, &str) = ("Former", "it keeps a former set");

/// On how many functions it is live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Functions that run with it.
    pub updated: i32,
    /// Functions that are to.
    pub total: i32,
    /// Which functions are counted.
    pub counted: Counted,
    /// Those that do not, and why; at most 20.
    pub behind: Vec<NotUpdated>,
    /// Whether it goes on by itself.
    pub moves: bool,
}

/// Which functions are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counted {
    /// Those that the secrets are for.
    OfSecrets,
    /// All of the account that take secrets: which of them these are for can't be seen.
    #[default]
    OfAccount,
}

impl Live {
    /// What the account tells, of the functions that were seen to be meant, or of all.
    #[must_use]
    pub fn of(status: &KlivAccountStatus, reached: Option<&[Reached]>) -> Self {
        match reached {
            Some(reached) => Self::of_secrets(status, reached),
            None => Self::of_account(status),
        }
    }

    /// Of all functions of the account, as the operator counts them.
    #[must_use]
    pub fn of_account(status: &KlivAccountStatus) -> Self {
        let report = &status.functions;
        Self {
            updated: report.updated,
            total: report.total,
            counted: Counted::OfAccount,
            behind: report.not_updated.clone(),
            moves: !all_named(status) || report.not_updated.iter().any(rolls_out),
        }
    }

    fn of_secrets(status: &KlivAccountStatus, reached: &[Reached]) -> Self {
        let noted = |name: &str| status.functions.not_updated.iter().find(|n| n.name == name);
        let all: Vec<_> = reached.iter().filter(|r| r.state != Some(Using::Current)).collect();
        let behind = all.iter().map(|one| match noted(&one.function) {
            Some(noted) => noted.clone(),
            None => unnoted(one),
        });
        // What the operator has not noted it has yet to look at, or it would name it.
        let moves = |one: &&Reached| match noted(&one.function) {
            Some(noted) => rolls_out(noted),
            None => one.state == Some(Using::RollingOut) || is_to_be_noted(status),
        };
        Self {
            updated: count(reached.len() - all.len()),
            total: count(reached.len()),
            counted: Counted::OfSecrets,
            behind: behind.take(NAMED).collect(),
            moves: all.iter().any(moves),
        }
    }

    /// Why a function is behind, in a word that is known here.
    #[must_use]
    pub fn why(behind: &NotUpdated) -> Option<&'static str> {
        let known = [WITHOUT.0, FORMER.0].into_iter().find(|word| *word == behind.reason);
        behind.behind().map(Behind::as_str).or(known)
    }

    /// Whether every function runs with it.
    #[must_use]
    pub fn everywhere(&self) -> bool {
        self.updated >= self.total
    }

    /// `live on k of n functions`.
    #[must_use]
    pub fn words(&self) -> String {
        let functions = if self.total == 1 { "function" } else { "functions" };
        let on = format!("live on {} of {} {functions}", self.updated, self.total);
        match (self.counted, self.total) {
            (Counted::OfSecrets, 0) => "live; no function of the account takes it".to_owned(),
            (Counted::OfAccount, 0) => {
                "live; the account has no function that takes secrets".to_owned()
            }
            (Counted::OfSecrets, _) => on,
            (Counted::OfAccount, _) => {
                format!("{on} of the account (which of them it is for can't be seen)")
            }
        }
    }
}

/// Whether each function is named that is behind.
fn all_named(status: &KlivAccountStatus) -> bool {
    let report = &status.functions;
    let named = count(report.not_updated.len());
    report.updated.saturating_add(named) >= report.total || report.not_updated.len() >= NAMED
}

/// Whether a function that is behind would be named. Those that roll out are named last.
fn is_to_be_noted(status: &KlivAccountStatus) -> bool {
    let named = &status.functions.not_updated;
    named.len() < NAMED || named.iter().any(rolls_out)
}

fn rolls_out(function: &NotUpdated) -> bool {
    function.behind() == Some(Behind::RollingOut)
}

fn unnoted(reached: &Reached) -> NotUpdated {
    let of = |behind: Behind| (behind.as_str(), behind.message());
    let (reason, message) = match reached.state {
        Some(Using::RollingOut) => of(Behind::RollingOut),
        Some(Using::Failed) => of(Behind::RolloutFailed),
        Some(Using::Former | Using::Current) => (FORMER.0, Some(FORMER.1)),
        None => (WITHOUT.0, Some(WITHOUT.1)),
    };
    NotUpdated {
        name: reached.function.clone(),
        reason: reason.to_owned(),
        message: message.map(str::to_owned),
    }
}

fn count(functions: usize) -> i32 {
    i32::try_from(functions).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(functions: Value) -> KlivAccountStatus {
        serde_json::from_value(json!({ "functions": functions })).unwrap()
    }

    fn reached(function: &str, state: Option<Using>) -> Reached {
        Reached { function: function.to_owned(), state, requires: false }
    }

    fn behind(live: &Live) -> String {
        let words = live.behind.iter().map(|one| format!("{} {}", one.name, one.reason));
        words.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn functions_that_a_secret_is_not_for_count_neither_for_nor_against_it() {
        let account = status(json!({
            "total": 9, "updated": 7,
            "notUpdated": [
                { "name": "told", "reason": "Manual" }, { "name": "other", "reason": "RollingOut" },
            ],
        }));
        let of = |reached: &[Reached]| Live::of(&account, Some(reached));
        let here = || reached("a", Some(Using::Current));
        let live = of(&[here()]);
        assert_eq!(live.words(), "live on 1 of 1 function");
        assert!(live.everywhere() && !live.moves, "others roll out");
        assert_eq!(of(&[]).words(), "live; no function of the account takes it");
        for (state, name, moves, told) in [
            (Some(Using::Former), "told", false, "told Manual"),
            (None, "other", true, "other RollingOut"),
            (Some(Using::RollingOut), "b", true, "b RollingOut"),
            // The operator has yet to look at it.
            (None, "b", true, "b Without"),
            (Some(Using::Former), "b", true, "b Former"),
        ] {
            let live = of(&[here(), reached(name, state)]);
            assert_eq!(live.words(), "live on 1 of 2 functions", "{told}");
            assert_eq!((behind(&live), live.moves), (told.to_owned(), moves));
        }
    }

    #[test]
    fn where_functions_can_not_be_seen_those_of_the_account_count_and_that_is_said() {
        let of = |functions| Live::of(&status(functions), None);
        let live = of(json!({ "total": 3, "updated": 2 }));
        assert!(live.words().starts_with("live on 2 of 3 functions of the account"), "{live:?}");
        assert!(live.moves, "one is not named yet");
        let failed = json!([{ "name": "f", "reason": "RolloutFailed" }]);
        let live = of(json!({ "total": 3, "updated": 2, "notUpdated": failed }));
        assert_eq!((live.moves, live.everywhere()), (false, false));
    }

    #[test]
    fn nothing_is_waited_for_that_the_operator_has_no_room_to_name() {
        let twenty: Vec<_> =
            (0..NAMED).map(|n| json!({ "name": format!("f{n}"), "reason": "Manual" })).collect();
        let account = status(json!({ "total": 30, "updated": 5, "notUpdated": twenty }));
        assert!(!Live::of(&account, None).moves);
        let of = |state| Live::of(&account, Some(&[reached("b", state)])).moves;
        assert_eq!([of(Some(Using::Former)), of(Some(Using::RollingOut))], [false, true]);
    }
}
