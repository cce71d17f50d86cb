//! Import.

use serde_json::{Value, json};

use super::super::limits::IMPORT;
use super::Language;
use crate::account::bundle::Fault;

/// The largest file, bytes, as the terminal has it.
const MAX_FILE: usize = 16 * 1024 * 1024;

pub(crate) struct Import {
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) nothing_substituted: &'static str,
    pub(crate) needs_script: &'static str,
    pub(crate) environment: &'static str,
    pub(crate) environment_hint: &'static str,
    pub(crate) paste: &'static str,
    pub(crate) paste_hint: &'static str,
    pub(crate) file: &'static str,
    pub(crate) file_hint: &'static str,
    pub(crate) preview: &'static str,
    pub(crate) take_all: &'static str,
    pub(crate) name: &'static str,
    pub(crate) line: &'static str,
    pub(crate) becomes: &'static str,
    pub(crate) now: &'static str,
    pub(crate) note: &'static str,
    pub(crate) send: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) not_all_title: &'static str,
    pub(crate) not_written: &'static str,
    pub(crate) why: &'static str,
    pub(crate) back: &'static str,
    pub(crate) again: &'static str,
    written: [&'static str; 3],
    /// For the script: what becomes of a line, and what else it says.
    script: &'static [(&'static str, &'static str)],
}

impl Import {
    /// How many were written.
    pub(crate) fn written(&self, count: usize) -> String {
        let [none, one, many] = self.written;
        match count {
            0 => none.to_owned(),
            1 => one.to_owned(),
            _ => many.replace("{count}", &count.to_string()),
        }
    }

    /// What the script says, for a data block.
    pub(crate) fn json(&self, language: &Language) -> String {
        let faults: serde_json::Map<String, Value> =
            DOTENV.iter().map(|fault| (code(*fault), json!(words(*fault, *language)))).collect();
        let says: serde_json::Map<String, Value> =
            self.script.iter().map(|(code, text)| ((*code).to_owned(), json!(text))).collect();
        json!({
            "faults": faults, "says": says, "maxFile": MAX_FILE,
            // The rest is the field's name.
            "maxSent": IMPORT - 1024,
        })
        .to_string()
        .replace('<', "\\u003c")
    }
}

/// All that can be wrong with a line of an `.env` file.
const DOTENV: [Fault; 19] = [
    Fault::NotUtf8,
    Fault::Utf16,
    Fault::Name,
    Fault::Reserved,
    Fault::Twice(0),
    Fault::Empty,
    Fault::TooLarge,
    Fault::Nul,
    Fault::Sealed,
    Fault::NoEquals,
    Fault::Unclosed,
    Fault::AfterQuote,
    Fault::QuoteEscaped,
    Fault::Escape,
    Fault::Hash,
    Fault::Blank,
    Fault::Backtick,
    Fault::Control,
    Fault::Pem,
];

/// The script's code: `notUtf8`.
fn code(fault: Fault) -> String {
    let name = format!("{fault:?}");
    let name = name.split('(').next().unwrap_or_default();
    name[..1].to_ascii_lowercase() + &name[1..]
}

