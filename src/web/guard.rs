//! Who may knock, and from where: the head of a request in, a decision out.
//!
//! ```text
//!  Host ─► ours? ─► method ─┬─ GET, HEAD: by Sec-Fetch-Site
//!                           └─ POST: only what a page of ours sent
//! ```
//!
//! A browser says by `Sec-Fetch-Site` who made it ask, and no page can forge that. Where one
//! says nothing (an old browser, curl), a POST needs an `Origin` that is ours, and a GET has
//! the session's `SameSite=Strict` before it.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};

use crate::server::BadPublicUrl;
use crate::server::host::{Hosts, Named, one};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Where a browser arrives that another site has sent: the first two look for a proof of
/// their own, and lead to the third, which shows nothing.
const FROM_ELSEWHERE: [&str; 3] = ["/sign-in/callback", "/sign-in/link", "/sign-in/done"];

/// The addresses under which the page is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guard(Hosts);

/// What is to become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on.
    Pass,
    /// Somebody followed a link on another site: he is asked whether to go on, so that no
    /// other site can have a page of his made.
    Elsewhere,
    /// It does not.
    Refused(Refusal),
}

/// Why a request is refused; each is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is meant for another host: by a name that leads here, say.
    Host,
    /// Another site's page made the browser ask.
    Site,
    /// A method that nothing here has.
    Method,
    /// A body that no form and no script of ours sends.
    ContentType,
}

impl Refusal {
    /// One word, for numbers.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Site => "site",
            Self::Method => "method",
            Self::ContentType => "content_type",
        }
    }
}

impl Guard {
    /// In the cluster: exactly the public URL's host and port.
    pub(crate) fn cluster(public: &str) -> Result<Self, BadPublicUrl> {
        Hosts::public(public).map(Self)
    }

    /// On this machine: loopback, by its two names.
    pub(crate) fn local(port: u16) -> Self {
        Self(Hosts::local(port))
    }

    /// Whether browsers come by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.0.is_https()
    }

    /// The address that is told to others: `https://HOST`.
    pub(crate) fn origin(&self) -> String {
        self.0.origin()
    }

    /// What is to become of a request with this head.
    pub(crate) fn judge(&self, head: &Parts) -> Verdict {
        let Some(authority) = self.0.asked_for(head) else {
            return Verdict::Refused(Refusal::Host);
        };
        let from = Origin::of(&head.headers, &self.0.origin_of(&authority));
        let site = Site::of(&head.headers);
        match head.method {
            Method::GET | Method::HEAD => reads(head, from, site),
            Method::POST => writes(head, from, site),
            _ => Verdict::Refused(Refusal::Method),
        }
    }
}

fn reads(head: &Parts, from: Origin, site: Site) -> Verdict {
    if from == Origin::Foreign {
        return Verdict::Refused(Refusal::Site);
    }
    match site {
        Site::Ours | Site::Unsaid => Verdict::Pass,
        Site::Foreign if !navigates(&head.headers) => Verdict::Refused(Refusal::Site),
        Site::Foreign if FROM_ELSEWHERE.contains(&head.uri.path()) => Verdict::Pass,
        Site::Foreign => Verdict::Elsewhere,
    }
}

fn writes(head: &Parts, from: Origin, site: Site) -> Verdict {
    // `null` is what a form of ours says: the pages are served with `no-referrer`.
    let ours = match (from, site) {
        (Origin::Foreign, _) | (_, Site::Foreign) => false,
        (Origin::Ours, Site::Unsaid) => true,
        // An address that a person typed posts nothing, so `none` is no page of ours.
        (_, Site::Ours) => matches!(one(&head.headers, &SITE), Named::Once("same-origin")),
        (Origin::Null | Origin::Absent, Site::Unsaid) => false,
    };
    if !ours {
        return Verdict::Refused(Refusal::Site);
    }
    let kind = match one(&head.headers, &header::CONTENT_TYPE) {
        Named::Once(kind) => kind.split(';').next().unwrap_or_default().trim(),
        Named::Nothing | Named::Unclear => "",
    };
    match kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        true => Verdict::Pass,
        false => Verdict::Refused(Refusal::ContentType),
    }
}

