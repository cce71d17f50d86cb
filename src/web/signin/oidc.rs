//! Sign-in by OpenID Connect: code flow with PKCE, state and nonce.
//!
//! ```text
//!  /sign-in/oidc ──► cookie {state, nonce, verifier}, 303 to the provider
//!  provider ──► /sign-in/callback?code&state&iss ──► the cookie's state? ──► token endpoint
//!      ──► ID token: signature, issuer, audience, time, nonce ──► the cluster's own review
//! ```
//!
//! The provider says who somebody is to the cluster, not to us: name and groups are those that
//! the API server reads out of the same token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
    CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId,
    ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl, Scope, TokenResponse as _,
};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::super::session::{Cookie, CookieKey, Ended, Id};
use super::NotIn;
use crate::runtime::clock;
use crate::seal::CryptoRng;
use crate::server::provider::{BadAuthorities, Http};

/// How long somebody may take at the provider.
const UNDERWAY: Duration = Duration::from_secs(600);

/// How long what the provider says of itself is kept.
const KNOWN: Duration = Duration::from_secs(300);

/// How the provider is found, and who we are there.
pub struct OidcSettings {
    /// Letter for letter as the API server has it.
    pub issuer: String,
    /// Who the web server is there.
    pub client_id: String,
    /// Its secret, where it has one.
    pub client_secret: Option<Zeroizing<String>>,
    /// Beside `openid`.
    pub scopes: Vec<String>,
    /// Certificates that the provider is trusted by (PEM), instead of the usual authorities'.
    pub authorities: Option<Vec<u8>>,
}

/// The settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadOidc {
    /// Not an address.
    #[error("the issuer of the identity provider is not an address")]
    Issuer,
    /// No certificates.
    #[error(transparent)]
    Authorities(#[from] BadAuthorities),
}

/// The provider by which people sign in.
pub struct Oidc {
    settings: OidcSettings,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    http: Http,
    cookie: Cookie,
    used: Ended,
    known: Mutex<Option<(Instant, Arc<Metadata>)>>,
}

/// Whether answers name their issuer (RFC 9207).
#[derive(Clone, Debug, Serialize, Deserialize)]
struct NamesIssuer {
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for NamesIssuer {}

type Metadata = ProviderMetadata<
    NamesIssuer,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What of a sign-in is kept in the browser until it comes back.
#[derive(Serialize, Deserialize)]
struct Underway {
    id: Id,
    state: String,
    nonce: String,
    verifier: String,
    expires: i64,
}

/// What the provider has the browser say.
#[derive(Deserialize)]
pub(super) struct Callback {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

impl Oidc {
    /// `origin` is where people reach the server: `https://HOST`.
    ///
    /// # Errors
    /// [`BadOidc`].
    pub fn new(settings: OidcSettings, origin: &str) -> Result<Self, BadOidc> {
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|_| BadOidc::Issuer)?;
        let redirect = RedirectUrl::new(format!("{origin}/sign-in/callback"));
        let redirect = redirect.map_err(|_| BadOidc::Issuer)?;
        let http = Http::new(settings.authorities.as_deref())?;
        let (cookie, used) = (Cookie::sign_in(), Ended::default());
        Ok(Self { settings, issuer, redirect, http, cookie, used, known: Mutex::default() })
    }

