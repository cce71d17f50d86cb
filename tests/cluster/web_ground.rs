//! The web server beside the operator, with an identity provider that the API server trusts,
//! and accounts to look at. The API server trusts one provider at a time, so there is one for
//! all tests.

use std::path::PathBuf;

use kliv_secrets::account::{Caller, DryRun, Wanted};
use kliv_secrets::api::Question;
use kliv_secrets::api::condition::Reason;
use kliv_secrets::api::names::AGENT_FIELD_MANAGER;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::account::{Account, function, function_in, function_with, secret_with};
use crate::harness::{AUDIENCE, Address, PREFIX, Provider, Web};
use crate::operator::Operator;

/// What everybody types as password at the provider.
const PASSWORD: &str = "correct horse";

/// All that a journey needs.
pub(crate) struct Ground {
    pub(crate) web: Web,
    /// The same, on another site than the provider.
    pub(crate) apart: Web,
    pub(crate) operator: &'static Operator,
    pub(crate) provider: Provider,
    pub(crate) folder: PathBuf,
}

impl Ground {
    /// The one that tests share.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<Ground> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let operator = crate::web::operator().await;
        let addresses = [Address::new(), Address::apart()];
        let people = ["anna", "rita", "olle"].map(|name| {
            json!({ "name": name, "password": PASSWORD, "groups": ["people", format!("{name}s")] })
        });
        let redirects = addresses.each_ref().map(Address::redirect);
        let provider = Provider::start(AUDIENCE, &redirects, &json!(people)).await;
        operator.cluster.trusts(&provider.issuer, &provider.tls.certificate).await;
        let folder = operator.cluster.kubeconfig().with_file_name("web");
        std::fs::create_dir(&folder).expect("a folder");
        let kubeconfig = operator.kubeconfig_of("kliv-secrets-web");
        let [web, apart] = &addresses;
        let server =
            async |address| Web::in_cluster(address, &kubeconfig, Some(&provider), &folder).await;
        let (web, apart) = (server(web).await, server(apart).await);
        Self { web, apart, operator, provider, folder }
    }

    /// Where the browser may go.
    pub(crate) fn servers(&self) -> Value {
        json!([self.web.server(), self.apart.server(), self.provider.server()])
    }

    /// How somebody signs in at the provider.
    pub(crate) fn person(&self, name: &str) -> Value {
        json!({ "user": name, "password": PASSWORD })
    }

    /// Gives somebody of the provider one of the cluster's roles in an account.
    pub(crate) async fn may(&self, name: &str, role: &str, account: &Account<'_>) {
        account.grant(role, &format!("{PREFIX}{name}")).await;
    }

    /// A token of a ServiceAccount of an account that may do all that pages do, for the web
    /// server alone.
    pub(crate) async fn token(&self, account: &Account<'_>) -> String {
        account.kubectl(&["create", "serviceaccount", "person"], &json!(null)).success();
        let person = format!("--serviceaccount={}:person", account.namespace);
        account.cluster.grant("edit", &person, &account.namespace).await;
        let token = ["create", "token", "person", "--audience", AUDIENCE];
        account.kubectl(&token, &json!(null)).success().trim().to_owned()
    }
}

/// The object that pages of one secret are looked at with, and the question that waits.
pub(crate) const SECRET: &str = "openai-api-key.production";
pub(crate) const REQUEST: &str = "twilio-auth-token";

/// An account as people have them: three functions, two environments, most of what can be
/// said of a secret.
pub(crate) async fn furnish(account: &Account<'_>) {
    let mut checkout = function_in("production", "checkout");
    checkout["metadata"]["annotations"]["secrets.kliv.dev/requires"] =
        json!("STRIPE_API_KEY, SENDGRID_API_KEYS");
    account.create(&checkout).await;
    account.create(&function_in("test", "checkout-preview")).await;
    account.create(&function("mailer")).await;
    account.create(&function_with("reports", &[("rollout", "manual")])).await;
    for (variable, environment, description, value) in SECRETS {
        let mut spec = json!({ "envVar": variable, "value": value, "description": description });
        if !environment.is_empty() {
            spec["environment"] = json!(environment);
        }
        match *variable {
            "STRIPE_API_KEY" => spec["rotateAfterDays"] = json!(90),
            "DATABASE_URL" => spec["expirationTime"] = json!("2020-01-01T00:00:00Z"),
            _ => {}
        }
        account.put(&secret_with(spec)).await;
    }
    account
        .put(&secret_with(json!({
            "envVar": "WEBHOOK_SIGNING_SECRET", "description": "made by the cluster",
            "generate": { "length": 40 },
        })))
        .await;
    let value = "sk-proj-9f2Kd81LmQ04ZtYwB7aXc3Ve";
    account
        .put(&secret_with(json!({
            "envVar": "OPENAI_API_KEY", "environment": "production", "value": value,
            "description": "The shop's assistant",
        })))
        .await;
    let question = json!({
        "envVar": "TWILIO_AUTH_TOKEN", "request": {
            "purpose": "Text messages when an order leaves the warehouse",
            "obtainFrom": "console.twilio.com, under Account, API keys",
            "requestedBy": "shop agent",
        },
    });
    account.apply(&secret_with(question));
    account.becomes(REQUEST, Reason::AwaitingValue).await;
}

/// An agent asks about a value that is there: for a new one, or whether the secret may go.
pub(crate) async fn asks_about(account: &Account<'_>, object: &str, wants: Wanted, why: &str) {
    let agent = Caller { field_manager: AGENT_FIELD_MANAGER, ..account.caller() };
    let secret = account.published(object).await;
    let question = Question {
        purpose: why.to_owned(),
        requested_by: Some("shop agent".to_owned()),
        ..Question::default()
    };
    let asked = match wants {
        Wanted::Deletion => agent.propose_deletion(&secret, question, DryRun::None).await,
        Wanted::Value | Wanted::NewValue => agent.ask_anew(&secret, question, DryRun::None).await,
    };
    asked.expect("is asked");
    account.published(object).await;
}

/// Name, environment, description, value. None is anybody's.
const SECRETS: &[(&str, &str, &str, &str)] = &[
    ("OPENAI_API_KEY", "production", "The shop's assistant", "sk-proj-7Hq2vN0xRt5LpW8mZk4Jc9Ud"),
    ("OPENAI_API_KEY", "test", "For trying things out", "sk-proj-1aB2cD3eF4gH5iJ6kL7mN8oP"),
    ("STRIPE_API_KEY", "production", "Payments of the shop", "example-live-51Kx9QmV2cRtW7nB4yLp8"),
    ("STRIPE_API_KEY", "test", "Play money", "example-test-51Kx9QmV2cRtW7nB4yLp8"),
    ("SENDGRID_API_KEY", "", "Order confirmations", "example-SG-u7Fq2Lw9.Xr4Tn8Vb1Zk6Mj3H"),
    ("DATABASE_URL", "production", "Orders", "postgres://shop:Zx81Lq47@db.example.org/orders"),
    ("SMTP_PASSWORD", "", "", "short"),
    ("key1", "", "", "what-is-this-one-for-again"),
];
