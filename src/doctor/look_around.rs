#![expect(clippy::disallowed_types, reason = "reads what is around the install")]
//! Learns what only a person asks, with the person's rights.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::certificate::certificate_end;
use super::findings::Found;
use super::look::{Ask, find};
use super::surroundings::{Leader, RIGHTS, Right, Server, Surroundings};
use crate::api::{KlivAccount, names};
use crate::runtime::client::Away;
use crate::runtime::{certificate, client};

/// Looks at everything that [`findings_around`](super::findings_around()) judges.
///
/// # Errors
/// The API server can't be reached, or does not know the caller.
pub async fn look_around(client: &Client, ask: Ask<'_>) -> Result<Surroundings, Away> {
    let version = client.apiserver_version().await.map_err(|error| Away::of(&error))?;
    let (versions, serving, authorities, leader, rights, server, orphaned) = tokio::join!(
        versions(client, ask.namespace),
        serving(client, ask.namespace),
        authorities(client),
        leader(client, ask.namespace),
        rights(client, ask.account),
        server(client),
        orphaned(client, ask.account),
    );
    Ok(Surroundings {
        namespace: ask.namespace.to_owned(),
        account: ask.account.unwrap_or_default().to_owned(),
        kubernetes: version.minor.trim_end_matches('+').parse().ok(),
        asker: env!("CARGO_PKG_VERSION"),
        versions,
        serving,
        authorities,
        leader,
        rights,
        server,
        orphaned,
    })
}

async fn versions(client: &Client, namespace: &str) -> Vec<(&'static str, Found<Option<String>>)> {
    let mut found = Vec::new();
    for part in ["controller", "webhook"] {
        let api = Api::<Deployment>::namespaced(client.clone(), namespace);
        let version = find(api, &format!("kliv-secrets-{part}")).await.map(|deployment| {
            let labels = deployment.metadata.labels?;
            let version = labels.get("app.kubernetes.io/version")?.clone();
            // A label of somebody's making: only what looks like a version.
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            version.bytes().all(plain).then_some(version)
        });
        found.push((part, version));
    }
    found
}

/// Until when the certificate is good that each replica of the webhook says it serves; the
/// one that ends first.
async fn serving(client: &Client, namespace: &str) -> Found<Timestamp> {
    const WEBHOOKS: &str =
        "app.kubernetes.io/name=kliv-secrets,app.kubernetes.io/component=webhook";
    const HTTP: u16 = 8080;
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let pods = match pods.list_metadata(&ListParams::default().labels(WEBHOOKS)).await {
        Ok(pods) => pods.items,
        Err(error) => return Found::Unknown(client::plain(&error)),
    };
    let mut ends: Found<Timestamp> = Found::Absent;
    for name in pods.into_iter().filter_map(|pod| pod.metadata.name) {
        let pod = format!("/api/v1/namespaces/{namespace}/pods/{name}:{HTTP}");
        let Ok(request) = http::Request::get(format!("{pod}/proxy/metrics")).body(Vec::new())
        else {
            continue;
        };
        ends = match (client.request_text(request).await, ends) {
            (Ok(page), Found::Here(end)) => {
                Found::Here(certificate_end(&page).map_or(end, |other| end.min(other)))
            }
            (Ok(page), ends) => certificate_end(&page).map_or(ends, Found::Here),
            (Err(error), Found::Absent) => Found::Unknown(client::plain(&error)),
            (Err(_), ends) => ends,
        };
    }
    ends
}

async fn authorities(client: &Client) -> Found<Vec<Timestamp>> {
    let api = Api::<MutatingWebhookConfiguration>::all(client.clone());
    find(api, names::WEBHOOK_CONFIGURATION).await.map(|configuration| {
        let webhooks = configuration.webhooks.unwrap_or_default();
        let bundles = webhooks.into_iter().filter_map(|w| w.client_config.ca_bundle);
        let ends = bundles.flat_map(|bundle| {
            let certificates = CertificateDer::pem_slice_iter(&bundle.0);
            let ends = certificates.flatten().filter_map(|c| certificate::validity(&c));
            ends.map(|(_, end)| end).collect::<Vec<_>>()
        });
        ends.collect()
    })
}

