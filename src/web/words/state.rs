//! What becomes of a secret and of the functions that get it: the closed sets of the API, in
//! words. A case without words does not compile.

use super::Language;
use crate::account;
use crate::api::KlivSecret;
use crate::api::condition::{Behind, Reason, ready};

/// What functions have of a secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum State {
    /// Its value.
    Live,
    /// Nothing: it waits for its value.
    AwaitingValue,
    /// What they had: the operator has not looked yet.
    NotTakenYet,
    /// A former value: the newest is not taken.
    FormerLive,
    /// Nothing: it does not open.
    DoesNotOpen,
    /// Nothing: there is no room.
    OverLimit,
    /// Nothing: a quota of the cluster refuses it.
    OverQuota,
    /// Nothing, for another reason.
    NotLive,
}

/// How something stands, as it is coloured; the words always say it as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tone {
    Good,
    Plain,
    Warn,
    Bad,
}

impl Tone {
    /// The class in the stylesheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Plain => "",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

impl State {
    /// All of them, what needs nobody first.
    pub(crate) const ALL: [Self; 8] = [
        Self::Live,
        Self::AwaitingValue,
        Self::NotTakenYet,
        Self::FormerLive,
        Self::DoesNotOpen,
        Self::OverLimit,
        Self::OverQuota,
        Self::NotLive,
    ];

    /// How a secret stands.
    pub(crate) fn of(secret: &KlivSecret) -> Self {
        Self::from(account::State::of(secret))
    }

    /// As it stands in an address.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::AwaitingValue => "waits",
            Self::NotTakenYet => "not-taken-yet",
            Self::FormerLive => "former-live",
            Self::DoesNotOpen => "does-not-open",
            Self::OverLimit => "over-limit",
            Self::OverQuota => "over-quota",
            Self::NotLive => "not-live",
        }
    }

    pub(crate) fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    pub(crate) fn tone(self) -> Tone {
        match self {
            Self::Live => Tone::Good,
            Self::NotTakenYet => Tone::Plain,
            Self::AwaitingValue | Self::FormerLive => Tone::Warn,
            Self::DoesNotOpen | Self::OverLimit | Self::OverQuota | Self::NotLive => Tone::Bad,
        }
    }

    /// In a word or two.
    pub(crate) fn words(self, language: Language) -> &'static str {
        match self {
            Self::Live => language.of("live", "i bruk"),
            Self::AwaitingValue => language.of("waits for its value", "väntar på sitt värde"),
            Self::NotTakenYet => language.of("not taken in yet", "inte mottagen än"),
            Self::FormerLive => language.of("former value live", "förra värdet i bruk"),
            Self::DoesNotOpen => language.of("does not open", "går inte att öppna"),
            Self::OverLimit => language.of("over a limit", "över en gräns"),
            Self::OverQuota => language.of("over a quota", "över en kvot"),
            Self::NotLive => language.of("not live", "inte i bruk"),
        }
    }
}

impl From<account::State> for State {
    /// As few words need it.
    fn from(state: account::State) -> Self {
        match state {
            account::State::Untaken => Self::NotTakenYet,
            account::State::Live => Self::Live,
            account::State::Waiting => Self::AwaitingValue,
            account::State::Held { former: true, .. } => Self::FormerLive,
            account::State::Held { reason, .. } => match reason {
                Some(Reason::DecryptionFailed) => Self::DoesNotOpen,
                Some(Reason::LimitExceeded) => Self::OverLimit,
                Some(Reason::QuotaExceeded) => Self::OverQuota,
                _ => Self::NotLive,
            },
        }
    }
}

/// Why a secret is ready or not, where the operator has said it in a word of ours.
pub(crate) fn reason(secret: &KlivSecret) -> Option<Reason> {
    let ready = ready(&secret.status.as_ref()?.conditions)?;
    Reason::named(&ready.reason)
}

