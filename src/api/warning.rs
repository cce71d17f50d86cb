//! What is odd about a secret, in the same words at every door, with the way out.
//!
//! ```text
//!  admission   what a write shows ────┐
//!  reconcile   what only time, the    ├─► Oddity ─► Warning { reason, message }
//!              other secrets and the  │
//!              functions show ────────┘
//! ```
//!
//! To add one: a case of [`Odd`] with its word, a case of [`Oddity`] with its text, and the
//! place that finds it.
//! No text quotes a value. Those of the front door stay under 256 bytes, since the API server
//! cuts them; the CRD takes 512 characters.

use k8s_openapi::jiff::Timestamp;

use super::Warning;
use super::odd::Odd;
use super::purpose::Purpose;
use super::recognise::{Mode, Recognised};
use super::text::harmless;
use crate::seal::Plaintext;

/// Something odd about a secret. It works all the same. The words are API: they never
/// change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Oddity {
    /// There is no value yet.
    AwaitingValue,
    /// Its provider takes it no more.
    Expired {
        /// Since when.
        on: Timestamp,
    },
    /// Its provider will soon take it no more.
    ExpiresSoon {
        /// From when on.
        on: Timestamp,
    },
    /// A new value should have come.
    RotationDue {
        /// When.
        on: Timestamp,
    },
    /// A live key where people try things out.
    LiveKeyOutsideProduction {
        /// What the value is.
        what: Recognised,
        /// The environment.
        environment: String,
    },
    /// A test key where people pay.
    TestKeyInProduction {
        /// What the value is.
        what: Recognised,
        /// The environment.
        environment: String,
    },
    /// The same value stands in other environments, too; "" is none.
    SameValueInEnvironments(Vec<String>),
    /// White space at its ends.
    WhiteSpace(WhiteSpace),
    /// A function requires a variable that is not there, and this one is called nearly so.
    RequiredNameMissing {
        /// The function.
        function: String,
        /// What it requires.
        name: String,
        /// The variable of this secret.
        nearest: String,
    },
    /// No function gets it.
    Unused,
    /// Its name would fit every credential.
    NameSaysNothing {
        /// The variable.
        name: String,
    },
    /// Nobody has said what it is for.
    NoDescription,
}

/// Which white space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhiteSpace {
    /// A line break at the end.
    LineBreak,
    /// Any other.
    Other,
}

/// How many environments are named.
const NAMED: usize = 3;
/// The longest name that is told, characters.
const LONGEST: usize = 64;

impl Oddity {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Odd {
        match self {
            Self::AwaitingValue => Odd::AwaitingValue,
            Self::Expired { .. } => Odd::Expired,
            Self::ExpiresSoon { .. } => Odd::ExpiresSoon,
            Self::RotationDue { .. } => Odd::RotationDue,
            Self::LiveKeyOutsideProduction { .. } => Odd::LiveKeyOutsideProduction,
            Self::TestKeyInProduction { .. } => Odd::TestKeyInProduction,
            Self::SameValueInEnvironments(_) => Odd::SameValueInEnvironments,
            Self::WhiteSpace(_) => Odd::WhiteSpace,
            Self::RequiredNameMissing { .. } => Odd::RequiredNameMissing,
            Self::Unused => Odd::Unused,
            Self::NameSaysNothing { .. } => Odd::NameSaysNothing,
            Self::NoDescription => Odd::NoDescription,
        }
    }

