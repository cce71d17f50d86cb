//! A secret as people keep it in git.

use serde_json::json;

use crate::account::{Error, Invalid};
use crate::api::names::{GROUP, VERSION};
use crate::api::{KlivSecret, KlivSecretSpec};

/// What of it is its owner's: the spec, the value sealed, without what the cluster adds and
/// without a question that has its answer.
pub(super) fn manifest(secret: &KlivSecret) -> Result<String, Error> {
    let spec = KlivSecretSpec { request: None, value: None, ..secret.spec.clone() };
    let object = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": "KlivSecret",
        "metadata": { "name": secret.metadata.name, "namespace": secret.metadata.namespace },
        "spec": spec,
    });
    serde_saphyr::to_string(&object)
        .map_err(|_| Invalid::Unreadable(secret.metadata.name.clone().unwrap_or_default()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_has_the_spec_and_nothing_that_the_cluster_added() {
        let secret = serde_json::from_value(json!({
            "metadata": {
                "name": "a-key.test", "namespace": "acme", "uid": "u", "resourceVersion": "7",
                "annotations": { "secrets.kliv.dev/stamps": "x" },
            },
            "spec": {
                "envVar": "A_KEY", "environment": "test", "sealed": "kliv1.x", "value": "dropped",
                "description": "say \"hi\": # <b>", "request": { "purpose": "answered" },
            },
            "status": { "version": 3, "maskedValue": "****" },
        }));
        let text = manifest(&secret.unwrap()).unwrap();
        let read: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(
            read,
            json!({
                "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
                "metadata": { "name": "a-key.test", "namespace": "acme" },
                "spec": {
                    "envVar": "A_KEY", "environment": "test", "sealed": "kliv1.x",
                    "description": "say \"hi\": # <b>",
                },
            })
        );
    }
}