async fn leader(client: &Client, namespace: &str) -> Found<Leader> {
    find(Api::<Lease>::namespaced(client.clone(), namespace), names::LEASE).await.map(|lease| {
        let spec = lease.spec.unwrap_or_default();
        Leader {
            held: spec.holder_identity.is_some_and(|holder| !holder.is_empty()),
            renewed: spec.renew_time.map(|time| time.0),
            lasts: SignedDuration::from_secs(spec.lease_duration_seconds.unwrap_or(15).into()),
        }
    })
}

async fn rights(client: &Client, account: Option<&str>) -> Vec<(Right, Found<bool>)> {
    let Some(account) = account else { return Vec::new() };
    let reviews = RIGHTS.map(|right| async move { (right, may(client, account, right).await) });
    futures::future::join_all(reviews).await
}

async fn may(client: &Client, account: &str, right: Right) -> Found<bool> {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(account.to_owned()),
                verb: Some(right.verb.to_owned()),
                group: Some(right.group.to_owned()),
                resource: Some(right.resource.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api = Api::<SelfSubjectAccessReview>::all(client.clone());
    match api.create(&PostParams::default(), &review).await {
        Ok(answer) => Found::Here(answer.status.is_some_and(|status| status.allowed)),
        Err(error) => Found::Unknown(client::plain(&error)),
    }
}

/// By its metrics, else by the arguments that it was started with; few may see either.
async fn server(client: &Client) -> Server {
    let (metrics, arguments) = tokio::join!(metrics(client), arguments(client));
    metrics.unwrap_or_default().or(arguments.unwrap_or_default())
}

async fn metrics(client: &Client) -> Option<Server> {
    let request = http::Request::get("/metrics").body(Vec::new()).ok()?;
    let page = client.request_text(request).await.ok()?;
    Some(Server::of_metrics(&page))
}

async fn arguments(client: &Client) -> Option<Server> {
    let api = Api::<Pod>::namespaced(client.clone(), "kube-system");
    let pods = api.list(&ListParams::default().labels("component=kube-apiserver")).await.ok()?;
    let servers = pods.items.iter().filter_map(|pod| pod.spec.as_ref()).map(|spec| {
        let containers = spec.containers.iter();
        let words =
            containers.flat_map(|c| c.command.iter().flatten().chain(c.args.iter().flatten()));
        words.map(String::as_str).collect()
    });
    Some(Server::of_arguments(servers))
}

/// The names of sets are all that is asked for: no content of a Secret.
async fn orphaned(client: &Client, account: Option<&str>) -> Found<Vec<String>> {
    let Some(account) = account else { return Found::Absent };
    let api = Api::<Secret>::namespaced(client.clone(), account);
    let params = ListParams::default().fields(&format!("type={}", names::SECRET_TYPE));
    // Before the record: a set is recorded before it is made.
    let sets = match api.list_metadata(&params).await {
        Ok(sets) => sets.items,
        Err(error) => return Found::Unknown(client::plain(&error)),
    };
    let api = Api::<KlivAccount>::namespaced(client.clone(), account);
    let status = match find(api, names::ACCOUNT_NAME).await {
        Found::Here(account) => account.status.unwrap_or_default(),
        Found::Absent => Default::default(),
        Found::Unknown(why) => return Found::Unknown(why),
    };
    let recorded: BTreeSet<&str> = (status.sets.iter().map(|set| set.name.as_str()))
        .chain(status.pending.iter().map(String::as_str))
        .chain(status.superseded.iter().map(|set| set.name.as_str()))
        .collect();
    let names = sets.into_iter().filter_map(|set| set.metadata.name);
    Found::Here(names.filter(|name| !recorded.contains(name.as_str())).collect())
}
