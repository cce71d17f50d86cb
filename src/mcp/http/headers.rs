//! What every answer carries. No browser is meant to show any, and nobody is to keep one.

use http::{HeaderMap, HeaderName, HeaderValue, header};

const SAME: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];

/// Of this host alone.
const TRANSPORT: &str = "max-age=31536000";

/// Puts them on an answer; no handler can take one away.
pub(super) fn put(headers: &mut HeaderMap, is_https: bool) {
    for (name, value) in SAME {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT));
    }
    // Nobody else's page may read anything of it.
    for name in [header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_ALLOW_CREDENTIALS] {
        headers.remove(name);
    }
    headers.remove(header::SERVER);
}
