//! What is odd about a secret, and the way out on these pages.

use jiff::Timestamp;

use super::Language;
use super::kinds::recognised;
use super::state::Tone;
use crate::api::Warning;
use crate::api::text::harmless;
use crate::api::warning::{Oddity, WhiteSpace};

/// A warning in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    /// One word, the API's: it is in addresses of the help, too.
    pub(crate) reason: String,
    /// In a word or two.
    pub(crate) title: String,
    /// What it means and the way out.
    pub(crate) text: String,
    /// Whether functions are worse off by it, now or soon.
    pub(crate) tone: Tone,
}

/// A warning in words. One that is none of ours, or of an operator of another version, keeps
/// the operator's own.
pub(crate) fn told(warning: &Warning, language: Language) -> Told {
    let reason = warning.reason.clone();
    match Oddity::read(warning) {
        Some(odd) => {
            let title = title(&odd, language).to_owned();
            Told { reason, title, text: text(&odd, language), tone: tone(&odd) }
        }
        None => {
            let title = harmless(&warning.reason, 64).into_owned();
            let text = harmless(&warning.message, 512).into_owned();
            Told { reason, title, text, tone: Tone::Warn }
        }
    }
}

fn tone(odd: &Oddity) -> Tone {
    match odd {
        Oddity::Expired { .. } => Tone::Bad,
        Oddity::AwaitingValue
        | Oddity::ExpiresSoon { .. }
        | Oddity::RotationDue { .. }
        | Oddity::LiveKeyOutsideProduction { .. }
        | Oddity::TestKeyInProduction { .. }
        | Oddity::SameValueInEnvironments(_)
        | Oddity::WhiteSpace(_)
        | Oddity::RequiredNameMissing { .. } => Tone::Warn,
        Oddity::Unused | Oddity::NameSaysNothing { .. } | Oddity::NoDescription => Tone::Plain,
    }
}

fn title(odd: &Oddity, language: Language) -> &'static str {
    match odd {
        Oddity::AwaitingValue => language.of("waits for its value", "väntar på sitt värde"),
        Oddity::Expired { .. } => language.of("expired", "har gått ut"),
        Oddity::ExpiresSoon { .. } => language.of("expires soon", "går snart ut"),
        Oddity::RotationDue { .. } => language.of("new value due", "dags för nytt värde"),
        Oddity::LiveKeyOutsideProduction { .. } => {
            language.of("live key outside production", "skarp nyckel utanför produktion")
        }
        Oddity::TestKeyInProduction { .. } => {
            language.of("test key in production", "testnyckel i produktion")
        }
        Oddity::SameValueInEnvironments(_) => {
            language.of("same value elsewhere", "samma värde på flera ställen")
        }
        Oddity::WhiteSpace(_) => language.of("white space around it", "blanktecken runt värdet"),
        Oddity::RequiredNameMissing { .. } => {
            language.of("function lacks a variable", "funktion saknar variabel")
        }
        Oddity::Unused => language.of("unused", "används inte"),
        Oddity::NameSaysNothing { .. } => language.of("name says nothing", "intetsägande namn"),
        Oddity::NoDescription => language.of("no description", "ingen beskrivning"),
    }
}

