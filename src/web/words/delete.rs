//! Deleting a secret.

pub(crate) struct Delete {
    pub(crate) title: fn(&str) -> String,
    pub(crate) loses: &'static str,
    pub(crate) falls_back: &'static str,
    pub(crate) nobody_loses: &'static str,
    pub(crate) unseen: &'static str,
    pub(crate) requires: &'static str,
    pub(crate) stays: &'static str,
    pub(crate) for_good: &'static str,
    pub(crate) type_name: fn(&str) -> String,
    pub(crate) wrong_name: &'static str,
    pub(crate) delete: &'static str,
    pub(crate) keep: &'static str,
    pub(crate) counting: &'static str,
    pub(crate) seconds: &'static str,
    pub(crate) leaving: &'static str,
    pub(crate) undo: &'static str,
    pub(crate) undone: &'static str,
    pub(crate) no_script: &'static str,
}

pub(crate) const EN: Delete = Delete {
    title: |variable| format!("Delete {variable}?"),
    loses: "These functions have it and will be rolled out without it:",
    falls_back: "These functions have it. They will be rolled out with the value without \
                 environment instead:",
    nobody_loses: "No function has it.",
    unseen: "Which functions lose it you can't see: that takes the right to list Deployments in \
             the account.",
    requires: "says that it can't do without it",
    stays: "Until every function is rolled out without it, and for a few minutes after, a \
            superseded set still holds the value. To make it worthless at once, revoke it at its \
            provider.",
    for_good: "The values of its history go as well, and nobody can bring them back. What happened \
               to it stays in the audit trail.",
    type_name: |variable| format!("Type {variable} to confirm"),
    wrong_name: "That is not its name. Nothing was deleted.",
    delete: "Delete",
    keep: "Keep it",
    counting: "Nothing is sent yet. It will be deleted in",
    seconds: "s",
    leaving: "If you leave this page before, it is not deleted.",
    undo: "Undo",
    undone: "Undone. Nothing was sent.",
    no_script: "Without scripts there is no time to undo it: it is deleted at once.",
};

pub(crate) const SV: Delete = Delete {
    title: |variable| format!("Ta bort {variable}?"),
    loses: "De här funktionerna har den och rullas ut utan den:",
    falls_back: "De här funktionerna har den. De rullas ut med värdet utan miljö i stället:",
    nobody_loses: "Ingen funktion har den.",
    unseen: "Du kan inte se vilka funktioner som förlorar den: det kräver rätt att lista Deployments \
             i kontot.",
    requires: "säger att den inte klarar sig utan den",
    stays: "Tills alla funktioner har rullats ut utan den, och några minuter till, finns värdet kvar \
            i en tidigare uppsättning. Återkalla det hos leverantören om det ska bli värdelöst genast.",
    for_good: "Värdena i historiken försvinner också, och ingen kan återställa dem. Vad som hänt \
               med den står kvar i granskningsloggen.",
    type_name: |variable| format!("Skriv {variable} för att bekräfta"),
    wrong_name: "Det är inte dess namn. Ingenting togs bort.",
    delete: "Ta bort",
    keep: "Behåll den",
    counting: "Ingenting är skickat än. Den tas bort om",
    seconds: "s",
    leaving: "Lämnar du sidan innan dess tas den inte bort.",
    undo: "Ångra",
    undone: "Ångrat. Ingenting skickades.",
    no_script: "Utan skript går det inte att ångra: den tas bort genast.",
};
