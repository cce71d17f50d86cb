//! A warning as it was meant, read from its text: for doors that say all of it in other words.

use k8s_openapi::jiff::Timestamp;

use super::warning::{Oddity, WhiteSpace};
use super::{Odd, Recognised, Warning, recognisable};

impl Oddity {
    /// What a warning of ours means; nothing where its text is not word for word ours, which
    /// an operator of another version may write. Environments that a text only counts come
    /// back as many, without their names.
    #[must_use]
    pub fn read(warning: &Warning) -> Option<Self> {
        let read = read(warning)?;
        (read.message() == warning.message).then_some(read)
    }
}

fn read(warning: &Warning) -> Option<Oddity> {
    let text = warning.message.as_str();
    Some(match warning.odd()? {
        Odd::AwaitingValue => Oddity::AwaitingValue,
        Odd::Expired => Oddity::Expired { on: day(between(text, "it expired on ", ": set")?)? },
        Odd::ExpiresSoon => {
            Oddity::ExpiresSoon { on: day(between(text, "it expires on ", ": set")?)? }
        }
        Odd::RotationDue => Oddity::RotationDue {
            on: day(between(text, "a new value was due on ", ", as spec.rotateAfterDays")?)?,
        },
        Odd::LiveKeyOutsideProduction => {
            let (what, environment) = key_and_environment(text, ": give a test key")?;
            Oddity::LiveKeyOutsideProduction { what, environment }
        }
        Odd::TestKeyInProduction => {
            let (what, environment) = key_and_environment(text, ": give the live one")?;
            Oddity::TestKeyInProduction { what, environment }
        }
        Odd::SameValueInEnvironments => {
            let (named, more) = same_value_in(text)?;
            let mut all: Vec<String> = named.into_iter().map(str::to_owned).collect();
            all.resize(all.len() + Some(more).filter(|more| *more < 1000)?, String::new());
            Oddity::SameValueInEnvironments(all)
        }
        Odd::WhiteSpace => {
            let both = [WhiteSpace::LineBreak, WhiteSpace::Other].map(Oddity::WhiteSpace);
            both.into_iter().find(|odd| odd.message() == text)?
        }
        Odd::RequiredNameMissing => {
            let (function, rest) = text.strip_prefix("function ")?.split_once(" requires ")?;
            let (name, rest) = rest.split_once(", which is not there; did you mean ")?;
            let (nearest, _) = rest.split_once('?')?;
            let [function, name, nearest] = [function, name, nearest].map(str::to_owned);
            Oddity::RequiredNameMissing { function, name, nearest }
        }
        Odd::Unused => Oddity::Unused,
        Odd::NameSaysNothing => Oddity::NameSaysNothing {
            name: between(text, "the name ", " says nothing about")?.to_owned(),
        },
        Odd::NoDescription => Oddity::NoDescription,
    })
}

/// The environments that are named, "" for none; and how many more there are.
fn same_value_in(text: &str) -> Option<(Vec<&str>, usize)> {
    let list = text.strip_prefix("the same value stands in ")?.split_once(':')?.0;
    let (mut named, mut more) = (Vec::new(), 0);
    for part in list.split(", ") {
        match (part.strip_prefix("the environment "), part.strip_suffix(" more")) {
            (Some(environment), _) => named.push(environment),
            (None, Some(count)) => more = count.parse().ok()?,
            _ => named.push(""),
        }
    }
    Some((named, more))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    Some(text.strip_prefix(before)?.split_once(after)?.0)
}

fn day(text: &str) -> Option<Timestamp> {
    format!("{text}T00:00:00Z").parse().ok()
}

fn key_and_environment(text: &str, end: &str) -> Option<(Recognised, String)> {
    let text = text.strip_prefix("the value is plainly a ")?.strip_suffix(end)?;
    let (what, environment) = text.split_once(", but this secret is for the environment ")?;
    let what = recognisable().find(|known| known.to_string() == what)?;
    Some((what, environment.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Oddity> {
        let on: Timestamp = "2026-11-29T00:00:00Z".parse().unwrap();
        let mut all = vec![
            Oddity::AwaitingValue,
            Oddity::Expired { on },
            Oddity::ExpiresSoon { on },
            Oddity::NameSaysNothing { name: "KEY1".into() },
            Oddity::NoDescription,
            Oddity::RequiredNameMissing {
                function: "mail".into(),
                name: "A_KEY".into(),
                nearest: "THE_KEY".into(),
            },
            Oddity::RotationDue { on },
            Oddity::SameValueInEnvironments(["", "test"].map(Into::into).into()),
            Oddity::Unused,
            Oddity::WhiteSpace(WhiteSpace::LineBreak),
            Oddity::WhiteSpace(WhiteSpace::Other),
        ];
        for what in recognisable() {
            let environment = "test".to_owned();
            all.push(Oddity::LiveKeyOutsideProduction { what, environment: environment.clone() });
            all.push(Oddity::TestKeyInProduction { what, environment });
        }
        all
    }

    #[test]
    fn every_warning_is_read_as_it_was_meant() {
        for odd in all() {
            let read = Oddity::read(&Warning::from(&odd));
            assert_eq!(read.as_ref().map(Oddity::message), Some(odd.message()));
        }
        let told: std::collections::BTreeSet<&str> = all().iter().map(Oddity::reason).collect();
        assert!(
            told.into_iter().eq(super::super::Odd::ALL.map(super::super::Odd::as_str)),
            "each reason is tried"
        );
    }

    #[test]
    fn environments_that_are_only_counted_are_counted() {
        let names = ["a", "b", "c", "d", "e"].map(String::from).to_vec();
        let read = Oddity::read(&Warning::from(&Oddity::SameValueInEnvironments(names)));
        let Some(Oddity::SameValueInEnvironments(read)) = read else { panic!("not read") };
        assert_eq!(read, ["a", "b", "c", "", ""]);
    }

    #[test]
    fn what_is_not_word_for_word_ours_is_not_read() {
        for (reason, message) in [
            ("Unused", "no function gets it"),
            ("Expired", "it expired on yesterday: set a new value"),
            (
                "SameValueInEnvironments",
                "the same value stands in 9999999999 more: give each environment",
            ),
            ("RequiredNameMissing", "function a requires b"),
            ("Other", "x"),
        ] {
            let warning = Warning { reason: reason.into(), message: message.into() };
            assert_eq!(Oddity::read(&warning), None, "{message}");
        }
    }
}
