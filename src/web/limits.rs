//! How much, how often, for how long: per address, per session, per route.
//!
//! ```text
//!  connection: not too many; head small, within 10 s       ┐
//!  request:    per address, per session; body by its route ├─ here
//!  sign-in:    few per address, and few in all             │
//!  streams:    few per session; imports few in all         ┘
//! ```

use std::net::IpAddr;
use std::time::Duration;

use axum::http::Method;
use governor::clock::{Clock, DefaultClock};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::session::Id;
use crate::runtime::share::{Share, Shares};
use crate::server::pace::{All, Keyed, Pace, TooOften, subscriber};

/// How long a page may take; streams begin within it.
const PAGE: Duration = Duration::from_secs(30);

/// How long a write may take, with its body: an import is many writes, and ends whole.
const WRITE: Duration = Duration::from_secs(120);

/// How long the answer to a request may take.
pub(crate) fn answer(method: &Method) -> Duration {
    if *method == Method::POST { WRITE } else { PAGE }
}

/// Streams of one session at a time: a browser with more tabs than this reloads the rest.
const STREAMS: usize = 12;

/// Imports at a time, of everybody: their bodies are in memory whole.
const IMPORTS: usize = 8;

/// The largest body of a form with one value: 64 KiB sealed are 88 KiB of text.
const FORM: usize = 160 * 1024;

/// The largest body of an import: a published set holds 900 KiB, sealed 1.3 MiB of text.
pub(crate) const IMPORT: usize = 2 * 1024 * 1024;

/// The largest body of a sign-in: what proxies let through of one header.
pub(crate) const SIGN_IN: usize = 16 * 1024;

/// The largest body that a POST to `path` may have, bytes.
pub(crate) fn body(path: &str) -> usize {
    if path.starts_with("/sign-in") || path == "/sign-out" || path == "/language" {
        SIGN_IN
    } else if of_account(path) == Some("import") {
        IMPORT
    } else {
        FORM
    }
}

/// Whether it is an account's stream of events, and not the page of a secret of that name.
pub(crate) fn is_events(path: &str) -> bool {
    of_account(path) == Some("events")
}

/// The page of an account itself: the rest of `/accounts/NAME/`, where there is one.
fn of_account(path: &str) -> Option<&str> {
    path.strip_prefix("/accounts/")?.split_once('/').map(|(_, page)| page)
}

/// A page and its parts are some ten requests, live pages come again and again.
const SESSION: Pace = Pace { at_once: 200, each: Duration::from_millis(50) };

/// Many people may come from one address.
const ADDRESS: Pace = Pace { at_once: 600, each: Duration::from_millis(10) };

const SIGN_IN_ADDRESS: Pace = Pace { at_once: 10, each: Duration::from_secs(6) };

/// Of all addresses: each one may cost a review by the API server.
const SIGN_IN_ALL: Pace = Pace { at_once: 100, each: Duration::from_millis(100) };

/// All that is counted.
pub(crate) struct Limits<C: Clock = DefaultClock> {
    sessions: Keyed<Id, C>,
    addresses: Keyed<IpAddr, C>,
    sign_ins: Keyed<IpAddr, C>,
    all_sign_ins: All<C>,
    streams: Shares<Option<Id>>,
    imports: Semaphore,
}

/// A stream that is open; when it is dropped there is room for another.
pub(crate) type Stream = Share<Option<Id>>;

