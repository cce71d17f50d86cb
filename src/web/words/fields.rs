//! The fields that forms about a secret share.

use super::super::pages::fields::{Field, Wrong};
use super::super::rules::NameSays;
use super::state::NO_ENVIRONMENT;
use crate::account::NotTaken;

pub(crate) struct Fields {
    pub(crate) name: &'static str,
    pub(crate) name_hint: &'static str,
    pub(crate) environment: &'static str,
    pub(crate) environment_hint: &'static str,
    pub(crate) description: &'static str,
    pub(crate) description_hint: &'static str,
    pub(crate) value: &'static str,
    pub(crate) show: &'static str,
    pub(crate) hide: &'static str,
    pub(crate) many_lines: &'static str,
    pub(crate) once: &'static str,
    pub(crate) protects: &'static str,
    pub(crate) protects_not: &'static str,
    pub(crate) own_machine: &'static str,
    pub(crate) what_sealing_does: &'static str,
    pub(crate) no_key: &'static str,
    pub(crate) rotate_after: &'static str,
    pub(crate) days: &'static str,
    pub(crate) rotate_after_hint: &'static str,
    pub(crate) expires: &'static str,
    pub(crate) expires_hint: &'static str,
    pub(crate) optional: &'static str,
    pub(crate) every: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) wrong: &'static str,
    pub(crate) value_again: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) changed_meanwhile: &'static str,
    length: &'static str,
    no_name: &'static str,
    name_is_value: &'static str,
    name_too_long: &'static str,
    not_a_name: &'static str,
    reserved: &'static str,
    says_nothing: &'static str,
    taken: &'static str,
    bad_environment: &'static str,
    too_long: &'static str,
    no_value: &'static str,
    not_sealed: &'static str,
    another_key: &'static str,
    too_early: &'static str,
    too_late: &'static str,
    bad_length: &'static str,
    bad_days: &'static str,
    bad_date: &'static str,
}

impl Fields {
    /// What a field is called.
    pub(crate) fn called(&self, field: &Field) -> &'static str {
        match field {
            Field::Name => self.name,
            Field::Environment => self.environment,
            Field::Description => self.description,
            Field::Value => self.value,
            Field::Length => self.length,
            Field::RotateAfter => self.rotate_after,
            Field::Expires => self.expires,
        }
    }

    /// What is wrong with it, and the way out.
    pub(crate) fn says(&self, wrong: &Wrong) -> &'static str {
        match wrong {
            Wrong::Name(says) => self.name_says(*says),
            Wrong::Taken => self.taken,
            Wrong::Environment => self.bad_environment,
            Wrong::TooLong => self.too_long,
            Wrong::NoValue => self.no_value,
            Wrong::Unsealed(NotTaken::AnotherKey) => self.another_key,
            Wrong::Unsealed(NotTaken::TooEarly) => self.too_early,
            Wrong::Unsealed(NotTaken::TooLate) => self.too_late,
            Wrong::Unsealed(_) => self.not_sealed,
            Wrong::Length => self.bad_length,
            Wrong::Days => self.bad_days,
            Wrong::Date => self.bad_date,
        }
    }

    /// What there is to say of a name.
    pub(crate) fn name_says(&self, says: NameSays) -> &'static str {
        match says {
            NameSays::Empty => self.no_name,
            NameSays::LooksLikeValue => self.name_is_value,
            NameSays::TooLong => self.name_too_long,
            NameSays::NotAName => self.not_a_name,
            NameSays::Reserved => self.reserved,
            NameSays::SaysNothing => self.says_nothing,
        }
    }
}

pub(crate) const EN: Fields = Fields {
    name: "Name",
    name_hint: "The environment variable that functions read, named after the service: \
                STRIPE_API_KEY, SENDGRID_API_KEY, DATABASE_URL.",
    environment: "Environment",
    environment_hint: "E.g. test or production. Left empty, every function of the account gets \
                       the value. Give each environment a key of its own: a test key belongs in \
                       test, a production key only in production.",
    description: "Description",
    description_hint: "What it is for, where it comes from, whom to ask.",
    value: "Value",
    show: "Show",
    hide: "Hide",
    many_lines: "The value has several lines, e.g. a PEM key",
    once: "Once it is saved, nobody can have the value shown again, you included: only its mask, \
           such as sk-p****z789.",
    protects: "The value is sealed here, in your browser, before anything is sent, so that only \
               the controller in the cluster can open it. Logs, proxies, this server's memory, and \
               whoever breaks into this server later never see it.",
    protects_not: "It does not protect you against a server that alters this page while you type. \
                   For that there is kubectl kliv ui: its page comes from a program of your own.",
    own_machine: "This page comes from kubectl kliv on your own machine: no server can alter it.",
    what_sealing_does: "What this protects against, and what not",
    no_key: "The cluster's public key can't be read just now, so a value can't be sealed here. \
             Whoever runs the cluster finds out why with kubectl kliv doctor.",
    rotate_after: "Remind me to replace it",
    days: "days after each new value",
    rotate_after_hint: "A number from 1 to 3650. Many replace keys every 90 days.",
    expires: "Stops working on",
    expires_hint: "The day on which the credential ends at its provider, where it has one. You \
                   are warned before that.",
    optional: "optional",
    every: NO_ENVIRONMENT.0,
    cancel: "Cancel",
    wrong: "Nothing was saved yet. Please mend this:",
    value_again: "The value is never kept, so please type it again.",
    refused: "The cluster refuses that:",
    changed_meanwhile: "Somebody else changed this while you were here, so nothing of yours was \
                        saved. It is shown as it is now: look at it and try again.",
    length: "Length",
    no_name: "Give it a name.",
    name_is_value: "That looks like a value, not a name, so it was not kept. If it was a real \
                    one, replace it at its provider: names are not secret.",
    name_too_long: "A name has at most 128 characters.",
    not_a_name: "A name starts with a letter, ends with a letter or digit, and holds only \
                 letters, digits and underscores.",
    reserved: "This name is reserved: it would change how functions themselves run. Name it after \
               the service.",
    says_nothing: "That would fit every credential. Name it after the service, and others will \
                   know what it is.",
    taken: "There is one of this name in this environment. Update that one, or choose another \
            name.",
    bad_environment: "An environment is small letters, digits and dashes, at most 63, e.g. \
                      production.",
    too_long: "At most 1,024 characters.",
    no_value: "There is no value yet. Sealing it needs JavaScript in your browser.",
    not_sealed: "The value did not come sealed as it should. Type it again.",
    another_key: "The cluster has a new key since this page was loaded. Type the value again.",
    too_early: "The secret has changed since this page was loaded. Type the value again.",
    too_late: "The value was sealed with a time that is still to come. Type it again; if that \
               does not help, set the clock.",
    bad_length: "A number of characters from 16 to 512.",
    bad_days: "A number of days from 1 to 3650.",
    bad_date: "A day such as 2027-01-31.",
};

