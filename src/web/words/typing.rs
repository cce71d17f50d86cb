//! What the script says while somebody types: of names, of values, of files. The script has
//! codes only; these are their words, written into the page by [`Typing::json`].

use std::collections::BTreeMap;

use serde_json::json;

use super::super::pages::fields::Wrong;
use super::super::rules;
use super::Language;
use super::kinds::recognised;
use crate::api::{CREDENTIALS, Recognised};

pub(crate) struct Typing {
    /// Of a name, by [`NameSays`](super::super::rules::NameSays) and `taken`.
    name: &'static [(&'static str, &'static str)],
    /// Of a value, and of a line of a file for import.
    value: &'static [(&'static str, &'static str)],
    /// Why nothing was sealed.
    failed: &'static [(&'static str, &'static str)],
    recognised: &'static str,
    misfit: &'static str,
    unconfirmed: &'static str,
    elsewhere: &'static str,
}

impl Typing {
    /// For a `<script type="application/json">`: nothing in it ends the element.
    pub(crate) fn json(&self, language: &Language) -> String {
        let map = |pairs: &'static [(&'static str, &'static str)]| -> BTreeMap<_, _> {
            pairs.iter().copied().collect()
        };
        // Every type that there is, since only `kinds` knows how one is said.
        let types: BTreeMap<_, _> = CREDENTIALS
            .iter()
            .map(|&(_, _, provider, kind, mode)| {
                let key = [provider, kind, rules::mode(mode)].join("|");
                (key, recognised(&Recognised { provider, kind, mode }, *language))
            })
            .collect();
        let fields = &language.words().fields;
        json!({
            "name": map(self.name),
            "value": map(self.value),
            "failed": map(self.failed),
            "recognised": self.recognised,
            "misfit": self.misfit,
            "unconfirmed": self.unconfirmed,
            "elsewhere": self.elsewhere,
            "types": types,
            "field": {
                "environment": fields.says(&Wrong::Environment),
                "description": fields.says(&Wrong::TooLong),
                "rotateAfter": fields.says(&Wrong::Days),
                "expires": fields.says(&Wrong::Date),
            },
        })
        .to_string()
        .replace('<', "\\u003c")
    }
}

pub(crate) const EN: Typing = Typing {
    name: &[
        ("empty", "Give the environment variable's name, e.g. STRIPE_API_KEY."),
        (
            "looksLikeValue",
            "That looks like a value, not a name. A value goes into the field for it; nothing was \
             sent.",
        ),
        ("tooLong", "A name has at most 128 characters."),
        (
            "notAName",
            "A name starts with a letter, ends with a letter or digit, and holds only letters A to \
             Z, digits and underscores, e.g. OPENAI_API_KEY.",
        ),
        (
            "reserved",
            "That name is reserved: it would change how the function itself runs. Name it after \
             the service, e.g. SENDGRID_API_KEY.",
        ),
        (
            "saysNothing",
            "That name would fit every credential. Better name it after the service, e.g. \
             SENDGRID_API_KEY.",
        ),
        ("taken", "There is such a secret already. Open it to give it a new value."),
    ],
    value: &[
        ("empty", "Give the value."),
        ("tooLarge", "The value is larger than 64 KiB. Keep files elsewhere."),
        (
            "nul",
            "The value holds a NUL byte, which no environment variable can. Give it in base64.",
        ),
        ("notText", "The value holds half a character. Give it in base64."),
        ("sealed", "The value is sealed already: it goes into spec.sealed of a KlivSecret."),
        (
            "lineBreak",
            "The value ends with a line break, and functions get it with it. Most services refuse \
             such a key.",
        ),
        (
            "whiteSpace",
            "The value begins or ends with white space, and functions get it with it. Most \
             services refuse such a key.",
        ),
        (
            "liveKeyOutsideProduction",
            "That is a live key, and the environment is one for trying things out. Give a test key.",
        ),
        (
            "testKeyInProduction",
            "That is a test key, and the environment is production. Give the live one.",
        ),
        ("placeholder", "That looks like a placeholder, not like a credential."),
        ("quoted", "The quotation marks around the value become part of it."),
    ],
    failed: &[
        (
            "unsupported",
            "This browser can't seal values: it lacks X25519, or the page was not opened over \
             https. Nothing was sent. A current browser or kubectl kliv set can.",
        ),
        ("key", "The cluster's public key can't be read. Nothing was sent."),
        (
            "suite",
            "The cluster's public key is of a kind that this page does not know. Load the page \
             anew. Nothing was sent.",
        ),
        (
            "unsafe",
            "The cluster's public key is not safe. Tell whoever administers it. Nothing was sent.",
        ),
        ("other", "The value could not be sealed. Nothing was sent."),
    ],
    recognised: "Recognised: {what}.",
    misfit: "Recognised: {what}. That does not fit the name {name}. Save it all the same.",
    unconfirmed: "The value does not fit the name. Tick the box if it is meant all the same.",
    elsewhere: "A credential stands in this field, too, where it would be stored in the clear. Take \
                it out. Nothing was sent.",
};

