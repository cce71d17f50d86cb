//! The audit trail.

use crate::api::AuditAction;
use crate::api::condition::Reason;
use crate::audit::{Detail, Finding, Verdict, Wrong};

pub(crate) struct Audit {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    // The chain.
    pub(crate) chain: &'static str,
    whole: fn(usize) -> String,
    as_far: &'static str,
    broken: fn(usize) -> String,
    pub(crate) no_events: &'static str,
    pub(crate) head: &'static str,
    pub(crate) anchor: &'static str,
    finding: fn(&Finding) -> String,
    // Filter.
    pub(crate) filter: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) secret_hint: &'static str,
    pub(crate) actor: &'static str,
    pub(crate) action: &'static str,
    pub(crate) any: &'static str,
    pub(crate) since: &'static str,
    pub(crate) show: &'static str,
    pub(crate) clear: &'static str,
    pub(crate) not_understood: &'static str,
    // The list.
    pub(crate) events: &'static str,
    pub(crate) number: &'static str,
    pub(crate) when: &'static str,
    pub(crate) what: &'static str,
    pub(crate) version: &'static str,
    pub(crate) value: &'static str,
    pub(crate) who: &'static str,
    pub(crate) detail: &'static str,
    pub(crate) none_fits: &'static str,
    pub(crate) older: &'static str,
    pub(crate) newest: &'static str,
    pub(crate) export: &'static str,
    pub(crate) export_hint: &'static str,
    actions: [&'static str; 13],
    detail_of: fn(&str) -> Option<String>,
}

/// The actions that there are, in the order of their words.
pub(crate) const ACTIONS: [AuditAction; 13] = [
    AuditAction::Created,
    AuditAction::Updated,
    AuditAction::RolledBack,
    AuditAction::Compromised,
    AuditAction::Deleted,
    AuditAction::Requested,
    AuditAction::Answered,
    AuditAction::Published,
    AuditAction::Refused,
    AuditAction::CallRefused,
    AuditAction::KeyRotated,
    AuditAction::OpeningFailed,
    AuditAction::Resumed,
];

impl Audit {
    /// What happened, in words; one that only a later version knows, under its name there.
    pub(crate) fn action(&self, action: &AuditAction) -> String {
        let known = ACTIONS.iter().position(|known| known == action);
        known.map_or_else(|| action.to_string(), |at| self.actions[at].to_owned())
    }

    /// What a look at the chain came to.
    pub(crate) fn verdict(&self, verdict: Verdict, events: usize, findings: &[Finding]) -> String {
        match verdict {
            Verdict::Whole => (self.whole)(events),
            Verdict::AsFarAsSeen => self.as_far.to_owned(),
            Verdict::Broken => {
                (self.broken)(findings.iter().filter(|f| f.what.is_broken()).count())
            }
        }
    }

    /// What is to be said of the chain at one event.
    pub(crate) fn finding(&self, finding: &Finding) -> String {
        (self.finding)(finding)
    }

    /// What the record adds, in this language where it has words for it.
    pub(crate) fn detail(&self, recorded: &str) -> Option<String> {
        (self.detail_of)(recorded)
    }
}

pub(crate) const EN: Audit = Audit {
    title: "Audit trail",
    intro: "Who did what to which secret, and when. Each event is chained to the one before it, so \
            that one that was removed or changed is found.",
    chain: "The chain",
    whole: |events| match events {
        1 => "The trail is whole: 1 event, none missing, none changed.".to_owned(),
        events => format!("The trail is whole: {events} events, none missing, none changed."),
    },
    as_far: "The trail is whole as far as can be seen.",
    broken: |findings| match findings {
        1 => "The trail is broken: 1 finding.".to_owned(),
        findings => format!("The trail is broken: {findings} findings."),
    },
    no_events: "Nothing has happened yet.",
    head: "Head",
    anchor: "Who can rewrite events and head alike would not be found so. Keep an export elsewhere, \
             and compare with",
    finding: ToString::to_string,
    filter: "Filter",
    secret: "Secret",
    secret_hint: "e.g. STRIPE_API_KEY",
    actor: "Who",
    action: "Action",
    any: "any",
    since: "Since",
    show: "Show",
    clear: "Show all",
    not_understood: "That filter can't be understood, so it was left out.",
    events: "Events",
    number: "No.",
    when: "When",
    what: "What",
    version: "Version",
    value: "Value",
    who: "Who",
    detail: "More",
    none_fits: "No event fits.",
    older: "Older events",
    newest: "Newest events",
    export: "Export everything",
    export_hint: "One JSON object a line, as kubectl kliv audit export gives it.",
    actions: [
        "created",
        "updated",
        "rolled back",
        "called compromised",
        "deleted",
        "asked for",
        "answered",
        "published",
        "refused",
        "agent's call refused",
        "key rotated",
        "did not open",
        "trail resumed",
    ],
    detail_of: |recorded| Some(recorded.to_owned()),
};