    /// The word in `status.warnings[].reason`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.kind().as_str()
    }

    /// What it means, and the way out.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::AwaitingValue => "waits for its value: set spec.value".into(),
            Self::Expired { on } => format!(
                "it expired on {}: set a new value, and spec.expirationTime with it",
                day(*on)
            ),
            Self::ExpiresSoon { on } => format!(
                "it expires on {}: set a new value before, and spec.expirationTime with it",
                day(*on)
            ),
            Self::RotationDue { on } => format!(
                "a new value was due on {}, as spec.rotateAfterDays says: make one at the provider \
                 and set it",
                day(*on)
            ),
            Self::LiveKeyOutsideProduction { what, environment } => format!(
                "the value is plainly a {what}, but this secret is for the environment \
                 {environment}: give a test key"
            ),
            Self::TestKeyInProduction { what, environment } => format!(
                "the value is plainly a {what}, but this secret is for the environment \
                 {environment}: give the live one"
            ),
            Self::SameValueInEnvironments(others) => format!(
                "the same value stands in {}: give each environment a key of its own, so that one \
                 can be replaced without the other",
                environments(others)
            ),
            Self::WhiteSpace(WhiteSpace::LineBreak) => {
                "the value ends with a line break, and functions get it with it; most services \
                 refuse such a key. In YAML write 'value: |-' instead of 'value: |', in a shell \
                 use printf '%s'"
                    .into()
            }
            Self::WhiteSpace(WhiteSpace::Other) => {
                "the value begins or ends with white space, and functions get it with it; most \
                 services refuse such a key"
                    .into()
            }
            Self::RequiredNameMissing { function, name, nearest } => format!(
                "function {} requires {}, which is not there; did you mean {nearest}? Set {}, or \
                 correct the function's annotation secrets.kliv.dev/requires",
                harmless(function, LONGEST),
                harmless(name, LONGEST),
                harmless(name, LONGEST)
            ),
            Self::Unused => {
                "no function gets it: deploy the one that needs it, or delete the secret".into()
            }
            Self::NameSaysNothing { name } => format!(
                "the name {name} says nothing about what it opens; name it after the service, e.g. \
                 SENDGRID_API_KEY"
            ),
            Self::NoDescription => {
                "has no description: say in spec.description what it is for and whom to ask".into()
            }
        }
    }
}

impl From<&Oddity> for Warning {
    fn from(odd: &Oddity) -> Self {
        Self { reason: odd.reason().into(), message: odd.message() }
    }
}

fn day(time: Timestamp) -> impl std::fmt::Display {
    time.strftime("%Y-%m-%d")
}

fn environments(names: &[String]) -> String {
    let called = |name: &String| match name.as_str() {
        "" => "the secret without environment".to_owned(),
        name => format!("the environment {name}"),
    };
    let mut told: Vec<String> = names.iter().take(NAMED).map(called).collect();
    if let more @ 1.. = names.len().saturating_sub(NAMED) {
        told.push(format!("{more} more"));
    }
    told.join(", ")
}

/// White space at the ends of a value.
#[must_use]
pub fn white_space(value: &Plaintext) -> Option<WhiteSpace> {
    let text = std::str::from_utf8(expose(value)).ok()?;
    if text.trim().len() == text.len() {
        return None;
    }
    let line = text.trim_end_matches(['\r', '\n']);
    Some(if line.trim().len() == line.len() { WhiteSpace::LineBreak } else { WhiteSpace::Other })
}

#[expect(clippy::disallowed_methods, reason = "white space is told by looking at the ends")]
fn expose(value: &Plaintext) -> &[u8] {
    value.expose()
}

/// Words that fit every credential.
pub(crate) const SAY_NOTHING: [&str; 42] = [
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

/// A name made only of words that fit every credential.
#[must_use]
pub fn says_nothing(name: &str) -> Option<Oddity> {
    let capitals = name.to_ascii_uppercase();
    let fits_all = capitals.split('_').all(|word| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        word.is_empty() || SAY_NOTHING.contains(&word)
    });
    (name.len() <= 2 || fits_all).then(|| Oddity::NameSaysNothing { name: name.to_owned() })
}

