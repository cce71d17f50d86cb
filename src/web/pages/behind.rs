//! How far the functions of an account are. Pure.

use super::super::shown::one_line;
use super::super::words::Language;
use super::super::words::state::{behind, behind_explained, behind_of, live_on};
use crate::api::FunctionReport;

/// How far the functions of an account are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Functions {
    /// In a sentence.
    pub(super) words: String,
    /// Whether all run with the current values.
    pub(super) all_updated: bool,
    /// Those that don't, as far as they are named.
    pub(super) behind: Vec<Late>,
    /// How many more there are that are not named, in words; empty for none.
    pub(super) more: String,
}

/// A function that does not run with the current values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Late {
    pub(super) name: String,
    pub(super) title: String,
    /// What that means and the way out; empty where there is nothing to do.
    pub(super) text: String,
}

impl Functions {
    pub(super) fn of(
        report: &FunctionReport,
        more: fn(usize) -> String,
        language: Language,
    ) -> Self {
        let late = report.not_updated.iter().map(|noted| {
            let known = behind_of(&noted.reason);
            let title = known.map_or(noted.reason.as_str(), |known| behind(known, language));
            let text = match known {
                Some(known) => behind_explained(known, language).unwrap_or_default(),
                None => noted.message.as_deref().unwrap_or_default(),
            };
            Late {
                name: one_line(&noted.name, 253),
                title: one_line(title, 64),
                text: one_line(text, 512),
            }
        });
        let behind: Vec<Late> = late.collect();
        let missing = usize::try_from(report.total.saturating_sub(report.updated)).unwrap_or(0);
        Self {
            words: live_on(report.updated, report.total, language),
            all_updated: report.total > 0 && missing == 0,
            more: match missing.saturating_sub(behind.len()) {
                0 => String::new(),
                unnamed => more(unnamed),
            },
            behind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::NotUpdated;

    fn report(reason: &str, message: Option<&str>) -> FunctionReport {
        let message = message.map(str::to_owned);
        let noted = NotUpdated { name: "mail".into(), reason: reason.into(), message };
        FunctionReport { total: 4, updated: 1, not_updated: vec![noted] }
    }

    #[test]
    fn a_function_that_is_behind_is_named_with_the_reason_in_the_page_s_words() {
        let told = report("Manual", Some("in English"));
        let functions = Functions::of(&told, |n| format!("{n} till"), Language::Swedish);
        assert_eq!(functions.words, "i bruk i 1 av 4 funktioner");
        assert_eq!((functions.all_updated, functions.more.as_str()), (false, "2 till"));
        assert_eq!(functions.behind[0].title, "väntar på klartecken");
        assert!(!functions.behind[0].text.contains("English"));
    }

    #[test]
    fn a_reason_of_another_version_keeps_the_operator_s_words() {
        let told = report("Hibernates", Some("it sleeps"));
        let functions = Functions::of(&told, |n| format!("{n} till"), Language::Swedish);
        let late = &functions.behind[0];
        assert_eq!((late.title.as_str(), late.text.as_str()), ("Hibernates", "it sleeps"));
    }
}
