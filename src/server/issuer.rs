//! Access tokens of an OpenID Connect issuer, verified here (RFC 9068): the API server need not
//! take them, so they are good for nothing but this server.
//!
//! ```text
//!  iss ours? ─► signature by the issuer's keys ─► times ─► audience ─► claims ─► Person
//!                    └─ unknown key: asked anew, not more often than every so long
//! ```

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
use tokio::sync::Mutex;

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
    http: Http,
    names: ClaimNames,
    keys: Mutex<Keys>,
}

/// What is known of its keys.
#[derive(Default)]
struct Keys {
    /// When they were asked for last, answered or not.
    asked: Option<Instant>,
    known: Option<(Instant, CoreJsonWebKeySet)>,
}

impl Issuer {
    /// # Errors
    /// [`BadIssuer`].
    pub fn new(settings: IssuerSettings) -> Result<Self, BadIssuer> {
        let url = IssuerUrl::new(settings.url).map_err(|_| BadIssuer::Url)?;
        let http = Http::new(settings.authorities.as_deref())?;
        Ok(Self { url, http, names: settings.claims, keys: Mutex::default() })
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
        let parsed: CoreIdToken = token.parse().map_err(|_| Unknown::Token)?;
        let first = self.verified(&parsed, KNOWN).await?;
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
            self.verified(&parsed, AGAIN).await?.map_err(not_good)?;
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

    /// Signature, issuer and end; by keys that are no older than that.
    async fn verified(
        &self,
        token: &CoreIdToken,
        age: Duration,
    ) -> Result<Result<(), ClaimsVerificationError>, Unknown> {
        let keys = self.keys(age).await?;
        // Whom it is for is looked at by ourselves: a token has one audience among several.
        let client = ClientId::new(String::new());
        let verifier = CoreIdTokenVerifier::new_public_client(client, self.url.clone(), keys)
            .require_audience_match(false)
            .set_allowed_algs(ALGORITHMS)
            .set_allowed_jose_types(types());
        let any_nonce = |_: Option<&Nonce>| Ok(());
        Ok(token.claims(&verifier, any_nonce).map(drop))
    }

    async fn keys(&self, age: Duration) -> Result<CoreJsonWebKeySet, Unknown> {
        let mut keys = self.keys.lock().await;
        let now = clock::monotonic();
        let since = |at: Instant| now.duration_since(at);
        if let Some((at, known)) = &keys.known
            && since(*at) < age
        {
            return Ok(known.clone());
        }
        let pause = if keys.known.is_some() { AGAIN } else { AT_FIRST };
        if keys.asked.is_none_or(|at| since(at) >= pause) {
            keys.asked = Some(now);
            match CoreProviderMetadata::discover_async(self.url.clone(), &self.http).await {
                Ok(found) => keys.known = Some((clock::monotonic(), found.jwks().clone())),
                // Its errors quote the answer.
                Err(_) => tracing::warn!("the issuer's keys can't be had"),
            }
        }
        let known = keys.known.as_ref().filter(|(at, _)| since(*at) < STALE);
        known.map(|(_, known)| known.clone()).ok_or(Unknown::NoKeys)
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

/// What a signed token says, verified or not.
fn claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice(&claims).ok()
}
