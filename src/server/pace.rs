//! How often: so many at once, and then one in each so long; and whence a request came.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use http::{HeaderMap, HeaderName};

/// Addresses that are remembered at a time. Who comes from more fills it, and then all share
/// what the whole has.
const ADDRESSES: usize = 65_536;

/// After how many requests it is looked whether some of them can be forgotten.
const LOOK_FOR_ROOM: usize = 1024;

/// How often: so many at once, and then one in each so long.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) at_once: u32,
    pub(crate) each: Duration,
}

/// It is too much, for so long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooOften(pub(crate) Duration);

type One<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;
type Each<K, C> = RateLimiter<K, DashMapStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// A pace for all together.
pub(crate) struct All<C: Clock>(One<C>);

impl<C: Clock + Clone> All<C> {
    pub(crate) fn new(pace: Pace, clock: &C) -> Self {
        Self(RateLimiter::direct_with_clock(pace.quota(), clock.clone()))
    }

    pub(crate) fn check(&self) -> Result<(), TooOften> {
        self.0.check().map_err(|not| TooOften(not.wait_time_from(self.0.clock().now())))
    }
}

/// A pace for each of many, in bounded memory.
pub(crate) struct Keyed<K: Hash + Eq + Clone, C: Clock> {
    each: Each<K, C>,
    /// For those who are not remembered singly.
    rest: One<C>,
    /// How many came while all places were taken.
    crowd: AtomicUsize,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Keyed<K, C> {
    pub(crate) fn new(pace: Pace, clock: &C) -> Self {
        let each = RateLimiter::new(pace.quota(), DashMapStateStore::default(), clock.clone());
        let rest = RateLimiter::direct_with_clock(pace.quota(), clock.clone());
        Self { each, rest, crowd: AtomicUsize::new(0) }
    }

    pub(crate) fn check(&self, key: K) -> Result<(), TooOften> {
        // Not each time: it goes through all of them.
        if self.each.len() >= ADDRESSES
            && self.crowd.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_FOR_ROOM)
        {
            self.each.retain_recent();
        }
        let now = self.each.clock().now();
        let checked = match self.each.len() >= ADDRESSES {
            true => self.rest.check(),
            false => self.each.check_key(&key),
        };
        checked.map_err(|not| TooOften(not.wait_time_from(now)))
    }
}

impl Pace {
    fn quota(self) -> Quota {
        let at_once = NonZeroU32::new(self.at_once).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(self.each).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        quota.allow_burst(at_once)
    }
}

/// Who has an address: of IPv6 each has a network of 64 bits at least.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Whence a request came: the peer, or what the last so many proxies before the server say.
/// Further to the left stands only what whoever asked has written himself.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, proxies: usize) -> IpAddr {
    const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
    if proxies == 0 {
        return peer;
    }
    let lines = headers.get_all(FORWARDED).iter().filter_map(|line| line.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let hop = hops.len().checked_sub(proxies).and_then(|at| hops.get(at));
    hop.and_then(|hop| hop.parse().ok()).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_taken_from_proxies_of_ours_alone() {
        let mut headers = HeaderMap::new();
        let peer = ip("10.0.0.1");
        assert_eq!(client_address(peer, &headers, 1), peer);
        headers.append("x-forwarded-for", "1.1.1.1, 192.0.2.7".parse().unwrap());
        assert_eq!(client_address(peer, &headers, 0), peer);
        assert_eq!(client_address(peer, &headers, 1), ip("192.0.2.7"));
        headers.append("x-forwarded-for", "10.0.0.2".parse().unwrap());
        assert_eq!(client_address(peer, &headers, 1), ip("10.0.0.2"));
        assert_eq!(client_address(peer, &headers, 2), ip("192.0.2.7"));
        assert_eq!(client_address(peer, &headers, 9), peer);
        headers.append("x-forwarded-for", "nonsense".parse().unwrap());
        assert_eq!(client_address(peer, &headers, 1), peer);
    }
}
