//! How often somebody may ask.

use std::net::{IpAddr, Ipv6Addr};

pub(crate) use crate::runtime::pace::{All, Keyed, Pace, TooOften};

/// Who has an address: of IPv6 each has a network of 64 bits at least.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}
