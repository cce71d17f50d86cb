//! What every answer carries, pages, errors and redirects alike: see [`put`].

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// Nothing but our own files, by no other way than these; and no text becomes a script, a
/// style or an element.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// What a page may use of the machine: to copy a sealed manifest, and nothing else.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), browsing-topics=(), \
                           camera=(), clipboard-read=(), clipboard-write=(self), \
                           display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), \
                           gyroscope=(), hid=(), idle-detection=(), local-fonts=(), \
                           magnetometer=(), microphone=(), midi=(), payment=(), \
                           picture-in-picture=(), publickey-credentials-create=(), \
                           publickey-credentials-get=(), screen-wake-lock=(), serial=(), \
                           storage-access=(), usb=(), xr-spatial-tracking=()";

const SAME: [(HeaderName, &str); 9] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::VARY, "Cookie, Accept-Language"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];

/// Of this host alone: others of its domain are none of ours.
const TRANSPORT: &str = "max-age=31536000";

/// What a file may say of itself whose address names its content.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Where such files are.
const ASSETS: &str = "/assets/";

/// Puts them on the answer to `path`; no handler can take one away.
pub(crate) fn put(headers: &mut HeaderMap, path: &str, status: StatusCode, is_https: bool) {
    for (name, value) in SAME {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT));
    }
    let kept = match path.starts_with(ASSETS) && status == StatusCode::OK {
        true => IMMUTABLE,
        false => "no-store",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    if kept == IMMUTABLE {
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    headers.remove(header::SERVER);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(path: &str, status: u16, is_https: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public"));
        headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("script-src *"));
        put(&mut headers, path, StatusCode::from_u16(status).unwrap(), is_https);
        headers
    }

    #[test]
    fn no_handler_weakens_the_policy_or_has_a_page_kept() {
        let headers = on("/", 200, true);
        let policies: Vec<_> = headers.get_all(header::CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(policies, [POLICY]);
        for word in ["unsafe", "*", "data:", "blob:", "http"] {
            assert!(!POLICY.contains(word), "{word}");
        }
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    }

    #[test]
    fn only_files_named_by_their_content_are_kept() {
        for (path, status, kept) in [
            ("/assets/abc/app.js", 200, IMMUTABLE),
            ("/assets/abc/none.js", 404, "no-store"),
            ("/assets/abc/app.js", 429, "no-store"),
            ("/accounts/assets/x", 200, "no-store"),
            ("/sign-in", 303, "no-store"),
        ] {
            assert_eq!(on(path, status, true)[header::CACHE_CONTROL], kept, "{path} {status}");
        }
    }

    #[test]
    fn tls_is_insisted_on_only_where_there_is_some() {
        assert!(on("/", 200, true).contains_key(header::STRICT_TRANSPORT_SECURITY));
        assert!(!on("/", 200, false).contains_key(header::STRICT_TRANSPORT_SECURITY));
    }
}
