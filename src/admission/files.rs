//! The two mounted folders that the front door reads: certificate and sealing key.
//! Kubernetes changes such files in place, so they are looked at again and again; the
//! last good content stays in use while a new one can't be understood.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::api::names::SEALING_KEY_ENTRY;
use crate::runtime::certificate::validity;
use crate::seal::SealingKey;

type Content = Vec<Zeroizing<Vec<u8>>>;

/// Some files of a folder, understood together.
pub(crate) struct Watched<T> {
    what: &'static str,
    paths: Vec<PathBuf>,
    parse: fn(&Content) -> Option<T>,
    /// What was read last, good or bad.
    seen: Option<Content>,
    told_missing: bool,
}

/// What the front door serves with.
#[derive(Clone)]
pub(crate) struct Served {
    /// The certificate chain and its key, as the TLS library wants them.
    pub(crate) config: Arc<ServerConfig>,
    /// From when to when the certificate is good, where that can be told.
    pub(crate) good: Option<(Timestamp, Timestamp)>,
}

/// The certificate chain and its key.
pub(crate) fn certificate(folder: &Path) -> Watched<Served> {
    Watched::new("certificate", folder, &["tls.crt", "tls.key"], |content| {
        server_config(&content[0], &content[1])
    })
}

/// The public key that values are sealed with.
pub(super) fn sealing_key(folder: &Path) -> Watched<Arc<SealingKey>> {
    Watched::new("sealing key", folder, &[SEALING_KEY_ENTRY], |content| {
        let text = std::str::from_utf8(&content[0]).ok()?;
        SealingKey::parse(text).ok().map(Arc::new)
    })
}

impl<T> Watched<T> {
    fn new(
        what: &'static str,
        folder: &Path,
        files: &[&str],
        parse: fn(&Content) -> Option<T>,
    ) -> Self {
        let paths = files.iter().map(|file| folder.join(file)).collect();
        Self { what, paths, parse, seen: None, told_missing: false }
    }

    /// The content, when there is a new one that can be understood.
    pub(crate) async fn changed(&mut self) -> Option<T> {
        let Ok(content) = self.read().await else {
            if !std::mem::replace(&mut self.told_missing, true) {
                tracing::warn!(
                    what = self.what,
                    "a mounted file can't be read (yet); the last good one stays in use"
                );
            }
            return None;
        };
        self.told_missing = false;
        if self.seen.as_ref() == Some(&content) {
            return None;
        }
        let parsed = (self.parse)(&content);
        let again = self.seen.replace(content).is_some();
        match &parsed {
            Some(_) => tracing::info!(what = self.what, again, "loaded"),
            None => tracing::warn!(
                what = self.what,
                "a mounted file is not what it should be; the last good one stays in use"
            ),
        }
        parsed
    }

    async fn read(&self) -> io::Result<Content> {
        let mut content = Vec::with_capacity(self.paths.len());
        for path in &self.paths {
            content.push(Zeroizing::new(tokio::fs::read(path).await?));
        }
        Ok(content)
    }
}

/// None unless the key belongs to the certificate: while Kubernetes exchanges the files,
/// one of them may be the former.
fn server_config(chain: &[u8], key: &[u8]) -> Option<Served> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().ok()?;
    let good = chain.first().and_then(validity);
    let key = PrivateKeyDer::from_pem_slice(key).ok()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .ok()?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Some(Served { config: Arc::new(config), good })
}
