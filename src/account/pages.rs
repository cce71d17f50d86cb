//! All of an account, read a page at a time, of which only what is looked at is kept: a server
//! for many has those of many accounts in memory at once.

use std::fmt::Debug;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::core::{ObjectList, Request};
use serde::de::DeserializeOwned;

use super::{Caller, Error, MOST_READ, TooMuch, What};
use crate::api::KlivSecret;
use crate::api::names::ANNOTATION_STAMPS;
use crate::inject::as_read;

/// How many objects a page has at first; each can have more than a megabyte.
const PAGE: u32 = 10;
/// From how many bytes on a page is not taken apart, but asked for anew with fewer objects: taken
/// apart, it needs some ten times as much.
const LARGE: usize = 2 << 20;
/// So many labels and entries of Deployments are kept at most, each of half a kilobyte or so.
const MOST_PARTS: usize = 65_536;
const PART: usize = 512;

impl Caller {
    /// The account's secrets for who looks at them only, sorted by name: nothing is kept of what
    /// is sealed in them but that it is there, and of their metadata only what is looked at. Not
    /// for writes.
    ///
    /// # Errors
    /// As [`list`](Self::list); for a caller with a [`Share`](super::Share), there are too many.
    pub async fn glance(&self) -> Result<Vec<KlivSecret>, Error> {
        self.pages(What::Secrets, looked_at, |_| 0).await
    }

    /// The account's Deployments, with what [`Function::of`](crate::inject::Function::of) reads
    /// of them and their labels.
    ///
    /// # Errors
    /// The caller may not list them, or the cluster does not answer; for a caller with a
    /// [`Share`](super::Share), there are too many.
    pub async fn deployments(&self) -> Result<Vec<Deployment>, Error> {
        self.pages(What::Functions, as_read, parts).await
    }

    async fn pages<K>(
        &self,
        what: What,
        keep: impl Fn(K) -> K + Send,
        parts: impl Fn(&K) -> usize + Send,
    ) -> Result<Vec<K>, Error>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K: Clone + Debug + DeserializeOwned + Send,
        K::DynamicType: Default,
    {
        let turn = match &self.share {
            Some(share) => Some(share.turn().await?),
            None => None,
        };
        let mut params = ListParams::default().limit(PAGE);
        let (mut all, mut size) = (Vec::new(), 0);
        loop {
            let _page = match &turn {
                Some(turn) => Some(turn.page.lock().await),
                None => None,
            };
            let Some(page) = self.page::<K>(what, &mut params).await? else { continue };
            all.extend(page.items.into_iter().map(&keep).inspect(|kept| size += parts(kept)));
            if turn.is_some() && all.len() > MOST_READ {
                return Err(TooMuch::Many(what).into());
            }
            if turn.is_some() && size > MOST_PARTS {
                return Err(TooMuch::Large(what).into());
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => return Ok(all),
            }
        }
    }

    /// The next page; none where it is to be asked for with fewer objects.
    async fn page<K>(
        &self,
        what: What,
        params: &mut ListParams,
    ) -> Result<Option<ObjectList<K>>, Error>
    where
        K: kube::Resource + Clone + Debug + DeserializeOwned,
        K::DynamicType: Default,
    {
        let failed = |error: kube::Error| self.kind(what, "").failed(&error);
        let path = K::url_path(&K::DynamicType::default(), Some(self.namespace.as_str()));
        let request = Request::new(path).list(params);
        let request = request.map_err(|error| failed(kube::Error::BuildRequest(error)))?;
        let text = self.client.request_text(request).await.map_err(failed)?;
        let limit = params.limit.unwrap_or(1);
        if text.len() > LARGE && limit > 1 {
            params.limit = Some(limit / 2);
            return Ok(None);
        }
        let page = serde_json::from_str(&text);
        page.map(Some).map_err(|error| failed(kube::Error::SerdeError(error)))
    }
}

/// That there is a sealed value stays to be seen, and who has changed it.
fn looked_at(mut secret: KlivSecret) -> KlivSecret {
    if let Some(sealed) = &mut secret.spec.sealed {
        *sealed = String::new();
    }
    for entry in secret.status.iter_mut().flat_map(|status| &mut status.history) {
        entry.sealed = String::new();
    }
    let all = secret.metadata;
    let annotations = all.annotations.map(|mut all| {
        all.retain(|key, _| key == ANNOTATION_STAMPS);
        all
    });
    secret.metadata = ObjectMeta {
        name: all.name,
        namespace: all.namespace,
        uid: all.uid,
        resource_version: all.resource_version,
        generation: all.generation,
        creation_timestamp: all.creation_timestamp,
        annotations,
        ..ObjectMeta::default()
    };
    secret
}

/// How much of it is kept.
fn parts(deployment: &Deployment) -> usize {
    let of_text = |text: &String| 1 + text.len() / PART;
    let metadata = &deployment.metadata;
    let texts = metadata.labels.iter().chain(&metadata.annotations).flatten();
    let pod = deployment.spec.template.spec.iter();
    let entries = pod.flat_map(|pod| &pod.containers).flat_map(|one| one.env.iter().flatten());
    texts.map(|(_, value)| of_text(value)).sum::<usize>()
        + entries.map(|entry| of_text(&entry.name)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::account::Wanted;

    #[test]
    fn of_what_is_sealed_it_stays_to_be_seen_that_it_is_there() {
        let entry = json!({
            "version": 1, "generation": 1, "time": "2026-11-24T10:00:00Z", "by": "anna", "via": "cli",
            "maskedValue": "****", "sealed": "kliv1.former",
        });
        let secret: KlivSecret = serde_json::from_value(json!({
            "metadata": {
                "name": "a-key", "uid": "u", "generation": 2, "labels": { "team": "much" },
                "annotations": { (ANNOTATION_STAMPS): "stamps", "note": "much kliv1.copy" },
            },
            "spec": { "envVar": "A_KEY", "sealed": "kliv1.now", "request": { "purpose": "p" } },
            "status": { "history": [entry] },
        }))
        .unwrap();
        let before = Wanted::of(&secret);
        let kept = looked_at(secret);
        assert_eq!(Wanted::of(&kept), before);
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains("kliv1") && !text.contains("much"), "{text}");
        let metadata = json!({
            "name": "a-key", "uid": "u", "generation": 2,
            "annotations": { (ANNOTATION_STAMPS): "stamps" },
        });
        assert_eq!(json!(kept)["metadata"], metadata);
    }
}
