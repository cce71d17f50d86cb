//! What a value plainly is, by how it begins: "Stripe live secret key".
//!
//! To add a credential: its line in the table. The longest beginning that fits wins, so
//! the order does not matter.

use std::fmt;

use crate::seal::Plaintext;

/// What a value was recognised as. Fixed words: it says nothing else about the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recognised {
    /// Who gave it out, e.g. `Stripe`; empty where several do it in this way.
    pub provider: &'static str,
    /// What it is, e.g. `secret key`.
    pub kind: &'static str,
    /// Whether it moves real money and mail, where that can be told.
    pub mode: Mode,
}

/// What a credential is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// For real.
    Live,
    /// For trying things out.
    Test,
    /// It does not say.
    Unknown,
}

impl fmt::Display for Recognised {
    /// In plain words, e.g. `Stripe live secret key`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            Mode::Live => "live",
            Mode::Test => "test",
            Mode::Unknown => "",
        };
        let words = [self.provider, mode, self.kind].into_iter().filter(|word| !word.is_empty());
        for (i, word) in words.enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

/// What a value plainly is; white space around it does not count.
#[must_use]
pub fn recognise(value: &Plaintext) -> Option<Recognised> {
    recognise_text(std::str::from_utf8(expose(value)).ok()?)
}

#[expect(clippy::disallowed_methods, reason = "a credential is recognised by how it begins")]
fn expose(value: &Plaintext) -> &[u8] {
    value.expose()
}

/// All that can be recognised.
pub(crate) fn recognisable() -> impl Iterator<Item = Recognised> {
    TABLE.iter().map(|(_, _, provider, kind, mode)| Recognised { provider, kind, mode: *mode })
}

fn recognise_text(value: &str) -> Option<Recognised> {
    let text = value.trim();
    let rows = TABLE.iter().filter_map(|row| {
        let rest = text.strip_prefix(row.0)?;
        row.1.fits(rest).then_some(row)
    });
    let (_, _, provider, kind, mode) = *rows.max_by_key(|row| row.0.len())?;
    Some(Recognised { provider, kind, mode })
}

