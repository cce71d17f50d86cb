//! How much, how often, for how long: per address and per person.
//!
//! ```text
//!  connection: few of all and per address, head within 10 s, none that idles (server::listen)
//!  request:    per address; its body small and soon
//!  token:      that is not known yet: few per address, and few in all that ask the API server
//!  message:    by its size; bytes in memory, of each tenant and of all
//!  call:       per person; under way per person, per tenant and of all, waits apart
//!  answer:     none for ever; few that nobody reads (server::hand_on)
//! ```

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refused::Refused;
use crate::runtime::room::{Place, Room, SentAway};
use crate::runtime::share::{Share, Shares, TooMuch};
use crate::server::pace::{All, Keyed, Pace, TooOften, subscriber};
use crate::server::person::SERVICE_ACCOUNT;

/// The largest message, bytes: a value of 64 KiB, escaped as JSON, is less than twice that.
pub(super) const BODY: usize = 256 * 1024;

/// The same where no tool takes a value: what all others take is less than 64 KiB.
const BODY_WITHOUT_VALUES: usize = 80 * 1024;

/// The largest message that has the server wait: it is in memory for as long.
pub(super) const WAIT_BODY: usize = 8 * 1024;

/// Messages of all that are in memory, bytes; parsed, one may take many times as much.
const HELD: usize = 8 * 1024 * 1024;

/// Those of one tenant.
const HELD_OF_TENANT: usize = HELD / 4;

/// So many bytes of a message count as a call: parsing takes time.
const AS_A_CALL: usize = 8 * 1024;

/// Answers of one tenant that the connection has not let go of.
const UNREAD: usize = 256;

/// Messages of all that are arriving.
const ARRIVING: usize = 512;

/// How long a message waits for room, where none gives way.
const ROOM: Duration = Duration::from_secs(2);

/// The largest answer that is not a stream, bytes.
pub(super) const ANSWERED: usize = 4 * 1024 * 1024;

/// How long a message may take to arrive.
pub(super) const ARRIVES: Duration = Duration::from_secs(10);

/// How long an answer may go on: longer than any tool waits.
pub(super) const ANSWER: Duration = Duration::from_secs(15 * 60);

/// Many agents may come from one address.
const ADDRESS: Pace = Pace { at_once: 1200, each: Duration::from_millis(5) };

/// A token that is not known costs the API server reviews. One that was good a while ago goes by
/// its tenant's pace first, any other by its address's, then by that of all.
const REVIEW_TENANT: Pace = Pace { at_once: 200, each: Duration::from_millis(50) };
/// See [`REVIEW_TENANT`].
const REVIEW_ADDRESS: Pace = Pace { at_once: 200, each: Duration::from_millis(50) };
/// See [`REVIEW_TENANT`].
const REVIEW_ALL: Pace = Pace { at_once: 400, each: Duration::from_millis(10) };

/// A robot's account may have many agents.
const PERSON: Pace = Pace { at_once: 400, each: Duration::from_millis(10) };

/// Calls that are under way, of one person, of one tenant, and of all.
const CALLS: Most = Most { each: 48, tenant: 64, all: 256 };

/// Those of them that wait for people: apart, so that they leave room for the short ones.
const WAITS: Most = Most { each: 50, tenant: 100, all: 400 };

struct Most {
    each: usize,
    tenant: usize,
    all: usize,
}

/// All that is counted.
pub(super) struct Limits<C: Clock = DefaultClock> {
    /// The largest message, bytes.
    pub(super) body: usize,
    addresses: Keyed<IpAddr, C>,
    reviews: Keyed<IpAddr, C>,
    all_reviews: All<C>,
    again: Keyed<String, C>,
    people: Keyed<String, C>,
    room: Arc<Room>,
    room_of_tenants: Shares,
    unread: Shares,
    calls: Places,
    waits: Places,
}

/// How long a call takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Takes {
    /// Some questions to the API server.
    Moments,
    /// As long as people do.
    Long,
}

/// Why there is no room for a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Full {
    /// Too many of his own are under way, or of his tenant.
    Own,
    /// Too many of all.
    All,
}

/// Room for calls of one kind.
struct Places {
    each: Shares,
    tenants: Shares,
    all: Arc<Semaphore>,
}

/// A call that is under way; when it is dropped there is room for another.
#[derive(Debug)]
pub(super) struct UnderWay {
    _own: Share,
    _tenants: Share,
    _of_all: OwnedSemaphorePermit,
}

/// What a message holds of the memory for all; when it is dropped there is room for another.
pub(super) struct Held {
    of_all: Place,
    tenants: Share,
}

impl Limits {
    /// For a server with tools that take values, or without.
    pub(super) fn new(values: bool) -> Self {
        Self::by(&DefaultClock::default(), values)
    }
}

