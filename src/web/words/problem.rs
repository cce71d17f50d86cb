//! Why there is no page, or why something was not done, with the way out.

use super::super::frame::Problem;
use super::super::guard::Refusal;
use super::Language;
use crate::account::{Asked, Error, Invalid, NotTaken, Unfit};
use crate::api::names::MAX_SECRETS;

/// A title and the rest.
type Text = (&'static str, &'static str);

pub(crate) struct Problems {
    pub(crate) back: &'static str,
    not_signed_in: Text,
    no_such_page: Text,
    bad_form: Text,
    in_the_clear: Text,
    wrong_host: Text,
    other_site: Text,
    too_often: Text,
    too_large: Text,
    late: Text,
    broken: Text,
    forbidden: Text,
    not_found: Text,
    unfit: &'static str,
    changed: Text,
    refused: &'static str,
    not_logged_in: Text,
    unreachable: Text,
}

/// What is told of a problem.
pub(crate) fn words(problem: &Problem, language: Language) -> (&'static str, String) {
    let t = &language.words().problem;
    let plain = |(title, rest): Text| (title, rest.to_owned());
    match problem {
        Problem::NotSignedIn => plain(t.not_signed_in),
        Problem::NoSuchPage => plain(t.no_such_page),
        Problem::InTheClear => plain(t.in_the_clear),
        Problem::Refused(Refusal::Host) => plain(t.wrong_host),
        Problem::Refused(Refusal::Site) => plain(t.other_site),
        Problem::BadForm | Problem::Refused(Refusal::Method | Refusal::ContentType) => {
            plain(t.bad_form)
        }
        Problem::TooOften => plain(t.too_often),
        Problem::TooLarge => plain(t.too_large),
        Problem::Late => plain(t.late),
        Problem::Broken => plain(t.broken),
        Problem::Account(error) => match &**error {
            Error::Forbidden(right) | Error::NotTheOperators(right) => {
                (t.forbidden.0, forbidden(t, right.asked.as_deref(), language))
            }
            Error::NotFound { .. } => plain(t.not_found),
            Error::Unfit(why) => (t.unfit, unfit(why, language)),
            Error::NotTaken(why) => (t.unfit, not_taken(why, language).to_owned()),
            Error::Changed(_) => plain(t.changed),
            // The cluster's own words, in its own language.
            Error::Refused(why) => (t.refused, why.clone()),
            Error::Invalid(why) => (t.unfit, invalid(why, language)),
            Error::NotLoggedIn => plain(t.not_logged_in),
            // What is waited for, pages show themselves.
            Error::Unreachable(_) | Error::NotLive(_) | Error::TooMuch(_) => plain(t.unreachable),
        },
    }
}

/// Names the right, where that could be understood.
fn forbidden(t: &Problems, asked: Option<&Asked>, language: Language) -> String {
    let Some(Asked { verb, resource, namespace, .. }) = asked else {
        return t.forbidden.1.to_owned();
    };
    let place = match (namespace, language) {
        (Some(name), Language::English) => format!(" in the namespace {name}"),
        (Some(name), Language::Swedish) => format!(" i namnrymden {name}"),
        (None, Language::English) => " in all namespaces".to_owned(),
        (None, Language::Swedish) => " i alla namnrymder".to_owned(),
    };
    let lacking = match language {
        Language::English => "What is missing is the right",
        Language::Swedish => "Det som saknas är rätten",
    };
    format!("{} {lacking}: {verb} {resource}{place}.", t.forbidden.1)
}

fn unfit(why: &Unfit, language: Language) -> String {
    if language == Language::English {
        return format!("{why}.");
    }
    match why {
        Unfit::NoValue(name) => {
            format!("{name} har inget värde än, så det finns inget att byta ut.")
        }
        Unfit::HasValue(name) => format!("{name} har redan sitt värde."),
        Unfit::NotAsked(name) => format!("Ingen ber om {name}."),
        Unfit::DeletionProposed(name) => {
            format!("Ingen ber om ett värde för {name}: det föreslås att den tas bort.")
        }
        Unfit::Exists(name) => format!("{name} finns redan."),
        Unfit::NoHistory(name) => {
            format!("{name} har inte haft något värde än: det finns inget att återställa.")
        }
        Unfit::InUse { name, version } => {
            format!("Version {version} av {name} är den som används.")
        }
        Unfit::NoVersion { name, version, newest } => {
            format!("{name} har inte haft någon version {version}: den senaste är {newest}.")
        }
        Unfit::Purged { name, version, before } => format!(
            "Version {version} av {name} finns inte kvar: värden som förseglades före {before} \
             har läckt ut och är borta för gott."
        ),
        Unfit::NotKept { name, version } => format!(
            "Version {version} av {name} finns inte kvar: de fem senaste sparas, upp till 128 KiB."
        ),
        Unfit::NoFunction { name, label } => {
            format!("{name} är ingen funktion i kontot: den saknar etiketten {label}.")
        }
        Unfit::NotManual(name) => {
            format!("{name} tar nya uppsättningar av sig själv: den behöver inte bli tillsagd.")
        }
        Unfit::Clashes(count) => format!(
            "Ingenting skrevs: {count} av namnen krockar med variabler som bara skiljer sig i \
             stora och små bokstäver."
        ),
        Unfit::TooMany { there, new } => format!(
            "Kontot har {there} hemligheter, och med {new} till skulle det ha fler än \
             {MAX_SECRETS}, som är gränsen. Ta bort dem som inte används."
        ),
        Unfit::NothingPublished(name) => {
            format!("Ingenting är publicerat för {name} än.")
        }
    }
}

