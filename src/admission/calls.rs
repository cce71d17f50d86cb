//! Refused calls on their way to whoever records them. Whoever may create KlivSecrets in one
//! account can tell of as many as he likes, and nothing is stored for it: so each has a pace, each
//! account has one, and they stand in a queue of their own, in which no delete waits.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use governor::clock::Clock;
use tokio::sync::mpsc;

use crate::api::KlivAuditEvent;
use crate::runtime::pace::{Keyed, Pace};

/// How often somebody's are noted in an account: that of the agents' door, which tells of no more.
const PERSON: Pace = Pace { at_once: 5, each: Duration::from_secs(20) };
/// How often all of an account's are: whoever can make users of his own has no more for it.
const ACCOUNT: Pace = Pace { at_once: 20, each: Duration::from_secs(5) };

/// Why one is not noted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotNoted {
    TooOften,
    NoRoom,
}

impl NotNoted {
    /// Why, for the log.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::TooOften => "there were several of the same account just now",
            Self::NoRoom => "too many at once",
        }
    }
}

/// What refused calls go through.
pub(super) struct Calls<C: Clock> {
    // By hashes: names of people may be long, and so many are remembered.
    hashes: RandomState,
    people: Keyed<u64, C>,
    accounts: Keyed<u64, C>,
    queue: mpsc::Sender<KlivAuditEvent>,
}

impl<C: Clock + Clone> Calls<C> {
    pub(super) fn new(queue: mpsc::Sender<KlivAuditEvent>, clock: &C) -> Self {
        Self {
            hashes: RandomState::new(),
            people: Keyed::new(PERSON, clock),
            accounts: Keyed::new(ACCOUNT, clock),
            queue,
        }
    }

    /// Hands one on.
    ///
    /// # Errors
    /// It comes too often, or there is no room.
    pub(super) fn note(&self, call: KlivAuditEvent) -> Result<(), NotNoted> {
        let account = call.metadata.namespace.as_deref().unwrap_or_default();
        let person = self.hashes.hash_one((account, call.spec.actor.as_str()));
        let account = self.hashes.hash_one(account);
        // First his own: what is too much for one takes nothing from the others.
        self.people.check(person).map_err(|_| NotNoted::TooOften)?;
        self.accounts.check(account).map_err(|_| NotNoted::TooOften)?;
        self.queue.try_send(call).map_err(|_| NotNoted::NoRoom)
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::api::{AuditAction, KlivAuditEventSpec};

    fn calls() -> (Calls<FakeRelativeClock>, FakeRelativeClock, mpsc::Receiver<KlivAuditEvent>) {
        let (queue, noted) = mpsc::channel(1000);
        let clock = FakeRelativeClock::default();
        (Calls::new(queue, &clock), clock, noted)
    }

    fn call(account: &str, actor: &str) -> KlivAuditEvent {
        let spec = KlivAuditEventSpec {
            actor: actor.into(),
            ..KlivAuditEventSpec::new(AuditAction::CallRefused, Timestamp::UNIX_EPOCH)
        };
        let mut event = KlivAuditEvent::new("pending-1", spec);
        event.metadata.namespace = Some(account.into());
        event
    }

    #[test]
    fn whoever_tells_of_calls_again_and_again_fills_no_queue_and_takes_nothing_from_others() {
        let (calls, clock, noted) = calls();
        let most = PERSON.at_once as usize;
        let made = (0..1000).filter(|_| calls.note(call("shop", "eve")).is_ok()).count();
        assert_eq!((made, noted.len()), (most, most));
        for (account, who) in [("shop", "anna"), ("bank", "eve"), ("bank", "bo")] {
            assert_eq!(calls.note(call(account, who)), Ok(()), "{who} in {account}");
        }
        clock.advance(PERSON.each);
        assert_eq!(calls.note(call("shop", "eve")), Ok(()));
        assert_eq!(calls.note(call("shop", "eve")), Err(NotNoted::TooOften));
    }

    #[test]
    fn an_account_with_many_users_has_no_more_for_it_and_others_have_theirs() {
        let (calls, _, noted) = calls();
        let made = (0..1000).filter(|i| calls.note(call("shop", &format!("eve-{i}"))).is_ok());
        assert_eq!(made.count(), ACCOUNT.at_once as usize);
        assert_eq!(calls.note(call("bank", "anna")), Ok(()));
        assert_eq!(noted.len(), ACCOUNT.at_once as usize + 1);
    }

    #[test]
    fn where_nobody_takes_them_up_there_is_no_room() {
        let (queue, _noted) = mpsc::channel(1);
        let calls = Calls::new(queue, &FakeRelativeClock::default());
        assert_eq!(calls.note(call("shop", "anna")), Ok(()));
        assert_eq!(calls.note(call("shop", "anna")), Err(NotNoted::NoRoom));
    }
}
