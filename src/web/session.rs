//! Who is signed in, in an encrypted cookie: the server remembers nobody.
//!
//! ```text
//!  name=1.BASE64URL(nonce ‖ AES-256-GCM(JSON))      AAD: version and the cookie's name
//! ```
//!
//! So a cookie of one kind is none of another. Clock and randomness are arguments. Why a cookie,
//! and what a sign-out does: `docs/decisions/0007-sessions.md`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::seal::CryptoRng;
use crate::server::Person;

const NONCE_BYTES: usize = 12;

/// What browsers keep of one cookie, name and value, bytes (RFC 6265, section 6.1).
const COOKIE_BYTES: usize = 4096;

/// How many sessions that were ended are remembered; of more, those that end soonest go.
const REMEMBERED: usize = 65_536;

/// Encrypts cookies.
pub struct CookieKey(Zeroizing<[u8; 32]>);

/// The content of a key file can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the file of the session key has to hold at least 32 random bytes")]
pub struct BadCookieKey;

impl CookieKey {
    /// A new one: sessions end with this process.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *key);
        Self(key)
    }

    /// From the content of a key file: at least 32 random bytes, as they are. It is hashed, so
    /// that they may be written in any way.
    ///
    /// # Errors
    /// It is shorter.
    pub fn from_file(content: &[u8]) -> Result<Self, BadCookieKey> {
        if content.len() < 32 {
            return Err(BadCookieKey);
        }
        let hash = Sha256::new().chain_update("kliv-cookie-key 1\0").chain_update(content);
        Ok(Self(Zeroizing::new(hash.finalize().into())))
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.0).into())
    }
}

/// Cookies of one kind.
pub(crate) struct Cookie {
    name: String,
    same_site: &'static str,
    /// Whether browsers send it by TLS alone.
    secure: bool,
}

impl Cookie {
    /// Who is signed in; `local` is the port on a person's own machine. There it is no
    /// `__Host-` cookie, since not all browsers take one without TLS; browsers send cookies to
    /// all ports of a host, so the name tells them apart.
    pub(crate) fn session(local: Option<u16>) -> Self {
        match local {
            None => Self { name: "__Host-kliv-session".into(), same_site: "Strict", secure: true },
            Some(port) => {
                Self { name: format!("kliv-session-{port}"), same_site: "Strict", secure: false }
            }
        }
    }

    /// What is on its way to the identity provider and back. It has to come along when the
    /// provider's page sends the browser here.
    pub(crate) fn sign_in() -> Self {
        Self { name: "__Host-kliv-sign-in".into(), same_site: "Lax", secure: true }
    }

    /// Where somebody wanted to go who has to sign in first; `local` as for a session. It, too,
    /// comes along from the provider's page.
    pub(crate) fn onward(local: Option<u16>) -> Self {
        match local {
            None => Self { name: "__Host-kliv-onward".into(), same_site: "Lax", secure: true },
            Some(port) => {
                Self { name: format!("kliv-onward-{port}"), same_site: "Lax", secure: false }
            }
        }
    }

    /// Sets it, for so long.
    pub(crate) fn set(
        &self,
        key: &CookieKey,
        content: &impl Serialize,
        lives: Duration,
        rng: &mut impl CryptoRng,
    ) -> Result<HeaderValue, TooLarge> {
        let value = seal(key, &self.name, content, rng).ok_or(TooLarge)?;
        if self.name.len() + value.len() > COOKIE_BYTES {
            return Err(TooLarge);
        }
        self.header(&value, lives.as_secs()).ok_or(TooLarge)
    }

    /// Takes it away.
    pub(crate) fn clear(&self) -> HeaderValue {
        self.header("", 0).unwrap_or_else(|| HeaderValue::from_static(""))
    }