/// What has to follow a beginning.
pub(crate) enum Rest {
    /// Anything.
    Any,
    /// So many characters or more, none of them white space.
    Long(usize),
    /// Just so many hexadecimal digits.
    Hex(usize),
    /// Just so many capitals and digits.
    Capitals(usize),
    /// Text with these words in it.
    Words(&'static str),
}

impl Rest {
    pub(crate) fn fits(&self, rest: &str) -> bool {
        match *self {
            Self::Any => true,
            Self::Long(least) => rest.len() >= least && !rest.contains(char::is_whitespace),
            Self::Hex(exactly) => {
                rest.len() == exactly && rest.bytes().all(|b| b.is_ascii_hexdigit())
            }
            Self::Capitals(exactly) => {
                let is_one = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
                rest.len() == exactly && rest.bytes().all(is_one)
            }
            Self::Words(words) => rest.contains(words),
        }
    }
}

use Mode::{Live, Test, Unknown};
use Rest::{Any, Capitals, Hex, Long, Words};

/// How it begins, what follows, who gives it out, what it is, and what for.
pub(crate) type Row = (&'static str, Rest, &'static str, &'static str, Mode);

pub(crate) const TABLE: &[Row] = &[
    // Payments.
    ("sk_live_", Any, "Stripe", "secret key", Live),
    ("sk_test_", Any, "Stripe", "secret key", Test),
    ("rk_live_", Any, "Stripe", "restricted key", Live),
    ("rk_test_", Any, "Stripe", "restricted key", Test),
    ("pk_live_", Any, "Stripe", "publishable key", Live),
    ("pk_test_", Any, "Stripe", "publishable key", Test),
    ("whsec_", Any, "", "webhook signing secret", Unknown),
    ("rzp_live_", Any, "Razorpay", "key id", Live),
    ("rzp_test_", Any, "Razorpay", "key id", Test),
    ("klarna_live_", Any, "Klarna", "API key", Live),
    ("klarna_test_", Any, "Klarna", "API key", Test),
    ("FLWSECK-", Any, "Flutterwave", "secret key", Live),
    ("FLWSECK_TEST-", Any, "Flutterwave", "secret key", Test),
    ("access_token$production$", Any, "PayPal", "access token", Live),
    ("access_token$sandbox$", Any, "PayPal", "access token", Test),
    ("sq0atp-", Any, "Square", "access token", Unknown),
    ("sq0csp-", Any, "Square", "client secret", Unknown),
    ("shpat_", Any, "Shopify", "access token", Unknown),
    // What several providers do: Mollie, Braintree …
    ("live_", Any, "", "key", Live),
    ("production_", Any, "", "key", Live),
    ("test_", Any, "", "key", Test),
    ("sandbox_", Any, "", "key", Test),
    // AI.
    ("sk-", Long(32), "OpenAI", "API key", Unknown),
    ("sk-proj-", Any, "OpenAI", "project API key", Unknown),
    ("sk-svcacct-", Any, "OpenAI", "service account API key", Unknown),
    ("sk-admin-", Any, "OpenAI", "admin API key", Unknown),
    ("sk-ant-", Any, "Anthropic", "API key", Unknown),
    ("sk-ant-admin", Any, "Anthropic", "admin API key", Unknown),
    ("sk-or-", Any, "OpenRouter", "API key", Unknown),
    ("hf_", Long(20), "Hugging Face", "access token", Unknown),
    ("r8_", Long(20), "Replicate", "API token", Unknown),
    ("gsk_", Long(20), "Groq", "API key", Unknown),
    ("xai-", Long(20), "xAI", "API key", Unknown),
    ("pplx-", Long(20), "Perplexity", "API key", Unknown),
    // Mail and messages.
    ("SG.", Long(20), "SendGrid", "API key", Unknown),
    ("key-", Hex(32), "Mailgun", "API key", Unknown),
    ("re_", Long(16), "Resend", "API key", Unknown),
    ("xkeysib-", Any, "Brevo", "API key", Unknown),
    ("xsmtpsib-", Any, "Brevo", "SMTP key", Unknown),
    ("AC", Hex(32), "Twilio", "account SID", Unknown),
    ("SK", Hex(32), "Twilio", "API key SID", Unknown),
    ("xoxb-", Any, "Slack", "bot token", Unknown),
    ("xoxp-", Any, "Slack", "user token", Unknown),
    ("xapp-", Any, "Slack", "app token", Unknown),
    ("https://hooks.slack.com/", Any, "Slack", "webhook URL", Unknown),
    ("https://discord.com/api/webhooks/", Any, "Discord", "webhook URL", Unknown),
    // Clouds and code.
    ("AIza", Long(35), "Google", "API key", Unknown),
    ("GOCSPX-", Any, "Google", "OAuth client secret", Unknown),
    ("ya29.", Any, "Google", "OAuth access token", Unknown),
    ("{", Words("\"service_account\""), "Google", "service account key", Unknown),
    ("AKIA", Capitals(16), "AWS", "access key id", Unknown),
    ("ASIA", Capitals(16), "AWS", "temporary access key id", Unknown),
    ("ghp_", Any, "GitHub", "personal access token", Unknown),
    ("github_pat_", Any, "GitHub", "personal access token", Unknown),
    ("gho_", Any, "GitHub", "OAuth access token", Unknown),
    ("ghu_", Any, "GitHub", "app user token", Unknown),
    ("ghs_", Any, "GitHub", "app installation token", Unknown),
    ("ghr_", Any, "GitHub", "refresh token", Unknown),
    ("glpat-", Any, "GitLab", "personal access token", Unknown),
    ("npm_", Long(30), "npm", "access token", Unknown),
    ("pypi-", Long(30), "PyPI", "API token", Unknown),
    ("dop_v1_", Any, "DigitalOcean", "access token", Unknown),
    ("sb_secret_", Any, "Supabase", "secret key", Unknown),
    ("sb_publishable_", Any, "Supabase", "publishable key", Unknown),
    ("ntn_", Long(30), "Notion", "API token", Unknown),
    ("lin_api_", Any, "Linear", "API key", Unknown),
    ("sntrys_", Any, "Sentry", "auth token", Unknown),
    // Places with their credentials.
    ("postgres://", Any, "PostgreSQL", "database URL", Unknown),
    ("postgresql://", Any, "PostgreSQL", "database URL", Unknown),
    ("mysql://", Any, "MySQL", "database URL", Unknown),
    ("mariadb://", Any, "MariaDB", "database URL", Unknown),
    ("mongodb://", Any, "MongoDB", "database URL", Unknown),
    ("mongodb+srv://", Any, "MongoDB", "database URL", Unknown),
    ("sqlserver://", Any, "SQL Server", "database URL", Unknown),
    ("libsql://", Any, "libSQL", "database URL", Unknown),
    ("redis://", Any, "Redis", "URL", Unknown),
    ("rediss://", Any, "Redis", "URL", Unknown),
    ("amqp://", Any, "AMQP", "URL", Unknown),
    ("amqps://", Any, "AMQP", "URL", Unknown),
    ("smtp://", Any, "SMTP", "URL", Unknown),
    ("smtps://", Any, "SMTP", "URL", Unknown),
    // Formats.
    ("-----BEGIN ", Words("PRIVATE KEY-----"), "PEM", "private key", Unknown),
    ("-----BEGIN CERTIFICATE-----", Any, "PEM", "certificate", Unknown),
    ("eyJ", Words(".eyJ"), "", "JSON web token", Unknown),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(value: &str) -> Option<String> {
        recognise(&Plaintext::new(value.into())).map(|found| found.to_string())
    }

    #[test]
    fn credentials_are_recognised_in_plain_words() {
        let hex = "0123456789abcdef0123456789ABCDEF";
        for (value, is) in [
            ("sk_live_51", "Stripe live secret key"),
            ("sk_test_51", "Stripe test secret key"),
            ("rk_live_51", "Stripe live restricted key"),
            ("pk_test_51", "Stripe test publishable key"),
            ("whsec_abc", "webhook signing secret"),
            ("sk-proj-abc123xyz789", "OpenAI project API key"),
            ("sk-ant-api03-x", "Anthropic API key"),
            ("sk-ant-admin01-x", "Anthropic admin API key"),
            ("AIzaSy0123456789012345678901234567890123", "Google API key"),
            ("{\n \"type\": \"service_account\" }", "Google service account key"),
            ("SG.abcdefghijklmnopqrstuv.x", "SendGrid API key"),
            (&format!("key-{hex}"), "Mailgun API key"),
            (&format!("AC{hex}"), "Twilio account SID"),
            (&format!(" SK{hex}\n"), "Twilio API key SID"),
            ("ghp_x", "GitHub personal access token"),
            ("AKIAIOSFODNN7EXAMPLE", "AWS access key id"),
            ("xoxb-1-2", "Slack bot token"),
            ("postgres://app:pw@db/app", "PostgreSQL database URL"),
            ("-----BEGIN EC PRIVATE KEY-----\nx", "PEM private key"),
            ("-----BEGIN CERTIFICATE-----\nx", "PEM certificate"),
            ("live_1", "live key"),
            ("sandbox_1", "test key"),
        ] {
            assert_eq!(words(value).as_deref(), Some(is));
        }
    }

    #[test]
    fn what_only_begins_alike_is_not_recognised() {
        for value in [
            "",
            "hunter2",
            "sk-short",
            "key-lime-pie",
            "AC",
            "ACDC",
            "AKIA",
            "AKIAlower0000000000x",
            "my sk_live_1",
            "-----BEGIN NOTHING-----",
            "{\"type\":\"x\"}",
            "{",
            "SK0123",
            "re_read the manual please",
        ] {
            assert_eq!(words(value), None, "{value}");
        }
        assert_eq!(recognise(&Plaintext::new(vec![0xff; 40])), None);
    }

    #[test]
    fn each_beginning_stands_once_in_the_table() {
        let mut all: Vec<&str> = TABLE.iter().map(|row| row.0).collect();
        all.sort_unstable();
        all.windows(2).for_each(|pair| assert_ne!(pair[0], pair[1]));
    }
}