pub(crate) const SV: Typing = Typing {
    name: &[
        ("empty", "Ange miljövariabelns namn, t.ex. STRIPE_API_KEY."),
        (
            "looksLikeValue",
            "Det ser ut som ett värde, inte som ett namn. Värdet har ett eget fält; ingenting \
             skickades.",
        ),
        ("tooLong", "Ett namn har högst 128 tecken."),
        (
            "notAName",
            "Ett namn börjar med en bokstav, slutar med en bokstav eller siffra och består bara av \
             bokstäverna A till Z, siffror och understreck, t.ex. OPENAI_API_KEY.",
        ),
        (
            "reserved",
            "Namnet är reserverat: det skulle ändra hur själva funktionen körs. Ge namn efter \
             tjänsten, t.ex. SENDGRID_API_KEY.",
        ),
        (
            "saysNothing",
            "Namnet skulle passa vilken hemlighet som helst. Ge hellre namn efter tjänsten, t.ex. \
             SENDGRID_API_KEY.",
        ),
        ("taken", "Den hemligheten finns redan. Öppna den för att ge den ett nytt värde."),
    ],
    value: &[
        ("empty", "Ange värdet."),
        ("tooLarge", "Värdet är större än 64 KiB. Förvara filer någon annanstans."),
        (
            "nul",
            "Värdet innehåller en NUL-byte, vilket ingen miljövariabel kan. Ange det i base64.",
        ),
        ("notText", "Värdet innehåller ett halvt tecken. Ange det i base64."),
        ("sealed", "Värdet är redan förseglat: det hör hemma i spec.sealed i en KlivSecret."),
        (
            "lineBreak",
            "Värdet slutar med en radbrytning, och funktionerna får den med. De flesta tjänster \
             avvisar en sådan nyckel.",
        ),
        (
            "whiteSpace",
            "Värdet börjar eller slutar med blanktecken, och funktionerna får dem med. De flesta \
             tjänster avvisar en sådan nyckel.",
        ),
        (
            "liveKeyOutsideProduction",
            "Det är en skarp nyckel, och miljön är till för att prova. Ange en testnyckel.",
        ),
        ("testKeyInProduction", "Det är en testnyckel, och miljön är produktion. Ange den skarpa."),
        ("placeholder", "Det ser ut som en platshållare, inte som en riktig nyckel."),
        ("quoted", "Citattecknen runt värdet blir en del av det."),
    ],
    failed: &[
        (
            "unsupported",
            "Den här webbläsaren kan inte försegla värden: den saknar X25519, eller så öppnades \
             sidan inte över https. Ingenting skickades. En aktuell webbläsare eller kubectl kliv \
             set kan.",
        ),
        ("key", "Klustrets publika nyckel går inte att läsa. Ingenting skickades."),
        (
            "suite",
            "Klustrets publika nyckel är av ett slag som sidan inte känner till. Ladda om sidan. \
             Ingenting skickades.",
        ),
        (
            "unsafe",
            "Klustrets publika nyckel är inte säker. Säg till den som förvaltar klustret. \
             Ingenting skickades.",
        ),
        ("other", "Värdet kunde inte förseglas. Ingenting skickades."),
    ],
    recognised: "Ser ut som: {what}.",
    misfit: "Ser ut som: {what}. Det passar inte namnet {name}. Spara ändå.",
    unconfirmed: "Värdet passar inte namnet. Kryssa i rutan om det ändå är meningen.",
    elsewhere: "Här står också en hemlighet, och här skulle den sparas i klartext. Ta bort den. \
                Inget skickades.",
};

#[cfg(test)]
mod tests {
    use super::super::super::rules::NameSays;
    use super::*;

    fn codes(pairs: &[(&'static str, &'static str)]) -> Vec<&'static str> {
        pairs.iter().map(|(code, _)| *code).collect()
    }

    #[test]
    fn both_languages_have_the_same_codes() {
        for (english, swedish) in [(EN.name, SV.name), (EN.value, SV.value), (EN.failed, SV.failed)]
        {
            assert_eq!(codes(english), codes(swedish));
        }
        for says in NameSays::ALL {
            assert!(codes(EN.name).contains(&says.code()), "{}", says.code());
        }
    }

    #[test]
    fn nothing_in_the_data_block_ends_it() {
        for text in [EN.json(&Language::English), SV.json(&Language::Swedish)] {
            assert!(!text.contains('<') && text.len() < 12 * 1024, "{}", text.len());
        }
    }
}
