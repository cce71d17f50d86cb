//! The secrets of an account.

use super::state::{NO_ENVIRONMENT, counted};

pub(crate) struct Secrets {
    pub(crate) title: &'static str,
    pub(crate) caption: &'static str,
    pub(crate) add: &'static str,
    pub(crate) may_only_read: &'static str,
    pub(crate) search: &'static str,
    pub(crate) environment: &'static str,
    pub(crate) any_environment: &'static str,
    pub(crate) every_environment: &'static str,
    pub(crate) state: &'static str,
    pub(crate) any_state: &'static str,
    pub(crate) due: &'static str,
    pub(crate) stuck: &'static str,
    pub(crate) warned: &'static str,
    pub(crate) sort: &'static str,
    pub(crate) by_name: &'static str,
    pub(crate) by_updated: &'static str,
    pub(crate) by_created: &'static str,
    pub(crate) by_state: &'static str,
    pub(crate) show: &'static str,
    pub(crate) show_all: &'static str,
    pub(crate) name: &'static str,
    pub(crate) value: &'static str,
    pub(crate) no_value: &'static str,
    pub(crate) updated: &'static str,
    pub(crate) created: &'static str,
    pub(crate) via: &'static str,
    pub(crate) functions: &'static str,
    pub(crate) more_behind: fn(usize) -> String,
    /// Of all so many are shown; as text, since a script fills the first in.
    pub(crate) shown: fn(&str, usize) -> String,
    pub(crate) all: fn(usize) -> String,
    pub(crate) none_found: &'static str,
    pub(crate) changed: &'static str,
    pub(crate) not_live: &'static str,
    pub(crate) empty: Empty,
}

/// What an account without secrets teaches.
pub(crate) struct Empty {
    pub(crate) title: &'static str,
    pub(crate) what: &'static str,
    pub(crate) names: &'static str,
    pub(crate) naming: &'static str,
    pub(crate) environments: &'static str,
    pub(crate) environing: &'static str,
    pub(crate) reading: &'static str,
    pub(crate) read: &'static str,
    pub(crate) first: &'static str,
    pub(crate) import: &'static str,
}

pub(crate) const EN: Secrets = Secrets {
    title: "Secrets",
    caption: "The account's secrets. Values are shown masked, never whole.",
    add: "Add a secret",
    may_only_read: "You may look at this account's secrets, but not change them. Whoever \
                    administers the account can give you the role kliv-secrets-editor.",
    search: "Search names and descriptions",
    environment: "Environment",
    any_environment: "any",
    every_environment: NO_ENVIRONMENT.0,
    state: "State",
    any_state: "any",
    due: "new value due",
    stuck: "needs somebody",
    warned: "with warnings",
    sort: "Order",
    by_name: "name",
    by_updated: "last updated",
    by_created: "newest",
    by_state: "what needs somebody first",
    show: "Show",
    show_all: "Show all",
    name: "Name",
    value: "Value",
    no_value: "no value yet",
    updated: "Updated",
    created: "Created",
    via: "via",
    functions: "Functions",
    more_behind: |more| format!("{more} more"),
    shown: |shown, total| format!("{shown} of {}", counted(total, "secret", "secrets")),
    all: |total| counted(total, "secret", "secrets"),
    none_found: "No secret matches.",
    changed: "The list has changed.",
    not_live: "The page does not update by itself right now. What you see may be old.",
    empty: Empty {
        title: "No secrets yet",
        what: "A secret is a key or password of another service: for email, payments, AI. Hand it \
               in once, and every function of this account has it as an environment variable. It \
               is stored encrypted and never shown again.",
        names: "A good name",
        naming: "Name it after the service, in capitals, so that everybody knows what it opens:",
        environments: "Environments",
        environing: "Without an environment it reaches every function. With one, e.g. production, \
                     only functions of that environment, for which it then comes first. Give each \
                     its own key.",
        reading: "In the function",
        read: "The name is the variable:",
        first: "Add the first secret",
        import: "Import a .env file",
    },
};

pub(crate) const SV: Secrets = Secrets {
    title: "Hemligheter",
    caption: "Kontots hemligheter. Värden visas maskerade, aldrig hela.",
    add: "Lägg till en hemlighet",
    may_only_read: "Du får se kontots hemligheter men inte ändra dem. Den som förvaltar kontot \
                    kan ge dig rollen kliv-secrets-editor.",
    search: "Sök bland namn och beskrivningar",
    environment: "Miljö",
    any_environment: "alla",
    every_environment: NO_ENVIRONMENT.1,
    state: "Läge",
    any_state: "alla",
    due: "dags för nytt värde",
    stuck: "behöver åtgärdas",
    warned: "med varningar",
    sort: "Ordning",
    by_name: "namn",
    by_updated: "senast uppdaterad",
    by_created: "nyast",
    by_state: "det som behöver åtgärdas först",
    show: "Visa",
    show_all: "Visa alla",
    name: "Namn",
    value: "Värde",
    no_value: "inget värde än",
    updated: "Uppdaterad",
    created: "Skapad",
    via: "via",
    functions: "Funktioner",
    more_behind: |more| format!("{more} till"),
    shown: |shown, total| format!("{shown} av {}", counted(total, "hemlighet", "hemligheter")),
    all: |total| counted(total, "hemlighet", "hemligheter"),
    none_found: "Ingen hemlighet matchar.",
    changed: "Listan har ändrats.",
    not_live: "Sidan uppdateras inte av sig själv just nu. Det du ser kan vara inaktuellt.",
    empty: Empty {
        title: "Inga hemligheter än",
        what: "En hemlighet är en nyckel eller ett lösenord till en annan tjänst: för e-post, \
               betalning, AI. Lämna in den en gång, så har alla kontots funktioner den som \
               miljövariabel. Den lagras krypterad och visas aldrig igen.",
        names: "Ett bra namn",
        naming: "Döp den efter tjänsten, med versaler, så att alla förstår vad den öppnar:",
        environments: "Miljöer",
        environing: "Utan miljö når den alla funktioner. Med en miljö, t.ex. production, når den \
                     bara funktionerna i den miljön och går där före. Ge varje miljö en egen \
                     nyckel.",
        reading: "I funktionen",
        read: "Namnet är variabeln:",
        first: "Lägg till den första hemligheten",
        import: "Importera en .env-fil",
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_are_shown_is_said_in_words() {
        assert_eq!([(EN.all)(1), (EN.shown)("2", 9)], ["1 secret", "2 of 9 secrets"]);
        assert_eq!([(SV.all)(1), (SV.shown)("2", 9)], ["1 hemlighet", "2 av 9 hemligheter"]);
    }
}
