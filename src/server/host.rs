//! Under which addresses a server is reached, and whether a request is meant for it: by a name
//! that leads here, another site's page could have a browser ask (DNS rebinding).

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri, header};

/// The addresses under which a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hosts {
    scheme: &'static str,
    authorities: Vec<String>,
}

/// The public URL can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the public URL has to be https://HOST or https://HOST:PORT, and nothing after it")]
pub struct BadPublicUrl;

impl Hosts {
    /// In the cluster: exactly the public URL's host and port.
    pub(crate) fn public(url: &str) -> Result<Self, BadPublicUrl> {
        let url: Uri = url.parse().map_err(|_| BadPublicUrl)?;
        let scheme = match url.scheme_str() {
            Some("https") => "https",
            // Behind a port-forward.
            Some("http") => "http",
            _ => return Err(BadPublicUrl),
        };
        let bare = matches!(url.path(), "" | "/") && url.query().is_none();
        let authority = url.authority().filter(|_| bare).ok_or(BadPublicUrl)?;
        let authority = normal(scheme, authority.as_str()).ok_or(BadPublicUrl)?;
        Ok(Self { scheme, authorities: vec![authority] })
    }

    /// On this machine: loopback, by its two names.
    pub(crate) fn local(port: u16) -> Self {
        let authorities = ["127.0.0.1", "localhost"];
        let authorities = authorities.map(|host| {
            let authority = format!("{host}:{port}");
            normal("http", &authority).unwrap_or(authority)
        });
        Self { scheme: "http", authorities: authorities.into() }
    }

    /// Whether clients come by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// The address that is told to others: `https://HOST`.
    pub(crate) fn origin(&self) -> String {
        self.origin_of(self.authorities.first().map_or("", String::as_str))
    }

    /// One of the addresses as browsers say it.
    pub(crate) fn origin_of(&self, authority: &str) -> String {
        format!("{}://{authority}", self.scheme)
    }

    /// The authority that a request is for, where it is one of ours. HTTP/2 has it in the
    /// address, HTTP/1 in a header; with both they have to agree.
    pub(crate) fn asked_for(&self, head: &Parts) -> Option<String> {
        let named = match one(&head.headers, &header::HOST) {
            Named::Nothing => None,
            Named::Once(host) => Some(normal(self.scheme, host)?),
            Named::Unclear => return None,
        };
        let addressed = match head.uri.authority() {
            Some(authority) => Some(normal(self.scheme, authority.as_str())?),
            None => None,
        };
        let asked = match (named, addressed) {
            (Some(a), Some(b)) if a != b => return None,
            (a, b) => a.or(b)?,
        };
        self.authorities.contains(&asked).then_some(asked)
    }
}

/// A header that must not be there more than once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Named<'a> {
    Nothing,
    Once(&'a str),
    /// Twice, or no text.
    Unclear,
}

pub(crate) fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Named<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Named::Nothing,
        (Some(value), None) => value.to_str().map_or(Named::Unclear, Named::Once),
        _ => Named::Unclear,
    }
}

/// Small letters, and without the port that the scheme means anyway. None where it is more
/// than host and port.
fn normal(scheme: &str, authority: &str) -> Option<String> {
    let authority: Authority = authority.parse().ok()?;
    let text = authority.as_str();
    if text.contains('@') || authority.host().is_empty() || text.ends_with(':') {
        return None;
    }
    let host = authority.host().to_ascii_lowercase();
    match (authority.port_u16(), scheme) {
        (Some(443), "https") | (Some(80), "http") => Some(host),
        (Some(port), _) => Some(format!("{host}:{port}")),
        (None, _) if text.len() == host.len() => Some(host),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_a_host_and_nothing_more() {
        for url in ["https://a.example/x", "https://a.example?x", "https://me@a.example", "/", "x"]
        {
            assert_eq!(Hosts::public(url), Err(BadPublicUrl), "{url}");
        }
        let hosts = Hosts::public("https://A.example:443/").unwrap();
        assert_eq!(hosts.origin(), "https://a.example");
        assert!(hosts.is_https() && !Hosts::local(1).is_https());
    }
}
