#![expect(clippy::disallowed_types, reason = "asks the API server, as the server itself")]
//! Who calls: the owner of a token that was issued for this server, and for nothing else.
//!
//! ```text
//!  Authorization: Bearer ─► known a moment ago ─────────────────────────────────┐
//!                    └─► of the issuer: verified here ─┐                        ├─► Person
//!                    └─► else: the API server's review ┴─► is he heard as him ──┘
//! ```
//!
//! A token goes one way or the other by the issuer that it names, so none that is refused on
//! one is tried on the other. It is looked at and forgotten: what asks the API server for him
//! is the server's own credential.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, header};
use jiff::Timestamp;
use kube::Client;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::metadata::resource;
use super::refused::Refused;
use crate::account::Namespace;
use crate::api::names::AGENT_AUDIENCE;
use crate::server::host::{Named, one};
use crate::server::pace::TooOften;
use crate::server::review::{could_be_one, is_heard};
use crate::server::{Issuer, Person, Unknown, whose_for};

/// How long it is remembered whose a token is. An agent calls several times a minute, and each
/// call would cost the API server three questions more, as many as `list_secrets` asks: some
/// 4 ms of waiting, and half of its load. For so long a token that was taken back still works,
/// after the 10 s for which the API server itself remembers a review.
const REMEMBERED: Duration = Duration::from_secs(10);

/// How many are remembered.
const MANY: usize = 4096;

/// How long it is remembered that a token was good: it has to be asked about again, but is no
/// stranger's.
const WAS_GOOD: Duration = Duration::from_secs(600);

/// How many of those; of more, the ones that were good last.
const MANY_GOOD: usize = 16 * 1024;

/// What tells tokens apart: a digest, since no token is kept.
type Key = [u8; 32];

/// Why a call is nobody's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Stranger {
    /// He says nothing of himself.
    NoToken,
    /// What he says is no bearer token.
    NotBearer,
    /// Who it is can't be known, or he can't be served.
    Unknown(Unknown),
}

/// Knows who calls.
pub(super) struct Doorkeeper {
    client: Client,
    issuer: Option<Issuer>,
    origin: String,
    /// By token and account: what is good for one is not for another.
    seen: Mutex<HashMap<Key, (Instant, Person)>>,
    /// By token alone, so that going round accounts makes no more of one; with whose it was.
    good: Mutex<HashMap<Key, (Instant, String)>>,
}

/// A token that has been shown, and whose it is where that is still known.
pub(super) struct Shown {
    token: Zeroizing<String>,
    key: Key,
    here: Key,
    pub(super) known: Option<Person>,
    was: Option<String>,
}

impl Shown {
    /// Whose it was, where it was good a while ago.
    pub(super) fn was(&self) -> Option<&str> {
        self.was.as_deref()
    }
}

impl Doorkeeper {
    pub(super) fn new(client: Client, issuer: Option<Issuer>, origin: String) -> Self {
        Self { client, issuer, origin, seen: Mutex::default(), good: Mutex::default() }
    }

    /// Where clients get tokens.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_ref().map(Issuer::url)
    }

    /// The token of a request.
    pub(super) fn shown(
        &self,
        headers: &HeaderMap,
        account: &Namespace,
        now: Instant,
    ) -> Result<Shown, Stranger> {
        let token = match one(headers, &header::AUTHORIZATION) {
            Named::Nothing => return Err(Stranger::NoToken),
            Named::Once(said) => bearer(said).ok_or(Stranger::NotBearer)?,
            Named::Unclear => return Err(Stranger::NotBearer),
        };
        let key: Key = Sha256::digest(token.as_bytes()).into();
        let here = Sha256::new().chain_update(key).chain_update(account.as_bytes());
        let here = here.finalize().into();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.get(&here).filter(|(until, _)| now < *until);
        let known = known.map(|(_, person)| person.clone());
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        let was = good.get(&key).filter(|(until, _)| now < *until);
        let was = was.map(|(_, who)| who.clone());
        Ok(Shown { token, key, here, known, was })
    }

    /// Whose it is that is not known. Before the API server is asked, `charge` says whether it
    /// may be.
    pub(super) async fn ask(
        &self,
        shown: Shown,
        account: &Namespace,
        (now, at): (Timestamp, Instant),
        charge: impl FnOnce() -> Result<(), TooOften>,
    ) -> Result<Person, Refused> {
        let Shown { token, key, here, .. } = shown;
        let audiences = [resource(&self.origin, account), self.origin.clone()];
        let asked = match self.issuer.as_ref().filter(|issuer| issuer.is_of(&token)) {
            Some(issuer) => match issuer.whose(&token, &audiences, now).await {
                Ok((person, until)) => {
                    charge()?;
                    // Never for longer than it is good.
                    let good = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                    let heard = is_heard(&self.client, &person).await;
                    heard.map(|()| (person, good.min(REMEMBERED)))
                }
                Err(unknown) => Err(unknown),
            },
            None => {
                charge()?;
                let audiences = [&audiences[..], &[AGENT_AUDIENCE.to_owned()]].concat();
                let person = whose_for(&self.client, token, &audiences).await;
                person.map(|person| (person, REMEMBERED))
            }
        };
        match asked {
            Ok((person, remembered)) => {
                self.remember(here, at + remembered, person.clone(), at);
                self.was_good(key, person.name.clone(), at);
                Ok(person)
            }
            // It may be good elsewhere: asking about it goes by its pace all the same.
            Err(unknown) => Err(Stranger::Unknown(unknown).into()),
        }
    }

    fn was_good(&self, key: Key, who: String, now: Instant) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.len() >= MANY_GOOD && !good.contains_key(&key) {
            good.retain(|_, (until, _)| now < *until);
            let oldest = good.iter().min_by_key(|(_, (until, _))| *until).map(|(key, _)| *key);
            if let Some(oldest) = oldest.filter(|_| good.len() >= MANY_GOOD) {
                good.remove(&oldest);
            }
        }
        good.insert(key, (now + WAS_GOOD, who));
    }

    fn remember(&self, key: Key, until: Instant, person: Person, now: Instant) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MANY {
            seen.retain(|_, (until, _)| now < *until);
        }
        if seen.len() < MANY {
            seen.insert(key, (until, person));
        }
    }
}

