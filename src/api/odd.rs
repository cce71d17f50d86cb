//! Warnings as they are read: which kind one is, and what it names. Doors with words of
//! their own need no more.

use super::Warning;

/// Which kind of oddity. The words are API: they never change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Odd {
    /// There is no value yet.
    AwaitingValue,
    /// Its provider takes it no more.
    Expired,
    /// Its provider will soon take it no more.
    ExpiresSoon,
    /// A live key where people try things out.
    LiveKeyOutsideProduction,
    /// Its name would fit every credential.
    NameSaysNothing,
    /// Nobody has said what it is for.
    NoDescription,
    /// A function requires a variable that is not there, and this one is called nearly so.
    RequiredNameMissing,
    /// A new value should have come.
    RotationDue,
    /// The same value stands in other environments, too.
    SameValueInEnvironments,
    /// A test key where people pay.
    TestKeyInProduction,
    /// No function gets it.
    Unused,
    /// White space at its ends.
    WhiteSpace,
}

impl Odd {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::AwaitingValue,
        Self::Expired,
        Self::ExpiresSoon,
        Self::LiveKeyOutsideProduction,
        Self::NameSaysNothing,
        Self::NoDescription,
        Self::RequiredNameMissing,
        Self::RotationDue,
        Self::SameValueInEnvironments,
        Self::TestKeyInProduction,
        Self::Unused,
        Self::WhiteSpace,
    ];

    /// The word in `status.warnings[].reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingValue => "AwaitingValue",
            Self::Expired => "Expired",
            Self::ExpiresSoon => "ExpiresSoon",
            Self::LiveKeyOutsideProduction => "LiveKeyOutsideProduction",
            Self::NameSaysNothing => "NameSaysNothing",
            Self::NoDescription => "NoDescription",
            Self::RequiredNameMissing => "RequiredNameMissing",
            Self::RotationDue => "RotationDue",
            Self::SameValueInEnvironments => "SameValueInEnvironments",
            Self::TestKeyInProduction => "TestKeyInProduction",
            Self::Unused => "Unused",
            Self::WhiteSpace => "WhiteSpace",
        }
    }

    /// The kind of this word, where it is one.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|odd| odd.as_str() == word)
    }
}

/// A function that requires a variable which is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Requires<'a> {
    /// The function.
    pub function: &'a str,
    /// What it requires.
    pub name: &'a str,
    /// What it may mean.
    pub nearest: &'a str,
}

impl Warning {
    /// Which kind, where it is one that is known here.
    #[must_use]
    pub fn odd(&self) -> Option<Odd> {
        Odd::named(&self.reason)
    }

    /// Of [`Odd::RequiredNameMissing`]: who requires what.
    #[must_use]
    pub fn requires(&self) -> Option<Requires<'_>> {
        let (function, rest) = self.message.strip_prefix("function ")?.split_once(" requires ")?;
        let (name, rest) = rest.split_once(", which is not there; did you mean ")?;
        let (nearest, _) = rest.split_once('?')?;
        Some(Requires { function, name, nearest })
    }

    /// Of [`Odd::SameValueInEnvironments`]: those that are named, "" for none; and how many
    /// more there are.
    #[must_use]
    pub fn same_value_in(&self) -> Option<(Vec<&str>, usize)> {
        let list = self.message.strip_prefix("the same value stands in ")?.split_once(':')?.0;
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
}

#[cfg(test)]
mod tests {
    use super::super::warning::Oddity;
    use super::*;

    #[test]
    fn what_a_warning_names_is_read_as_it_was_written() {
        let odd = Oddity::RequiredNameMissing {
            function: "mail".into(),
            name: "SENDGRID_KEY".into(),
            nearest: "SENDGRID_API_KEY".into(),
        };
        let warning = Warning::from(&odd);
        assert_eq!(warning.odd(), Some(Odd::RequiredNameMissing));
        let nearest = "SENDGRID_API_KEY";
        let requires = Requires { function: "mail", name: "SENDGRID_KEY", nearest };
        assert_eq!(warning.requires(), Some(requires));
        assert_eq!(warning.same_value_in(), None);

        let same = |all: &[&str]| {
            let all = all.iter().map(|e| (*e).to_owned()).collect();
            Warning::from(&Oddity::SameValueInEnvironments(all))
        };
        assert_eq!(same(&["test"]).same_value_in(), Some((vec!["test"], 0)));
        assert_eq!(same(&["", "a", "b", "c", "d"]).same_value_in(), Some((vec!["", "a", "b"], 2)));
        let unknown = Warning { reason: "New".into(), message: "m".into() };
        assert_eq!((unknown.odd(), unknown.requires()), (None, None));
    }
}
