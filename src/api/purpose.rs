//! What an environment is for, by the words of its name: whether people pay there, or only
//! try things out.
//!
//! Two act on it: a warning tells of a key for the other side, and an agent may do without a
//! person only where things are plainly tried out. So a name that says both, or turns a word
//! round, says neither.

/// What an environment is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Plainly for trying things out.
    Test,
    /// Plainly where people pay.
    Production,
    /// Its name does not say, or there is none: then functions of every environment have it.
    Unclear,
}

/// Words of environments where people pay.
pub(crate) const PRODUCTION_WORDS: [&str; 4] = ["production", "prod", "prd", "live"];
/// Words of those where they try.
pub(crate) const TEST_WORDS: [&str; 17] = [
    "test",
    "tests",
    "testing",
    "dev",
    "develop",
    "development",
    "stage",
    "staging",
    "stg",
    "sandbox",
    "ci",
    "qa",
    "uat",
    "preview",
    "local",
    "demo",
    "e2e",
];
/// Words that turn the first ones round.
pub(crate) const NOT_WORDS: [&str; 4] = ["non", "not", "pre", "no"];

impl Purpose {
    /// By the words between its dashes, with or without a number at their end.
    #[must_use]
    pub fn of(environment: Option<&str>) -> Self {
        let has = |words: &[&str]| {
            let is_one = |part: &str| {
                words.contains(&part)
                    || words.contains(&part.trim_end_matches(|c: char| c.is_ascii_digit()))
            };
            environment.is_some_and(|environment| environment.split('-').any(is_one))
        };
        match (has(&TEST_WORDS), has(&PRODUCTION_WORDS), has(&NOT_WORDS)) {
            (true, false, false) => Self::Test,
            (false, true, false) => Self::Production,
            _ => Self::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_for_what_all_the_words_of_its_name_say() {
        let table = [
            (
                Purpose::Test,
                "test tests testing dev development develop stage staging stg sandbox ci qa uat \
                 preview local demo e2e test2 qa1 dev-eu eu-dev staging-blue preview-417 e2e-3",
            ),
            (
                Purpose::Production,
                "production prod prd live prod2 eu-prod live-eu live1-eu production-blue",
            ),
            // Both.
            (Purpose::Unclear, "live-test production-test test-prod test2-prod1"),
            // Turned round.
            (
                Purpose::Unclear,
                "pre-production pre-prod non-prod non-prod2 no-test not-a-test non-test \
                 pre-production-test",
            ),
            // Nobody knows.
            (Purpose::Unclear, "blue eu canary main default customer-a beta 1 latest"),
            // No words of their own.
            (
                Purpose::Unclear,
                "contest latest-dev1x developer devops reproduction protest citest liveness \
                 tested testproduction",
            ),
        ];
        for (purpose, environments) in table {
            for environment in environments.split_whitespace() {
                assert_eq!(Purpose::of(Some(environment)), purpose, "{environment}");
            }
        }
        assert_eq!(Purpose::of(Some("")), Purpose::Unclear);
        assert_eq!(Purpose::of(None), Purpose::Unclear, "it reaches every function");
    }
}