fn words(fault: Fault, language: Language) -> String {
    let swedish = match fault {
        _ if language == Language::English => return english(fault),
        Fault::NotUtf8 => "är inte text i UTF-8: spara filen som UTF-8, och ange binärt i base64",
        Fault::Utf16 => "filen är i UTF-16: spara den som UTF-8",
        Fault::Name => {
            "namnet måste börja med en bokstav, sluta med en bokstav eller siffra, bestå bara av \
             bokstäverna A till Z, siffror och understreck, och ha högst 128 tecken, t.ex. \
             OPENAI_API_KEY"
        }
        Fault::Reserved => {
            "namnet är reserverat: det skulle ändra hur själva funktionen körs. Ge namn efter \
             tjänsten, t.ex. SENDGRID_API_KEY"
        }
        Fault::Twice(_) => {
            "står redan på rad {first}; namn som bara skiljer sig i stora och små bokstäver är \
             samma"
        }
        Fault::Empty => "värdet är tomt: ta bort raden, så står det som är lagrat kvar",
        Fault::TooLarge => "värdet är större än 64 KiB: förvara filer någon annanstans",
        Fault::Nul => {
            "värdet innehåller en NUL-byte, vilket ingen miljövariabel kan: ange det i base64"
        }
        Fault::Sealed => "värdet är redan förseglat: lägg det i spec.sealed i en KlivSecret",
        Fault::NoEquals => "är inte NAMN=värde; ett värde på flera rader står inom citattecken",
        Fault::Unclosed => "citattecknet som öppnas här stängs inte; ingenting efter det har lästs",
        Fault::AfterQuote => "efter det avslutande citattecknet får bara en kommentar stå",
        Fault::QuoteEscaped => {
            "program är oense om ett omvänt snedstreck före ett enkelt citattecken, så ingenting \
             härifrån har lästs: skriv värdet inom dubbla"
        }
        Fault::Escape => {
            "program är oense om omvänt snedstreck inom dubbla citattecken, utom \\n \\\" \\\\ \\$: \
             använd enkla, där är det sig självt"
        }
        Fault::Hash => {
            "program är oense om # i ett värde utan citattecken: skriv värdet inom enkla, eller \
             ett mellanslag före en kommentar"
        }
        Fault::Blank => {
            "program är oense om en tabb, eller ett annat blanktecken än mellanslag, före eller \
             efter ett värde: ta bort det, eller skriv det inom citattecken med värdet"
        }
        Fault::Backtick => {
            "grav accent är citattecken bara för vissa program: använd enkla eller dubbla"
        }
        Fault::Control => {
            "innehåller ett styrtecken: skriv värdet inom citattecken om det är meningen"
        }
        Fault::Pem => {
            "ett värde på flera rader, som en nyckel eller ett certifikat, står inom citattecken"
        }
        // No `.env` file has these.
        other => return other.to_string(),
    };
    swedish.to_owned()
}

fn english(fault: Fault) -> String {
    match fault {
        Fault::Twice(_) => {
            "was given on line {first} already; names that differ only in capitals are the same"
                .to_owned()
        }
        other => other.to_string(),
    }
}

pub(crate) const EN: Import = Import {
    title: "Import",
    about: "Paste a .env file or choose one. It is read and sealed here, in your browser: only \
            names, environments and sealed values are sent. All arrive together, in one rollout a \
            function.",
    nothing_substituted: "Nothing in the file is substituted: $NAME and $(command) stay as they \
                          are. A line that programs read differently is refused, with the way out.",
    needs_script: "Import reads and seals the file in the browser, so it needs JavaScript. Without \
                   it: kubectl kliv import .env",
    environment: "Environment",
    environment_hint: "Empty: for all functions of the account.",
    paste: "Content of the file",
    paste_hint: "Lines such as STRIPE_API_KEY=sk_live_… You can also drop a file here.",
    file: "Or choose a file",
    file_hint: "At most 16 MiB. It is not sent.",
    preview: "What would change",
    take_all: "All",
    name: "Name",
    line: "Line",
    becomes: "Change",
    now: "Now",
    note: "Note",
    send: "Import",
    cancel: "Cancel",
    not_all_title: "Not all were imported",
    not_written: "Not imported",
    why: "Why",
    back: "To the secrets",
    again: "Import again",
    written: [
        "Nothing was imported.",
        "1 secret was imported. Its value can't be shown again.",
        "{count} secrets were imported. Their values can't be shown again.",
    ],
    script: &[
        ("new", "new"),
        ("answers", "answers a request"),
        ("replaces", "replaces"),
        ("clashes", "clashes"),
        ("invalid", "can't be imported"),
        ("dollar", "Holds a $ and is taken as it is: nothing is put in its place."),
        ("there", "Is there already: tick it to replace its value."),
        ("clash", "Is there as {variable}: write it so, or delete that one first."),
        ("misfit", "{what} does not fit this name: tick it if it is meant all the same."),
        ("row", "Import {name}"),
        (
            "summary",
            "{new} new, {answers} answering a request, {replaces} replaced. {invalid} can't be \
             imported.",
        ),
        ("nothingFound", "There is nothing to import in it."),
        ("nothingChosen", "No line is chosen."),
        ("tooMany", "The account would have {count} secrets; at most {limit} are possible."),
        ("tooMuch", "That is too much at once. Choose fewer lines."),
        ("tooLargeFile", "The file is larger than 16 MiB."),
        ("unreadable", "The file can't be read."),
        (
            "environment",
            "An environment is small letters, digits and dashes, at most 63, e.g. production.",
        ),
        ("sealing", "Sealing …"),
        ("fromFile", "Read from {file}."),
    ],
};

