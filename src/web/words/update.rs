//! Updating a secret.

pub(crate) struct Update {
    pub(crate) title: &'static str,
    pub(crate) of: &'static str,
    pub(crate) now: &'static str,
    pub(crate) new_value: &'static str,
    pub(crate) leaked: &'static str,
    pub(crate) leaked_hint: &'static str,
    pub(crate) save_value: &'static str,
    pub(crate) no_script: &'static str,
    pub(crate) details: &'static str,
    pub(crate) details_hint: &'static str,
    pub(crate) save_details: &'static str,
    pub(crate) may_not: &'static str,
    pub(crate) waits: &'static str,
    pub(crate) waits_link: &'static str,
}

pub(crate) const EN: Update = Update {
    title: "Update",
    of: "Update",
    now: "Now",
    new_value: "New value",
    leaked: "The former value has leaked: purge it",
    leaked_hint: "All former values leave the history, and can never come back, not even from an \
                  old manifest. That can't be undone. Make the leaked key invalid at its provider \
                  as well: only that stops whoever has it.",
    save_value: "Save the new value",
    no_script: "A value is sealed in the browser, and that needs JavaScript, which is off here. \
                kubectl kliv rotate does the same. What stands below works without.",
    details: "Everything but the value",
    details_hint: "The value stays as it is, and no function is rolled out anew.",
    save_details: "Save",
    may_not: "You may look at this secret, but not change it. Whoever administers the account can \
              give you the ClusterRole kliv-secrets-editor.",
    waits: "This secret waits for its first value: somebody asked for it.",
    waits_link: "See who asks, and for what",
};

pub(crate) const SV: Update = Update {
    title: "Uppdatera",
    of: "Uppdatera",
    now: "Nu",
    new_value: "Nytt värde",
    leaked: "Det tidigare värdet har läckt: rensa bort det",
    leaked_hint: "Alla tidigare värden försvinner ur historiken och kan aldrig komma tillbaka, \
                  inte ens från ett gammalt manifest. Det går inte att ångra. Spärra också den \
                  läckta nyckeln hos leverantören: bara det stoppar den som har den.",
    save_value: "Spara det nya värdet",
    no_script: "Värdet förseglas i webbläsaren, och det kräver JavaScript, som är avstängt här. \
                kubectl kliv rotate gör samma sak. Det som står nedanför fungerar ändå.",
    details: "Allt utom värdet",
    details_hint: "Värdet ändras inte, och ingen funktion startas om.",
    save_details: "Spara",
    may_not: "Du får titta på hemligheten men inte ändra den. Den som förvaltar kontot kan ge dig \
              ClusterRole kliv-secrets-editor.",
    waits: "Hemligheten väntar på sitt första värde: någon har bett om det.",
    waits_link: "Se vem som ber, och varför",
};