/// The token of `Bearer TOKEN`, whose first word may be written in any way (RFC 9110).
fn bearer(said: &str) -> Option<Zeroizing<String>> {
    let (scheme, token) = said.split_once(' ')?;
    let fits = scheme.eq_ignore_ascii_case("bearer") && could_be_one(token);
    fits.then(|| Zeroizing::new(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use http::HeaderValue;
    use serde_json::{Value, json};

    use super::*;
    use crate::runtime::clock;
    use crate::server::{ClaimNames, IssuerSettings};

    fn doorkeeper() -> Doorkeeper {
        let nobody = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Ok::<_, std::convert::Infallible>(http::Response::new(kube::client::Body::empty()))
        });
        let client = Client::new(nobody, "default");
        Doorkeeper::new(client, None, "https://mcp.example.org".into())
    }

    /// A cluster that takes the token `a` as anna's, for this server alone.
    fn knows_anna() -> Doorkeeper {
        let answers = tower::service_fn(|request: http::Request<kube::client::Body>| async {
            let (head, body) = request.into_parts();
            let sent = axum::body::to_bytes(axum::body::Body::new(body), 65_536).await.unwrap();
            let sent: Value = serde_json::from_slice(&sent).unwrap();
            let anna = json!({ "username": "anna", "groups": ["system:authenticated"] });
            let status = match head.uri.path().ends_with("/tokenreviews") {
                true if sent["spec"]["token"] != "a" || sent["spec"]["audiences"].is_null() => {
                    json!({ "authenticated": false })
                }
                true => json!({
                    "authenticated": true, "user": anna, "audiences": sent["spec"]["audiences"],
                }),
                false => json!({ "userInfo": anna }),
            };
            let answer = json!({ "metadata": {}, "spec": { "token": "" }, "status": status });
            let body = kube::client::Body::from(serde_json::to_vec(&answer).unwrap());
            Ok::<_, std::convert::Infallible>(http::Response::new(body))
        });
        let client = Client::new(answers, "default");
        let claims = ClaimNames {
            username: "sub".into(),
            username_prefix: None,
            groups: None,
            groups_prefix: None,
        };
        let settings = IssuerSettings { url: ISSUER.into(), authorities: None, claims };
        let issuer = Issuer::new(settings).unwrap();
        Doorkeeper::new(client, Some(issuer), "https://mcp.example.org".into())
    }

    const ISSUER: &str = "https://id.example.org";
    const SPENT: Result<(), TooOften> = Err(TooOften(Duration::from_secs(1)));

    #[tokio::test]
    async fn a_token_that_was_good_a_while_ago_is_known_as_somebodys_wherever_it_is_shown() {
        let (door, now) = (knows_anna(), clock::monotonic());
        let shown = |token: &str, account_: &str, at: Instant| {
            let headers = with(&[&format!("Bearer {token}")]);
            door.shown(&headers, &account(account_), at).unwrap()
        };
        let ask = async |shown: Shown, account_: &str, charge: Result<(), TooOften>| {
            let now = (Timestamp::UNIX_EPOCH, now);
            let person = door.ask(shown, &account(account_), now, || charge).await;
            person.map(|person| person.name)
        };
        let stranger = shown("a", "shop", now);
        assert_eq!(stranger.was(), None);
        let spent = Err(Refused::TooOften(Duration::from_secs(1)));
        assert_eq!(ask(stranger, "shop", SPENT).await, spent, "nobody is asked");
        for each in ["shop", "other"] {
            assert_eq!(ask(shown("a", each, now), each, Ok(())).await, Ok("anna".to_owned()));
        }
        assert_eq!(door.good.lock().unwrap().len(), 1, "whatever accounts it goes round");
        let later = now + REMEMBERED;
        for each in ["shop", "other", "third"] {
            let shown = shown("a", each, later);
            assert_eq!((shown.known.is_none(), shown.was()), (true, Some("anna")), "{each}");
        }
        assert_eq!(shown("b", "shop", later).was(), None);
        assert_eq!(shown("a", "shop", later + WAS_GOOD).was(), None);
    }

    #[tokio::test]
    async fn a_made_up_token_of_the_issuer_costs_nobody_what_all_have() {
        let (door, shop, now) = (knows_anna(), account("shop"), clock::monotonic());
        let claims = BASE64_URL_SAFE_NO_PAD.encode(json!({ "iss": ISSUER }).to_string());
        let shown = door.shown(&with(&[&format!("Bearer x.{claims}.x")]), &shop, now).unwrap();
        let never = || panic!("the API server is not asked");
        let asked = door.ask(shown, &shop, (Timestamp::UNIX_EPOCH, now), never).await;
        assert_eq!(asked, Err(Stranger::Unknown(Unknown::Token).into()));
    }

    #[tokio::test]
    async fn no_more_good_ones_are_remembered_than_there_is_room_for_the_latest_first() {
        let (door, now) = (doorkeeper(), clock::monotonic());
        let key = |n: usize| -> Key { Sha256::digest(n.to_be_bytes()).into() };
        for n in 0..=MANY_GOOD {
            door.was_good(key(n), "anna".into(), now + Duration::from_nanos(n as u64));
        }
        let good = door.good.lock().unwrap();
        assert_eq!(good.len(), MANY_GOOD);
        assert!(!good.contains_key(&key(0)) && good.contains_key(&key(MANY_GOOD)));
    }

    fn account(name: &str) -> Namespace {
        Namespace::try_from(name).unwrap()
    }

    fn with(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    #[tokio::test]
    async fn a_token_is_what_the_one_header_says_as_a_bearer() {
        let (door, now) = (doorkeeper(), clock::monotonic());
        let shown = |lines: &[&str]| door.shown(&with(lines), &account("shop"), now).map(|_| ());
        assert_eq!(shown(&[]), Err(Stranger::NoToken));
        for good in ["Bearer a.b.c", "bearer a", "BEARER x~"] {
            assert_eq!(shown(&[good]), Ok(()), "{good}");
        }
        let long = format!("Bearer {}", "a".repeat(20_000));
        for bad in ["", "Bearer", "Bearer ", "Bearer  a", "Bearer a b", "Basic YTpi", "a", &long] {
            assert_eq!(shown(&[bad]), Err(Stranger::NotBearer), "{}", bad.len());
        }
        assert_eq!(shown(&["Bearer a", "Bearer a"]), Err(Stranger::NotBearer));
    }

    #[tokio::test]
    async fn whose_a_token_is_is_remembered_for_its_account_for_a_moment() {
        let (door, now) = (doorkeeper(), clock::monotonic());
        let headers = with(&["Bearer a"]);
        let anna = Person { name: "anna".into(), ..Person::default() };
        let known = |account_: &str, headers: &HeaderMap, at| {
            door.shown(headers, &account(account_), at).unwrap().known
        };
        let here = door.shown(&headers, &account("shop"), now).unwrap().here;
        door.remember(here, now + REMEMBERED, anna.clone(), now);
        assert_eq!(known("shop", &headers, now), Some(anna));
        assert_eq!(known("other", &headers, now), None);
        assert_eq!(known("shop", &with(&["Bearer b"]), now), None);
        assert_eq!(known("shop", &headers, now + REMEMBERED), None);
    }

    #[tokio::test]
    async fn no_more_are_remembered_than_there_is_room_for() {
        let (door, now) = (doorkeeper(), clock::monotonic());
        let remember = |n: usize, at: Instant| {
            let key = Sha256::digest(n.to_be_bytes()).into();
            door.remember(key, at + REMEMBERED, Person::default(), at);
        };
        (0..MANY + 10).for_each(|n| remember(n, now));
        assert_eq!(door.seen.lock().unwrap().len(), MANY);
        // What is over makes room.
        remember(MANY + 20, now + REMEMBERED);
        assert_eq!(door.seen.lock().unwrap().len(), 1);
    }
}
