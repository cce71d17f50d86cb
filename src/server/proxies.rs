//! The proxies before a server, and whence a request came through them.
//!
//! ```text
//!  whoever asks ──► proxy ──► proxy ──► server       --proxies=2
//!                             └ the peer: believed where it is of --proxy-from
//! ```

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that stand before a server.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    count: usize,
    from: Vec<IpNet>,
}

/// There are proxies, and it is not said which peers they are.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "--proxies needs --proxy-from: the addresses that they connect from, as blocks. Else anybody \
     who reaches the server chooses the address that limits count"
)]
pub struct NoPeers;

impl Proxies {
    /// So many that add to `X-Forwarded-For`; the last of them connects from one of these.
    ///
    /// # Errors
    /// Nobody would be believed.
    pub fn new(count: usize, from: Vec<IpNet>) -> Result<Self, NoPeers> {
        if count > 0 && from.is_empty() {
            return Err(NoPeers);
        }
        Ok(Self { count, from })
    }

    /// Whoever connects asks for himself.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether a peer is one, so that many ask through it.
    pub(super) fn include(&self, peer: IpAddr) -> bool {
        // A socket for both families shows those of IPv4 in the form of the other.
        let peer = peer.to_canonical();
        self.from.iter().any(|block| block.contains(&peer))
    }

    /// Whence a request came: the peer, or what the last so many proxies say where it is one.
    /// Further to the left stands only what whoever asked has written himself.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if self.count == 0 || !self.include(peer) {
            return peer;
        }
        let lines = headers.get_all(FORWARDED).iter().filter_map(|line| line.to_str().ok());
        let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        let hop = hops.len().checked_sub(self.count).and_then(|at| hops.get(at));
        hop.and_then(|hop| hop.parse().ok()).unwrap_or(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn proxies(count: usize) -> Proxies {
        let from = ["10.0.0.0/30", "2001:db8::/64"].map(|block| block.parse().unwrap());
        Proxies::new(count, from.into()).unwrap()
    }

    fn said(lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (FORWARDED, line.parse().unwrap()));
        lines.collect()
    }

    #[test]
    fn an_address_is_what_as_many_proxies_as_there_are_have_added() {
        let peer = ip("10.0.0.1");
        let client = |count, lines: &[&str]| proxies(count).client(peer, &said(lines));
        assert_eq!(client(1, &[]), peer);
        let one = ["1.1.1.1, 192.0.2.7"];
        assert_eq!(client(0, &one), peer);
        assert_eq!(client(1, &one), ip("192.0.2.7"));
        let two = [one[0], "10.0.0.2"];
        assert_eq!(client(1, &two), ip("10.0.0.2"));
        assert_eq!(client(2, &two), ip("192.0.2.7"));
        assert_eq!(client(9, &two), peer);
        assert_eq!(client(1, &[one[0], "nonsense"]), peer);
    }

    #[test]
    fn nobody_but_a_proxy_says_for_another_whence_he_comes() {
        for peer in ["10.0.0.3", "::ffff:10.0.0.3", "2001:db8::7"] {
            assert_eq!(proxies(1).client(ip(peer), &said(&["192.0.2.7"])), ip("192.0.2.7"));
        }
        for peer in ["10.0.0.4", "::ffff:10.0.0.4", "2001:db8:0:1::7"] {
            assert_eq!(proxies(1).client(ip(peer), &said(&["192.0.2.7"])), ip(peer));
        }
    }

    #[test]
    fn which_peers_proxies_are_has_to_be_said() {
        assert_eq!(Proxies::new(1, vec![]).map(|_| ()), Err(NoPeers));
        assert!(Proxies::new(0, vec![]).is_ok() && !Proxies::none().include(ip("10.0.0.1")));
    }
}
