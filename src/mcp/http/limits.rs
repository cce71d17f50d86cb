//! How much, how often, for how long: per address and per person.
//!
//! ```text
//!  connection: head within 10 s, buffers of 64 KiB (server::listen)
//!  request:    per address; its body small and soon
//!  token:      that is not known yet: few per address, and few in all that ask the API server
//!  message:    bytes in memory, of all
//!  call:       per person; under way per person and of all, waits apart; none for ever
//! ```

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::runtime::room::{Place, Room};
use crate::server::pace::{All, Keyed, Pace, TooOften, subscriber};

/// The largest message, bytes: a value of 64 KiB, escaped as JSON, is less than twice that.
pub(super) const BODY: usize = 256 * 1024;

/// The largest message that has the server wait: it is in memory for as long.
pub(super) const WAIT_BODY: usize = 8 * 1024;

/// Messages of all that are in memory, bytes; parsed, one may take many times as much.
const HELD: usize = 8 * 1024 * 1024;

/// Messages of all that are arriving.
const ARRIVING: usize = 512;

/// How long a message waits for room, where none gives way.
pub(super) const ROOM: Duration = Duration::from_secs(2);

/// The largest answer that is not a stream, bytes.
pub(super) const ANSWERED: usize = 4 * 1024 * 1024;

/// How long a message may take to arrive.
pub(super) const ARRIVES: Duration = Duration::from_secs(10);

/// How long an answer may go on: longer than any tool waits.
pub(super) const ANSWER: Duration = Duration::from_secs(15 * 60);

/// Many agents may come from one address.
const ADDRESS: Pace = Pace { at_once: 1200, each: Duration::from_millis(5) };

/// A token that is not known costs the API server reviews.
const REVIEW_ADDRESS: Pace = Pace { at_once: 200, each: Duration::from_millis(50) };
const REVIEW_ALL: Pace = Pace { at_once: 400, each: Duration::from_millis(10) };

/// A robot's account may have many agents.
const PERSON: Pace = Pace { at_once: 400, each: Duration::from_millis(10) };

/// Calls that are under way, of one person and of all.
const CALLS: Most = Most { each: 64, all: 256 };

/// Those of them that wait for people: apart, so that they leave room for the short ones.
const WAITS: Most = Most { each: 50, all: 400 };

struct Most {
    each: usize,
    all: usize,
}

/// All that is counted.
pub(super) struct Limits<C: Clock = DefaultClock> {
    addresses: Keyed<IpAddr, C>,
    reviews: Keyed<IpAddr, C>,
    all_reviews: All<C>,
    people: Keyed<String, C>,
    room: Arc<Room>,
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
    /// Too many of his own are under way.
    Own,
    /// Too many of all.
    All,
}

/// Room for calls of one kind.
struct Places {
    each: usize,
    counts: Counts,
    all: Arc<Semaphore>,
}

type Counts = Arc<Mutex<HashMap<String, usize>>>;

/// A call that is under way; when it is dropped there is room for another.
#[derive(Debug)]
pub(super) struct UnderWay {
    who: String,
    counts: Counts,
    _of_all: OwnedSemaphorePermit,
}

impl Limits {
    pub(super) fn new() -> Self {
        Self::by(&DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limits<C> {
    fn by(clock: &C) -> Self {
        Self {
            addresses: Keyed::new(ADDRESS, clock),
            reviews: Keyed::new(REVIEW_ADDRESS, clock),
            all_reviews: All::new(REVIEW_ALL, clock),
            people: Keyed::new(PERSON, clock),
            room: Room::new(HELD, ARRIVING),
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

    /// A question to the API server about a token that was not good a while ago.
    pub(super) fn review(&self) -> Result<(), TooOften> {
        self.all_reviews.check()
    }

    /// A call of somebody.
    pub(super) fn call(&self, who: &str) -> Result<(), TooOften> {
        self.people.check(who.to_owned())
    }

    /// A place for a message that arrives.
    pub(super) fn place(&self) -> Place {
        self.room.enter()
    }

    /// Room for a call of somebody.
    pub(super) fn under_way(&self, who: &str, takes: Takes) -> Result<UnderWay, Full> {
        match takes {
            Takes::Moments => self.calls.take(who),
            Takes::Long => self.waits.take(who),
        }
    }
}

impl Places {
    fn new(most: &Most) -> Self {
        let all = Arc::new(Semaphore::new(most.all));
        Self { each: most.each, counts: Arc::default(), all }
    }

    fn take(&self, who: &str) -> Result<UnderWay, Full> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.get(who).is_some_and(|count| *count >= self.each) {
            return Err(Full::Own);
        }
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Full::All)?;
        *counts.entry(who.to_owned()).or_default() += 1;
        Ok(UnderWay { who: who.to_owned(), counts: Arc::clone(&self.counts), _of_all: of_all })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.who);
            }
        }
    }
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
        let limits = Limits::by(&clock);
        assert!((0..PERSON.at_once).all(|_| limits.call("anna").is_ok()));
        let refused = limits.call("anna").unwrap_err();
        assert!(refused.0 > Duration::ZERO && refused.0 <= PERSON.each, "{refused:?}");
        assert!(limits.call("bo").is_ok());
        clock.advance(refused.0);
        assert!(limits.call("anna").is_ok());
    }

    #[test]
    fn few_unknown_tokens_are_tried_from_an_address_and_not_many_from_all() {
        let limits = Limits::by(&FakeRelativeClock::default());
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
        let limits = Limits::new();
        let (mut open, full) = fill(&limits, "anna", Takes::Moments);
        assert_eq!((open.len(), full), (CALLS.each, Full::Own));
        assert!(limits.under_way("bo", Takes::Moments).is_ok());
        open.pop();
        assert!(limits.under_way("anna", Takes::Moments).is_ok());
        drop(open);
        assert!(limits.calls.counts.lock().unwrap().is_empty());
        assert_eq!(limits.calls.all.available_permits(), CALLS.all);
    }

    #[test]
    fn many_people_together_have_no_more_than_all_may_and_waits_leave_room_for_short_calls() {
        let limits = Limits::new();
        for (takes, most) in [(Takes::Long, WAITS), (Takes::Moments, CALLS)] {
            let people = (0..=most.all / most.each).map(|n| fill(&limits, &n.to_string(), takes));
            let open: Vec<_> = people.collect();
            assert_eq!(open.iter().map(|(open, _)| open.len()).sum::<usize>(), most.all);
            assert_eq!(limits.under_way("bo", takes).unwrap_err(), Full::All);
            // Nothing is left of one who found no room.
            let places = if takes == Takes::Long { &limits.waits } else { &limits.calls };
            assert!(!places.counts.lock().unwrap().contains_key("bo"));
            std::mem::forget(open);
        }
    }
}
