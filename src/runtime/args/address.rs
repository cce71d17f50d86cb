//! Addresses on a command line.

use std::net::IpAddr;

use http::{Uri, uri::Scheme};
use ipnet::IpNet;

/// Scheme and host as a browser sends them in `Origin`.
///
/// # Errors
/// It is anything else, or neither https nor this machine.
pub fn origin(text: &str) -> Result<String, &'static str> {
    const WANTED: &str = "give scheme and host alone, such as https://secrets.example.org; http \
                          only for localhost";
    let url: Uri = text.parse().map_err(|_| WANTED)?;
    let (Some(scheme), Some(authority)) = (url.scheme(), url.authority()) else {
        return Err(WANTED);
    };
    let host = url.host().unwrap_or_default();
    let secure = *scheme == Scheme::HTTPS;
    let local = *scheme == Scheme::HTTP && ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    let alone = url.path() == "/" && url.query().is_none() && !authority.as_str().contains('@');
    if host.is_empty() || !(secure || local) || !alone {
        return Err(WANTED);
    }
    let usual = if secure { 443 } else { 80 };
    let port = url.port_u16().filter(|&port| port != usual);
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{scheme}://{}{port}", host.to_ascii_lowercase()))
}

/// Kept letter for letter: tokens and API server are compared with it.
pub(super) fn issuer(text: &str) -> Result<String, &'static str> {
    let url: Option<Uri> = text.parse().ok();
    let fits = url.is_some_and(|url| {
        url.scheme() == Some(&Scheme::HTTPS) && url.host().is_some() && url.query().is_none()
    });
    if fits { Ok(text.to_owned()) } else { Err("give an https address without a query") }
}

/// A block of addresses, or one.
pub(super) fn block(text: &str) -> Result<IpNet, &'static str> {
    let one = |_| text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(one).map_err(|_| "give a block such as 192.0.2.0/24 or 2001:db8::/64")
}
