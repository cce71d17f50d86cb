//! Who changed a spec, when and through what: the annotation that the engine records.
//!
//! The stamps of a write are those of the stored object that the engine has not
//! recorded yet, and one more. What the write itself brings in the annotation counts
//! for nothing.

use k8s_openapi::jiff::Timestamp;

use super::answer::Cause;
use crate::api::{Stamp, Stamps, What};

/// The longest user name that is stamped, bytes; `status.updatedBy` holds as much.
const MAX_USER: usize = 1024;

/// The annotation's new text.
pub(super) fn stamped(
    stored: Option<&str>,
    recorded: i64,
    user: &str,
    via: &str,
    what: What,
    now: Timestamp,
) -> String {
    let mut stamps = Stamps::parse(stored.unwrap_or_default());
    let seq = stamps.newest().unwrap_or(0).max(recorded).saturating_add(1);
    stamps.0.retain(|stamp| stamp.seq > recorded);
    stamps.0.push(Stamp::new(seq, now, what, via, user));
    let surplus = stamps.0.len().saturating_sub(Stamps::MAX);
    stamps.0.drain(..surplus);
    stamps.to_string()
}

/// Whether a user's name can stand in a stamp: on one line, and not endless.
pub(super) fn check_user(user: Option<&str>) -> Result<&str, Cause> {
    user.filter(|user| {
        !user.is_empty() && user.len() <= MAX_USER && !user.chars().any(char::is_control)
    })
    .ok_or(Cause::fixed(
        "metadata.annotations[secrets.kliv.dev/stamps]",
        "can't be written: the name of the user who writes is missing, has control characters or \
         more than 1024 bytes, so it can't be recorded who changed the secret",
    ))
}

/// Through what a write came, in one word, by the field manager that it names.
pub(super) fn via(field_manager: &str) -> &'static str {
    match field_manager {
        "kubectl-kliv" => "cli",
        "kliv-web" => "web",
        "kliv-mcp" => "agent",
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

    fn next(stored: Option<&str>, recorded: i64) -> String {
        stamped(stored, recorded, "anna", "kubectl", What::Value, NOW)
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
    fn a_user_who_could_forge_a_line_is_refused() {
        for user in ["a\nb", "a\rb", "a\u{0}", "a\u{85}b", "", &"x".repeat(1025)] {
            assert!(check_user(Some(user)).is_err());
        }
        assert!(check_user(None).is_err());
        for user in ["anna", "Anna Andersson", "oidc:åsa@example.com", &"x".repeat(1024)] {
            assert_eq!(check_user(Some(user)), Ok(user));
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
