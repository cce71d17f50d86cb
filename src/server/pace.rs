//! How often somebody may ask, and whence a request came.

use std::net::{IpAddr, Ipv6Addr};

use http::{HeaderMap, HeaderName};

pub(crate) use crate::runtime::pace::{All, Keyed, Pace, TooOften};

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
