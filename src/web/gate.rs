//! What every request passes on its way in and every answer on its way out.
//!
//! ```text
//!  in:  guard ─► session ─► limits ─► pages      out: our own words ─► headers
//! ```
//!
//! Nothing of a request is logged, not even its address: a sign-in's has secrets in it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use super::frame::{Frame, Page, Problem, Section, explain};
use super::guard::{Guard, Refusal, Verdict};
use super::limits::{self, Limits};
use super::session::{Cookie, CookieKey, Session, Sessions};
use super::signin::Onward;
use super::site::{Door, Site};
use super::visit::{Asked, language};
use super::{headers, words::Language};
use crate::runtime::{Metrics, clock};
use crate::server::hand_on::hand_on;
use crate::server::pace::TooOften;
use crate::server::{BadPublicUrl, Proxies};

/// How long a stream goes on. The browser asks again then, and it is looked anew who asks.
const STREAM: Duration = Duration::from_secs(10 * 60);

/// On a person's own machine a session ends with the process, which does not go on for so long.
const LOCAL: Duration = Duration::from_secs(7 * 24 * 3600);

/// Where the link of a person's own machine leads.
const LINK: &str = "/sign-in/link";

/// What stands between browsers and the pages.
pub struct Gate {
    guard: Guard,
    sessions: Sessions,
    onward: Cookie,
    limits: Limits,
    proxies: Proxies,
    metrics: Metrics,
    busy: watch::Sender<usize>,
}

/// How people reach a server in the cluster.
pub struct Entrance<'a> {
    /// `https://HOST`: requests for another host are refused.
    pub public_url: &'a str,
    /// The proxies that stand before it.
    pub proxies: Proxies,
    /// Under which sessions are encrypted.
    pub key: CookieKey,
    /// After how long people sign in again.
    pub lives: Duration,
}

impl Gate {
    /// For people who sign in.
    ///
    /// # Errors
    /// The public URL can't be used.
    pub fn cluster(entrance: Entrance<'_>, metrics: Metrics) -> Result<Self, BadPublicUrl> {
        let guard = Guard::cluster(entrance.public_url)?;
        let sessions = Sessions::new(entrance.key, Cookie::session(None), entrance.lives);
        Ok(Self::new(guard, sessions, Cookie::onward(None), entrance.proxies, metrics))
    }

    /// For one person on his own machine, on this port of loopback.
    #[must_use]
    pub fn local(port: u16, key: CookieKey) -> Self {
        let sessions = Sessions::new(key, Cookie::session(Some(port)), LOCAL);
        let onward = Cookie::onward(Some(port));
        Self::new(Guard::local(port), sessions, onward, Proxies::none(), Metrics::new())
    }

    fn new(
        guard: Guard,
        sessions: Sessions,
        onward: Cookie,
        proxies: Proxies,
        metrics: Metrics,
    ) -> Self {
        let busy = watch::Sender::new(0);
        Self { guard, sessions, onward, limits: Limits::new(), proxies, metrics, busy }
    }

    /// Where people reach the server: `https://HOST`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.guard.origin()
    }

    /// Ends when nobody has asked anything for so long, and no page is open.
    pub async fn idle(&self, lasting: Duration) {
        let mut busy = self.busy.subscribe();
        loop {
            // Its sender is here.
            let _ = busy.wait_for(|requests| *requests == 0).await;
            if tokio::time::timeout(lasting, busy.changed()).await.is_err() {
                return;
            }
        }
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Keeps where somebody wanted to go who has to sign in first.
    pub(super) fn onward(&self) -> &Cookie {
        &self.onward
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn busy(&self) -> Busy {
        self.busy.send_modify(|requests| *requests += 1);
        Busy(self.busy.clone())
    }

    /// Whence a request comes.
    fn address(&self, request: &Request) -> IpAddr {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip());
        self.proxies.client(peer, request.headers())
    }
}

/// A request that is under way, or a page that is open.
struct Busy(watch::Sender<usize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|requests| *requests -= 1);
    }
}

/// Around all pages.
pub(super) async fn pass(State(site): State<Site>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let spoken = language(request.headers());
    let answered = answer(&site, request, next).await;
    let (mut response, held) = match answered {
        Ok((response, held)) => (in_our_words(&site, spoken, response), held),
        Err(refused) => (site.gate.refuse(&site, spoken, refused), Held::default()),
    };
    let status = response.status();
    headers::put(response.headers_mut(), &path, status, site.gate.guard.is_https());
    match held.stream {
        None => response,
        Some(_) => response.map(|body| hand_on(body, STREAM, held, ())),
    }
}

/// What a request holds until it is answered, and a stream until it ends.
#[derive(Default)]
struct Held {
    _busy: Option<Busy>,
    stream: Option<limits::Stream>,
}

/// Why a request does not reach a page.
enum Refused {
    Guard(Refusal),
    Elsewhere(String),
    TooOften(TooOften),
    TooManyStreams,
    TooManyImports,
    TooLarge,
    Late,
}

