//! What people did just now with what an agent asked: clients of revision 2025-11-25 make the
//! same call again after a link, with nothing that says so. The audit trail does. Pure, but for
//! reading that.

use jiff::{SignedDuration, Timestamp};

use super::call::Call;
use super::words::Via;
use crate::account::{Newest, Wanted};
use crate::api::names::MAX_USER_CHARS;
use crate::api::text::harmless;
use crate::api::{AuditAction, KlivAuditEventSpec};
use crate::audit::Detail;

/// What is longer ago is no reason not to ask.
const JUST_NOW: SignedDuration = SignedDuration::from_mins(10);

/// How a question of the caller's ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lately {
    /// A person did not want what it asked for.
    Refused(Wanted),
    /// It was proposed to delete the secret, and it is gone.
    Deleted,
}

/// How the caller's last question about a secret ended just now; none where it did not, or
/// that is not known, or the client says itself that it comes back.
pub(super) async fn lately(call: &Call<'_>, object: &str) -> Option<Lately> {
    if call.says.comes_back() || !call.says.shows_links || call.answer_link(object).is_none() {
        return None;
    }
    let since = call.now.checked_sub(JUST_NOW).ok()?;
    let is_enough = |events: &[KlivAuditEventSpec]| is_enough(events, object, since);
    let newest = call.caller.newest(None, is_enough).await.ok()?;
    last(newest.events.iter().rev(), object, call.who, since)
}

/// Whether the trail was read far enough back, newest event first: nothing was done to the
/// secret just now, or also what was asked before that is there.
fn is_enough(events: &[KlivAuditEventSpec], object: &str, since: Timestamp) -> bool {
    let mut of_it = events.iter().filter(|event| event.secret.as_deref() == Some(object));
    let was_just_now = of_it.clone().any(|event| event.time.0 >= since);
    let asked = of_it.any(|event| event.action == AuditAction::Requested);
    Newest::is_back_at(events, since) && (!was_just_now || asked)
}

/// By the trail, oldest event first.
fn last<'a>(
    events: impl Iterator<Item = &'a KlivAuditEventSpec>,
    object: &str,
    who: &str,
    since: Timestamp,
) -> Option<Lately> {
    let who = harmless(who, MAX_USER_CHARS);
    let (mut asked, mut ended) = (None, None);
    for event in events.filter(|event| event.secret.as_deref() == Some(object)) {
        let detail = event.detail.as_deref().and_then(Detail::read);
        let how = match (&event.action, detail) {
            (AuditAction::Requested, detail) => {
                let wanted = match detail {
                    Some(Detail::DeletionProposed) => Wanted::Deletion,
                    Some(Detail::NewValueAsked) => Wanted::NewValue,
                    _ => Wanted::Value,
                };
                asked = (event.actor == who).then_some(wanted);
                None
            }
            (AuditAction::Updated, Some(Detail::QuestionGone)) => {
                asked.take().filter(|of| *of != Wanted::Value).map(Lately::Refused)
            }
            (AuditAction::Deleted, _) => asked.take().and_then(|of| match of {
                Wanted::Value => Some(Lately::Refused(of)),
                Wanted::Deletion => Some(Lately::Deleted),
                Wanted::NewValue => None,
            }),
            // Something else was changed, and it waits as before.
            (AuditAction::Updated, _) if asked.is_some() => continue,
            (AuditAction::Published, _) => continue,
            _ => {
                asked = None;
                None
            }
        };
        // What an agent takes back it may ask in better words.
        ended = how.filter(|_| Via::of(&event.via) != Some(Via::Agent) && event.time.0 >= since);
    }
    ended
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_trail_says_what_people_did_just_now_with_what_the_caller_asked() {
        const NEW: &str = "a new value is asked for; the one in use stays until it comes";
        const GOES: &str = "it is proposed to delete it; the value stays as it was";
        const GONE: &str = "a question about it was taken away; the value stays as it was";
        let since: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let told = |events: &[(&str, &str, &str, &str, &str)]| {
            let event = |(at, action, who, via, detail): &(&str, &str, &str, &str, &str)| {
                let event = json!({
                    "time": format!("2026-11-24T{at}:00Z"), "action": action, "secret": "a-key",
                    "actor": who, "via": via,
                    "detail": Some(detail).filter(|detail| !detail.is_empty()),
                });
                serde_json::from_value::<KlivAuditEventSpec>(event).unwrap()
            };
            let events: Vec<_> = events.iter().map(event).collect();
            assert_eq!(last(events.iter(), "b-key", "anna", since), None);
            last(events.iter(), "a-key", "anna", since)
        };
        let first = ("09:58", "Requested", "anna", "agent", "");
        let new = ("09:58", "Requested", "anna", "agent", NEW);
        let goes = ("09:58", "Requested", "anna", "agent", GOES);
        let gone = ("10:01", "Updated", "bo", "web", GONE);
        let deleted = ("10:01", "Deleted", "bo", "web", "");
        let refused = |of| Some(Lately::Refused(of));
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[first]), None);
        assert_eq!(told(&[first, deleted]), refused(Wanted::Value));
        assert_eq!(told(&[new, gone]), refused(Wanted::NewValue));
        assert_eq!(told(&[goes, gone]), refused(Wanted::Deletion));
        assert_eq!(told(&[goes, deleted]), Some(Lately::Deleted));
        let description = ("09:59", "Updated", "bo", "web", "");
        assert_eq!(told(&[new, description, gone]), refused(Wanted::NewValue));
        // Long ago, by an agent, what somebody else asked, and what goes on after it.
        assert_eq!(told(&[first, ("09:59", "Deleted", "bo", "web", "")]), None);
        assert_eq!(told(&[first, ("10:01", "Deleted", "anna", "agent", "")]), None);
        assert_eq!(told(&[("09:58", "Requested", "eva", "agent", ""), deleted]), None);
        assert_eq!(told(&[first, ("09:59", "Answered", "bo", "web", ""), deleted]), None);
        assert_eq!(told(&[first, deleted, ("10:02", "Requested", "eva", "agent", "")]), None);
    }
}
