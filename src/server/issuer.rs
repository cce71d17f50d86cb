//! Access tokens of an OpenID Connect issuer, verified here (RFC 9068): the API server need not
//! take them, so they are good for nothing but this server.
//!
//! ```text
//!  iss ours? ─► signature by the issuer's keys ─► times ─► audience ─► claims ─► Person
//!                    └─ unknown key, or known ones that are old: asked anew, not more often than
//!                       every so long; where no answer comes soon, what is known is still good
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use openidconnect::core::{
    CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    ClaimsVerificationError, ClientId, IssuerUrl, JsonWebTokenType, Nonce,
    NormalizedJsonWebTokenType, SignatureVerificationError,
};
use serde_json::{Map, Value};

use super::claims::ClaimNames;
use super::person::Person;
use super::provider::{BadAuthorities, Http};
use super::review::Unknown;
use crate::runtime::clock;

/// How long the issuer's keys are kept.
const KNOWN: Duration = Duration::from_secs(300);

/// How long after they were asked for they are not asked for again, whatever tokens say: else
/// whoever makes up tokens has the issuer asked.
const AGAIN: Duration = Duration::from_secs(30);

/// The same while no keys are known at all.
const AT_FIRST: Duration = Duration::from_secs(3);

/// How long keys go on being good while the issuer does not answer.
const STALE: Duration = Duration::from_secs(3600);

/// How long after they were asked for it is waited for the answer, where older keys are known:
/// one of them may have been taken back.
const SOON: Duration = Duration::from_secs(2);

/// How much clocks may differ where a token says from when on it is good.
const SKEW: i64 = 60;

/// How an issuer is found, and how its tokens name people.
pub struct IssuerSettings {
    /// Letter for letter as its tokens have it.
    pub url: String,
    /// Certificates that it is trusted by (PEM), instead of the usual authorities'.
    pub authorities: Option<Vec<u8>>,
    /// Which claims name somebody.
    pub claims: ClaimNames,
}

/// The settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadIssuer {
    /// Not an address.
    #[error("the issuer is not an address")]
    Url,
    /// No certificates.
    #[error(transparent)]
    Authorities(#[from] BadAuthorities),
}

/// An issuer whose access tokens are taken.
pub struct Issuer {
    url: IssuerUrl,
    names: ClaimNames,
    /// Only of tokens that say of themselves that they are access tokens.
    at_jwt: bool,
    keys: Arc<KeySource>,
}

/// Its keys, and where they come from.
struct KeySource {
    url: IssuerUrl,
    http: Http,
    keys: Mutex<Keys>,
    /// Held by who asks for them: one at a time.
    asking: Arc<tokio::sync::Mutex<()>>,
}

/// What is known of its keys.
#[derive(Default)]
struct Keys {
    /// When they were asked for last, answered or not.
    asked: Option<Instant>,
    known: Option<(Instant, CoreJsonWebKeySet)>,
}

/// Which keys will do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Those that are known, where there are any.
    Known,
    /// Newer ones, if there are: a token names one that is not known.
    Newer,
}

impl Issuer {
    /// # Errors
    /// [`BadIssuer`].
    pub fn new(settings: IssuerSettings) -> Result<Self, BadIssuer> {
        let url = IssuerUrl::new(settings.url).map_err(|_| BadIssuer::Url)?;
        let http = Http::new(settings.authorities.as_deref())?;
        let source =
            KeySource { url: url.clone(), http, keys: Mutex::default(), asking: Arc::default() };
        Ok(Self { url, names: settings.claims, at_jwt: false, keys: Arc::new(source) })
    }

    /// Takes, or takes not, only what says of itself that it is an access token (`at+jwt`): else
    /// its audience alone tells it from other tokens of the issuer.
    #[must_use]
    pub fn requiring_at_jwt(mut self, required: bool) -> Self {
        self.at_jwt = required;
        self
    }

