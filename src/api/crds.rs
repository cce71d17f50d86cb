//! The CRDs as YAML, made from the types.

use kube::CustomResourceExt;

use super::{KlivAccount, KlivSecret};

/// Every CRD: its file name and its YAML.
///
/// # Errors
/// Never with the types as they are; the serialiser's signature asks for it.
pub fn all() -> anyhow::Result<Vec<(&'static str, String)>> {
    let crds = [("klivsecrets.yaml", KlivSecret::crd()), ("klivaccounts.yaml", KlivAccount::crd())];
    crds.into_iter()
        .map(|(file, crd)| Ok((file, serde_saphyr::to_string(&serde_json::to_value(crd)?)?)))
        .collect()
}
