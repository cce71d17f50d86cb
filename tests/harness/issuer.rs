//! OpenID providers that an API server trusts, and one that only makes tokens.

use std::net::{TcpListener, TcpStream};

use axum::Router;
use axum::routing::get;
use axum_server::tls_rustls::RustlsConfig;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use http::header::CONTENT_TYPE;
use kliv_secrets::runtime::clock;
use rcgen::{CertificateParams, KeyPair, SigningKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::{Cluster, eventually};

/// The one audience that the API server takes of all issuers.
pub const AUDIENCE: &str = "kliv-secrets-web";
/// Before every user and group of theirs.
pub const PREFIX: &str = "oidc:";

impl Cluster {
    /// From now on the API server knows people by their ID tokens of this issuer as well, beside
    /// those of others that are still there: user `oidc:<sub>`, groups `oidc:<groups>`. By `ca`
    /// (PEM) it trusts the issuer, which must be there.
    pub async fn trusts(&self, issuer: &str, ca: &str) {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
        let _alone = ONE_AT_A_TIME.lock().await;
        let file = self.state().join("config/authentication.yaml");
        let ours = json!({
            "issuer": { "url": issuer, "certificateAuthority": ca, "audiences": [AUDIENCE] },
            "claimMappings": {
                "username": { "claim": "sub", "prefix": PREFIX },
                "groups": { "claim": "groups", "prefix": PREFIX },
            },
        });
        eventually(&format!("the API server trusts {issuer}"), async || {
            let before = std::fs::read_to_string(&file).expect("whom it trusts");
            let mut config: Value = serde_saphyr::from_str(&before).expect("whom it trusts");
            let trusted = config["jwt"].as_array_mut().expect("a list");
            // It takes up nothing new while one of them does not answer.
            trusted.retain(|one| *one != ours && answers(one));
            trusted.push(ours.clone());
            let config = config.to_string();
            if config != before {
                std::fs::write(&file, &config).expect("writes whom it trusts");
            }
            let hash: String = Sha256::digest(&config).iter().map(|b| format!("{b:02x}")).collect();
            let request = http::Request::get("/metrics").body(Vec::new()).expect("a request");
            let page = self.client().request_text(request).await.expect("metrics");
            let taken = "apiserver_authentication_config_controller_last_config_info{";
            let mut lines = page.lines().filter(|line| line.starts_with(taken));
            lines.any(|line| line.contains(&hash)).then_some(())
        })
        .await;
    }
}

/// Whether an issuer is still there.
fn answers(issuer: &Value) -> bool {
    let url = issuer["issuer"]["url"].as_str().expect("a URL");
    let place = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
    TcpStream::connect(place).is_ok()
}

/// An issuer that nobody logs in at: it makes ID tokens, and API servers can check them.
pub struct Issuer {
    /// Its name.
    pub url: String,
    /// By what it is trusted: PEM.
    pub certificate: String,
    key: KeyPair,
}

impl Issuer {
    /// One that serves until the runtime ends.
    pub fn start() -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let url = format!("https://localhost:{}", listener.local_addr().expect("bound").port());
        let about = json!({
            "issuer": url, "jwks_uri": format!("{url}/keys"),
            "authorization_endpoint": format!("{url}/none"), "token_endpoint": format!("{url}/none"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        });
        // One byte, then both coordinates.
        let (x, y) = key.public_key_raw()[1..].split_at(32);
        let keys = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "tests",
            "x": BASE64.encode(x), "y": BASE64.encode(y),
        }] });
        let answer = |content: Value| {
            get(async move || ([(CONTENT_TYPE, "application/json")], content.to_string()))
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", answer(about))
            .route("/keys", answer(keys));
        let (pem, key_pem) = (certificate.clone().into_bytes(), key.serialize_pem().into_bytes());
        tokio::spawn(async move {
            // The same provider as the program's own, where none was chosen yet.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let tls = RustlsConfig::from_pem(pem, key_pem).await.expect("a certificate");
            let server = axum_server::from_tcp_rustls(listener, tls).expect("a server");
            server.serve(router.into_make_service()).await.expect("serves");
        });
        Self { url, certificate, key }
    }

    /// An ID token of five minutes, with further claims.
    pub fn id_token(&self, sub: &str, groups: &[&str], more: &Value) -> String {
        let now = clock::now().as_second();
        let mut claims = json!({
            "iss": self.url, "aud": AUDIENCE, "sub": sub, "groups": groups,
            "iat": now, "exp": now + 300,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        self.signed(&json!({ "alg": "ES256", "kid": "tests", "typ": "JWT" }), &claims)
    }

    /// An access token of five minutes (RFC 9068) for an audience, with further claims.
    pub fn access_token(&self, sub: &str, audience: &str, more: &Value) -> String {
        let now = clock::now().as_second();
        let mut claims = json!({
            "iss": self.url, "aud": audience, "sub": sub, "client_id": "agent", "jti": "1",
            "iat": now, "exp": now + 300,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        self.signed(&json!({ "alg": "ES256", "kid": "tests", "typ": "at+jwt" }), &claims)
    }

    /// Whatever it is told to sign.
    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        let part = |part: &Value| BASE64.encode(part.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let der = self.key.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", BASE64.encode(joined(&der)))
    }
}

/// Both numbers of a signature, 32 bytes each, instead of their DER.
fn joined(der: &[u8]) -> Vec<u8> {
    let number = |from: &mut &[u8]| {
        let (length, rest) = (usize::from(from[1]), &from[2..]);
        let (number, after) = rest.split_at(length);
        *from = after;
        // A zero stands before a number that would look negative; short ones have none.
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        [&vec![0; 32 - number.len()], number].concat()
    };
    let mut rest = &der[2..];
    [number(&mut rest), number(&mut rest)].concat()
}