    /// What is in it. One that comes twice is none: nobody could say which counts.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        key: &CookieKey,
        headers: &HeaderMap,
    ) -> Option<T> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';'));
        let mut found = pairs.filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.name).then_some(value)
        });
        match (found.next(), found.next()) {
            (Some(value), None) => open(key, &self.name, value),
            _ => None,
        }
    }

    fn header(&self, value: &str, seconds: u64) -> Option<HeaderValue> {
        let Self { name, same_site, secure } = self;
        let secure = if *secure { "; Secure" } else { "" };
        let text = format!(
            "{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={same_site}{secure}"
        );
        HeaderValue::try_from(text).ok()
    }
}

/// It does not fit into a cookie.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Somebody who is signed in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// A random name of it, by which it is ended and counted.
    pub(crate) id: Id,
    pub(crate) person: Person,
    /// Seconds since 1970.
    issued: i64,
    expires: i64,
}

/// A session's name, or that of a sign-in under way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Id(u128);

impl Id {
    pub(crate) fn new(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(u128::from_be_bytes(bytes))
    }
}

/// All sessions: their key, how long they live, and which were ended.
pub(crate) struct Sessions {
    key: CookieKey,
    cookie: Cookie,
    lives: Duration,
    revoked: Ended,
}

impl Sessions {
    pub(crate) fn new(key: CookieKey, cookie: Cookie, lives: Duration) -> Self {
        Self { key, cookie, lives, revoked: Ended::default() }
    }

    pub(crate) fn key(&self) -> &CookieKey {
        &self.key
    }

    /// Begins one: the cookie to set.
    pub(crate) fn begin(
        &self,
        person: Person,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<HeaderValue, TooLarge> {
        let issued = now.as_second();
        let expires = issued.saturating_add_unsigned(self.lives.as_secs());
        let session = Session { id: Id::new(rng), person, issued, expires };
        self.cookie.set(&self.key, &session, self.lives, rng)
    }

    /// The one that a request belongs to: its cookie opens, is not too old, and was not ended.
    pub(crate) fn of(&self, headers: &HeaderMap, now: Timestamp) -> Option<Session> {
        let session: Session = self.cookie.get(&self.key, headers)?;
        let second = now.as_second();
        let lives = i64::try_from(self.lives.as_secs()).unwrap_or(i64::MAX);
        // Also where it was made while sessions lived longer.
        let fresh = second < session.expires && second < session.issued.saturating_add(lives);
        (fresh && !self.revoked.contains(session.id)).then_some(session)
    }

    /// Ends one: its cookie does not open anything any more, also a copy of it.
    pub(crate) fn end(&self, session: &Session, now: Timestamp) {
        self.revoked.add(session.id, session.expires, now);
    }

    /// Takes the cookie away.
    pub(crate) fn clear(&self) -> HeaderValue {
        self.cookie.clear()
    }
}

/// What must not be used again, until it would be too old anyway.
#[derive(Default)]
pub(crate) struct Ended(Mutex<BTreeMap<Id, i64>>);

impl Ended {
    /// Remembers it until then; false where it was remembered already.
    pub(crate) fn add(&self, id: Id, expires: i64, now: Timestamp) -> bool {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, expires| *expires > now.as_second());
        if ended.len() >= REMEMBERED
            && let Some(soonest) = ended.iter().min_by_key(|(_, expires)| **expires)
        {
            let soonest = *soonest.0;
            ended.remove(&soonest);
        }
        ended.insert(id, expires).is_none()
    }

    fn contains(&self, id: Id) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }
}

fn aad(name: &str) -> String {
    format!("kliv-cookie 1 {name}")
}

fn seal(
    key: &CookieKey,
    name: &str,
    content: &impl Serialize,
    rng: &mut impl CryptoRng,
) -> Option<String> {
    let content = Zeroizing::new(serde_json::to_vec(content).ok()?);
    let mut nonce = [0; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let aad = aad(name);
    let payload = Payload { msg: &content, aad: aad.as_bytes() };
    let sealed = key.cipher().encrypt(&Nonce::from(nonce), payload).ok()?;
    Some(format!("1.{}", URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())))
}

