//! One secret.

use super::state::NO_ENVIRONMENT;
use crate::account::Using;

pub(crate) struct Secret {
    // Facts.
    pub(crate) facts: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) environment: &'static str,
    pub(crate) every_environment: &'static str,
    pub(crate) description: &'static str,
    pub(crate) no_description: &'static str,
    pub(crate) value: &'static str,
    pub(crate) never_shown: &'static str,
    pub(crate) state: &'static str,
    pub(crate) version: &'static str,
    pub(crate) created: &'static str,
    pub(crate) updated: &'static str,
    pub(crate) reminder: &'static str,
    pub(crate) every_days: fn(i32) -> String,
    pub(crate) due: &'static str,
    pub(crate) was_due: &'static str,
    pub(crate) expires: &'static str,
    pub(crate) compromised: &'static str,
    pub(crate) sealed_before: &'static str,
    // Where it is live.
    pub(crate) arrival: &'static str,
    pub(crate) waits: &'static str,
    pub(crate) not_taken: &'static str,
    pub(crate) tried_again: &'static str,
    pub(crate) rolls_out: &'static str,
    pub(crate) awaits_value: &'static str,
    pub(crate) account_unseen: &'static str,
    // Functions.
    pub(crate) functions: &'static str,
    pub(crate) function: &'static str,
    pub(crate) none_has_it: &'static str,
    pub(crate) functions_unseen: &'static str,
    pub(crate) behind_all_the_same: &'static str,
    pub(crate) requires: &'static str,
    current: &'static str,
    rolling_out: &'static str,
    failed: &'static str,
    former: &'static str,
    // History.
    pub(crate) history: &'static str,
    pub(crate) history_hint: &'static str,
    pub(crate) when: &'static str,
    pub(crate) who: &'static str,
    pub(crate) in_use: &'static str,
    pub(crate) restores: fn(i64) -> String,
    pub(crate) way_back: &'static str,
    pub(crate) roll_back: fn(i64) -> String,
    pub(crate) roll_back_sure: fn(i64) -> String,
    pub(crate) roll_back_yes: fn(i64) -> String,
    // What to do with it.
    pub(crate) warnings: &'static str,
    pub(crate) code: &'static str,
    pub(crate) code_hint: &'static str,
    pub(crate) yaml: &'static str,
    pub(crate) yaml_hint: &'static str,
    pub(crate) yaml_copy: &'static str,
    pub(crate) yaml_download: &'static str,
    pub(crate) copied: &'static str,
    pub(crate) not_copied: &'static str,
    pub(crate) update: &'static str,
    pub(crate) answer: &'static str,
    pub(crate) delete: &'static str,
    pub(crate) events: &'static str,
    pub(crate) read_only: &'static str,
    pub(crate) of_account: &'static str,
}

impl Secret {
    /// How far a function is.
    pub(crate) fn using(&self, state: Using) -> &'static str {
        match state {
            Using::Current => self.current,
            Using::RollingOut => self.rolling_out,
            Using::Failed => self.failed,
            Using::Former => self.former,
        }
    }
}

pub(crate) const EN: Secret = Secret {
    facts: "Facts",
    variable: "Variable",
    environment: "Environment",
    every_environment: NO_ENVIRONMENT.0,
    description: "Description",
    no_description: "none yet: say what it is for and whom to ask",
    value: "Value",
    never_shown: "Only a mask: the value itself is never shown again.",
    state: "State",
    version: "Version",
    created: "Created",
    updated: "Last updated",
    reminder: "Reminder",
    every_days: |days| match days {
        1 => "every day".to_owned(),
        days => format!("every {days} days"),
    },
    due: "a new value is due",
    was_due: "a new value was due",
    expires: "Expires",
    compromised: "Compromised",
    sealed_before: "all values sealed before",
    arrival: "Where it is live",
    waits: "Stored. Waits for the operator to take it up.",
    not_taken: "Stored, but not taken up:",
    tried_again: "Stored, but not published yet. It is tried again by itself:",
    rolls_out: "Rolls out:",
    awaits_value: "There is no value yet.",
    account_unseen: "You have no right to see on how many functions it is live.",
    functions: "Functions that use it",
    function: "Function",
    none_has_it: "No function has it.",
    functions_unseen: "Which functions use it you can't see: that takes the right to list \
                       Deployments in the account, as the ClusterRole view gives it.",
    behind_all_the_same: "Functions of the account that do not run with the newest values:",
    requires: "can't do without it",
    current: "runs with the current value",
    rolling_out: "rolling out",
    failed: "rollout failed: its old pods keep the former value",
    former: "keeps a former value",
    history: "History",
    history_hint: "The last five values are kept, sealed. One of them can come back, as a new \
                   version.",
    when: "When",
    who: "Who",
    in_use: "in use",
    restores: |version| format!("brought back version {version}"),
    way_back: "Way back",
    roll_back: |version| format!("Bring back version {version}"),
    roll_back_sure: |version| {
        format!(
            "Functions get the value of version {version} again and are rolled out with it. It \
             becomes a new version, so the present value stays in the history."
        )
    },
    roll_back_yes: |version| format!("Yes, bring back version {version}"),
    warnings: "What is odd about it",
    code: "How to read it in code",
    code_hint: "Every function of the account has it as an environment variable. Never write the \
                value into code.",
    yaml: "As a manifest",
    yaml_hint: "The value is sealed for this account, name and environment: the manifest may be \
                committed to git.",
    yaml_copy: "Copy as sealed YAML",
    yaml_download: "Download sealed YAML",
    copied: "Copied.",
    not_copied: "The browser did not allow copying: download it instead.",
    update: "Update",
    answer: "Give the value",
    delete: "Delete …",
    events: "Its audit trail",
    read_only: "You may look at this secret. Changing it takes the ClusterRole \
                kliv-secrets-editor in the account.",
    of_account: "of the account",
};