fn text(odd: &Oddity, language: Language) -> String {
    match odd {
        Oddity::AwaitingValue => language
            .of(
                "Nobody has given it a value yet. Answer the request, or update the secret.",
                "Ingen har gett den något värde än. Besvara förfrågan, eller uppdatera \
                 hemligheten.",
            )
            .to_owned(),
        Oddity::Expired { on } => with(
            language.of(
                "It expired on {}. Make a new one at the provider, and update the secret with it \
                 and its new date.",
                "Den gick ut {}. Skapa en ny hos leverantören och uppdatera hemligheten med den \
                 och det nya datumet.",
            ),
            &[&day(*on)],
        ),
        Oddity::ExpiresSoon { on } => with(
            language.of(
                "It expires on {}. Make a new one at the provider before that, and update the \
                 secret with it and its new date.",
                "Den går ut {}. Skapa en ny hos leverantören innan dess och uppdatera hemligheten \
                 med den och det nya datumet.",
            ),
            &[&day(*on)],
        ),
        Oddity::RotationDue { on } => with(
            language.of(
                "A new value was due on {}. Make one at the provider and update the secret with \
                 it.",
                "Ett nytt värde skulle ha kommit {}. Skapa ett hos leverantören och uppdatera \
                 hemligheten med det.",
            ),
            &[&day(*on)],
        ),
        Oddity::LiveKeyOutsideProduction { what, environment } => with(
            language.of(
                "The value is plainly a {}, but this secret is for {}. Update it with a test key.",
                "Det är en skarp nyckel: {}. Men hemligheten är för {}. Uppdatera den med en \
                 testnyckel.",
            ),
            &[&recognised(what, language), environment],
        ),
        Oddity::TestKeyInProduction { what, environment } => with(
            language.of(
                "The value is plainly a {}, but this secret is for {}. Update it with the live \
                 one.",
                "Det är en testnyckel: {}. Men hemligheten är för {}. Uppdatera den med den \
                 skarpa.",
            ),
            &[&recognised(what, language), environment],
        ),
        Oddity::SameValueInEnvironments(others) => with(
            language.of(
                "The same value is used for {}. Give each environment a key of its own, so that \
                 one can be replaced without the other.",
                "Samma värde används för {}. Ge varje miljö en egen nyckel, så att den ena kan \
                 bytas utan den andra.",
            ),
            &[&environments(others, language)],
        ),
        Oddity::WhiteSpace(WhiteSpace::LineBreak) => language
            .of(
                "The value ends with a line break, and functions get it too. Most services refuse \
                 such a key: update the secret with the value alone.",
                "Värdet slutar med en radbrytning, och funktionerna får den också. De flesta \
                 tjänster nekar en sådan nyckel: uppdatera hemligheten med enbart värdet.",
            )
            .to_owned(),
        Oddity::WhiteSpace(WhiteSpace::Other) => language
            .of(
                "The value begins or ends with white space, and functions get it too. Most \
                 services refuse such a key: update the secret with the value alone.",
                "Värdet börjar eller slutar med blanktecken, och funktionerna får dem också. De \
                 flesta tjänster nekar en sådan nyckel: uppdatera hemligheten med enbart värdet.",
            )
            .to_owned(),
        Oddity::RequiredNameMissing { function, name, nearest } => with(
            language.of(
                "The function {} requires {}, which is not there. Did you mean {}? Add a secret \
                 of that name, or correct what the function requires.",
                "Funktionen {} kräver {}, som inte finns. Menades {}? Lägg till en hemlighet med \
                 det namnet, eller rätta vad funktionen kräver.",
            ),
            &[function, name, nearest],
        ),
        Oddity::Unused => language
            .of(
                "No function gets it. Deploy the one that needs it, or delete the secret.",
                "Ingen funktion får den. Driftsätt den som behöver den, eller ta bort \
                 hemligheten.",
            )
            .to_owned(),
        Oddity::NameSaysNothing { name } => with(
            language.of(
                "{} says nothing about what it opens. Add a secret that is named after the \
                 service, e.g. SENDGRID_API_KEY, and delete this one.",
                "{} säger inget om vad den öppnar. Lägg till en hemlighet som heter efter \
                 tjänsten, t.ex. SENDGRID_API_KEY, och ta bort den här.",
            ),
            &[name],
        ),
        Oddity::NoDescription => language
            .of(
                "Nobody has said what it is for. Update the secret with a description: what it \
                 opens, and whom to ask.",
                "Ingen har sagt vad den är till för. Uppdatera hemligheten med en beskrivning: \
                 vad den öppnar och vem man frågar.",
            )
            .to_owned(),
    }
}

