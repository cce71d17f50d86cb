//! The way to the identity provider: TLS, no redirects, little memory, not for long.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::AsyncHttpClient;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// How long the provider may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest answer of the provider, bytes.
const ANSWER: usize = 512 * 1024;

/// A client for the provider alone.
pub(crate) struct Http(Client<HttpsConnector<HttpConnector>, Body>);

/// Why there is no answer; fixed words, since requests carry codes and secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("the identity provider can't be reached")]
    Unreachable,
    #[error("the identity provider took too long")]
    Late,
    #[error("the identity provider's answer is too large or was cut")]
    Unreadable,
}

/// The file of authorities can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the file of the identity provider's authorities has to hold certificates as PEM")]
pub struct BadAuthorities;

impl Http {
    /// Trusts these authorities (PEM), or the usual ones.
    pub(crate) fn new(authorities: Option<&[u8]>) -> Result<Self, BadAuthorities> {
        let mut roots = RootCertStore::empty();
        match authorities {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|_| BadAuthorities)?;
                    roots.add(certificate).map_err(|_| BadAuthorities)?;
                }
            }
        }
        if roots.is_empty() {
            return Err(BadAuthorities);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| BadAuthorities)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
        // A connection that waits could be dead when somebody wants to sign in.
        let mut client = Client::builder(TokioExecutor::new());
        Ok(Self(client.pool_max_idle_per_host(0).build(connector)))
    }

    async fn ask(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, NoAnswer> {
        let asked = self.0.request(request.map(Body::from)).await;
        let (head, body) = asked.map_err(|_| NoAnswer::Unreachable)?.into_parts();
        let body = to_bytes(Body::new(body), ANSWER).await.map_err(|_| NoAnswer::Unreadable)?;
        Ok(Response::from_parts(head, body.into()))
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, NoAnswer>> + Send + 'c>>;

    fn call(&'c self, request: Request<Vec<u8>>) -> Self::Future {
        Box::pin(async move {
            let answer = tokio::time::timeout(PATIENCE, self.ask(request)).await;
            answer.unwrap_or(Err(NoAnswer::Late))
        })
    }
}