impl<C: Clock + Clone> Limits<C> {
    fn by(clock: &C, values: bool) -> Self {
        Self {
            body: if values { BODY } else { BODY_WITHOUT_VALUES },
            addresses: Keyed::new(ADDRESS, clock),
            reviews: Keyed::new(REVIEW_ADDRESS, clock),
            all_reviews: All::new(REVIEW_ALL, clock),
            again: Keyed::new(REVIEW_TENANT, clock),
            people: Keyed::new(PERSON, clock),
            room: Room::new(HELD, ARRIVING),
            room_of_tenants: Shares::new(HELD_OF_TENANT),
            unread: Shares::new(UNREAD),
            calls: Places::new(&CALLS),
            waits: Places::new(&WAITS),
        }
    }

    /// Any request.
    pub(super) fn request(&self, address: IpAddr) -> Result<(), TooOften> {
        self.addresses.check(subscriber(address))
    }

    /// A token that is not known yet.
    pub(super) fn unknown(&self, address: IpAddr) -> Result<(), TooOften> {
        self.reviews.check(subscriber(address))
    }

    /// A token of somebody's that was good a while ago, and has to be asked about again.
    pub(super) fn again(&self, who: &str) -> Result<(), TooOften> {
        self.again.check(tenant(who).to_owned())
    }

    /// A question to the API server about a token that was not good a while ago.
    pub(super) fn review(&self) -> Result<(), TooOften> {
        self.all_reviews.check()
    }

    /// A call of somebody.
    pub(super) fn call(&self, who: &str) -> Result<(), TooOften> {
        self.people.check(who.to_owned())
    }

    /// What a call has sent.
    pub(super) fn sent(&self, who: &str, bytes: usize) -> Result<(), TooOften> {
        let more = u32::try_from(bytes / AS_A_CALL).ok().and_then(NonZeroU32::new);
        more.map_or(Ok(()), |more| self.people.check_many(who.to_owned(), more))
    }

    /// A place for a message of somebody that arrives.
    pub(super) fn held(&self, who: &str) -> Held {
        Held::new(self.room.enter(), self.room_of_tenants.of(tenant(who)))
    }

    /// Room for an answer that somebody has to read.
    pub(super) fn unread(&self, who: &str) -> Result<Share, Full> {
        Ok(self.unread.one(tenant(who))?)
    }

    /// Room for a call of somebody.
    pub(super) fn under_way(&self, who: &str, takes: Takes) -> Result<UnderWay, Full> {
        match takes {
            Takes::Moments => self.calls.take(who),
            Takes::Long => self.waits.take(who),
        }
    }
}

impl Held {
    pub(super) fn new(of_all: Place, tenants: Share) -> Self {
        Self { of_all, tenants }
    }

    /// Waits for room for so many bytes more.
    pub(super) async fn take(&mut self, bytes: usize) -> Result<(), Refused> {
        self.tenants.take(bytes).map_err(Full::from)?;
        let room = tokio::time::timeout(ROOM, self.of_all.take(bytes)).await;
        room.map_err(|_| Refused::Busy)??;
        Ok(())
    }

    /// Waits until this one has to go.
    pub(super) fn sent_away(&self) -> impl Future<Output = ()> + use<> {
        self.of_all.sent_away()
    }

    /// It is there as a whole, and is not sent away any more.
    pub(super) fn arrived(&mut self) -> Result<(), SentAway> {
        self.of_all.arrived()
    }
}

impl Places {
    fn new(most: &Most) -> Self {
        let all = Arc::new(Semaphore::new(most.all));
        Self { each: Shares::new(most.each), tenants: Shares::new(most.tenant), all }
    }

    fn take(&self, who: &str) -> Result<UnderWay, Full> {
        let (own, tenants) = (self.each.one(who)?, self.tenants.one(tenant(who))?);
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Full::All)?;
        Ok(UnderWay { _own: own, _tenants: tenants, _of_all: of_all })
    }
}

impl From<TooMuch> for Full {
    fn from(_: TooMuch) -> Self {
        Self::Own
    }
}