fn not_taken(why: &NotTaken, language: Language) -> &'static str {
    let (english, swedish) = match why {
        NotTaken::Malformed(_) | NotTaken::Time => (
            "What was sent is no sealed value of this page. Load the page anew and try again.",
            "Det som skickades är inget förseglat värde från den här sidan. Ladda om sidan och \
             försök igen.",
        ),
        NotTaken::AnotherKey => (
            "The cluster has another key by now. Load the page anew and type the value again.",
            "Klustret har en annan nyckel nu. Ladda om sidan och skriv värdet igen.",
        ),
        NotTaken::TooEarly => (
            "Somebody changed the secret after the value was sealed. Load the page anew and look \
             at it.",
            "Någon ändrade hemligheten efter att värdet förseglades. Ladda om sidan och titta \
             på den.",
        ),
        NotTaken::TooLate => (
            "The value was sealed with a time that is still to come. Load the page anew.",
            "Värdet förseglades med en tid i framtiden. Ladda om sidan.",
        ),
    };
    match language {
        Language::English => english,
        Language::Swedish => swedish,
    }
}

fn invalid(why: &Invalid, language: Language) -> String {
    if language == Language::English {
        return format!("{why}.");
    }
    match why {
        Invalid::Namespace => {
            "Så kan ingen namnrymd heta: små bokstäver, siffror och bindestreck, högst 63, till \
             exempel acme."
                .to_owned()
        }
        Invalid::Name(_) => {
            "Så kan den inte heta: små bokstäver, siffror, bindestreck och punkter, högst 253."
                .to_owned()
        }
        Invalid::OtherVariable { name, variable } => {
            format!(
                "Hemligheten {name} finns för variabeln {variable}: skriv namnet så, eller ta bort \
                 den först."
            )
        }
        Invalid::TooLarge => "Värdet är större än 64 KiB.".to_owned(),
        Invalid::Published => {
            "Den Secret publicerades av kliv-secrets: dess värden finns redan här.".to_owned()
        }
        Invalid::SealingKey { namespace, .. } => {
            format!("Den publika nyckeln i {namespace} går inte att läsa.")
        }
        Invalid::NoVersion => "Installationen anger ingen version.".to_owned(),
        Invalid::Unreadable(name) => {
            format!("Hemligheten {name} går inte att läsa.")
        }
    }
}

pub(crate) const EN: Problems = Problems {
    back: "Back to the accounts",
    not_signed_in: ("You are not signed in", "Sign in to go on."),
    no_such_page: ("There is no such page", "The address may have been cut or mistyped."),
    bad_form: (
        "That form can't be taken",
        "It comes from elsewhere, or from an older version of this page. Load the page anew and \
         try again. Nothing was changed.",
    ),
    in_the_clear: (
        "This page takes no value in the clear",
        "Values are sealed in the browser before anything is sent. What was sent here was not, \
         and nothing of it was kept. If it was a real value, it has been on its way in the \
         clear: replace it at its provider.",
    ),
    wrong_host: (
        "That address is not this page's",
        "Open it under the address that it was installed for.",
    ),
    other_site: (
        "Another site asked for that",
        "Only pages of this site may. Open it here and try again. Nothing was changed.",
    ),
    too_often: ("That was too often", "Wait a moment and try again. Nothing was changed."),
    too_large: ("That is too large", "Send less at once. Nothing was changed."),
    late: (
        "That took too long",
        "Look whether it was done before you try again: the cluster may still have done it.",
    ),
    broken: (
        "Something went wrong here",
        "Look whether it was done before you try again. Whoever runs the server finds more in \
         its log.",
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
        "Det kommer någon annanstans ifrån, eller från en äldre version av sidan. Ladda om sidan \
         och försök igen. Ingenting ändrades.",
    ),
    in_the_clear: (
        "Sidan tar inte emot värden i klartext",
        "Värden förseglas i webbläsaren innan något skickas. Det som skickades hit var inte \
         förseglat, och inget av det sparades. Om det var ett riktigt värde har det färdats i \
         klartext: byt ut det hos leverantören.",
    ),
    wrong_host: (
        "Den adressen är inte sidans",
        "Öppna sidan på den adress som den installerades för.",
    ),
    other_site: (
        "En annan webbplats bad om det",
        "Det får bara webbplatsens egna sidor göra. Öppna sidan här och försök igen. Ingenting \
         ändrades.",
    ),
    too_often: ("För många försök", "Vänta en stund och försök igen. Ingenting ändrades."),
    too_large: ("Det är för stort", "Skicka mindre åt gången. Ingenting ändrades."),
    late: (
        "Det tog för lång tid",
        "Titta efter om det blev gjort innan du försöker igen: klustret kan ha hunnit göra det.",
    ),
    broken: (
        "Något gick fel här",
        "Titta efter om det blev gjort innan du försöker igen. Den som driver servern hittar mer \
         i dess logg.",
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
