//! `generate_secret`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::in_place::stands_in_for_none;
use crate::account::{Details, DryRun, Error, Target, Unfit, provider_of};
use crate::api::warning::says_nothing;
use crate::api::{Alphabet, Generate, KlivSecret};
use crate::mcp::call::Call;
use crate::mcp::failure::Failure;
use crate::mcp::named::Named;
use crate::mcp::tool::{Effect, Outcome, Tool};

pub(super) struct GenerateSecret;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The environment variable, named after what it is for, e.g. `INTERNAL_WEBHOOK_SECRET`.
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// The environment, e.g. `test`; without one, functions of every environment get it.
    #[schemars(length(min = 1, max = 63))]
    environment: Option<String>,
    /// What it is for, and who else needs to know it. People read it.
    #[schemars(length(min = 1, max = 1024))]
    purpose: String,
    /// How many characters; 32 when absent.
    #[schemars(range(min = 16, max = 512))]
    length: Option<i32>,
    /// From which characters; `alphanumeric` when absent.
    alphabet: Option<Alphabet>,
    /// Remind people after so many days to replace it.
    #[schemars(range(min = 1, max = 3650))]
    rotate_after_days: Option<i32>,
    /// The name is one that this tool advises against, and it is right all the same: nobody
    /// gives this credential out, it is chosen here.
    #[serde(default)]
    sure: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    #[serde(flatten)]
    named: Named,
    /// Whether this call has created it; otherwise it was there, made in the cluster as well.
    created: bool,
    /// What to do next.
    next: &'static str,
}

const NEXT: &str = "Write code that reads the variable, and call wait_for_secret to see that \
                    functions have it. Whoever else needs the same, e.g. the sender of a webhook, \
                    has to get it from a person with access to the cluster; you never see it.";

impl Tool for GenerateSecret {
    const NAME: &'static str = "generate_secret";
    const TITLE: &'static str = "Generate a secret";
    const DESCRIPTION: &'static str = "Creates a secret whose random value is made in the cluster \
        and seen by nobody, for what nobody gives out: signing keys of your own webhooks, session \
        keys, internal passwords. For a key that a provider issues (Stripe, OpenAI, …) use \
        request_secret instead; also for an environment that is not plainly a test one, where its \
        functions have a value already. Calling it again for the same name changes nothing.";
    const EFFECT: Effect = Effect::Adds;
    type Input = Input;
    type Output = Output;

    async fn run(call: &Call<'_>, input: Input) -> Result<Outcome<Output>, Failure> {
        let target = Target::parse(&input.name, input.environment.as_deref())?;
        if let Some(before) = call.caller.find_object(&target.object()).await? {
            return there(&target, &before);
        }
        if !input.sure {
            advised(&target.variable)?;
        }
        stands_in_for_none(call.caller, &target).await?;
        let generate = Generate { length: input.length, alphabet: input.alphabet };
        let details = Details {
            description: Some(input.purpose),
            rotate_after_days: input.rotate_after_days,
            expiration_time: None,
        };
        match call.caller.generate(&target, generate, details, DryRun::None).await {
            Ok(_) => Ok(Outcome::Done(output(target, true))),
            // Somebody was quicker by a moment, maybe the same agent.
            Err(Error::Unfit(Unfit::Exists(_))) => {
                let before = call.caller.find(&target).await?;
                there(&target, &before)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn output(target: Target, created: bool) -> Output {
    Output { named: target.into(), created, next: NEXT }
}

/// The answer where there is such a secret.
fn there(target: &Target, before: &KlivSecret) -> Result<Outcome<Output>, Failure> {
    let target = target.clone().resolved(Some(before));
    if before.spec.env_var != target.variable {
        return Err(Failure::new(
            "The name clashes with a variable that differs from it only in capitals or dashes. \
             Nothing was changed. Use that one (list_secrets shows it), or take another name.",
        ));
    }
    if before.spec.generate.is_some() {
        return Ok(Outcome::Done(output(target, false)));
    }
    Err(Failure::new(
        "There is such a secret, and its value is not one that the cluster makes. Nothing was \
         changed. Use it as it is (list_secrets says what it is for), ask for a new value with \
         update_secret, or take another name.",
    ))
}

/// Names for which a random value makes no sense.
fn advised(variable: &str) -> Result<(), Failure> {
    if says_nothing(variable).is_some() {
        return Err(Failure::new(
            "The name says nothing about what it opens. Nothing was created. Name it after what \
             it is for, e.g. INTERNAL_WEBHOOK_SECRET.",
        ));
    }
    let Some(provider) = provider_of(variable) else { return Ok(()) };
    // The one among them whose webhooks' secrets its users choose.
    if provider.name == "GitHub" && variable.to_ascii_uppercase().contains("WEBHOOK") {
        return Ok(());
    }
    Err(Failure::new(format!(
        "The name says that this is a credential of {}, which gives its credentials out itself: a \
         random value would open nothing. Nothing was created. Ask a person for it with \
         request_secret. If it really is chosen here, call again with \"sure\": true.",
        provider.name
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_gives_out_is_not_generated() {
        let words = |variable: &str| advised(variable).err().map(|f| f.text().to_owned());
        for variable in ["OPENAI_API_KEY", "STRIPE_WEBHOOK_SECRET", "GITHUB_TOKEN"] {
            let told = words(variable).unwrap_or_default();
            assert!(told.contains("request_secret"), "{variable}: {told}");
        }
        for variable in ["SECRET", "API_KEY"] {
            assert!(words(variable).unwrap_or_default().contains("says nothing"), "{variable}");
        }
        for variable in ["INTERNAL_WEBHOOK_SECRET", "SESSION_KEY", "GITHUB_WEBHOOK_SECRET"] {
            assert_eq!(words(variable), None, "{variable}");
        }
    }

    #[test]
    fn one_that_is_there_is_the_same_answer_only_where_the_cluster_made_it() {
        let secret = |spec: serde_json::Value| {
            let object = serde_json::json!({ "metadata": { "name": "a-key" }, "spec": spec });
            serde_json::from_value::<KlivSecret>(object).unwrap()
        };
        let target = Target::new("A_KEY".into(), None);
        let made = secret(serde_json::json!({ "envVar": "A_KEY", "generate": {} }));
        let Ok(Outcome::Done(answer)) = there(&target, &made) else { panic!("no answer") };
        assert!(!answer.created && answer.named.variable == "A_KEY");
        for spec in [
            serde_json::json!({ "envVar": "A_KEY", "sealed": "kliv1.x" }),
            serde_json::json!({ "envVar": "A_KEY", "request": { "purpose": "p" } }),
            serde_json::json!({ "envVar": "a_key", "generate": {} }),
        ] {
            let refused = there(&target, &secret(spec)).err().unwrap();
            assert!(refused.text().contains("Nothing was changed"), "{}", refused.text());
        }
    }
}
