//! Why there is no page, with the way out.

use super::super::frame::Problem;
use crate::account::Error;

pub(crate) struct Problems {
    pub(crate) back: &'static str,
    not_signed_in: (&'static str, &'static str),
    no_such_page: (&'static str, &'static str),
    bad_form: (&'static str, &'static str),
    forbidden: (&'static str, &'static str),
    not_found: (&'static str, &'static str),
    unfit: &'static str,
    changed: (&'static str, &'static str),
    refused: &'static str,
    not_logged_in: (&'static str, &'static str),
    unreachable: (&'static str, &'static str),
}

impl Problems {
    /// A title and the rest.
    pub(crate) fn of(&self, problem: &Problem) -> (&'static str, String) {
        let plain = |(title, rest): (&'static str, &'static str)| (title, rest.to_owned());
        match problem {
            Problem::NotSignedIn => plain(self.not_signed_in),
            Problem::NoSuchPage => plain(self.no_such_page),
            Problem::BadForm => plain(self.bad_form),
            Problem::Account(error) => match &**error {
                Error::Forbidden(_) | Error::NotTheOperators(_) => plain(self.forbidden),
                Error::NotFound { .. } => plain(self.not_found),
                Error::Unfit(why) => (self.unfit, why.to_string()),
                Error::Changed(_) => plain(self.changed),
                Error::Refused(why) | Error::Invalid(why) => (self.refused, why.clone()),
                Error::NotLoggedIn => plain(self.not_logged_in),
                Error::Unreachable(_) | Error::NotLive(_) => plain(self.unreachable),
            },
        }
    }
}

pub(crate) const EN: Problems = Problems {
    back: "Back to the accounts",
    not_signed_in: ("You are not signed in", "Sign in to go on."),
    no_such_page: ("There is no such page", "The address may have been cut or mistyped."),
    bad_form: (
        "That form can't be taken",
        "It was not made by this page, or by an older one. Load the page anew and try again. \
         Nothing was changed.",
    ),
    forbidden: (
        "You have no right to that",
        "Whoever administers the account can give it: the ClusterRole kliv-secrets-viewer lets \
         people read, kliv-secrets-editor write.",
    ),
    not_found: ("It is not there", "It may have been deleted, or you may not see it."),
    unfit: "That can't be done",
    changed: (
        "Somebody else was quicker",
        "The secret was changed at the same moment. Look at it and try again. Nothing was \
         changed by you.",
    ),
    refused: "The cluster refuses that",
    not_logged_in: ("Your sign-in has run out", "Sign in anew to go on."),
    unreachable: (
        "The cluster does not answer",
        "That may pass by itself: try again in a moment. Functions keep what they have.",
    ),
};

pub(crate) const SV: Problems = Problems {
    back: "Tillbaka till kontona",
    not_signed_in: ("Du är inte inloggad", "Logga in för att fortsätta."),
    no_such_page: ("Sidan finns inte", "Adressen kan vara avklippt eller felskriven."),
    bad_form: (
        "Formuläret kan inte tas emot",
        "Det gjordes inte av den här sidan, eller av en äldre. Ladda om sidan och försök igen. \
         Ingenting ändrades.",
    ),
    forbidden: (
        "Du har inte rätt till det",
        "Den som förvaltar kontot kan ge dig den: ClusterRole kliv-secrets-viewer ger rätt att \
         läsa, kliv-secrets-editor rätt att skriva.",
    ),
    not_found: ("Det finns inte", "Det kan ha tagits bort, eller så får du inte se det."),
    unfit: "Det går inte",
    changed: (
        "Någon annan hann före",
        "Hemligheten ändrades i samma stund. Titta på den och försök igen. Du har inte ändrat \
         något.",
    ),
    refused: "Klustret tillåter det inte",
    not_logged_in: ("Din inloggning har gått ut", "Logga in igen för att fortsätta."),
    unreachable: (
        "Klustret svarar inte",
        "Det kan gå över av sig självt: försök igen om en stund. Funktionerna behåller det de \
         har.",
    ),
};
