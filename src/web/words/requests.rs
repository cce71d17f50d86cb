//! What agents and colleagues ask for.

use crate::account::Wanted;

pub(crate) struct Requests {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    pub(crate) empty: &'static str,
    pub(crate) empty_hint: &'static str,
    pub(crate) look: &'static str,
    pub(crate) title_one: &'static str,
    pub(crate) verified: &'static str,
    pub(crate) verified_badge: &'static str,
    pub(crate) unknown_asker: &'static str,
    pub(crate) for_human: &'static str,
    pub(crate) via: &'static str,
    pub(crate) changed_by: &'static str,
    pub(crate) facts: &'static str,
    pub(crate) account: &'static str,
    pub(crate) receivers: &'static str,
    pub(crate) no_receivers: &'static str,
    pub(crate) receivers_unseen: &'static str,
    pub(crate) written: &'static str,
    pub(crate) written_badge: &'static str,
    pub(crate) written_hint: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) obtain_from: &'static str,
    pub(crate) obtain_hint: &'static str,
    pub(crate) provider: &'static str,
    pub(crate) provider_hint: &'static str,
    pub(crate) says: &'static str,
    pub(crate) answer: &'static str,
    pub(crate) answer_hint: &'static str,
    pub(crate) save: &'static str,
    pub(crate) refuse: &'static str,
    pub(crate) refuse_hint: &'static str,
    pub(crate) refuse_button: &'static str,
    pub(crate) no_script: &'static str,
    pub(crate) may_not: &'static str,
    pub(crate) may_not_refuse: &'static str,
    pub(crate) over: &'static str,
    pub(crate) to_secret: &'static str,
    pub(crate) changed: &'static str,
    pub(crate) refuse_sure: &'static str,
    pub(crate) refuse_yes: &'static str,
    pub(crate) wanted: &'static str,
    value: &'static str,
    new_value: &'static str,
    deletion: &'static str,
    value_badge: &'static str,
    new_value_badge: &'static str,
    deletion_badge: &'static str,
    pub(crate) now: &'static str,
    pub(crate) asked_or_changed: &'static str,
    pub(crate) purpose_why: &'static str,
    pub(crate) answer_new: &'static str,
    pub(crate) answer_new_hint: &'static str,
    pub(crate) save_new: &'static str,
    pub(crate) refuse_new_hint: &'static str,
    pub(crate) losers: &'static str,
    pub(crate) no_losers: &'static str,
    pub(crate) decide: &'static str,
    pub(crate) decide_hint: &'static str,
    pub(crate) to_delete: &'static str,
    pub(crate) may_not_delete: &'static str,
    pub(crate) look_deletion: &'static str,
    pub(crate) keep_hint: &'static str,
    pub(crate) keep: &'static str,
    pub(crate) may_not_change: &'static str,
}

impl Requests {
    /// What a question wants.
    pub(crate) fn wants(&self, wanted: Wanted) -> &'static str {
        match wanted {
            Wanted::Value => self.value,
            Wanted::NewValue => self.new_value,
            Wanted::Deletion => self.deletion,
        }
    }

    /// The same, short.
    pub(crate) fn badge(&self, wanted: Wanted) -> &'static str {
        match wanted {
            Wanted::Value => self.value_badge,
            Wanted::NewValue => self.new_value_badge,
            Wanted::Deletion => self.deletion_badge,
        }
    }
}

pub(crate) const EN: Requests = Requests {
    title: "Requests",
    intro: "What agents or colleagues ask of people: values that they need and do not have, new \
            values, and whether a secret may be deleted.",
    empty: "Nobody is asking for anything.",
    empty_hint: "An agent, or a colleague, asks with kubectl kliv request NAME --purpose '…'. The \
                 value is given here by whoever has it, and the asker never sees it.",
    look: "Answer or refuse",
    title_one: "Request for",
    verified: "Asked by",
    verified_badge: "checked by the cluster",
    unknown_asker: "not known any more",
    for_human: "for",
    via: "via",
    changed_by: "Changed since by",
    facts: "What the cluster knows",
    account: "Account",
    receivers: "Functions that will get it",
    no_receivers: "none yet",
    receivers_unseen: "you may not see the functions of this account",
    written: "What the asker wrote",
    written_badge: "nobody has checked this",
    written_hint: "Anybody who may ask can write anything here. Give a value only to whom you \
                   would give it in person.",
    purpose: "Purpose",
    obtain_from: "Where to obtain it",
    obtain_hint: "Shown as text, never as a link: it may lead anywhere.",
    provider: "The provider's own page",
    provider_hint: "By the name, and from our own table, not from the request.",
    says: "Says to be",
    answer: "Answer",
    answer_hint: "The asker is not shown the value: the functions above get it.",
    save: "Give the value",
    refuse: "Refuse",
    refuse_hint: "The request goes away. The audit trail keeps that it was there, and that you \
                  refused.",
    refuse_button: "Refuse the request",
    no_script: "A value is sealed in the browser, and that needs JavaScript, which is off here. \
                kubectl kliv answer does the same. Refusing works without.",
    may_not: "You may look at this request, but not answer it: that takes the right to update \
              secrets. Whoever administers the account can give you the ClusterRole \
              kliv-secrets-editor.",
    may_not_refuse: "To refuse it takes the right to delete secrets, which you do not have.",
    over: "Nobody waits here any more: it has been answered, or was never asked for.",
    to_secret: "To the secret",
    changed: "The request was changed while you were here, so nothing was sent on. It is shown as \
              it is now: read it again before you answer.",
    refuse_sure: "Refuse it? It can't be undone: whoever still wants the value has to ask again.",
    refuse_yes: "Yes, refuse it",
    wanted: "What is wanted",
    value: "the first value",
    new_value: "a new value in place of the one in use",
    deletion: "that the secret is deleted",
    value_badge: "first value",
    new_value_badge: "new value asked for",
    deletion_badge: "deletion proposed",
    now: "Value now",
    asked_or_changed: "Asked, or changed since, by",
    purpose_why: "Reason",
    answer_new: "Give a new value",
    answer_new_hint: "The asker is not shown the value: the functions above get it in place of the \
                      one in use, which stays in the history.",
    save_new: "Give the new value",
    refuse_new_hint: "The request goes away, and the secret stays as it is. The audit trail keeps \
                      that you changed it.",
    losers: "Functions that would lose it",
    no_losers: "none",
    decide: "Decide",
    decide_hint: "Nothing happens until somebody deletes the secret. The next page says what that \
                  does, and asks once more.",
    to_delete: "Go on to delete it",
    may_not_delete: "To delete it takes the right to delete secrets, which you do not have.",
    look_deletion: "Delete or keep",
    keep_hint: "The proposal goes away, and the secret stays as it is.",
    keep: "Keep it",
    may_not_change: "To take the request away takes the right to update secrets, which you do not \
                     have.",
};