pub(crate) const SV: Import = Import {
    title: "Importera",
    about: "Klistra in en .env-fil eller välj en. Den läses och förseglas här, i din webbläsare: \
            bara namn, miljöer och förseglade värden skickas. Alla kommer fram tillsammans, i en \
            utrullning per funktion.",
    nothing_substituted: "Ingenting i filen byts ut: $NAMN och $(kommando) står kvar som de är. En \
                          rad som program läser olika avvisas, med en väg framåt.",
    needs_script: "Importen läser och förseglar filen i webbläsaren, så den behöver JavaScript. \
                   Utan det: kubectl kliv import .env",
    environment: "Miljö",
    environment_hint: "Tom: för kontots alla funktioner.",
    paste: "Filens innehåll",
    paste_hint: "Rader som STRIPE_API_KEY=sk_live_… Du kan också släppa en fil här.",
    file: "Eller välj en fil",
    file_hint: "Högst 16 MiB. Den skickas inte.",
    preview: "Det här ändras",
    take_all: "Alla",
    name: "Namn",
    line: "Rad",
    becomes: "Ändring",
    now: "Nu",
    note: "Anmärkning",
    send: "Importera",
    cancel: "Avbryt",
    not_all_title: "Allt importerades inte",
    not_written: "Inte importerad",
    why: "Varför",
    back: "Till hemligheterna",
    again: "Importera igen",
    written: [
        "Ingenting importerades.",
        "1 hemlighet importerades. Värdet kan inte visas igen.",
        "{count} hemligheter importerades. Deras värden kan inte visas igen.",
    ],
    script: &[
        ("new", "ny"),
        ("answers", "besvarar en förfrågan"),
        ("replaces", "ersätter"),
        ("clashes", "krockar"),
        ("invalid", "kan inte importeras"),
        ("dollar", "Innehåller ett $ och tas som det är: ingenting sätts i dess ställe."),
        ("there", "Finns redan: kryssa i för att ersätta värdet."),
        ("clash", "Finns som {variable}: skriv namnet så, eller ta bort den först."),
        ("misfit", "{what} passar inte namnet: kryssa i om det ändå är meningen."),
        ("row", "Importera {name}"),
        (
            "summary",
            "Nya: {new}. Besvarar en förfrågan: {answers}. Ersätts: {replaces}. Kan inte importeras: \
             {invalid}.",
        ),
        ("nothingFound", "Det finns inget att importera i den."),
        ("nothingChosen", "Ingen rad är vald."),
        ("tooMany", "Kontot skulle få {count} hemligheter; högst {limit} får plats."),
        ("tooMuch", "Det är för mycket på en gång. Välj färre rader."),
        ("tooLargeFile", "Filen är större än 16 MiB."),
        ("unreadable", "Filen går inte att läsa."),
        (
            "environment",
            "En miljö skrivs med små bokstäver (a–z), siffror och bindestreck, högst 63 tecken, \
             till exempel production.",
        ),
        ("sealing", "Förseglar …"),
        ("fromFile", "Läst från {file}."),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_has_the_same_codes_in_both_languages() {
        let codes = |of: &Import| of.script.iter().map(|(code, _)| *code).collect::<Vec<_>>();
        assert_eq!(codes(&EN), codes(&SV));
    }

    #[test]
    fn each_fault_is_said_in_swedish() {
        for fault in DOTENV {
            assert_ne!(words(fault, Language::Swedish), fault.to_string(), "{}", code(fault));
        }
        assert_eq!(code(Fault::Twice(3)), "twice");
        assert!(english(Fault::Twice(7)) == Fault::Twice(7).to_string().replace('7', "{first}"));
    }

    #[test]
    fn nothing_in_the_data_block_ends_it() {
        assert!(!EN.json(&Language::English).contains('<'));
        assert!(!SV.json(&Language::Swedish).contains('<'));
    }
}