/// A test key where people pay, or a live one where people try.
#[must_use]
pub fn wrong_side(environment: &str, what: Recognised) -> Option<Oddity> {
    let (purpose, environment) = (Purpose::of(Some(environment)), environment.to_owned());
    match (purpose, what.mode) {
        (Purpose::Production, Mode::Test) => {
            Some(Oddity::TestKeyInProduction { what, environment })
        }
        (Purpose::Test, Mode::Live) => Some(Oddity::LiveKeyOutsideProduction { what, environment }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::recognise;
    use super::*;

    fn plain(text: &str) -> Plaintext {
        Plaintext::new(text.into())
    }

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
    fn white_space_at_the_ends_is_told() {
        for (value, told) in [
            ("key\n", Some(WhiteSpace::LineBreak)),
            ("key\r\n", Some(WhiteSpace::LineBreak)),
            (" key", Some(WhiteSpace::Other)),
            ("key ", Some(WhiteSpace::Other)),
            (" key\n", Some(WhiteSpace::Other)),
            ("a key", None),
            ("a\nb", None),
        ] {
            assert_eq!(white_space(&plain(value)), told, "{value:?}");
        }
    }

    #[test]
    fn a_test_key_in_production_and_a_live_key_in_test_are_told() {
        let table = [
            ("production", "sk_test_1", true),
            ("prod", "rk_test_1", true),
            ("live-eu", "pk_test_1", true),
            ("test", "sk_live_1", true),
            ("staging", "live_1", true),
            ("prod2", "sk_test_1", true),
            ("test2", "sk_live_1", true),
            ("pre-production-test", "sk_live_1", false),
            ("non-test", "sk_live_1", false),
            ("production", "sk_live_1", false),
            ("test", "sk_test_1", false),
            ("pre-production", "sk_test_1", false),
            ("reproduction", "sk_test_1", false),
            ("blue", "sk_test_1", false),
            ("production", "my sk_test_1", false),
        ];
        for (environment, value, told) in table {
            let odd = recognise(&plain(value)).and_then(|what| wrong_side(environment, what));
            assert_eq!(odd.is_some(), told, "{environment} {value}");
        }
    }

    #[test]
    fn every_text_fits_and_shows_what_is_hostile_as_what_it_is() {
        let long = |c: &str| c.repeat(300);
        let what = recognise(&plain("access_token$production$x")).expect("known");
        let on = Timestamp::UNIX_EPOCH;
        let environment = "e".repeat(63);
        let all = [
            Oddity::AwaitingValue,
            Oddity::Expired { on },
            Oddity::ExpiresSoon { on },
            Oddity::LiveKeyOutsideProduction { what, environment: environment.clone() },
            Oddity::NameSaysNothing { name: "A".repeat(128) },
            Oddity::NoDescription,
            Oddity::RequiredNameMissing {
                function: long("f"),
                name: long("\u{202e}"),
                nearest: "N".repeat(64),
            },
            Oddity::RotationDue { on },
            Oddity::SameValueInEnvironments(vec![environment.clone(); 31]),
            Oddity::TestKeyInProduction { what, environment },
            Oddity::Unused,
            Oddity::WhiteSpace(WhiteSpace::LineBreak),
        ];
        assert_eq!(all.each_ref().map(Oddity::kind), Odd::ALL);
        for odd in &all {
            let text = odd.message();
            assert!(text.chars().count() <= 512, "{text}");
            assert!(!text.contains('\u{202e}'), "{text}");
            let at_the_door = matches!(
                odd,
                Oddity::WhiteSpace(_)
                    | Oddity::NameSaysNothing { .. }
                    | Oddity::LiveKeyOutsideProduction { .. }
                    | Oddity::TestKeyInProduction { .. }
            );
            assert!(!at_the_door || text.len() <= 256, "{text}");
        }
        let same = Oddity::SameValueInEnvironments(["", "a", "b", "c", "d"].map(Into::into).into());
        let says =
            "in the secret without environment, the environment a, the environment b, 2 more:";
        assert!(same.message().contains(says), "{}", same.message());
    }
}
