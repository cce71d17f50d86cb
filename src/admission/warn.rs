//! Plain words for the person who writes. Nothing here refuses anything, and no warning
//! quotes a value.
//!
//! To add a warning: a function from what it looks at to an `Option<String>`, and its
//! line in [`warnings`]. Texts stay under 256 characters: the API server cuts them.

use crate::api::Intent;
use crate::seal::Plaintext;

/// What is odd about a write.
pub(super) fn warnings(intent: &Intent, is_new: bool, value: Option<&Plaintext>) -> Vec<String> {
    let name = Some(&intent.env_var).filter(|_| is_new).and_then(|name| says_nothing(name));
    let text = value.and_then(text);
    let about_value = text.into_iter().flat_map(|text| {
        [white_space(text), placeholder(&intent.env_var, text), quoted(text), {
            intent.environment.as_deref().and_then(|environment| wrong_side(environment, text))
        }]
    });
    name.into_iter().chain(about_value.flatten()).collect()
}

#[expect(clippy::disallowed_methods, reason = "odd values are told by looking at them")]
fn text(value: &Plaintext) -> Option<&str> {
    std::str::from_utf8(value.expose()).ok()
}

/// A name made only of words that fit every credential.
fn says_nothing(name: &str) -> Option<String> {
    const WORDS: [&str; 42] = [
        "A",
        "ACCESS",
        "API",
        "APIKEY",
        "AUTH",
        "BAR",
        "BAZ",
        "CONFIG",
        "CRED",
        "CREDENTIAL",
        "CREDENTIALS",
        "CREDS",
        "DATA",
        "DEFAULT",
        "ENV",
        "FOO",
        "ID",
        "KEY",
        "KEYS",
        "MY",
        "MYKEY",
        "MYSECRET",
        "NAME",
        "NEW",
        "OLD",
        "PASS",
        "PASSWD",
        "PASSWORD",
        "PRIVATE",
        "PUBLIC",
        "PW",
        "PWD",
        "SECRET",
        "SECRETS",
        "STRING",
        "TEMP",
        "TEST",
        "THE",
        "TMP",
        "TOKEN",
        "VALUE",
        "VAR",
    ];
    let capitals = name.to_ascii_uppercase();
    let fits_all = capitals.split('_').all(|word| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        word.is_empty() || WORDS.contains(&word)
    });
    (name.len() <= 2 || fits_all).then(|| {
        format!(
            "the name {name} says nothing about what it opens; name it after the service, e.g. \
             SENDGRID_API_KEY"
        )
    })
}

fn white_space(value: &str) -> Option<String> {
    if value.trim().len() == value.len() {
        return None;
    }
    let ends_in_line = value.trim_end_matches(['\r', '\n']).trim().len()
        == value.trim_end_matches(['\r', '\n']).len();
    Some(if ends_in_line {
        "spec.value ends with a line break, and functions get it with it; most services refuse \
         such a key. In YAML write 'value: |-' instead of 'value: |', in a shell use printf '%s'"
            .into()
    } else {
        "spec.value begins or ends with white space, and functions get it with it; most services \
         refuse such a key"
            .into()
    })
}

fn placeholder(variable: &str, value: &str) -> Option<String> {
    const WHOLE: [&str; 22] = [
        "changeme",
        "change-me",
        "change_me",
        "change me",
        "dummy",
        "example",
        "fixme",
        "foo",
        "foobar",
        "n/a",
        "none",
        "null",
        "password",
        "placeholder",
        "redacted",
        "secret",
        "tbd",
        "test",
        "todo",
        "undefined",
        "value",
        "xxx",
    ];
    const PARTS: [&str; 8] = [
        "changeme",
        "replaceme",
        "replacewith",
        "yourapikey",
        "yourkey",
        "yoursecret",
        "yourtoken",
        "yourpassword",
    ];
    let text = value.trim();
    let small = text.to_lowercase();
    let enclosed = [("<", ">"), ("${", "}"), ("{{", "}}"), ("[", "]"), ("%(", ")")]
        .iter()
        .any(|(open, close)| small.starts_with(open) && small.ends_with(close));
    let looks = WHOLE.contains(&small.as_str())
        || (enclosed && text.len() <= 64 && !text.contains(['"', '\'']))
        || (text.len() >= 3
            && text.chars().all(|c| matches!(c, 'x' | 'X' | '*' | '.' | '-' | '_')))
        || (text.len() <= 64 && {
            let letters: String = small.chars().filter(char::is_ascii_alphanumeric).collect();
            PARTS.iter().any(|part| letters.contains(part))
        })
        || text.trim_start_matches('$').eq_ignore_ascii_case(variable);
    looks.then(|| {
        format!(
            "spec.value looks like a placeholder and not like a credential; it was stored. Give the \
             real value of {variable} when you have it"
        )
    })
}

fn quoted(value: &str) -> Option<String> {
    let text = value.trim();
    let quoted = ['"', '\'', '`']
        .iter()
        .any(|quote| text.len() >= 3 && text.starts_with(*quote) && text.ends_with(*quote));
    quoted.then(|| {
        "spec.value begins and ends with quotation marks, and functions get them as part of it"
            .into()
    })
}

