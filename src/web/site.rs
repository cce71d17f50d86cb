#![expect(clippy::disallowed_types, reason = "hands the client from room to room")]
//! What all requests share.

use std::sync::Arc;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::gate::Gate;
use super::signin::{Link, Oidc};
use crate::account::{Caller, Namespace};
use crate::api::names::WEB_FIELD_MANAGER;

/// One web server.
#[derive(Clone)]
pub struct Site(Arc<Shared>);

/// What all requests share.
pub struct Shared {
    /// Whom it serves.
    pub door: Door,
    /// What every request passes.
    pub gate: Gate,
    /// Where the operator runs: the public key is there.
    pub operator_namespace: Namespace,
    /// Streams end with it.
    pub stop: CancellationToken,
}

/// Whom it serves, and as whom it acts.
pub enum Door {
    /// People who sign in; the client is the server's own and speaks as them by
    /// impersonation.
    Cluster {
        /// Speaks as the server itself.
        client: Client,
        /// By whom people sign in; else by a token alone.
        oidc: Option<Box<Oidc>>,
        /// Whether pasted tokens are taken that could do more than the page is for.
        allow_powerful_tokens: bool,
    },
    /// One person on his own machine.
    Local {
        /// Speaks as him.
        client: Client,
        /// His name at the API server.
        who: String,
        /// The account that his kubeconfig names.
        namespace: Namespace,
        /// What he opens the page with, once.
        link: Link,
    },
}

impl Site {
    /// A server.
    #[must_use]
    pub fn new(
        door: Door,
        gate: Gate,
        operator_namespace: Namespace,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Shared { door, gate, operator_namespace, stop }))
    }

    /// Somebody who acts in an account.
    pub(super) fn caller(&self, client: Client, namespace: Namespace) -> Caller {
        let operator_namespace = self.operator_namespace.clone();
        Caller {
            client,
            namespace,
            operator_namespace,
            field_manager: WEB_FIELD_MANAGER,
            share: None,
        }
    }
}

impl std::ops::Deref for Site {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
