//! How much, how often, for how long: per address and per person.
//!
//! ```text
//!  connection: head within 10 s, buffers of 64 KiB (server::listen)
//!  request:    per address; its body small and soon
//!  token:      that is not known yet: few per address, and few in all
//!  call:       per person; so many under way; none for ever
//! ```

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};

use crate::server::pace::{All, Keyed, Pace, TooOften, subscriber};

/// The largest message, bytes: a value of 64 KiB, escaped as JSON, is less than twice that.
pub(super) const BODY: usize = 256 * 1024;

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

/// Calls of one person that are under way: most of them wait for people.
const AT_A_TIME: usize = 200;

/// All that is counted.
pub(super) struct Limits<C: Clock = DefaultClock> {
    addresses: Keyed<IpAddr, C>,
    reviews: Keyed<IpAddr, C>,
    all_reviews: All<C>,
    people: Keyed<String, C>,
    under_way: Counts,
}

type Counts = Arc<Mutex<HashMap<String, usize>>>;

/// A call that is under way; when it is dropped there is room for another.
pub(super) struct UnderWay {
    who: String,
    counts: Counts,
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
            under_way: Arc::default(),
        }
    }

    /// Any request.
    pub(super) fn request(&self, address: IpAddr) -> Result<(), TooOften> {
        self.addresses.check(subscriber(address))
    }

    /// A token that is not known yet.
    pub(super) fn review(&self, address: IpAddr) -> Result<(), TooOften> {
        self.reviews.check(subscriber(address))?;
        self.all_reviews.check()
    }

    /// A call of somebody.
    pub(super) fn call(&self, who: &str) -> Result<(), TooOften> {
        self.people.check(who.to_owned())
    }

    /// Room for a call of somebody; none where too many of his are under way.
    pub(super) fn under_way(&self, who: &str) -> Option<UnderWay> {
        let mut counts = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(who.to_owned()).or_default();
        if *count >= AT_A_TIME {
            return None;
        }
        *count += 1;
        Some(UnderWay { who: who.to_owned(), counts: Arc::clone(&self.under_way) })
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
        let from = |address: &str| (0..1000).filter(|_| limits.review(ip(address)).is_ok()).count();
        assert_eq!(from("192.0.2.1"), 200);
        assert_eq!(from("192.0.2.2") + from("192.0.2.3"), 200);
    }

    #[test]
    fn calls_under_way_give_their_room_back() {
        let limits = Limits::new();
        let mut open: Vec<_> = (0..AT_A_TIME).map(|_| limits.under_way("anna").unwrap()).collect();
        assert!(limits.under_way("anna").is_none() && limits.under_way("bo").is_some());
        open.pop();
        assert!(limits.under_way("anna").is_some());
        drop(open);
        assert!(limits.under_way.lock().unwrap().is_empty());
    }
}