/// What a reason means, and the way out on these pages.
pub(crate) fn explained(reason: Reason, language: Language) -> &'static str {
    match reason {
        Reason::Published => {
            language.of("Functions get this value.", "Funktionerna får det här värdet.")
        }
        Reason::AwaitingValue => language.of(
            "It has no value yet, so functions get nothing. Answer the request, or update the \
             secret with a value.",
            "Den har inget värde än, så funktionerna får ingenting. Besvara förfrågan, eller \
             uppdatera hemligheten med ett värde.",
        ),
        Reason::DecryptionFailed => language.of(
            "The stored value can't be opened: it was altered, sealed for another account, name \
             or environment, or the key for it is gone. Functions keep the value that they have. \
             Update the secret with the value; if many secrets are like this, whoever runs the \
             cluster should restore the sealing keys from their backup.",
            "Det lagrade värdet går inte att öppna: det har ändrats, förseglats för ett annat \
             konto, namn eller en annan miljö, eller så saknas nyckeln till det. Funktionerna \
             behåller värdet de har. Uppdatera hemligheten med värdet; gäller det många \
             hemligheter bör den som sköter klustret återställa nycklarna från säkerhetskopian.",
        ),
        Reason::SealedTooEarly => language.of(
            "This value, or one sealed at its time, was called compromised and is refused. \
             Functions keep the value that they have. Make a new one at the provider and update \
             the secret with it.",
            "Värdet, eller värden som förseglats lika tidigt, har förklarats röjda och tas inte \
             emot. Funktionerna behåller värdet de har. Skapa ett nytt hos leverantören och \
             uppdatera hemligheten med det.",
        ),
        Reason::LimitExceeded => language.of(
            "There is no room: an account takes 256 secrets in 32 environments, and 900 KiB for \
             any one function. Delete what no function uses, or keep large files elsewhere and \
             only their key here.",
            "Det får inte plats: ett konto rymmer 256 hemligheter i 32 miljöer, och 900 KiB för \
             en och samma funktion. Ta bort det som ingen funktion använder, eller lägg stora \
             filer någon annanstans och bara nyckeln till dem här.",
        ),
        Reason::QuotaExceeded => language.of(
            "A quota of the cluster leaves no room for one more object in this account. Functions \
             keep what they have. Whoever runs the cluster can raise it; it is tried again by \
             itself.",
            "En kvot i klustret lämnar inte plats för fler objekt i kontot. Funktionerna behåller \
             det de har. Den som sköter klustret kan höja kvoten; ett nytt försök görs \
             automatiskt.",
        ),
        Reason::InvalidSpec => language.of(
            "The secret's name or settings are not valid, so it was not taken in. Create it anew \
             here, then delete this one.",
            "Hemlighetens namn eller inställningar är inte giltiga, så den togs inte emot. Skapa \
             en ny här och ta sedan bort den här.",
        ),
        Reason::PublishFailed => language.of(
            "The value could not be handed to functions yet. They keep what they have, and it is \
             tried again by itself.",
            "Värdet kunde inte lämnas till funktionerna än. De behåller det de har, och ett nytt \
             försök görs automatiskt.",
        ),
    }
}

/// Why a function does not run with the current values, in a word or two.
pub(crate) fn behind(behind: Behind, language: Language) -> &'static str {
    match behind {
        Behind::WriteAltered | Behind::WriteRefused => {
            language.of("change refused", "ändringen nekas")
        }
        Behind::Undone => language.of("change undone", "ändringen tas bort"),
        Behind::RolloutFailed => language.of("rollout failed", "utrullningen misslyckades"),
        Behind::Manual => language.of("waits to be told", "väntar på klartecken"),
        Behind::RollingOut => language.of("rolling out", "rullas ut"),
    }
}

