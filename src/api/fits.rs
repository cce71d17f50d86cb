//! Whether a credential belongs under a name: a Stripe key does not under `ANALYTICS_TOKEN`.
//! Where it does not, somebody has most likely mixed two up, or was talked into it.
//!
//! To add a provider: its line in the table; a test asks for one for each that is recognised.

use super::recognise::Recognised;
use super::warning::says_nothing;

/// Whether this fits a variable of this name. A name that says nothing, and a credential
/// that says nothing of its provider, fit all.
#[must_use]
pub fn fits(name: &str, what: Recognised) -> bool {
    let label = if what.provider.is_empty() { what.kind } else { what.provider };
    let Some(row) = BELONGS.iter().find(|row| row.0 == label) else { return true };
    let capitals = name.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| is_in(word, &capitals));
    if has(row.1) || says_nothing(name).is_some() {
        return true;
    }
    // SUPABASE_DB_URL: a place may be anybody's.
    let is_place = what.kind.ends_with("URL");
    let is_anothers = || has(OTHERS) || BELONGS.iter().any(|row| has(row.1));
    has(row.2) && (is_place || !is_anothers())
}

/// A short word must stand alone; `2` after it does not count.
fn is_in(word: &str, capitals: &str) -> bool {
    if word.len() >= ANYWHERE {
        return capitals.contains(word);
    }
    let is_word =
        |part: &str| part == word || part.trim_end_matches(|c: char| c.is_ascii_digit()) == word;
    capitals.split('_').any(is_word)
}

/// Words of so many letters are found inside of others, too: STRIPE in MYSTRIPEKEY.
pub(crate) const ANYWHERE: usize = 4;

/// A provider, or what it is where several give it out; what such a thing is called in names;
/// what it is used for.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

const PAY: &[&str] =
    &["PAY", "PAYMENT", "BILLING", "CHECKOUT", "CHARGE", "INVOICE", "CARD", "SUBSCRIPTION"];
const AI: &[&str] =
    &["AI", "LLM", "CHAT", "MODEL", "EMBEDDING", "COMPLETION", "ASSISTANT", "AGENT", "INFERENCE"];
const MAIL: &[&str] = &["MAIL", "SMTP", "NEWSLETTER"];
const CHAT: &[&str] = &["CHAT", "BOT", "HOOK", "ALERT", "NOTIFY", "NOTIFICATION"];
const DATABASE: &[&str] = &["DATABASE", "DB", "SQL", "DSN", "CONNECTION", "PRISMA", "POOL", "JDBC"];
const QUEUE: &[&str] = &["CACHE", "QUEUE", "BROKER", "CELERY", "SESSION", "MQ", "JOBS", "WORKER"];
const CODE: &[&str] = &["GIT", "REPO", "CI", "REGISTRY", "PACKAGE", "DEPLOY", "RELEASE"];
const NONE: &[&str] = &[];

pub(crate) const BELONGS: &[Row] = &[
    ("Stripe", &["STRIPE"], PAY),
    ("Razorpay", &["RAZORPAY", "RZP"], PAY),
    ("Klarna", &["KLARNA"], PAY),
    ("Flutterwave", &["FLUTTERWAVE", "FLW"], PAY),
    ("PayPal", &["PAYPAL"], PAY),
    ("Square", &["SQUARE"], PAY),
    ("Shopify", &["SHOPIFY"], &["SHOP", "STORE"]),
    ("webhook signing secret", &["HOOK", "WHSEC", "SIGNING", "SIGNATURE", "SVIX"], NONE),
    ("OpenAI", &["OPENAI", "GPT"], AI),
    ("Anthropic", &["ANTHROPIC", "CLAUDE"], AI),
    ("OpenRouter", &["OPENROUTER"], AI),
    ("Hugging Face", &["HUGGINGFACE", "HUGGING_FACE", "HF"], AI),
    ("Replicate", &["REPLICATE"], AI),
    ("Groq", &["GROQ"], AI),
    ("xAI", &["XAI", "GROK"], AI),
    ("Perplexity", &["PERPLEXITY", "PPLX"], AI),
    ("SendGrid", &["SENDGRID"], MAIL),
    ("Mailgun", &["MAILGUN"], MAIL),
    ("Resend", &["RESEND"], MAIL),
    ("Brevo", &["BREVO", "SENDINBLUE"], MAIL),
    ("Twilio", &["TWILIO"], &["SMS", "PHONE", "VOICE", "CALL", "MESSAGING", "WHATSAPP", "OTP"]),
    ("Slack", &["SLACK"], CHAT),
    ("Discord", &["DISCORD"], CHAT),
    (
        "Google",
        &["GOOGLE", "GCP", "GCLOUD", "GEMINI", "FIREBASE", "GMAIL", "YOUTUBE", "VERTEX", "FCM"],
        &["MAPS", "PLACES", "GEOCODING", "CAPTCHA", "OAUTH", "SHEETS", "CALENDAR", "AI", "LLM"],
    ),
    (
        "AWS",
        &["AWS", "AMAZON", "S3", "SES", "SNS", "SQS", "DYNAMO", "BEDROCK", "CLOUDFRONT"],
        &["BUCKET", "STORAGE", "CLOUD", "BACKUP"],
    ),
    ("GitHub", &["GITHUB", "GH"], CODE),
    ("GitLab", &["GITLAB", "GL"], CODE),
    ("npm", &["NPM"], CODE),
    ("PyPI", &["PYPI", "TWINE"], CODE),
    ("DigitalOcean", &["DIGITALOCEAN", "DIGITAL_OCEAN"], &["DO", "SPACES", "CLOUD"]),
    ("Supabase", &["SUPABASE"], &["SB"]),
    ("Notion", &["NOTION"], NONE),
    ("Linear", &["LINEAR"], NONE),
    ("Sentry", &["SENTRY"], NONE),
    ("PostgreSQL", &["POSTGRES", "PG", "PSQL", "TIMESCALE"], DATABASE),
    ("MySQL", &["MYSQL"], DATABASE),
    ("MariaDB", &["MARIADB"], DATABASE),
    ("MongoDB", &["MONGO"], DATABASE),
    ("SQL Server", &["SQLSERVER", "SQL_SERVER", "MSSQL"], DATABASE),
    ("libSQL", &["LIBSQL", "TURSO"], DATABASE),
    ("Redis", &["REDIS", "VALKEY", "KV", "UPSTASH"], QUEUE),
    ("AMQP", &["AMQP", "RABBIT"], QUEUE),
    ("SMTP", NONE, MAIL),
];

