//! Names as Kubernetes takes them (RFC 1123). Pure.

/// Whether this is a DNS label, as namespaces and environments are called.
#[must_use]
pub fn is_dns_label(name: &str) -> bool {
    name.len() <= 63 && is_part(name)
}

/// Whether this is a DNS subdomain, as most objects are called. A part of it may be longer
/// than a label, as the API server has it.
#[must_use]
pub fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_part)
}

fn is_part(text: &str) -> bool {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(plain)
        && bytes.last().is_some_and(plain)
        && bytes.iter().all(|b| plain(b) || *b == b'-')
}
