//! Which kinds of warnings there are. An [`Odd`] is a kind, an
//! [`Oddity`](super::warning::Oddity) one with what it names, and a [`Warning`] its text in a
//! status.

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

impl Warning {
    /// Which kind, where it is one that is known here.
    #[must_use]
    pub fn odd(&self) -> Option<Odd> {
        Odd::named(&self.reason)
    }
}