pub(crate) const SV: Audit = Audit {
    title: "Granskningslogg",
    intro: "Vem som gjorde vad med vilken hemlighet, och när. Varje händelse är kedjad till den \
            före, så att en som tagits bort eller ändrats upptäcks.",
    chain: "Kedjan",
    whole: |events| match events {
        1 => "Loggen är hel: 1 händelse, ingen saknas, ingen är ändrad.".to_owned(),
        events => format!("Loggen är hel: {events} händelser, ingen saknas, ingen är ändrad."),
    },
    as_far: "Loggen är hel så långt det går att se.",
    broken: |findings| match findings {
        1 => "Loggen är bruten: 1 avvikelse.".to_owned(),
        findings => format!("Loggen är bruten: {findings} avvikelser."),
    },
    no_events: "Ingenting har hänt än.",
    head: "Senaste länken",
    anchor: "Den som kan skriva om både händelserna och den senaste länken upptäcks inte så här. \
             Spara en export någon annanstans och jämför med",
    finding: swedish,
    filter: "Filtrera",
    secret: "Hemlighet",
    secret_hint: "t.ex. STRIPE_API_KEY",
    actor: "Vem",
    action: "Handling",
    any: "alla",
    since: "Från och med",
    show: "Visa",
    clear: "Visa allt",
    not_understood: "Det filtret gick inte att förstå, så det lämnades utanför.",
    events: "Händelser",
    number: "Nr",
    when: "När",
    what: "Vad",
    version: "Version",
    value: "Värde",
    who: "Vem",
    detail: "Mer",
    none_fits: "Ingen händelse passar.",
    older: "Äldre händelser",
    newest: "Nyaste händelserna",
    export: "Exportera allt",
    export_hint: "Ett JSON-objekt per rad, som kubectl kliv audit export ger.",
    actions: [
        "skapad",
        "ändrad",
        "återställd",
        "förklarad röjd",
        "borttagen",
        "efterfrågad",
        "besvarad",
        "publicerad",
        "avvisad",
        "agentens anrop avvisat",
        "nyckel bytt",
        "gick inte att öppna",
        "loggen återupptagen",
    ],
    detail_of: in_swedish,
};

/// A finding as [`Finding`] says it in English.
fn swedish(finding: &Finding) -> String {
    let n = finding.sequence;
    match finding.what {
        Wrong::Removed { until } if until == n => format!("händelse {n} har tagits bort"),
        Wrong::Removed { until } => format!("händelserna {n} till {until} har tagits bort"),
        Wrong::Reordered => format!("händelse {n} följer inte på den före"),
        Wrong::Edited => format!("händelse {n} har ändrats"),
        Wrong::Double => format!("det finns två händelser {n}"),
        Wrong::Restarted => format!(
            "loggen gick förlorad och förs på nytt från händelse {n}: vad som kan ha tagits bort \
             strax före den, eller före den äldsta, kan bara en tidigare export eller loggrad visa"
        ),
        Wrong::Head => format!("händelse {n} är inte den som kontots senaste länk anger"),
        Wrong::NoHead { since } => format!(
            "kontots senaste länk är inte antecknad: det går inte att säga vad som kan ha tagits bort före \
             händelse {since} eller efter händelse {n}"
        ),
        Wrong::Anchor => format!("händelse {n} är inte den som antecknades på annat håll"),
        Wrong::Uncompared { kept } => format!(
            "ingenting jämfördes: det som antecknades på annat håll slutar med händelse {n}, och \
             bara händelse {kept} och senare finns kvar; ta en export som har någon av dem"
        ),
    }
}

/// Those that are not known here are shown as the record has them.
fn in_swedish(recorded: &str) -> Option<String> {
    Some(more_in_swedish(&Detail::read(recorded)?))
}

