//! A secret that is there, as people name it.

use super::failure::Failure;
use crate::account::Target;

/// Which secret.
#[derive(clap::Args, Debug)]
pub(crate) struct Named {
    /// The variable, e.g. STRIPE_API_KEY, or the object's name, e.g. stripe-api-key.production
    #[arg(value_name = "NAME")]
    name: String,

    /// Of this environment
    #[arg(short, long, value_name = "ENV")]
    environment: Option<String>,
}

impl Named {
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        Ok(Target::parse(&self.name, self.environment.as_deref())?)
    }
}
