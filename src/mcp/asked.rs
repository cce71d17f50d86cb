//! What became of a question, as agents are told. Pure.
//!
//! ```text
//!  KlivSecret, KlivAccount ──► Became: who waits for what, and how far its value is
//!  audit trail             ──► Ending: that it was taken away, by whom
//! ```

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::named::Named;
use super::text::Untrusted;
use super::words::{self, Asked, Via, small};
use crate::account::{
    Asker, Counted as Which, Held, Live, Reached, Stage, Target, Waited, Wanted, replaceable,
    stage, waiting,
};
use crate::api::{AuditAction, KlivAccount, KlivAuditEventSpec, KlivSecret, NotUpdated};
use crate::audit::Detail;

/// The longest text of somebody that is passed on, characters.
pub(super) const LONGEST: usize = 1024;

/// How far a question is.
#[derive(Serialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// People have not answered yet, or the value is still being made.
    Pending,
    /// What was asked for was given.
    Answered,
    /// A person refused, or it was cancelled.
    Refused,
    /// The secret has its value, and nobody asks for anything (any more).
    NotAsked,
    /// There is no such secret: it was never asked for, or it was deleted.
    Gone,
}

/// What became of a question.
#[derive(Serialize, JsonSchema, Clone, PartialEq, Debug)]
pub(super) struct Became {
    pub(super) status: Status,
    /// What people are asked for, while they are.
    pub(super) wanted: Option<Asked>,
    #[serde(flatten)]
    named: Named,
    /// Whether there is a value that functions can have, whatever is asked for beside it.
    pub(super) has_value: bool,
    /// Where a person answers. Only people can open it.
    pub(super) link: Option<String>,
    /// How a person gives the value, or deletes the secret, in a terminal.
    pub(super) command: Option<String>,
    /// What the value is needed for, as the asker wrote.
    pub(super) purpose: Option<Untrusted>,
    /// Who asks.
    pub(super) asked_by: Option<AskedBy>,
    /// When the first value was asked for.
    pub(super) asked_at: Option<String>,
    /// How far the value is on its way to the functions.
    pub(super) delivery: Option<Delivery>,
    /// Who took the question away, where the audit trail says so.
    pub(super) ended: Option<Ending>,
    /// What to do next.
    pub(super) next: &'static str,
}

/// Who asks.
#[derive(Serialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub(super) struct AskedBy {
    /// The authenticated user, where that is still known.
    user: Option<Untrusted>,
    /// The human that he acts for.
    on_behalf_of: Option<Untrusted>,
    /// Through what.
    via: Option<Via>,
    /// What the asker calls itself. Nobody has checked it.
    calls_itself: Option<Untrusted>,
}

/// How far a value is on its way to the functions.
#[derive(Serialize, JsonSchema, Clone, PartialEq, Debug)]
pub(super) struct Delivery {
    state: Way,
    /// In plain words.
    words: Option<String>,
    /// Why it does not go on, in the operator's words.
    why: Option<Untrusted>,
    /// Functions that run with the current values, which hold it. One that waits for another
    /// secret's change does not count until it has taken that, though it may have this value.
    updated: Option<i32>,
    /// Functions that are to.
    functions: Option<i32>,
    /// Which functions are counted, in both numbers.
    counted: Option<Counted>,
    /// Some of those that do not.
    behind: Vec<Lagging>,
}

/// Which functions are counted.
#[derive(Serialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
enum Counted {
    /// Those that this secret is for: of its environment, that want it and have no entry of their
    /// own of its name.
    OfSecret,
    /// All of the account: the caller can't see which of them this secret is for.
    OfAccount,
}

/// How far it is.
#[derive(Serialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    /// The operator has not taken it yet.
    Untaken,
    /// The operator tries again and again.
    Retried,
    /// It can't go on without a person.
    Held,
    /// Functions roll out.
    RollingOut,
    /// As far as it goes by itself.
    Done,
}

/// A function that does not run with the account's current values.
#[derive(Serialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub(super) struct Lagging {
    /// The function.
    function: Untrusted,
    /// Why, in a word: `rolling_out`, `rollout_failed`, `manual`, `write_refused`, `without`,
    /// `former` …
    reason: String,
}

