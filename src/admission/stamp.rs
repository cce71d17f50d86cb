//! Who changed a spec, when and through what: the annotation that the engine records.
//!
//! The stamps of a write are those of the stored object that the engine has not
//! recorded yet, and one more. What the write itself brings in the annotation counts
//! for nothing.

use k8s_openapi::jiff::Timestamp;

use super::answer::Cause;
use crate::api::{Stamp, Stamps, What, names};

/// The longest name that is stamped, bytes; `status.updatedBy` holds as much.
const MAX_USER: usize = 1024;

/// Who writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Writer<'a> {
    /// The authenticated user.
    pub(super) user: &'a str,
    /// The human that this one acts for, where the authenticator says so.
    pub(super) on_behalf_of: Option<&'a str>,
}

/// The annotation's new text.
pub(super) fn stamped(
    stored: Option<&str>,
    recorded: i64,
    writer: Writer<'_>,
    via: &str,
    what: What,
    now: Timestamp,
) -> String {
    let mut stamps = Stamps::parse(stored.unwrap_or_default());
    let seq = stamps.newest().unwrap_or(0).max(recorded).saturating_add(1);
    stamps.0.retain(|stamp| stamp.seq > recorded);
    let on_behalf_of = writer.on_behalf_of.map(str::to_owned);
    stamps.0.push(Stamp { on_behalf_of, ..Stamp::new(seq, now, what, via, writer.user) });
    let surplus = stamps.0.len().saturating_sub(Stamps::MAX);
    stamps.0.drain(..surplus);
    stamps.to_string()
}

/// Who writes, if their names can stand in a stamp: on one line, and not endless.
pub(super) fn writer<'a>(
    user: Option<&'a str>,
    on_behalf_of: Option<&'a str>,
) -> Result<Writer<'a>, Cause> {
    const STAMPS: &str = "metadata.annotations[secrets.kliv.dev/stamps]";
    let fits = |name: &str| {
        !name.is_empty() && name.len() <= MAX_USER && !name.chars().any(char::is_control)
    };
    let user = user.filter(|user| fits(user)).ok_or(Cause::fixed(
        STAMPS,
        "can't be written: the name of the user who writes is missing, has control characters or \
         more than 1024 bytes, so it can't be recorded who changed the secret",
    ))?;
    if on_behalf_of.is_some_and(|human| !fits(human)) {
        return Err(Cause::fixed(
            STAMPS,
            "can't be written: the name of the human on whose behalf the user writes \
             (secrets.kliv.dev/on-behalf-of) has control characters or more than 1024 bytes, so it \
             can't be recorded for whom the secret was changed",
        ));
    }
    Ok(Writer { user, on_behalf_of })
}

/// Through what a write came, in one word, by the field manager that it names.
pub(super) fn via(field_manager: &str) -> &'static str {
    match field_manager {
        "kubectl-kliv" => "cli",
        names::WEB_FIELD_MANAGER => "web",
        names::AGENT_FIELD_MANAGER => "agent",
        names::CHAT_FIELD_MANAGER => "chat",
        "kubectl" => "kubectl",
        "helm" | "helm-controller" | "kustomize-controller" => "gitops",
        other if other.starts_with("kubectl-") => "kubectl",
        other if other.starts_with("argocd") || other.starts_with("flux") => "gitops",
        _ => "api",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    const ANNA: Writer<'_> = Writer { user: "anna", on_behalf_of: None };

    fn next(stored: Option<&str>, recorded: i64) -> String {
        stamped(stored, recorded, ANNA, "kubectl", What::Value, NOW)
    }

    #[test]
    fn the_first_stamp_is_number_one() {
        assert_eq!(next(None, 0), "1 1970-01-01T00:00:00Z value kubectl anna");
    }

    #[test]
    fn unrecorded_stamps_stay_and_recorded_ones_go() {
        let stored = "3 2026-01-01T00:00:00Z spec api a\n4 2026-01-01T00:00:00Z value api b";
        let new = "5 1970-01-01T00:00:00Z value kubectl anna";
        assert_eq!(next(Some(stored), 2), format!("{stored}\n{new}"));
        let fourth = "4 2026-01-01T00:00:00Z value api b";
        assert_eq!(next(Some(stored), 3), format!("{fourth}\n{new}"));
        assert_eq!(next(Some(stored), 4), new);
    }

    #[test]
    fn numbers_go_on_after_what_was_recorded_when_the_annotation_is_gone() {
        assert_eq!(next(None, 7), "8 1970-01-01T00:00:00Z value kubectl anna");
    }

    #[test]
    fn the_oldest_stamps_go_when_there_are_too_many() {
        let mut text = None;
        for _ in 0..Stamps::MAX + 3 {
            text = Some(next(text.as_deref(), 0));
        }
        let stamps = Stamps::parse(&text.unwrap_or_default());
        assert_eq!(stamps.0.len(), Stamps::MAX);
        assert_eq!(stamps.0.first().map(|s| s.seq), Some(4));
        assert_eq!(stamps.newest(), Some(23));
    }

    #[test]
    fn a_stamp_names_the_human_too_and_stays_beside_those_without() {
        let stored = "3 2026-01-01T00:00:00Z spec api a b";
        let bot = Writer { user: "bot 1", on_behalf_of: Some("Anna 100%") };
        assert_eq!(
            stamped(Some(stored), 2, bot, "agent", What::Value, NOW),
            format!("{stored}\n4 1970-01-01T00:00:00Z value agent:Anna%20100%25 bot 1")
        );
    }

    #[test]
    fn whoever_could_forge_a_line_is_refused() {
        for name in ["a\nb", "a\rb", "a\u{0}", "a\u{85}b", "", &"x".repeat(1025)] {
            assert!(writer(Some(name), None).is_err(), "{name:?}");
            assert!(writer(Some("bot"), Some(name)).is_err(), "for {name:?}");
        }
        assert!(writer(None, None).is_err() && writer(None, Some("anna")).is_err());
        for name in ["anna", "Anna Andersson", "oidc:åsa@example.com", &"x".repeat(1024)] {
            for on_behalf_of in [None, Some(name)] {
                assert_eq!(
                    writer(Some(name), on_behalf_of),
                    Ok(Writer { user: name, on_behalf_of })
                );
            }
        }
    }

    #[test]
    fn the_field_manager_says_through_what_a_write_came() {
        let table = [
            ("kubectl-client-side-apply", "kubectl"),
            ("kubectl-edit", "kubectl"),
            ("kubectl", "kubectl"),
            ("kubectl-kliv", "cli"),
            ("kliv-web", "web"),
            ("kliv-mcp", "agent"),
            ("argocd-controller", "gitops"),
            ("kustomize-controller", "gitops"),
            ("flux-client-side-apply", "gitops"),
            ("helm", "gitops"),
            ("", "api"),
            ("kubectlish", "api"),
        ];
        for (manager, word) in table {
            assert_eq!(via(manager), word, "{manager}");
        }
    }
}