pub(crate) const SV: Secret = Secret {
    facts: "Uppgifter",
    variable: "Variabel",
    environment: "Miljö",
    every_environment: NO_ENVIRONMENT.1,
    description: "Beskrivning",
    no_description: "saknas: skriv vad den är till för och vem man frågar",
    value: "Värde",
    never_shown: "Bara en mask: själva värdet visas aldrig igen.",
    state: "Läge",
    version: "Version",
    created: "Skapad",
    updated: "Senast ändrad",
    reminder: "Påminnelse",
    every_days: |days| match days {
        1 => "varje dag".to_owned(),
        days => format!("var {days}:e dag"),
    },
    due: "dags för ett nytt värde",
    was_due: "det var dags för ett nytt värde",
    expires: "Går ut",
    compromised: "Röjd",
    sealed_before: "alla värden som förseglades före",
    arrival: "Var den är i bruk",
    waits: "Sparad. Väntar på att operatorn tar hand om den.",
    not_taken: "Sparad, men används inte:",
    tried_again: "Sparad, men inte publicerad än. Nya försök görs automatiskt:",
    rolls_out: "Rullas ut:",
    awaits_value: "Det finns inget värde än.",
    account_unseen: "Du får inte se i hur många funktioner den är i bruk.",
    functions: "Funktioner som använder den",
    function: "Funktion",
    none_has_it: "Ingen funktion har den.",
    functions_unseen: "Du kan inte se vilka funktioner som använder den: det kräver rätt att lista \
                       Deployments i kontot, som ClusterRole view ger.",
    behind_all_the_same: "Funktioner i kontot som inte kör med de nyaste värdena:",
    requires: "klarar sig inte utan den",
    current: "kör med det nuvarande värdet",
    rolling_out: "rullas ut",
    failed: "utrullningen misslyckades: de gamla poddarna behåller det förra värdet",
    former: "behåller ett tidigare värde",
    history: "Historik",
    history_hint: "De fem senaste värdena sparas, förseglade. Ett av dem kan återställas, som en \
                   ny version.",
    when: "När",
    who: "Vem",
    in_use: "används",
    restores: |version| format!("återställde version {version}"),
    way_back: "Återställ",
    roll_back: |version| format!("Återställ version {version}"),
    roll_back_sure: |version| {
        format!(
            "Funktionerna får värdet från version {version} igen och rullas ut med det. Det blir \
             en ny version, så det nuvarande värdet finns kvar i historiken."
        )
    },
    roll_back_yes: |version| format!("Ja, återställ version {version}"),
    warnings: "Att se över",
    code: "Så läser du den i kod",
    code_hint: "Varje funktion i kontot har den som miljövariabel. Skriv aldrig in värdet i koden.",
    yaml: "Som manifest",
    yaml_hint: "Värdet är förseglat för det här kontot, namnet och miljön: manifestet får checkas \
                in i git.",
    yaml_copy: "Kopiera som förseglad YAML",
    yaml_download: "Ladda ner förseglad YAML",
    copied: "Kopierat.",
    not_copied: "Webbläsaren tillät inte kopiering: ladda ner i stället.",
    update: "Uppdatera",
    answer: "Lämna värdet",
    delete: "Ta bort …",
    events: "Hemlighetens granskningslogg",
    read_only: "Du får titta på hemligheten. För att ändra den krävs ClusterRole \
                kliv-secrets-editor i kontot.",
    of_account: "i kontot",
};