/// How a question ended that is not there any more.
#[derive(Serialize, JsonSchema, Clone, PartialEq, Eq, Debug)]
pub(super) struct Ending {
    /// Whether it still waited then.
    #[serde(skip)]
    waited: bool,
    /// When.
    at: String,
    /// Who, where that was seen.
    by: Option<Untrusted>,
    /// The human that he acts for.
    on_behalf_of: Option<Untrusted>,
    /// Through what.
    via: Option<Via>,
}

/// What was read of a place.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) secret: Option<&'a KlivSecret>,
    /// Read after the secret; none where nothing was published, or it can't be seen.
    pub(super) account: Option<&'a KlivAccount>,
    /// The functions that the secret is for; none where they can't be seen.
    pub(super) reached: Option<&'a [Reached]>,
}

impl Became {
    /// As it is now.
    pub(super) fn of(call: &Call<'_>, target: &Target, seen: &Seen<'_>) -> Self {
        let target = seen.secret.map_or_else(|| target.clone(), Target::of);
        let object = target.object();
        let wanted = seen.secret.and_then(Wanted::of);
        let asked = seen.secret.and_then(|secret| waiting(secret).ok());
        let status = Status::of(seen.secret);
        let has_value = seen.secret.is_some_and(|secret| replaceable(secret).is_ok());
        let first = seen.secret.filter(|_| wanted == Some(Wanted::Value));
        let created = first.and_then(|secret| secret.metadata.creation_timestamp.as_ref());
        Self {
            status,
            wanted: seen.secret.and_then(Asked::of),
            link: wanted.and_then(|_| call.answer_link(&object)),
            command: wanted.map(|wanted| match wanted {
                Wanted::Deletion => {
                    format!("kubectl kliv delete {object} -n {}", call.caller.namespace)
                }
                Wanted::Value | Wanted::NewValue => answer_line(call, &object),
            }),
            named: target.into(),
            has_value,
            purpose: asked.as_ref().map(|(question, _)| text(&question.purpose)),
            asked_by: asked.map(|(_, asker)| AskedBy::of(asker)),
            asked_at: created.map(|Time(time)| words::time(*time)),
            delivery: seen.secret.filter(|_| has_value).map(|secret| delivery(secret, seen)),
            ended: None,
            next: next(status, wanted),
        }
    }

    /// The same, where somebody was seen to end a question that waited.
    pub(super) fn ended(self, status: Status) -> Self {
        Self { status, next: next(status, None), ..self }
    }

    /// Whether the value is still to go further by itself.
    pub(super) fn is_on_its_way(&self) -> bool {
        let state = self.delivery.as_ref().map(|delivery| delivery.state);
        matches!(state, Some(Way::Untaken | Way::Retried | Way::RollingOut))
    }

    /// With what the audit trail says of a secret that is gone.
    pub(super) fn with_ending(self, ending: Option<Ending>) -> Self {
        let refused = self.status == Status::Gone && ending.as_ref().is_some_and(|e| e.waited);
        let became = if refused { self.ended(Status::Refused) } else { self };
        Self { ended: ending, ..became }
    }
}

impl AskedBy {
    fn of(asker: Asker) -> Self {
        Self {
            user: Untrusted::name(asker.user.as_deref()),
            on_behalf_of: Untrusted::name(asker.on_behalf_of.as_deref()),
            via: asker.via.as_deref().and_then(Via::of),
            calls_itself: Untrusted::name(asker.says.as_deref()),
        }
    }
}

impl Status {
    /// As it is now.
    pub(super) fn of(secret: Option<&KlivSecret>) -> Self {
        let Some(secret) = secret else { return Self::Gone };
        match (Wanted::of(secret), replaceable(secret).is_ok(), &secret.spec.request) {
            (Some(_), ..) | (None, false, _) => Self::Pending,
            (None, true, Some(_)) => Self::Answered,
            (None, true, None) => Self::NotAsked,
        }
    }
}

/// How what was pending `before` has ended, by what there is now; none while it is.
pub(super) fn ended(before: &KlivSecret, now: Option<&KlivSecret>) -> Option<Status> {
    let wanted = Wanted::of(before);
    let Some(now) = now else {
        // Only one that was asked for and had no value goes with its question.
        return Some(if wanted == Some(Wanted::Value) { Status::Refused } else { Status::Gone });
    };
    if Status::of(Some(now)) == Status::Pending {
        return None;
    }
    let version = |secret: &KlivSecret| secret.status.as_ref().and_then(|status| status.version);
    // Whoever refuses takes the question away; whoever answers leaves it there.
    let was_answered = match wanted {
        None | Some(Wanted::Value) => true,
        Some(Wanted::NewValue) => now.spec.request.is_some() || version(now) > version(before),
        Some(Wanted::Deletion) => false,
    };
    Some(if was_answered { Status::Answered } else { Status::Refused })
}

