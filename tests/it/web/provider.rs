//! An OpenID provider that lies when it is told to.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_server::tls_rustls::RustlsConfig;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kliv_secrets::runtime::clock;
use kliv_secrets::web::{Oidc, OidcSettings};
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub(super) const CLIENT: &str = "kliv-web";
const CLIENT_SECRET: &str = "the-clients-s3cret/+";

/// A provider on a free port of this machine.
pub(super) struct Provider {
    pub(super) issuer: String,
    pub(super) shared: Arc<Shared>,
    certificate: String,
}

pub(super) struct Shared {
    issuer: String,
    key: Mutex<KeyPair>,
    memory: Mutex<Memory>,
}

/// What it knows, and how it lies.
#[derive(Default)]
pub(super) struct Memory {
    /// Code → what was asked for when it was given out.
    codes: BTreeMap<String, BTreeMap<String, String>>,
    /// Claims that take the place of the true ones; null takes one away.
    pub(super) claims: BTreeMap<String, Value>,
    /// Signed with another key.
    pub(super) forges: bool,
    /// Not signed at all.
    pub(super) unsigned: bool,
    /// Whether answers name their issuer.
    pub(super) names_issuer: bool,
    pub(super) redirects: bool,
    pub(super) endless: bool,
    /// What it was sent.
    pub(super) seen: Vec<String>,
}

impl Provider {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("is set");
        let port = listener.local_addr().expect("an address").port();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("made");
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let issuer = format!("https://localhost:{port}");
        let shared = Arc::new(Shared {
            issuer: issuer.clone(),
            key: Mutex::new(signing_key()),
            memory: Mutex::default(),
        });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&shared));
        let (pem, tls_key) = (certificate.clone().into_bytes(), key.into_bytes());
        tokio::spawn(async move {
            // The first provider of cryptography in a process is taken by all that name none.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let tls = RustlsConfig::from_pem(pem, tls_key).await.expect("TLS");
            let server = axum_server::from_tcp_rustls(listener, tls).expect("a listener");
            server.serve(routes.into_make_service_with_connect_info::<SocketAddr>()).await
        });
        Self { issuer, shared, certificate }
    }

    /// What the web server is told of it.
    pub(super) fn oidc(&self) -> Oidc {
        let settings = OidcSettings {
            issuer: self.issuer.clone(),
            client_id: CLIENT.into(),
            client_secret: Some(Zeroizing::new(CLIENT_SECRET.into())),
            scopes: vec!["profile".into(), "groups".into()],
            authorities: Some(self.certificate.clone().into_bytes()),
        };
        Oidc::new(settings, &format!("https://{}", super::HOST)).expect("settings")
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.shared.memory.lock().expect("no request failed")
    }

    /// It has new keys from here on.
    pub(super) fn rotate(&self) {
        *self.shared.key.lock().expect("no request failed") = signing_key();
    }

    /// Somebody logs in there: what the browser is sent back with.
    pub(super) fn log_in(&self, address: &str) -> BTreeMap<String, String> {
        let (place, query) = address.split_once('?').expect("a query");
        assert_eq!(place, format!("{}/authorize", self.issuer));
        let asked: BTreeMap<String, String> = pairs(query);
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["scope"], "openid profile groups");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(asked["redirect_uri"], format!("https://{}/sign-in/callback", super::HOST));
        let mut memory = self.memory();
        let code = format!("c0de-{}", memory.codes.len());
        let state = asked["state"].clone();
        memory.codes.insert(code.clone(), asked);
        let mut back: BTreeMap<_, _> =
            [("code", code), ("state", state)].map(|(name, value)| (name.to_owned(), value)).into();
        if memory.names_issuer {
            back.insert("iss".to_owned(), self.issuer.clone());
        }
        back
    }
}

fn signing_key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key")
}

/// Name and value, as they stand in an address.
fn pairs(query: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next(), rest.next()].map(|digit| digit.expect("a digit"));
                    let digits = std::str::from_utf8(&digits).expect("digits").to_owned();
                    u8::from_str_radix(&digits, 16).expect("hexadecimal")
                }
                byte => byte,
            });
        }
        String::from_utf8(bytes).expect("text")
    };
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

async fn metadata(State(shared): State<Arc<Shared>>) -> Response {
    let (issuer, memory) = (&shared.issuer, shared.memory.lock().expect("no request failed"));
    if memory.redirects {
        return (StatusCode::FOUND, [("location", "https://localhost:1/")]).into_response();
    }
    if memory.endless {
        return "x".repeat(4 * 1024 * 1024).into_response();
    }
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code", "something-new"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none", "XX999"],
        "authorization_response_iss_parameter_supported": memory.names_issuer,
    }))
    .into_response()
}

async fn keys(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let key = shared.key.lock().expect("no request failed");
    Json(json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid(&key),
          "x": URL_SAFE_NO_PAD.encode(key.der_bytes()) },
        { "kty": "of-another-kind", "kid": "x" },
    ] }))
}

fn kid(key: &KeyPair) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(key.der_bytes())[..8])
}

async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let mut memory = shared.memory.lock().expect("no request failed");
    memory.seen.push(format!("{headers:?} {form:?}"));
    let client = STANDARD.encode(format!("{CLIENT}:the-clients-s3cret%2F%2B"));
    let known = headers.get("authorization").is_some_and(|h| h == &format!("Basic {client}"));
    let asked = memory.codes.remove(&form["code"]);
    let fits = asked.filter(|asked| {
        let hash = Sha256::digest(form["code_verifier"].as_bytes());
        known
            && form["grant_type"] == "authorization_code"
            && form["redirect_uri"] == asked["redirect_uri"]
            && asked["code_challenge"] == URL_SAFE_NO_PAD.encode(hash)
    });
    let Some(asked) = fits else {
        let error = json!({ "error": "invalid_grant", "error_description": "a s3cr3t reason" });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    let now = clock::now().as_second();
    let mut claims = json!({
        "iss": shared.issuer, "aud": CLIENT, "sub": "anna", "iat": now, "exp": now + 300,
        "nonce": asked["nonce"],
    });
    for (name, value) in &memory.claims {
        claims[name] = value.clone();
    }
    claims.as_object_mut().expect("claims").retain(|_, value| !value.is_null());
    let token = signed(&shared, &memory, &claims);
    let answer = json!({
        "access_token": "an-access-t0ken", "token_type": "Bearer", "expires_in": 300,
        "id_token": token,
    });
    Json(answer).into_response()
}

fn signed(shared: &Shared, memory: &Memory, claims: &Value) -> String {
    let key = shared.key.lock().expect("no request failed");
    let alg = if memory.unsigned { "none" } else { "EdDSA" };
    let head = json!({ "alg": alg, "kid": kid(&key), "typ": "JWT" });
    let [head, claims] = [&head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let text = format!("{head}.{claims}");
    let signature = match (memory.unsigned, memory.forges) {
        (true, _) => Vec::new(),
        (false, true) => signing_key().sign(text.as_bytes()).expect("signed"),
        (false, false) => key.sign(text.as_bytes()).expect("signed"),
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The name in a token of the provider's: the made-up API server trusts it.
pub(super) fn name_in(token: &str) -> Option<&'static str> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    (claims["sub"] == "anna").then_some("anna")
}