/// Whether a person goes to a page: not a frame, not a part of another page.
pub(crate) fn navigates(headers: &HeaderMap) -> bool {
    matches!(one(headers, &MODE), Named::Once("navigate"))
        && matches!(one(headers, &DEST), Named::Once("document"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Site {
    /// A page of ours, or the person himself.
    Ours,
    /// Another site, another port of the same, or something that can't be understood.
    Foreign,
    Unsaid,
}

impl Site {
    fn of(headers: &HeaderMap) -> Self {
        match one(headers, &SITE) {
            Named::Nothing => Self::Unsaid,
            Named::Once("same-origin" | "none") => Self::Ours,
            Named::Once(_) | Named::Unclear => Self::Foreign,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Ours,
    Foreign,
    Null,
    Absent,
}

impl Origin {
    fn of(headers: &HeaderMap, ours: &str) -> Self {
        match one(headers, &header::ORIGIN) {
            Named::Nothing => Self::Absent,
            Named::Once("null") => Self::Null,
            Named::Once(origin) if origin == ours => Self::Ours,
            Named::Once(_) | Named::Unclear => Self::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const PASS: Verdict = Verdict::Pass;
    const HOST: Verdict = Verdict::Refused(Refusal::Host);
    const NOT_OURS: Verdict = Verdict::Refused(Refusal::Site);

    fn cluster() -> Guard {
        Guard::cluster("https://kliv.example.org").unwrap()
    }

    /// `METHOD PATH` and headers.
    fn head(line: &str, headers: &[(&str, &str)]) -> Parts {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn judge(guard: &Guard, line: &str, host: &str, headers: &[(&str, &str)]) -> Verdict {
        let all = [&[("host", host)], headers].concat();
        guard.judge(&head(line, &all))
    }

    #[test]
    fn only_the_public_url_s_own_host_is_served_in_the_cluster() {
        for (host, verdict) in [
            ("kliv.example.org", PASS),
            ("KLIV.example.ORG", PASS),
            ("kliv.example.org:443", PASS),
            ("kliv.example.org:80", HOST),
            ("kliv.example.org:8443", HOST),
            ("kliv.example.org.", HOST),
            ("x.kliv.example.org", HOST),
            ("kliv.example.org.evil.example", HOST),
            ("evil.example", HOST),
            ("127.0.0.1", HOST),
            ("localhost:443", HOST),
            ("me@kliv.example.org", HOST),
            ("kliv.example.org:", HOST),
            ("kliv.example.org:port", HOST),
            ("", HOST),
        ] {
            assert_eq!(judge(&cluster(), "GET /", host, &[]), verdict, "{host}");
        }
        assert_eq!(cluster().judge(&head("GET /", &[])), HOST);
        let twice = [("host", "kliv.example.org"), ("host", "kliv.example.org")];
        assert_eq!(cluster().judge(&head("GET /", &twice)), HOST);
    }

    #[test]
    fn an_address_with_a_host_has_to_agree_with_the_header() {
        let (ours, other) = ("https://kliv.example.org/", "https://evil.example/");
        assert_eq!(cluster().judge(&head(&format!("GET {ours}"), &[])), PASS);
        assert_eq!(cluster().judge(&head(&format!("GET {other}"), &[])), HOST);
        for (address, host) in [(ours, "evil.example"), (other, "kliv.example.org")] {
            assert_eq!(judge(&cluster(), &format!("GET {address}"), host, &[]), HOST);
        }
    }

    #[test]
    fn only_loopback_and_only_its_own_port_is_served_on_a_person_s_machine() {
        let guard = Guard::local(40123);
        for (host, verdict) in [
            ("127.0.0.1:40123", PASS),
            ("localhost:40123", PASS),
            ("127.0.0.1:40124", HOST),
            ("127.0.0.1", HOST),
            ("localhost", HOST),
            ("[::1]:40123", HOST),
            ("0.0.0.0:40123", HOST),
            // Rebinding: a name of somebody else's that leads to this machine.
            ("evil.example:40123", HOST),
            ("localhost.evil.example:40123", HOST),
        ] {
            assert_eq!(judge(&guard, "GET /", host, &[]), verdict, "{host}");
        }
    }

    #[test]
    fn pages_are_read_by_our_own_and_by_people_and_by_no_other_site() {
        let nav = |site| {
            vec![
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ]
        };
        let part = |site, mode, dest| {
            vec![("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]
        };
        for (headers, path, verdict) in [
            (vec![], "/accounts/a", PASS),
            (nav("none"), "/accounts/a", PASS),
            (nav("same-origin"), "/accounts/a", PASS),
            (nav("same-site"), "/accounts/a", Verdict::Elsewhere),
            (nav("cross-site"), "/accounts/a", Verdict::Elsewhere),
            (nav("cross-site"), "/", Verdict::Elsewhere),
            (nav("cross-site"), "/sign-in/callback?code=1", PASS),
            (nav("cross-site"), "/sign-in/link?token=1", PASS),
            (nav("cross-site"), "/sign-in/callback/", Verdict::Elsewhere),
            (nav("a-new-word"), "/", Verdict::Elsewhere),
            (part("cross-site", "navigate", "iframe"), "/", NOT_OURS),
            (part("cross-site", "navigate", "object"), "/sign-in/callback", NOT_OURS),
            (part("cross-site", "no-cors", "script"), "/assets/1/app.js", NOT_OURS),
            (part("cross-site", "no-cors", "image"), "/", NOT_OURS),
            (part("same-site", "cors", "empty"), "/", NOT_OURS),
            (part("same-origin", "cors", "empty"), "/accounts/a/events", PASS),
            (part("same-origin", "no-cors", "style"), "/assets/1/app.css", PASS),
            (vec![("origin", "https://evil.example")], "/", NOT_OURS),
            (vec![("origin", "https://kliv.example.org")], "/", PASS),
        ] {
            for method in ["GET", "HEAD"] {
                let line = format!("{method} {path}");
                let verdict_ = judge(&cluster(), &line, "kliv.example.org", &headers);
                assert_eq!(verdict_, verdict, "{line} {headers:?}");
            }
        }
    }

    #[test]
    fn a_write_is_taken_from_our_own_pages_alone() {
        let ours = ("origin", "https://kliv.example.org");
        let site = |site| ("sec-fetch-site", site);
        for (headers, verdict) in [
            (vec![site("same-origin"), ours], PASS),
            (vec![site("same-origin")], PASS),
            (vec![site("same-origin"), ("origin", "null")], PASS),
            (vec![ours], PASS),
            (vec![], NOT_OURS),
            (vec![("origin", "null")], NOT_OURS),
            (vec![site("none")], NOT_OURS),
            (vec![site("none"), ours], NOT_OURS),
            (vec![site("same-site"), ours], NOT_OURS),
            (vec![site("cross-site"), ours], NOT_OURS),
            (vec![site("cross-site")], NOT_OURS),
            (vec![site("same-origin"), ("origin", "https://evil.example")], NOT_OURS),
            (vec![("origin", "http://kliv.example.org")], NOT_OURS),
            (vec![("origin", "https://kliv.example.org:8443")], NOT_OURS),
            (vec![("origin", "https://kliv.example.org/")], NOT_OURS),
            (vec![ours, ours], NOT_OURS),
            (vec![site("same-origin"), site("same-origin")], NOT_OURS),
        ] {
            let form = ("content-type", "application/x-www-form-urlencoded");
            let all = [headers.as_slice(), &[form]].concat();
            for path in ["/accounts/a/new", "/sign-in/callback"] {
                let line = format!("POST {path}");
                assert_eq!(judge(&cluster(), &line, "kliv.example.org", &all), verdict, "{all:?}");
            }
        }
    }

    #[test]
    fn a_page_at_one_name_of_loopback_is_not_at_the_other() {
        let guard = Guard::local(40123);
        let form = ("content-type", "application/x-www-form-urlencoded");
        for (host, origin, verdict) in [
            ("localhost:40123", "http://localhost:40123", PASS),
            ("127.0.0.1:40123", "http://127.0.0.1:40123", PASS),
            ("127.0.0.1:40123", "http://localhost:40123", NOT_OURS),
            ("127.0.0.1:40123", "http://127.0.0.1:40124", NOT_OURS),
            ("127.0.0.1:40123", "https://127.0.0.1:40123", NOT_OURS),
        ] {
            let judged = judge(&guard, "POST /language", host, &[("origin", origin), form]);
            assert_eq!(judged, verdict, "{host} {origin}");
        }
    }

    #[test]
    fn a_write_is_a_form() {
        for (kind, verdict) in [
            ("application/x-www-form-urlencoded", PASS),
            ("application/x-www-form-urlencoded; charset=UTF-8", PASS),
            ("Application/X-WWW-Form-urlencoded", PASS),
            ("application/json", Verdict::Refused(Refusal::ContentType)),
            ("text/plain", Verdict::Refused(Refusal::ContentType)),
            ("multipart/form-data; boundary=x", Verdict::Refused(Refusal::ContentType)),
            ("", Verdict::Refused(Refusal::ContentType)),
        ] {
            let headers = [("sec-fetch-site", "same-origin"), ("content-type", kind)];
            let judged = judge(&cluster(), "POST /language", "kliv.example.org", &headers);
            assert_eq!(judged, verdict, "{kind}");
        }
    }

    #[test]
    fn no_other_method_is_served() {
        for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "X"] {
            let line = format!("{method} /");
            let headers = [("sec-fetch-site", "same-origin")];
            let judged = judge(&cluster(), &line, "kliv.example.org", &headers);
            assert_eq!(judged, Verdict::Refused(Refusal::Method), "{method}");
        }
    }
}
