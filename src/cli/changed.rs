//! One secret was changed, or is about to be.

use crate::account::{Target, Waited};
use crate::api::KlivSecret;

/// What is waited for.
pub(crate) fn waited(secret: &KlivSecret) -> Waited {
    let name = secret.metadata.name.clone().unwrap_or_default();
    let generation = secret.metadata.generation.unwrap_or_default();
    Waited { written: vec![(name, generation)], revision_before: None }
}

/// Its name, as people would give it.
pub(crate) fn target(secret: &KlivSecret) -> Target {
    Target {
        variable: secret.spec.env_var.clone(),
        is_variable: true,
        environment: secret.spec.environment.clone(),
    }
}