fn more_in_swedish(detail: &Detail) -> String {
    match detail {
        Detail::UnseenChange => "iakttaget: ingen kunde se vem som ändrade".to_owned(),
        Detail::UnseenDelete => "iakttaget: ingen kunde se vem som tog bort".to_owned(),
        Detail::Overwritten => "värdet skrevs över innan det publicerades".to_owned(),
        Detail::NotKept => {
            "om värdet publicerades går inte längre att säga: historiken är nyare".to_owned()
        }
        Detail::ValueStayed => "värdet blev som det var".to_owned(),
        Detail::OnlySpec => "värdet blev som det var, något annat ändrades".to_owned(),
        Detail::StillAsked => "något ändrades; den väntar fortfarande på sitt värde".to_owned(),
        Detail::NewValueAsked => {
            "ett nytt värde önskas; det som används finns kvar tills det kommer".to_owned()
        }
        Detail::DeletionProposed => {
            "det föreslås att den tas bort; värdet är som det var".to_owned()
        }
        Detail::QuestionGone => "en fråga om den togs tillbaka; värdet är som det var".to_owned(),
        Detail::OneOfSeveral => {
            "en av flera ändringar begärde det: ingen kunde se vilken".to_owned()
        }
        Detail::ItsTimeCame => "tiden som spec.refuseSealedBefore anger har kommit".to_owned(),
        Detail::Unknown => {
            "inget annat om hemligheten kunde antecknas innan den togs bort".to_owned()
        }
        Detail::Resumed => {
            "kontots anteckningar gick förlorade: det som hände strax innan kan saknas".to_owned()
        }
        Detail::Lost(changes) => {
            format!("{changes} ändringar före nästa: för många kom medan ingen kunde anteckna dem")
        }
        Detail::Went(time) => format!(
            "värdet från {time} väntade ännu när det senast antecknades, och hemligheten har \
             tagits bort sedan dess"
        ),
        Detail::IsBack(version, None) => format!("värdet från version {version} är tillbaka"),
        Detail::IsBack(version, Some(more)) => {
            format!("värdet från version {version} är tillbaka; {}", more_in_swedish(more))
        }
        Detail::CallRefused(call) => {
            format!("ett anrop av {call} avvisades: något i det såg ut som en inloggningsuppgift")
        }
        Detail::KeyRotated(key) => format!("värden förseglas med nyckel {key} härifrån"),
        Detail::Published(revision) => {
            format!("revision {revision} är publicerad, och ingen funktion tar emot den än")
        }
        Detail::Live(revision, updated, total) => {
            format!("revision {revision} är i bruk i {updated} av {total} funktioner")
        }
        Detail::Because(reason, message) => match reason {
            Reason::DecryptionFailed => {
                "går inte att öppna: ändrat, eller förseglat för ett annat konto, namn eller en \
                 annan miljö"
                    .to_owned()
            }
            Reason::SealedTooEarly => {
                "förseglat före en tid då värdena förklarades röjda".to_owned()
            }
            Reason::LimitExceeded => "det finns inte plats i kontot".to_owned(),
            Reason::QuotaExceeded => "en kvot i klustret lämnar inte plats".to_owned(),
            Reason::InvalidSpec => "namnet eller inställningarna är inte giltiga".to_owned(),
            Reason::Published | Reason::AwaitingValue | Reason::PublishFailed => message.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::KlivAuditEventSpec;

    #[test]
    fn every_action_has_words_of_its_own_in_both_languages() {
        for words in [&EN, &SV] {
            let mut said: Vec<String> = ACTIONS.iter().map(|a| words.action(a)).collect();
            said.sort();
            said.dedup();
            assert_eq!(said.len(), ACTIONS.len());
        }
        let later = AuditAction::Other("Leased".into());
        assert_eq!(SV.action(&later), "Leased");
        let schema = serde_json::to_value(schemars::schema_for!(KlivAuditEventSpec)).unwrap();
        let known = &schema["$defs"]["AuditAction"]["oneOf"];
        let known = known.as_array().expect("a closed set").iter();
        assert_eq!(known.filter(|one| one["const"].is_string()).count(), ACTIONS.len());
    }

    #[test]
    fn a_finding_names_its_event_in_both_languages() {
        let finding = Finding { sequence: 4, what: Wrong::Removed { until: 6 } };
        assert_eq!(EN.finding(&finding), "events 4 to 6 were removed");
        assert_eq!(SV.finding(&finding), "händelserna 4 till 6 har tagits bort");
    }

    #[test]
    fn the_usual_details_are_said_in_swedish_and_the_others_as_they_are_recorded() {
        let said = SV.detail("revision 3 is live on 2 of 2 functions");
        assert_eq!(said.as_deref(), Some("revision 3 är i bruk i 2 av 2 funktioner"));
        let said = SV.detail("the value of version 3 is back; the value stayed as it was");
        let swedish = "värdet från version 3 är tillbaka; värdet blev som det var";
        assert_eq!(said.as_deref(), Some(swedish));
        assert_eq!(SV.detail("something else"), None);
    }
}
