//! How much of what is sent is in memory at a time, and who gives way when it gets crowded.
//!
//! Bytes count when they arrive, not when they are announced. When there is no room for
//! more, the one that has been arriving for longest is sent away: an honest one takes
//! milliseconds, so it is one that trickles. To push out an honest one, somebody would have
//! to fill all of the room within those milliseconds, again and again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Room for so many bytes, of so many who send
pub(crate) struct Room {
    state: Mutex<State>,
    freed: Notify,
    reviews: usize,
}

struct State {
    free: usize,
    /// What those will free that were sent away and are not gone yet.
    leaving: usize,
    /// The oldest first.
    arriving: BTreeMap<u64, Arriving>,
    next: u64,
}

struct Arriving {
    held: usize,
    leave: CancellationToken,
}

/// One message's place; what it holds is free again when it ends.
pub(crate) struct Place {
    room: Arc<Room>,
    number: u64,
    held: usize,
    leave: CancellationToken,
}

/// This one was sent away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SentAway;

impl Room {
    pub(crate) fn new(bytes: usize, reviews: usize) -> Arc<Self> {
        let state = State { free: bytes, leaving: 0, arriving: BTreeMap::new(), next: 0 };
        Arc::new(Self { state: Mutex::new(state), freed: Notify::new(), reviews })
    }

    /// A place for one more.
    pub(crate) fn enter(self: &Arc<Self>) -> Place {
        let mut state = self.state();
        if state.arriving.values().filter(|one| !one.leave.is_cancelled()).count() >= self.reviews {
            let oldest = state.arriving.values().find(|one| !one.leave.is_cancelled());
            oldest.inspect(|oldest| oldest.leave.cancel());
            state.leaving += oldest.map_or(0, |oldest| oldest.held);
        }
        let (number, leave) = (state.next, CancellationToken::new());
        state.next += 1;
        state.arriving.insert(number, Arriving { held: 0, leave: leave.clone() });
        Place { room: Arc::clone(self), number, held: 0, leave }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Sends the oldest away that holds anything, be it the one that asks. Not where that
    /// is the only one: then whoever is being answered makes room soon.
    fn make_one_leave(&mut self, asks: u64) -> bool {
        let staying = |(_, one): &(&u64, &Arriving)| one.held > 0 && !one.leave.is_cancelled();
        let mut holders = self.arriving.iter().filter(staying);
        let Some((number, oldest)) = holders.next() else { return false };
        if *number == asks && holders.next().is_none() {
            return false;
        }
        oldest.leave.cancel();
        self.leaving += oldest.held;
        true
    }
}

impl Place {
    /// Waits for room for so many bytes more. At most one waits in a place.
    pub(crate) async fn take(&mut self, bytes: usize) -> Result<(), SentAway> {
        let room = Arc::clone(&self.room);
        loop {
            let mut freed = std::pin::pin!(room.freed.notified());
            freed.as_mut().enable();
            if self.try_take(bytes)? {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.leave.cancelled() => return Err(SentAway),
                () = freed => {}
            }
        }
    }

    fn try_take(&mut self, bytes: usize) -> Result<bool, SentAway> {
        let mut state = self.room.state();
        while state.free + state.leaving < bytes && state.make_one_leave(self.number) {}
        if self.leave.is_cancelled() {
            return Err(SentAway);
        }
        if state.free < bytes {
            return Ok(false);
        }
        state.free -= bytes;
        self.held += bytes;
        if let Some(arriving) = state.arriving.get_mut(&self.number) {
            arriving.held = self.held;
        }
        Ok(true)
    }

    /// So many bytes are not needed any more.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        let mut state = self.room.state();
        state.free += bytes;
        self.held -= bytes;
        if let Some(arriving) = state.arriving.get_mut(&self.number) {
            arriving.held = self.held;
            if arriving.leave.is_cancelled() {
                state.leaving -= bytes;
            }
        }
        self.room.freed.notify_waiters();
    }

    /// Waits until this one has to go.
    pub(crate) fn sent_away(&self) -> impl Future<Output = ()> + use<> {
        self.leave.clone().cancelled_owned()
    }

    /// It is there as a whole, and is not sent away any more.
    pub(crate) fn arrived(&mut self) -> Result<(), SentAway> {
        let mut state = self.room.state();
        if self.leave.is_cancelled() {
            return Err(SentAway);
        }
        state.arriving.remove(&self.number);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.room.state();
        state.free += self.held;
        let arriving = state.arriving.remove(&self.number);
        if arriving.is_some_and(|arriving| arriving.leave.is_cancelled()) {
            state.leaving -= self.held;
        }
        self.room.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// What happens without waiting; none while it waits.
    fn take(place: &mut Place, bytes: usize) -> Option<Result<(), SentAway>> {
        place.take(bytes).now_or_never()
    }

    #[test]
    fn the_longest_arriving_gives_way_and_the_next_only_if_need_be() {
        let room = Room::new(10, 10);
        let (mut first, mut second, mut third) = (room.enter(), room.enter(), room.enter());
        assert_eq!(take(&mut first, 4), Some(Ok(())));
        assert_eq!(take(&mut second, 4), Some(Ok(())));
        assert_eq!(take(&mut third, 4), None, "waits until the first is gone");
        assert_eq!(take(&mut third, 6), None, "which is room enough");
        assert_eq!(take(&mut first, 0), Some(Err(SentAway)));
        assert_eq!(first.arrived(), Err(SentAway));
        assert_eq!(second.sent_away().now_or_never(), None);
        drop(first);
        assert_eq!(take(&mut third, 6), Some(Ok(())));
        assert_eq!(second.arrived(), Ok(()));
    }

    #[test]
    fn what_is_there_as_a_whole_is_waited_for() {
        let room = Room::new(10, 10);
        let (mut first, mut second) = (room.enter(), room.enter());
        assert_eq!(take(&mut first, 8), Some(Ok(())));
        assert_eq!(first.arrived(), Ok(()));
        assert_eq!(take(&mut second, 2), Some(Ok(())));
        assert_eq!(take(&mut second, 2), None, "alone, it is not sent away");
        drop(first);
        assert_eq!(take(&mut second, 2), Some(Ok(())));
        second.give_back(2);
        let mut third = room.enter();
        assert_eq!(take(&mut third, 8), Some(Ok(())));
        assert_eq!(take(&mut third, 1), None, "the older one goes");
        drop(second);
        assert_eq!(take(&mut third, 2), Some(Ok(())), "nothing is lost");
    }

    #[test]
    fn the_oldest_goes_also_when_it_is_the_one_that_asks() {
        let room = Room::new(10, 10);
        let (mut old, mut new) = (room.enter(), room.enter());
        assert_eq!(take(&mut old, 5), Some(Ok(())));
        assert_eq!(take(&mut new, 5), Some(Ok(())));
        assert_eq!(take(&mut old, 1), Some(Err(SentAway)));
        assert_eq!(new.arrived(), Ok(()));
    }

    #[test]
    fn no_more_arrive_than_there_are_places() {
        let room = Room::new(10, 2);
        let places = [room.enter(), room.enter(), room.enter(), room.enter()];
        let gone = places.each_ref().map(|place| place.sent_away().now_or_never().is_some());
        assert_eq!(gone, [true, true, false, false]);
    }
}