/// How the last secret of this name ended, by the audit trail, oldest event first.
pub(super) fn ending<'a>(
    events: impl Iterator<Item = &'a KlivAuditEventSpec>,
    object: &str,
) -> Option<Ending> {
    // None while nothing is told of it: one that waits only for a moment may not be.
    let mut waits = None;
    let mut last = None;
    for event in events.filter(|event| event.secret.as_deref() == Some(object)) {
        match event.action {
            // A question about a value that is there does not wait for the first.
            AuditAction::Requested => waits = Some(!asks_of_value(event)),
            AuditAction::Deleted => {
                last = Some((waits.take().unwrap_or(event.version.is_none()), event));
            }
            // Something else was changed, and it waits as before.
            AuditAction::Updated if waits.is_some() => {}
            _ => waits = Some(false),
        }
    }
    let (waited, event) = last?;
    Some(Ending {
        waited,
        at: words::time(event.time.0),
        by: Untrusted::name(Some(&event.actor)),
        on_behalf_of: Untrusted::name(event.on_behalf_of.as_deref()),
        via: Via::of(&event.via),
    })
}

/// Whether the newest events, newest first, tell how the last secret of this name ended: that it
/// was deleted, and what it was before.
pub(super) fn tells_ending(events: &[KlivAuditEventSpec], object: &str) -> bool {
    let of_it = events.iter().filter(|event| event.secret.as_deref() == Some(object));
    let mut until = of_it.skip_while(|event| event.action != AuditAction::Deleted).skip(1);
    until.any(|event| event.action != AuditAction::Updated)
}

fn asks_of_value(event: &KlivAuditEventSpec) -> bool {
    let detail = event.detail.as_deref().and_then(Detail::read);
    matches!(detail, Some(Detail::NewValueAsked | Detail::DeletionProposed))
}

fn next(status: Status, wanted: Option<Wanted>) -> &'static str {
    match (status, wanted) {
        (Status::Pending, Some(Wanted::Deletion)) => {
            "A person decides whether the secret goes: give him the link or the command, and \
             take nothing for decided."
        }
        (Status::Pending, Some(_)) => {
            "Give the person the link or the command; never ask him for the value itself. Go on \
             with code that reads the variable, and call wait_for_secret."
        }
        (Status::Pending, None) => "The value is being made: call wait_for_secret.",
        (Status::Answered | Status::NotAsked, _) => {
            "The secret has its value. Code reads it from the environment variable; delivery \
             says on how many functions."
        }
        (Status::Refused, _) => {
            "Do not ask again unasked: tell the person that it was refused or cancelled, and \
             find out what he wants instead."
        }
        (Status::Gone, _) => {
            "There is no such secret. If it is needed, call request_secret; list_secrets says \
             what there is."
        }
    }
}

fn delivery(secret: &KlivSecret, seen: &Seen<'_>) -> Delivery {
    let at = |state| Delivery {
        state,
        words: None,
        why: None,
        updated: None,
        functions: None,
        counted: None,
        behind: Vec::new(),
    };
    let because = |state, why: Held| {
        let why = Untrusted::new(&why.to_string(), LONGEST);
        Delivery { why: Some(why), ..at(state) }
    };
    let live = |state, live: Live| Delivery {
        words: Some(live.words()),
        updated: Some(live.updated),
        functions: Some(live.total),
        counted: Some(match live.counted {
            Which::OfSecrets => Counted::OfSecret,
            Which::OfAccount => Counted::OfAccount,
        }),
        behind: live.behind.iter().map(Lagging::of).collect(),
        ..at(state)
    };
    match stage(&Waited::of(secret), std::slice::from_ref(secret), seen.account, seen.reached) {
        Stage::Unseen(_) | Stage::Untaken(_) => at(Way::Untaken),
        Stage::Stalled(_, why) => because(Way::Held, why),
        Stage::Retried(_, why) => because(Way::Retried, why),
        Stage::RollingOut(of) => live(Way::RollingOut, of),
        Stage::Done(_) if seen.account.is_none() => at(Way::Done),
        Stage::Done(of) => live(Way::Done, of),
    }
}

