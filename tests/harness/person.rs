//! Somebody before a browser, as far as an identity provider needs one: he follows where he is
//! sent, logs in, allows what he is asked, and keeps cookies.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, Response, StatusCode, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::browser::Provider;

/// A client of whoever has this certificate, which keeps its connection.
pub fn https(certificate: &str) -> Client<HttpsConnector<HttpConnector>, Body> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes());
    roots.add(certificate.expect("a certificate")).expect("a certificate");
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Somebody whom a provider knows.
pub struct Person {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    issuer: String,
    /// As a form has them.
    login: String,
    cookies: BTreeMap<String, String>,
    /// Where he was sent by clients, so far.
    pub opened: Vec<String>,
}

/// The most pages on one way.
const PAGES: usize = 20;

impl Person {
    /// He has not logged in yet.
    pub fn of(provider: &Provider, name: &str, password: &str) -> Self {
        Self {
            client: https(&provider.tls.certificate),
            issuer: provider.issuer.clone(),
            login: format!("user={name}&password={password}"),
            cookies: BTreeMap::new(),
            opened: Vec::new(),
        }
    }

    /// Opens what a client gave him, and gives where the provider sent him back to at last.
    pub async fn goes(&mut self, url: &str) -> String {
        self.opened.push(url.to_owned());
        let mut at = url.to_owned();
        let mut form = None;
        for _ in 0..PAGES {
            assert!(at.starts_with(&self.issuer), "a client sends people to {at}");
            let (head, page) = self.visits(&at, form.take()).await;
            match head.status() {
                status if status.is_redirection() => {
                    let to = head.headers()[header::LOCATION].to_str().expect("an address");
                    if to.starts_with('/') {
                        at = format!("{}{to}", self.issuer);
                    } else if to.starts_with(&self.issuer) {
                        to.clone_into(&mut at);
                    } else {
                        return to.to_owned();
                    }
                }
                StatusCode::OK if page.contains("type=\"password\"") => {
                    form = Some(self.login.clone());
                }
                StatusCode::OK if page.contains("name=\"allow\"") => {
                    form = Some("allow=yes".to_owned());
                }
                status => panic!("{status} at {at}: {page}"),
            }
        }
        panic!("more than {PAGES} pages from {url}")
    }

    async fn visits(&mut self, at: &str, form: Option<String>) -> (Response<()>, String) {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, it)| format!("{name}={it}")).collect();
        let mut request = match form {
            Some(_) => {
                Request::post(at).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            }
            None => Request::get(at),
        };
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let request = request.body(form.map_or_else(Body::empty, Body::from));
        let answer = self.client.request(request.expect("a request")).await.expect("an answer");
        let (head, body) = answer.into_parts();
        self.keeps(&head.headers);
        let body = to_bytes(Body::new(body), usize::MAX).await.expect("a page");
        let page = String::from_utf8(body.to_vec()).expect("text");
        (Response::from_parts(head, ()), page)
    }

    fn keeps(&mut self, headers: &HeaderMap) {
        for said in headers.get_all(header::SET_COOKIE) {
            let said = said.to_str().expect("text").split(';').next().unwrap_or_default();
            let (name, value) = said.split_once('=').expect("a cookie");
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
