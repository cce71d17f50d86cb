//! The leader's picture in numbers: no account's and no secret's name is in them.

use std::collections::BTreeMap;

use super::world::World;
use crate::api::Odd;
use crate::api::condition::{self, Behind, PENDING, Reason};
use crate::runtime::Tally;

/// What a word counts as that is none of ours: a status that somebody else wrote.
const OTHER: &str = "Other";
const UPDATED: &str = "Updated";

impl World {
    /// Counts. `unsettled`: of how many accounts the last run left something to do.
    #[must_use]
    pub fn tally(&self, unsettled: usize) -> Tally {
        let zero = |words: &[&'static str]| words.iter().map(|word| (*word, 0)).collect();
        let reasons = Reason::ALL.map(Reason::as_str);
        let words = [&reasons[..], &[PENDING]].concat();
        let mut secrets: BTreeMap<_, _> = zero(&words);
        secrets.insert(OTHER, 0);
        let behind = Behind::ALL.map(Behind::as_str);
        let mut functions: BTreeMap<_, _> = zero(&behind);
        functions.extend([(UPDATED, 0), (OTHER, 0)]);
        let odd = Odd::ALL.map(Odd::as_str);
        let mut warnings: BTreeMap<_, _> = zero(&odd);
        for account in self.accounts() {
            for secret in account.secrets.values() {
                let ready = condition::ready(&secret.status.conditions);
                let word = ready.map_or(PENDING, |ready| known(&words, &ready.reason));
                *secrets.entry(word).or_default() += 1;
                for warning in &secret.status.warnings {
                    *warnings.entry(known(&odd, &warning.reason)).or_default() += 1;
                }
            }
            let Some(object) = &account.object else { continue };
            let report = &object.status.functions;
            let of_all = |count: i32| usize::try_from(count).unwrap_or(0);
            *functions.entry(UPDATED).or_default() += of_all(report.updated);
            for function in &report.not_updated {
                *functions.entry(known(&behind, &function.reason)).or_default() += 1;
            }
            // Only the first are named.
            let told = of_all(report.updated) + report.not_updated.len();
            *functions.entry(OTHER).or_default() += of_all(report.total).saturating_sub(told);
        }
        let settled = self.len().saturating_sub(unsettled);
        let accounts = BTreeMap::from([("settled", settled), ("unsettled", unsettled)]);
        Tally { accounts, secrets, functions, warnings }
    }
}

fn known(words: &[&'static str], word: &str) -> &'static str {
    words.iter().find(|known| **known == word).copied().unwrap_or(OTHER)
}