/// A text with its places filled, each once: what fills one is not looked at again.
fn with(text: &str, fills: &[&str]) -> String {
    let mut parts = text.split("{}");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for (i, part) in parts.enumerate() {
        out.push_str(fills.get(i).copied().unwrap_or_default());
        out.push_str(part);
    }
    out
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// How many are named; as many as the operator names.
const NAMED: usize = 3;

/// E.g. `test, production and the secret without environment`.
pub(crate) fn environments(names: &[String], language: Language) -> String {
    let none = language.of("the secret without environment", "hemligheten utan miljö");
    let called = |name: &String| if name.is_empty() { none.to_owned() } else { name.clone() };
    let mut told: Vec<String> = names.iter().take(NAMED).map(called).collect();
    if let more @ 1.. = names.len().saturating_sub(NAMED) {
        told.push(format!("{more} {}", language.of("more", "till")));
    }
    let and = language.of(" and ", " och ");
    match told.split_last() {
        Some((last, before @ [_, ..])) => format!("{}{and}{last}", before.join(", ")),
        _ => told.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::recognise;
    use crate::seal::Plaintext;

    const BOTH: [Language; 2] = [Language::English, Language::Swedish];

    /// One of each reason, and both kinds of white space.
    fn all() -> Vec<Oddity> {
        let on: Timestamp = "2026-11-29T00:00:00Z".parse().unwrap();
        let what = recognise(&Plaintext::new("sk_live_1".into())).unwrap();
        vec![
            Oddity::AwaitingValue,
            Oddity::Expired { on },
            Oddity::ExpiresSoon { on },
            Oddity::LiveKeyOutsideProduction { what, environment: "test".into() },
            Oddity::NameSaysNothing { name: "KEY1".into() },
            Oddity::NoDescription,
            Oddity::RequiredNameMissing {
                function: "mail".into(),
                name: "MAIL_KEY".into(),
                nearest: "EMAIL_KEY".into(),
            },
            Oddity::RotationDue { on },
            Oddity::SameValueInEnvironments(vec!["test".into()]),
            Oddity::TestKeyInProduction { what, environment: "production".into() },
            Oddity::Unused,
            Oddity::WhiteSpace(WhiteSpace::LineBreak),
            Oddity::WhiteSpace(WhiteSpace::Other),
        ]
    }

    #[test]
    fn every_reason_has_words_in_both_languages_and_none_of_a_terminal() {
        let mut reasons: Vec<&str> = all().iter().map(Oddity::reason).collect();
        reasons.dedup();
        assert_eq!(reasons, crate::api::Odd::ALL.map(crate::api::Odd::as_str));
        for odd in all() {
            let [english, swedish] = BOTH.map(|language| told(&Warning::from(&odd), language));
            assert_ne!(english.title, swedish.title);
            assert_ne!(english.text, swedish.text);
            for text in [english.text, swedish.text] {
                let foreign = ["kubectl", "spec.", "annotation", "{}", "YAML"];
                assert!(!foreign.iter().any(|word| text.contains(word)), "{text}");
            }
        }
    }

    #[test]
    fn what_a_warning_names_is_named() {
        let texts = |odd: &Oddity| BOTH.map(|language| told(&Warning::from(odd), language).text);
        for (i, named) in [
            (1, ["2026-11-29"].as_slice()),
            (3, &["Stripe", "test"]),
            (4, &["KEY1"]),
            (6, &["mail", "MAIL_KEY", "EMAIL_KEY"]),
            (8, &["test"]),
        ] {
            for text in texts(&all()[i]) {
                assert!(named.iter().all(|name| text.contains(name)), "{text}");
            }
        }
    }

    #[test]
    fn a_warning_of_another_version_keeps_its_words() {
        let warning = Warning { reason: "Unused".into(), message: "in other words".into() };
        let told = told(&warning, Language::Swedish);
        assert_eq!((told.title.as_str(), told.text.as_str()), ("Unused", "in other words"));
    }

    #[test]
    fn environments_are_listed_as_people_list_them() {
        let named = |names: &[&str], language| {
            environments(&names.iter().map(ToString::to_string).collect::<Vec<_>>(), language)
        };
        assert_eq!(named(&["test"], BOTH[0]), "test");
        assert_eq!(named(&["a", "b"], BOTH[1]), "a och b");
        assert_eq!(named(&["a", "b", "c", "", ""], BOTH[0]), "a, b, c and 2 more");
        assert_eq!(named(&["", "b"], BOTH[1]), "hemligheten utan miljö och b");
    }

    #[test]
    fn what_fills_a_place_is_not_filled_again() {
        assert_eq!(with("a {} b {} c", &["{}", "x"]), "a {} b x c");
    }
}
