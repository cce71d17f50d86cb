//! A secret as a manifest that may be committed. Pure.

use crate::api::KlivSecret;

/// A secret's spec under its name, as YAML: nothing of what the cluster has noted on it, and
/// no question that has its answer, so that it can be applied again. None where the description can't be written so.
#[must_use]
pub fn manifest(secret: &KlivSecret) -> Option<String> {
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    let mut clean = KlivSecret::new(name, secret.spec.clone());
    clean.metadata.namespace = secret.metadata.namespace.clone();
    clean.spec.request = clean.spec.request.filter(|_| secret.spec.sealed.is_none());
    serde_saphyr::to_string(&serde_json::to_value(clean).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_manifest_is_the_spec_and_nothing_that_the_cluster_has_noted() {
        let sealed = format!("kliv1.{}.{}", "0".repeat(32), "A".repeat(90_000));
        let spec = json!({
            "envVar": "A_KEY", "environment": "live", "sealed": sealed,
            "description": "yes: \"it's\"\n- # 'a'\u{1b}[2J\u{202e}\n", "rotateAfterDays": 90,
            "expirationTime": "2027-01-31T00:00:00Z", "refuseSealedBefore": "2026-11-24T10:00:00Z",
        });
        let secret: KlivSecret = serde_json::from_value(json!({
            "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
            "metadata": {
                "name": "a-key.live", "namespace": "acme", "uid": "u1", "resourceVersion": "7",
                "generation": 3, "creationTimestamp": "2026-11-24T10:00:00Z",
                "annotations": { "secrets.kliv.dev/stamps": "1 2026-11-24T10:00:00Z spec cli eva" },
                "managedFields": [{ "manager": "m", "operation": "Apply" }],
            },
            "spec": spec, "status": { "maskedValue": "sk-p****z789", "version": 3 },
        }))
        .unwrap();
        let read: Value = serde_saphyr::from_str(&manifest(&secret).unwrap()).unwrap();
        let wanted = json!({
            "apiVersion": "secrets.kliv.dev/v1alpha1", "kind": "KlivSecret",
            "metadata": { "name": "a-key.live", "namespace": "acme" }, "spec": spec,
        });
        assert_eq!(read, wanted);
    }

    #[test]
    fn a_question_is_in_it_until_it_has_its_answer() {
        let written = |sealed: Option<&str>| {
            let spec = json!({ "envVar": "A", "sealed": sealed, "request": { "purpose": "p" } });
            let secret = json!({ "metadata": { "name": "a" }, "spec": spec });
            manifest(&serde_json::from_value(secret).unwrap()).unwrap()
        };
        assert!(written(None).contains("purpose"));
        assert!(!written(Some("kliv1.x")).contains("purpose"));
    }
}
