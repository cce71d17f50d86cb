//! A secret that is there, as people name it; and other objects.

use super::failure::Failure;
use crate::account::Target;
use crate::api::is_dns_subdomain;

/// Which secret.
#[derive(clap::Args, Debug)]
pub(crate) struct Named {
    /// The variable, e.g. STRIPE_API_KEY, or the object's name, e.g. stripe-api-key.production
    #[arg(value_name = "NAME")]
    name: String,

    /// Its environment; a secret without one is for every function
    #[arg(short, long, value_name = "ENV")]
    environment: Option<String>,
}

impl Named {
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        Ok(Target::parse(&self.name, self.environment.as_deref())?)
    }
}

/// The name of an object of Kubernetes: what is none may be a value, and is not repeated.
pub(crate) fn object(text: &str) -> Result<String, &'static str> {
    is_dns_subdomain(text).then(|| text.to_owned()).ok_or("give the object's name")
}

/// A function's, also as kubectl writes it.
pub(crate) fn function(text: &str) -> Result<String, &'static str> {
    let kinds = ["deployment", "deployments", "deployment.apps", "deployments.apps", "deploy"];
    let name = text.split_once('/').filter(|(kind, _)| kinds.contains(kind));
    let name = name.map_or(text, |(_, name)| name);
    object(name).map_err(|_| "give the name of the function's Deployment")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_as_kubectl_names_deployments() {
        for text in ["mail", "deploy/mail", "deployments/mail", "deployment.apps/mail"] {
            assert_eq!(function(text).as_deref(), Ok("mail"));
        }
        for text in ["", "pod/mail", "Mail", "sk_live_1", "a b", "-mail", "a..b"] {
            assert!(function(text).is_err(), "{text}");
        }
    }
}