impl Lagging {
    fn of(behind: &NotUpdated) -> Self {
        let reason = Live::why(behind).unwrap_or("unknown");
        Self { function: Untrusted::function(&behind.name), reason: small(reason) }
    }
}

/// What a person types to answer.
pub(super) fn answer_line(call: &Call<'_>, object: &str) -> String {
    format!("kubectl kliv answer {object} -n {}", call.caller.namespace)
}

fn text(text: &str) -> Untrusted {
    Untrusted::new(text, LONGEST)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::account::Using;

    fn secret(spec: Value, version: i64) -> KlivSecret {
        let history = (version > 0).then(|| {
            json!({
                "version": version, "generation": 1, "time": "2026-11-24T10:00:00Z",
                "maskedValue": "****", "sealed": "kliv1.x",
            })
        });
        let mut all = json!({ "envVar": "A_KEY" });
        json_patch::merge(&mut all, &spec);
        let ready = json!({
            "type": "Ready", "status": "True", "reason": "Published", "message": "",
            "lastTransitionTime": "2026-11-24T10:00:00Z",
        });
        let status = json!({
            "version": (version > 0).then_some(version), "observedGeneration": 2,
            "history": history.into_iter().collect::<Vec<_>>(), "conditions": [ready],
        });
        serde_json::from_value(json!({
            "metadata": { "name": "a-key", "generation": 2 }, "spec": all, "status": status,
        }))
        .unwrap()
    }

    fn asked() -> Value {
        json!({ "request": { "purpose": "p" } })
    }

    fn anew(version: i64) -> Value {
        json!({ "sealed": "kliv1.x", "request": { "purpose": "p", "replaces": version } })
    }

    fn proposed() -> Value {
        json!({ "sealed": "kliv1.x", "request": { "purpose": "p", "deletion": true } })
    }

    #[test]
    fn a_status_tells_who_waits_and_whether_there_was_a_question() {
        let valued = json!({ "sealed": "kliv1.x" });
        let answered = json!({ "sealed": "kliv1.x", "request": { "purpose": "p" } });
        let table = [
            (None, Status::Gone),
            (Some(secret(asked(), 0)), Status::Pending),
            (Some(secret(json!({ "generate": {} }), 0)), Status::Pending),
            (Some(secret(anew(1), 1)), Status::Pending),
            (Some(secret(proposed(), 1)), Status::Pending),
            (Some(secret(answered, 1)), Status::Answered),
            (Some(secret(anew(1), 2)), Status::Answered),
            (Some(secret(valued, 1)), Status::NotAsked),
        ];
        for (secret, wanted) in table {
            assert_eq!(Status::of(secret.as_ref()), wanted, "{:?}", secret.map(|s| s.spec.request));
        }
    }

    #[test]
    fn how_what_was_seen_pending_has_ended() {
        let valued = || secret(json!({ "sealed": "kliv1.x" }), 1);
        let (first, new, deletion) =
            (secret(asked(), 0), secret(anew(1), 1), secret(proposed(), 1));
        let (first, new, deletion) = (&first, &new, &deletion);
        let generated = &secret(json!({ "generate": {} }), 0);
        let later = |spec, version| Some(secret(spec, version));
        let table = [
            (first, later(asked(), 0), None),
            (first, Some(valued()), Some(Status::Answered)),
            (first, None, Some(Status::Refused)),
            (new, later(anew(1), 1), None),
            (new, later(anew(1), 2), Some(Status::Answered)),
            (new, Some(secret(json!({ "sealed": "kliv1.y" }), 2)), Some(Status::Answered)),
            (new, Some(valued()), Some(Status::Refused)),
            (new, None, Some(Status::Gone)),
            (deletion, later(proposed(), 1), None),
            (deletion, Some(valued()), Some(Status::Refused)),
            (deletion, None, Some(Status::Gone)),
            (generated, later(json!({ "generate": {} }), 0), None),
            (generated, Some(valued()), Some(Status::Answered)),
            (generated, None, Some(Status::Gone)),
        ];
        for (n, (before, now, wanted)) in table.into_iter().enumerate() {
            assert_eq!(ended(before, now.as_ref()), wanted, "{n}");
        }
    }

    #[test]
    fn the_trail_says_whether_a_secret_still_waited_when_it_was_deleted() {
        let event = |action: &str, secret: &str| -> KlivAuditEventSpec {
            serde_json::from_value(json!({
                "time": "2026-11-24T10:00:00Z", "action": action, "secret": secret,
                "actor": "anna", "via": "web",
            }))
            .unwrap()
        };
        let told = |actions: &[(&str, &str)]| {
            let events: Vec<_> = actions.iter().map(|(a, secret)| event(a, secret)).collect();
            ending(events.iter(), "a-key").map(|ending| ending.waited)
        };
        let (asked, deleted) = (("Requested", "a-key"), ("Deleted", "a-key"));
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[asked]), None);
        assert_eq!(told(&[asked, ("Deleted", "b-key")]), None);
        assert_eq!(told(&[asked, deleted]), Some(true));
        let mut proposed = event("Requested", "a-key");
        proposed.detail = Some(Detail::DeletionProposed.to_string());
        let events = [proposed, event("Deleted", "a-key")];
        assert!(!ending(events.iter(), "a-key").unwrap().waited, "it had a value");
        assert_eq!(told(&[deleted]), Some(true));
        assert_eq!(told(&[asked, ("Updated", "a-key"), deleted]), Some(true));
        assert_eq!(told(&[("OpeningFailed", "a-key"), deleted]), Some(false));
        assert_eq!(told(&[asked, ("Answered", "a-key"), deleted]), Some(false));
        assert_eq!(told(&[asked, deleted, ("Created", "a-key"), deleted]), Some(false));
        let events = [event("Requested", "a-key"), event("Deleted", "a-key")];
        let told = serde_json::to_value(ending(events.iter(), "a-key")).unwrap();
        let by = json!({ "untrusted_text": "anna" });
        let wanted = json!({
            "at": "2026-11-24T10:00:00Z", "by": by, "on_behalf_of": null, "via": "web",
        });
        assert_eq!(told, wanted);
    }

    #[test]
    fn delivery_says_on_how_many_functions_and_which_are_behind() {
        let account: KlivAccount = serde_json::from_value(json!({
            "metadata": { "name": "default" }, "spec": {},
            "status": { "functions": {
                "total": 3, "updated": 2,
                "notUpdated": [{ "name": "f", "reason": "RolloutFailed", "message": "m" }],
            } },
        }))
        .unwrap();
        let valued = secret(json!({ "sealed": "kliv1.x" }), 1);
        let seen = Seen { secret: Some(&valued), account: Some(&account), reached: None };
        let told = serde_json::to_value(delivery(&valued, &seen)).unwrap();
        let wanted = json!({
            "state": "done", "words": "live on 2 of 3 functions of the account (which of them it is for can't be seen)",
            "why": null, "updated": 2, "functions": 3, "counted": "of_account",
            "behind": [{ "function": { "untrusted_text": "f" }, "reason": "rollout_failed" }],
        });
        assert_eq!(told, wanted);
        let unseen = Seen { account: None, ..seen };
        assert_eq!(delivery(&valued, &unseen).functions, None, "none would be said to be none");
    }

    #[test]
    fn where_functions_can_be_seen_only_those_that_the_secret_is_for_count() {
        let account: KlivAccount = serde_json::from_value(json!({
            "metadata": { "name": "default" }, "spec": {},
            "status": { "functions": {
                "total": 9, "updated": 8, "notUpdated": [{ "name": "other", "reason": "RollingOut" }],
            } },
        }))
        .unwrap();
        let valued = secret(json!({ "sealed": "kliv1.x" }), 1);
        let told = |reached: &[(&str, Option<Using>)]| {
            let of = |(function, state): &(&str, _)| Reached {
                function: (*function).to_owned(),
                state: *state,
                requires: false,
            };
            let reached: Vec<Reached> = reached.iter().map(of).collect();
            let (secret, account) = (Some(&valued), Some(&account));
            let told = delivery(&valued, &Seen { secret, account, reached: Some(&reached) });
            assert_eq!(told.counted, Some(Counted::OfSecret));
            let behind = told.behind.iter().map(|behind| behind.reason.clone()).collect::<Vec<_>>();
            (told.state, told.words.unwrap(), behind.join(","))
        };
        let here = ("a", Some(Using::Current));
        let at = |state, words: &str, behind: &str| (state, words.to_owned(), behind.to_owned());
        assert_eq!(told(&[here]), at(Way::Done, "live on 1 of 1 function", ""));
        let wanted = at(Way::RollingOut, "live on 1 of 2 functions", "without");
        assert_eq!(told(&[here, ("b", None)]), wanted);
    }
}
