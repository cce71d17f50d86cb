//! Keeps the webhook's certificate: the Secret that the webhook serves from, and the
//! `caBundle` by which the API server trusts it. What to do is decided in
//! [`super::certificate`]; nothing is written when all is well.
#![expect(clippy::disallowed_types, reason = "reads and writes the certificate's Secret")]

use std::{collections::BTreeMap, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use json_patch::{
    AddOperation, Patch as JsonPatch, PatchOperation, TestOperation, jsonptr::PointerBuf,
};
use k8s_openapi::{
    ByteString,
    api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::Secret},
};
use kube::{
    Api, Client, Error, ResourceExt as _,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    certificate::{self, Kept, Pair, Step},
    client, clock, entropy,
};
use crate::api::names;

const AFTER_ERROR: Duration = Duration::from_secs(2);
/// Tries after somebody else wrote at the same time.
const TRIES: usize = 3;

/// What the webhook's certificate is for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The operator's namespace.
    pub namespace: String,
    /// The webhook's Service in it.
    pub service: String,
    /// How often it is looked after; a new authority is announced for so long before the
    /// webhook is given its certificate, so that every API server knows it by then.
    pub every: Duration,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// To the Secret.
    pub step: Step,
    /// To the webhook's configuration.
    pub bundle: Bundle,
}

/// The state of the `caBundle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bundle {
    /// It was right.
    Right,
    /// It was written.
    Written,
    /// There is no configuration (yet).
    NoConfiguration,
}

/// Why the certificate could not be kept. The texts quote no object.
#[derive(thiserror::Error, Debug)]
pub enum TlsError {
    /// The Secret can't be read.
    #[error("can't read Secret {secret}: {0}", secret = names::WEBHOOK_TLS_SECRET)]
    Read(String),
    /// The Secret can't be written.
    #[error("can't write Secret {secret}: {0}", secret = names::WEBHOOK_TLS_SECRET)]
    Write(String),
    /// Others write the Secret all the time.
    #[error("can't write Secret {secret}: somebody else keeps writing it", secret = names::WEBHOOK_TLS_SECRET)]
    Contended,
    /// The configuration can't be read or written.
    #[error(
        "can't set caBundle of MutatingWebhookConfiguration {configuration}: {0}",
        configuration = names::WEBHOOK_CONFIGURATION
    )]
    Configuration(String),
    /// No certificate can be made.
    #[error(
        "can't make a certificate for Service {service} in namespace {namespace}: are these DNS labels?"
    )]
    Issue {
        /// The Service.
        service: String,
        /// Its namespace.
        namespace: String,
    },
}