fn open<T: DeserializeOwned>(key: &CookieKey, name: &str, value: &str) -> Option<T> {
    if value.len() > COOKIE_BYTES {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(value.strip_prefix("1.")?).ok()?;
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let aad = aad(name);
    let payload = Payload { msg: sealed, aad: aad.as_bytes() };
    let content = key.cipher().decrypt(&Nonce::from(*nonce), payload).map(Zeroizing::new).ok()?;
    serde_json::from_slice(&content).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::entropy;

    const HOURS: Duration = Duration::from_secs(8 * 3600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key() -> CookieKey {
        CookieKey::generate(&mut entropy::system())
    }

    fn sessions(key: CookieKey) -> Sessions {
        Sessions::new(key, Cookie::session(None), HOURS)
    }

    fn person(groups: usize) -> Person {
        let groups = (0..groups).map(|n| format!("group-{n:030}")).collect();
        Person { name: "anna@example.org".into(), groups, ..Person::default() }
    }

    fn begin(sessions: &Sessions, now: i64) -> String {
        let set = sessions.begin(person(2), at(now), &mut entropy::system()).unwrap();
        set.to_str().unwrap().to_owned()
    }

    /// What the browser sends of what it was told to keep.
    fn sent(set: &str) -> HeaderMap {
        cookies(&[set.split(';').next().unwrap()])
    }

    fn cookies(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn whoever_signed_in_is_known_by_the_cookie_until_it_is_too_old() {
        let sessions = sessions(key());
        let headers = sent(&begin(&sessions, 1000));
        let session = sessions.of(&headers, at(1000)).unwrap();
        assert_eq!(session.person, person(2));
        assert!(sessions.of(&headers, at(1000 + 8 * 3600 - 1)).is_some());
        assert!(sessions.of(&headers, at(1000 + 8 * 3600)).is_none());
    }

    #[test]
    fn a_shorter_life_ends_sessions_that_began_before_it() {
        let secret = [7; 32];
        let long = sessions(CookieKey(Zeroizing::new(secret)));
        let headers = sent(&begin(&long, 1000));
        let short = Duration::from_secs(60);
        let key = CookieKey(Zeroizing::new(secret));
        let short = Sessions::new(key, Cookie::session(None), short);
        assert!(short.of(&headers, at(1059)).is_some());
        assert!(short.of(&headers, at(1060)).is_none());
    }

    #[test]
    fn the_cookie_goes_by_tls_to_this_host_alone_and_no_script_sees_it() {
        let set = begin(&sessions(key()), 1000);
        let (value, rest) = set.split_once("; ").unwrap();
        assert!(value.starts_with("__Host-kliv-session=1."), "{set}");
        assert_eq!(rest, "Path=/; Max-Age=28800; HttpOnly; SameSite=Strict; Secure");
        assert!(!set.contains("anna"), "{set}");
        let local = Sessions::new(key(), Cookie::session(Some(40123)), HOURS);
        let set = begin(&local, 1000);
        assert!(set.starts_with("kliv-session-40123=1."), "{set}");
        assert!(set.ends_with("; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict"), "{set}");
    }

    #[test]
    fn whoever_signed_out_is_out_also_with_a_copy_of_the_cookie() {
        let sessions = sessions(key());
        let (ended, other) = (sent(&begin(&sessions, 1000)), sent(&begin(&sessions, 1000)));
        let session = sessions.of(&ended, at(1001)).unwrap();
        sessions.end(&session, at(1001));
        assert!(sessions.of(&ended, at(1002)).is_none());
        assert!(sessions.of(&other, at(1002)).is_some());
        let cleared = sessions.clear();
        let cleared = cleared.to_str().unwrap();
        assert!(cleared.starts_with("__Host-kliv-session=; Path=/; Max-Age=0;"), "{cleared}");
    }

    #[test]
    fn a_cookie_that_was_altered_opens_nothing() {
        let sessions = sessions(key());
        let set = begin(&sessions, 1000);
        let value = set.split(';').next().unwrap().split_once('=').unwrap().1;
        let of = |value: &str| {
            let line = format!("__Host-kliv-session={value}");
            sessions.of(&cookies(&[&line]), at(1000)).is_some()
        };
        assert!(of(value));
        for at in 0..value.len() {
            for other in ["A", "B", "_", "="] {
                let mut altered = value.to_owned();
                altered.replace_range(at..=at, other);
                assert!(altered == value || !of(&altered), "{at} {other}");
            }
            assert!(!of(&value[..at]), "{at}");
        }
        for altered in [format!("{value}A"), format!("{value}="), format!(" 2{}", &value[1..])] {
            assert!(!of(&altered), "{altered}");
        }
    }

    #[test]
    fn a_cookie_of_another_kind_name_or_key_opens_nothing() {
        let key = key();
        let rng = &mut entropy::system();
        let sign_in = Cookie::sign_in();
        let set = sign_in.set(&key, &"a text", HOURS, rng).unwrap();
        let value = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(sign_in.get::<String>(&key, &cookies(&[&value])).as_deref(), Some("a text"));
        assert!(sign_in.get::<String>(&self::key(), &cookies(&[&value])).is_none());
        let renamed = value.replace("sign-in", "session");
        let session = Cookie::session(None);
        assert!(session.get::<String>(&key, &cookies(&[&renamed])).is_none());
        let set = session.set(&key, &"a text", HOURS, rng).unwrap();
        let value = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        let local = Cookie::session(Some(1));
        let renamed = value.replace("__Host-kliv-session", "kliv-session-1");
        assert!(local.get::<String>(&key, &cookies(&[&renamed])).is_none());
    }

    #[test]
    fn a_cookie_that_comes_twice_is_none_and_others_are_no_matter() {
        let sessions = sessions(key());
        let (one, two) = (begin(&sessions, 1000), begin(&sessions, 1000));
        let [one, two] = [&one, &two].map(|set| set.split(';').next().unwrap());
        let known = |lines: &[&str]| sessions.of(&cookies(lines), at(1000)).is_some();
        assert!(known(&[&format!("a=b; {one}; kliv-language=sv")]) && known(&["a=b", one]));
        for lines in [vec![one, two], vec![one, one], vec![&format!("{one}; {two}")]] {
            assert!(!known(&lines));
        }
        assert!(!known(&[]) && !known(&["__Host-kliv-session"]));
    }

    #[test]
    fn somebody_in_too_many_groups_for_a_cookie_is_told() {
        let sessions = sessions(key());
        let begin = |groups| sessions.begin(person(groups), at(0), &mut entropy::system());
        assert!(begin(60).is_ok());
        assert_eq!(begin(200), Err(TooLarge));
        let set = begin(60).unwrap();
        assert!(sessions.of(&sent(set.to_str().unwrap()), at(0)).is_some());
    }

    #[test]
    fn what_was_used_is_remembered_until_it_is_too_old_and_no_longer() {
        let (used, rng) = (Ended::default(), &mut entropy::system());
        let id = Id::new(rng);
        assert!(used.add(id, 100, at(0)) && !used.add(id, 100, at(99)));
        assert!(used.contains(id));
        assert!(used.add(Id::new(rng), 300, at(200)));
        assert!(!used.contains(id));
        for _ in 0..10 {
            used.add(Id::new(rng), 300, at(200));
        }
        assert!(used.0.lock().unwrap().len() == 11);
    }

    #[test]
    fn a_key_file_holds_32_bytes_and_each_counts() {
        let one = CookieKey::from_file(&[1; 32]).unwrap();
        let set = begin(&sessions(one), 1000);
        let known = |content: &[u8]| {
            let key = CookieKey::from_file(content).unwrap();
            sessions(key).of(&sent(&set), at(1000)).is_some()
        };
        assert!(known(&[1; 32]));
        assert!(!known(&[1; 33]) && !known(&[2; 32]));
        assert!(CookieKey::from_file(&[1; 31]).is_err());
    }
}