    /// Where to send the browser, and the cookie that it brings back.
    pub(super) async fn begin(
        &self,
        key: &CookieKey,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<(String, HeaderValue), NotIn> {
        let client = self.client(&*self.metadata(KNOWN).await?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let ask = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        );
        let scopes = self.settings.scopes.iter().cloned().map(Scope::new);
        let (url, state, nonce) = ask.add_scopes(scopes).set_pkce_challenge(challenge).url();
        let underway = Underway {
            id: Id::new(rng),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            expires: now.as_second().saturating_add_unsigned(UNDERWAY.as_secs()),
        };
        let cookie = self.cookie.set(key, &underway, UNDERWAY, rng).map_err(|_| NotIn::Provider)?;
        Ok((url.into(), cookie))
    }

    /// The ID token of whoever comes back; all but the cluster's own review was looked at.
    pub(super) async fn finish(
        &self,
        key: &CookieKey,
        headers: &HeaderMap,
        callback: Callback,
        now: Timestamp,
    ) -> Result<Zeroizing<String>, NotIn> {
        let underway = self.cookie.get::<Underway>(key, headers).ok_or(NotIn::Stale)?;
        let state = callback.state.as_deref().unwrap_or_default();
        let same: bool = state.as_bytes().ct_eq(underway.state.as_bytes()).into();
        // It is used up also where it leads to nothing.
        let fresh = now.as_second() < underway.expires
            && same
            && self.used.add(underway.id, underway.expires, now);
        if !fresh {
            return Err(NotIn::Stale);
        }
        let metadata = self.metadata(KNOWN).await?;
        let names = metadata.additional_metadata().authorization_response_iss_parameter_supported;
        match &callback.iss {
            // The answer of another provider, with a code of its own: a mix-up.
            Some(issuer) if *issuer != self.settings.issuer => return Err(NotIn::Stale),
            None if names => return Err(NotIn::Stale),
            _ => {}
        }
        if callback.error.is_some() {
            return Err(NotIn::Declined);
        }
        let code = AuthorizationCode::new(callback.code.ok_or(NotIn::Declined)?);
        let client = self.client(&metadata);
        let ask = client.exchange_code(code).map_err(|_| NotIn::Provider)?;
        let ask = ask.set_pkce_verifier(PkceCodeVerifier::new(underway.verifier));
        // Its errors quote the answer.
        let answer = ask.request_async(&self.http).await.map_err(|error| match error {
            openidconnect::RequestTokenError::ServerResponse(_) => NotIn::Declined,
            _ => NotIn::Provider,
        })?;
        let token = answer.id_token().ok_or(NotIn::Provider)?;
        let nonce = Nonce::new(underway.nonce);
        let verified = token.claims(&verifier(&client, &metadata), &nonce).map(drop);
        if let Err(ClaimsVerificationError::SignatureVerification(_)) = &verified {
            // By a key that is newer than what is known of the provider, perhaps. Nobody else
            // can have it asked so often: the token came from its own token endpoint.
            let metadata = self.metadata(Duration::ZERO).await?;
            let client = self.client(&metadata);
            let again = token.claims(&verifier(&client, &metadata), &nonce).map(drop);
            again.map_err(|_| NotIn::Forged)?;
        } else {
            verified.map_err(|_| NotIn::Forged)?;
        }
        Ok(Zeroizing::new(token.to_string()))
    }

    /// Takes the cookie of a sign-in away.
    pub(super) fn clear(&self) -> HeaderValue {
        self.cookie.clear()
    }

    /// What the provider says of itself, and its keys; no older than that.
    async fn metadata(&self, age: Duration) -> Result<Arc<Metadata>, NotIn> {
        let mut known = self.known.lock().await;
        if let Some((at, metadata)) = &*known
            && clock::monotonic().duration_since(*at) < age
        {
            return Ok(Arc::clone(metadata));
        }
        let found = Metadata::discover_async(self.issuer.clone(), &self.http).await;
        let found = Arc::new(found.map_err(|_| NotIn::Provider)?);
        *known = Some((clock::monotonic(), Arc::clone(&found)));
        Ok(found)
    }

    fn client(&self, metadata: &Metadata) -> Client {
        let OidcSettings { client_id, client_secret, .. } = &self.settings;
        let secret = client_secret.as_ref().map(|secret| ClientSecret::new(secret.to_string()));
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            ClientId::new(client_id.clone()),
            secret,
        );
        let ways = metadata.token_endpoint_auth_methods_supported();
        let in_body = ways.is_some_and(|ways| {
            ways.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !ways.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        let way = if in_body { AuthType::RequestBody } else { AuthType::BasicAuth };
        client.set_auth_type(way).set_redirect_uri(self.redirect.clone())
    }
}

/// Takes signatures by the provider's own keys alone: with a secret that both know, whoever
/// reads our configuration could make tokens.
fn verifier<'a>(
    client: &'a Client,
    metadata: &Metadata,
) -> openidconnect::core::CoreIdTokenVerifier<'a> {
    use CoreJwsSigningAlgorithm::{
        EcdsaP256Sha256, EcdsaP384Sha384, EdDsa, RsaSsaPkcs1V15Sha256, RsaSsaPkcs1V15Sha384,
        RsaSsaPkcs1V15Sha512, RsaSsaPssSha256, RsaSsaPssSha384, RsaSsaPssSha512,
    };
    let own = [
        RsaSsaPkcs1V15Sha256,
        RsaSsaPkcs1V15Sha384,
        RsaSsaPkcs1V15Sha512,
        RsaSsaPssSha256,
        RsaSsaPssSha384,
        RsaSsaPssSha512,
        EcdsaP256Sha256,
        EcdsaP384Sha384,
        EdDsa,
    ];
    let offered = metadata.id_token_signing_alg_values_supported();
    let allowed = own.into_iter().filter(|algorithm| offered.contains(algorithm));
    client.id_token_verifier().set_allowed_algs(allowed)
}