/// Whose work somebody does. A namespace has as many ServiceAccounts as it likes, so they count
/// together. The account in a request's path says nothing: whoever asks writes it.
fn tenant(who: &str) -> &str {
    let namespace = who.strip_prefix(SERVICE_ACCOUNT).and_then(|of| of.split(':').next());
    namespace.map_or(who, |namespace| &who[..SERVICE_ACCOUNT.len() + namespace.len()])
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_calls_too_often_waits_and_nobody_else_does() {
        let clock = FakeRelativeClock::default();
        let limits = Limits::by(&clock, false);
        assert!((0..PERSON.at_once).all(|_| limits.call("anna").is_ok()));
        let refused = limits.call("anna").unwrap_err();
        assert!(refused.0 > Duration::ZERO && refused.0 <= PERSON.each, "{refused:?}");
        assert!(limits.call("bo").is_ok());
        clock.advance(refused.0);
        assert!(limits.call("anna").is_ok());
    }

    #[test]
    fn few_unknown_tokens_are_tried_from_an_address_and_not_many_from_all() {
        let limits = Limits::by(&FakeRelativeClock::default(), false);
        let from = |address: &str| {
            let tried = (0..1000).filter(|_| limits.unknown(ip(address)).is_ok());
            tried.filter(|_| limits.review().is_ok()).count()
        };
        assert_eq!(from("192.0.2.1"), 200);
        assert_eq!(from("192.0.2.2"), 200);
        assert_eq!(from("192.0.2.3"), 0);
    }

    fn fill(limits: &Limits, who: &str, takes: Takes) -> (Vec<UnderWay>, Full) {
        let mut open = Vec::new();
        loop {
            match limits.under_way(who, takes) {
                Ok(one) => open.push(one),
                Err(full) => return (open, full),
            }
        }
    }

    #[test]
    fn calls_under_way_give_their_room_back() {
        let limits = Limits::new(false);
        let (mut open, full) = fill(&limits, "anna", Takes::Moments);
        assert_eq!((open.len(), full), (CALLS.each, Full::Own));
        assert!(limits.under_way("bo", Takes::Moments).is_ok());
        open.pop();
        assert!(limits.under_way("anna", Takes::Moments).is_ok());
        drop(open);
        assert!(limits.calls.each.is_empty() && limits.calls.tenants.is_empty());
        assert_eq!(limits.calls.all.available_permits(), CALLS.all);
    }

    #[test]
    fn many_people_together_have_no_more_than_all_may_and_waits_leave_room_for_short_calls() {
        let limits = Limits::new(false);
        for (takes, most) in [(Takes::Long, WAITS), (Takes::Moments, CALLS)] {
            let people = (0..=most.all / most.each).map(|n| fill(&limits, &n.to_string(), takes));
            let open: Vec<_> = people.collect();
            assert_eq!(open.iter().map(|(open, _)| open.len()).sum::<usize>(), most.all);
            assert_eq!(limits.under_way("bo", takes).unwrap_err(), Full::All);
            let places = if takes == Takes::Long { &limits.waits } else { &limits.calls };
            std::mem::forget(open);
            // Nothing is left of one who found no room.
            assert_eq!(places.each.of("bo").take(most.each), Ok(()));
        }
    }

    #[test]
    fn the_service_accounts_of_a_namespace_count_together_and_leave_room_for_others() {
        assert_eq!(tenant("anna"), "anna");
        assert_eq!(tenant("system:serviceaccount:shop:a"), "system:serviceaccount:shop");
        assert_eq!(tenant("system:serviceaccount:shop:a"), tenant("system:serviceaccount:shop:b"));
        assert_ne!(tenant("system:serviceaccount:shop:a"), tenant("system:serviceaccount:sho:a"));
        for (takes, most) in [(Takes::Long, WAITS), (Takes::Moments, CALLS)] {
            let limits = Limits::new(false);
            let robots = (0..10).map(|n| format!("system:serviceaccount:shop:{n}"));
            let open: Vec<_> = robots.map(|robot| fill(&limits, &robot, takes)).collect();
            assert_eq!(open.iter().map(|(open, _)| open.len()).sum::<usize>(), most.tenant);
            assert!(open.iter().all(|(_, full)| *full == Full::Own));
            assert!(limits.under_way("system:serviceaccount:other:a", takes).is_ok());
        }
    }

    #[test]
    fn a_large_message_counts_as_many_calls() {
        let limits = Limits::by(&FakeRelativeClock::default(), true);
        let large = (0..PERSON.at_once).filter(|_| limits.sent("anna", BODY).is_ok());
        assert_eq!(large.count(), PERSON.at_once as usize / (BODY / AS_A_CALL));
        assert!((0..PERSON.at_once).all(|_| limits.sent("bo", AS_A_CALL - 1).is_ok()));
        assert!(limits.sent("bo", BODY).is_ok(), "small ones are but calls");
    }

    #[test]
    fn large_messages_are_taken_only_where_a_tool_takes_values() {
        assert_eq!((Limits::new(true).body, Limits::new(false).body), (BODY, BODY_WITHOUT_VALUES));
    }

    #[test]
    fn a_good_token_is_asked_about_again_at_its_tenants_pace() {
        let limits = Limits::by(&FakeRelativeClock::default(), false);
        let again = |who: &str| (0..1000).filter(|_| limits.again(who).is_ok()).count();
        assert_eq!(again("system:serviceaccount:shop:a"), REVIEW_TENANT.at_once as usize);
        assert_eq!(again("system:serviceaccount:shop:b"), 0);
        assert_eq!(again("anna"), REVIEW_TENANT.at_once as usize);
    }
}
