//! Clients: as admin, as somebody else, as a ServiceAccount.

use http::{HeaderName, HeaderValue};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, PostParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::Cluster;

impl Cluster {
    /// A client that may do everything.
    pub fn client(&self) -> Client {
        client(self.config())
    }

    /// A client that acts as a user in groups; `system:authenticated` is one of them.
    pub fn as_user(&self, user: &str, groups: &[&str]) -> Client {
        let mut config = self.config();
        let groups = groups.iter().copied().chain(["system:authenticated"]);
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups = Some(groups.map(str::to_owned).collect());
        client(config)
    }

    /// A client that acts as a user for somebody else, as an authenticator would say it.
    pub fn as_user_for(&self, user: &str, groups: &[&str], on_behalf_of: &str) -> Client {
        let mut config = self.config();
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups = Some(groups.iter().map(|&g| g.to_owned()).collect());
        let header = "impersonate-extra-secrets.kliv.dev%2fon-behalf-of";
        let value = HeaderValue::from_bytes(on_behalf_of.as_bytes()).expect("a header's value");
        config.headers.push((HeaderName::from_static(header), value));
        client(config)
    }

    /// A client with a real token of a ServiceAccount, which must exist.
    pub async fn as_service_account(&self, namespace: &str, name: &str) -> Client {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let request =
            TokenRequest { spec: Some(TokenRequestSpec::default()), ..Default::default() };
        let answer = accounts.create_token_request(name, &PostParams::default(), &request).await;
        let token = answer.expect("an answer").status.and_then(|s| s.token).expect("a token");
        let mut config = self.config();
        config.auth_info = AuthInfo { token: Some(token.into()), ..Default::default() };
        client(config)
    }

    /// Makes a namespace that no other test has, with its default ServiceAccount.
    pub async fn namespace(&self, prefix: &str) -> String {
        let mut object = Namespace::default();
        object.metadata.generate_name = Some(format!("{prefix}-"));
        let namespaces: Api<Namespace> = Api::all(self.client());
        let created = namespaces.create(&PostParams::default(), &object).await;
        let name = created.expect("a namespace").metadata.name.expect("a name");
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), &name);
        super::eventually("the namespace has its ServiceAccount", async || {
            accounts.get_opt("default").await.expect("an answer")
        })
        .await;
        name
    }

    pub(super) fn config(&self) -> Config {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig()).expect("a kubeconfig");
        let options = KubeConfigOptions::default();
        let loading = Config::from_custom_kubeconfig(kubeconfig, &options);
        // It reads what is in the kubeconfig, and waits for nothing.
        futures::executor::block_on(loading).expect("a kubeconfig that can be used")
    }
}

pub(super) fn client(config: Config) -> Client {
    Client::try_from(config).expect("a client")
}