/// What that means and the way out; nothing where there is nothing to do.
pub(crate) fn behind_explained(behind: Behind, language: Language) -> Option<&'static str> {
    Some(match behind {
        Behind::WriteAltered => language.of(
            "Something else in the cluster changes more of the function in the same write, which \
             is therefore refused. Deploying or restarting the function once often lets it \
             through; if not, whoever runs the cluster should look.",
            "Något annat i klustret ändrar mer av funktionen i samma skrivning, som därför \
             nekas. Ofta räcker det att driftsätta eller starta om funktionen en gång; annars bör \
             den som sköter klustret titta på det.",
        ),
        Behind::WriteRefused => language.of(
            "A rule of the cluster refuses the change. Whoever runs the cluster should let the \
             service account kliv-secrets-controller through; it is tried again by itself.",
            "En regel i klustret nekar ändringen. Den som sköter klustret bör släppa fram \
             tjänstekontot kliv-secrets-controller; ett nytt försök görs automatiskt.",
        ),
        Behind::Undone => language.of(
            "Something takes away again and again what the function was given. It is given anew \
             each time, at last a minute later. Find the tool that writes this function.",
            "Något tar gång på gång bort det som funktionen har fått. Den får det igen varje \
             gång, till slut med en minuts väntan. Ta reda på vilket verktyg som skriver \
             funktionen.",
        ),
        Behind::RolloutFailed => language.of(
            "Its new pods do not become ready, and the old ones keep the former values. Update \
             the secret or roll it back, or correct the function.",
            "De nya poddarna blir inte klara, och de gamla behåller de förra värdena. Uppdatera \
             hemligheten eller återställ ett tidigare värde, eller rätta funktionen.",
        ),
        Behind::Manual => language.of(
            "It takes new values only when whoever deploys it says so.",
            "Den tar nya värden först när den som driftsätter den säger till.",
        ),
        Behind::RollingOut => return None,
    })
}

/// A function's reason that is none of ours is shown as it is.
pub(crate) fn behind_of(word: &str) -> Option<Behind> {
    Behind::ALL.into_iter().find(|known| known.as_str() == word)
}

/// Through what a value came, e.g. `the terminal`. What is none of ours is shown as it is.
pub(crate) fn via(word: &str, language: Language) -> &str {
    match word {
        "cli" => language.of("the terminal", "terminalen"),
        "web" => language.of("the web page", "webbsidan"),
        "agent" => language.of("an AI agent", "en AI-agent"),
        "gitops" => "GitOps",
        "api" => language.of("the API", "API:et"),
        "operator" => language.of("the operator", "operatorn"),
        other => other,
    }
}

/// Who did it, e.g. `bot on behalf of anna`.
pub(crate) fn who(by: &str, on_behalf_of: Option<&str>, language: Language) -> String {
    match on_behalf_of {
        Some(human) if !by.is_empty() => {
            format!("{by} {} {human}", language.of("on behalf of", "för"))
        }
        _ => by.to_owned(),
    }
}

/// How many functions have the current values, e.g. `live on 2 of 3 functions`.
pub(crate) fn live_on(updated: i32, total: i32, language: Language) -> String {
    match (total, language) {
        (..=0, Language::English) => "no function gets it yet".to_owned(),
        (..=0, Language::Swedish) => "ingen funktion får den än".to_owned(),
        (1, Language::English) => format!("live on {updated} of 1 function"),
        (1, Language::Swedish) => format!("i bruk i {updated} av 1 funktion"),
        (_, Language::English) => format!("live on {updated} of {total} functions"),
        (_, Language::Swedish) => format!("i bruk i {updated} av {total} funktioner"),
    }
}

/// What a secret without environment has in the place of one, in English and in Swedish.
pub(crate) const NO_ENVIRONMENT: (&str, &str) = ("without environment", "utan miljö");