    /// Its name.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Whether a token says that it is this issuer's. Nothing is verified.
    pub(crate) fn is_of(&self, token: &str) -> bool {
        claims(token).is_some_and(|claims| {
            claims.get("iss").and_then(Value::as_str) == Some(self.url.as_str())
        })
    }

    /// Who has this token, and until when it is good, where it is for one of these audiences.
    pub(crate) async fn whose(
        &self,
        token: &str,
        audiences: &[String],
        now: Timestamp,
    ) -> Result<(Person, Timestamp), Unknown> {
        if self.at_jwt && !is_access_token(token) {
            return Err(Unknown::Token);
        }
        let parsed: CoreIdToken = token.parse().map_err(|_| Unknown::Token)?;
        let first = self.verified(&parsed, Wanted::Known).await?;
        if let Err(ClaimsVerificationError::SignatureVerification(error)) = first {
            // By a key that is newer than what is known of the issuer, perhaps.
            let newer = matches!(
                error,
                SignatureVerificationError::NoMatchingKey
                    | SignatureVerificationError::CryptoError(_)
            );
            if !newer {
                return Err(Unknown::Token);
            }
            self.verified(&parsed, Wanted::Newer).await?.map_err(not_good)?;
        } else {
            first.map_err(not_good)?;
        }
        let claims = claims(token).ok_or(Unknown::Token)?;
        let is_early = |from: &Value| from.as_f64().is_none_or(|at| at > early(now));
        if claims.get("nbf").is_some_and(is_early) {
            return Err(Unknown::Over);
        }
        if !is_for(&claims, audiences) {
            return Err(Unknown::Elsewhere);
        }
        let until = claims.get("exp").and_then(Value::as_f64).unwrap_or_default();
        // Verified above: a whole number of seconds that is to come.
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        let until = Timestamp::from_second(until as i64).unwrap_or(now);
        Ok((self.names.person(self.url.as_str(), &claims)?, until))
    }

    /// Signature, issuer and end.
    async fn verified(
        &self,
        token: &CoreIdToken,
        wanted: Wanted,
    ) -> Result<Result<(), ClaimsVerificationError>, Unknown> {
        let keys = self.keys.get(wanted).await?;
        // Whom it is for is looked at by ourselves: a token has one audience among several.
        let client = ClientId::new(String::new());
        let verifier = CoreIdTokenVerifier::new_public_client(client, self.url.clone(), keys)
            .require_audience_match(false)
            .set_allowed_algs(ALGORITHMS)
            .set_allowed_jose_types(types());
        let any_nonce = |_: Option<&Nonce>| Ok(());
        Ok(token.claims(&verifier, any_nonce).map(drop))
    }
}

impl KeySource {
    async fn get(self: &Arc<Self>, wanted: Wanted) -> Result<CoreJsonWebKeySet, Unknown> {
        let age = if wanted == Wanted::Known { KNOWN } else { AGAIN };
        let known = self.keys().good_for(age);
        if let Some(known) = known {
            return Ok(known);
        }
        self.ask_anew();
        let (answer, patience) = (self.asking.lock(), self.keys().soon(wanted));
        match patience {
            None => drop(answer.await),
            // The issuer may hang: nobody waits for long who can go on by what is known.
            Some(Duration::ZERO) => {}
            Some(patience) => drop(tokio::time::timeout(patience, answer).await),
        }
        let known = self.keys().good_for(STALE);
        known.ok_or(Unknown::NoKeys)
    }

