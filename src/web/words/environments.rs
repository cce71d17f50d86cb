//! Names × environments of an account.

use super::state::NO_ENVIRONMENT;

pub(crate) struct Environments {
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) caption: &'static str,
    pub(crate) name: &'static str,
    pub(crate) every: &'static str,
    pub(crate) falls_back: &'static str,
    pub(crate) missing: &'static str,
    pub(crate) same: &'static str,
    /// Of a name, and an environment; "" is none.
    pub(crate) add: fn(&str, &str) -> String,
    pub(crate) empty: &'static str,
    pub(crate) to_secrets: &'static str,
}

pub(crate) const EN: Environments = Environments {
    title: "Environments",
    about: "Which name has a value where. A function gets the value of its own environment; where \
            there is none, the one without environment.",
    caption: "Names by environment",
    name: "Name",
    every: NO_ENVIRONMENT.0,
    falls_back: "as without environment",
    missing: "missing",
    same: "same value elsewhere",
    add: |name, environment| match environment {
        "" => format!("Add {name} without environment"),
        environment => format!("Add {name} for {environment}"),
    },
    empty: "There are no secrets yet.",
    to_secrets: "To the secrets",
};

pub(crate) const SV: Environments = Environments {
    title: "Miljöer",
    about: "Var varje namn har ett värde. En funktion får värdet för sin egen miljö; finns inget \
            sådant får den det som är utan miljö.",
    caption: "Namn och miljöer",
    name: "Namn",
    every: NO_ENVIRONMENT.1,
    falls_back: "som utan miljö",
    missing: "saknas",
    same: "samma värde på flera ställen",
    add: |name, environment| match environment {
        "" => format!("Lägg till {name} utan miljö"),
        environment => format!("Lägg till {name} för {environment}"),
    },
    empty: "Det finns inga hemligheter än.",
    to_secrets: "Till hemligheterna",
};