pub(crate) const SV: Fields = Fields {
    name: "Namn",
    name_hint: "Miljövariabeln som funktionerna läser, döpt efter tjänsten: STRIPE_API_KEY, \
                SENDGRID_API_KEY, DATABASE_URL.",
    environment: "Miljö",
    environment_hint: "Till exempel test eller production. Lämnar du fältet tomt får alla \
                       kontots funktioner värdet. Ge varje miljö en egen nyckel: testnycklar hör \
                       hemma i test, produktionsnycklar bara i produktion.",
    description: "Beskrivning",
    description_hint: "Vad den används till, var den kommer ifrån, vem man kan fråga.",
    value: "Värde",
    show: "Visa",
    hide: "Dölj",
    many_lines: "Värdet har flera rader, till exempel en PEM-nyckel",
    once: "När värdet är sparat kan ingen få se det igen, inte heller du: bara en mask, till \
           exempel sk-p****z789.",
    protects: "Värdet förseglas (krypteras) här, i din webbläsare, innan något skickas, och kan \
               bara öppnas av controllern i klustret. Loggar, proxyservrar, den här serverns \
               minne och den som senare bryter sig in i servern får aldrig se det.",
    protects_not: "Det skyddar inte mot en server som ändrar sidan medan du skriver. Använd \
                   kubectl kliv ui mot det: där kommer sidan från ditt eget program.",
    own_machine: "Sidan kommer från kubectl kliv på din egen dator: ingen server kan ändra den.",
    what_sealing_does: "Vad det skyddar mot, och vad det inte skyddar mot",
    no_key: "Klustrets publika nyckel går inte att läsa just nu, så inget värde kan förseglas \
             här. Den som sköter klustret ser varför med kubectl kliv doctor.",
    rotate_after: "Påminn mig om att byta det",
    days: "dagar efter varje nytt värde",
    rotate_after_hint: "Ett tal från 1 till 3650. Många byter nycklar var 90:e dag.",
    expires: "Slutar gälla",
    expires_hint: "Dagen då nyckeln slutar fungera hos leverantören, om den har en sådan. Du får \
                   en varning innan dess.",
    optional: "valfritt",
    every: NO_ENVIRONMENT.1,
    cancel: "Avbryt",
    wrong: "Inget har sparats än. Rätta till det här:",
    value_again: "Värdet sparas aldrig mellan försöken, så skriv det en gång till.",
    refused: "Klustret tillåter det inte:",
    changed_meanwhile: "Någon annan ändrade hemligheten medan du var här, så inget av ditt har \
                        sparats. Här visas den som den är nu: titta på den och försök igen.",
    length: "Längd",
    no_name: "Ge den ett namn.",
    name_is_value: "Det där ser ut som ett värde, inte ett namn, och har därför inte sparats. Om \
                    det var ett riktigt värde: byt ut det hos leverantören, för namn är inte \
                    hemliga.",
    name_too_long: "Ett namn får ha högst 128 tecken.",
    not_a_name: "Ett namn börjar med en bokstav (a–z), slutar med en bokstav eller siffra och \
                 består bara av bokstäver, siffror och understreck.",
    reserved: "Namnet är reserverat: det skulle ändra hur funktionerna själva körs. Döp \
               hemligheten efter tjänsten.",
    says_nothing: "Så kan vilken nyckel som helst heta. Döp den efter tjänsten, så vet andra vad \
                   den är till för.",
    taken: "Det finns redan en med det namnet i den miljön. Uppdatera den, eller välj ett annat \
            namn.",
    bad_environment: "En miljö skrivs med små bokstäver (a–z), siffror och bindestreck, högst 63 \
                      tecken, till exempel production.",
    too_long: "Högst 1 024 tecken.",
    no_value: "Värdet saknas. För att försegla det behöver webbläsaren JavaScript.",
    not_sealed: "Värdet kom inte fram förseglat som det ska. Skriv det en gång till.",
    another_key: "Klustret har fått en ny nyckel sedan sidan laddades. Skriv värdet en gång till.",
    too_early: "Hemligheten har ändrats sedan sidan laddades. Skriv värdet en gång till.",
    too_late: "Värdet förseglades med en tid i framtiden. Skriv det en gång till; om det inte \
               hjälper, ställ klockan.",
    bad_length: "Ett antal tecken från 16 till 512.",
    bad_days: "Ett antal dagar från 1 till 3650.",
    bad_date: "En dag, till exempel 2027-01-31.",
};