/// Looks after the certificate, now and again and again until `stop`. `ready` hears whenever
/// all is as it should be.
pub async fn keep(client: Client, settings: Settings, ready: impl Fn(), stop: CancellationToken) {
    while !stop.is_cancelled() {
        let wait = match ensure(&client, &settings, clock::now()).await {
            // An install makes the configuration after the controller: it comes soon.
            Ok(outcome) if outcome.bundle == Bundle::NoConfiguration => {
                AFTER_ERROR.min(settings.every)
            }
            Ok(outcome) => {
                log(outcome);
                ready();
                settings.every
            }
            Err(error) => {
                tracing::warn!(%error, "the webhook's certificate");
                AFTER_ERROR
            }
        };
        tokio::select! {
            () = sleep(entropy::jittered(wait)) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Takes the next step for the certificate, if one is due, and makes the API server trust
/// it. May be called at any time by the leader.
///
/// # Errors
/// The API server refused or could not be reached; trying again is right.
pub async fn ensure(
    client: &Client,
    settings: &Settings,
    now: Timestamp,
) -> Result<Outcome, TlsError> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &settings.namespace);
    let names = certificate::names_of(&settings.service, &settings.namespace);
    let configuration = Configuration::read(client).await?;
    let params = PostParams { field_manager: manager(), ..PostParams::default() };
    for _ in 0..TRIES {
        let secret = secrets
            .get_opt(names::WEBHOOK_TLS_SECRET)
            .await
            .map_err(|error| TlsError::Read(client::plain(&error)))?;
        let kept = secret.as_ref().map(kept);
        let trusted = kept.as_ref().is_none_or(|kept| configuration.trusts(&kept.authorities));
        let step = certificate::decide(kept.as_ref(), &names, trusted, now);
        let kept = certificate::after(step, kept, &names, now).map_err(|_| TlsError::Issue {
            service: settings.service.clone(),
            namespace: settings.namespace.clone(),
        })?;
        let written = match (step, secret) {
            (Step::Keep, _) => Ok(()),
            (_, None) => {
                let secret = filled(Secret::default(), &kept);
                secrets.create(&params, &secret).await.map(drop)
            }
            (_, Some(secret)) => {
                let secret = filled(secret, &kept);
                secrets.replace(names::WEBHOOK_TLS_SECRET, &params, &secret).await.map(drop)
            }
        };
        match written {
            Ok(()) => {
                let bundle = configuration.trust(client, &kept.authorities).await?;
                return Ok(Outcome { step, bundle });
            }
            // Written by somebody else meanwhile, or deleted: decide anew.
            Err(Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            Err(error) => return Err(TlsError::Write(client::plain(&error))),
        }
    }
    Err(TlsError::Contended)
}

fn log(outcome: Outcome) {
    match outcome.step {
        Step::Keep => {}
        Step::Issue => tracing::info!("made a certificate for the webhook"),
        Step::Stage => tracing::info!("made the webhook's next certificate"),
        Step::Promote => tracing::info!("the webhook's next certificate is now in use"),
    }
    if outcome.bundle == Bundle::Written {
        tracing::info!("the API server now trusts the webhook's certificate");
    }
}

fn manager() -> Option<String> {
    Some(names::FIELD_MANAGER.into())
}

fn kept(secret: &Secret) -> Kept {
    let entry = |key: &str| {
        secret.data.as_ref().and_then(|data| data.get(key)).map(|bytes| bytes.0.clone())
    };
    let next = entry("next.crt").zip(entry("next.key"));
    Kept {
        current: Pair {
            certificate: entry("tls.crt").unwrap_or_default(),
            key: entry("tls.key").unwrap_or_default(),
        },
        next: next.map(|(certificate, key)| Pair { certificate, key }),
        authorities: entry("ca.crt").unwrap_or_default(),
        renew: secret.annotations().contains_key(names::ANNOTATION_RENEW),
    }
}

/// `secret` with these entries and no others; its resourceVersion is the precondition.
fn filled(mut secret: Secret, kept: &Kept) -> Secret {
    let mut entries = vec![
        ("tls.crt", &kept.current.certificate),
        ("tls.key", &kept.current.key),
        ("ca.crt", &kept.authorities),
    ];
    if let Some(next) = &kept.next {
        entries.extend([("next.crt", &next.certificate), ("next.key", &next.key)]);
    }
    let data = entries.into_iter().map(|(key, bytes)| (key.into(), ByteString(bytes.clone())));
    secret.data = Some(data.collect());
    if secret.metadata.name.is_none() {
        secret.type_ = Some("kubernetes.io/tls".into());
        secret.metadata = ObjectMeta {
            name: Some(names::WEBHOOK_TLS_SECRET.into()),
            labels: Some(BTreeMap::from([(
                names::LABEL_MANAGED_BY.into(),
                names::FIELD_MANAGER.into(),
            )])),
            ..ObjectMeta::default()
        };
    }
    if !kept.renew {
        secret.annotations_mut().remove(names::ANNOTATION_RENEW);
    }
    secret.metadata.managed_fields = None;
    secret
}

/// The webhook's configuration as read: its version and the bundle of each webhook.
struct Configuration(Option<(String, Vec<Vec<u8>>)>);

impl Configuration {
    async fn read(client: &Client) -> Result<Self, TlsError> {
        let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
        let read = api
            .get_opt(names::WEBHOOK_CONFIGURATION)
            .await
            .map_err(|error| TlsError::Configuration(client::plain(&error)))?;
        Ok(Self(read.map(|configuration| {
            let bundles = configuration.webhooks.into_iter().flatten().map(|webhook| {
                webhook.client_config.ca_bundle.map(|bundle| bundle.0).unwrap_or_default()
            });
            (configuration.metadata.resource_version.unwrap_or_default(), bundles.collect())
        })))
    }

    /// Whether these authorities are trusted already. With no configuration there is
    /// nobody who would have to.
    fn trusts(&self, authorities: &[u8]) -> bool {
        self.0.as_ref().is_none_or(|(_, bundles)| bundles.iter().all(|one| one == authorities))
    }

    async fn trust(&self, client: &Client, authorities: &[u8]) -> Result<Bundle, TlsError> {
        let Some((version, bundles)) = &self.0 else { return Ok(Bundle::NoConfiguration) };
        if self.trusts(authorities) {
            return Ok(Bundle::Right);
        }
        let patch = bundle_patch(version, bundles.len(), authorities);
        let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
        let params = PatchParams { field_manager: manager(), ..PatchParams::default() };
        api.patch(names::WEBHOOK_CONFIGURATION, &params, &Patch::Json::<()>(patch))
            .await
            .map_err(|error| TlsError::Configuration(client::plain(&error)))?;
        Ok(Bundle::Written)
    }
}

fn bundle_patch(version: &str, webhooks: usize, authorities: &[u8]) -> JsonPatch {
    let bundle = BASE64_STANDARD.encode(authorities);
    let unchanged = PatchOperation::Test(TestOperation {
        path: PointerBuf::from_tokens(["metadata", "resourceVersion"]),
        value: version.into(),
    });
    let bundles = (0..webhooks).map(|index| {
        PatchOperation::Add(AddOperation {
            path: PointerBuf::from_tokens([
                "webhooks",
                &index.to_string(),
                "clientConfig",
                "caBundle",
            ]),
            value: bundle.clone().into(),
        })
    });
    JsonPatch(std::iter::once(unchanged).chain(bundles).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn made(step: Step, kept: Option<Kept>) -> Kept {
        certificate::after(step, kept, &certificate::names_of("svc", "ns"), now()).unwrap()
    }

    #[test]
    fn what_is_written_reads_back_the_same_in_every_step() {
        let issued = made(Step::Issue, None);
        let staged = made(Step::Stage, Some(issued.clone()));
        let promoted = made(Step::Promote, Some(staged.clone()));
        let mut secret = Secret::default();
        for state in [issued, staged, promoted] {
            secret = filled(secret, &state);
            assert!(kept(&secret) == state);
            assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/tls"));
        }
        assert!(!secret.data.unwrap_or_default().contains_key("next.key"));
    }

    #[test]
    fn a_request_for_a_new_one_is_answered_once() {
        let mut secret = filled(Secret::default(), &made(Step::Issue, None));
        secret.annotations_mut().insert(names::ANNOTATION_RENEW.into(), "now".into());
        let asked = kept(&secret);
        assert!(asked.renew);
        let secret = filled(secret, &made(Step::Stage, Some(asked)));
        assert!(!kept(&secret).renew && kept(&secret).next.is_some());
    }

    #[test]
    fn the_patch_sets_every_bundle_and_nothing_else_of_the_version_that_was_read() {
        let mut configuration = serde_json::json!({
            "metadata": { "resourceVersion": "7", "name": "kliv-secrets" },
            "webhooks": [
                { "clientConfig": { "service": { "name": "s" } } },
                { "clientConfig": { "caBundle": "b2xk" } },
            ],
        });
        let patch = bundle_patch("7", 2, b"new");
        let before = configuration.clone();
        json_patch::patch(&mut configuration, &patch).unwrap();
        let mut expected = before.clone();
        for index in 0..2 {
            expected["webhooks"][index]["clientConfig"]["caBundle"] = "bmV3".into();
        }
        assert_eq!(configuration, expected);

        let mut newer = before;
        newer["metadata"]["resourceVersion"] = "8".into();
        assert!(json_patch::patch(&mut newer, &patch).is_err());
    }
}
