//! The connections of a server: how many there may be, of all and of one address.
//!
//! ```text
//!  accepted ──► a place, of all and of its address ──► TLS ──► idle: requests and answers
//!     └─ none left: closed                                └─ nothing for a while: closed
//! ```

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum_server::accept::Accept;
use futures::future::{BoxFuture, FutureExt as _};
use governor::clock::DefaultClock;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::idle::{Heard, Watched, watched};
use super::pace::{All, Pace, subscriber};
use super::proxies::Proxies;
use crate::runtime::share::{Share, Shares};

/// How often it is said that connections are refused.
const TOLD: Pace = Pace { at_once: 1, each: Duration::from_secs(60) };

/// How many connections there may be.
#[derive(Clone, Copy)]
pub(super) struct Most {
    /// Of all. With what each may hold of a request before it is counted, they fit into the
    /// memory that a server has.
    pub(super) all: usize,
    /// Of one address: many people and agents may come from one, that of an office or of a node
    /// that stands for whoever comes through it. Proxies, which stand for all, have no such bound.
    pub(super) each: usize,
}

pub(super) const MOST: Most = Most { all: 1024, each: 256 };

/// Room for connections.
struct Places {
    proxies: Proxies,
    each: Shares<IpAddr>,
    all: Arc<Semaphore>,
    told: All<DefaultClock>,
}

/// A connection's place; when it is dropped there is room for another.
pub(super) struct Place {
    /// Of its address, but where that is a proxy's.
    _of_address: Option<Share<IpAddr>>,
    _of_all: OwnedSemaphorePermit,
}

impl Places {
    fn new(most: Most, proxies: Proxies) -> Arc<Self> {
        Arc::new(Self {
            proxies,
            each: Shares::new(most.each),
            all: Arc::new(Semaphore::new(most.all)),
            told: All::new(TOLD, &DefaultClock::default()),
        })
    }

    fn take(&self, peer: IpAddr) -> Option<Place> {
        let address = (!self.proxies.include(peer)).then(|| subscriber(peer));
        let of_address = address.map(|address| self.each.one(address)).transpose().ok()?;
        let of_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Place { _of_address: of_address, _of_all: of_all })
    }
}

/// Accepts a connection where there is room for it.
#[derive(Clone)]
pub(super) struct Bounded<A> {
    places: Arc<Places>,
    acceptor: A,
}

impl<A> Bounded<A> {
    pub(super) fn new(acceptor: A, proxies: Proxies, most: Most) -> Self {
        Self { places: Places::new(most, proxies), acceptor }
    }
}

impl<A, S> Accept<TcpStream, S> for Bounded<A>
where
    A: Accept<TcpStream, S>,
    A::Future: Send + 'static,
    A::Stream: Send + 'static,
    A::Service: Send + 'static,
{
    type Stream = Watched<A::Stream, Place>;
    type Service = Heard<A::Service>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        // One that has gone already has no address.
        let place = stream.peer_addr().map(|peer| self.places.take(peer.ip()));
        let place = match place {
            Ok(Some(place)) => place,
            Ok(None) => {
                if self.places.told.check().is_ok() {
                    tracing::warn!("connections are refused: there are too many, of all or of one");
                }
                return std::future::ready(Err(io::ErrorKind::ConnectionRefused.into())).boxed();
            }
            Err(gone) => return std::future::ready(Err(gone)).boxed(),
        };
        let accepted = self.acceptor.accept(stream, service);
        async move {
            let (stream, service) = accepted.await?;
            Ok(watched(stream, service, place))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum_server::accept::DefaultAcceptor;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn places(all: usize, each: usize) -> Arc<Places> {
        Places::new(
            Most { all, each },
            Proxies::new(0, vec!["10.0.0.0/24".parse().unwrap()]).unwrap(),
        )
    }

    #[test]
    fn who_has_all_that_an_address_may_have_leaves_room_for_others() {
        let places = places(10, 2);
        let mut mine = vec![
            places.take(ip("192.0.2.1")).unwrap(),
            places.take(ip("::ffff:192.0.2.1")).unwrap(),
        ];
        assert!(places.take(ip("192.0.2.1")).is_none());
        assert!(places.take(ip("192.0.2.2")).is_some());
        mine.pop();
        assert!(places.take(ip("192.0.2.1")).is_some());
        drop(mine);
        assert!(places.each.is_empty());
        assert_eq!(places.all.available_permits(), 10);
    }

    #[test]
    fn a_proxy_stands_for_many_and_has_what_all_have() {
        let places = places(5, 2);
        let all: Vec<_> = (0..5).map(|_| places.take(ip("10.0.0.7")).unwrap()).collect();
        assert!(places.take(ip("10.0.0.7")).is_none() && places.take(ip("192.0.2.1")).is_none());
        drop(all);
        assert!(places.take(ip("192.0.2.1")).is_some());
    }

    #[tokio::test]
    async fn a_connection_has_its_place_until_it_ends() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let most = Most { all: 10, each: 1 };
        let door = Bounded::new(DefaultAcceptor, Proxies::none(), most);
        let connect = async || {
            let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
            (client.unwrap(), door.accept(server.unwrap().0, ()).await)
        };
        let (_one, accepted) = connect().await;
        let (mut other, refused) = connect().await;
        assert!(accepted.is_ok() && refused.is_err());
        assert_eq!(other.read(&mut [0]).await.unwrap(), 0, "it is closed");
        drop(accepted);
        assert!(connect().await.1.is_ok());
    }
}