/// Providers whose credentials can't be told, but whose names can.
pub(crate) const OTHERS: &[&str] = &[
    "ADYEN",
    "ALGOLIA",
    "AMPLITUDE",
    "AUTH0",
    "AZURE",
    "BRAINTREE",
    "CLOUDFLARE",
    "COHERE",
    "DATADOG",
    "DROPBOX",
    "HUBSPOT",
    "INTERCOM",
    "MAILCHIMP",
    "MESSAGEBIRD",
    "MISTRAL",
    "MIXPANEL",
    "MOLLIE",
    "OKTA",
    "PLAID",
    "POSTMARK",
    "SALESFORCE",
    "SEGMENT",
    "SWISH",
    "VERCEL",
    "VONAGE",
    "ZENDESK",
];

#[cfg(test)]
mod tests {
    use super::super::recognise;
    use super::super::recognise::TABLE;
    use super::*;
    use crate::seal::Plaintext;

    fn is_fit(name: &str, value: &str) -> bool {
        fits(name, recognise(&Plaintext::new(value.into())).expect("a credential"))
    }

    #[test]
    fn a_credential_belongs_under_the_name_of_its_provider_or_its_use() {
        let sendgrid = "SG.abcdefghijklmnopqrstuv.x";
        for (name, value) in [
            ("STRIPE_API_KEY", "sk_live_1"),
            ("stripe_key", "sk_live_1"),
            ("MYSTRIPEKEY2", "sk_live_1"),
            ("PAYMENT_SECRET", "sk_live_1"),
            ("SMTP_PASSWORD", sendgrid),
            ("EMAIL_KEY", sendgrid),
            ("LLM_TOKEN", "sk-ant-x"),
            ("GEMINI_API_KEY", "AIzaSy0123456789012345678901234567890123"),
            ("S3_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("SUPABASE_DB_URL", "postgres://a:b@c/d"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_1"),
        ] {
            assert!(is_fit(name, value), "{name}");
        }
    }

    #[test]
    fn a_credential_under_anothers_name_does_not_fit() {
        for (name, value) in [
            ("ANALYTICS_TOKEN", "sk_live_1"),
            ("PAYPAL_PAYMENT_KEY", "sk_live_1"),
            ("MAILCHIMP_API_KEY", "SG.abcdefghijklmnopqrstuv.x"),
            ("OPENAI_API_KEY", "sk-ant-x"),
            ("DATABASE_URL", "sk_live_1"),
            ("STRIPE_API_KEY", "postgres://a:b@c/d"),
            ("STRIPE_API_KEY", "whsec_1"),
            ("REPAYS", "sk_live_1"),
        ] {
            assert!(!is_fit(name, value), "{name}");
        }
    }

    #[test]
    fn what_says_nothing_fits_all() {
        for name in ["API_KEY", "TOKEN2", "X"] {
            assert!(is_fit(name, "sk_live_1"), "{name}");
        }
        for value in ["live_1", "eyJhbGciOi.eyJzdWIi.x", "-----BEGIN PRIVATE KEY-----\nx"] {
            assert!(is_fit("ANALYTICS_TOKEN", value), "{value}");
        }
    }

    #[test]
    fn each_provider_that_is_recognised_has_its_words_once() {
        let has = |label: &str| BELONGS.iter().filter(|row| row.0 == label).count();
        for row in TABLE {
            let is_told = !row.2.is_empty() && row.2 != "PEM";
            assert_eq!(has(row.2), usize::from(is_told), "{}", row.2);
        }
        for row in BELONGS {
            assert!(TABLE.iter().any(|known| [known.2, known.3].contains(&row.0)), "{}", row.0);
            let capital = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
            assert!(row.1.iter().chain(row.2).all(|word| word.bytes().all(capital)));
        }
    }
}