pub(crate) const SV: Requests = Requests {
    title: "Förfrågningar",
    intro: "Vad agenter eller kollegor ber människor om: värden som de behöver men inte har, nya \
            värden, och om en hemlighet får tas bort.",
    empty: "Ingen ber om något just nu.",
    empty_hint: "En agent eller kollega frågar med kubectl kliv request NAMN --purpose '…'. Den \
                 som har värdet lämnar det här, och den som frågade får aldrig se det.",
    look: "Svara eller avslå",
    title_one: "Förfrågan om",
    verified: "Frågan ställdes av",
    verified_badge: "kontrollerat av klustret",
    unknown_asker: "inte längre känt",
    for_human: "för",
    via: "via",
    changed_by: "Ändrades sedan av",
    facts: "Det klustret vet",
    account: "Konto",
    receivers: "Funktioner som får värdet",
    no_receivers: "inga än",
    receivers_unseen: "du får inte se kontots funktioner",
    written: "Skrivet av den som frågar",
    written_badge: "ingen har kontrollerat det",
    written_hint: "Den som får ställa frågor kan skriva vad som helst här. Lämna bara ut ett värde \
                   till någon som du skulle ge det till personligen.",
    purpose: "Syfte",
    obtain_from: "Var värdet finns att hämta",
    obtain_hint: "Visas som text, aldrig som länk: den kan leda vart som helst.",
    provider: "Leverantörens egen sida",
    provider_hint: "Utifrån namnet och vår egen tabell, inte från förfrågan.",
    says: "Säger sig vara",
    answer: "Svara",
    answer_hint: "Den som frågar får inte se värdet: det går till funktionerna ovan.",
    save: "Lämna värdet",
    refuse: "Avslå",
    refuse_hint: "Förfrågan försvinner. I granskningsloggen står kvar att den fanns och att du \
                  avslog den.",
    refuse_button: "Avslå förfrågan",
    no_script: "Värdet förseglas i webbläsaren, och det kräver JavaScript, som är avstängt här. \
                kubectl kliv answer gör samma sak. Att avslå fungerar ändå.",
    may_not: "Du får titta på förfrågan men inte svara: det kräver rätt att ändra hemligheter. Den \
              som förvaltar kontot kan ge dig ClusterRole kliv-secrets-editor.",
    may_not_refuse: "För att avslå den krävs rätt att ta bort hemligheter, och den har du inte.",
    over: "Här väntar ingen längre: förfrågan är besvarad, eller har aldrig ställts.",
    to_secret: "Till hemligheten",
    changed: "Förfrågan ändrades medan du var här, så inget skickades vidare. Här visas den som \
              den är nu: läs den igen innan du svarar.",
    refuse_sure: "Avslå den? Det går inte att ångra: den som fortfarande vill ha värdet måste fråga igen.",
    refuse_yes: "Ja, avslå den",
    wanted: "Vad som önskas",
    value: "det första värdet",
    new_value: "ett nytt värde i stället för det som används",
    deletion: "att hemligheten tas bort",
    value_badge: "första värdet",
    new_value_badge: "nytt värde önskas",
    deletion_badge: "föreslås tas bort",
    now: "Värdet nu",
    asked_or_changed: "Ställdes, eller ändrades sedan, av",
    purpose_why: "Skäl",
    answer_new: "Lämna ett nytt värde",
    answer_new_hint: "Den som frågar får inte se värdet: det går till funktionerna ovan i stället \
                      för det som används, som står kvar i historiken.",
    save_new: "Lämna det nya värdet",
    refuse_new_hint: "Förfrågan försvinner och hemligheten är som den var. I granskningsloggen \
                      står kvar att du ändrade den.",
    losers: "Funktioner som skulle förlora den",
    no_losers: "inga",
    decide: "Bestäm",
    decide_hint: "Ingenting händer förrän någon tar bort hemligheten. Nästa sida säger vad det \
                  innebär och frågar en gång till.",
    to_delete: "Gå vidare och ta bort den",
    may_not_delete: "För att ta bort den krävs rätt att ta bort hemligheter, och den har du inte.",
    look_deletion: "Ta bort eller behåll",
    keep_hint: "Förslaget försvinner och hemligheten är som den var.",
    keep: "Behåll den",
    may_not_change: "För att ta bort förfrågan krävs rätt att ändra hemligheter, och den har du \
                     inte.",
};