/// A test key where people pay, or a live one where people try.
fn wrong_side(environment: &str, value: &str) -> Option<String> {
    const TEST_KEYS: [&str; 6] =
        ["sk_test_", "pk_test_", "rk_test_", "test_", "sandbox_", "FLWSECK_TEST-"];
    const LIVE_KEYS: [&str; 5] = ["sk_live_", "pk_live_", "rk_live_", "live_", "production_"];
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| value.trim().starts_with(prefix));
    let (what, advice) = match side(environment)? {
        Side::Production if begins(&TEST_KEYS) => ("a test key", "give the live one"),
        Side::Test if begins(&LIVE_KEYS) => ("a live key", "give a test key"),
        _ => return None,
    };
    Some(format!(
        "spec.value is plainly {what}, but this secret is for the environment {environment}: {advice}"
    ))
}

enum Side {
    Production,
    Test,
}

fn side(environment: &str) -> Option<Side> {
    const PRODUCTION: [&str; 4] = ["production", "prod", "prd", "live"];
    const TEST: [&str; 17] = [
        "test",
        "tests",
        "testing",
        "dev",
        "develop",
        "development",
        "stage",
        "staging",
        "stg",
        "sandbox",
        "ci",
        "qa",
        "uat",
        "preview",
        "local",
        "demo",
        "e2e",
    ];
    const NOT: [&str; 4] = ["non", "not", "pre", "no"];
    let has = |words: &[&str]| environment.split('-').any(|word| words.contains(&word));
    match (has(&TEST), has(&PRODUCTION), has(&NOT)) {
        (true, ..) => Some(Side::Test),
        (false, true, false) => Some(Side::Production),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_every_credential_are_told() {
        for name in [
            "KEY1",
            "key1",
            "SECRET",
            "API_KEY",
            "TOKEN",
            "PASSWORD",
            "FOO",
            "MY_SECRET_KEY",
            "Secret2",
            "ACCESS_TOKEN_2",
            "X",
            "K1",
        ] {
            assert!(says_nothing(name).is_some(), "{name}");
        }
        for name in [
            "SENDGRID_API_KEY",
            "STRIPE_KEY",
            "DATABASE_URL",
            "SMTP_PASSWORD",
            "S3_KEY",
            "GH_TOKEN",
        ] {
            assert!(says_nothing(name).is_none(), "{name}");
        }
    }

    #[test]
    fn placeholders_are_told_and_credentials_are_not() {
        for value in [
            "<your key>",
            "changeme",
            "CHANGEME",
            "xxx",
            "XXXXXXXX",
            "****",
            "YOUR_API_KEY",
            "your-api-key-here",
            "REPLACE_ME",
            "replace with your token",
            "${OPENAI_API_KEY}",
            "{{ key }}",
            "todo",
            "null",
            "OPENAI_API_KEY",
            "$OPENAI_API_KEY",
            "sk-your-api-key",
            " test\n",
        ] {
            assert!(placeholder("OPENAI_API_KEY", value).is_some(), "{value}");
        }
        for value in [
            "sk-proj-abc123xyz789",
            "hunter2",
            "postgres://app:pw@db/app",
            "{\"type\":\"x\"}",
            "SG.abc.def",
            "testimony",
            "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----",
            "[\"a\",\"b\"]",
        ] {
            assert!(placeholder("OPENAI_API_KEY", value).is_none(), "{value}");
        }
    }

    #[test]
    fn white_space_at_the_ends_is_told() {
        let told = |value, word: &str| white_space(value).is_some_and(|text| text.contains(word));
        assert!(told("key\n", "line break") && told("key\r\n", "line break"));
        assert!(told(" key", "white space") && told("key ", "white space"));
        assert!(told(" key\n", "white space"));
        assert!(white_space("a key").is_none() && white_space("a\nb").is_none());
    }

    #[test]
    fn quotation_marks_around_a_value_are_told() {
        assert!(quoted("\"sk-1\"").is_some() && quoted("'sk-1'\n").is_some());
        assert!(quoted("it's").is_none() && quoted("\"").is_none());
    }

    #[test]
    fn a_test_key_in_production_and_a_live_key_in_test_are_told() {
        let table = [
            ("production", "sk_test_1", true),
            ("prod", "rk_test_1", true),
            ("live-eu", "pk_test_1", true),
            ("test", "sk_live_1", true),
            ("staging", "live_1", true),
            ("pre-production-test", "sk_live_1", true),
            ("production", "sk_live_1", false),
            ("test", "sk_test_1", false),
            ("pre-production", "sk_test_1", false),
            ("reproduction", "sk_test_1", false),
            ("blue", "sk_test_1", false),
            ("production", "my sk_test_1", false),
        ];
        for (environment, value, told) in table {
            assert_eq!(wrong_side(environment, value).is_some(), told, "{environment} {value}");
        }
    }
}
