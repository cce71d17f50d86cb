//! A call that the agents' door refused: it asks for a KlivSecret that names the call, as the
//! caller. Who that is, is known here only, so it becomes a KlivAuditEvent that waits for the
//! controller; the write is refused whatever else it holds, and nothing of it is repeated.

use k8s_openapi::jiff::Timestamp;

use super::answer::Cause;
use super::gone::pending;
use super::review::Review;
use super::stamp::via;
use crate::api::names::{EXTRA_ON_BEHALF_OF, MAX_USER_CHARS, PENDING_CALL};
use crate::api::refused_call::{NOT_NOTED, NOTED, named, said};
use crate::api::text::harmless;
use crate::api::{AuditAction, KlivAuditEvent, KlivAuditEventSpec};

/// Nothing is stored, and it is noted.
const DONE: Cause = Cause::fixed(
    NOTED,
    "tells of a call that was refused; it goes into the audit trail, and nothing was stored",
);
/// It names no call that there is.
const UNKNOWN: Cause = Cause::fixed(
    NOT_NOTED,
    "names no call of the agents' door in secrets.kliv.dev/refused-call; nothing was stored",
);
/// Nobody can be told who called, there were several just now, or there is no room.
pub(super) const NOT_DONE: Cause = Cause::fixed(
    NOT_NOTED,
    "tells of a call that was refused, and can't be put into the audit trail now; nothing was \
     stored",
);

/// Why it is refused, and what is to be noted of it; nothing is on a dry run.
pub(super) fn told(
    review: &Review,
    call: &str,
    now: Timestamp,
) -> (Cause, Option<Box<KlivAuditEvent>>) {
    let Some(call) = named(call) else { return (UNKNOWN, None) };
    if review.is_dry_run() {
        return (DONE, None);
    }
    match event(review, call, now) {
        Some(event) => (DONE, Some(Box::new(event))),
        None => (NOT_DONE, None),
    }
}

fn event(review: &Review, call: &str, now: Timestamp) -> Option<KlivAuditEvent> {
    let user = review.user().filter(|user| !user.is_empty())?;
    let person = |text: &str| harmless(text, MAX_USER_CHARS).into_owned();
    let spec = KlivAuditEventSpec {
        actor: person(user),
        via: via(review.field_manager()).to_owned(),
        on_behalf_of: review.extra(EXTRA_ON_BEHALF_OF).map(person),
        detail: Some(said(call)),
        ..KlivAuditEventSpec::new(AuditAction::CallRefused, now)
    };
    pending(review, PENDING_CALL, spec)
}
