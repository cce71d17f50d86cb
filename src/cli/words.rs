//! A secret's state and times in plain words.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::output::age;
use crate::account::{Asker, State, Update, Wanted};
use crate::api::KlivSecret;
use crate::api::condition::{self, Reason};

/// What is said of whether functions get it.
pub(crate) fn ready(secret: &KlivSecret) -> Option<&Condition> {
    condition::ready(&secret.status.as_ref()?.conditions)
}

/// What a question wants.
pub(crate) fn wanted(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Value => "its value",
        Wanted::NewValue => "a new value",
        Wanted::Deletion => "deletion",
    }
}

/// Who asks and through what, as far as that is known for certain.
pub(crate) fn asked_by_whom(asker: &Asker) -> String {
    let by = |user: &str, human: &Option<String>, via: &Option<String>| {
        let via = via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
        who(user, human.as_deref()) + &via
    };
    let changed = asker.changed_by.as_deref();
    let changed = changed.map(|user| by(user, &asker.changed_for, &asker.changed_via));
    match (&asker.user, changed) {
        (Some(user), None) => by(user, &asker.on_behalf_of, &asker.via),
        (Some(user), Some(changed)) => {
            let asked = by(user, &asker.on_behalf_of, &asker.via);
            format!("{asked}; changed since by {changed}")
        }
        (None, Some(changed)) => format!("{changed}, who may only have changed it since"),
        (None, None) => "not known any more".to_owned(),
    }
}

/// Its state, with the question that waits beside it.
pub(crate) fn state_and_question(secret: &KlivSecret) -> String {
    let state = state(secret);
    match Wanted::of(secret) {
        Some(Wanted::NewValue) => format!("{state}, new value asked for"),
        Some(Wanted::Deletion) => format!("{state}, deletion proposed"),
        Some(Wanted::Value) | None => state.to_owned(),
    }
}

/// In a word or two. A value that is not taken, while a former one is in use, is both.
pub(crate) fn state(secret: &KlivSecret) -> &'static str {
    match State::of(secret) {
        State::Untaken => "not taken yet",
        State::Live => "live",
        State::Waiting => "waits for its value",
        State::Held { former: true, .. } => "former value live",
        State::Held { reason: Some(Reason::DecryptionFailed), .. } => "does not open",
        State::Held { reason: Some(Reason::LimitExceeded), .. } => "over a limit",
        State::Held { reason: Some(Reason::QuotaExceeded), .. } => "over a quota",
        State::Held { .. } => "not live",
    }
}

/// Who did it, e.g. `bot on behalf of anna`.
pub(crate) fn who(by: &str, on_behalf_of: Option<&str>) -> String {
    match on_behalf_of {
        Some(human) if !by.is_empty() => format!("{by} on behalf of {human}"),
        _ => by.to_owned(),
    }
}

/// The same of the last change of a value.
pub(crate) fn updated_by(update: &Update<'_>) -> String {
    who(update.by.unwrap_or_default(), update.on_behalf_of)
}

/// How long ago, e.g. `3d`.
pub(crate) fn since(time: Timestamp, now: Timestamp) -> String {
    age(now.duration_since(time).as_secs())
}

/// A time with how long ago that is, e.g. `2026-11-24 10:00:00 UTC (3d ago)`.
pub(crate) fn when(time: Timestamp, now: Timestamp) -> String {
    let shown = time.strftime("%Y-%m-%d %H:%M:%S UTC");
    match time > now {
        true => format!("{shown} (in {})", age(time.duration_since(now).as_secs())),
        false => format!("{shown} ({} ago)", since(time, now)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_did_it_is_said_with_the_human_that_it_was_for() {
        assert_eq!(who("bot", Some("anna")), "bot on behalf of anna");
        assert_eq!((who("bot", None), who("", Some("anna"))), ("bot".into(), String::new()));
    }

    #[test]
    fn a_state_says_what_functions_have() {
        let table = [
            (2, 2, "Published", Some(1), "live"),
            (2, 1, "Published", Some(1), "not taken yet"),
            (2, 2, "AwaitingValue", None, "waits for its value"),
            (2, 2, "DecryptionFailed", None, "does not open"),
            (2, 2, "DecryptionFailed", Some(1), "former value live"),
            (2, 2, "LimitExceeded", None, "over a limit"),
            (2, 2, "SomethingNew", None, "not live"),
        ];
        for (generation, observed, reason, version, wanted) in table {
            let secret: KlivSecret = serde_json::from_value(json!({
                "metadata": { "generation": generation }, "spec": { "envVar": "A" },
                "status": { "observedGeneration": observed, "version": version, "conditions": [{
                    "type": "Ready", "status": "True", "reason": reason, "message": "",
                    "lastTransitionTime": "2026-11-24T10:00:00Z",
                }] },
            }))
            .unwrap();
            assert_eq!(state(&secret), wanted, "{reason}");
        }
    }

    #[test]
    fn a_time_is_told_with_its_distance() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let (then, now) = (time("2026-11-24T10:00:00Z"), time("2026-11-27T10:00:00Z"));
        assert_eq!(when(then, now), "2026-11-24 10:00:00 UTC (3d ago)");
        assert_eq!(when(now, then), "2026-11-27 10:00:00 UTC (in 3d)");
    }
}