async fn answer(site: &Site, request: Request, next: Next) -> Result<(Response, Held), Refused> {
    let (gate, now) = (&site.gate, clock::now());
    let address = gate.address(&request);
    let (mut head, body) = request.into_parts();
    let verdict = gate.guard.judge(&head);
    let session = gate.sessions.of(&head.headers, now);
    let id = session.as_ref().map(|session| session.id);
    // Also what is refused counts.
    gate.limits.request(address, id).map_err(Refused::TooOften)?;
    match verdict {
        Verdict::Pass => {}
        Verdict::Elsewhere => return Err(Refused::Elsewhere(onward(&head.uri))),
        Verdict::Refused(refusal) => return Err(Refused::Guard(refusal)),
    }
    let path = head.uri.path();
    // Whoever is not in keeps nothing going.
    let busy = (session.is_some() || path == LINK).then(|| gate.busy());
    if signs_in(&head.method, path) {
        gate.limits.sign_in(address).map_err(Refused::TooOften)?;
    }
    let most = limits::body(path);
    if announced(&head.headers).is_some_and(|length| length > most) {
        return Err(Refused::TooLarge);
    }
    let stream = match limits::is_events(path) {
        true => Some(gate.limits.stream(id).ok_or(Refused::TooManyStreams)?),
        false => None,
    };
    let _import = match most == limits::IMPORT && head.method == Method::POST {
        true => Some(gate.limits.import().ok_or(Refused::TooManyImports)?),
        false => None,
    };
    head.extensions.insert(Asked::of(&head.uri));
    head.extensions.remove::<Session>();
    head.extensions.extend(session.map(extension).unwrap_or_default());
    let patience = limits::answer(&head.method);
    let mut request = Request::from_parts(head, body);
    DefaultBodyLimit::max(most).apply(&mut request);
    let response = tokio::time::timeout(patience, next.run(request)).await;
    Ok((response.map_err(|_| Refused::Late)?, Held { _busy: busy, stream }))
}

fn extension(session: Session) -> axum::http::Extensions {
    let mut extensions = axum::http::Extensions::new();
    extensions.insert(session);
    extensions
}

/// What costs the API server or the provider a question, or could guess a link.
fn signs_in(method: &Method, path: &str) -> bool {
    let asks = ["/sign-in/oidc", "/sign-in/callback", LINK].contains(&path);
    asks || (*method == Method::POST && path.starts_with("/sign-in/"))
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Where somebody wanted to go: a path of ours and no other address.
fn onward(uri: &axum::http::Uri) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let ours = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
    if ours { path.to_owned() } else { "/".to_owned() }
}

impl Gate {
    fn refuse(&self, site: &Site, spoken: Language, refused: Refused) -> Response {
        let is_local = matches!(site.door, Door::Local { .. });
        let (why, problem) = match refused {
            Refused::Elsewhere(to) => {
                let now = clock::now();
                let frame = Frame::of_nobody(spoken, is_local, Section::SignIn, now);
                return Page(Onward { frame, to, at_once: false }).into_response();
            }
            Refused::Guard(refusal) => (refusal.word(), Problem::Refused(refusal)),
            Refused::TooOften(wait) => {
                self.metrics.web_refused("rate");
                return later(told(site, spoken, Problem::TooOften), wait.0);
            }
            Refused::TooManyStreams => {
                self.metrics.web_refused("streams");
                return later(told(site, spoken, Problem::TooOften), Duration::from_secs(10));
            }
            Refused::TooManyImports => {
                self.metrics.web_refused("imports");
                return later(told(site, spoken, Problem::TooOften), Duration::from_secs(10));
            }
            Refused::TooLarge => ("size", Problem::TooLarge),
            Refused::Late => ("late", Problem::Late),
        };
        self.metrics.web_refused(why);
        told(site, spoken, problem)
    }
}

fn later(mut response: Response, wait: Duration) -> Response {
    let seconds = wait.as_secs().saturating_add(1);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn told(site: &Site, spoken: Language, problem: Problem) -> Response {
    let is_local = matches!(site.door, Door::Local { .. });
    let frame = Frame::of_nobody(spoken, is_local, Section::Nowhere, clock::now());
    explain(problem.into_response(), frame)
}

/// What a library says of a request it can't take may quote it, so it is said anew.
fn in_our_words(site: &Site, spoken: Language, response: Response) -> Response {
    let status = response.status();
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        site.gate.metrics.web_refused("size");
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let problem = match status {
        StatusCode::NOT_FOUND => Problem::NoSuchPage,
        StatusCode::METHOD_NOT_ALLOWED => Problem::Refused(Refusal::Method),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
        status if status.is_server_error() => Problem::Broken,
        _ => Problem::BadForm,
    };
    told(site, spoken, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_follows_a_link_stays_here() {
        for (uri, to) in [
            ("/accounts/a?q=b", "/accounts/a?q=b"),
            ("https://kliv.example.org/accounts/a", "/accounts/a"),
            ("//evil.example/x", "/"),
            ("/\\evil.example", "/"),
            ("https://kliv.example.org//evil.example", "/"),
        ] {
            let parsed: Result<axum::http::Uri, _> = uri.parse();
            assert_eq!(parsed.map_or("/".to_owned(), |uri| onward(&uri)), to, "{uri}");
        }
    }

    #[tokio::test]
    async fn a_server_is_idle_when_nobody_asks_and_no_page_is_open() {
        let gate = Gate::local(1, CookieKey::generate(&mut crate::runtime::entropy::system()));
        let lasting = Duration::from_millis(20);
        gate.idle(lasting).await;
        let open = gate.busy();
        let other = gate.busy();
        drop(other);
        // However slow the machine is: it can't end.
        let still = tokio::time::timeout(5 * lasting, gate.idle(lasting)).await;
        assert!(still.is_err());
        drop(open);
        gate.idle(lasting).await;
    }
}
