//! One secret was changed.

use crate::account::Waited;
use crate::api::KlivSecret;

/// What is waited for.
pub(crate) fn waited(secret: &KlivSecret) -> Waited {
    let name = secret.metadata.name.clone().unwrap_or_default();
    let generation = secret.metadata.generation.unwrap_or_default();
    Waited { written: vec![(name, generation)], deleted: None }
}
