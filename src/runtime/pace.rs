//! How often: so many at once, and then one in each so long.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// How many are remembered singly at a time. Where there are more, the rest share one pace.
const REMEMBERED: usize = 65_536;

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
    most: NonZeroU32,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Keyed<K, C> {
    pub(crate) fn new(pace: Pace, clock: &C) -> Self {
        let each = RateLimiter::new(pace.quota(), DashMapStateStore::default(), clock.clone());
        let rest = RateLimiter::direct_with_clock(pace.quota(), clock.clone());
        let most = pace.quota().burst_size();
        Self { each, rest, crowd: AtomicUsize::new(0), most }
    }

    pub(crate) fn check(&self, key: K) -> Result<(), TooOften> {
        self.check_many(key, NonZeroU32::MIN)
    }

    /// As many at once; what is more than may ever come at once counts as that.
    pub(crate) fn check_many(&self, key: K, many: NonZeroU32) -> Result<(), TooOften> {
        let many = many.min(self.most);
        // Not each time: it goes through all of them.
        if self.each.len() >= REMEMBERED
            && self.crowd.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_FOR_ROOM)
        {
            self.each.retain_recent();
        }
        let now = self.each.clock().now();
        let checked = match self.each.len() >= REMEMBERED {
            true => self.rest.check_n(many),
            false => self.each.check_key_n(&key, many),
        };
        // It never is more than may come at once.
        checked.unwrap_or(Ok(())).map_err(|not| TooOften(not.wait_time_from(now)))
    }
}

impl Pace {
    fn quota(self) -> Quota {
        let at_once = NonZeroU32::new(self.at_once).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(self.each).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        quota.allow_burst(at_once)
    }
}
