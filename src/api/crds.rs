//! The CRDs as YAML, made from the types.

use kube::CustomResourceExt;
use serde_json::Value;

use super::{KlivAccount, KlivAuditEvent, KlivSecret};

/// Every CRD: its file name and its YAML.
///
/// # Errors
/// Never with the types as they are; the serialiser's signature asks for it.
pub fn all() -> anyhow::Result<Vec<(&'static str, String)>> {
    values()?.into_iter().map(|(file, crd)| Ok((file, serde_saphyr::to_string(&crd)?))).collect()
}

/// Every CRD: its file name and its content.
///
/// # Errors
/// As [`all`].
pub fn values() -> anyhow::Result<Vec<(&'static str, Value)>> {
    let crds = [
        ("klivsecrets.yaml", KlivSecret::crd()),
        ("klivaccounts.yaml", KlivAccount::crd()),
        ("klivauditevents.yaml", KlivAuditEvent::crd()),
    ];
    crds.into_iter()
        .map(|(file, crd)| {
            let mut crd = serde_json::to_value(crd)?;
            drop_nullable(&mut crd);
            Ok((file, crd))
        })
        .collect()
}

/// An explicit `null` is then dropped by the API server, as if the field were absent; a
/// nullable one would be stored, and count as given in the CEL rules.
fn drop_nullable(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("nullable");
            fields.values_mut().for_each(drop_nullable);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nullable),
        _ => {}
    }
}