impl Limits {
    pub(crate) fn new() -> Self {
        Self::by(DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limits<C> {
    fn by(clock: C) -> Self {
        Self {
            sessions: Keyed::new(SESSION, &clock),
            addresses: Keyed::new(ADDRESS, &clock),
            sign_ins: Keyed::new(SIGN_IN_ADDRESS, &clock),
            all_sign_ins: All::new(SIGN_IN_ALL, &clock),
            streams: Shares::new(STREAMS),
            imports: Semaphore::new(IMPORTS),
        }
    }

    /// Any request: of an address, and of a session where there is one.
    pub(crate) fn request(&self, address: IpAddr, session: Option<Id>) -> Result<(), TooOften> {
        self.addresses.check(subscriber(address))?;
        session.map_or(Ok(()), |id| self.sessions.check(id))
    }

    /// An attempt to sign in.
    pub(crate) fn sign_in(&self, address: IpAddr) -> Result<(), TooOften> {
        self.sign_ins.check(subscriber(address))?;
        self.all_sign_ins.check()
    }

    /// Room for the body of an import; none where too many are under way.
    pub(crate) fn import(&self) -> Option<SemaphorePermit<'_>> {
        self.imports.try_acquire().ok()
    }

    /// A stream of a session, or of nobody in particular; None where too many are open.
    pub(crate) fn stream(&self, id: Option<Id>) -> Option<Stream> {
        self.streams.one(id).ok()
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::runtime::entropy;

    fn limits() -> (Limits<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Limits::by(clock.clone()), clock)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn imports_are_few_at_a_time() {
        let limits = Limits::new();
        let mut under_way: Vec<_> = (0..IMPORTS).map(|_| limits.import()).collect();
        assert!(under_way.iter().all(Option::is_some) && limits.import().is_none());
        under_way.pop();
        assert!(limits.import().is_some());
    }

    #[test]
    fn who_asks_too_often_waits_and_nobody_else_does() {
        let (limits, clock) = limits();
        let (one, two) = (Id::new(&mut entropy::system()), Id::new(&mut entropy::system()));
        let address = ip("192.0.2.1");
        for _ in 0..SESSION.at_once {
            assert_eq!(limits.request(address, Some(one)), Ok(()));
        }
        let refused = limits.request(address, Some(one)).unwrap_err();
        assert!(refused.0 > Duration::ZERO && refused.0 <= SESSION.each, "{refused:?}");
        assert_eq!(limits.request(address, Some(two)), Ok(()));
        clock.advance(refused.0);
        assert_eq!(limits.request(address, Some(one)), Ok(()));
    }

    #[test]
    fn an_address_has_a_limit_of_its_own_whatever_it_signs_in_as() {
        let (limits, _) = limits();
        for _ in 0..ADDRESS.at_once {
            let id = Id::new(&mut entropy::system());
            assert_eq!(limits.request(ip("192.0.2.1"), Some(id)), Ok(()));
        }
        assert!(limits.request(ip("192.0.2.1"), None).is_err());
        assert!(limits.request(ip("::ffff:192.0.2.1"), None).is_err());
        assert_eq!(limits.request(ip("192.0.2.2"), None), Ok(()));
    }

    #[test]
    fn few_sign_ins_are_tried_from_an_address_and_not_many_from_all() {
        let (limits, clock) = limits();
        let from = |limits: &Limits<_>, host: u32| {
            limits.sign_in(IpAddr::V4(std::net::Ipv4Addr::from_bits(host))).is_ok()
        };
        let passed = (0..50).filter(|_| from(&limits, 1)).count();
        assert_eq!(passed, 10);
        let passed = (2..1000).filter(|host| from(&limits, *host)).count();
        assert_eq!(passed, 90);
        clock.advance(Duration::from_secs(60));
        assert!(from(&limits, 1));
    }

    #[test]
    fn neighbours_in_one_network_of_ipv6_are_one() {
        let (limits, _) = limits();
        let passed = (0..50).filter(|n| limits.sign_in(ip(&format!("2001:db8::{n}"))).is_ok());
        assert_eq!(passed.count(), 10);
        assert!(limits.sign_in(ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn streams_of_a_session_are_few_and_give_their_room_back() {
        let (limits, _) = limits();
        let (one, two) = (Id::new(&mut entropy::system()), Id::new(&mut entropy::system()));
        let mut open: Vec<_> = (0..STREAMS).map(|_| limits.stream(Some(one)).unwrap()).collect();
        assert!(limits.stream(Some(one)).is_none() && limits.stream(Some(two)).is_some());
        open.pop();
        assert!(limits.stream(Some(one)).is_some());
        drop(open);
        assert!(limits.streams.is_empty());
    }

    #[test]
    fn a_stream_is_an_account_s_events_and_no_secret_of_that_name() {
        assert!(is_events("/accounts/acme/events") && is_events("/accounts/events/events"));
        for path in ["/accounts/acme/secrets/events", "/accounts/events", "/accounts/events/", "/"]
        {
            assert!(!is_events(path), "{path}");
        }
    }

    #[test]
    fn only_an_import_may_be_large() {
        for (path, most) in [
            ("/accounts/a/import", IMPORT),
            ("/accounts/a/new", FORM),
            ("/accounts/import/new", FORM),
            ("/accounts/a/secrets/import", FORM),
            ("/sign-in/token", SIGN_IN),
            ("/language", SIGN_IN),
        ] {
            assert_eq!(body(path), most, "{path}");
        }
    }
}
