//! Where the keys of known providers are made: the only links that a request's page has.
//!
//! To add one: its line, with the words by which its variables are told.

/// A provider, and its own page for keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Provider {
    /// What it calls itself.
    pub name: &'static str,
    /// Where it makes keys.
    pub page: &'static str,
}

const KNOWN: &[(&str, Provider)] = &[
    ("ANTHROPIC", at("Anthropic", "https://console.anthropic.com/settings/keys")),
    ("BREVO", at("Brevo", "https://app.brevo.com/settings/keys/api")),
    ("GEMINI", at("Google", "https://aistudio.google.com/apikey")),
    ("GITHUB", at("GitHub", "https://github.com/settings/tokens")),
    ("GROQ", at("Groq", "https://console.groq.com/keys")),
    ("HUGGINGFACE", at("Hugging Face", "https://huggingface.co/settings/tokens")),
    ("MAILGUN", at("Mailgun", "https://app.mailgun.com/settings/api_security")),
    ("MOLLIE", at("Mollie", "https://my.mollie.com/dashboard/developers/api-keys")),
    ("OPENAI", at("OpenAI", "https://platform.openai.com/api-keys")),
    ("OPENROUTER", at("OpenRouter", "https://openrouter.ai/settings/keys")),
    ("PAYPAL", at("PayPal", "https://developer.paypal.com/dashboard/applications")),
    ("REPLICATE", at("Replicate", "https://replicate.com/account/api-tokens")),
    ("RESEND", at("Resend", "https://resend.com/api-keys")),
    ("SENDGRID", at("SendGrid", "https://app.sendgrid.com/settings/api_keys")),
    ("SLACK", at("Slack", "https://api.slack.com/apps")),
    ("STRIPE", at("Stripe", "https://dashboard.stripe.com/apikeys")),
    ("TWILIO", at("Twilio", "https://console.twilio.com/")),
];

const fn at(name: &'static str, page: &'static str) -> Provider {
    Provider { name, page }
}

/// The only provider that a variable names.
pub fn provider_of(variable: &str) -> Option<Provider> {
    let capitals = variable.to_ascii_uppercase();
    let mut named = KNOWN.iter().filter(|(word, _)| capitals.split('_').any(|part| part == *word));
    match (named.next(), named.next()) {
        (Some((_, provider)), None) => Some(*provider),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_told_by_a_whole_word_of_the_name_where_there_is_just_one() {
        let name = |variable: &str| provider_of(variable).map(|provider| provider.name);
        assert_eq!(name("STRIPE_API_KEY"), Some("Stripe"));
        assert_eq!(name("stripe_key_2"), Some("Stripe"));
        for variable in ["ANALYTICS_TOKEN", "PINSTRIPE_KEY", "STRIPE_TO_PAYPAL_KEY", ""] {
            assert_eq!(name(variable), None, "{variable}");
        }
    }

    #[test]
    fn the_pages_are_the_providers_own() {
        for (_, provider) in KNOWN {
            assert!(provider.page.starts_with("https://"), "{}", provider.name);
        }
    }
}