    /// Has them asked for, unless somebody does or did just now. Who wanted them may go away:
    /// the answer is for all.
    fn ask_anew(self: &Arc<Self>) {
        let now = clock::monotonic();
        let mut keys = self.keys();
        let pause = if keys.known.is_some() { AGAIN } else { AT_FIRST };
        if keys.asked.is_some_and(|at| now.duration_since(at) < pause) {
            return;
        }
        let Ok(turn) = Arc::clone(&self.asking).try_lock_owned() else { return };
        keys.asked = Some(now);
        drop(keys);
        let source = Arc::clone(self);
        tokio::spawn(async move {
            match CoreProviderMetadata::discover_async(source.url.clone(), &source.http).await {
                Ok(found) => {
                    source.keys().known = Some((clock::monotonic(), found.jwks().clone()));
                }
                // Its errors quote the answer.
                Err(_) => tracing::warn!("the issuer's keys can't be had"),
            }
            drop(turn);
        });
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    /// Those that are known, where they are not that old.
    fn good_for(&self, age: Duration) -> Option<CoreJsonWebKeySet> {
        let (at, known) = self.known.as_ref()?;
        (clock::monotonic().duration_since(*at) < age).then(|| known.clone())
    }

    /// How long it is still waited for newer ones; none where there is nothing else to go on by.
    fn soon(&self, wanted: Wanted) -> Option<Duration> {
        let since = |at: Instant| clock::monotonic().duration_since(at);
        let (known, _) = self.known.as_ref()?;
        let will_do = wanted == Wanted::Known && since(*known) < STALE;
        will_do.then(|| SOON.saturating_sub(self.asked.map_or(SOON, since)))
    }
}

/// By keys of which the issuer alone has the secret half: what both would know, somebody who
/// reads our settings could make tokens with.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Access tokens as RFC 9068 has them, and as many issuers of before it do.
fn types() -> impl Iterator<Item = NormalizedJsonWebTokenType> {
    let types = ["at+jwt", "JWT"].map(|name| JsonWebTokenType::new(name.to_owned()).normalize());
    types.into_iter().flatten()
}

fn not_good(error: ClaimsVerificationError) -> Unknown {
    match error {
        ClaimsVerificationError::Expired(_) => Unknown::Over,
        _ => Unknown::Token,
    }
}

/// The latest time that counts as now.
#[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
fn early(now: Timestamp) -> f64 {
    now.as_second().saturating_add(SKEW) as f64
}

fn is_for(claims: &Map<String, Value>, audiences: &[String]) -> bool {
    let is_ours = |said: &Value| said.as_str().is_some_and(|it| audiences.iter().any(|a| a == it));
    match claims.get("aud") {
        Some(Value::Array(said)) => said.iter().any(is_ours),
        Some(said) => is_ours(said),
        None => false,
    }
}

/// Whether a token's head says that it is an access token (RFC 9068).
fn is_access_token(token: &str) -> bool {
    let head = parts(token).and_then(|[head, _]| said(head)).unwrap_or_default();
    let typ = head.get("typ").and_then(Value::as_str).unwrap_or_default();
    ["at+jwt", "application/at+jwt"].iter().any(|it| typ.eq_ignore_ascii_case(it))
}

/// What a signed token says, verified or not.
fn claims(token: &str) -> Option<Map<String, Value>> {
    parts(token).and_then(|[_, claims]| said(claims))
}

/// Head and claims of a signed token.
fn parts(token: &str) -> Option<[&str; 2]> {
    let parts: Vec<&str> = token.splitn(4, '.').collect();
    let [head, claims, _] = parts[..] else { return None };
    Some([head, claims])
}

fn said(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::pin::pin;

    use futures::{FutureExt as _, poll};
    use openidconnect::JsonWebKeyId;
    use openidconnect::core::CoreJsonWebKey;
    use serde_json::json;

    use super::*;

    fn issuer(url: String) -> Issuer {
        let claims = ClaimNames {
            username: "sub".into(),
            username_prefix: None,
            groups: None,
            groups_prefix: None,
        };
        Issuer::new(IssuerSettings { url, authorities: None, claims }).unwrap()
    }

    /// Ago.
    fn aged(age: Duration) -> Instant {
        clock::monotonic().checked_sub(age).unwrap()
    }

    #[tokio::test]
    async fn while_the_issuer_hangs_its_known_keys_go_on_and_it_is_asked_once() {
        // Takes connections and says nothing.
        let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = issuer(format!("https://{}", hangs.local_addr().unwrap()));
        let keys = &issuer.keys;
        // Nothing is known yet: there is nothing to go on by.
        let mut first = pin!(keys.get(Wanted::Known));
        assert!(poll!(&mut first).is_pending());
        assert!(keys.keys().asked.is_some());
        // As where what is known is too old for one who wants newer, and good for the others.
        keys.keys().known = Some((clock::monotonic(), CoreJsonWebKeySet::new(vec![])));
        assert!(keys.get(Wanted::Known).now_or_never().is_some_and(|keys| keys.is_ok()));
        keys.keys().known = Some((aged(KNOWN), CoreJsonWebKeySet::new(vec![])));
        assert!(keys.get(Wanted::Newer).now_or_never().is_none(), "waits for the answer");
        // Others have waited for it long enough.
        let asked = aged(SOON);
        keys.keys().asked = Some(asked);
        assert!(keys.get(Wanted::Known).now_or_never().is_some_and(|keys| keys.is_ok()));
        assert_eq!(keys.keys().asked, Some(asked));
    }

    /// The clock runs by itself where all wait.
    #[tokio::test(start_paused = true)]
    async fn a_key_that_was_taken_back_is_not_good_once_more_while_the_issuer_answers() {
        let issuer = issuer("https://id.example.org".into());
        let keys = &issuer.keys;
        let set = |ids: &[&str]| {
            let key = |id: &&str| {
                CoreJsonWebKey::new_rsa(vec![1], vec![1], Some(JsonWebKeyId::new((*id).into())))
            };
            CoreJsonWebKeySet::new(ids.iter().map(key).collect())
        };
        let turn = Arc::clone(&keys.asking).lock_owned().await;
        *keys.keys() = Keys {
            asked: Some(clock::monotonic()),
            known: Some((aged(KNOWN), set(&["withdrawn", "good"]))),
        };
        // It says nothing for too long: by what is known.
        assert_eq!(keys.get(Wanted::Known).await.unwrap().keys().len(), 2);
        keys.keys().asked = Some(clock::monotonic());
        let mut called = pin!(keys.get(Wanted::Known));
        assert!(poll!(&mut called).is_pending(), "waits for the answer");
        keys.keys().known = Some((clock::monotonic(), set(&["good"])));
        drop(turn);
        assert_eq!(called.await.unwrap().keys().len(), 1);
    }

    #[tokio::test]
    async fn where_it_is_required_a_token_says_that_it_is_an_access_token() {
        let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", hangs.local_addr().unwrap());
        let part = |said: Value| BASE64_URL_SAFE_NO_PAD.encode(said.to_string());
        let claims = part(json!({ "iss": url, "sub": "a", "aud": "b", "exp": 1, "iat": 1 }));
        // What is no access token is refused before a key is asked for.
        let refused = |required: bool, head: Value| {
            let issuer = issuer(url.clone()).requiring_at_jwt(required);
            let token = format!("{}.{claims}.eA", part(head));
            let audiences = ["b".to_owned()];
            let asked = issuer.whose(&token, &audiences, Timestamp::UNIX_EPOCH).now_or_never();
            asked.is_some_and(|asked| asked == Err(Unknown::Token))
        };
        for (typ, is_one) in
            [("at+jwt", true), ("application/AT+JWT", true), ("JWT", false), ("logout+jwt", false)]
        {
            let head = json!({ "alg": "ES256", "typ": typ });
            assert_eq!(refused(true, head.clone()), !is_one, "{typ}");
            assert!(!refused(false, head), "{typ}");
        }
        assert!(refused(true, json!({ "alg": "ES256" })));
        assert!(!refused(false, json!({ "alg": "ES256" })));
    }
}
