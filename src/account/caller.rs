#![expect(clippy::disallowed_types, reason = "asks the API server, as the caller")]
//! Who asks, and where; and what he may look at.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::{Api, Client};

use super::{Error, Kind, Missing, Namespace, Share, Target, What};
use crate::api::names::ACCOUNT_NAME;
use crate::api::{KlivAccount, KlivSecret};

/// Somebody who acts in an account with his own rights.
#[derive(Clone)]
pub struct Caller {
    /// Speaks as him.
    pub client: Client,
    /// The account.
    pub namespace: Namespace,
    /// The operator's namespace: the public key is there.
    pub operator_namespace: Namespace,
    /// Who writes, in `managedFields`: from it the front door tells through what.
    pub field_manager: &'static str,
    /// What it may read at a time of a whole account, in a server for many; none is all of it.
    pub share: Option<Share>,
}

/// Whether a write is only tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DryRun {
    /// It is real.
    #[default]
    None,
    /// Nothing is sent.
    Client,
    /// The API server decides and stores nothing.
    Server,
}

impl Caller {
    /// The account's secrets, or those of all accounts, sorted by namespace and name.
    ///
    /// # Errors
    /// The caller may not list them, or the cluster does not answer.
    pub async fn list(&self, all: bool) -> Result<Vec<KlivSecret>, Error> {
        let listed = self.apis::<KlivSecret>(all).list(&ListParams::default()).await;
        Ok(listed.map_err(|error| self.kind(What::Secrets, "").failed(&error))?.items)
    }

    /// One secret.
    ///
    /// # Errors
    /// There is none of this name, or the caller may not read it.
    pub async fn find(&self, target: &Target) -> Result<KlivSecret, Error> {
        let name = target.object();
        match self.find_object(&name).await? {
            Some(secret) => Ok(secret),
            None => Err(self.secret(&name).not_found(self.nearby(target).await)),
        }
    }

    /// A KlivSecret by its object's name, where it is there.
    ///
    /// # Errors
    /// The caller may not read it, or the cluster does not answer.
    pub async fn find_object(&self, name: &str) -> Result<Option<KlivSecret>, Error> {
        let found = self.api::<KlivSecret>().get(self.secret(name).address()?).await;
        match found {
            Ok(secret) => Ok(Some(secret)),
            Err(error) => match self.secret(name).failed(&error) {
                Error::NotFound { thing, .. } if thing.what == What::Secret => Ok(None),
                other => Err(other),
            },
        }
    }

    /// What the account has published; none where nothing ever was.
    ///
    /// # Errors
    /// The caller may not read it, or the cluster does not answer.
    pub async fn account(&self) -> Result<Option<KlivAccount>, Error> {
        let kind = self.kind(What::Account, ACCOUNT_NAME);
        self.api::<KlivAccount>().get_opt(ACCOUNT_NAME).await.map_err(|error| kind.failed(&error))
    }

    /// For which environments the variable has a value, as far as that can be seen.
    async fn nearby(&self, target: &Target) -> Missing {
        let secrets = self.glance().await.unwrap_or_default();
        let same = secrets.iter().filter(|s| s.spec.env_var.eq_ignore_ascii_case(&target.variable));
        let others = same.map(|s| s.spec.environment.clone().unwrap_or_default()).collect();
        Missing::Secret(self.namespace.to_string(), others)
    }

    /// A ConfigMap where the operator runs, in which it tells people's programs of itself.
    pub(super) async fn operators_map(
        &self,
        kind: Kind<'_>,
        missing: Missing,
    ) -> Result<ConfigMap, Error> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), kind.namespace);
        maps.get(kind.name).await.map_err(|error| match kind.failed(&error) {
            Error::NotFound { .. } => kind.not_found(missing),
            // Elsewhere than in the operator's namespace nobody may look.
            Error::Forbidden(right) => Error::NotTheOperators(right),
            other => other,
        })
    }

    /// A secret, for errors.
    #[must_use]
    pub fn secret<'a>(&'a self, name: &'a str) -> Kind<'a> {
        self.kind(What::Secret, name)
    }

    /// Something of the account, for errors.
    #[must_use]
    pub fn kind<'a>(&'a self, what: What, name: &'a str) -> Kind<'a> {
        Kind { what, name, namespace: &self.namespace }
    }

    /// The account's objects of a kind.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The same, or those of all accounts.
    pub(super) fn apis<K>(&self, all: bool) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        if all { Api::all(self.client.clone()) } else { self.api() }
    }
}