/// A number with what it counts, e.g. `1 secret`, `2 secrets`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BOTH: [Language; 2] = [Language::English, Language::Swedish];

    fn secret(generation: i64, observed: i64, reason: &str, version: Option<i64>) -> KlivSecret {
        serde_json::from_value(json!({
            "metadata": { "generation": generation }, "spec": { "envVar": "A" },
            "status": { "observedGeneration": observed, "version": version, "conditions": [{
                "type": "Ready", "status": "True", "reason": reason, "message": "",
                "lastTransitionTime": "2026-11-24T10:00:00Z",
            }] },
        }))
        .unwrap()
    }

    #[test]
    fn a_state_says_what_functions_have() {
        for (generation, observed, reason, version, wanted) in [
            (2, 2, "Published", Some(1), State::Live),
            (2, 1, "Published", Some(1), State::NotTakenYet),
            (2, 2, "AwaitingValue", None, State::AwaitingValue),
            (2, 2, "DecryptionFailed", None, State::DoesNotOpen),
            (2, 2, "DecryptionFailed", Some(1), State::FormerLive),
            (2, 2, "LimitExceeded", None, State::OverLimit),
            (2, 2, "QuotaExceeded", None, State::OverQuota),
            (2, 2, "SomethingNew", None, State::NotLive),
        ] {
            let state = State::of(&secret(generation, observed, reason, version));
            assert_eq!(state, wanted, "{reason}");
        }
    }

    #[test]
    fn every_state_has_its_own_code_and_words() {
        let unlike = |words: &[&str]| {
            let all: std::collections::BTreeSet<_> = words.iter().collect();
            assert_eq!(all.len(), words.len(), "{words:?}");
        };
        unlike(&State::ALL.map(State::code));
        for language in BOTH {
            unlike(&State::ALL.map(|state| state.words(language)));
        }
        for state in State::ALL {
            assert_eq!(State::parse(state.code()), Some(state));
        }
    }

    #[test]
    fn every_closed_reason_is_explained_in_both_languages() {
        for reason in Reason::ALL {
            assert_ne!(explained(reason, BOTH[0]), explained(reason, BOTH[1]));
        }
        for reason in Behind::ALL {
            assert_ne!(behind(reason, BOTH[0]), behind(reason, BOTH[1]));
            let told = BOTH.map(|language| behind_explained(reason, language));
            assert_eq!(told[0].is_some(), reason.message().is_some(), "{reason:?}");
            assert!(told[0].is_none() || told[0] != told[1]);
            assert_eq!(behind_of(reason.as_str()), Some(reason));
        }
    }

    #[test]
    fn the_way_out_is_on_the_page_not_in_a_terminal() {
        for language in BOTH {
            let reasons = Reason::ALL.map(|reason| explained(reason, language));
            let behinds = Behind::ALL.map(|reason| behind_explained(reason, language));
            for text in reasons.into_iter().chain(behinds.into_iter().flatten()) {
                assert!(!text.contains("kubectl") && !text.contains("spec."), "{text}");
            }
        }
    }

    #[test]
    fn who_did_it_is_said_with_the_human_that_it_was_for() {
        assert_eq!(who("bot", Some("anna"), BOTH[0]), "bot on behalf of anna");
        assert_eq!(who("bot", Some("anna"), BOTH[1]), "bot för anna");
        assert_eq!(who("bot", None, BOTH[1]), "bot");
        assert_eq!(who("", Some("anna"), BOTH[0]), "");
    }

    #[test]
    fn numbers_of_functions_are_said_as_people_say_them() {
        for (updated, total, english, swedish) in [
            (2, 3, "live on 2 of 3 functions", "i bruk i 2 av 3 funktioner"),
            (1, 1, "live on 1 of 1 function", "i bruk i 1 av 1 funktion"),
            (0, 0, "no function gets it yet", "ingen funktion får den än"),
        ] {
            assert_eq!(live_on(updated, total, BOTH[0]), english);
            assert_eq!(live_on(updated, total, BOTH[1]), swedish);
        }
        assert_eq!([counted(1, "a", "b"), counted(0, "a", "b")], ["1 a", "0 b"]);
    }
}
